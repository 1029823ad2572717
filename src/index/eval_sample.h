/* Questions made of an index's own vectors. */
#ifndef LH_INDEX_EVAL_SAMPLE_H
#define LH_INDEX_EVAL_SAMPLE_H

#include <stddef.h>
#include <stdint.h>

struct generation;

struct eval_sampling {
    size_t queries, k;
    uint64_t seed;
    double noise;
};

/* Live rows in an order of chance, the first how->queries of them, each moved by noise of that share of its length; rows of texts
 * without a word say nothing and are passed over.  The same rows and seed give the same vectors.  ret_vectors: how->queries *
 * dimensions; returns how many there are. */
size_t eval_sample(const struct generation *g, const struct eval_sampling *how, float *ret_vectors);

#endif
