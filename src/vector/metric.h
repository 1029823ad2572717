/* The words that every part of the library shares: metrics, rows, hits.
 *
 * Data contract.  Vectors are rows of `d` floats (1 <= d <= VEC_MAX_DIM), row-major and contiguous, n < VEC_NO_ID rows;
 * a row's number is its id.  No part of the library copies or frees the caller's rows: they may be a memory map, and
 * must stay as long as the thing that borrowed them.  Values are finite and no row is longer than VEC_MAX_LENGTH, as squares and
 * products of longer ones are beyond floats: whatever builds an index or takes rows in refuses others (vec_check_rows), and
 * the inner loops do not look again.  A search for a query that is not so finds nothing.
 *
 * Distance.  Everything that ranks does so by one float, smaller is nearer, ties broken by the smaller id:
 *     VEC_L2      |a - b|^2                 (squared: no root is taken anywhere)
 *     VEC_DOT     -<a, b>
 *     VEC_COSINE  1 - <a, b> / (|a| |b|)    (a vector whose squared length is 0 has distance 1 to
 *                                                everything, itself included) */
#ifndef LH_VECTOR_METRIC_H
#define LH_VECTOR_METRIC_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VEC_MAX_DIM 65536u
#define VEC_MAX_LENGTH 1e15f
#define VEC_NO_ID UINT32_MAX /* no row has this number */

enum vec_metric { VEC_L2 = 0, VEC_DOT = 1, VEC_COSINE = 2 };

struct vec_rows {
    const float *data;
    size_t n;
    uint32_t d;
};

struct vec_hit {
    float dist;
    uint32_t id;
};

static inline const float *vec_row(const struct vec_rows *rows, size_t i) {
    return rows->data + i * rows->d;
}

/* LH_INVALID where d or n is out of range. */
LH_CHECKED enum lh_code vec_check_shape(const struct vec_rows *rows, struct lh_err *err);
/* LH_DATA naming the first row that is too long, or holds a NaN or infinity and where.  `first` is the number of the first of
 * these rows as the caller counts them.  Reads everything once, at memory speed. */
LH_CHECKED enum lh_code vec_check_rows(const struct vec_rows *rows, size_t first, struct lh_err *err);
/* The same of rows 0..n. */
LH_CHECKED enum lh_code vec_check_finite(const struct vec_rows *rows, struct lh_err *err);
/* Whether x[d] is finite and no longer than VEC_MAX_LENGTH. */
bool vec_is_sound(const float *x, size_t d);

/* "l2", "dot", "cosine"; NULL for anything else. */
const char *vec_metric_name(enum vec_metric metric);

/* The exact distance, from f32 (kernels of this machine). */
float vec_distance(enum vec_metric metric, const float *a, const float *b, size_t d);

#ifdef __cplusplus
}
#endif

#endif
