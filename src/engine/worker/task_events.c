/* The tasks `events_write` and `events_merge`: events of the journal into one Parquet file, sorted by entity, with a filter
 * of the entities that stand in it.
 *
 *     events_write   {"max_row_bytes": the longest line}; untrusted_input: events as NDJSON
 *     events_merge   {"files": [paths of event files], "redact": [{"entity_type", "entity_id", "replacement",
 *                    "until_us"}]?}
 *                    "redact": events of these entities up to that time get the replacement for a name, and no values
 *
 * Both leave output_dir/events.parquet and output_dir/entities.bloom and answer {"rows", "min_us", "max_us", "entities"}.
 * An event that stands in several files, or several times in one, is kept once.  Columns: docs/formats/journal.md. */
#include "base/alloc.h"
#include "base/bloom.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "engine/worker/tasks.h"
#include "os/file.h"
#include "os/os.h"

#include <string.h>

/* DuckDB's reader takes twice this much for each thread at once. */
#define SMALLEST_OBJECT_SIZE (INT64_C(1) << 20)

/* One DuckDB vector an entity's search has to unpack, times ten: small for reading, large enough to pack well. */
#define ROW_GROUP_ROWS 20480

static enum lh_code copy_events(struct task *t, const char *source, const char *path, struct lh_err *err) {
    LH_AUTO(buf) struct buf sql = BUF_INIT;
    int64_t rows;
    /* The order is the reader's: one entity's events are neighbours, so that row-group statistics find them. */
    buf_printf(&sql, "COPY (SELECT * FROM (SELECT DISTINCT ON (id) * FROM (%s)) ORDER BY entity_id, ts, id) TO ",
               source);
    buf_append_sql_string(&sql, path);
    buf_printf(&sql, " (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE %d)", ROW_GROUP_ROWS);
    return session_query_int64(t->session, buf_cstr(&sql), &rows, err);
}

static void add_texts(const struct duckdb_api *db, duckdb_data_chunk chunk, unsigned char *bits, size_t size_bytes) {
    const duckdb_string_t *texts = db->vector_get_data(db->data_chunk_get_vector(chunk, 0));
    idx_t count = db->data_chunk_get_size(chunk);
    for (idx_t i = 0; i < count; i++) {
        uint32_t len = texts[i].value.inlined.length;
        bool inlined = len <= sizeof texts[i].value.inlined.inlined;
        bloom_add(bits, size_bytes,
                  bloom_hash(inlined ? texts[i].value.inlined.inlined : texts[i].value.pointer.ptr, len));
    }
}

static enum lh_code write_bloom(struct task *t, const char *events, const char *path, size_t *ret_entities,
                                struct lh_err *err) {
    const struct duckdb_api *db = t->session->duckdb;
    LH_AUTO(query_result) struct query_result entities = {.duckdb = NULL};
    LH_AUTO(buf) struct buf sql = BUF_INIT;
    buf_append_str(&sql, "SELECT DISTINCT entity_id FROM read_parquet(");
    buf_append_sql_path(&sql, events);
    buf_append_str(&sql, ", hive_partitioning = false)");
    LH_TRY(session_query(t->session, buf_cstr(&sql), &entities.result, err));
    entities.duckdb = db;
    size_t count = (size_t)db->row_count(&entities.result);
    size_t size_bytes = bloom_size_bytes(count);
    LH_AUTO(mem) unsigned char *bits = lh_calloc(1, size_bytes);
    for (duckdb_data_chunk chunk; (chunk = db->fetch_chunk(entities.result));) {
        add_texts(db, chunk, bits, size_bytes);
        db->destroy_data_chunk(&chunk);
    }
    *ret_entities = count;
    return os_write_file_atomic(os_real(), AT_FDCWD, path, bits, size_bytes, 0600, err);
}

static enum lh_code describe(struct task *t, const char *events, size_t entities, json_t **ret_answer,
                             struct lh_err *err) {
    const struct duckdb_api *db = t->session->duckdb;
    LH_AUTO(query_result) struct query_result found = {.duckdb = NULL};
    LH_AUTO(buf) struct buf sql = BUF_INIT;
    buf_append_str(&sql, "SELECT count(*), min(epoch_us(ts)), max(epoch_us(ts)) FROM read_parquet(");
    buf_append_sql_path(&sql, events);
    buf_append_str(&sql, ", hive_partitioning = false)");
    LH_TRY(session_query(t->session, buf_cstr(&sql), &found.result, err));
    found.duckdb = db;
    static const char *const names[] = {"rows", "min_us", "max_us"};
    json_t *answer = json_object();
    for (idx_t i = 0; i < 3; i++)
        json_object_set_new(answer, names[i], json_integer(db->value_int64(&found.result, i, 0)));
    json_object_set_new(answer, "entities", json_integer((json_int_t)entities));
    *ret_answer = answer;
    return LH_OK;
}

