#include "index/record.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "index/numbered.h"
#include "index/trial_choice.h"

#include <inttypes.h>
#include <string.h>

#define META "_vectors/meta/"

static const char *const backend_names[] = {"auto", "flat", "hnsw"};
static const char *const policy_names[] = {"manual", "on_append", "scheduled"};

const char *index_backend_name(enum index_backend backend) {
    return backend_names[backend];
}

const char *index_policy_name(enum index_policy policy) {
    return policy_names[policy];
}

enum lh_code index_name_check(const char *name, struct lh_err *err) {
    size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-");
    if (len >= 1 && len <= INDEX_NAME_MAX && name[len] == '\0' && name[0] != '-' && name[0] != '_')
        return LH_OK;
    lh_ignore(lh_fail(err, LH_INVALID, "\"%.80s\" cannot be the name of an index", name));
    return lh_err_hint(err, "1 to %d of a-z 0-9 _ -, beginning with a letter or digit", INDEX_NAME_MAX);
}

/* ---- JSON ---- */

static enum lh_code get_choice(const json_t *json, const char *key, const char *const *names, size_t count, int *ret,
                               struct lh_err *err) {
    const char *text;
    LH_TRY(lh_json_get_string(json, "", key, &text, err));
    for (size_t i = 0; i < count; i++)
        if (strcmp(text, names[i]) == 0) {
            *ret = (int)i;
            return LH_OK;
        }
    return lh_fail(err, LH_INVALID, "%s cannot be \"%.40s\"", key, text);
}

static enum lh_code get_count(const json_t *json, const char *where, const char *key, uint64_t max, uint64_t *ret,
                              struct lh_err *err) {
    int64_t value;
    LH_TRY(lh_json_get_int_or(json, where, key, 0, &value, err));
    if (value < 0 || (uint64_t)value > max)
        return lh_fail(err, LH_INVALID, "%s must be from 0 to %" PRIu64, key, max);
    *ret = (uint64_t)value;
    return LH_OK;
}

static enum lh_code get_u32(const json_t *json, const char *where, const char *key, uint32_t *ret, struct lh_err *err) {
    uint64_t value = 0;
    LH_TRY(get_count(json, where, key, UINT32_MAX, &value, err));
    *ret = (uint32_t)value;
    return LH_OK;
}

static enum lh_code parse_segment(const json_t *json, struct segment_record *s, struct lh_err *err) {
    int backend = 0;
    LH_TRY(lh_json_get_string(json, "segments", "chunks", &s->chunks, err));
    LH_TRY(lh_json_get_string(json, "segments", "codes", &s->codes, err));
    LH_TRY(lh_json_get_string_or(json, "segments", "parquet", NULL, &s->parquet, err));
    LH_TRY(get_choice(json, "backend", backend_names, LH_ARRAY_LEN(backend_names), &backend, err));
    s->backend = (enum index_backend)backend;
    return get_count(json, "segments", "rows", UINT32_MAX, &s->rows, err);
}

static enum lh_code parse_graph(const json_t *json, const char *where, struct index_graph *ret, struct lh_err *err) {
    json_t *graph;
    LH_TRY(lh_json_get_object_or_null(json, where, "hnsw", &graph, err));
    if (!graph)
        return LH_OK;
    LH_TRY(get_u32(graph, "hnsw", "m", &ret->m, err));
    LH_TRY(get_u32(graph, "hnsw", "ef_construction", &ret->ef_construction, err));
    LH_TRY(get_u32(graph, "hnsw", "ef_search", &ret->ef_search, err));
    return json_object_get(graph, "seed") ? get_count(graph, "hnsw", "seed", INT64_MAX, &ret->seed, err) : LH_OK;
}

