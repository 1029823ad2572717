/* The read plan: the SELECT that reads one dataset at one version.
 *
 * A manifest says of which files a dataset consists; this is what that means in SQL, in one place, so that a query, a preview
 * and an index all read the same rows.  Thread-safe. */
#ifndef LH_LAKE_READ_PLAN_H
#define LH_LAKE_READ_PLAN_H

#include "base/error.h"

struct arena;
struct buckets;
struct manifest;

/* The SELECT: the dataset's columns by name in the manifest's order, from the local paths of its base and delta files, in the arena.  A
 * dataset without files is an empty relation of the right columns and types.  Rejects are never rows.  Equal manifests give
 * equal text.
 *
 * With a primary key: of each key the row of the newest file counts (manifest_file.sequence), and a tombstone hides older rows.
 * What it relies on: keys are never NULL; within one file, and within all files of the base together, each stands once.
 * Where there are deltas or tombstones it calls functions that every session of the engine has (engine/merge_key.h); where there are
 * none, it is a bare scan of the files.
 *
 * LH_NOT_FOUND and LH_UNAVAILABLE (its bucket), LH_CORRUPT (a column's type is no type, tombstones without a primary key). */
LH_CHECKED enum lh_code lake_read_plan(struct buckets *buckets, const struct manifest *m, struct arena *arena,
                                       const char **ret_select, struct lh_err *err);

#endif
