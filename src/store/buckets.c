/* Threads: `lock` guards the list of buckets and is never held over a call to a backend; `change` serialises add, remove
 * and reload, from reading the registry's newest object to writing the next.  Order: change, then lock.  A bucket's own lock guards
 * the late opening of its store. */
#include "store/buckets.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "os/clock.h"
#include "os/fault.h"
#include "os/os.h"
#include "store/bucket_list.h"
#include "store/bucket_roots.h"
#include "store/local.h"
#include "store/object_store.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#define REGISTRY_OLD_KEY "_catalog/buckets.json"
#define SAVE_TRIES 50
#define REGISTRY_MAX_BYTES ((size_t)4 << 20)

struct bucket {
    atomic_uint refs;
    struct os *os;
    char *name;
    char *backend;
    char *root;
    bool configured;
    bool primary;

    pthread_mutex_t lock;
    struct object_store *_Atomic store; /* NULL until the backend could be reached; then set for good */
};

struct buckets {
    struct os *os;
    char *rescue; /* "" for none */
    struct bucket *primary;

    pthread_mutex_t change;
    uint64_t version; /* of the registry that is loaded; under `change` */

    pthread_mutex_t lock;
    struct bucket **all; /* primary first, then by name */
    size_t count;

    atomic_uint changes; /* of the list, and of what can be reached */
    void (*changed)(void *ctx);
    void *changed_ctx;
};

static const struct {
    const char *name;
    enum lh_code (*open)(struct os *os, const char *root, struct object_store **ret_store, struct lh_err *err);
} backends[] = {
    {"local", object_store_open_local},
};

/* ---- one bucket ---- */

static struct bucket *bucket_new(struct os *os, const struct bucket_spec *spec, bool configured) {
    struct bucket *bucket = lh_calloc(1, sizeof *bucket);
    atomic_init(&bucket->refs, 1);
    bucket->os = os;
    bucket->name = lh_strdup(spec->name);
    bucket->backend = lh_strdup(spec->backend && spec->backend[0] ? spec->backend : backends[0].name);
    bucket->root = lh_strdup(spec->root);
    bucket->configured = configured;
    pthread_mutex_init(&bucket->lock, NULL);
    return bucket;
}

struct bucket *bucket_ref(struct bucket *bucket) {
    atomic_fetch_add_explicit(&bucket->refs, 1, memory_order_relaxed);
    return bucket;
}

void bucket_unref(struct bucket *bucket) {
    if (!bucket || atomic_fetch_sub_explicit(&bucket->refs, 1, memory_order_acq_rel) != 1)
        return;
    object_store_free(bucket->store);
    pthread_mutex_destroy(&bucket->lock);
    lh_free(bucket->name);
    lh_free(bucket->backend);
    lh_free(bucket->root);
    lh_free(bucket);
}

const char *bucket_name(const struct bucket *bucket) {
    return bucket->name;
}

struct object_store *bucket_store(const struct bucket *bucket) {
    assert(bucket->store);
    return bucket->store;
}

bool bucket_is_primary(const struct bucket *bucket) {
    return bucket->primary;
}

static enum lh_code open_store(const struct bucket *bucket, struct object_store **ret_store, struct lh_err *err) {
    for (size_t i = 0; i < LH_ARRAY_LEN(backends); i++)
        if (strcmp(backends[i].name, bucket->backend) == 0)
            return backends[i].open(bucket->os, bucket->root, ret_store, err);
    return lh_fail(err, LH_INTERNAL, "bucket \"%s\" has an unchecked backend", bucket->name);
}

/* Open the store where it is not open yet. */
static enum lh_code bucket_reach(struct bucket *bucket, struct lh_err *err) {
    if (bucket->store)
        return LH_OK;
    enum lh_code code = LH_OK;
    pthread_mutex_lock(&bucket->lock);
    if (!bucket->store) {
        struct object_store *store = NULL;
        code = open_store(bucket, &store, err);
        if (code == LH_OK)
            bucket->store = store;
    }
    pthread_mutex_unlock(&bucket->lock);
    return code;
}

