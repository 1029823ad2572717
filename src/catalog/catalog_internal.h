/* The open catalog, seen from inside the module.
 *
 * Locks, in the order in which they may be taken:
 *   tip_lock       held by whoever moves the tip: the leader of a group commit, or a refresh.  Held across store calls.
 *   snapshot_lock  guards `current` and `damage`; held for a few instructions.
 *   queue_lock     guards the queue of waiting commits and the background threads' wishes; never held across a store call.
 *   past_lock      guards the cache of past snapshots; held across their rebuilding, so that one is built once.  It nests with
 *                  none of the above but snapshot_lock. */
#ifndef LH_CATALOG_CATALOG_INTERNAL_H
#define LH_CATALOG_CATALOG_INTERNAL_H

#include "catalog/catalog.h"
#include "catalog/checkpoint.h"
#include "catalog/commit_log.h"
#include "catalog/snapshot.h"
#include "os/thread.h"

#include <pthread.h>
#include <stdbool.h>

#define PAST_SNAPSHOTS 4

struct commit_waiter;

struct catalog {
    struct catalog_options options;

    pthread_mutex_t tip_lock;
    struct lh_ulid_source ulids;

    pthread_mutex_t snapshot_lock;
    struct catalog_snapshot *current;
    struct lh_err damage; /* code LH_OK: none */

    pthread_mutex_t queue_lock;
    pthread_cond_t queue_moved;
    struct commit_waiter *queue_head, **queue_tail;
    bool leading;
    bool closing;
    struct catalog_snapshot *checkpoint_due; /* to be written by the checkpoint thread; NULL: none */
    pthread_cond_t background_wake;          /* of both threads: closing, checkpoint_due */
    struct os_thread poll_thread, checkpoint_thread;

    pthread_mutex_t past_lock;
    struct catalog_snapshot *past[PAST_SNAPSHOTS]; /* most recently used first */
};

void catalog_notice(struct catalog *c, enum lh_code code, const char *fmt, ...) LH_PRINTF(3, 4);

/* `base` after one more record: its transactions applied, its keys known, its checksum the new parent.
 * LH_CORRUPT where the record does not follow `base` or does not apply. */
LH_CHECKED enum lh_code catalog_replay(const struct catalog_snapshot *base, const struct commit_record *record,
                                       struct catalog_snapshot **ret_snapshot, struct lh_err *err);

/* Replay the log from `*snapshot` up to `last` (UINT64_MAX: to its end), replacing *snapshot as it goes: also when it fails, *snapshot
 * is the last good one.  LH_CORRUPT, LH_UNSUPPORTED, or what the store says. */
LH_CHECKED enum lh_code catalog_replay_log(struct object_store *store, uint64_t last,
                                           struct catalog_snapshot **snapshot, struct lh_err *err);

/* Nothing stands at `version`: LH_CORRUPT where something stands behind it, for then a record is missing. */
LH_CHECKED enum lh_code catalog_check_no_gap(struct object_store *store, uint64_t version, struct lh_err *err);

/* The newest whole checkpoint that is not after `most`; the empty snapshot where there is none.  Damaged ones become notices. */
LH_CHECKED enum lh_code catalog_load_checkpoint(struct catalog *c, uint64_t most,
                                                struct catalog_snapshot **ret_snapshot, struct lh_err *err);

/* Bring the tip up to the end of the log.  The caller holds tip_lock. */
LH_CHECKED enum lh_code catalog_refresh_locked(struct catalog *c, struct lh_err *err);
/* Make `s` the newest, taking over the reference.  The caller holds tip_lock. */
void catalog_publish(struct catalog *c, struct catalog_snapshot *s);
/* A commit of ours made `s`: write a checkpoint in the background where one is due. */
void catalog_consider_checkpoint(struct catalog *c, struct catalog_snapshot *s);

#endif
