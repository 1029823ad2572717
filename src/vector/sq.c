#include "vector/sq.h"

#include "vector/kernels.h"
#include "vector/scorer.h"
#include "vector/topk.h"

#include <math.h>

enum lh_code vec_sq_train(const struct vec_rows *rows, enum vec_metric metric, struct vec_sq *ret_sq,
                          struct lh_err *err) {
    const struct vec_kernels *kernels = vec_kernels();
    float reach = 0;
    LH_TRY(vec_check_shape(rows, err));
    for (size_t i = 0; i < rows->n; i++) {
        float scale = metric == VEC_COSINE ? vec_inverse_length(vec_row(rows, i), rows->d) : 1;
        reach = fmaxf(reach, scale * kernels->max_abs(vec_row(rows, i), rows->d));
    }
    *ret_sq = (struct vec_sq){.d = rows->d, .metric = metric, .step = reach / 127};
    return LH_OK;
}

void vec_sq_encode(const struct vec_sq *sq, const float *x, int8_t *ret_code) {
    float length = sq->metric == VEC_COSINE ? vec_inverse_length(x, sq->d) : 1;
    float scale = sq->step > 0 ? length / sq->step : 0;
    uint8_t *bytes = (uint8_t *)ret_code;
    if (!isfinite(scale)) /* a reach among the denormals */
        scale = 0;
    vec_kernels()->quantize_u8(x, sq->d, scale, 128, 255, bytes);
    for (uint32_t i = 0; i < sq->d; i++)
        bytes[i] ^= 0x80u; /* about 128 to about 0 */
}

void vec_sq_decode(const struct vec_sq *sq, const int8_t *code, float *ret_x) {
    for (uint32_t i = 0; i < sq->d; i++)
        ret_x[i] = sq->step * (float)code[i];
}

float vec_sq_distance(const struct vec_sq *sq, const int8_t *a, const int8_t *b) {
    const struct vec_kernels *kernels = vec_kernels();
    float square = sq->step * sq->step;
    if (sq->metric == VEC_L2)
        return square * (float)kernels->l2_i8(a, b, sq->d);
    float product = square * (float)kernels->dot_i8(a, b, sq->d);
    return sq->metric == VEC_DOT ? -product : 1 - product;
}

size_t vec_sq_search(const struct vec_sq *sq, const int8_t *codes, size_t n, const int8_t *query, size_t k,
                     struct vec_hit *ret_hits) {
    struct vec_topk top;
    vec_topk_init(&top, ret_hits, k);
    for (size_t i = 0; i < n; i++) {
        float dist = vec_sq_distance(sq, query, codes + i * sq->d);
        if (dist < vec_topk_worst(&top))
            vec_topk_push(&top, dist, (uint32_t)i);
    }
    return vec_topk_sort(&top);
}
