/* Measuring a search: exact ground truth, recall, percentiles of latency. */
#ifndef LH_VECTOR_RECALL_H
#define LH_VECTOR_RECALL_H

#include "base/error.h"
#include "vector/metric.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The k exact nearest rows of every query, by blocks of rows that stay in the cache, on `threads` threads (0: one a
 * processor).  ret_hits: queries->n * k, each query's nearest first; where rows->n < k the rest is {INFINITY, VEC_NO_ID}.
 * LH_INVALID where the shapes do not fit. */
LH_CHECKED enum lh_code vec_ground_truth(const struct vec_rows *rows, const struct vec_rows *queries,
                                         enum vec_metric metric, size_t k, unsigned threads, struct vec_hit *ret_hits,
                                         struct lh_err *err);

/* Of the true k nearest, the share that was found.  `found` bears exact distances: a row at the distance of the k-th true
 * one (within 1e-6 of its size) counts, for it is as good.  1 where there is nothing to find. */
double vec_recall(const struct vec_hit *truth, size_t k, const struct vec_hit *found, size_t n_found);

/* How many of the n found hits are as near as the last of the `wanted` true ones, at most `wanted`: which of equally near rows
 * was found does not matter.  Equally near is what the sums' rounding leaves open: a millionth of the distance, for cosine of
 * 1, which its distances are differences from. */
size_t vec_recalled(enum vec_metric metric, const struct vec_hit *truth, size_t wanted, const struct vec_hit *found,
                    size_t n);

struct vec_latency {
    double mean_ns, p50_ns, p90_ns, p99_ns, max_ns;
};

/* Of n durations (sorted in place); all zero for n 0.  A percentile is the smallest value that at least that share of
 * all values does not pass. */
struct vec_latency vec_latency_of(int64_t *ns, size_t n);

#ifdef __cplusplus
}
#endif

#endif
