/* RaBitQ: codes of 1, 4 or 8 bits a dimension whose estimates are unbiased and carry an error bound.
 *
 * Sources.  J. Gao, C. Long, "RaBitQ: Quantizing High-Dimensional Vectors with a Theoretical Error Bound for
 * Approximate Nearest Neighbor Search", SIGMOD 2024; J. Gao et al., "Practical and Asymptotically Optimal Quantization
 * of High-Dimensional Vectors in Euclidean Space for Approximate Nearest Neighbor Search", SIGMOD 2025 (more bits).
 *
 * Idea.  Turn everything by one random rotation P (vector/rotation.h), so that no direction of the data is special.
 * Of a row o with centroid c keep the residual r = P(o - c) = o' - c' as small integers u, one a dimension, B bits each:
 *     B = 1: u = [r >= 0]        else u = round(t r + (2^B - 1)/2), cut to B bits, 1/t the best step for a Gaussian
 * The code stands for x = u - (2^B - 1)/2.  x is not r, but for a random rotation the part of x across r is spread
 * evenly over all directions, so that for any y
 *     <r, y>  ~  f <x, y>,  f = |r|^2 / <x, r>
 * without bias, and with an error beyond  e |r| |y| sqrt((1/s^2 - 1) / (D - 1)),  s = <x, r> / (|x| |r|),
 * about as likely as a Gaussian is to pass e standard deviations (s is about 0.798 for 1 bit, 0.994 for 4).
 *
 * Origin.  What is quantised of a query should be as large as the data is wide, not as the data is far from 0: of rows that all
 * lie about a point 1,000 away, a byte of the query's coordinates would tell next to nothing.  So all that is turned is seen
 * from one origin z, the middle of the data:  o' = Po - z,  c' = Pc - z,  q' = Pq - z.
 *
 * From there to distances, with y = q' - c' and <x, y> = <x, q'> - <x, c'>: everything that does not hold q' is
 * kept with the row, in three floats, so that one quantised query serves every centroid:
 *     distance ~ centre.add + add + rescale * <x, q'>,   half-width of the bound:  epsilon * error * centre.norm
 *                add                           rescale   error                 centre.add          centre.norm
 *     L2         |r|^2 + 2 f <x, c'>           -2 f      2 |r| sqrt(...)       |q' - c'|^2         |q' - c'|
 *     dot        f <x, c'> - <r, c' + z>       -f        |r| sqrt(...)         -<c' + z, Pq>       |q' - c'|
 *     cosine     as dot of unit vectors                                        1 - <c' + z, Pq>    |q' - c'|
 *
 * Layouts.  A row's code: D * B / 8 bytes, D = d rounded up to a multiple of 64 (kernels.h tells the order of bits).
 * For scans, 32 one-bit codes with their factors make a block (kernels.h, fastscan_b1) of 32 * D / 8 + 384 bytes. */
#ifndef LH_VECTOR_RABITQ_H
#define LH_VECTOR_RABITQ_H

#include "base/error.h"
#include "vector/kernels.h"
#include "vector/metric.h"

#include <stddef.h>
#include <stdint.h>

struct vec_rabitq;
struct vec_rabitq_query;

struct vec_rabitq_config {
    uint32_t d;
    uint32_t bits; /* 1, 4 or 8 */
    enum vec_metric metric;
    uint64_t seed; /* of the rotation: codes compare only under the same seed and d */
};

struct vec_rabitq_factors {
    float add, rescale, error;
};

/* A query seen from one centroid. */
struct vec_rabitq_centre {
    float add, norm;
};

#define VEC_RABITQ_EPSILON 1.9f /* the paper's: a bound that about 3% of the rows pass on one side */

/* LH_INVALID where the configuration is out of range.  Immutable once made: any number of threads may share it. */
LH_CHECKED enum lh_code vec_rabitq_new(const struct vec_rabitq_config *config, struct vec_rabitq **ret_rq,
                                       struct lh_err *err);
void vec_rabitq_free(struct vec_rabitq *rq);

uint32_t vec_rabitq_padded(const struct vec_rabitq *rq); /* D */
size_t vec_rabitq_code_bytes(const struct vec_rabitq *rq);
size_t vec_rabitq_block_bytes(
    const struct vec_rabitq *rq); /* of 32 one-bit rows with their factors; a multiple of 64 */

