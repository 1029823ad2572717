/* The tables behind vector/kernels.h, and the portable forms that any level may
 * borrow. */
#ifndef LH_VECTOR_KERNELS_INTERNAL_H
#define LH_VECTOR_KERNELS_INTERNAL_H

#include "vector/kernels.h"

extern const struct vec_kernels vec_kernels_portable;
#if defined(__x86_64__)
extern const struct vec_kernels vec_kernels_avx2;
extern const struct vec_kernels vec_kernels_avx512;
extern const struct vec_kernels vec_kernels_avx512_vnni;
extern const struct vec_kernels vec_kernels_avx512_bf16;
#elif defined(__aarch64__)
extern const struct vec_kernels vec_kernels_neon;
#endif

void vec_portable_pq_sums(const uint8_t *table, size_t m, const uint8_t *const blocks[2],
                          uint16_t ret[2 * VEC_BLOCK_ROWS]);
float vec_portable_dot_bf16_pair(const uint16_t *a, const uint16_t *b, size_t d);
uint32_t vec_portable_dot_b1u4(const uint8_t *row, const uint8_t *planes, size_t d);
uint32_t vec_portable_hamming(const uint8_t *a, const uint8_t *b, size_t bytes);
void vec_portable_f16_from_f32(const float *x, size_t d, uint16_t *ret);
void vec_portable_bf16_from_f32(const float *x, size_t d, uint16_t *ret);

/* Before a short loop over registers: gcc at -O2 would keep the array that they
 * stand in in memory. */
#if defined(__clang__)
#define VEC_UNROLL _Pragma("unroll")
#else
#define VEC_UNROLL _Pragma("GCC unroll 8")
#endif

static inline float vec_f32_from_bf16(uint16_t half) {
    union {
        uint32_t bits;
        float value;
    } word = {.bits = (uint32_t)half << 16};
    return word.value;
}

#endif
