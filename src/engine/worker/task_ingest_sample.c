/* How many sampled values of each text column look like personal data: counted here, where DuckDB's linear-time regular
 * expressions are; judged by the server (src/ingest/pii.c). */
#include "engine/worker/ingest_job.h"
#include "engine/worker/tasks.h"

#include <string.h>

/* Columns in one statement; a thousand aggregates at once would be slow to plan. */
#define COLUMNS_AT_ONCE ((size_t)64)

static enum lh_code count_columns(struct ingest_job *job, const json_t *patterns, json_t **columns, size_t count,
                                  struct lh_err *err) {
    LH_AUTO(buf) struct buf sql = BUF_INIT;
    LH_AUTO(buf) struct buf inner = BUF_INIT;
    buf_append_str(&sql, "SELECT ");
    for (size_t i = 0; i < count; i++) {
        buf_append_str(&inner, i ? ", " : "");
        buf_append_sql_ident(&inner, json_string_value(json_object_get(columns[i], "name")));
        buf_printf(&inner, " AS c%zu", i);
        buf_printf(&sql, "%scount(c%zu) FILTER (WHERE c%zu <> '')", i ? ", " : "", i, i);
        for (size_t p = 0; p < json_array_size(patterns); p++) {
            buf_printf(&sql, ", count(*) FILTER (WHERE regexp_matches(c%zu, ", i);
            buf_append_sql_string(&sql, json_string_value(json_object_get(json_array_get(patterns, p), "pattern")));
            buf_append_str(&sql, "))");
        }
    }
    buf_printf(&sql, " FROM (SELECT %s FROM read_parquet(", buf_cstr(&inner));
    LH_AUTO(buf) struct buf path = BUF_INIT;
    buf_printf(&path, "%s/data.parquet", job->task->output_dir);
    buf_append_sql_string(&sql, buf_cstr(&path));
    buf_printf(&sql, ") LIMIT %lld)", (long long)job->sample_rows);
    struct session *session = job->task->session;
    const struct duckdb_api *db = session->duckdb;
    LH_AUTO(query_result) struct query_result result = {.duckdb = NULL};
    LH_TRY(session_query(session, buf_cstr(&sql), &result.result, err));
    result.duckdb = db;
    uint64_t at = 0;
    for (size_t i = 0; i < count; i++) {
        json_object_set_new(columns[i], "sampled", json_integer(db->value_int64(&result.result, at++, 0)));
        json_t *matches = json_array();
        for (size_t p = 0; p < json_array_size(patterns); p++)
            json_array_append_new(matches, json_integer(db->value_int64(&result.result, at++, 0)));
        json_object_set_new(columns[i], "matches", matches);
    }
    return LH_OK;
}

enum lh_code ingest_sample_patterns(struct ingest_job *job, struct lh_err *err) {
    json_t *patterns;
    LH_TRY(lh_json_get_array_or_null(job->request, "", "patterns", &patterns, err));
    if (!patterns || job->row_count == 0)
        return LH_OK;
    for (size_t p = 0; p < json_array_size(patterns); p++) {
        const char *text;
        LH_TRY(lh_json_get_string(json_array_get(patterns, p), "patterns", "pattern", &text, err));
    }
    const json_t *types = json_object_get(job->request, "types");
    bool only_new = json_is_true(json_object_get(job->request, "sample_new_only"));
    json_t *batch[COLUMNS_AT_ONCE];
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(job->columns); i++) {
        json_t *column = json_array_get(job->columns, i);
        const char *type = json_string_value(json_object_get(column, "type"));
        bool known = only_new && json_object_get(types, json_string_value(json_object_get(column, "name"))) != NULL;
        if (type && strcmp(type, "VARCHAR") == 0 && !known)
            batch[count++] = column;
        if (count == COLUMNS_AT_ONCE || (count && i + 1 == json_array_size(job->columns))) {
            LH_TRY(count_columns(job, patterns, batch, count, err));
            count = 0;
        }
    }
    return LH_OK;
}