static enum lh_code make_file(struct task *t, const char *source, json_t **ret_answer, struct lh_err *err) {
    LH_AUTO(buf) struct buf events = BUF_INIT;
    LH_AUTO(buf) struct buf bloom = BUF_INIT;
    size_t entities = 0;
    buf_printf(&events, "%s/events.parquet", t->output_dir);
    buf_printf(&bloom, "%s/entities.bloom", t->output_dir);
    LH_TRY(copy_events(t, source, buf_cstr(&events), err));
    LH_TRY(write_bloom(t, buf_cstr(&events), buf_cstr(&bloom), &entities, err));
    return describe(t, buf_cstr(&events), entities, ret_answer, err);
}

enum lh_code task_events_write(struct task *t, const json_t *request, json_t **ret_answer, struct lh_err *err) {
    int64_t longest;
    if (!t->untrusted_input || !t->output_dir)
        return lh_fail(err, LH_INTERNAL, "events_write needs an input and an output folder");
    LH_TRY(lh_json_get_int(request, "", "max_row_bytes", &longest, err));
    LH_AUTO(buf) struct buf source = BUF_INIT;
    buf_append_str(&source,
                   "SELECT id, make_timestamptz(ts_us) AS ts, entity_type, entity_id, field, action, old_value, "
                   "new_value, actor, source, workspace_id FROM read_json(");
    buf_append_sql_string(&source, t->untrusted_input);
    buf_printf(
        &source,
        ", format = 'newline_delimited', maximum_object_size = %lld, columns = {id: 'VARCHAR', ts_us: 'BIGINT', "
        "entity_type: 'VARCHAR', entity_id: 'VARCHAR', field: 'VARCHAR', action: 'VARCHAR', old_value: 'VARCHAR', "
        "new_value: 'VARCHAR', actor: 'VARCHAR', source: 'VARCHAR', workspace_id: 'VARCHAR'})",
        (long long)(longest > SMALLEST_OBJECT_SIZE ? longest : SMALLEST_OBJECT_SIZE));
    return make_file(t, buf_cstr(&source), ret_answer, err);
}

static const char *member(const json_t *object, const char *name) {
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

/* The select list of the events: as they are, or without what is to be forgotten. */
static void append_fields(struct buf *source, const json_t *redactions) {
    LH_AUTO(buf) struct buf names = BUF_INIT;
    size_t i;
    json_t *r;
    if (json_array_size(redactions) == 0) {
        buf_append_char(source, '*');
        return;
    }
    buf_append_str(&names, "CASE");
    json_array_foreach((json_t *)(uintptr_t)redactions, i, r) {
        buf_append_str(&names, " WHEN entity_type = ");
        buf_append_sql_string(&names, member(r, "entity_type"));
        buf_append_str(&names, " AND entity_id = ");
        buf_append_sql_string(&names, member(r, "entity_id"));
        buf_printf(&names, " AND ts <= make_timestamptz(%lld)",
                   (long long)json_integer_value(json_object_get(r, "until_us")));
        buf_append_str(&names, " THEN ");
        buf_append_sql_string(&names, member(r, "replacement"));
    }
    buf_append_str(&names, " END");
    buf_printf(
        source,
        "* REPLACE (coalesce(%s, entity_id) AS entity_id, CASE WHEN (%s) IS NULL THEN old_value END AS old_value, "
        "CASE WHEN (%s) IS NULL THEN new_value END AS new_value)",
        buf_cstr(&names), buf_cstr(&names), buf_cstr(&names));
}

enum lh_code task_events_merge(struct task *t, const json_t *request, json_t **ret_answer, struct lh_err *err) {
    json_t *files, *file;
    size_t i;
    if (!t->output_dir)
        return lh_fail(err, LH_INTERNAL, "events_merge needs an output folder");
    LH_TRY(lh_json_get_array(request, "", "files", &files, err));
    LH_AUTO(buf) struct buf source = BUF_INIT;
    buf_append_str(&source, "SELECT ");
    append_fields(&source, json_object_get(request, "redact"));
    buf_append_str(&source, " FROM read_parquet([");
    json_array_foreach(files, i, file) {
        if (i > 0)
            buf_append_str(&source, ", ");
        buf_append_sql_path(&source, json_string_value(file) ? json_string_value(file) : "");
    }
    buf_append_str(&source, "], hive_partitioning = false)");
    return make_file(t, buf_cstr(&source), ret_answer, err);
}
