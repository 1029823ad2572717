/* The exact nearest rows of a generation, over all its segments and without those that are gone. */
#ifndef LH_INDEX_EVAL_TRUTH_H
#define LH_INDEX_EVAL_TRUTH_H

#include "base/error.h"
#include "vector/metric.h"

#include <stddef.h>
#include <stdint.h>

struct generation;

/* ret_hits: queries->n * k, each query's nearest first, by rows of the generation; where there are fewer than k the rest is
 * {INFINITY, VEC_NO_ID}.  k is at most EVAL_K_MAX.  Reads every vector. */
LH_CHECKED enum lh_code eval_truth_find(const struct generation *g, const struct vec_rows *queries, size_t k,
                                        struct vec_hit *ret_hits, struct lh_err *err);

/* How far the k-th nearest row to one query is, of those in `allowed` (room bits; NULL: every live row), or the last where there are
 * fewer; *ret_found: how many of the k there are.  Reads every vector. */
LH_CHECKED enum lh_code eval_truth_reach(const struct generation *g, const float *query, size_t k,
                                         const uint64_t *allowed, float *ret_dist, size_t *ret_found,
                                         struct lh_err *err);

#endif
