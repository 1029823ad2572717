/* The engine, seen from the server: run SQL and file work in sandboxed worker processes.
 *
 * DuckDB never lives in this process.  An engine host (a zygote with libduckdb mapped) forks workers; each worker
 * serves one request at a time over a socket pair; results come back as encoded bytes that are handed on unread.  A
 * worker that crashes, hangs or hits a limit costs its own request a clear error (LH_CRASH, LH_LIMIT, LH_TIMEOUT) and
 * is replaced; a dead host is respawned.  The pool is bounded: what does not get a worker in time gets LH_BUSY. Frames
 * and states: src/engine/README.md.  All functions are thread-safe and block. */
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
struct lh_log;
struct lh_metrics;
struct os;

/* ---- life ---- */

/* Start from engine_config_default() and set what differs.  Strings are copied. */
struct engine_config {
    const char *executable;        /* exec'd as `EXECUTABLE engine-host`; NULL: this program (/proc/self/exe) */
    const char *scratch_dir;       /* absolute; each worker gets a folder of its own in it, removed with the worker */
    const char *const *read_roots; /* what admin workers may read: the roots of the local buckets, caches; absolute */
    size_t read_root_count;

    unsigned workers;         /* admin workers at most, and queries at one time (2) */
    unsigned fresh_workers;   /* workers for tasks on files, besides those (2) */
    unsigned queue_length;    /* requests waiting for a worker at most; more are LH_BUSY at once (64) */
    int64_t queue_wait_ms;    /* LH_BUSY after this long in the queue (10 s) */
    unsigned worker_requests; /* an admin worker is replaced after this many requests (1,000) */
    int64_t worker_idle_ms;   /* all idle workers but one end after this long (5 min) */
    int64_t cancel_grace_ms;  /* from the interrupt to SIGKILL (500 ms) */
    int64_t start_timeout_ms; /* a worker that is not ready by then is killed (10 s) */

    unsigned threads;             /* of DuckDB in a worker; 0: one a core */
    uint64_t memory_bytes;        /* DuckDB's memory_limit in an admin worker (1 GiB) */
    uint64_t address_space_bytes; /* its hard limit, for what DuckDB's accounting misses (8 GiB) */
    uint64_t task_memory_bytes;   /* both for a worker of one task (384 MiB, 6 GiB) */
    uint64_t task_address_space_bytes;
    uint64_t spill_bytes;      /* largest file that a worker may write (10 GiB) */
    uint64_t task_cpu_seconds; /* CPU time of a worker for one untrusted file (1,800 s) */
};
void engine_config_default(struct engine_config *ret_config);

/* Starts the host and the first worker, so that a missing library or a kernel that refuses shows here and not at the
 * first query. `log` and `metrics` may be NULL and outlive the engine.  LH_UNAVAILABLE. */
LH_CHECKED enum lh_code engine_open(struct os *os, const struct engine_config *config, struct lh_log *log,
                                    struct lh_metrics *metrics, struct engine **ret_engine, struct lh_err *err);
/* Every result must be closed and every task ended.  NULL is fine. */
void engine_close(struct engine *e);

/* The set of bucket roots changed: workers that know the old one are replaced as they come free, and requests started
 * after this returned only get workers that know the new one. */
void engine_set_read_roots(struct engine *e, const char *const *roots, size_t count);

/* What stands between a worker and this machine, for `lakehouse check`: {"duckdb": version, "library": path,
 * "start_ms": n, "duckdb_fence": b, "landlock_abi": n, "seccomp": b, "kernel": release, ...}.  A part that the kernel
 * lacks is reported, never an error. */
LH_CHECKED enum lh_code engine_probe(struct engine *e, json_t **ret_report, struct lh_err *err);

struct engine_stats {
    unsigned workers_idle, workers_busy, waiting;
    uint64_t requests, crashes, workers_started, host_starts;
    int64_t last_start_us; /* time to the last ready worker */
};
void engine_get_stats(struct engine *e, struct engine_stats *ret_stats);

/* ---- queries ---- */

/* X(NAME, "name in frames") */
#define ENGINE_FORMATS(X)                                                                                   \
    X(JSON, "json")       /* {"columns":[...],"rows":[[...]],"row_count":n,"truncated":b,"elapsed_ms":x} */ \
    X(NDJSON, "ndjson")   /* one object a row */                                                            \
    X(CSV, "csv")         /* RFC 4180 with a header line */                                                 \
    X(ARROW, "arrow")     /* Arrow IPC stream */                                                            \
    X(PARQUET, "parquet") /* a Parquet file */

enum engine_format {
#define ENGINE_FORMAT_ENUM(name, text) ENGINE_##name,
    ENGINE_FORMATS(ENGINE_FORMAT_ENUM)
#undef ENGINE_FORMAT_ENUM
};

const char *engine_format_name(enum engine_format format);
bool engine_format_parse(const char *name, enum engine_format *ret_format);

/* What a name in the SQL text stands for.  `definition` is the SELECT that reads it (policy and merge-on-read
 * applied); two bindings of the same name are the same view exactly when their definitions are byte-equal. */
struct engine_binding {
    const char *name; /* as it was asked for */
    const char *definition;
    /* A DuckDB database file that the definition reads as `attach_name`, below a read root; NULL: none.  It must stay until the
     * query has ended; attached it may go.  The same name must always mean the same file. */
    const char *attach_path, *attach_name;
};

