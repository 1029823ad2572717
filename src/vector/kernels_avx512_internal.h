/* What the two AVX-512 files share: instruction sets, masks for the end of a
 * row, and the float kernels' names. */
#ifndef LH_VECTOR_KERNELS_AVX512_INTERNAL_H
#define LH_VECTOR_KERNELS_AVX512_INTERNAL_H

#if defined(__x86_64__)

#include "vector/kernels_internal.h"

#include <immintrin.h>

#define BASE __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma,f16c,avx2")))
#define VNNI                                                               \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni," \
                          "avx512vpopcntdq,avx512vbmi,fma,f16c,avx2")))
#define BF16 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,fma,avx2")))

/* The first `left` of 16 or 64 lanes; all of them from there on. */
static inline __mmask16 head16(size_t left) {
    return (__mmask16)(left >= 16 ? 0xFFFFu : (1u << left) - 1);
}

static inline __mmask32 head32(size_t left) {
    return left >= 32 ? (__mmask32)0xFFFFFFFFu : (__mmask32)((1u << left) - 1);
}

static inline __mmask64 head64(size_t left) {
    return left >= 64 ? ~(__mmask64)0 : ((__mmask64)1 << left) - 1;
}

float vec_avx512_dot_f32(const float *a, const float *b, size_t d);
float vec_avx512_l2_f32(const float *a, const float *b, size_t d);
void vec_avx512_dot_f32_x4(const float *q, const float *const rows[4], size_t d, float ret[4]);
void vec_avx512_l2_f32_x4(const float *q, const float *const rows[4], size_t d, float ret[4]);
float vec_avx512_dot_bf16_pair(const uint16_t *a, const uint16_t *b, size_t d);
float vec_avx512_dot_bf16_pair_native(const uint16_t *a, const uint16_t *b, size_t d);
void vec_avx512_f16_from_f32(const float *x, size_t d, uint16_t *ret);
void vec_avx512_fht(float *x, size_t n);
float vec_avx512_dot_b1f32(const uint8_t *row, const float *y, size_t d);
void vec_avx512_multiply(float *x, const float *by, size_t d);
void vec_avx512_dot_columns(const float *x, size_t d, const float *columns, float ret[VEC_COLUMNS]);
size_t vec_avx512_argmin(const float *x, size_t n);
float vec_avx512_max_abs(const float *x, size_t d);
void vec_avx512_add(float *x, const float *more, size_t d);
void vec_avx512_walk(float *x, size_t half);
void vec_avx512_f32_from_u8(const uint8_t *x, size_t d, float offset, float *ret);
void vec_avx512_quantize_u8(const float *x, size_t d, float scale, float offset, uint8_t max, uint8_t *ret);
void vec_avx512_signs(const float *x, size_t d, uint8_t *ret);
float vec_avx512_dot_f16(const float *q, const uint16_t *row, size_t d);
float vec_avx512_l2_f16(const float *q, const uint16_t *row, size_t d);
float vec_avx512_dot_bf16(const float *q, const uint16_t *row, size_t d);
float vec_avx512_l2_bf16(const float *q, const uint16_t *row, size_t d);

#endif
#endif
