/* Vectors for the tests of this folder: shapes of data that searches must survive. */
#ifndef LH_TESTS_UNIT_VECTOR_DATA_H
#define LH_TESTS_UNIT_VECTOR_DATA_H

#include "base/alloc.h"
#include "vector/metric.h"
#include "vector/random.h"

#include <math.h>

enum shape { GAUSSIAN, CLUSTERED, DUPLICATES, ALL_EQUAL, WITH_ZEROES, SORTED_BY_NORM, TINY, SHAPES };

static const char *const shape_names[] = {"gaussian",    "clustered",      "duplicates", "all equal",
                                          "with zeroes", "sorted by norm", "tiny"};

/* n rows of d floats, to be freed with lh_free. */
static inline float *make_rows(size_t n, uint32_t d, enum shape shape, uint64_t seed) {
    float *x = lh_malloc((n ? n : 1) * d * sizeof *x);
    struct vec_random random;
    vec_random_init(&random, seed);
    for (size_t i = 0; i < n; i++)
        for (uint32_t j = 0; j < d; j++) {
            double g = vec_random_gauss(&random);
            double value = g;
            if (shape == CLUSTERED)
                value = 0.15 * g + cos((double)(i % 7 + 1) * 12.9898 * (j + 1));
            else if (shape == DUPLICATES)
                value = sin((double)(i % 5 + 1) * 78.233 * (j + 1));
            else if (shape == ALL_EQUAL)
                value = (double)(j % 3) - 0.5;
            else if (shape == WITH_ZEROES)
                value = i % 4 ? g : 0;
            else if (shape == SORTED_BY_NORM)
                value = g * (1 + (double)(n - i));
            else if (shape == TINY)
                value = g * 1e-15;
            x[i * d + j] = (float)value;
        }
    return x;
}

#endif
