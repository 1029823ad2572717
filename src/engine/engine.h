/* The engine, seen from the server: run SQL and file work in sandboxed worker processes.
 *
 * DuckDB never lives in this process.  An engine host (a zygote with libduckdb mapped) forks workers; each worker serves one
 * request at a time over a socket pair; results come back as encoded bytes that are handed on unread.  A worker that crashes, hangs
 * or hits a limit costs its own request a clear error (LH_CRASH, LH_LIMIT, LH_TIMEOUT) and is replaced; a dead host is
 * respawned.  The pool is bounded: what does not get a worker in time gets LH_BUSY.
 * Frames and states: src/engine/README.md.  All functions are thread-safe and block. */
#ifndef LH_ENGINE_ENGINE_H
#define LH_ENGINE_ENGINE_H

#include "base/error.h"
#include "base/json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct buf;
struct engine;
struct engine_result;

enum engine_format {
    ENGINE_JSON,    /* {"columns":[...],"rows":[[...]],"row_count":n,"truncated":b,"elapsed_ms":x} */
    ENGINE_NDJSON,  /* one object a row */
    ENGINE_CSV,     /* RFC 4180 with a header line */
    ENGINE_ARROW,   /* Arrow IPC stream */
    ENGINE_PARQUET, /* a Parquet file */
};

/* What a name in the SQL text stands for.  `definition` is the SELECT that reads it (policy and merge-on-read applied); two bindings
 * of the same name are the same view exactly when their definitions are byte-equal. */
struct engine_binding {
    const char *name;
    const char *definition;
};

/* Resolve the names a statement uses against the caller's one snapshot.  Called at most a few times per statement, on the calling
 * thread.  `names` are as written (case kept).  Names that are not datasets are left out of the answer: DuckDB then reports them
 * with position and hint (the resolver may add near names to *ret_suggestions for the message, in `arena`). */
typedef enum lh_code engine_resolve_fn(void *ctx, const char *const *names, size_t count, struct arena *arena,
                                       struct engine_binding **ret_bindings, size_t *ret_count,
                                       const char **ret_suggestions, struct lh_err *err);

struct engine_query {
    const char *sql;
    const json_t *params;      /* NULL, an array (positional) or an object (named) */
    enum engine_format format;
    uint64_t row_limit;        /* UINT64_MAX: none; one more row than this sets `truncated` */
    int64_t timeout_ms;        /* from now; > 0 */
    engine_resolve_fn *resolve;
    void *resolve_ctx;
    int cancel_fd;             /* readable (or closed) when the client is gone; -1: none */
    const char *request_id;    /* for logs */
};

/* Start a query on an `admin` worker.  On LH_OK the statement has been bound and started, the columns are known, and bytes can be read.
 * LH_SQL with err->position, caret text in the message and a hint; LH_BUSY; LH_TIMEOUT; LH_LIMIT; LH_CRASH. */
LH_CHECKED enum lh_code engine_query_start(struct engine *e, const struct engine_query *query,
                                           struct engine_result **ret_result, struct lh_err *err);

/* The next piece of the encoded result, valid until the next call; *ret_len 0 at the end.  An error here comes after bytes were
 * handed out: the stream must be cut, not completed. */
LH_CHECKED enum lh_code engine_result_read(struct engine_result *r, const void **ret_data, size_t *ret_len,
                                           struct lh_err *err);

struct engine_result_stats {
    uint64_t row_count; /* final only after the end was read */
    bool truncated;
    double elapsed_ms;  /* inside the worker */
};
void engine_result_stats(const struct engine_result *r, struct engine_result_stats *ret_stats);
/* Closing before the end cancels: interrupt, then SIGKILL after a grace time.  NULL is fine. */
void engine_result_close(struct engine_result *r);

/* A task is trusted work other than a client's query: one JSON request, one JSON answer, files by path inside the folders the
 * task was given.  `task` names a handler in engine/worker/tasks.h ("ingest", "parquet_info", "checkpoint_write",
 * "checkpoint_read", ...).  Runs in a fresh worker of class `ingest` when `untrusted_input` is set (that file read-only,
 * `output_dir` writable, nothing else), in a pooled `admin` worker otherwise. */
struct engine_task {
    const char *task;
    const json_t *request;
    const char *untrusted_input; /* absolute path or NULL */
    const char *output_dir;      /* absolute path of a folder for this task's output, or NULL */
    int64_t timeout_ms;
    int cancel_fd;
    void (*progress)(void *ctx, double fraction, uint64_t rows); /* NULL: none; on the calling thread */
    void *progress_ctx;
};
LH_CHECKED enum lh_code engine_run_task(struct engine *e, const struct engine_task *task, json_t **ret_answer,
                                        struct lh_err *err);

static inline void engine_result_auto_release(struct engine_result **r) {
    engine_result_close(*r);
}

#endif
