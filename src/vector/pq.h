/* Product quantization: a vector cut into m parts, each named by the nearest of 256 codewords of its own: m bytes a row.
 *
 * Source.  H. Jegou, M. Douze, C. Schmid, "Product Quantization for Nearest Neighbor Search", TPAMI 2011.
 *
 * Products instead of distances.  A query's table holds <q_j, w> for each part j and codeword w, so that m additions give
 * <q, row~>.  With the row's own |row~|^2 kept beside its code this serves L2 as well, and in an IVF one table serves every
 * list, whose centroids only add numbers that do not depend on the code (vector/rabitq.h does the same).
 *
 * The table is kept in bytes, all of one step: 256 m of them stay in the first-level cache (24 KB for 96 parts, where floats
 * would not), and a permutation instruction looks 64 of them up at once (kernels.h, pq_sums).  Rounding adds sqrt(m / 12) steps
 * to a product, a few hundredths of what the code itself is off.
 *
 * Layout.  Codewords: [m][256][d / m] floats.  Code: m bytes; 32 of them make a block, part by part: [m][32]. */
#ifndef LH_VECTOR_PQ_H
#define LH_VECTOR_PQ_H

#include "base/error.h"
#include "vector/kernels.h"
#include "vector/metric.h"

#include <stddef.h>
#include <stdint.h>

#define VEC_PQ_WORDS 256u

struct vec_pq;

struct vec_pq_config {
    uint32_t d, m;   /* m divides d */
    uint32_t rounds; /* of k-means for each part; 0: 8 */
    size_t sample;   /* rows to train on; 0: 8,192 */
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

static inline size_t vec_pq_block_bytes(uint32_t m) {
    return (size_t)VEC_BLOCK_ROWS * m;
}
/* A code into a slot (0..31) of a block. */
void vec_pq_block_put(const struct vec_pq *pq, uint8_t *block, unsigned slot, const uint8_t *code);

/* A query's products with all codewords, in bytes: product = bias + step * sum of bytes.  One thread's, reused. */
struct vec_pq_table {
    float *products;
    uint8_t *bytes;
    float step, bias;
};
void vec_pq_table_init(struct vec_pq_table *table, const struct vec_pq *pq);
void vec_pq_table_deinit(struct vec_pq_table *table);
void vec_pq_table_set(struct vec_pq_table *table, const struct vec_pq *pq, const float *query);
/* <query, row~> of the rows of two blocks (which may be the same one). */
void vec_pq_products(const struct vec_pq *pq, const struct vec_pq_table *table, const uint8_t *const blocks[2],
                     float ret[2 * VEC_BLOCK_ROWS]);

#endif
