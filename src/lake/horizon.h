/* The horizon: versions below it may have lost files to a vacuum.
 *
 * It stands in `_catalog/horizon.json` of the primary bucket and is durable before the first file goes, so that who misses a
 * file can tell what a vacuum took from what was damaged.  Thread-safe. */
#ifndef LH_LAKE_HORIZON_H
#define LH_LAKE_HORIZON_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct buckets;
struct object_store;

struct lake_horizon {
    uint64_t version;      /* everything as of this version and later is kept; 0: nothing was ever vacuumed */
    int64_t version_at_us; /* when that version was committed */
    uint64_t previous;     /* the horizon before: where a vacuum that did not end begins again */
    bool complete;         /* all files that were to go are gone */
    int64_t at_us;         /* when it was set */
};

/* LH_OK with version 0 and `complete` where there is none. */
LH_CHECKED enum lh_code lake_horizon_read(struct object_store *primary, struct lake_horizon *ret_horizon,
                                          struct lh_err *err);
LH_CHECKED enum lh_code lake_horizon_write(struct object_store *primary, const struct lake_horizon *horizon,
                                           struct lh_err *err);

/* A file that `snapshot_version` names is not there (`err` holds LH_CORRUPT): LH_GONE with the horizon where a vacuum may have
 * taken it, else `err` as it is.  Returns the code. */
enum lh_code lake_horizon_explain(struct buckets *buckets, uint64_t snapshot_version, struct lh_err *err);

#endif
