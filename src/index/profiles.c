#include "index/profiles.h"

#include "ai/ai.h"
#include "ai/provider.h"
#include "base/alloc.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/timefmt.h"
#include "catalog/catalog.h"
#include "catalog/manifest.h"
#include "index/index.h"
#include "index/record.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/os.h"
#include "store/buckets.h"
#include "store/object_store.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>

#define FOLDER "_vectors/profiles/"
#define ACTIVE "_vectors/active_profile.json"
#define PROFILE_MAX_BYTES ((size_t)64 * 1024)
#define DATASETS_MAX 100
#define LOADED_FOR_GOOD (-1)

struct profiles {
    struct profiles_options options;
    char *bucket_root;
    pthread_mutex_t slot; /* held by whoever moves models in and out */
};

struct profiles *profiles_new(const struct profiles_options *options) {
    struct profiles *p = lh_calloc(1, sizeof *p);
    p->options = *options;
    p->bucket_root = lh_strdup(options->bucket_root);
    pthread_mutex_init(&p->slot, NULL);
    return p;
}

void profiles_free(struct profiles *p) {
    if (!p)
        return;
    pthread_mutex_destroy(&p->slot);
    lh_free(p->bucket_root);
    lh_free(p);
}

/* ---- what is written ---- */

static struct object_store *store_of(struct profiles *p) {
    return buckets_primary(p->options.buckets);
}

static enum lh_code read_json(struct profiles *p, const char *key, json_t **ret_json, struct lh_err *err) {
    LH_AUTO(buf) struct buf text = BUF_INIT;
    LH_TRY(object_get(store_of(p), key, PROFILE_MAX_BYTES, &text, NULL, err));
    return lh_json_parse(buf_cstr(&text), text.len, NULL, ret_json, err);
}

static enum lh_code write_json(struct profiles *p, const char *key, const json_t *json, enum object_put_mode mode,
                               struct lh_err *err) {
    LH_AUTO(buf) struct buf text = BUF_INIT;
    lh_json_write(json, LH_JSON_PRETTY, &text);
    return object_put(store_of(p), key, text.data, text.len, mode, NULL, err);
}

static enum lh_code load(struct profiles *p, const char *id, json_t **ret_profile, struct lh_err *err) {
    LH_AUTO(mem) char *key = lh_asprintf(FOLDER "%s.json", id);
    struct lh_err ignored = LH_ERR_INIT;
    enum lh_code code = index_name_check(id, &ignored) == LH_OK ? read_json(p, key, ret_profile, err) : LH_NOT_FOUND;
    if (code != LH_NOT_FOUND)
        return code;
    lh_ignore(lh_fail(err, LH_NOT_FOUND, "there is no profile \"%.80s\"", id));
    return lh_err_hint(err, "GET /catalog/profiles lists them");
}

/* The id of the active profile, the caller's; NULL: none is. */
static enum lh_code load_active(struct profiles *p, char **ret_id, char **ret_since, struct lh_err *err) {
    LH_AUTO(json) json_t *json = NULL;
    enum lh_code code = read_json(p, ACTIVE, &json, err);
    if (code != LH_OK && code != LH_NOT_FOUND)
        return code;
    const char *id = json_string_value(json_object_get(json, "profile"));
    const char *since = json_string_value(json_object_get(json, "since"));
    *ret_id = id ? lh_strdup(id) : NULL;
    if (ret_since)
        *ret_since = since ? lh_strdup(since) : NULL;
    return LH_OK;
}

/* ---- defining ---- */

static enum lh_code check_dataset(struct profiles *p, const char *dataset, const char *const *columns, size_t count,
                                  struct lh_err *err) {
    struct catalog_snapshot *snapshot = catalog_snapshot(p->options.catalog);
    const struct manifest *m;
    enum lh_code code = catalog_snapshot_require(snapshot, dataset, &m, err);
    for (size_t i = 0; i < count && code == LH_OK; i++)
        if (!manifest_find_column(m, columns[i]))
            code = lh_fail(err, LH_NOT_FOUND, "the dataset \"%s\" has no column \"%.80s\"", dataset, columns[i]);
    catalog_snapshot_unref(snapshot);
    return code;
}

