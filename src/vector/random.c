#include "vector/random.h"

#include <math.h>

static uint64_t splitmix(uint64_t *state) {
    uint64_t z = (*state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static uint64_t rotate_left(uint64_t x, int by) {
    return (x << by) | (x >> (64 - by));
}

void vec_random_init(struct vec_random *random, uint64_t seed) {
    for (int i = 0; i < 4; i++)
        random->s[i] = splitmix(&seed);
}

uint64_t vec_random_next(struct vec_random *random) {
    uint64_t *s = random->s;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

/* Lemire's multiplication, with his rejection of the few values that would tilt it. */
uint32_t vec_random_below(struct vec_random *random, uint32_t bound) {
    uint32_t reject = (uint32_t)(-bound) % bound;
    for (;;) {
        uint64_t product = (vec_random_next(random) >> 32) * bound;
        if ((uint32_t)product >= reject)
            return (uint32_t)(product >> 32);
    }
}

double vec_random_unit(struct vec_random *random) {
    return ((double)(vec_random_next(random) >> 11) + 0.5) * 0x1.0p-53;
}

/* Box and Muller; the second value is dropped so that the state is the four words alone. */
double vec_random_gauss(struct vec_random *random) {
    double radius = sqrt(-2.0 * log(vec_random_unit(random)));
    return radius * cos(6.283185307179586 * vec_random_unit(random));
}
