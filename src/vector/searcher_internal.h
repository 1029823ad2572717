/* What one thread needs to search a flat or an IVF: made once, reused. */
#ifndef LH_VECTOR_SEARCHER_INTERNAL_H
#define LH_VECTOR_SEARCHER_INTERNAL_H

#include "vector/candidates.h"
#include "vector/pq.h"
#include "vector/rabitq.h"

struct vec_searcher {
    struct vec_rabitq_query *query;
    struct vec_candidates candidates;
    struct vec_hit *lists;     /* IVF: the nearest lists */
    float *scores;             /* IVF: of every list's centroid */
    int8_t *bytes;             /* IVF: the rotated query, for them */
    struct vec_pq_table table; /* IVF-PQ */
};

struct vec_searcher *vec_searcher_new(const struct vec_rabitq *rq);

/* Of the rows in `mask`, those that the bitmap allows. */
static inline uint32_t vec_allowed_of(uint32_t mask, const uint64_t *allowed, const uint32_t *ids) {
    uint32_t kept = 0;
    for (; mask; mask &= mask - 1) {
        uint32_t id = ids[__builtin_ctz(mask)];
        if ((allowed[id / 64] >> (id % 64)) & 1)
            kept |= mask & -mask;
    }
    return kept;
}

#endif
