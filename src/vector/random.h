/* xoshiro256** (Blackman and Vigna, 2018), seeded by splitmix64: the library's only source of chance, so that the same
 * seed gives the same index.  Plain storage, one thread's. */
#ifndef LH_VECTOR_RANDOM_H
#define LH_VECTOR_RANDOM_H

#include <stdint.h>

struct vec_random {
    uint64_t s[4];
};

void vec_random_init(struct vec_random *random, uint64_t seed);
uint64_t vec_random_next(struct vec_random *random);
uint32_t vec_random_below(struct vec_random *random, uint32_t bound); /* uniform in [0, bound), bound > 0 */
double vec_random_unit(struct vec_random *random);                    /* (0, 1) */
double vec_random_gauss(struct vec_random *random);                   /* mean 0, variance 1 */

#endif