/* ---- what a specification may be ---- */

static enum lh_code check_name(const char *name, struct lh_err *err) {
    size_t len = name ? strlen(name) : 0;
    bool good = len >= 1 && len <= BUCKET_NAME_MAX && name[0] != '-' && name[0] != '_' && name[0] != '.';
    for (size_t i = 0; i < len && good; i++)
        good = (name[i] >= 'a' && name[i] <= 'z') || (name[i] >= '0' && name[i] <= '9') || strchr("-_.", name[i]);
    if (good)
        return LH_OK;
    lh_fail(err, LH_INVALID, "\"%.100s\" cannot be the name of a bucket", name ? name : "");
    return lh_err_hint(err, "use 1 to %d of a-z, 0-9, '-', '_' and '.', and a letter or digit first", BUCKET_NAME_MAX);
}

static enum lh_code check_spec(const struct bucket_spec *spec, struct lh_err *err) {
    LH_TRY(check_name(spec->name, err));
    const char *backend = spec->backend && spec->backend[0] ? spec->backend : backends[0].name;
    LH_AUTO(buf) struct buf known = BUF_INIT;
    for (size_t i = 0; i < LH_ARRAY_LEN(backends); i++) {
        if (strcmp(backends[i].name, backend) == 0) {
            if (!spec->root || !spec->root[0])
                return lh_fail(err, LH_INVALID, "bucket \"%s\" has no root", spec->name);
            if (spec->root[0] == '/')
                return LH_OK;
            lh_fail(err, LH_INVALID, "the root of bucket \"%s\" is \"%.200s\", which depends on where a program runs",
                    spec->name, spec->root);
            return lh_err_hint(err, "give an absolute path, such as /srv/lake/%s", spec->name);
        }
        buf_printf(&known, "%s\"%s\"", i ? ", " : "", backends[i].name);
    }
    lh_fail(err, LH_INVALID, "bucket \"%s\" has the unknown backend \"%.100s\"", spec->name, backend);
    return lh_err_hint(err, "the backends are: %s", buf_cstr(&known));
}

/* ---- the list ---- */

static struct bucket *find(const struct buckets *b, const char *name) {
    for (size_t i = 0; i < b->count; i++)
        if (strcmp(b->all[i]->name, name) == 0)
            return b->all[i];
    return NULL;
}

/* Where anything changed since `before`; with no lock held. */
static void tell(struct buckets *b, unsigned before) {
    if (b->changed && b->changes != before)
        b->changed(b->changed_ctx);
}

/* As bucket_reach; the first success is a change. */
static enum lh_code reach(struct buckets *b, struct bucket *bucket, struct lh_err *err) {
    bool reached = bucket->store != NULL;
    LH_TRY(bucket_reach(bucket, err));
    b->changes += !reached;
    return LH_OK;
}

/* Takes over the reference. */
static void insert(struct buckets *b, struct bucket *bucket) {
    pthread_mutex_lock(&b->lock);
    b->all = lh_realloc(b->all, (b->count + 1) * sizeof(struct bucket *));
    size_t at = b->count++;
    for (; at > 0 && !b->all[at - 1]->primary && strcmp(b->all[at - 1]->name, bucket->name) > 0; at--)
        b->all[at] = b->all[at - 1];
    b->all[at] = bucket;
    b->changes++;
    pthread_mutex_unlock(&b->lock);
}

/* Out of the list; its reference becomes the caller's.  NULL where it is not there. */
static struct bucket *take_out(struct buckets *b, const char *name) {
    pthread_mutex_lock(&b->lock);
    struct bucket *bucket = NULL;
    for (size_t i = 0; i < b->count; i++) {
        if (bucket)
            b->all[i - 1] = b->all[i];
        else if (strcmp(b->all[i]->name, name) == 0)
            bucket = b->all[i];
    }
    b->count -= bucket != NULL;
    b->changes += bucket != NULL;
    pthread_mutex_unlock(&b->lock);
    return bucket;
}

