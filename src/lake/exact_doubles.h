/* May a column of whole numbers become DOUBLE?
 *
 * A DOUBLE holds every whole number up to 2^53 exactly, and not all beyond.  So a BIGINT column takes rows of DOUBLE only where no value
 * of any of its files is larger, rows that something overrides or hides included: they can come back.  Their files' statistics
 * say it.  Between the look and the commit another writer may add a larger one: the commit must be judged against `seen`
 * (lake_commit.seen), and the look be taken again where that refuses. */
#ifndef LH_LAKE_EXACT_DOUBLES_H
#define LH_LAKE_EXACT_DOUBLES_H

#include "base/error.h"

#include <stdbool.h>

struct arena;
struct catalog_ops;
struct manifest;

/* Has the draft such columns? */
bool exact_doubles_needed(const struct manifest *seen, const struct manifest *draft);
/* For each column of the draft: is it one, and may it?  Never a column of the primary key, whose text is the name of a row.  The array lives
 * in the arena.  LH_CONFLICT names the first that may not and a value of it, unless `misfits_fit`.  Blocks on the engine. */
LH_CHECKED enum lh_code exact_doubles_find(const struct catalog_ops *ops, const struct manifest *seen,
                                           const struct manifest *draft, bool misfits_fit, int cancel_fd,
                                           struct arena *arena, const bool **ret_doubles, struct lh_err *err);

#endif
