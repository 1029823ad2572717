/* One DuckDB instance in this process, and the ways to run statements on it.
 *
 * A worker has one session for its whole life.  Everything here runs on the worker's main thread, which has the large
 * stack that DuckDB's parser and binder need; only session_interrupt() may be called from another thread. */
#ifndef LH_ENGINE_WORKER_SESSION_H
#define LH_ENGINE_WORKER_SESSION_H

#include "base/cleanup.h"
#include "base/error.h"
#include "engine/worker/duckdb_api.h"

#include <stdbool.h>
#include <stdint.h>

struct merge_filter;
struct os;
struct worker_profile;

struct session {
    const struct duckdb_api *duckdb;
    duckdb_database database;
    duckdb_connection connection;
    struct merge_filter *merge_filter; /* what read plans of datasets with deltas call */
    char *temp_dir;                    /* the worker's own folder, absolute; it may write here */
};

/* An in-memory database with what all workers have in common.  The host opens it once, before it forks: that is most
 * of what the start of a worker costs.  It has no thread but the caller's, so that a fork copies it whole.  LH_UNAVAILABLE. */
LH_CHECKED enum lh_code session_prepare(const struct duckdb_api *duckdb, duckdb_database *ret_database,
                                        struct lh_err *err);
/* Take a prepared database, which is the session's from now on, and put the profile's limits and fences on it (see
 * profile.h). */
LH_CHECKED enum lh_code session_open(struct session *s, struct os *os, const struct duckdb_api *duckdb,
                                     duckdb_database database, const struct worker_profile *profile,
                                     struct lh_err *err);
void session_close(struct session *s);

/* Stop the running statement at its next look.  Any thread. */
void session_interrupt(struct session *s);

/* Run statements whose rows nobody wants. */
LH_CHECKED enum lh_code session_run(struct session *s, const char *sql, struct lh_err *err);
/* Run one statement, materialised.  The caller destroys the result where LH_OK came back, and only then. */
LH_CHECKED enum lh_code session_query(struct session *s, const char *sql, duckdb_result *ret_result,
                                      struct lh_err *err);
/* The first column of the first row as a number. */
LH_CHECKED enum lh_code session_query_int64(struct session *s, const char *sql, int64_t *ret_value, struct lh_err *err);

/* DuckDB's error text (possibly NULL) about this session's statement, for whoever prepares statements without the
 * functions above: did it stumble over something behind a dataset's read plan?  Then `err` says what. */
bool session_plan_failed(const struct session *s, const char *duckdb_error, struct lh_err *err);

/* DuckDB's error text (JSON or plain, possibly NULL) about a statement that we wrote, as `err`: what would be LH_SQL
 * in a client's statement is LH_DATA here, as the cause then lies in the file that was read.  Returns the code. */
enum lh_code session_fail(struct lh_err *err, const char *duckdb_error);
/* Does this session still answer?  false: end the worker. */
bool session_alive(struct session *s);

/* For LH_AUTO(query_result): a result with the table that can destroy it. */
struct query_result {
    const struct duckdb_api *duckdb;
    duckdb_result result;
};
static inline void query_result_auto_release(struct query_result *r) {
    if (r->duckdb)
        r->duckdb->destroy_result(&r->result);
}

#endif
