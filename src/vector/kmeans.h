/* k-means: Lloyd's rounds from k-means++ seeds, on a sample, on several threads, the same for the same seed.
 *
 * Sources.  S. Lloyd (1982); D. Arthur, S. Vassilvitskii, "k-means++: The Advantages of Careful Seeding", SODA 2007;
 * D. Sculley, "Web-Scale K-Means Clustering", WWW 2010 (mini-batches).
 *
 * Seeding takes a small sample (4 rows a centre), draws each next centre with probability by its squared distance to the
 * nearest so far.  Rounds run on up to `sample` rows; with `batch` a round takes only that many of them, in turn, and
 * centres become the mean of all rows they ever got (Sculley's rate); without, each round sets them to the mean of their
 * rows.  A centre that got no row moves to the row that lies farthest from its own centre.  Each centre's sum is added up
 * in row order by one thread, so the number of threads changes nothing.
 *
 * Speed.  From 64 dimensions on rows and centres are compared as signed and unsigned bytes (four times fewer bytes than f32, one
 * VNNI instruction for 64 products), the sample's made one time for the seeds and all rounds; means are taken from the floats.
 * An assignment is off only where two centres are within about 1% of each other, which moves no mean that matters. */
#ifndef LH_VECTOR_KMEANS_H
#define LH_VECTOR_KMEANS_H

#include "base/error.h"
#include "vector/metric.h"

#include <stddef.h>
#include <stdint.h>

struct vec_kmeans {
    uint32_t k;
    uint32_t rounds;  /* 0: 10 */
    size_t sample;    /* rows to train on, spread evenly; 0: 64 a centre */
    size_t batch;     /* rows a round; 0: all of the sample */
    unsigned threads; /* 0: one a processor */
    uint64_t seed;
};

/* ret_centres[k * d].  Where there are fewer rows than k, rows are repeated.  LH_INVALID for k 0, no rows, or shapes out of
 * range; LH_NO_MEMORY. */
LH_CHECKED enum lh_code vec_kmeans_train(const struct vec_rows *rows, const struct vec_kmeans *how, float *ret_centres,
                                         struct lh_err *err);

/* The nearest centre (squared L2) of each row.  The comparison is that of training: bytes where d >= 64. */
LH_CHECKED enum lh_code vec_kmeans_assign(const struct vec_rows *rows, const float *centres, uint32_t k,
                                          unsigned threads, uint32_t *ret_nearest, struct lh_err *err);

#define VEC_CENTRES_EXACT 64u /* fewer dimensions than this are compared as floats, more as bytes */

/* A set of centres made ready to compare with rows that come one at a time. */
struct vec_centres;
LH_CHECKED enum lh_code vec_centres_new(const float *centres, uint32_t k, uint32_t d, struct vec_centres **ret_centres,
                                        struct lh_err *err);
void vec_centres_free(struct vec_centres *centres);
/* ret_scores[c] = |c|^2 / 2 - <row, c>: ranks the centres as their distance does.  scratch: d bytes. */
void vec_centres_score(const struct vec_centres *centres, const float *row, int8_t *scratch, float *ret_scores);
/* ret_scores[c] = -<row, c>, as exactly. */
void vec_centres_score_dot(const struct vec_centres *centres, const float *row, int8_t *scratch, float *ret_scores);
/* ret[c] = <row, c>, exactly; only for d < VEC_CENTRES_EXACT. */
void vec_centres_products(const struct vec_centres *centres, const float *row, float *ret);
/* Floats that vec_centres_assign scores into. */
size_t vec_centres_scores(const struct vec_centres *centres);
/* The nearest centre of each of a few rows; scratch: 4 d bytes, scores: vec_centres_scores floats. */
void vec_centres_assign(const struct vec_centres *centres, const struct vec_rows *rows, int8_t *scratch, float *scores,
                        uint32_t *ret_nearest);
/* The nearest one; ret_scores is filled for all. */
uint32_t vec_centres_nearest(const struct vec_centres *centres, const float *row, int8_t *scratch, float *ret_scores);

#endif