static enum lh_code parse_binding(struct profiles *p, const json_t *given, json_t *list, struct lh_err *err) {
    static const char *const fields[] = {"dataset", "id_column", "text_column", NULL};
    const char *dataset = json_string_value(given), *columns[2] = {NULL, NULL};
    if (!dataset && !json_is_object(given))
        return lh_fail(err, LH_INVALID, "datasets: each is a name, or {\"dataset\", \"id_column\", \"text_column\"}");
    if (!dataset) {
        LH_TRY(lh_json_only_keys(given, "datasets", fields, err));
        LH_TRY(lh_json_get_string(given, "datasets", "dataset", &dataset, err));
        LH_TRY(lh_json_get_string(given, "datasets", "id_column", &columns[0], err));
        LH_TRY(lh_json_get_string(given, "datasets", "text_column", &columns[1], err));
    }
    LH_TRY(check_dataset(p, dataset, columns, columns[0] ? 2 : 0, err));
    json_t *binding = json_pack("{s:s}", "dataset", dataset);
    if (columns[0]) {
        json_object_set_new(binding, "id_column", json_string(columns[0]));
        json_object_set_new(binding, "text_column", json_string(columns[1]));
    }
    json_array_append_new(list, binding);
    return LH_OK;
}

static enum lh_code parse_model(struct profiles *p, const json_t *request, const char *field, enum ai_ability ability,
                                json_t *profile, struct lh_err *err) {
    const struct ai_provider *provider;
    const char *given, *model;
    LH_TRY(lh_json_get_string_or(request, "", field, NULL, &given, err));
    if (!given && ability == AI_CAN_GENERATE)
        return LH_OK;
    LH_TRY(ai_resolve(p->options.ai, given, ability, &provider, &model, err));
    json_object_set_new(profile, field,
                        json_sprintf("%s%s%s", provider->name, model && *model ? "/" : "", model ? model : ""));
    return LH_OK;
}

/* What a request says, checked, as it is written. */
static enum lh_code parse(struct profiles *p, const char *id, const json_t *request, json_t *profile,
                          struct lh_err *err) {
    static const char *const fields[] = {"id",       "description", "model",  "generator",
                                         "datasets", "backend",     "bucket", NULL};
    static const char *const backends[] = {"auto", "flat", "hnsw"};
    const char *description, *backend, *bucket;
    json_t *datasets, *given, *bindings = json_array();
    size_t i, known = 0;
    LH_TRY(lh_json_only_keys(request, "", fields, err));
    json_object_set_new(profile, "id", json_string(id));
    json_object_set_new(profile, "datasets", bindings);
    if (index_name_check(id, err) != LH_OK) {
        lh_ignore(lh_fail(err, LH_INVALID, "\"%.80s\" cannot be the id of a profile", id));
        return lh_err_hint(err, "1 to %d of a-z 0-9 _ -, beginning with a letter or digit", INDEX_NAME_MAX);
    }
    LH_TRY(lh_json_get_string_or(request, "", "description", "", &description, err));
    LH_TRY(lh_json_get_string_or(request, "", "backend", "auto", &backend, err));
    LH_TRY(lh_json_get_string_or(request, "", "bucket", buckets_primary_name(p->options.buckets), &bucket, err));
    LH_TRY(lh_json_get_array(request, "", "datasets", &datasets, err));
    for (i = 0; i < LH_ARRAY_LEN(backends); i++)
        known += strcmp(backend, backends[i]) == 0;
    if (!known)
        return lh_fail(err, LH_INVALID, "backend must be auto, flat or hnsw, not \"%.40s\"", backend);
    if (json_array_size(datasets) == 0 || json_array_size(datasets) > DATASETS_MAX)
        return lh_fail(err, LH_INVALID, "datasets must name 1 to %d datasets", DATASETS_MAX);
    json_array_foreach(datasets, i, given) LH_TRY(parse_binding(p, given, bindings, err));
    json_object_set_new(profile, "description", json_string(description));
    json_object_set_new(profile, "backend", json_string(backend));
    json_object_set_new(profile, "bucket", json_string(bucket));
    LH_TRY(parse_model(p, request, "model", AI_CAN_EMBED, profile, err));
    return parse_model(p, request, "generator", AI_CAN_GENERATE, profile, err);
}

