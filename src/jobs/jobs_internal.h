/* The registry from inside.
 *
 * Locks, in the order in which they may be taken:
 *   submit_lock      one submit at a time, also over its write (W2).
 *   job->save_lock   one write of a job at a time; what is written is taken under `lock` then, so the newest state wins.
 *   lock             everything else; held for no input or output.
 * A job that somebody uses without `lock` is pinned; only ended jobs without pins are forgotten. */
#ifndef LH_JOBS_JOBS_INTERNAL_H
#define LH_JOBS_JOBS_INTERNAL_H

#include "base/buf.h"
#include "jobs/jobs.h"
#include "os/thread.h"

#include <pthread.h>

#define JOB_THREADS_MAX 64
#define JOB_KINDS_MAX 32
#define JOB_UNIT_MAX 16

struct job {
    struct jobs *jobs;
    pthread_mutex_t save_lock;
    char id[LH_ULID_SIZE];
    char *kind, *subject, *actor;
    char *input, *checkpoint, *result; /* JSON texts or NULL */
    enum job_state state;
    bool cancelling; /* asked for */
    bool dormant;    /* of an earlier life, until it is submitted again */
    unsigned attempts;
    unsigned pins;
    int64_t created_us, started_us, ended_us;

    uint64_t done, total;
    char unit[JOB_UNIT_MAX];
    int64_t run_ns; /* when the first progress of this run was told, and how far it was */
    uint64_t run_from;

    int cancel_fd;        /* an eventfd while it runs; -1 */
    int64_t retry_at_ns;  /* WAITING: when it runs again */
    int64_t retry_ms;     /* asked for by this run; 0: not */
    enum lh_code error;   /* why it failed or waits */
    char *message, *hint; /* NULL: none */
};

struct jobs {
    struct jobs_options options;
    char *owner;
    struct lh_ulid_source ulids;
    struct job_kind kinds[JOB_KINDS_MAX];
    unsigned running[JOB_KINDS_MAX];
    size_t kind_count;

    pthread_mutex_t submit_lock;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* something can run, or has ended, or all stops */
    struct job **items;     /* by id: oldest first */
    size_t count, room;
    bool stopping;

    struct os_thread threads[JOB_THREADS_MAX];
};

/* jobs.c */
void jobs_notice(struct jobs *j, enum lh_code code, const char *fmt, ...) LH_PRINTF(3, 4);
const struct job_kind *jobs_find_kind(const struct jobs *j, const char *name);
/* Write the job's state.  Blocks; the caller holds no lock and has it pinned, or is its run. */
LH_CHECKED enum lh_code job_save(struct job *job, struct lh_err *err);
/* As above, told as a notice where it fails. */
void job_save_or_notice(struct job *job);
/* Forget the oldest ended ones above the history. */
void jobs_prune(struct jobs *j);
/* Make its cancel_fd readable, where it runs.  `lock` is held. */
void job_interrupt(struct job *job);

/* job_record.c */
struct job *job_new(struct jobs *j);
void job_free(struct job *job);
void job_set_error(struct job *job, const struct lh_err *err); /* NULL: none */
void job_record_write(const struct job *job, struct buf *out);
LH_CHECKED enum lh_code job_record_read(struct jobs *j, const struct buf *text, struct job **ret_job,
                                        struct lh_err *err);
/* A copy in the arena; `lock` is held. */
void job_describe(const struct job *job, int64_t now_ns, struct arena *arena, struct job_info *ret_info);

/* job_run.c */
void jobs_work(void *jobs); /* a thread's main */

#endif
