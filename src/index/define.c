/* Indexes as people define, change and look at them. */
#include "index/index_internal.h"

#include "ai/ai.h"
#include "ai/builtin.h"
#include "ai/lexical.h"
#include "ai/provider.h"
#include "base/arena.h"
#include "base/cleanup.h"
#include "base/timefmt.h"
#include "catalog/catalog.h"
#include "catalog/manifest.h"
#include "index/trial_choice.h"
#include "index/trial_log.h"
#include "index/tuning.h"
#include "jobs/jobs.h"
#include "os/clock.h"
#include "store/buckets.h"
#include "store/object_store.h"

#include <inttypes.h>
#include <string.h>

/* ---- defining ---- */

static enum lh_code check_source(struct index_service *s, const char *dataset, const char *id, const char *text,
                                 struct lh_err *err) {
    struct catalog_snapshot *snapshot = catalog_snapshot(s->options.catalog);
    const char *const columns[] = {id, text};
    const struct manifest *m;
    enum lh_code code = catalog_snapshot_require(snapshot, dataset, &m, err);
    for (size_t i = 0; i < LH_ARRAY_LEN(columns) && code == LH_OK; i++)
        if (!manifest_find_column(m, columns[i])) {
            code = lh_fail(err, LH_NOT_FOUND, "the dataset \"%s\" has no column \"%.80s\"", dataset, columns[i]);
            lh_ignore(lh_err_hint(err, "GET /catalog/datasets/by-name/%s lists its columns", dataset));
        }
    catalog_snapshot_unref(snapshot);
    return code;
}

static enum lh_code get_range(const json_t *json, const char *key, int64_t min, int64_t max, int64_t fallback,
                              int64_t *ret, struct lh_err *err) {
    int64_t value;
    LH_TRY(lh_json_get_int_or(json, "", key, fallback, &value, err));
    if (value < min || value > max)
        return lh_fail(err, LH_INVALID, "%s must be from %" PRId64 " to %" PRId64, key, min, max);
    *ret = value;
    return LH_OK;
}

static enum lh_code set_choice(json_t *record, const json_t *request, const char *key, const char *const *names,
                               const char *fallback, struct lh_err *err) {
    const char *text;
    LH_TRY(lh_json_get_string_or(request, "", key, fallback, &text, err));
    if (!text)
        return LH_OK;
    for (size_t i = 0; names[i]; i++)
        if (strcmp(text, names[i]) == 0) {
            json_object_set_new(record, key, json_string(text));
            return LH_OK;
        }
    return lh_fail(err, LH_INVALID, "%s cannot be \"%.40s\"", key, text);
}

/* What may also be changed later. */
static enum lh_code set_tunables(json_t *record, const json_t *request, struct lh_err *err) {
    static const char *const backends[] = {"auto", "flat", "hnsw", NULL};
    static const char *const policies[] = {"manual", "on_append", "scheduled", NULL};
    json_t *graph = json_object_get(record, "hnsw");
    int64_t value;
    LH_TRY(set_choice(record, request, "backend", backends, NULL, err));
    LH_TRY(set_choice(record, request, "refresh", policies, NULL, err));
    LH_TRY(get_range(request, "ef_search", 0, 65536, json_integer_value(json_object_get(graph, "ef_search")), &value,
                     err));
    json_object_set_new(graph, "ef_search", json_integer(value));
    LH_TRY(get_range(request, "refresh_every_s", 0, INT64_C(366) * 86400,
                     json_integer_value(json_object_get(record, "every_ms")) / 1000, &value, err));
    json_object_set_new(record, "every_ms", json_integer(value * 1000));
    if (strcmp(json_string_value(json_object_get(record, "refresh")), "scheduled") == 0 && value == 0) {
        lh_ignore(lh_fail(err, LH_INVALID, "a scheduled refresh needs refresh_every_s"));
        return lh_err_hint(err, "for example \"refresh_every_s\": 3600");
    }
    return LH_OK;
}

/* Where its objects go; the ones there are stay where they are until it is built anew. */
static enum lh_code set_bucket(struct index_service *s, json_t *record, const json_t *request, struct lh_err *err) {
    LH_AUTO(bucket) struct bucket *bucket = NULL;
    json_t *generation = json_object_get(record, "generation");
    const char *before = json_string_value(json_object_get(record, "bucket")), *name;
    LH_TRY(lh_json_get_string_or(request, "", "bucket", before, &name, err));
    LH_TRY(service_bucket(s, name, &bucket, err));
    if (generation && !json_object_get(generation, "bucket"))
        json_object_set_new(generation, "bucket", json_string(before));
    json_object_set_new(record, "bucket", json_string(bucket_name(bucket)));
    return LH_OK;
}