static void stamp(struct profiles *p, json_t *profile, const char *field) {
    char now[LH_TIME_SIZE];
    lh_time_format(os_realtime_us(p->options.os), now);
    json_object_set_new(profile, field, json_string(now));
}

enum lh_code profiles_create(struct profiles *p, const json_t *request, json_t **ret_profile, struct lh_err *err) {
    LH_AUTO(json) json_t *profile = json_object();
    const char *id;
    LH_TRY(lh_json_get_string(request, "", "id", &id, err));
    LH_TRY(parse(p, id, request, profile, err));
    LH_AUTO(mem) char *key = lh_asprintf(FOLDER "%s.json", id);
    stamp(p, profile, "created_at");
    enum lh_code code = write_json(p, key, profile, OBJECT_PUT_IF_ABSENT, err);
    if (code == LH_EXISTS) {
        lh_ignore(lh_fail(err, LH_EXISTS, "there is a profile \"%s\" already", id));
        return lh_err_hint(err, "PUT /catalog/profiles/%s replaces it", id);
    }
    LH_TRY(code);
    *ret_profile = LH_STEAL(profile);
    return LH_OK;
}

enum lh_code profiles_replace(struct profiles *p, const char *id, const json_t *request, json_t **ret_profile,
                              struct lh_err *err) {
    LH_AUTO(json) json_t *profile = json_object();
    LH_AUTO(json) json_t *before = NULL;
    const char *in_body;
    LH_TRY(load(p, id, &before, err));
    LH_TRY(lh_json_get_string_or(request, "", "id", id, &in_body, err));
    if (strcmp(in_body, id) != 0)
        return lh_fail(err, LH_INVALID, "the id of a profile does not change: \"%s\" is not \"%.80s\"", id, in_body);
    LH_TRY(parse(p, id, request, profile, err));
    LH_AUTO(mem) char *key = lh_asprintf(FOLDER "%s.json", id);
    json_object_set(profile, "created_at", json_object_get(before, "created_at"));
    stamp(p, profile, "updated_at");
    LH_TRY(write_json(p, key, profile, OBJECT_PUT_REPLACE, err));
    *ret_profile = LH_STEAL(profile);
    return LH_OK;
}

enum lh_code profiles_get(struct profiles *p, const char *id, json_t **ret_profile, struct lh_err *err) {
    LH_AUTO(json) json_t *profile = NULL;
    LH_AUTO(mem) char *active = NULL;
    LH_TRY(load(p, id, &profile, err));
    LH_TRY(load_active(p, &active, NULL, err));
    json_object_set_new(profile, "active", json_boolean(active && strcmp(active, id) == 0));
    *ret_profile = LH_STEAL(profile);
    return LH_OK;
}

enum lh_code profiles_list(struct profiles *p, json_t **ret_items, struct lh_err *err) {
    LH_AUTO(arena) struct arena *arena = arena_new();
    LH_AUTO(json) json_t *list = json_array();
    LH_AUTO(mem) char *active = NULL;
    struct object_info *items;
    size_t count;
    bool more;
    LH_TRY(load_active(p, &active, NULL, err));
    LH_TRY(object_list(store_of(p), FOLDER, "", OBJECT_LIST_MAX, arena, &items, &count, &more, err));
    for (size_t i = 0; i < count; i++) {
        json_t *profile = NULL;
        enum lh_code code = read_json(p, items[i].key, &profile, err);
        if (code == LH_NOT_FOUND) /* removed meanwhile */
            continue;
        LH_TRY(code);
        const char *id = json_string_value(json_object_get(profile, "id"));
        json_object_set_new(profile, "active", json_boolean(active && id && strcmp(active, id) == 0));
        json_array_append_new(list, profile);
    }
    *ret_items = LH_STEAL(list);
    return LH_OK;
}