/* ret[D] = P x for x[d]; for VEC_COSINE of x / |x|.  `ret` may not be `x`. */
void vec_rabitq_rotate(const struct vec_rabitq *rq, const float *x, float *ret);

#define VEC_RABITQ_SCRATCH 3 /* times D floats of scratch for vec_rabitq_encode */

/* ret_origin[D] = the middle of the rows: the mean of some thousands, spread over all, without those far out.  Zeroes for no
 * rows. */
void vec_rabitq_origin(const struct vec_rabitq *rq, const struct vec_rows *rows, float *ret_origin);
/* ret[D] = P x - origin (NULL: 0), as vec_rabitq_rotate. */
void vec_rabitq_rotate_from(const struct vec_rabitq *rq, const float *x, const float *origin, float *ret);

/* Encode one row o' against a centroid c' (NULL: the origin itself), both seen from `origin` (NULL: 0).  A row that equals its
 * centroid gets rescale and error 0: its estimate is exact. */
void vec_rabitq_encode(const struct vec_rabitq *rq, const float *row, const float *centroid, const float *origin,
                       float *scratch, uint8_t *ret_code, struct vec_rabitq_factors *ret_factors);

/* Encode rows [0, rows->n) in the input's order against the origin, on `threads` threads (0: one a processor).
 * ret_codes: n * code_bytes, ret_factors: n.  LH_INVALID where rows->d is not the quantizer's. */
LH_CHECKED enum lh_code vec_rabitq_encode_rows(const struct vec_rabitq *rq, const struct vec_rows *rows,
                                               const float *origin, unsigned threads, uint8_t *ret_codes,
                                               struct vec_rabitq_factors *ret_factors, struct lh_err *err);

/* Blocks (1 bit only).  Put one code in slot `slot` (0..31) of a block; a block starts as zeroes with every slot
 * cleared.  A cleared slot's lower bound is +infinity: no scan returns it. */
void vec_rabitq_block_clear(const struct vec_rabitq *rq, uint8_t *block, unsigned slot);
/* What a slot's factors say; BROKEN: what no encoding gives. */
enum vec_slot_state { VEC_SLOT_CLEAR, VEC_SLOT_USED, VEC_SLOT_BROKEN };
enum vec_slot_state vec_rabitq_block_slot(const struct vec_rabitq *rq, const uint8_t *block, unsigned slot);
void vec_rabitq_block_put(const struct vec_rabitq *rq, uint8_t *block, unsigned slot, const uint8_t *code,
                          const struct vec_rabitq_factors *factors);

/* A query's working storage: one thread's, made once and set again and again without allocating. */
struct vec_rabitq_query *vec_rabitq_query_new(const struct vec_rabitq *rq);
void vec_rabitq_query_free(struct vec_rabitq_query *q);
/* Take x[d]: rotate, see from `origin` (NULL: 0), quantise to signed bytes and, for 1-bit codes, to block tables. */
void vec_rabitq_query_set(struct vec_rabitq_query *q, const float *x, const float *origin);
const float *vec_rabitq_query_rotated(const struct vec_rabitq_query *q);     /* Pq, D floats */
const float *vec_rabitq_query_from_origin(const struct vec_rabitq_query *q); /* q', D floats */
/* `centroid` is c' (NULL: the origin itself). */
void vec_rabitq_query_centre(const struct vec_rabitq_query *q, const float *centroid,
                             struct vec_rabitq_centre *ret_centre);

/* Estimated distances.  `_ids` takes any rows of an array of codes (a graph's neighbours) and hides their cache misses. */
float vec_rabitq_estimate(const struct vec_rabitq_query *q, const struct vec_rabitq_centre *centre, const uint8_t *code,
                          const struct vec_rabitq_factors *factors);
void vec_rabitq_estimate_ids(const struct vec_rabitq_query *q, const struct vec_rabitq_centre *centre,
                             const uint8_t *codes, const struct vec_rabitq_factors *factors, const uint32_t *ids,
                             size_t n, float *ret_dist);

/* What kernels->fastscan_b1 wants, for blocks under one centroid.  Borrows from `q`. */
void vec_rabitq_block_query(const struct vec_rabitq_query *q, const struct vec_rabitq_centre *centre, float epsilon,
                            struct vec_block_query *ret_block);

#endif
