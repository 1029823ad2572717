/* The answer of a question that has one row. */
#ifndef LH_LAKE_FIRST_ROW_H
#define LH_LAKE_FIRST_ROW_H

#include "base/error.h"
#include "base/json.h"

struct engine;

/* Runs `sql` and gives the first row of its answer, an array of values, as a new reference; NULL where it has none.  LH_TOO_LARGE above
 * a megabyte of text.  Blocks on the engine, for an hour at most; cancel_fd -1: none. */
LH_CHECKED enum lh_code lake_first_row(struct engine *engine, const char *sql, int cancel_fd, json_t **ret_row,
                                       struct lh_err *err);

#endif
