/* Product quantization: a vector cut into m parts, each named by the nearest of 256 codewords of its own: m bytes a row.
 *
 * Source.  H. Jegou, M. Douze, C. Schmid, "Product Quantization for Nearest Neighbor Search", TPAMI 2011.
 *
 * Products instead of distances.  A query's table holds <q_j, w> for each part j and codeword w, so that m additions give
 * <q, row~>.  With the row's own |row~|^2 kept beside its code this serves L2 as well, and in an IVF one table serves every
 * list, whose centroids only add numbers that do not depend on the code (vector/rabitq.h does the same).
 *
 * Layout.  Codewords: [m][256][d / m] floats.  Table: [m][256] floats.  Code: m bytes. */
#ifndef LH_VECTOR_PQ_H
#define LH_VECTOR_PQ_H

#include "base/error.h"
#include "vector/metric.h"

#include <stddef.h>
#include <stdint.h>

#define VEC_PQ_WORDS 256u

struct vec_pq;

struct vec_pq_config {
    uint32_t d, m;   /* m divides d */
    uint32_t rounds; /* of k-means for each part; 0: 8 */
    size_t sample;   /* rows to train on; 0: 16,384 */
    unsigned threads;
    uint64_t seed;
};

/* Parts are trained side by side, each by k-means++ and mini-batches (vector/kmeans.h); the same seed gives the same words.
 * LH_INVALID where m does not divide d, or for no rows.  Immutable once made. */
LH_CHECKED enum lh_code vec_pq_train(const struct vec_rows *rows, const struct vec_pq_config *config,
                                     struct vec_pq **ret_pq, struct lh_err *err);
void vec_pq_free(struct vec_pq *pq);
/* From codewords that vec_pq_words gave: m * 256 * (d / m) finite floats, copied.  LH_INVALID, LH_NO_MEMORY. */
LH_CHECKED enum lh_code vec_pq_of_words(const float *words, uint32_t d, uint32_t m, struct vec_pq **ret_pq,
                                        struct lh_err *err);
const float *vec_pq_words(const struct vec_pq *pq);
uint32_t vec_pq_bytes(const struct vec_pq *pq); /* m */

/* scratch: d bytes */
void vec_pq_encode(const struct vec_pq *pq, const float *x, int8_t *scratch, uint8_t *ret_code);
void vec_pq_decode(const struct vec_pq *pq, const uint8_t *code, float *ret_x);

/* ret_table[m * 256] */
void vec_pq_table(const struct vec_pq *pq, const float *query, float *ret_table);
/* <query, row~> of n rows, m bytes each, one after the other. */
void vec_pq_products(const struct vec_pq *pq, const float *table, const uint8_t *codes, size_t n, float *ret);

#endif
