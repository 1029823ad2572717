/* Tasks: trusted work in a worker other than a client's query (engine_run_task).
 *
 * A task is a function from one JSON request to one JSON answer.  It runs on the worker's main thread with a DuckDB
 * session of its own profile: in a fresh `ingest` worker it can read `untrusted_input` and write `output_dir` and
 * nothing else; in a pooled `admin` worker it can read the bucket roots and write `session->temp_dir`.  What it leaves
 * in the session's database it must drop again unless the worker is fresh.
 *
 * To add one: write task_NAME.c with `task_fn task_NAME`, and add a line to TASKS. */
#ifndef LH_ENGINE_WORKER_TASKS_H
#define LH_ENGINE_WORKER_TASKS_H

#include "base/error.h"
#include "base/json.h"
#include "engine/worker/session.h"

#include <stdbool.h>
#include <stdint.h>

struct task {
    struct session *session;
    const char *untrusted_input; /* absolute path, or NULL */
    const char *output_dir;      /* absolute path, or NULL */
    void *worker;                /* of task_progress and task_cancelled */
};

/* LH_OK: *ret_answer is a new reference, handed to the caller of engine_run_task.  A failure's code, message, position
 * and hint cross the process as they are. */
typedef enum lh_code task_fn(struct task *t, const json_t *request, json_t **ret_answer, struct lh_err *err);

/* Tell the caller how far it is: fraction 0..1 (negative: not known), rows so far.  Sent at most every 100 ms. */
void task_progress(struct task *t, double fraction, uint64_t rows);
/* True once the caller gave up.  DuckDB statements are interrupted by themselves; loops of the task's own look here. */
bool task_cancelled(const struct task *t);

/* X(name): the request's `task` and the suffix of its function. */
#define TASKS(X)         \
    X(changes_write)     \
    X(checkpoint_read)   \
    X(checkpoint_write)  \
    X(chunks_parquet)    \
    X(chunks_restore)    \
    X(delta)             \
    X(compact)           \
    X(events_merge)      \
    X(events_write)      \
    X(hot_load)          \
    X(ingest)            \
    X(parquet_info)      \
    X(probe)             \
    X(row_names)         \
    X(tombstones_remove) \
    X(tombstones_write)  \
    X(vectors_read)

#define TASK_DECLARE(name) task_fn task_##name;
TASKS(TASK_DECLARE)
#undef TASK_DECLARE

task_fn *task_find(const char *name); /* NULL where there is none */

#endif
