/* The upkeep from inside. */
#ifndef LH_UPKEEP_UPKEEP_INTERNAL_H
#define LH_UPKEEP_UPKEEP_INTERNAL_H

#include "jobs/jobs.h"
#include "os/thread.h"
#include "upkeep/upkeep.h"

#include <pthread.h>

struct upkeep {
    struct upkeep_services services;
    pthread_mutex_t lock; /* of `stop` */
    pthread_cond_t wake;
    bool stop;
    struct os_thread thread;
    uint64_t seen_version;  /* the thread's own: nothing was due at this version */
    int64_t vacuum_look_ns; /* and when it looked for something to vacuum */
};

/* compact.c, vacuum.c: the kinds' run functions. */
job_run_fn upkeep_run_compaction, upkeep_run_vacuum;

/* vacuum.c */
LH_CHECKED enum lh_code upkeep_vacuum_is_due(struct upkeep *u, bool *ret_due, struct lh_err *err);

/* compact.c: the settings of the configuration. */
struct compact_policy;
struct compact_policy upkeep_policy(const struct upkeep *u);

#endif
