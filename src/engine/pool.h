/* Worker processes as the server holds them: start, lend, judge, replace.  Inside `engine` only. */
#ifndef LH_ENGINE_POOL_H
#define LH_ENGINE_POOL_H

#include "base/error.h"
#include "base/json.h"
#include "engine/engine.h"
#include "engine/frames.h"
#include "engine/gate.h"
#include "engine/host_link.h"
#include "engine/profile.h"
#include "os/thread.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct arena;

/* One worker.  Whoever leased it owns it: idle ones belong to the pool. */
struct pool_worker {
    struct pool_worker *next_idle;
    enum worker_class worker_class;
    bool fresh;      /* made for one task */
    bool background; /* and holds no place */
    pid_t pid;
    int pidfd;
    struct frame_channel channel;
    char *temp_dir;
    uint64_t generation; /* of the read roots it knows */
    unsigned requests;
    int64_t born_ns, idle_ns;
    uint64_t cpu_seconds; /* its limit, to read its end by */
    json_t *ready;        /* what it said of itself */
};

struct engine {
    struct os *os;
    struct arena *memory; /* the configuration's texts */
    struct engine_config config;
    struct lh_log *log;
    struct lh_metrics *metrics;
    struct host_link host;
    struct gate queries;              /* admin workers */
    struct gate files;                /* fresh workers */
    atomic_uint_fast64_t next_number; /* of workers' folders */
    atomic_uint_fast64_t next_request;
    atomic_uint_fast64_t requests, crashes, started;
    atomic_int_fast64_t last_start_us;

    pthread_mutex_t lock;  /* guards what follows */
    pthread_cond_t wanted; /* the keeper: look again */
    struct pool_worker *idle;
    struct pool_worker *doomed; /* killed, for the keeper to reap and clear away */
    unsigned idle_count, admin_count, fresh_count;
    uint64_t generation;
    char **roots;
    size_t root_count;
    bool stopping;
    struct os_thread keeper;
};

/* Start the keeper, which holds one admin worker ready and ends those that are old. */
LH_CHECKED enum lh_code pool_start(struct engine *e, struct lh_err *err);
void pool_stop(struct engine *e);
void pool_set_roots(struct engine *e, const char *const *roots, size_t count);

/* Lease an admin worker: an idle one, else a new one. */
LH_CHECKED enum lh_code pool_lease(struct engine *e, int64_t deadline_ns, int cancel_fd,
                                   struct pool_worker **ret_worker, struct lh_err *err);
/* Was the set of read roots changed since the worker started? */
bool pool_is_outdated(struct engine *e, const struct pool_worker *w);
/* Give it back.  `reusable` false: it is ended and replaced. */
void pool_return(struct engine *e, struct pool_worker *w, bool reusable);
/* Another one in its stead; it is ended.  On failure the lease is over. */
LH_CHECKED enum lh_code pool_exchange(struct engine *e, struct pool_worker **worker, struct lh_err *err);

/* A worker for one task, ended by pool_return. */
LH_CHECKED enum lh_code pool_lease_fresh(struct engine *e, const struct engine_task *task, int64_t deadline_ns,
                                         struct pool_worker **ret_worker, struct lh_err *err);

/* The worker hung up in the middle of a request: end it, and say why it did in `err` (LH_CRASH, LH_LIMIT, LH_UNAVAILABLE). */
enum lh_code pool_explain_end(struct engine *e, struct pool_worker *w, struct lh_err *err);

#endif