static enum lh_code parse_generation(const json_t *json, struct index_record *r, struct lh_err *err) {
    json_t *g, *segments, *segment;
    size_t i;
    r->data_bucket = r->bucket;
    LH_TRY(lh_json_get_object_or_null(json, "", "generation", &g, err));
    if (!g)
        return LH_OK;
    LH_TRY(lh_json_get_string(g, "generation", "id", &r->generation, err));
    LH_TRY(lh_json_get_string_or(g, "generation", "bucket", r->bucket, &r->data_bucket, err));
    LH_TRY(get_count(g, "generation", "source_version", INT64_MAX, &r->source_version, err));
    LH_TRY(lh_json_get_string_or(g, "generation", "source_id", NULL, &r->source_id, err));
    r->source_rows = RECORD_ROWS_UNKNOWN;
    if (json_object_get(g, "source_rows"))
        LH_TRY(get_count(g, "generation", "source_rows", INT64_MAX, &r->source_rows, err));
    LH_TRY(get_count(g, "generation", "rows", UINT32_MAX, &r->rows, err));
    LH_TRY(get_count(g, "generation", "live", UINT32_MAX, &r->live, err));
    LH_TRY(get_count(g, "generation", "documents", UINT32_MAX, &r->documents, err));
    r->built = r->graph;
    LH_TRY(parse_graph(g, "generation", &r->built, err));
    LH_TRY(lh_json_get_string_or(g, "generation", "text", NULL, &r->text, err));
    LH_TRY(lh_json_get_string_or(g, "generation", "dead", NULL, &r->dead, err));
    LH_TRY(lh_json_get_string_or(g, "generation", "weights", NULL, &r->weights, err));
    LH_TRY(lh_json_get_array(g, "generation", "segments", &segments, err));
    if (json_array_size(segments) > INDEX_SEGMENTS_MAX)
        return lh_fail(err, LH_INVALID, "more than %d segments", INDEX_SEGMENTS_MAX);
    json_array_foreach(segments, i, segment) LH_TRY(parse_segment(segment, &r->segments[r->segment_count++], err));
    return LH_OK;
}

static enum lh_code parse_spec(const json_t *json, struct index_record *r, struct lh_err *err) {
    json_t *source, *model, *chunks;
    int backend = 0, policy = 0;
    uint32_t size, overlap;
    const char *unit;
    LH_TRY(lh_json_get_string(json, "", "name", &r->name, err));
    LH_TRY(lh_json_get_string(json, "", "bucket", &r->bucket, err));
    LH_TRY(lh_json_get_object(json, "", "source", &source, err));
    LH_TRY(lh_json_get_string(source, "source", "dataset", &r->dataset, err));
    LH_TRY(lh_json_get_string(source, "source", "id_column", &r->id_column, err));
    LH_TRY(lh_json_get_string(source, "source", "text_column", &r->text_column, err));
    LH_TRY(lh_json_get_object(json, "", "model", &model, err));
    LH_TRY(lh_json_get_string(model, "model", "provider", &r->provider, err));
    LH_TRY(lh_json_get_string(model, "model", "name", &r->model, err));
    LH_TRY(get_u32(model, "model", "dimensions", &r->dims, err));
    LH_TRY(lh_json_get_object(json, "", "chunks", &chunks, err));
    LH_TRY(lh_json_get_string(chunks, "chunks", "unit", &unit, err));
    LH_TRY(get_u32(chunks, "chunks", "size", &size, err));
    LH_TRY(get_u32(chunks, "chunks", "overlap", &overlap, err));
    r->chunks = (struct chunk_options){strcmp(unit, "tokens") == 0 ? CHUNK_TOKENS : CHUNK_CHARACTERS, size, overlap};
    LH_TRY(get_choice(json, "backend", backend_names, LH_ARRAY_LEN(backend_names), &backend, err));
    LH_TRY(get_choice(json, "refresh", policy_names, LH_ARRAY_LEN(policy_names), &policy, err));
    LH_TRY(lh_json_get_int_or(json, "", "every_ms", 0, &r->every_ms, err));
    r->graph.seed = TRIAL_SEED;
    LH_TRY(parse_graph(json, "", &r->graph, err));
    r->backend = (enum index_backend)backend;
    r->policy = (enum index_policy)policy;
    return LH_OK;
}

enum lh_code index_record_parse(json_t *json, struct index_record *ret_record, struct lh_err *err) {
    struct index_record r = {0};
    int64_t format;
    enum lh_code code = lh_json_get_int(json, "", "format", &format, err);
    if (code == LH_OK && format != RECORD_FORMAT)
        return lh_fail(err, LH_UNSUPPORTED, "an index record of format %" PRId64 "; this program knows %d", format,
                       RECORD_FORMAT);
    if (code == LH_OK)
        code = get_count(json, "", "number", INT64_MAX, &r.number, err);
    if (code == LH_OK)
        code = lh_json_get_bool_or(json, "", "deleted", false, &r.deleted, err);
    if (code == LH_OK)
        code = parse_spec(json, &r, err);
    if (code == LH_OK)
        code = parse_generation(json, &r, err);
    if (code != LH_OK) {
        err->code = LH_CORRUPT;
        return lh_err_context(err, "the record of an index");
    }
    r.json = json_incref(json);
    *ret_record = r;
    return LH_OK;
}