/* Resolve names against the caller's one snapshot.  Called at most a few times per statement, on the calling thread.
 * `names` are words of the statement that may stand for a table, as written; most are not datasets and are left out of
 * the answer: where one is a table after all, DuckDB reports it with position and hint.  `names` NULL: the statement
 * looks at the catalog itself (SHOW TABLES, information_schema): answer every dataset.  `ret_suggestions` may be left
 * alone, or be set to a text for the hint where a name has near neighbours.  Everything lives in `arena`. */
typedef enum lh_code engine_resolve_fn(void *ctx, const char *const *names, size_t count, struct arena *arena,
                                       struct engine_binding **ret_bindings, size_t *ret_count,
                                       const char **ret_suggestions, struct lh_err *err);

struct engine_query {
    const char *sql;
    const json_t *params; /* NULL, an array (positional) or an object (named) */
    enum engine_format format;
    bool bind_only;             /* it is bound and not run: an answer without columns, bytes and rows */
    uint64_t row_limit;         /* UINT64_MAX: none; one more row than this sets `truncated` */
    int64_t timeout_ms;         /* from `since_ns`; > 0 */
    int64_t since_ns;           /* when the client asked, by os_monotonic_ns; 0: now */
    engine_resolve_fn *resolve; /* NULL: no name stands for a dataset */
    void *resolve_ctx;
    /* A resolver that would need a worker itself must not wait for one while its statement holds another.  It fails with LH_BUSY
     * instead, and this, called when that worker has been given back, does the work: with *ret_again the statement begins anew,
     * else its failure stands.  NULL: failures stand. */
    enum lh_code (*resolve_later)(void *ctx, bool *ret_again, struct lh_err *err);
    /* Says which answers the resolver gives: two queries with the same epoch (not 0) have resolvers that answer every
     * name alike, so a worker need not ask again for what it bound at that epoch.  The version of the snapshot is one.
     * 0: always ask. */
    uint64_t epoch;
    int cancel_fd;          /* readable (or closed) when the client is gone; -1: none */
    const char *request_id; /* for logs; may be NULL */
};

/* Start a query on an `admin` worker.  On LH_OK the statement has been bound and started, the columns are known, and
 * bytes can be read. LH_SQL with err->position, caret text in the message and a hint; LH_FORBIDDEN for statements
 * other than reading ones; LH_BUSY; LH_TIMEOUT; LH_CANCELLED; LH_LIMIT; LH_CRASH; LH_UNAVAILABLE. */
LH_CHECKED enum lh_code engine_query_start(struct engine *e, const struct engine_query *query,
                                           struct engine_result **ret_result, struct lh_err *err);

/* [{"name":"id","type":"BIGINT"}, ...], as long as the result. */
const json_t *engine_result_columns(const struct engine_result *r);

/* The next piece of the encoded result, valid until the next call; *ret_len 0 at the end.  An error here comes after
 * bytes were handed out: the stream must be cut, not completed. */
LH_CHECKED enum lh_code engine_result_read(struct engine_result *r, const void **ret_data, size_t *ret_len,
                                           struct lh_err *err);

/* All that is left of the encoded result, onto `text`, for answers that are small by nature.  LH_TOO_LARGE where it is more
 * than `max_bytes`, whose message begins with `what` ("the plan"). */
LH_CHECKED enum lh_code engine_result_read_all(struct engine_result *r, const char *what, size_t max_bytes,
                                               struct buf *text, struct lh_err *err);

/* The names that stood for something in the statement, as it wrote them; after the end, else NULL. */
const json_t *engine_result_reads(const struct engine_result *r);

struct engine_result_stats {
    uint64_t row_count; /* final only after the end was read */
    bool truncated;
    double elapsed_ms; /* inside the worker */
};
void engine_result_stats(const struct engine_result *r, struct engine_result_stats *ret_stats);
/* Closing before the end cancels: interrupt, then SIGKILL after a short grace time.  NULL is fine. */
void engine_result_close(struct engine_result *r);

/* ---- tasks ---- */

/* A task is trusted work other than a client's query: one JSON request, one JSON answer, files by path inside the
 * folders the task was given.  `task` names a handler in engine/worker/tasks.h ("probe", ...).  With `untrusted_input`
 * it runs in a fresh worker of class `ingest` (that file read-only, `output_dir` writable, nothing else); with only
 * `output_dir` in a fresh worker of class `admin` that may write there; with neither in a pooled `admin` worker. */
struct engine_task {
    const char *task;
    const json_t *request;
    const char *untrusted_input; /* absolute path or NULL */
    const char *output_dir;      /* absolute path of a folder for this task's output, or NULL */
    int64_t timeout_ms;
    int cancel_fd;
    uint64_t memory_bytes; /* DuckDB's limit in a fresh worker; 0: that of the configuration */
    unsigned threads;      /* of DuckDB in a fresh worker; 0: those of the configuration */
    /* Work in the background, whose number its caller bounds: it takes no place among the tasks that requests wait for. */
    bool background;
    void (*progress)(void *ctx, double fraction, uint64_t rows); /* NULL: none; on the calling thread */
    void *progress_ctx;
};
LH_CHECKED enum lh_code engine_run_task(struct engine *e, const struct engine_task *task, json_t **ret_answer,
                                        struct lh_err *err);

static inline void engine_result_auto_release(struct engine_result **r) {
    engine_result_close(*r);
}
static inline void engine_auto_release(struct engine **e) {
    engine_close(*e);
}

#endif
