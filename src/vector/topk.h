/* The k nearest seen so far: a bounded max-heap over the caller's storage, its root the worst of the best.
 *
 *     struct vec_topk top;
 *     vec_topk_init(&top, hits, k);
 *     if (dist < vec_topk_worst(&top)) vec_topk_push(&top, dist, id);
 *     size_t found = vec_topk_sort(&top);      // hits[0..found), nearest first, ties by id
 *
 * k 0 holds nothing.  One thread's. */
#ifndef LH_VECTOR_TOPK_H
#define LH_VECTOR_TOPK_H

#include "vector/metric.h"

#include <math.h>
#include <stdbool.h>

struct vec_topk {
    struct vec_hit *hits;
    size_t k, used;
};

static inline void vec_topk_init(struct vec_topk *top, struct vec_hit *hits, size_t k) {
    *top = (struct vec_topk){.hits = hits, .k = k};
}

/* Whatever is not nearer than this cannot enter: +infinity until k are held. */
static inline float vec_topk_worst(const struct vec_topk *top) {
    if (top->used < top->k)
        return INFINITY;
    return top->k ? top->hits[0].dist : -INFINITY;
}

static inline bool vec_hit_before(const struct vec_hit *a, const struct vec_hit *b) {
    return a->dist < b->dist || (a->dist == b->dist && a->id < b->id);
}

/* Takes the hit if it is among the k nearest so far. */
void vec_topk_push(struct vec_topk *top, float dist, uint32_t id);
/* Nearest first; the heap is spent.  Returns how many there are. */
size_t vec_topk_sort(struct vec_topk *top);
/* Sort any hits, nearest first, ties by id. */
void vec_hits_sort(struct vec_hit *hits, size_t n);

#endif
