/* The cache is the whole list of keys, read again when it is older than a second; an unknown id forces a reading at most
 * ten times a second, so that a new key works at once and a flood of wrong ones costs nothing. */
#include "policy/keys.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/timefmt.h"
#include "os/clock.h"
#include "os/fault.h"
#include "policy/key_text.h"
#include "policy/throttle.h"
#include "store/object_store.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define KEY_PREFIX "_access/keys/"
#define KEY_OBJECT_MAX 4096
#define KEYS_PER_PAGE 500
#define RELOAD_NS ((int64_t)1000 * 1000 * 1000)
#define RELOAD_ON_MISS_NS ((int64_t)100 * 1000 * 1000)

struct key {
    struct key_info info;
    unsigned char digest[LH_SHA256_BYTES];
};

struct keys {
    struct os *os;
    struct object_store *store;
    struct throttle *failures;
    pthread_mutex_t lock;
    struct key *list; /* by id */
    size_t count;
    int64_t loaded_ns;
    bool loaded;
};

static void object_key(const char *id, char ret_key[64]) {
    snprintf(ret_key, 64, KEY_PREFIX "%.32s.json", id);
}

static enum lh_code parse_time(const json_t *json, const char *field, int64_t *ret_us, struct lh_err *err) {
    const char *text;
    LH_TRY(lh_json_get_string_or(json, "", field, NULL, &text, err));
    *ret_us = 0;
    if (text && !lh_time_parse(text, strlen(text), ret_us))
        return lh_fail(err, LH_CORRUPT, "%s is not a time", field);
    return LH_OK;
}

static enum lh_code key_from_json(const json_t *json, struct key *ret_key, struct lh_err *err) {
    const char *id, *name, *role, *digest;
    LH_TRY(lh_json_get_string(json, "", "id", &id, err));
    LH_TRY(lh_json_get_string(json, "", "name", &name, err));
    LH_TRY(lh_json_get_string(json, "", "role", &role, err));
    LH_TRY(lh_json_get_string(json, "", "secret_sha256", &digest, err));
    struct key key = {0};
    snprintf(key.info.id, sizeof key.info.id, "%s", id);
    snprintf(key.info.name, sizeof key.info.name, "%s", name);
    LH_TRY(role_parse(role, &key.info.role, err));
    LH_TRY(parse_time(json, "created_at", &key.info.created_us, err));
    LH_TRY(parse_time(json, "revoked_at", &key.info.revoked_us, err));
    if (!lh_hex_decode(digest, strlen(digest), key.digest, sizeof key.digest))
        return lh_fail(err, LH_CORRUPT, "secret_sha256 is not 64 hexadecimal digits");
    *ret_key = key;
    return LH_OK;
}

static json_t *key_to_json(const struct key *key) {
    char created[LH_TIME_SIZE], revoked[LH_TIME_SIZE], digest[LH_SHA256_HEX];
    lh_time_format(key->info.created_us, created);
    lh_hex_encode(key->digest, sizeof key->digest, digest);
    json_t *json = json_object();
    json_object_set_new(json, "id", json_string(key->info.id));
    json_object_set_new(json, "name", json_string(key->info.name));
    json_object_set_new(json, "role", json_string(role_name(key->info.role)));
    json_object_set_new(json, "created_at", json_string(created));
    if (key->info.revoked_us) {
        lh_time_format(key->info.revoked_us, revoked);
        json_object_set_new(json, "revoked_at", json_string(revoked));
    }
    json_object_set_new(json, "secret_sha256", json_string(digest));
    return json;
}

static enum lh_code key_read(struct keys *k, const char *object, struct key *ret_key, struct lh_err *err) {
    LH_AUTO(buf) struct buf text = BUF_INIT;
    LH_TRY(object_get(k->store, object, KEY_OBJECT_MAX, &text, NULL, err));
    LH_AUTO(json) json_t *json = NULL;
    enum lh_code code = lh_json_parse(buf_cstr(&text), text.len, NULL, &json, err);
    if (code == LH_OK)
        code = key_from_json(json, ret_key, err);
    if (code != LH_OK) {
        err->code = LH_CORRUPT;
        return lh_err_context(err, "the stored key %s", object);
    }
    return LH_OK;
}

static enum lh_code key_write(struct keys *k, const struct key *key, enum object_put_mode mode, struct lh_err *err) {
    char object[64];
    object_key(key->info.id, object);
    LH_AUTO(json) json_t *json = key_to_json(key);
    LH_AUTO(buf) struct buf text = BUF_INIT;
    lh_json_write(json, LH_JSON_PRETTY, &text);
    LH_TRY(LH_FAULT("keys.before_write", err));
    LH_TRY(object_put(k->store, object, text.data, text.len, mode, NULL, err));
    return LH_FAULT("keys.after_write", err);
}

