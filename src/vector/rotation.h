/* A random rotation of R^D in O(D log D): rounds of random signs and fast Hadamard transforms, with Kac's walk
 * between the halves where D is not a power of two.
 *
 * D is d rounded up to a multiple of 64; n the largest power of two <= D.  Each of the 4 rounds
 *   1. multiplies each coordinate by a random sign (D bits from the seed),
 *   2. Hadamard-transforms the first n coordinates (even rounds) or the last n (odd rounds),
 *   3. where n < D, turns every pair (x_i, x_{i + D/2}) by 45 degrees.
 * Every step is orthogonal, so lengths and angles are kept up to rounding; a fixed vector comes out close enough to
 * uniform on its sphere for RaBitQ's statistics (tests/unit/vector checks them).  The same seed and d give the same
 * rotation on every machine. */
#ifndef LH_VECTOR_ROTATION_H
#define LH_VECTOR_ROTATION_H

#include <stddef.h>
#include <stdint.h>

struct vec_rotation;

struct vec_rotation *vec_rotation_new(uint32_t d, uint64_t seed); /* d: 1..VEC_MAX_DIM */
void vec_rotation_free(struct vec_rotation *rotation);
uint32_t vec_rotation_padded(const struct vec_rotation *rotation); /* D */
/* ret[D] = rotation of x[d], padded with zeroes, times `scale`.  Thread-safe; `ret` may not overlap `x`. */
void vec_rotation_apply(const struct vec_rotation *rotation, const float *x, float scale, float *ret);

#endif