enum lh_code profiles_remove(struct profiles *p, const char *id, struct lh_err *err) {
    LH_AUTO(json) json_t *profile = NULL;
    LH_AUTO(mem) char *active = NULL;
    LH_TRY(load(p, id, &profile, err));
    LH_TRY(load_active(p, &active, NULL, err));
    if (active && strcmp(active, id) == 0) {
        lh_ignore(lh_fail(err, LH_CONFLICT, "the profile \"%s\" is active", id));
        return lh_err_hint(err, "POST /vectors/profile/%s/deactivate first", id);
    }
    LH_AUTO(mem) char *key = lh_asprintf(FOLDER "%s.json", id);
    return object_delete(store_of(p), key, err);
}

/* ---- the model slot ---- */

static const char *const model_fields[] = {"model", "generator"};

/* The provider and the model that "ollama/llama3" means; `*ret_model` lies in `name`. */
static const struct ai_provider *provider_of(struct profiles *p, const char *name, const char **ret_model) {
    const char *slash = strchr(name, '/');
    LH_AUTO(mem) char *provider = lh_strndup(name, slash ? (size_t)(slash - name) : strlen(name));
    *ret_model = slash ? slash + 1 : "";
    return ai_provider_find(p->options.ai, provider);
}

static bool uses_model(const json_t *profile, const char *name) {
    for (size_t i = 0; i < LH_ARRAY_LEN(model_fields); i++) {
        const char *used = json_string_value(json_object_get(profile, model_fields[i]));
        if (used && strcmp(used, name) == 0)
            return true;
    }
    return false;
}

/* Load (keep_ms below 0) or unload (0) the models of `profile` that `other` does not use; the first failure ends it. */
static enum lh_code move_models(struct profiles *p, const json_t *profile, const json_t *other, int64_t keep_ms,
                                int cancel_fd, json_t *told, struct lh_err *err) {
    for (size_t i = 0; profile && i < LH_ARRAY_LEN(model_fields); i++) {
        const char *name = json_string_value(json_object_get(profile, model_fields[i])), *model;
        if (!name || (keep_ms == 0 && uses_model(other, name)))
            continue;
        const struct ai_provider *provider = provider_of(p, name, &model);
        const char *state = "not_configured";
        if (provider && !(provider->abilities & AI_CAN_LOAD))
            state = "always_there";
        else if (provider) {
            LH_TRY(ai_provider_load(provider, *model ? model : NULL, keep_ms, cancel_fd, err));
            state = keep_ms == 0 ? "unloaded" : "loaded";
        }
        if (told)
            json_array_append_new(told, json_pack("{s:s, s:s}", "model", name, "state", state));
    }
    return LH_OK;
}

static enum lh_code swap_models(struct profiles *p, const json_t *old, const json_t *new, int cancel_fd, json_t *told,
                                struct lh_err *err) {
    struct lh_err ignored = LH_ERR_INIT;
    /* A provider that is down has nothing in memory that would have to go. */
    lh_ignore(move_models(p, old, new, 0, cancel_fd, told, &ignored));
    enum lh_code code = move_models(p, new, NULL, LOADED_FOR_GOOD, cancel_fd, told, err);
    if (code == LH_OK)
        return LH_OK;
    lh_ignore(move_models(p, new, old, 0, -1, NULL, &ignored));
    lh_ignore(move_models(p, old, NULL, LOADED_FOR_GOOD, -1, NULL, &ignored));
    return lh_err_context(err, "the model slot is as it was");
}

/* ---- which index serves a dataset ---- */

static bool serves(const json_t *profile, const json_t *index) {
    const json_t *model = json_object_get(index, "model");
    const char *provider = json_string_value(json_object_get(model, "provider"));
    const char *name = json_string_value(json_object_get(model, "name"));
    const char *wanted = json_string_value(json_object_get(profile, "model"));
    const char *backend = json_string_value(json_object_get(profile, "backend"));
    size_t len = provider ? strlen(provider) : 0;
    if (!provider || !name || !wanted || strncmp(wanted, provider, len) != 0 ||
        strcmp(wanted + len + (wanted[len] == '/'), name) != 0)
        return false;
    if (backend && strcmp(backend, "auto") != 0 &&
        !json_equal(json_object_get(profile, "backend"), json_object_get(index, "backend")))
        return false;
    return json_equal(json_object_get(profile, "bucket"), json_object_get(index, "bucket"));
}

