#include "index/record.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "store/object_store.h"

#include <inttypes.h>
#include <string.h>

#define META "_vectors/meta/"
#define RECORD_MAX_BYTES ((size_t)1024 * 1024)

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
    int backend;
    LH_TRY(lh_json_get_string(json, "segments", "chunks", &s->chunks, err));
    LH_TRY(lh_json_get_string(json, "segments", "codes", &s->codes, err));
    LH_TRY(lh_json_get_string_or(json, "segments", "parquet", NULL, &s->parquet, err));
    LH_TRY(get_choice(json, "backend", backend_names, LH_ARRAY_LEN(backend_names), &backend, err));
    s->backend = (enum index_backend)backend;
    return get_count(json, "segments", "rows", UINT32_MAX, &s->rows, err);
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
    r->source_rows = RECORD_ROWS_UNKNOWN;
    if (json_object_get(g, "source_rows"))
        LH_TRY(get_count(g, "generation", "source_rows", INT64_MAX, &r->source_rows, err));
    LH_TRY(get_count(g, "generation", "rows", UINT32_MAX, &r->rows, err));
    LH_TRY(get_count(g, "generation", "live", UINT32_MAX, &r->live, err));
    LH_TRY(get_count(g, "generation", "documents", UINT32_MAX, &r->documents, err));
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
    json_t *source, *model, *chunks, *graph;
    int backend, policy;
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
    LH_TRY(lh_json_get_object(json, "", "hnsw", &graph, err));
    LH_TRY(get_u32(graph, "hnsw", "m", &r->m, err));
    LH_TRY(get_u32(graph, "hnsw", "ef_construction", &r->ef_construction, err));
    LH_TRY(get_u32(graph, "hnsw", "ef_search", &r->ef_search, err));
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

/* ---- objects ---- */

static enum lh_code list_records(struct object_store *s, const char *name, struct arena *arena,
                                 struct object_info **ret_items, size_t *ret_count, struct lh_err *err) {
    bool more;
    return object_list(s, arena_printf(arena, META "%s/", name), "", OBJECT_LIST_MAX, arena, ret_items, ret_count,
                       &more, err);
}

static enum lh_code read_record(struct object_store *s, const char *key, json_t **ret_json, struct lh_err *err) {
    LH_AUTO(buf) struct buf text = BUF_INIT;
    LH_TRY(object_get(s, key, RECORD_MAX_BYTES, &text, NULL, err));
    return lh_json_parse(buf_cstr(&text), text.len, NULL, ret_json, err);
}

enum lh_code index_record_load(struct object_store *s, const char *name, struct index_record *ret_record,
                               struct lh_err *err) {
    LH_AUTO(arena) struct arena *arena = arena_new();
    LH_AUTO(json) json_t *json = NULL;
    struct object_info *items;
    size_t count;
    LH_TRY(list_records(s, name, arena, &items, &count, err));
    if (count > 0)
        LH_TRY(read_record(s, items[count - 1].key, &json, err));
    if (!json || json_is_true(json_object_get(json, "deleted")))
        return lh_fail(err, LH_NOT_FOUND, "there is no index \"%s\"", name);
    return index_record_parse(json, ret_record, err);
}

enum lh_code index_record_number(struct object_store *s, const char *name, uint64_t *ret_number, bool *ret_taken,
                                 struct lh_err *err) {
    LH_AUTO(arena) struct arena *arena = arena_new();
    LH_AUTO(json) json_t *json = NULL;
    struct object_info *items;
    int64_t number = 0;
    size_t count;
    LH_TRY(list_records(s, name, arena, &items, &count, err));
    if (count > 0) {
        LH_TRY(read_record(s, items[count - 1].key, &json, err));
        LH_TRY(lh_json_get_int(json, "", "number", &number, err));
    }
    *ret_number = (uint64_t)number;
    *ret_taken = json && !json_is_true(json_object_get(json, "deleted"));
    return LH_OK;
}

enum lh_code index_record_write(struct object_store *s, const char *name, uint64_t number, json_t *json,
                                struct lh_err *err) {
    LH_AUTO(arena) struct arena *arena = arena_new();
    LH_AUTO(buf) struct buf text = BUF_INIT;
    struct object_info *items;
    size_t count;
    json_object_set_new(json, "format", json_integer(RECORD_FORMAT));
    json_object_set_new(json, "number", json_integer((json_int_t)number + 1));
    lh_json_write(json, LH_JSON_PRETTY, &text);
    const char *key = arena_printf(arena, META "%s/%020" PRIu64 ".json", name, number + 1);
    enum lh_code code = object_put(s, key, text.data, text.len, OBJECT_PUT_IF_ABSENT, NULL, err);
    if (code == LH_EXISTS) {
        lh_ignore(lh_fail(err, LH_CONFLICT, "the index \"%s\" was changed by somebody else meanwhile", name));
        return lh_err_hint(err, "look at it again, and repeat the change");
    }
    LH_TRY(code);
    struct lh_err ignored = LH_ERR_INIT;
    if (list_records(s, name, arena, &items, &count, &ignored) == LH_OK)
        for (size_t i = 0; i + RECORD_HISTORY < count; i++)
            lh_ignore(object_delete(s, items[i].key, &ignored));
    return LH_OK;
}

enum lh_code index_record_names(struct object_store *s, struct arena *arena, const char ***ret_names, size_t *ret_count,
                                struct lh_err *err) {
    struct object_info *items;
    size_t count, found = 0;
    bool more;
    LH_TRY(object_list(s, META, "", OBJECT_LIST_MAX, arena, &items, &count, &more, err));
    const char **names = arena_alloc(arena, (count + 1) * sizeof *names);
    for (size_t i = 0; i < count; i++) {
        const char *name = items[i].key + strlen(META), *slash = strchr(name, '/');
        size_t len = slash ? (size_t)(slash - name) : 0;
        if (len == 0 || (found > 0 && strlen(names[found - 1]) == len && memcmp(names[found - 1], name, len) == 0))
            continue;
        names[found++] = arena_strndup(arena, name, len);
    }
    *ret_names = names;
    *ret_count = found;
    return LH_OK;
}

enum lh_code index_record_history(struct object_store *s, const char *name, json_t **ret_records, struct lh_err *err) {
    LH_AUTO(arena) struct arena *arena = arena_new();
    LH_AUTO(json) json_t *records = json_array();
    struct object_info *items;
    size_t count;
    LH_TRY(list_records(s, name, arena, &items, &count, err));
    for (size_t i = count; i-- > 0;) {
        json_t *record = NULL;
        LH_TRY(read_record(s, items[i].key, &record, err));
        json_array_append_new(records, record);
    }
    *ret_records = LH_STEAL(records);
    return LH_OK;
}
