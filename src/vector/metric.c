#include "vector/metric.h"

#include "vector/kernels.h"

#include <math.h>
#include <string.h>

enum lh_code vec_check_shape(const struct vec_rows *rows, struct lh_err *err) {
    if (rows->d < 1 || rows->d > VEC_MAX_DIM)
        return lh_fail(err, LH_INVALID, "a vector has %u dimensions; 1 to %u are possible", rows->d, VEC_MAX_DIM);
    if (rows->n >= VEC_NO_ID)
        return lh_fail(err, LH_INVALID, "%zu vectors are more than the %u that one index holds", rows->n,
                       VEC_NO_ID - 1);
    return LH_OK;
}

/* An exponent of all ones, however the bits below it stand. */
static uint32_t is_not_finite(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return (bits & 0x7F800000u) == 0x7F800000u;
}

enum lh_code vec_check_finite(const struct vec_rows *rows, struct lh_err *err) {
    for (size_t i = 0; i < rows->n; i++) {
        const float *row = vec_row(rows, i);
        uint32_t bad = 0;
        for (uint32_t j = 0; j < rows->d; j++)
            bad |= is_not_finite(row[j]);
        for (uint32_t j = 0; bad && j < rows->d; j++)
            if (is_not_finite(row[j]))
                return lh_fail(err, LH_DATA, "vector %zu holds %s in dimension %u", i,
                               isnan(row[j]) ? "NaN" : "an infinity", j);
    }
    return LH_OK;
}

const char *vec_metric_name(enum vec_metric metric) {
    switch (metric) {
    case VEC_L2: return "l2";
    case VEC_DOT: return "dot";
    case VEC_COSINE: return "cosine";
    }
    return NULL;
}

float vec_distance(enum vec_metric metric, const float *a, const float *b, size_t d) {
    const struct vec_kernels *k = vec_kernels();
    if (metric == VEC_L2)
        return k->l2_f32(a, b, d);
    float dot = k->dot_f32(a, b, d);
    if (metric == VEC_DOT)
        return -dot;
    float aa = k->dot_f32(a, a, d);
    float bb = k->dot_f32(b, b, d);
    return aa > 0 && bb > 0 ? 1 - dot / sqrtf(aa) / sqrtf(bb) : 1;
}