/* All buckets, each with a reference; release with put_back. */
static struct bucket **take_all(struct buckets *b, size_t *ret_count) {
    pthread_mutex_lock(&b->lock);
    struct bucket **all = lh_calloc(b->count + 1, sizeof(struct bucket *));
    for (size_t i = 0; i < b->count; i++)
        all[i] = bucket_ref(b->all[i]);
    *ret_count = b->count;
    pthread_mutex_unlock(&b->lock);
    return all;
}

static void put_back(struct bucket **all, size_t count) {
    for (size_t i = 0; i < count; i++)
        bucket_unref(all[i]);
    lh_free(all);
}

/* Is the root free of those of the others?  Before the folder is made. */
static enum lh_code check_root(struct buckets *b, const struct bucket_spec *spec, struct lh_err *err) {
    size_t count = 0;
    struct bucket **all = take_all(b, &count);
    enum lh_code code = LH_OK;
    for (size_t i = 0; i < count && code == LH_OK; i++) {
        bool overlap = false;
        code = bucket_roots_overlap(b->os, spec->root, all[i]->root, &overlap, err);
        if (code == LH_OK && overlap) {
            code = lh_fail(err, LH_CONFLICT, "the root of bucket \"%s\" is inside that of bucket \"%s\", or around it",
                           spec->name, all[i]->name);
            lh_err_hint(err, "give each bucket a folder of its own");
            lh_err_detail(err, "%s and %s", spec->root, all[i]->root);
        }
    }
    put_back(all, count);
    return code;
}

/* Check and enter a bucket; under `change` or before anyone else knows the registry. */
static enum lh_code enter(struct buckets *b, const struct bucket_spec *spec, bool configured, bool must_open,
                          struct lh_err *err) {
    LH_TRY(check_spec(spec, err));
    pthread_mutex_lock(&b->lock);
    bool taken = find(b, spec->name) != NULL;
    pthread_mutex_unlock(&b->lock);
    if (taken)
        return lh_fail(err, LH_EXISTS, "there is already a bucket \"%s\"", spec->name);
    LH_TRY(check_root(b, spec, err));
    struct bucket *bucket = bucket_new(b->os, spec, configured);
    struct lh_err unreachable;
    if (bucket_reach(bucket, &unreachable) != LH_OK && must_open) {
        *err = unreachable;
        bucket_unref(bucket);
        if (err->code == LH_NOT_FOUND) /* the folder cannot be made there: the request names no missing object */
            err->code = LH_INVALID;
        return lh_err_context(err, "bucket \"%s\"", spec->name);
    }
    bucket->primary = b->primary == NULL;
    if (bucket->primary)
        b->primary = bucket;
    insert(b, bucket);
    return LH_OK;
}

/* ---- the registry's objects ---- */

/* A bucket that another server removed goes here too; one whose root clashes with ours is an error. */
static enum lh_code enter_registry(struct buckets *b, const struct buf *text, struct lh_err *err) {
    LH_AUTO(arena) struct arena *arena = arena_new();
    struct bucket_spec *specs;
    size_t count, there;
    LH_TRY(bucket_list_parse(buf_cstr(text), text->len, arena, &specs, &count, err));
    struct bucket **all = take_all(b, &there);
    for (size_t i = 0; i < there; i++) {
        size_t k = 0;
        while (k < count && strcmp(specs[k].name, all[i]->name) != 0)
            k++;
        if (k == count && !all[i]->configured)
            bucket_unref(take_out(b, all[i]->name));
    }
    put_back(all, there);
    for (size_t i = 0; i < count; i++) {
        enum lh_code code = enter(b, &specs[i], false, false, err);
        if (code != LH_OK && code != LH_EXISTS) /* the configuration, or an earlier load, has it */
            return code;
    }
    return LH_OK;
}

