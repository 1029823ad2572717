/* How many rows a dataset has: what SELECT count(*) answers. */
#ifndef LH_LAKE_LIVE_ROWS_H
#define LH_LAKE_LIVE_ROWS_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct buckets;
struct engine;
struct manifest;

/* Where nothing is merged when the dataset is read, its rows are those of its files: manifest.row_count. */
bool lake_live_rows_known(const struct manifest *m);
/* Counts them where they are not known.  As lake_read_plan and lake_first_row. */
LH_CHECKED enum lh_code lake_live_rows(struct engine *engine, struct buckets *buckets, const struct manifest *m,
                                       int cancel_fd, uint64_t *ret_rows, struct lh_err *err);

#endif