/* The newest that suits the profile, one that can be searched before others; *ret_index NULL: none.  A reference. */
static enum lh_code find_index(struct profiles *p, const json_t *profile, const char *dataset, json_t **ret_index,
                               struct lh_err *err) {
    LH_AUTO(json) json_t *items = NULL;
    json_t *item, *best = NULL;
    size_t i;
    LH_TRY(index_list(p->options.indexes, dataset, NULL, false, &items, err));
    json_array_foreach(items, i, item) {
        if (!serves(profile, item))
            continue;
        bool ready = json_is_true(json_object_get(item, "ready"));
        bool best_ready = best && json_is_true(json_object_get(best, "ready"));
        const char *made = json_string_value(json_object_get(item, "created_at"));
        const char *best_made = json_string_value(json_object_get(best, "created_at"));
        if (!best || (ready && !best_ready) ||
            (ready == best_ready && made && best_made && strcmp(made, best_made) > 0))
            best = item;
    }
    *ret_index = json_incref(best);
    return LH_OK;
}

/* ---- activating ---- */

static enum lh_code provide_bucket(struct profiles *p, const json_t *profile, struct lh_err *err) {
    const char *name = json_string_value(json_object_get(profile, "bucket"));
    LH_AUTO(bucket) struct bucket *bucket = NULL;
    enum lh_code code = buckets_resolve(p->options.buckets, name, &bucket, err);
    if (code != LH_NOT_FOUND)
        return code;
    LH_AUTO(mem) char *root = lh_asprintf("%s/%s", p->bucket_root, name);
    LH_TRY(os_mkdir_all(p->options.os, AT_FDCWD, p->bucket_root, 0700, err));
    return buckets_add(p->options.buckets, &(struct bucket_spec){.name = name, .root = root}, err);
}

static enum lh_code build_index(struct profiles *p, const json_t *profile, const json_t *binding, const char *actor,
                                json_t *told, struct lh_err *err) {
    const char *dataset = json_string_value(json_object_get(binding, "dataset")), *model;
    const char *id = json_string_value(json_object_get(profile, "id"));
    const struct ai_provider *provider = provider_of(p, json_string_value(json_object_get(profile, "model")), &model);
    LH_AUTO(json) json_t *request = json_deep_copy(binding);
    LH_AUTO(json) json_t *answer = NULL;
    if (!provider)
        return lh_fail(err, LH_UNAVAILABLE, "nobody is configured who has the model \"%s\"", model);
    json_object_set_new(request, "name", json_sprintf("%s-%s", id, dataset));
    json_object_set_new(request, "provider", json_string(provider->name));
    json_object_set_new(request, "model", json_string(model));
    json_object_set(request, "backend", json_object_get(profile, "backend"));
    json_object_set(request, "bucket", json_object_get(profile, "bucket"));
    json_object_set_new(request, "refresh", json_string("on_append"));
    LH_TRY(index_create(p->options.indexes, request, actor, &answer, err));
    json_object_set(told, "index", json_object_get(request, "name"));
    json_object_set(told, "job_id", json_object_get(answer, "job_id"));
    return LH_OK;
}

/* What a profile finds for one of its datasets: mapped, under construction, or why there is none. */
static json_t *provide_index(struct profiles *p, const json_t *profile, const json_t *binding, const char *actor) {
    const char *dataset = json_string_value(json_object_get(binding, "dataset"));
    json_t *told = json_pack("{s:s}", "dataset", dataset);
    LH_AUTO(json) json_t *index = NULL;
    LH_AUTO(generation) struct generation *mapped = NULL;
    struct lh_err err = LH_ERR_INIT;
    const char *state = "missing";
    enum lh_code code = find_index(p, profile, dataset, &index, &err);
    if (code == LH_OK && index) {
        json_object_set(told, "index", json_object_get(index, "name"));
        state = json_is_true(json_object_get(index, "ready")) ? "ready" : "building";
        code =
            index_open_generation(p->options.indexes, json_string_value(json_object_get(index, "name")), &mapped, &err);
    } else if (code == LH_OK && json_object_get(binding, "text_column")) {
        state = "building";
        code = build_index(p, profile, binding, actor, told, &err);
    } else if (code == LH_OK) {
        json_object_set_new(told, "hint",
                            json_string("POST /vectors/index makes one; with id_column and text_column in the profile, "
                                        "activating it does"));
    }
    if (code != LH_OK) {
        state = "failed";
        json_object_set_new(told, "error", json_string(err.message));
        if (err.hint[0])
            json_object_set_new(told, "hint", json_string(err.hint));
    }
    json_object_set_new(told, "state", json_string(state));
    return told;
}