/* Read every key into fresh memory.  A damaged one fails the whole reading: a key that was revoked must not come back
 * because another one cannot be read. */
static enum lh_code read_all(struct keys *k, struct key **ret_list, size_t *ret_count, struct lh_err *err) {
    LH_AUTO(arena) struct arena *arena = arena_new();
    struct key *list = NULL;
    size_t count = 0;
    const char *after = "";
    bool more = true;
    enum lh_code code = LH_OK;
    while (more && code == LH_OK) {
        struct object_info *items;
        size_t n;
        code = object_list(k->store, KEY_PREFIX, after, KEYS_PER_PAGE, arena, &items, &n, &more, err);
        if (code != LH_OK || n == 0)
            break;
        list = lh_realloc(list, (count + n) * sizeof *list);
        for (size_t i = 0; i < n && code == LH_OK; i++)
            code = key_read(k, items[i].key, &list[count++], err);
        after = items[n - 1].key;
    }
    if (code != LH_OK) {
        lh_free(list);
        return code;
    }
    *ret_list = list;
    *ret_count = count;
    return LH_OK;
}

/* Locked. */
static enum lh_code refresh(struct keys *k, int64_t max_age_ns, struct lh_err *err) {
    int64_t now_ns = os_monotonic_ns(k->os);
    if (k->loaded && now_ns - k->loaded_ns < max_age_ns)
        return LH_OK;
    struct key *list = NULL;
    size_t count = 0;
    LH_TRY(LH_FAULT("keys.before_load", err));
    LH_TRY(read_all(k, &list, &count, err));
    lh_free(k->list);
    k->list = list;
    k->count = count;
    k->loaded = true;
    k->loaded_ns = now_ns;
    return LH_OK;
}

enum lh_code keys_open(struct os *os, struct object_store *store, unsigned failures_per_minute, struct keys **ret_keys,
                       struct lh_err *err) {
    (void)err;
    struct keys *k = lh_calloc(1, sizeof *k);
    k->os = os;
    k->store = store;
    k->failures = throttle_new(failures_per_minute, 60);
    pthread_mutex_init(&k->lock, NULL);
    *ret_keys = k;
    return LH_OK;
}

void keys_close(struct keys *k) {
    if (!k)
        return;
    throttle_free(k->failures);
    pthread_mutex_destroy(&k->lock);
    lh_free(k->list);
    lh_free(k);
}

