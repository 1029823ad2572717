/* A large rewrite in parts: ranges of its key, one run of a worker each.
 *
 * What a part wrote stands as objects, and the job's checkpoint names them, so that a crash or a stop of the server costs one part.
 * The commit is one as ever, when all parts are there.  Sorting and its scratch space are a part's too.  A part reads the row
 * groups of its range where the files are in the order of the key, as an ingest and a compaction leave them; of others it reads
 * all, which is why there are few parts.
 *
 *   P1  A row is in exactly one part: ranges border on each other, by the same texts of the key's first column.
 *   P2  Parts are gone on with only while the dataset has every file that they were begun with, and the same key. */
#ifndef LH_UPKEEP_COMPACT_PARTS_H
#define LH_UPKEEP_COMPACT_PARTS_H

#include "base/error.h"
#include "base/json.h"
#include "upkeep/compact_plan.h"

#include <stdbool.h>
#include <stddef.h>

struct upkeep_services;

#define COMPACT_PARTS_MAX 16

struct compact_parts {
    size_t count;  /* 1: the whole at once */
    json_t *state; /* of more: {"files", "key", "file_bytes", "bounds", "done", "outputs"}, as in the checkpoint */
};
void compact_parts_release(struct compact_parts *parts); /* a zeroed one is fine */

/* Into how many parts: by size.  Their bounds are taken from a sample of the key.  Blocks on the engine. */
LH_CHECKED enum lh_code compact_parts_plan(const struct upkeep_services *s, const struct manifest *m,
                                           const struct compact_step *step, uint64_t file_bytes, int cancel_fd,
                                           struct compact_parts *ret_parts, struct lh_err *err);
/* The parts of a checkpoint and the step that they were, against the dataset as it is now; *ret_parts counts 0 where that cannot be
 * gone on with (P2), or an object of theirs is gone. */
LH_CHECKED enum lh_code compact_parts_resume(const struct upkeep_services *s, const json_t *state,
                                             const struct manifest *m, struct arena *arena,
                                             struct compact_step *ret_step, struct compact_parts *ret_parts,
                                             struct lh_err *err);

size_t compact_parts_done(const struct compact_parts *parts);
/* The condition of the rows of part `i`; NULL: all. */
const char *compact_parts_condition(const struct compact_parts *parts, const struct manifest *m, size_t i,
                                    struct arena *arena);
/* One more is done, which wrote these. */
void compact_parts_add(struct compact_parts *parts, const struct manifest_file *outputs, size_t count);
/* What all that are done wrote, in the arena; without versions and sequence. */
void compact_parts_outputs(const struct compact_parts *parts, struct arena *arena, struct manifest_file **ret_outputs,
                           size_t *ret_count);

#endif