static enum lh_code set_model(struct index_service *s, json_t *record, const json_t *request, struct lh_err *err) {
    const char *provider, *model;
    int64_t dims;
    LH_TRY(lh_json_get_string_or(request, "", "provider", ai_embedder(s->options.ai)->name, &provider, err));
    const struct ai_provider *p = ai_provider_find(s->options.ai, provider);
    if (!p) {
        lh_ignore(lh_fail(err, LH_NOT_FOUND, "there is no provider \"%.40s\"", provider));
        return lh_err_hint(err, "\"" AI_BUILTIN "\" is always there");
    }
    if (!(p->abilities & AI_CAN_EMBED))
        return lh_fail(err, LH_UNSUPPORTED, "the provider \"%s\" does not embed", p->name);
    LH_TRY(lh_json_get_string_or(request, "", "model", p->embed_model, &model, err));
    bool builtin = strcmp(p->ops->kind, AI_BUILTIN) == 0;
    LH_TRY(get_range(request, "dimensions", 0, AI_MAX_DIMS, builtin ? LEXICAL_DIMS : 0, &dims, err));
    if (builtin && !lexical_dims_valid((unsigned)dims))
        return lh_fail(err, LH_INVALID, "the built-in embedding has 384 or 768 dimensions, not %" PRId64, dims);
    json_object_set_new(
        record, "model",
        json_pack("{s:s, s:s, s:I}", "provider", p->name, "name", model ? model : "", "dimensions", (json_int_t)dims));
    return LH_OK;
}

static enum lh_code set_chunks(json_t *record, const json_t *request, struct lh_err *err) {
    static const struct chunk_options defaults = CHUNK_OPTIONS_DEFAULT;
    struct chunk_options options = defaults;
    LH_AUTO(chunker) struct chunker *checked = NULL;
    const char *unit;
    int64_t size, overlap;
    LH_TRY(lh_json_get_string_or(request, "", "chunk_unit", "characters", &unit, err));
    if (strcmp(unit, "characters") != 0 && strcmp(unit, "tokens") != 0)
        return lh_fail(err, LH_INVALID, "chunk_unit must be \"characters\" or \"tokens\"");
    LH_TRY(get_range(request, "chunk_size", 1, CHUNK_SIZE_MAX, defaults.size, &size, err));
    /* Smaller chunks share in proportion. */
    int64_t shared = size < (int64_t)defaults.size ? size * defaults.overlap / defaults.size : defaults.overlap;
    LH_TRY(get_range(request, "overlap", 0, CHUNK_SIZE_MAX, shared, &overlap, err));
    options = (struct chunk_options){strcmp(unit, "tokens") == 0 ? CHUNK_TOKENS : CHUNK_CHARACTERS, (unsigned)size,
                                     (unsigned)overlap};
    LH_TRY(chunker_new(&options, &checked, err));
    json_object_set_new(
        record, "chunks",
        json_pack("{s:s, s:I, s:I}", "unit", unit, "size", (json_int_t)size, "overlap", (json_int_t)overlap));
    return LH_OK;
}

static enum lh_code make_record(struct index_service *s, const json_t *request, json_t *record, const char **ret_name,
                                struct lh_err *err) {
    static const char *const fields[] = {
        "name",       "dataset",         "id_column",  "text_column", "provider", "model",           "dimensions",
        "chunk_size", "overlap",         "chunk_unit", "backend",     "m",        "ef_construction", "ef_search",
        "refresh",    "refresh_every_s", "bucket",     NULL};
    const char *dataset, *id, *text;
    char now[LH_TIME_SIZE];
    int64_t m, ef;
    LH_TRY(lh_json_only_keys(request, "", fields, err));
    LH_TRY(lh_json_get_string(request, "", "dataset", &dataset, err));
    LH_TRY(lh_json_get_string_or(request, "", "name", dataset, ret_name, err));
    LH_TRY(lh_json_get_string(request, "", "id_column", &id, err));
    LH_TRY(lh_json_get_string(request, "", "text_column", &text, err));
    LH_TRY(index_name_check(*ret_name, err));
    LH_TRY(check_source(s, dataset, id, text, err));
    lh_time_format(os_realtime_us(s->options.os), now);
    json_object_set_new(record, "name", json_string(*ret_name));
    json_object_set_new(record, "created_at", json_string(now));
    json_object_set_new(record, "bucket", json_string(buckets_primary_name(s->options.buckets)));
    LH_TRY(set_bucket(s, record, request, err));
    json_object_set_new(record, "source",
                        json_pack("{s:s, s:s, s:s}", "dataset", dataset, "id_column", id, "text_column", text));
    LH_TRY(get_range(request, "m", 0, 64, 0, &m, err));
    LH_TRY(get_range(request, "ef_construction", 0, 65536, 0, &ef, err));
    const struct index_graph graph = {.m = (uint32_t)m, .ef_construction = (uint32_t)ef, .seed = TRIAL_SEED};
    json_object_set_new(record, "hnsw", index_graph_json(&graph));
    json_object_set_new(record, "backend", json_string("auto"));
    json_object_set_new(record, "refresh", json_string("manual"));
    json_object_set_new(record, "every_ms", json_integer(0));
    LH_TRY(set_model(s, record, request, err));
    LH_TRY(set_chunks(record, request, err));
    return set_tunables(record, request, err);
}