static enum lh_code check_name(const char *name, struct lh_err *err) {
    if (strlen(name) >= PRINCIPAL_NAME_SIZE)
        return lh_fail(err, LH_INVALID, "a key's name has at most %d bytes", PRINCIPAL_NAME_SIZE - 1);
    for (const char *p = name; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            return lh_fail(err, LH_INVALID, "a key's name must not hold control characters");
    return LH_OK;
}

enum lh_code keys_create(struct keys *k, const char *name, enum role role, char ret_key[KEY_TEXT_SIZE],
                         struct key_info *ret_info, struct lh_err *err) {
    LH_TRY(check_name(name, err));
    struct key_text text;
    key_text_make(k->os, &text);
    struct key key = {.info = {.role = role, .created_us = os_realtime_us(k->os)}};
    snprintf(key.info.id, sizeof key.info.id, "%s", text.id);
    snprintf(key.info.name, sizeof key.info.name, "%s", name);
    lh_sha256(text.secret, sizeof text.secret, key.digest);
    enum lh_code code = key_write(k, &key, OBJECT_PUT_IF_ABSENT, err);
    if (code == LH_OK) {
        key_text_format(&text, ret_key);
        *ret_info = key.info;
        pthread_mutex_lock(&k->lock);
        k->loaded = false;
        pthread_mutex_unlock(&k->lock);
    }
    lh_wipe(&text, sizeof text);
    return code;
}

enum lh_code keys_list(struct keys *k, struct arena *arena, struct key_info **ret_keys, size_t *ret_count,
                       struct lh_err *err) {
    pthread_mutex_lock(&k->lock);
    enum lh_code code = refresh(k, 0, err);
    if (code == LH_OK) {
        struct key_info *out = arena_alloc(arena, (k->count + 1) * sizeof *out);
        for (size_t i = 0; i < k->count; i++)
            out[i] = k->list[i].info;
        *ret_keys = out;
        *ret_count = k->count;
    }
    pthread_mutex_unlock(&k->lock);
    return code;
}

enum lh_code keys_revoke(struct keys *k, const char *id, struct lh_err *err) {
    char object[64];
    struct key key;
    if (!key_text_id_valid(id, strlen(id)))
        return lh_fail(err, LH_NOT_FOUND, "there is no key \"%.40s\"", id);
    object_key(id, object);
    enum lh_code code = key_read(k, object, &key, err);
    if (code == LH_NOT_FOUND) {
        lh_fail(err, LH_NOT_FOUND, "there is no key \"%.40s\"", id);
        return lh_err_hint(err, "GET /access/keys or `lakehouse key list` shows the ids");
    }
    if (code != LH_OK)
        return code;
    if (key.info.revoked_us == 0) {
        key.info.revoked_us = os_realtime_us(k->os);
        LH_TRY(key_write(k, &key, OBJECT_PUT_REPLACE, err));
    }
    pthread_mutex_lock(&k->lock);
    k->loaded = false;
    pthread_mutex_unlock(&k->lock);
    return LH_OK;
}

enum lh_code keys_any(struct keys *k, bool *ret_any, struct lh_err *err) {
    pthread_mutex_lock(&k->lock);
    enum lh_code code = refresh(k, RELOAD_NS, err);
    if (code == LH_OK) {
        *ret_any = false;
        for (size_t i = 0; i < k->count; i++)
            *ret_any = *ret_any || k->list[i].info.revoked_us == 0;
    }
    pthread_mutex_unlock(&k->lock);
    return code;
}

/* Locked.  Looks at every key so that the time does not tell where (or whether) the id stands. */
static const struct key *find(const struct keys *k, const char *id) {
    const struct key *found = NULL;
    for (size_t i = 0; i < k->count; i++)
        if (strcmp(k->list[i].info.id, id) == 0)
            found = &k->list[i];
    return found;
}

static enum lh_code check_secret(struct keys *k, const struct key_text *text, struct key_info *ret_info, bool *ret_ok,
                                 struct lh_err *err) {
    static const struct key nobody; /* compared with where the id is unknown: the same work either way */
    unsigned char digest[LH_SHA256_BYTES];
    lh_sha256(text->secret, sizeof text->secret, digest);
    pthread_mutex_lock(&k->lock);
    enum lh_code code = refresh(k, RELOAD_NS, err);
    const struct key *key = code == LH_OK ? find(k, text->id) : NULL;
    if (code == LH_OK && !key) {
        code = refresh(k, RELOAD_ON_MISS_NS, err);
        key = code == LH_OK ? find(k, text->id) : NULL;
    }
    bool equal = lh_equal_constant_time((key ? key : &nobody)->digest, digest, sizeof digest);
    *ret_ok = key && equal && key->info.revoked_us == 0;
    if (*ret_ok)
        *ret_info = key->info;
    pthread_mutex_unlock(&k->lock);
    return code;
}

static enum lh_code refuse(struct keys *k, const char *peer, int64_t now_ns, struct lh_err *err, const char *why) {
    throttle_count(k->failures, peer, now_ns);
    lh_fail(err, LH_UNAUTHENTICATED, "%s", why);
    return lh_err_hint(err, "send X-API-Key: KEY or Authorization: Bearer KEY; keys are made with `lakehouse key "
                            "create --role ROLE`");
}

enum lh_code keys_authenticate(struct keys *k, const char *presented, const char *peer, struct principal *ret_principal,
                               struct lh_err *err) {
    int64_t now_ns = os_monotonic_ns(k->os);
    if (throttle_exceeded(k->failures, peer, now_ns)) {
        lh_fail(err, LH_RATE, "too many wrong keys came from %s", peer);
        return lh_err_hint(err, "wait a minute, then use a valid key");
    }
    if (!presented) {
        lh_fail(err, LH_UNAUTHENTICATED, "this server needs an API key");
        return lh_err_hint(err, "send X-API-Key: KEY or Authorization: Bearer KEY; keys are made with `lakehouse key "
                                "create --role ROLE`");
    }
    struct key_text text;
    if (!key_text_parse(presented, strlen(presented), &text))
        return refuse(k, peer, now_ns, err, "the API key is malformed or cut (its check digits do not fit)");
    struct key_info info;
    bool ok;
    enum lh_code code = check_secret(k, &text, &info, &ok, err);
    lh_wipe(&text, sizeof text);
    if (code != LH_OK)
        return lh_err_context(err, "checking the API key");
    if (!ok)
        return refuse(k, peer, now_ns, err, "the API key is not valid");
    snprintf(ret_principal->id, sizeof ret_principal->id, "%s", info.id);
    snprintf(ret_principal->name, sizeof ret_principal->name, "%s", info.name[0] ? info.name : info.id);
    ret_principal->role = info.role;
    return LH_OK;
}