static enum lh_code load_object(struct buckets *b, const char *key, struct lh_err *err) {
    LH_AUTO(buf) struct buf text = BUF_INIT;
    LH_TRY(object_get(bucket_store(b->primary), key, REGISTRY_MAX_BYTES, &text, NULL, err));
    enum lh_code code = enter_registry(b, &text, err);
    if (code == LH_OK)
        return LH_OK;
    if (code == LH_INVALID)
        err->code = LH_CORRUPT;
    return lh_err_context(err, "object \"%s\" of bucket \"%s\" cannot be used", key, b->primary->name);
}

/* Bring in the buckets that were added at run time, here earlier or by another server.  Under `change`. */
static enum lh_code load_registry(struct buckets *b, struct lh_err *err) {
    uint64_t version;
    LH_TRY(bucket_list_newest(bucket_store(b->primary), b->version, &version, err));
    if (version > 0) {
        char key[BUCKET_LIST_KEY_SIZE];
        bucket_list_key(version, key);
        LH_TRY(load_object(b, key, err));
        b->version = version;
    } else if (b->version == 0) { /* as releases before this one wrote it */
        struct lh_err from = LH_ERR_INIT;
        enum lh_code code = load_object(b, REGISTRY_OLD_KEY, &from);
        if (code != LH_OK && code != LH_NOT_FOUND) {
            *err = from;
            return code;
        }
    }
    return LH_OK;
}

/* The next version, if nobody else was faster (LH_EXISTS).  Under `change`. */
static enum lh_code save_registry(struct buckets *b, struct lh_err *err) {
    LH_AUTO(arena) struct arena *arena = arena_new();
    LH_AUTO(buf) struct buf text = BUF_INIT;
    char key[BUCKET_LIST_KEY_SIZE];
    pthread_mutex_lock(&b->lock);
    struct bucket_spec *specs = arena_alloc(arena, (b->count + 1) * sizeof *specs);
    size_t count = 0;
    for (size_t i = 0; i < b->count; i++)
        if (!b->all[i]->configured)
            specs[count++] = (struct bucket_spec){b->all[i]->name, b->all[i]->backend, b->all[i]->root};
    bucket_list_write(specs, count, &text); /* under the lock: the texts are the buckets' own */
    pthread_mutex_unlock(&b->lock);
    bucket_list_key(b->version + 1, key);
    LH_TRY(LH_FAULT("buckets.before_save", err));
    LH_TRY(object_put(bucket_store(b->primary), key, text.data, text.len, OBJECT_PUT_IF_ABSENT, NULL, err));
    b->version++;
    return LH_OK;
}

/* ---- the registry ---- */

/* Which of the specifications is the primary bucket. */
static size_t primary_index(const struct bucket_spec *specs, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (specs[i].name && strcmp(specs[i].name, "primary") == 0)
            return i;
    return 0;
}

static enum lh_code enter_configured(struct buckets *b, const struct bucket_spec *specs, size_t count,
                                     struct lh_err *err) {
    size_t primary = primary_index(specs, count);
    LH_TRY(enter(b, &specs[primary], true, true, err));
    for (size_t i = 0; i < count; i++)
        if (i != primary)
            LH_TRY(enter(b, &specs[i], true, false, err));
    return LH_OK;
}

