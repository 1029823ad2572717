/* Eval sets in memory, for those who measure. */
#ifndef LH_INDEX_EVALS_H
#define LH_INDEX_EVALS_H

#include "base/error.h"
#include "base/hash.h"
#include "base/json.h"
#include "vector/metric.h"

#include <stddef.h>
#include <stdint.h>

struct generation;
struct index_service;

struct eval_set {
    json_t *json; /* as it is stored; what follows points into it */
    const char *name, *index, *questions_hash;
    uint64_t number;
    size_t count, k;
    uint32_t dims;
    float *vectors;        /* count x dims */
    struct vec_hit *truth; /* count x k, nearest first: distances; the ids say only that there is a hit */
    json_t **expected;     /* count: arrays of document ids, NULL where the truth counts */
};

/* The set with answers that are exact for `g`: where the index's content has changed since they were worked out, they are
 * worked out again and written.  `name` NULL: the set INDEX-auto, made where it is missing.  LH_NOT_FOUND; LH_CONFLICT
 * where it is another index's; LH_CORRUPT. */
LH_CHECKED enum lh_code eval_set_open(struct index_service *s, struct generation *g, const char *name,
                                      struct eval_set *ret_set, struct lh_err *err);
void eval_set_release(struct eval_set *set);

static inline void eval_set_auto_release(struct eval_set *set) {
    eval_set_release(set);
}

#endif
