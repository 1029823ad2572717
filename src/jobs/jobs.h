/* Jobs: long work that outlives the request that asked for it.
 *
 * A module registers each kind of job with a function that does the work; anybody submits a job of a kind on a subject (a
 * dataset, an index).  What is durable is a small JSON object a job, `_jobs/{owner}/{id}.json`, written once a change of state
 * and once a checkpoint, never for progress.
 *
 *   W1  When jobs_submit returns LH_OK the job is durable and will run, or run again, until it is done, failed or cancelled.
 *   W2  At most one job of a (kind, subject) is active (queued, running or waiting) at a time.
 *   W3  After a crash a job starts over from its last checkpoint.  A run may so do a step again that the crash left without a
 *       checkpoint: a run function makes its steps such that a second time changes nothing (as a catalog commit of exactly the
 *       files that it read does).
 *   W4  A job that takes the server down each time is given up after JOBS_ATTEMPTS starts without a checkpoint in between.
 *   W5  A stop of the server ends no job: it is queued again at the next start.
 *
 * `owner` names the data folder: servers that share a bucket keep their jobs apart.  Thread-safe; calls that write block on
 * the store. */
#ifndef LH_JOBS_JOBS_H
#define LH_JOBS_JOBS_H

#include "base/error.h"
#include "base/id.h"
#include "base/json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct job;
struct jobs;
struct object_store;
struct os;

#define JOBS_ATTEMPTS 5
#define JOBS_ACTIVE_MAX ((size_t)1000)    /* more are LH_BUSY */
#define JOB_NAME_MAX ((size_t)255)        /* bytes of kind, subject, actor */
#define JOB_JSON_MAX ((size_t)256 * 1024) /* of input, checkpoint and result, each */
#define JOB_WAIT_FOREVER INT64_MAX

/* X(NAME, "name in JSON") */
#define JOB_STATES(X)     \
    X(QUEUED, "queued")   \
    X(RUNNING, "running") \
    X(WAITING, "waiting") \
    X(DONE, "done")       \
    X(FAILED, "failed")   \
    X(CANCELLED, "cancelled")

enum job_state {
#define JOB_STATE_ENUM(name, text) JOB_##name,
    JOB_STATES(JOB_STATE_ENUM)
#undef JOB_STATE_ENUM
};
const char *job_state_name(enum job_state state);
bool job_state_parse(const char *name, enum job_state *ret_state);
static inline bool job_state_is_active(enum job_state state) {
    return state <= JOB_WAITING;
}

/* ---- life ---- */

/* Does the work of one job, on one of the registry's threads.  LH_OK: done.  Otherwise failed, but: queued again where the
 * server is stopping, cancelled where that was asked for, waiting where job_retry_later was called. */
typedef enum lh_code job_run_fn(struct job *job, void *ctx, struct lh_err *err);

struct job_kind {
    const char *name; /* outlives the registry */
    job_run_fn *run;
    void *ctx;
    unsigned max_running; /* of this kind at one time; 0: as many as there are threads */
};

struct jobs_options {
    struct os *os;
    struct object_store *store; /* the primary bucket; outlives the registry */
    const char *owner;          /* one key segment */
    unsigned threads;           /* jobs that run at one time; 0: 2 */
    size_t history;             /* ended jobs that are kept; 0: 200 */
    /* false: what an earlier life left unfinished waits until it is submitted again (for commands that open a folder for a
     * moment). */
    bool resume;
    /* Told what no caller's error tells: a state that could not be written, a record that cannot be read.  Any thread. */
    void (*notice)(void *ctx, enum lh_code code, const char *text);
    void *notice_ctx;
};

/* Reads the jobs that there are.  Nothing runs before jobs_start. */
LH_CHECKED enum lh_code jobs_open(const struct jobs_options *options, struct jobs **ret_jobs, struct lh_err *err);
/* Before jobs_start. */
void jobs_register(struct jobs *j, const struct job_kind *kind);
LH_CHECKED enum lh_code jobs_start(struct jobs *j, struct lh_err *err);
/* Running jobs are told to stop (W5) and waited for; what the run functions use must outlive this.  Nothing runs after it, and
 * submitting is LH_UNAVAILABLE; looking still works.  Idempotent. */