enum lh_code buckets_open(const struct buckets_options *options, struct buckets **ret_buckets, struct lh_err *err) {
    struct buckets *b = lh_calloc(1, sizeof *b);
    b->os = options->os;
    b->rescue = lh_strdup(options->rescue ? options->rescue : "");
    pthread_mutex_init(&b->change, NULL);
    pthread_mutex_init(&b->lock, NULL);
    const struct bucket_spec only = {.name = "primary", .backend = "local", .root = options->primary_root};
    enum lh_code code = options->spec_count ? enter_configured(b, options->specs, options->spec_count, err)
                                            : enter_configured(b, &only, 1, err);
    if (code == LH_EXISTS || code == LH_CONFLICT) /* a clash inside the configuration is a wrong configuration */
        code = err->code = LH_INVALID;
    if (code == LH_OK)
        code = load_registry(b, err);
    if (code == LH_OK && b->rescue[0] && !find(b, b->rescue))
        code = lh_fail(err, LH_INVALID, "the rescue bucket \"%s\" is not among the buckets", b->rescue);
    if (code != LH_OK) {
        buckets_close(b);
        return code;
    }
    *ret_buckets = b;
    return LH_OK;
}

void buckets_watch(struct buckets *b, void (*changed)(void *ctx), void *ctx) {
    b->changed = changed;
    b->changed_ctx = ctx;
}

void buckets_close(struct buckets *b) {
    if (!b)
        return;
    put_back(b->all, b->count);
    pthread_mutex_destroy(&b->lock);
    pthread_mutex_destroy(&b->change);
    lh_free(b->rescue);
    lh_free(b);
}

const char *buckets_primary_name(const struct buckets *b) {
    return b->primary->name;
}

struct object_store *buckets_primary(const struct buckets *b) {
    return bucket_store(b->primary);
}

static struct bucket *look_up(struct buckets *b, const char *name) {
    pthread_mutex_lock(&b->lock);
    struct bucket *bucket = find(b, name);
    if (bucket)
        bucket_ref(bucket);
    pthread_mutex_unlock(&b->lock);
    return bucket;
}

static enum lh_code fail_unknown(struct buckets *b, const char *name, struct lh_err *err) {
    lh_fail(err, LH_NOT_FOUND, "there is no bucket \"%.100s\"", name);
    LH_AUTO(buf) struct buf names = BUF_INIT;
    pthread_mutex_lock(&b->lock);
    for (size_t i = 0; i < b->count; i++)
        buf_printf(&names, "%s%s", i ? ", " : "", b->all[i]->name);
    pthread_mutex_unlock(&b->lock);
    return lh_err_hint(err, "the buckets are: %s", buf_cstr(&names));
}

/* Learn what another server added; what stands in the way is said where it matters. */
static void refresh(struct buckets *b) {
    struct lh_err ignored;
    pthread_mutex_lock(&b->change);
    lh_ignore(load_registry(b, &ignored));
    pthread_mutex_unlock(&b->change);
}

static enum lh_code resolve(struct buckets *b, const char *name, struct bucket **ret_bucket, struct lh_err *err) {
    bool named = name && name[0];
    LH_AUTO(bucket) struct bucket *bucket = named ? look_up(b, name) : bucket_ref(b->primary);
    if (named && !bucket) {
        refresh(b);
        bucket = look_up(b, name);
    }
    if (!bucket)
        return fail_unknown(b, name, err);
    if (reach(b, bucket, err) != LH_OK) {
        const struct lh_err reason = *err;
        lh_fail(err, LH_UNAVAILABLE, "bucket \"%s\" cannot be reached", bucket->name);
        return lh_err_detail(err, "%s %s", reason.message, reason.detail);
    }
    *ret_bucket = LH_STEAL(bucket);
    return LH_OK;
}

enum lh_code buckets_resolve(struct buckets *b, const char *name, struct bucket **ret_bucket, struct lh_err *err) {
    unsigned before = b->changes;
    enum lh_code code = resolve(b, name, ret_bucket, err);
    tell(b, before);
    return code;
}

static enum lh_code fail_contended(struct lh_err *err) {
    lh_fail(err, LH_BUSY, "other servers change the buckets all the time");
    return lh_err_hint(err, "try again in a moment");
}