enum lh_code index_write_record(struct index_service *s, const char *name, uint64_t number, json_t *json,
                                struct lh_err *err) {
    LH_AUTO(index_record) struct index_record record = {0};
    LH_TRY(index_record_parse(json, &record, err));
    index_record_release(&record);
    record = (struct index_record){0};
    LH_TRY(index_record_write(service_store(s), name, number, json, err));
    LH_TRY(index_record_parse(json, &record, err));
    return service_switch(s, &record, err);
}

enum lh_code index_create(struct index_service *s, const json_t *request, const char *actor, json_t **ret_answer,
                          struct lh_err *err) {
    LH_AUTO(json) json_t *record = json_object();
    LH_AUTO(json) json_t *described = NULL;
    char job[LH_ULID_SIZE];
    const char *name;
    uint64_t number;
    bool taken, joined;
    json_object_set_new(record, "format", json_integer(RECORD_FORMAT));
    LH_TRY(make_record(s, request, record, &name, err));
    LH_TRY(index_record_number(service_store(s), name, &number, &taken, err));
    if (taken) {
        lh_ignore(lh_fail(err, LH_EXISTS, "there is an index \"%s\" already", name));
        return lh_err_hint(err, "POST /vectors/refresh/DATASET brings it up to date; give `name` for another one");
    }
    LH_TRY(index_write_record(s, name, number, record, err));
    LH_TRY(service_submit(s, name, BUILD_REFRESH, actor, job, &joined, err));
    LH_TRY(index_get(s, name, &described, err));
    *ret_answer = json_pack("{s:s, s:O}", "job_id", job, "index", described);
    return LH_OK;
}

/* ---- changing ---- */

enum lh_code index_refresh(struct index_service *s, const char *name, bool rebuild, const char *actor,
                           json_t **ret_answer, struct lh_err *err) {
    LH_AUTO(generation) struct generation *g = NULL;
    char job[LH_ULID_SIZE];
    bool joined;
    LH_TRY(index_open_generation(s, name, &g, err));
    LH_TRY(service_submit(s, name, rebuild ? BUILD_REBUILD : BUILD_REFRESH, actor, job, &joined, err));
    *ret_answer = json_pack("{s:s, s:s, s:b}", "index", name, "job_id", job, "joined", joined);
    return LH_OK;
}

enum lh_code index_patch(struct index_service *s, const char *name, const json_t *request, const char *actor,
                         json_t **ret_answer, struct lh_err *err) {
    static const char *const fields[] = {"backend", "bucket", "ef_search", "refresh", "refresh_every_s", NULL};
    LH_AUTO(generation) struct generation *g = NULL;
    char job[LH_ULID_SIZE];
    bool joined;
    LH_TRY(lh_json_only_keys(request, "", fields, err));
    LH_TRY(index_open_generation(s, name, &g, err));
    LH_AUTO(json) json_t *record = json_deep_copy(g->record.json);
    LH_TRY(set_tunables(record, request, err));
    LH_TRY(set_bucket(s, record, request, err));
    if (!json_equal(record, g->record.json))
        LH_TRY(index_write_record(s, name, g->record.number, record, err));
    bool elsewhere = !json_equal(json_object_get(record, "bucket"), json_object_get(g->record.json, "bucket"));
    bool otherwise = !json_equal(json_object_get(record, "backend"), json_object_get(g->record.json, "backend"));
    if ((elsewhere || otherwise) && g->record.generation)
        LH_TRY(service_submit(s, name, BUILD_REBUILD, actor, job, &joined, err));
    return index_get(s, name, ret_answer, err);
}

