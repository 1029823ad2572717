/* The task `parquet_info`: what a Parquet file holds, from its footer alone.
 *
 *     untrusted_input: the file; answers {"row_count": n, "columns": [{"name": "id", "type": "BIGINT"}, ...]}
 *
 * Runs in a fresh worker: a registered file may be anything. */
#include "base/buf.h"
#include "base/cleanup.h"
#include "engine/worker/tasks.h"
#include "engine/worker/type_name.h"

static void append_read(struct buf *sql, const char *path) {
    buf_append_str(sql, "read_parquet(");
    buf_append_sql_string(sql, path);
    buf_append_str(sql, ", hive_partitioning = false)");
}

static enum lh_code describe_columns(struct task *t, json_t *columns, struct lh_err *err) {
    const struct duckdb_api *duckdb = t->session->duckdb;
    LH_AUTO(buf) struct buf sql = BUF_INIT;
    buf_append_str(&sql, "SELECT * FROM ");
    append_read(&sql, t->untrusted_input);
    buf_append_str(&sql, " LIMIT 0");
    LH_AUTO(query_result) struct query_result rows = {0};
    LH_TRY(session_query(t->session, buf_cstr(&sql), &rows.result, err));
    rows.duckdb = duckdb;
    idx_t count = duckdb->column_count(&rows.result);
    for (idx_t i = 0; i < count; i++) {
        LH_AUTO(buf) struct buf type = BUF_INIT;
        duckdb_logical_type logical = duckdb->column_logical_type(&rows.result, i);
        type_name_append(duckdb, logical, &type);
        duckdb->destroy_logical_type(&logical);
        json_t *column = json_object();
        json_object_set_new(column, "name", json_string(duckdb->column_name(&rows.result, i)));
        json_object_set_new(column, "type", json_string(buf_cstr(&type)));
        json_array_append_new(columns, column);
    }
    return LH_OK;
}

enum lh_code task_parquet_info(struct task *t, const json_t *request, json_t **ret_answer, struct lh_err *err) {
    (void)request;
    if (!t->untrusted_input)
        return lh_fail(err, LH_INTERNAL, "parquet_info needs an input file");
    LH_AUTO(json) json_t *answer = json_object();
    json_t *columns = json_array();
    json_object_set_new(answer, "columns", columns);
    LH_TRY(describe_columns(t, columns, err));
    LH_AUTO(buf) struct buf sql = BUF_INIT;
    buf_append_str(&sql, "SELECT count(*) FROM ");
    append_read(&sql, t->untrusted_input);
    int64_t rows;
    LH_TRY(session_query_int64(t->session, buf_cstr(&sql), &rows, err));
    json_object_set_new(answer, "row_count", json_integer(rows));
    *ret_answer = LH_STEAL(answer);
    return LH_OK;
}
