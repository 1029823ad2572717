/* Exact distances from one query to rows by number, four at a time: the last word of every quantised search.
 *
 * For VEC_COSINE the rows' inverse lengths are kept (4 bytes a row), so that a score is one dot product.  A scorer is
 * plain storage, one thread's; it borrows the rows, the lengths and the query. */
#ifndef LH_VECTOR_SCORER_H
#define LH_VECTOR_SCORER_H

#include "vector/kernels.h"
#include "vector/metric.h"

struct vec_scorer {
    struct vec_rows rows;
    enum vec_metric metric;
    const struct vec_kernels *kernels;
    const float *inverse_lengths; /* one a row; NULL unless cosine */
    const float *query;
    float query_inverse;
};

/* 1 / |x|, and 0 for the zero vector. */
float vec_inverse_length(const float *x, size_t d);
/* The same for rows [begin, end) into ret[begin..end), on `threads` threads. */
void vec_inverse_lengths(const struct vec_rows *rows, size_t begin, size_t end, unsigned threads, float *ret);

/* Whether a kept inverse length is the row's, but for what kernels of other levels round. */
bool vec_has_length(const float *row, size_t d, float inverse_length);
/* LH_CORRUPT naming the first row whose length is another than was kept. */
LH_CHECKED enum lh_code vec_check_lengths(const struct vec_rows *rows, const float *inverse_lengths,
                                          struct lh_err *err);

/* `inverse_lengths` is asked for with VEC_COSINE alone. */
void vec_scorer_init(struct vec_scorer *scorer, const struct vec_rows *rows, enum vec_metric metric,
                     const float *inverse_lengths, const float *query);
float vec_scorer_one(const struct vec_scorer *scorer, uint32_t id);
void vec_scorer_four(const struct vec_scorer *scorer, const uint32_t ids[4], float ret_dist[4]);

#endif
