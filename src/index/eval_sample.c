#include "index/eval_sample.h"

#include "base/alloc.h"
#include "base/cleanup.h"
#include "index/generation.h"
#include "vector/random.h"

#include <math.h>

static const float *row_vector(const struct generation *g, size_t row) {
    size_t i = 0;
    while (i + 1 < g->segment_count && row >= g->segments[i + 1].base)
        i++;
    return vec_row(chunk_file_rows(g->segments[i].chunks), row - g->segments[i].base);
}

static double length_of(const float *vector, uint32_t d) {
    double sum = 0;
    for (uint32_t i = 0; i < d; i++)
        sum += (double)vector[i] * (double)vector[i];
    return sqrt(sum);
}

size_t eval_sample(const struct generation *g, const struct eval_sampling *how, float *ret_vectors) {
    uint32_t d = g->record.dims;
    LH_AUTO(mem) uint32_t *rows = lh_malloc((g->room + 1) * sizeof *rows);
    struct vec_random random;
    size_t live = 0, count = 0;
    for (size_t row = 0; row < g->room; row++)
        if (bits_get(g->live, row))
            rows[live++] = (uint32_t)row;
    vec_random_init(&random, how->seed);
    for (size_t i = 0; i < live && count < how->queries; i++) {
        size_t j = i + vec_random_below(&random, (uint32_t)(live - i));
        uint32_t row = rows[j];
        rows[j] = rows[i];
        const float *vector = row_vector(g, row);
        double length = length_of(vector, d);
        if (!(length > 0))
            continue;
        double width = how->noise * length / sqrt((double)d);
        for (uint32_t x = 0; x < d; x++)
            ret_vectors[count * d + x] = vector[x] + (float)(width * vec_random_gauss(&random));
        count++;
    }
    return count;
}
