/* What the writes by key share: the task's request, and the promise that the dataset is still what the task saw.
 *
 * Such a write reads old rows before it commits, so its commit refuses where the dataset's rows changed meanwhile, and the writer
 * computes again: `row_change_stale` in the transaction, `stale` tells the two refusals apart. */
#ifndef LH_LAKE_ROW_CHANGE_H
#define LH_LAKE_ROW_CHANGE_H

#include "base/error.h"
#include "base/json.h"

#include <stdbool.h>
#include <stddef.h>

struct manifest;

#define ROW_CHANGE_ATTEMPTS 20 /* computed again at most this often; then row_change_busy */

/* {"rows", "columns", "key"} of task_rows.c; `rows` is the SELECT that reads `m`.  A new reference. */
json_t *row_change_request(const struct manifest *m, const char *rows);
/* Deltas that are known to hold none of a write's keys: whether they came meanwhile makes no difference to it. */
struct row_change_beside {
    const char *const *keys; /* of the objects */
    size_t count;
};
/* In a transaction: LH_OK where `now` has the rows of `seen`, and those of `beside` (NULL: none) or not; else LH_CONFLICT and
 * *ret_stale. */
LH_CHECKED enum lh_code row_change_check(const struct manifest *now, const struct manifest *seen,
                                         const struct row_change_beside *beside, bool *ret_stale, struct lh_err *err);
/* After the last try: LH_BUSY, for nothing was written and the same request may well succeed. */
enum lh_code row_change_busy(const char *dataset, struct lh_err *err);

#endif