void jobs_stop(struct jobs *j);
void jobs_close(struct jobs *j); /* stops; NULL is fine */

/* ---- for those who ask ---- */

struct job_request {
    const char *kind, *subject;
    const char *actor;   /* whose job it is */
    const json_t *input; /* what the run function is to know; NULL: none */
};

/* Where a job of that kind and subject is active already: the same input joins it (*ret_joined), another one is LH_CONFLICT.
 * LH_INVALID: no such kind.  LH_BUSY: too many active ones. */
LH_CHECKED enum lh_code jobs_submit(struct jobs *j, const struct job_request *request, char ret_id[LH_ULID_SIZE],
                                    bool *ret_joined, struct lh_err *err);

/* A queued or waiting job is cancelled when this returns; a running one is told, and ends soon (not where it had done its work
 * already).  LH_NOT_FOUND; LH_CONFLICT where it has ended.  Where the store does not take it the job is told all the same, but may
 * start again after a restart: the error says so. */
LH_CHECKED enum lh_code jobs_cancel(struct jobs *j, const char *id, struct lh_err *err);

/* One job at one moment; all strings in the arena, optional ones NULL. */
struct job_info {
    const char *id, *kind, *subject, *actor;
    enum job_state state;
    bool cancelling;
    uint64_t done, total;                     /* total 0: not known */
    const char *unit;                         /* of both: "rows", "bytes", ...; "" */
    double rate;                              /* units a second in this run; 0: not known */
    int64_t eta_ms;                           /* -1: not known */
    int64_t created_us, started_us, ended_us; /* 0: not yet */
    unsigned attempts;                        /* starts since the last checkpoint */
    const char *input, *checkpoint, *result;  /* JSON texts */
    enum lh_code error;                       /* why it failed, or waits */
    const char *message, *hint;
};
json_t *job_info_to_json(const struct job_info *info); /* as GET /jobs/{id} answers it; a new reference */

LH_CHECKED enum lh_code jobs_get(struct jobs *j, const char *id, struct arena *arena, struct job_info *ret_info,
                                 struct lh_err *err);
/* As jobs_get, when it has ended or the time has passed. */
LH_CHECKED enum lh_code jobs_wait(struct jobs *j, const char *id, int64_t timeout_ms, struct arena *arena,
                                  struct job_info *ret_info, struct lh_err *err);

struct jobs_filter {
    const char *kind, *subject; /* NULL: any */
    int state;                  /* enum job_state; -1: any */
    const char *before;         /* older than this id; NULL or "": from the newest */
    size_t limit;
};
/* Newest first. */
void jobs_list(struct jobs *j, const struct jobs_filter *filter, struct arena *arena, struct job_info **ret_infos,
               size_t *ret_count, bool *ret_more);

/* ---- for run functions, on the job's thread (progress and the questions from any) ---- */

const char *job_id(const struct job *job);
const char *job_subject(const struct job *job);
const char *job_actor(const struct job *job);
json_t *job_input(struct job *job);      /* a new reference; NULL: none */
json_t *job_checkpoint(struct job *job); /* of this or an earlier run; a new reference; NULL: none */

/* In memory only. */
void job_progress(struct job *job, uint64_t done, uint64_t total, const char *unit);
/* Durable when it returns LH_OK: the next run starts with it. */
LH_CHECKED enum lh_code job_save_checkpoint(struct job *job, const json_t *checkpoint, struct lh_err *err);
/* What GET /jobs/{id} shows as `result`; written with the end of the job. */
void job_set_result(struct job *job, const json_t *result);
/* LH_CANCELLED where the job is to end: cancelled, or the server is stopping.  For loops. */
LH_CHECKED enum lh_code job_check(struct job *job, struct lh_err *err);
/* The server is stopping, and the job will run again from its checkpoint: not cancelled. */
bool job_goes_on(struct job *job);
/* Readable from that moment on; for engine_task.cancel_fd.  As long as the run. */
int job_cancel_fd(struct job *job);
/* Then return an error: the job waits that long, gives its thread away, and runs again; it has not failed. */
void job_retry_later(struct job *job, int64_t delay_ms);

static inline void jobs_auto_release(struct jobs **j) {
    jobs_close(*j);
}

#endif