static void cancel_jobs(struct index_service *s, const char *kind, const char *name) {
    LH_AUTO(arena) struct arena *arena = arena_new();
    const struct jobs_filter filter = {.kind = kind, .subject = name, .state = -1, .limit = 10};
    struct lh_err ignored = LH_ERR_INIT;
    struct job_info *infos, last;
    size_t count;
    bool more;
    jobs_list(s->options.jobs, &filter, arena, &infos, &count, &more);
    for (size_t i = 0; i < count; i++)
        if (job_state_is_active(infos[i].state)) {
            lh_ignore(jobs_cancel(s->options.jobs, infos[i].id, &ignored));
            lh_ignore(jobs_wait(s->options.jobs, infos[i].id, 10000, arena, &last, &ignored));
        }
}

enum lh_code index_delete(struct index_service *s, const char *name, struct lh_err *err) {
    LH_AUTO(index_places) struct index_places places = {0};
    struct lh_err ignored = LH_ERR_INIT;
    LH_AUTO(generation) struct generation *g = NULL;
    LH_AUTO(index_record) struct index_record newest = {0};
    LH_TRY(index_open_generation(s, name, &g, err));
    cancel_jobs(s, INDEX_TUNE_JOB, name);
    cancel_jobs(s, INDEX_JOB, name);
    LH_TRY(index_record_load(service_store(s), name, &newest, err));
    LH_AUTO(json) json_t *record = json_deep_copy(newest.json);
    json_object_set_new(record, "deleted", json_true());
    json_object_del(record, "generation");
    LH_TRY(index_record_write(service_store(s), name, newest.number, record, err));
    service_forget(s, name);
    index_sweep(s, name, NULL);
    if (index_places_open(s, NULL, &places, &ignored) == LH_OK)
        trial_log_remove(&places.at, name);
    agent_forget(s, name);
    return LH_OK;
}

/* ---- looking ---- */

json_t *index_describe(struct index_service *s, const struct index_record *r) {
    json_t *answer = json_deep_copy(r->json);
    struct catalog_snapshot *snapshot = catalog_snapshot(s->options.catalog);
    const struct manifest *m = catalog_snapshot_find(snapshot, r->dataset);
    json_object_set_new(answer, "ready", json_boolean(r->generation != NULL));
    json_object_set_new(answer, "stale", json_boolean(!m || !r->generation || m->version != r->source_version));
    json_object_set_new(answer, "dataset_version", m ? json_integer((json_int_t)m->version) : json_null());
    if (!r->generation)
        json_object_set_new(answer, "generation", json_null());
    json_object_set_new(answer, "refresh_every_s", json_integer(r->every_ms / 1000));
    json_object_del(answer, "every_ms");
    json_object_del(answer, "promotions");
    json_object_del(answer, "format");
    catalog_snapshot_unref(snapshot);
    return answer;
}

enum lh_code index_get(struct index_service *s, const char *name, json_t **ret_answer, struct lh_err *err) {
    LH_AUTO(generation) struct generation *g = NULL;
    LH_TRY(index_open_generation(s, name, &g, err));
    *ret_answer = index_describe(s, &g->record);
    if (g->damage.code != LH_OK)
        json_object_set_new(*ret_answer, "warning", json_string(g->damage.message));
    return LH_OK;
}

enum lh_code index_history(struct index_service *s, const char *name, json_t **ret_answer, struct lh_err *err) {
    LH_AUTO(generation) struct generation *g = NULL;
    LH_TRY(index_open_generation(s, name, &g, err));
    return index_record_history(service_store(s), name, ret_answer, err);
}

static bool matches(struct index_service *s, const struct index_record *r, const char *dataset, const char *model,
                    bool stale_only) {
    if (dataset && manifest_name_compare(r->dataset, dataset) != 0)
        return false;
    if (model && strcmp(r->model, model) != 0 && strcmp(r->provider, model) != 0)
        return false;
    if (!stale_only)
        return true;
    LH_AUTO(json) json_t *described = index_describe(s, r);
    return json_is_true(json_object_get(described, "stale"));
}

enum lh_code index_list(struct index_service *s, const char *dataset, const char *model, bool stale_only,
                        json_t **ret_items, struct lh_err *err) {
    LH_AUTO(arena) struct arena *arena = arena_new();
    LH_AUTO(json) json_t *items = json_array();
    const char **names;
    size_t count;
    LH_TRY(index_record_names(service_store(s), arena, &names, &count, err));
    for (size_t i = 0; i < count; i++) {
        LH_AUTO(index_record) struct index_record record = {0};
        enum lh_code code = index_record_load(service_store(s), names[i], &record, err);
        if (code == LH_NOT_FOUND)
            continue;
        LH_TRY(code);
        if (matches(s, &record, dataset, model, stale_only))
            json_array_append_new(items, index_describe(s, &record));
    }
    *ret_items = LH_STEAL(items);
    return LH_OK;
}
