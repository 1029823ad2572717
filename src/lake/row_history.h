/* Commits that tell what they did to each row.
 *
 * An upsert of few rows is committed together with a file of their changes (lake/row_changes.h).  Old rows are read before the
 * commit, so it is refused where the dataset changed meanwhile, and computed again.
 *
 * Writers of one dataset in this process go in groups: one of those that wait leads, and reads the old rows of all of them in one
 * pass; then each commits for itself, and the catalog makes one record of them.  Those of a group have no key in common, so that
 * it makes no difference to any which of the others came first.  One whose key another of the group has goes with the next
 * group, in the order in which they came.  What else reads old rows before it commits (lake/op_tombstone.c) waits for its turn among
 * the groups, so that these do not overtake it for ever; while it waits or lasts, what writes no history queues behind it too.
 * Writers of other processes, and what writes no history, may make a group compute again. */
#ifndef LH_LAKE_ROW_HISTORY_H
#define LH_LAKE_ROW_HISTORY_H

#include "base/error.h"
#include "lake/catalog_ops.h"
#include "lake/lake.h"

#include <stdint.h>

struct group;
struct row_history;

/* `ops` is copied; what it names outlives the history.  `max_rows` 0: nothing is told row by row. */
struct row_history *row_history_new(const struct catalog_ops *ops, uint64_t max_rows);
void row_history_free(struct row_history *h); /* NULL is fine; no call may be in flight */

/* As lake_commit_files.  Where rows come on top of a dataset with a primary key and are max_rows or fewer, their changes are told
 * one by one.  A column of whole numbers becomes DOUBLE for them where it may (lake/exact_doubles.h;
 * commit->fit.doubles is ours to fill).  `cancel_fd` -1: none.  LH_BUSY where the dataset kept changing: nothing was written. */
LH_CHECKED enum lh_code row_history_commit(struct row_history *h, const struct lake_commit *commit, int cancel_fd,
                                           struct lake_committed *ret_committed, struct lh_err *err);

/* While it lasts, no group of the dataset reads or commits, and no other turn. */
struct row_turn {
    struct row_history *history;
    struct group *group;
};
/* Blocks until all are done that came before.  `h` NULL: there is nobody to wait for. */
struct row_turn row_turn_take(struct row_history *h, const char *dataset);
void row_turn_end(struct row_turn *turn); /* a zeroed one is fine */

#endif
