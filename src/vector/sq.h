/* Scalar quantization: a row as one signed byte a dimension, all of one step, so that a distance is an integer product.
 *
 *     x[i] ~ step * code[i],   step = reach / 127,   reach = the largest |x[i]| of the rows that it was trained on
 *
 * What is beyond the reach is cut to it.  Each other coordinate is off by at most step / 2, evenly; 100,000 x 768 were found
 * at recall@10 0.979 and 0.986 by codes alone (workloads A and B of bench/vector).  For VEC_COSINE rows are made unit
 * vectors first.
 *
 * Beside RaBitQ's 8-bit codes (vector/rabitq.h), which are as large and name their error, this one needs no rotation, and two
 * codes can be compared with each other: rows with rows, a centre with a row, without a float of either.  One step for all
 * dimensions is what makes that an integer; a range for each dimension would fit skewed data closer and cost a product a
 * dimension. */
#ifndef LH_VECTOR_SQ_H
#define LH_VECTOR_SQ_H

#include "base/error.h"
#include "vector/metric.h"

#include <stddef.h>
#include <stdint.h>

/* Plain storage, constant once made. */
struct vec_sq {
    uint32_t d;
    enum vec_metric metric;
    float step; /* 0: all rows were zero */
};

/* Looks at every coordinate of the rows, which are finite.  LH_INVALID for shapes out of range. */
LH_CHECKED enum lh_code vec_sq_train(const struct vec_rows *rows, enum vec_metric metric, struct vec_sq *ret_sq,
                                     struct lh_err *err);
/* d bytes. */
void vec_sq_encode(const struct vec_sq *sq, const float *x, int8_t *ret_code);
/* d floats; for VEC_COSINE the unit vector. */
void vec_sq_decode(const struct vec_sq *sq, const int8_t *code, float *ret_x);
/* Between two codes, on the scale of vec_distance. */
float vec_sq_distance(const struct vec_sq *sq, const int8_t *a, const int8_t *b);
/* The k nearest of n codes, d bytes each, to a code: hits[k], nearest first, ties by id; returns how many. */
size_t vec_sq_search(const struct vec_sq *sq, const int8_t *codes, size_t n, const int8_t *query, size_t k,
                     struct vec_hit *ret_hits);

#endif
