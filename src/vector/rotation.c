#include "vector/rotation.h"

#include "base/alloc.h"
#include "vector/kernels.h"
#include "vector/random.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#define ROUNDS 4

struct vec_rotation {
    uint32_t d, padded, power; /* power: the largest power of two <= padded */
    const struct vec_kernels *kernels;
    float *factors; /* ROUNDS * padded random signs, times what undoes the growth of the steps that follow */
};

/* Coordinates that the round's transform takes grow by sqrt(power), and all that the walk takes by sqrt(2). */
static float shrink_at(const struct vec_rotation *rotation, uint32_t round, uint32_t i) {
    uint32_t first = round % 2 ? rotation->padded - rotation->power : 0;
    bool transformed = i >= first && i < first + rotation->power;
    float shrink = transformed ? 1 / sqrtf((float)rotation->power) : 1;
    return rotation->power < rotation->padded ? shrink * sqrtf(0.5f) : shrink;
}

struct vec_rotation *vec_rotation_new(uint32_t d, uint64_t seed) {
    struct vec_rotation *rotation = lh_malloc(sizeof *rotation);
    uint32_t padded = (d + 63) / 64 * 64;
    uint32_t power = 64;
    while (power * 2 <= padded)
        power *= 2;
    *rotation = (struct vec_rotation){.d = d, .padded = padded, .power = power, .kernels = vec_kernels()};
    rotation->factors = lh_malloc((size_t)ROUNDS * padded * sizeof *rotation->factors);
    struct vec_random random;
    vec_random_init(&random, seed);
    for (uint32_t round = 0; round < ROUNDS; round++)
        for (uint32_t i = 0; i < padded; i += 64) {
            uint64_t bits = vec_random_next(&random);
            for (uint32_t j = 0; j < 64; j++) {
                float shrink = shrink_at(rotation, round, i + j);
                rotation->factors[(size_t)round * padded + i + j] = (bits >> j) & 1 ? -shrink : shrink;
            }
        }
    return rotation;
}

void vec_rotation_free(struct vec_rotation *rotation) {
    if (!rotation)
        return;
    lh_free(rotation->factors);
    lh_free(rotation);
}

uint32_t vec_rotation_padded(const struct vec_rotation *rotation) {
    return rotation->padded;
}

void vec_rotation_apply(const struct vec_rotation *rotation, const float *x, float scale, float *ret) {
    const struct vec_kernels *k = rotation->kernels;
    uint32_t padded = rotation->padded, power = rotation->power;
    for (uint32_t i = 0; i < rotation->d; i++)
        ret[i] = x[i] * scale;
    memset(ret + rotation->d, 0, (padded - rotation->d) * sizeof *ret);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        k->multiply(ret, rotation->factors + (size_t)round * padded, padded);
        k->fht(round % 2 ? ret + (padded - power) : ret, power);
        if (power < padded)
            k->walk(ret, padded / 2);
    }
}
