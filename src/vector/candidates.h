/* From estimates with error bounds to exact answers, reading as few full vectors as the bounds allow.
 *
 * While codes are scanned, every row whose lower bound is below the bar is kept.  The bar is the k-th smallest upper
 * bound seen so far, or the ceiling that the caller set: k rows are (as surely as the bound holds) at least that near, so a row beyond it is no answer.
 * Afterwards the rows that are still below the bar come out in the order of their lower bounds and are scored exactly,
 * until the next lower bound is no nearer than the k-th best exact distance.  An easy query thus reads a dozen vectors and
 * a hard one hundreds, by itself.  After J. Gao, C. Long (SIGMOD 2024), who score at once in scan order; scoring at the
 * end reads several times fewer vectors, as the bar is at its lowest by then.
 *
 * Invariant: a row is dropped only if its lower bound is not below the k-th smallest upper bound, or not below the k-th
 * smallest exact distance.  So with valid bounds the answer is the exact one. */
#ifndef LH_VECTOR_CANDIDATES_H
#define LH_VECTOR_CANDIDATES_H

#include "vector/kernels.h"
#include "vector/metric.h"
#include "vector/scorer.h"
#include "vector/topk.h"

struct vec_candidates {
    struct vec_hit *kept; /* by lower bound */
    size_t used, capacity;
    struct vec_hit *uppers; /* the k smallest upper bounds */
    struct vec_topk bar;
    size_t k_capacity;
    float ceiling;
};

/* Plain storage that grows and is used again from query to query; zeroed at first, one thread's.  Rows that cannot be nearer
 * than `ceiling` are not taken (INFINITY: none is refused). */
void vec_candidates_begin(struct vec_candidates *c, size_t k, float ceiling);
void vec_candidates_deinit(struct vec_candidates *c);

static inline float vec_candidates_bar(const struct vec_candidates *c) {
    float worst = vec_topk_worst(&c->bar);
    return worst < c->ceiling ? worst : c->ceiling;
}

/* Take the rows of `mask` (fastscan_b1's answer), whose ids are ids[0..31]. */
void vec_candidates_take(struct vec_candidates *c, uint32_t mask, const float *est, const float *low,
                         const uint32_t *ids);
/* For estimates without a bound: room for n hits, to be filled by the caller, and then the word that n of them are there.
 * All of them will be scored. */
struct vec_hit *vec_candidates_room(struct vec_candidates *c, size_t n);
void vec_candidates_set(struct vec_candidates *c, size_t n);
/* The k nearest by exact distance into ret_hits, nearest first.  Returns how many; *ret_scored: vectors read. */
size_t vec_candidates_finish(struct vec_candidates *c, const struct vec_scorer *scorer, struct vec_hit *ret_hits,
                             size_t *ret_scored);

#endif