void index_record_release(struct index_record *r) {
    json_decref(r->json);
    r->json = NULL;
}

json_t *index_graph_json(const struct index_graph *g) {
    return json_pack("{s:I, s:I, s:I, s:I}", "m", (json_int_t)g->m, "ef_construction", (json_int_t)g->ef_construction,
                     "ef_search", (json_int_t)g->ef_search, "seed", (json_int_t)g->seed);
}

bool index_record_wants_graph(const struct index_record *r, uint64_t rows) {
    return r->backend == BACKEND_HNSW || (r->backend == BACKEND_AUTO && rows >= INDEX_GRAPH_FROM);
}

bool index_record_is_pending(const struct index_record *r) {
    if (!r->generation || r->segment_count == 0)
        return false;
    const struct segment_record *first = &r->segments[0]; /* the others were appended, and are flat */
    bool graph = index_record_wants_graph(r, first->rows);
    if (graph != (first->backend == BACKEND_HNSW))
        return true;
    return graph && (r->graph.m != r->built.m || r->graph.ef_construction != r->built.ef_construction ||
                     r->graph.seed != r->built.seed);
}

uint32_t index_record_ef(const struct index_record *r) {
    return index_record_is_pending(r) ? r->built.ef_search : r->graph.ef_search;
}

/* ---- objects ---- */

static const char *prefix_of(struct arena *arena, const char *name) {
    return arena_printf(arena, META "%s", name);
}

enum lh_code index_record_load(struct object_store *s, const char *name, struct index_record *ret_record,
                               struct lh_err *err) {
    LH_AUTO(arena) struct arena *arena = arena_new();
    LH_AUTO(json) json_t *json = NULL;
    uint64_t number;
    LH_TRY(numbered_newest(s, prefix_of(arena, name), &number, &json, err));
    if (!json || json_is_true(json_object_get(json, "deleted")))
        return lh_fail(err, LH_NOT_FOUND, "there is no index \"%s\"", name);
    return index_record_parse(json, ret_record, err);
}

enum lh_code index_record_number(struct object_store *s, const char *name, uint64_t *ret_number, bool *ret_taken,
                                 struct lh_err *err) {
    LH_AUTO(arena) struct arena *arena = arena_new();
    LH_AUTO(json) json_t *json = NULL;
    LH_TRY(numbered_newest(s, prefix_of(arena, name), ret_number, &json, err));
    *ret_taken = json && !json_is_true(json_object_get(json, "deleted"));
    return LH_OK;
}

enum lh_code index_record_write(struct object_store *s, const char *name, uint64_t number, json_t *json,
                                struct lh_err *err) {
    LH_AUTO(arena) struct arena *arena = arena_new();
    json_object_set_new(json, "format", json_integer(RECORD_FORMAT));
    enum lh_code code = numbered_put(s, prefix_of(arena, name), number + 1, json, err);
    if (code == LH_EXISTS) {
        lh_ignore(lh_fail(err, LH_CONFLICT, "the index \"%s\" was changed by somebody else meanwhile", name));
        return lh_err_hint(err, "look at it again, and repeat the change");
    }
    LH_TRY(code);
    numbered_prune(s, prefix_of(arena, name), RECORD_HISTORY);
    return LH_OK;
}

enum lh_code index_record_names(struct object_store *s, struct arena *arena, const char ***ret_names, size_t *ret_count,
                                struct lh_err *err) {
    return numbered_names(s, META, arena, ret_names, ret_count, err);
}

enum lh_code index_record_history(struct object_store *s, const char *name, json_t **ret_records, struct lh_err *err) {
    LH_AUTO(arena) struct arena *arena = arena_new();
    LH_AUTO(json) json_t *records = json_array();
    uint64_t *numbers;
    size_t count;
    LH_TRY(numbered_list(s, prefix_of(arena, name), RECORD_HISTORY, arena, &numbers, &count, err));
    for (size_t i = count; i-- > 0;) {
        json_t *record = NULL;
        LH_TRY(numbered_get(s, prefix_of(arena, name), numbers[i], &record, err));
        json_object_del(record, "promotions");
        json_array_append_new(records, record);
    }
    *ret_records = LH_STEAL(records);
    return LH_OK;
}