static enum lh_code take_slot(struct profiles *p, struct lh_err *err) {
    if (pthread_mutex_trylock(&p->slot) == 0)
        return LH_OK;
    lh_ignore(lh_fail(err, LH_CONFLICT, "another profile is being activated or deactivated"));
    return lh_err_hint(err, "try again when it is done");
}

static enum lh_code write_active(struct profiles *p, const char *id, struct lh_err *err) {
    LH_AUTO(json) json_t *active = json_pack("{s:s?}", "profile", id);
    stamp(p, active, "since");
    return write_json(p, ACTIVE, active, OBJECT_PUT_REPLACE, err);
}

/* With the slot taken. */
static enum lh_code change(struct profiles *p, const json_t *next, const char *actor, int cancel_fd,
                           json_t **ret_answer, struct lh_err *err) {
    LH_AUTO(json) json_t *old = NULL;
    LH_AUTO(json) json_t *models = json_array();
    LH_AUTO(json) json_t *indexes = json_array();
    LH_AUTO(mem) char *old_id = NULL;
    struct lh_err ignored = LH_ERR_INIT;
    json_t *binding;
    size_t i;
    LH_TRY(load_active(p, &old_id, NULL, err));
    if (old_id)
        lh_ignore(load(p, old_id, &old, &ignored));
    if (next)
        LH_TRY(provide_bucket(p, next, err));
    LH_TRY(swap_models(p, old, next, cancel_fd, models, err));
    LH_TRY(write_active(p, json_string_value(json_object_get(next, "id")), err));
    json_array_foreach(json_object_get(next, "datasets"), i, binding)
        json_array_append_new(indexes, provide_index(p, next, binding, actor));
    *ret_answer =
        json_pack("{s:O?, s:s?, s:O, s:O}", "profile", next, "replaced", old_id, "models", models, "indexes", indexes);
    return LH_OK;
}

enum lh_code profiles_activate(struct profiles *p, const char *id, const char *actor, int cancel_fd,
                               json_t **ret_answer, struct lh_err *err) {
    LH_AUTO(json) json_t *next = NULL;
    LH_TRY(load(p, id, &next, err));
    LH_TRY(take_slot(p, err));
    enum lh_code code = change(p, next, actor, cancel_fd, ret_answer, err);
    pthread_mutex_unlock(&p->slot);
    return code;
}

enum lh_code profiles_deactivate(struct profiles *p, const char *id, int cancel_fd, json_t **ret_answer,
                                 struct lh_err *err) {
    LH_AUTO(json) json_t *profile = NULL;
    LH_AUTO(mem) char *active = NULL;
    LH_TRY(load(p, id, &profile, err));
    LH_TRY(take_slot(p, err));
    enum lh_code code = load_active(p, &active, NULL, err);
    if (code == LH_OK && (!active || strcmp(active, id) != 0)) {
        code = lh_fail(err, LH_CONFLICT, "the profile \"%s\" is not active", id);
        lh_ignore(lh_err_hint(err, "GET /vectors/profile/active tells which one is"));
    }
    if (code == LH_OK)
        code = change(p, NULL, NULL, cancel_fd, ret_answer, err);
    pthread_mutex_unlock(&p->slot);
    return code;
}

enum lh_code profiles_active(struct profiles *p, json_t **ret_answer, struct lh_err *err) {
    LH_AUTO(json) json_t *profile = NULL;
    LH_AUTO(mem) char *id = NULL;
    LH_AUTO(mem) char *since = NULL;
    LH_TRY(load_active(p, &id, &since, err));
    if (id) {
        enum lh_code code = load(p, id, &profile, err);
        if (code != LH_OK && code != LH_NOT_FOUND)
            return code;
    }
    *ret_answer = json_pack("{s:O?, s:s?}", "profile", profile, "since", since);
    return LH_OK;
}

