/* The read plan: the SELECT that reads one dataset at one version. */
#ifndef LH_LAKE_READ_PLAN_H
#define LH_LAKE_READ_PLAN_H

#include "base/error.h"

struct arena;
struct buckets;
struct manifest;

/* The text, in the arena: base and delta files by local path, columns in the manifest's order; no rows where there are no
 * files.  Rejects are never rows.  LH_UNSUPPORTED for a dataset whose rows can only be had by merging (tombstones, or deltas
 * on a primary key), because leaving that out would give wrong rows.  LH_UNAVAILABLE where a file's bucket cannot be reached. */
LH_CHECKED enum lh_code lake_read_plan(struct buckets *buckets, const struct manifest *m, struct arena *arena,
                                       const char **ret_select, struct lh_err *err);

#endif
