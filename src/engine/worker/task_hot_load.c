/* The task `hot_load`: what a SELECT gives as the one table of a DuckDB database file.
 *
 *     {"select": SQL}
 *
 * Leaves output_dir/hot.duckdb with the table `rows` and answers {"rows"}.  The file is complete and has no write-ahead log. */
#include "base/buf.h"
#include "base/cleanup.h"
#include "engine/worker/tasks.h"

enum lh_code task_hot_load(struct task *t, const json_t *request, json_t **ret_answer, struct lh_err *err) {
    const char *select;
    int64_t rows;
    LH_AUTO(buf) struct buf sql = BUF_INIT;
    if (!t->output_dir)
        return lh_fail(err, LH_INTERNAL, "hot_load needs an output folder");
    LH_TRY(lh_json_get_string(request, "", "select", &select, err));
    buf_printf(&sql, "%s/hot.duckdb", t->output_dir);
    LH_AUTO(buf) struct buf attach = BUF_INIT;
    buf_append_str(&attach, "ATTACH ");
    buf_append_sql_string(&attach, buf_cstr(&sql));
    buf_append_str(&attach, " AS made");
    LH_TRY(session_run(t->session, buf_cstr(&attach), err));
    buf_reset(&sql);
    buf_printf(&sql, "CREATE TABLE made.rows AS %s", select);
    LH_TRY(session_query_int64(t->session, buf_cstr(&sql), &rows, err));
    LH_TRY(session_run(t->session, "CHECKPOINT made", err));
    LH_TRY(session_run(t->session, "DETACH made", err));
    json_t *answer = json_object();
    json_object_set_new(answer, "rows", json_integer(rows));
    *ret_answer = answer;
    return LH_OK;
}
