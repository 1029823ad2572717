#include "vector/metric.h"

#include "vector/kernels.h"

#include <math.h>

enum lh_code vec_check_shape(const struct vec_rows *rows, struct lh_err *err) {
    if (rows->d < 1 || rows->d > VEC_MAX_DIM)
        return lh_fail(err, LH_INVALID, "a vector has %u dimensions; 1 to %u are possible", rows->d, VEC_MAX_DIM);
    if (rows->n >= VEC_NO_ID)
        return lh_fail(err, LH_INVALID, "%zu vectors are more than the %u that one index holds", rows->n,
                       VEC_NO_ID - 1);
    return LH_OK;
}

/* The square of a NaN is no smaller than anything. */
bool vec_is_sound(const float *x, size_t d) {
    return vec_kernels()->dot_f32(x, x, d) <= VEC_MAX_LENGTH * VEC_MAX_LENGTH;
}

static enum lh_code refuse(const float *row, uint32_t d, size_t number, struct lh_err *err) {
    double square = 0.0;
    for (uint32_t j = 0; j < d; j++) {
        if (!isfinite(row[j]))
            return lh_fail(err, LH_DATA, "vector %zu holds %s in dimension %u", number,
                           isnan(row[j]) ? "NaN" : "an infinity", j);
        square += (double)row[j] * (double)row[j];
    }
    lh_fail(err, LH_DATA, "vector %zu is too long, %g: products of vectors longer than %g cannot be held in floats",
            number, sqrt(square), (double)VEC_MAX_LENGTH);
    return lh_err_hint(
        err, "divide all vectors by one number; for cosine each by its own length, which changes no distance");
}

enum lh_code vec_check_rows(const struct vec_rows *rows, size_t first, struct lh_err *err) {
    for (size_t i = 0; i < rows->n; i++)
        if (!vec_is_sound(vec_row(rows, i), rows->d))
            return refuse(vec_row(rows, i), rows->d, first + i, err);
    return LH_OK;
}

enum lh_code vec_check_finite(const struct vec_rows *rows, struct lh_err *err) {
    return vec_check_rows(rows, 0, err);
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
