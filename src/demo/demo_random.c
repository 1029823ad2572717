#include "demo/demo_internal.h"

static uint64_t mix(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31);
}

struct demo_random demo_random_for(uint64_t seed, uint64_t stream, uint64_t row) {
    return (struct demo_random){mix(mix(seed + 0x9E3779B97F4A7C15U) ^ mix(stream * 0xD1B54A32D192ED03U + row))};
}

uint64_t demo_random_next(struct demo_random *r) {
    r->state += 0x9E3779B97F4A7C15U;
    return mix(r->state);
}

uint64_t demo_random_below(struct demo_random *r, uint64_t bound) {
    /* The high half of a 64x64 product: no division, and a bias below 2^-40 for the bounds used here. */
    __extension__ typedef unsigned __int128 uint128;
    return (uint64_t)(((uint128)demo_random_next(r) * bound) >> 64);
}

int64_t demo_random_between(struct demo_random *r, int64_t low, int64_t high) {
    return low + (int64_t)demo_random_below(r, (uint64_t)(high - low) + 1);
}

bool demo_random_chance(struct demo_random *r, unsigned per_thousand) {
    return demo_random_below(r, 1000) < per_thousand;
}

uint64_t demo_random_skewed(struct demo_random *r, uint64_t bound) {
    uint64_t a = demo_random_below(r, bound), b = demo_random_below(r, bound);
    return a < b ? a : b;
}