/* The more often another was faster, the longer the pause, and each a different one. */
static void back_off(struct buckets *b, unsigned tries) {
    uint16_t random;
    os_random(b->os, &random, sizeof random);
    os_sleep_ms(b->os, random % (2 + 4 * tries));
}

/* What another server did in the meantime is loaded and the change judged anew: each saved version then holds all before it. */
static enum lh_code add(struct buckets *b, const struct bucket_spec *spec, struct lh_err *err) {
    for (unsigned tries = 0;; tries++) {
        LH_TRY(load_registry(b, err));
        LH_TRY(enter(b, spec, false, true, err));
        enum lh_code code = save_registry(b, err);
        if (code == LH_OK)
            return LH_OK;
        bucket_unref(take_out(b, spec->name));
        if (code != LH_EXISTS)
            return code;
        if (tries == SAVE_TRIES)
            return fail_contended(err);
        back_off(b, tries);
    }
}

enum lh_code buckets_add(struct buckets *b, const struct bucket_spec *spec, struct lh_err *err) {
    unsigned before = b->changes;
    pthread_mutex_lock(&b->change);
    enum lh_code code = add(b, spec, err);
    pthread_mutex_unlock(&b->change);
    tell(b, before);
    return code;
}

static enum lh_code remove_once(struct buckets *b, const char *name, struct lh_err *err) {
    LH_TRY(load_registry(b, err));
    if (strcmp(name, b->primary->name) == 0 || strcmp(name, b->rescue) == 0)
        return lh_fail(err, LH_FORBIDDEN, "bucket \"%s\" is the %s bucket and cannot be removed", name,
                       strcmp(name, b->primary->name) == 0 ? "primary" : "rescue");
    struct bucket *bucket = take_out(b, name);
    if (!bucket)
        return fail_unknown(b, name, err);
    enum lh_code code = bucket->configured ? LH_OK : save_registry(b, err);
    if (code == LH_OK)
        bucket_unref(bucket);
    else
        insert(b, bucket);
    return code;
}

static enum lh_code remove_bucket(struct buckets *b, const char *name, struct lh_err *err) {
    for (unsigned tries = 0; tries < SAVE_TRIES; tries++) {
        enum lh_code code = remove_once(b, name, err);
        if (code != LH_EXISTS)
            return code;
        back_off(b, tries);
    }
    return fail_contended(err);
}

enum lh_code buckets_remove(struct buckets *b, const char *name, struct lh_err *err) {
    unsigned before = b->changes;
    pthread_mutex_lock(&b->change);
    enum lh_code code = remove_bucket(b, name, err);
    pthread_mutex_unlock(&b->change);
    tell(b, before);
    return code;
}

void buckets_list(struct buckets *b, struct arena *arena, struct bucket_info **ret_infos, size_t *ret_count) {
    size_t count = 0;
    unsigned before = b->changes;
    refresh(b);
    struct bucket **all = take_all(b, &count);
    struct bucket_info *infos = arena_alloc(arena, count * sizeof *infos);
    for (size_t i = 0; i < count; i++) {
        struct lh_err err = LH_ERR_INIT;
        enum lh_code code = reach(b, all[i], &err);
        bool opened = code == LH_OK;
        if (opened)
            code = object_store_ping(bucket_store(all[i]), &err);
        infos[i] = (struct bucket_info){
            .name = arena_strdup(arena, all[i]->name),
            .backend = arena_strdup(arena, all[i]->backend),
            .root = arena_strdup(arena, all[i]->root),
            .opened = opened,
            .reachable = code == LH_OK,
            .primary = all[i]->primary,
            .rescue = strcmp(all[i]->name, b->rescue) == 0,
            .configured = all[i]->configured,
            .reason = code == LH_OK ? NULL : arena_strdup(arena, err.message),
        };
    }
    put_back(all, count);
    tell(b, before);
    *ret_infos = infos;
    *ret_count = count;
}
