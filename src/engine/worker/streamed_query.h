/* One statement of ours whose rows come a chunk at a time: what is held is what DuckDB's readers hold, and one chunk.
 *
 *     LH_AUTO(streamed_query) struct streamed_query q = {0};
 *     LH_TRY(streamed_query_start(&q, session, sql, err));
 *     for (;;) {
 *         LH_TRY(streamed_query_next(&q, &chunk, err));
 *         if (!chunk)
 *             break;
 *         ...
 *     }
 *
 * Main thread of the worker, as all of session.h.  Clients' statements, with their parameters and names, are query_run.c's. */
#ifndef LH_ENGINE_WORKER_STREAMED_QUERY_H
#define LH_ENGINE_WORKER_STREAMED_QUERY_H

#include "base/error.h"
#include "engine/worker/duckdb_api.h"
#include "engine/worker/session.h"

struct streamed_query {
    const struct duckdb_api *duckdb;
    duckdb_prepared_statement statement;
    duckdb_pending_result pending;
    struct query_result result;
    duckdb_data_chunk chunk; /* the last one given */
};

/* `q` is zeroed.  Errors are session_fail()'s. */
LH_CHECKED enum lh_code streamed_query_start(struct streamed_query *q, struct session *session, const char *sql,
                                             struct lh_err *err);
/* Valid until the next call; NULL at the end. */
LH_CHECKED enum lh_code streamed_query_next(struct streamed_query *q, duckdb_data_chunk *ret_chunk, struct lh_err *err);

void streamed_query_auto_release(struct streamed_query *q); /* a zeroed one is fine */

#endif
