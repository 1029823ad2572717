/* The exact nearest rows of a generation, over all its segments and without those that are gone. */
#ifndef LH_INDEX_EVAL_TRUTH_H
#define LH_INDEX_EVAL_TRUTH_H

#include "base/error.h"
#include "vector/metric.h"

#include <stddef.h>

struct generation;

/* ret_hits: queries->n * k, each query's nearest first, by rows of the generation; where there are fewer than k the rest is
 * {INFINITY, VEC_NO_ID}.  k is at most EVAL_K_MAX.  Reads every vector. */
LH_CHECKED enum lh_code eval_truth_find(const struct generation *g, const struct vec_rows *queries, size_t k,
                                        struct vec_hit *ret_hits, struct lh_err *err);

#endif