/* ---- searching ---- */

static bool is_bound(const json_t *profile, const char *dataset) {
    json_t *binding;
    size_t i;
    json_array_foreach(json_object_get(profile, "datasets"), i, binding) {
        if (manifest_name_compare(json_string_value(json_object_get(binding, "dataset")), dataset) == 0)
            return true;
    }
    return false;
}

static enum lh_code not_bound(const json_t *profile, const char *what, struct lh_err *err) {
    const char *id = json_string_value(json_object_get(profile, "id"));
    lh_ignore(lh_fail(err, LH_FORBIDDEN, "the profile \"%s\" may not search %s", id, what));
    return lh_err_hint(err, "GET /catalog/profiles/%s lists the datasets that it is bound to", id);
}

/* The index that the request names, which must be over a bound dataset.  An unknown name is refused alike. */
static enum lh_code check_named(struct profiles *p, const json_t *profile, const char *name, struct lh_err *err) {
    LH_AUTO(json) json_t *index = NULL;
    LH_AUTO(mem) char *what = lh_asprintf("the index \"%.80s\"", name);
    enum lh_code code = index_get(p->options.indexes, name, &index, err);
    if (code != LH_OK && code != LH_NOT_FOUND)
        return code;
    const json_t *source = json_object_get(index, "source");
    if (code == LH_NOT_FOUND || !is_bound(profile, json_string_value(json_object_get(source, "dataset"))))
        return not_bound(profile, what, err);
    return LH_OK;
}

/* The one index that serves the profile, or the dataset that the request names. */
static enum lh_code choose(struct profiles *p, const json_t *profile, const char *dataset, json_t **ret_index,
                           struct lh_err *err) {
    const char *id = json_string_value(json_object_get(profile, "id"));
    LH_AUTO(json) json_t *found = NULL;
    json_t *binding;
    size_t i, count = 0;
    json_array_foreach(json_object_get(profile, "datasets"), i, binding) {
        const char *bound = json_string_value(json_object_get(binding, "dataset"));
        LH_AUTO(json) json_t *index = NULL;
        if (dataset && manifest_name_compare(bound, dataset) != 0)
            continue;
        LH_TRY(find_index(p, profile, bound, &index, err));
        if (!index)
            continue;
        count++;
        json_decref(found);
        found = LH_STEAL(index);
    }
    if (count == 1) {
        *ret_index = LH_STEAL(found);
        return LH_OK;
    }
    if (count == 0) {
        lh_ignore(
            lh_fail(err, LH_CONFLICT, "no index serves the profile \"%s\" with its model, backend and bucket", id));
        return lh_err_hint(err, "POST /vectors/profile/%s/activate tells what is missing, and builds what it can", id);
    }
    lh_ignore(lh_fail(err, LH_INVALID, "the profile \"%s\" has %zu indexes", id, count));
    return lh_err_hint(err, "name one as \"index\", or its dataset as \"dataset\"");
}

enum lh_code profiles_search(struct profiles *p, const char *id, const json_t *request, int cancel_fd,
                             json_t **ret_answer, struct lh_err *err) {
    LH_AUTO(json) json_t *profile = NULL;
    LH_AUTO(json) json_t *search = json_copy((json_t *)(uintptr_t)request);
    const char *index, *dataset;
    LH_TRY(load(p, id, &profile, err));
    LH_TRY(lh_json_get_string_or(request, "", "index", NULL, &index, err));
    LH_TRY(lh_json_get_string_or(request, "", "dataset", NULL, &dataset, err));
    LH_AUTO(mem) char *what = lh_asprintf("the dataset \"%.80s\"", dataset ? dataset : "");
    if (dataset && !is_bound(profile, dataset))
        return not_bound(profile, what, err);
    if (index) {
        LH_TRY(check_named(p, profile, index, err));
    } else {
        LH_AUTO(json) json_t *chosen = NULL;
        LH_TRY(choose(p, profile, dataset, &chosen, err));
        json_object_set(search, "index", json_object_get(chosen, "name"));
    }
    json_object_del(search, "dataset");
    return index_search(p->options.indexes, search, cancel_fd, ret_answer, err);
}
