/* What compaction does to a dataset next, and why: a pure function of its manifest.
 *
 * Without a primary key rows files are alike: those of one size class (each `min_files` times as wide as the one below) become one
 * file, or several of the target size; a file of half the target size is finished and is never written again.
 *
 * With one, a delta overrides what is older, so only deltas that follow one another in age may be merged; they go through the
 * same classes.  The base is rewritten, with all that lies on it, when that has grown to a share of it.
 *
 * What a row costs: docs/maintenance.md. */
#ifndef LH_UPKEEP_COMPACT_PLAN_H
#define LH_UPKEEP_COMPACT_PLAN_H

#include "catalog/manifest.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

struct compact_policy {
    uint64_t file_bytes;        /* the target size of a file */
    size_t min_files;           /* files of one class that are merged, 2 or more */
    unsigned delta_percent;     /* of the base's bytes */
    unsigned tombstone_percent; /* of the base's rows */
    int64_t tombstone_age_ms;   /* an older tombstone is applied whatever its share */
};

enum compact_scope {
    COMPACT_WHAT_IS_DUE, /* by the policy */
    COMPACT_ALL,         /* until no delta, no tombstone and no two small files are left */
    COMPACT_FULL,        /* every file, once */
};

enum compact_action {
    COMPACT_NOTHING,
    COMPACT_FILES,  /* some files without a primary key */
    COMPACT_DELTAS, /* deltas among themselves */
    COMPACT_BASE,   /* base, deltas and tombstones */
};
const char *compact_action_name(
    enum compact_action action); /* "nothing", "merge_files", "merge_deltas", "rewrite_base" */

struct compact_step {
    enum compact_action action;
    /* The files that are read and replaced.  Of COMPACT_DELTAS: `kept` of them, tombstones, are read and stay. */
    const struct manifest_file **files;
    size_t file_count;
    uint64_t bytes, rows; /* of the files that are replaced */
    uint64_t sequence;    /* the age of what comes out: the youngest of what goes in */
    enum file_role role;  /* of what comes out */
    uint64_t
        file_bytes; /* at which a file of them is closed: such that none of them is small, but where all together are */
    bool partial;   /* there is more of the kind than one step takes */
    const char *why; /* for people; also of COMPACT_NOTHING */
};

#define COMPACT_STEP_FILES 16 /* of the target size: what a step, or a part of one, makes of a large dataset */

/* `full_through`: of COMPACT_FULL without a primary key: only what came up to this version, some at a time, so that each step
 * ends in a commit of its own; 0: all at once, as one order of all rows needs it.  `now_ms`: Unix time.
 * Everything in `arena`, but for the files, which are the manifest's. */
void compact_plan(const struct manifest *m, const struct compact_policy *policy, enum compact_scope scope,
                  uint64_t full_through, int64_t now_ms, struct arena *arena, struct compact_step *ret_step);

#endif
