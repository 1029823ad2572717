#include "engine/worker/streamed_query.h"

enum lh_code streamed_query_start(struct streamed_query *q, struct session *session, const char *sql,
                                  struct lh_err *err) {
    const struct duckdb_api *db = q->duckdb = session->duckdb;
    if (db->prepare(session->connection, sql, &q->statement) != DuckDBSuccess)
        return session_fail(err, db->prepare_error(q->statement));
    if (db->pending_prepared_streaming(q->statement, &q->pending) != DuckDBSuccess)
        return session_fail(err, q->pending ? db->pending_error(q->pending) : NULL);
    duckdb_state state = db->execute_pending(q->pending, &q->result.result);
    q->result.duckdb = db;
    return state == DuckDBSuccess ? LH_OK : session_fail(err, db->result_error(&q->result.result));
}

static void drop_chunk(struct streamed_query *q) {
    if (q->chunk)
        q->duckdb->destroy_data_chunk(&q->chunk);
    q->chunk = NULL;
}

enum lh_code streamed_query_next(struct streamed_query *q, duckdb_data_chunk *ret_chunk, struct lh_err *err) {
    drop_chunk(q);
    q->chunk = q->duckdb->fetch_chunk(q->result.result);
    const char *reason = q->chunk ? NULL : q->duckdb->result_error(&q->result.result);
    if (reason && *reason)
        return session_fail(err, reason);
    *ret_chunk = q->chunk;
    return LH_OK;
}

void streamed_query_auto_release(struct streamed_query *q) {
    drop_chunk(q);
    query_result_auto_release(&q->result);
    if (q->pending)
        q->duckdb->destroy_pending(&q->pending);
    if (q->statement)
        q->duckdb->destroy_prepare(&q->statement);
}
