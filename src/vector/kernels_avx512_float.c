/* AVX-512 on floats: distances, half-width rows, transforms, columns.  See
 * kernels_avx512.c. */
#if defined(__x86_64__)

#include "vector/kernels_avx512_internal.h"

/* ---- f32 ---- */

BASE float vec_avx512_dot_f32(const float *a, const float *b, size_t d) {
    __m512 s0 = _mm512_setzero_ps(), s1 = s0, s2 = s0, s3 = s0;
    size_t i = 0;
    for (; i + 64 <= d; i += 64) {
        s0 = _mm512_fmadd_ps(_mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i), s0);
        s1 = _mm512_fmadd_ps(_mm512_loadu_ps(a + i + 16), _mm512_loadu_ps(b + i + 16), s1);
        s2 = _mm512_fmadd_ps(_mm512_loadu_ps(a + i + 32), _mm512_loadu_ps(b + i + 32), s2);
        s3 = _mm512_fmadd_ps(_mm512_loadu_ps(a + i + 48), _mm512_loadu_ps(b + i + 48), s3);
    }
    for (; i < d; i += 16) {
        __mmask16 m = head16(d - i);
        s0 = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(m, a + i), _mm512_maskz_loadu_ps(m, b + i), s0);
    }
    return _mm512_reduce_add_ps(_mm512_add_ps(_mm512_add_ps(s0, s1), _mm512_add_ps(s2, s3)));
}

BASE float vec_avx512_l2_f32(const float *a, const float *b, size_t d) {
    __m512 s0 = _mm512_setzero_ps(), s1 = s0, s2 = s0, s3 = s0;
    size_t i = 0;
    for (; i + 64 <= d; i += 64) {
        __m512 d0 = _mm512_sub_ps(_mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i));
        __m512 d1 = _mm512_sub_ps(_mm512_loadu_ps(a + i + 16), _mm512_loadu_ps(b + i + 16));
        __m512 d2 = _mm512_sub_ps(_mm512_loadu_ps(a + i + 32), _mm512_loadu_ps(b + i + 32));
        __m512 d3 = _mm512_sub_ps(_mm512_loadu_ps(a + i + 48), _mm512_loadu_ps(b + i + 48));
        s0 = _mm512_fmadd_ps(d0, d0, s0);
        s1 = _mm512_fmadd_ps(d1, d1, s1);
        s2 = _mm512_fmadd_ps(d2, d2, s2);
        s3 = _mm512_fmadd_ps(d3, d3, s3);
    }
    for (; i < d; i += 16) {
        __mmask16 m = head16(d - i);
        __m512 diff = _mm512_sub_ps(_mm512_maskz_loadu_ps(m, a + i), _mm512_maskz_loadu_ps(m, b + i));
        s0 = _mm512_fmadd_ps(diff, diff, s0);
    }
    return _mm512_reduce_add_ps(_mm512_add_ps(_mm512_add_ps(s0, s1), _mm512_add_ps(s2, s3)));
}

BASE void vec_avx512_dot_f32_x4(const float *q, const float *const rows[4], size_t d, float ret[4]) {
    __m512 s[4] = {_mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_ps()};
    __m512 t[4] = {s[0], s[0], s[0], s[0]};
    size_t i = 0;
    for (; i + 32 <= d; i += 32) {
        __m512 x = _mm512_loadu_ps(q + i);
        __m512 y = _mm512_loadu_ps(q + i + 16);
        VEC_UNROLL
        for (int r = 0; r < 4; r++) {
            s[r] = _mm512_fmadd_ps(x, _mm512_loadu_ps(rows[r] + i), s[r]);
            t[r] = _mm512_fmadd_ps(y, _mm512_loadu_ps(rows[r] + i + 16), t[r]);
        }
    }
    for (; i < d; i += 16) {
        __mmask16 m = head16(d - i);
        __m512 x = _mm512_maskz_loadu_ps(m, q + i);
        VEC_UNROLL
        for (int r = 0; r < 4; r++)
            s[r] = _mm512_fmadd_ps(x, _mm512_maskz_loadu_ps(m, rows[r] + i), s[r]);
    }
    VEC_UNROLL
    for (int r = 0; r < 4; r++)
        ret[r] = _mm512_reduce_add_ps(_mm512_add_ps(s[r], t[r]));
}

BASE void vec_avx512_l2_f32_x4(const float *q, const float *const rows[4], size_t d, float ret[4]) {
    __m512 s[4] = {_mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_ps()};
    __m512 t[4] = {s[0], s[0], s[0], s[0]};
    size_t i = 0;
    for (; i + 32 <= d; i += 32) {
        __m512 x = _mm512_loadu_ps(q + i);
        __m512 y = _mm512_loadu_ps(q + i + 16);
        VEC_UNROLL
        for (int r = 0; r < 4; r++) {
            __m512 e = _mm512_sub_ps(x, _mm512_loadu_ps(rows[r] + i));
            __m512 f = _mm512_sub_ps(y, _mm512_loadu_ps(rows[r] + i + 16));
            s[r] = _mm512_fmadd_ps(e, e, s[r]);
            t[r] = _mm512_fmadd_ps(f, f, t[r]);
        }
    }
    for (; i < d; i += 16) {
        __mmask16 m = head16(d - i);
        __m512 x = _mm512_maskz_loadu_ps(m, q + i);
        VEC_UNROLL
        for (int r = 0; r < 4; r++) {
            __m512 e = _mm512_sub_ps(x, _mm512_maskz_loadu_ps(m, rows[r] + i));
            s[r] = _mm512_fmadd_ps(e, e, s[r]);
        }
    }
    VEC_UNROLL
    for (int r = 0; r < 4; r++)
        ret[r] = _mm512_reduce_add_ps(_mm512_add_ps(s[r], t[r]));
}

/* ---- f16 and bf16 rows, widened ---- */

BASE static inline __m512 widen_f16(__m256i halves) {
    return _mm512_cvtph_ps(halves);
}

BASE static inline __m512 widen_bf16(__m256i halves) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
}

#define DEFINE_HALF(name, WIDEN, IS_L2)                                             \
    BASE float name(const float *q, const uint16_t *row, size_t d) {                \
        __m512 s0 = _mm512_setzero_ps(), s1 = s0;                                   \
        size_t i = 0;                                                               \
        for (; i + 32 <= d; i += 32) {                                              \
            __m512 x0 = _mm512_loadu_ps(q + i), x1 = _mm512_loadu_ps(q + i + 16);   \
            __m512 y0 = WIDEN(_mm256_loadu_si256((const __m256i *)(row + i)));      \
            __m512 y1 = WIDEN(_mm256_loadu_si256((const __m256i *)(row + i + 16))); \
            if (IS_L2) {                                                            \
                x0 = y0 = _mm512_sub_ps(x0, y0);                                    \
                x1 = y1 = _mm512_sub_ps(x1, y1);                                    \
            }                                                                       \
            s0 = _mm512_fmadd_ps(x0, y0, s0);                                       \
            s1 = _mm512_fmadd_ps(x1, y1, s1);                                       \
        }                                                                           \
        for (; i < d; i += 16) {                                                    \
            __mmask16 m = head16(d - i);                                            \
            __m512 x = _mm512_maskz_loadu_ps(m, q + i);                             \
            __m512 y = WIDEN(_mm256_maskz_loadu_epi16(m, row + i));                 \
            if (IS_L2)                                                              \
                x = y = _mm512_sub_ps(x, y);                                        \
            s0 = _mm512_fmadd_ps(x, y, s0);                                         \
        }                                                                           \
        return _mm512_reduce_add_ps(_mm512_add_ps(s0, s1));                         \
    }

DEFINE_HALF(vec_avx512_dot_f16, widen_f16, 0)
DEFINE_HALF(vec_avx512_l2_f16, widen_f16, 1)
DEFINE_HALF(vec_avx512_dot_bf16, widen_bf16, 0)
DEFINE_HALF(vec_avx512_l2_bf16, widen_bf16, 1)

BASE float vec_avx512_dot_bf16_pair(const uint16_t *a, const uint16_t *b, size_t d) {
    __m512 s = _mm512_setzero_ps();
    for (size_t i = 0; i < d; i += 16) {
        __mmask16 m = head16(d - i);
        s = _mm512_fmadd_ps(widen_bf16(_mm256_maskz_loadu_epi16(m, a + i)),
                            widen_bf16(_mm256_maskz_loadu_epi16(m, b + i)), s);
    }
    return _mm512_reduce_add_ps(s);
}

BF16 float vec_avx512_dot_bf16_pair_native(const uint16_t *a, const uint16_t *b, size_t d) {
    __m512 s0 = _mm512_setzero_ps(), s1 = s0;
    for (size_t i = 0; i < d; i += 64) {
        __mmask32 m0 = head32(d - i);
        __mmask32 m1 = d - i > 32 ? head32(d - i - 32) : 0;
        size_t j = m1 ? i + 32 : i;
        s0 = _mm512_dpbf16_ps(s0, (__m512bh)_mm512_maskz_loadu_epi16(m0, a + i),
                              (__m512bh)_mm512_maskz_loadu_epi16(m0, b + i));
        s1 = _mm512_dpbf16_ps(s1, (__m512bh)_mm512_maskz_loadu_epi16(m1, a + j),
                              (__m512bh)_mm512_maskz_loadu_epi16(m1, b + j));
    }
    return _mm512_reduce_add_ps(_mm512_add_ps(s0, s1));
}

BASE void vec_avx512_f16_from_f32(const float *x, size_t d, uint16_t *ret) {
    for (size_t i = 0; i < d; i += 16) {
        __mmask16 m = head16(d - i);
        __m256i half = _mm512_cvtps_ph(_mm512_maskz_loadu_ps(m, x + i), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
        _mm256_mask_storeu_epi16(ret + i, m, half);
    }
}

/* ---- transforms ---- */

/* Butterflies within a register: each lane meets the one `h` away, and the
 * upper of the two is subtracted. */
BASE static inline __m512 butterfly(__m512 x, __m512 swapped, __mmask16 upper) {
    return _mm512_add_ps(swapped, _mm512_mask_sub_ps(x, upper, _mm512_setzero_ps(), x));
}

BASE static inline __m512 hadamard16(__m512 x) {
    x = butterfly(x, _mm512_permute_ps(x, 0xB1), 0xAAAA);
    x = butterfly(x, _mm512_permute_ps(x, 0x4E), 0xCCCC);
    x = butterfly(x, _mm512_shuffle_f32x4(x, x, 0xB1), 0xF0F0);
    return butterfly(x, _mm512_shuffle_f32x4(x, x, 0x4E), 0xFF00);
}

BASE void vec_avx512_fht(float *x, size_t n) {
    if (n < 16) {
        vec_kernels_portable.fht(x, n);
        return;
    }
    for (size_t i = 0; i < n; i += 16)
        _mm512_storeu_ps(x + i, hadamard16(_mm512_loadu_ps(x + i)));
    size_t h = 16;
    for (; 4 * h <= n; h *= 4) /* two levels at a time: half the passes over memory */
        for (size_t i = 0; i < n; i += 4 * h)
            for (size_t j = i; j < i + h; j += 16) {
                __m512 a = _mm512_loadu_ps(x + j), b = _mm512_loadu_ps(x + j + h);
                __m512 c = _mm512_loadu_ps(x + j + 2 * h), e = _mm512_loadu_ps(x + j + 3 * h);
                __m512 ab = _mm512_add_ps(a, b), amb = _mm512_sub_ps(a, b);
                __m512 ce = _mm512_add_ps(c, e), cme = _mm512_sub_ps(c, e);
                _mm512_storeu_ps(x + j, _mm512_add_ps(ab, ce));
                _mm512_storeu_ps(x + j + h, _mm512_add_ps(amb, cme));
                _mm512_storeu_ps(x + j + 2 * h, _mm512_sub_ps(ab, ce));
                _mm512_storeu_ps(x + j + 3 * h, _mm512_sub_ps(amb, cme));
            }
    if (h < n)
        for (size_t j = 0; j < h; j += 16) {
            __m512 a = _mm512_loadu_ps(x + j), b = _mm512_loadu_ps(x + j + h);
            _mm512_storeu_ps(x + j, _mm512_add_ps(a, b));
            _mm512_storeu_ps(x + j + h, _mm512_sub_ps(a, b));
        }
}

BASE float vec_avx512_dot_b1f32(const uint8_t *row, const float *y, size_t d) {
    const __m512 sign = _mm512_set1_ps(-0.0f);
    __m512 s = _mm512_setzero_ps(), t = s;
    for (size_t i = 0; i < d; i += 32) {
        uint16_t set[2];
        __builtin_memcpy(set, row + i / 8, sizeof set);
        __m512 a = _mm512_loadu_ps(y + i), b = _mm512_loadu_ps(y + i + 16);
        s = _mm512_add_ps(s, _mm512_mask_xor_ps(a, (__mmask16)~set[0], a, sign));
        t = _mm512_add_ps(t, _mm512_mask_xor_ps(b, (__mmask16)~set[1], b, sign));
    }
    return _mm512_reduce_add_ps(_mm512_add_ps(s, t)) / 2;
}

BASE void vec_avx512_multiply(float *x, const float *by, size_t d) {
    for (size_t i = 0; i < d; i += 16) {
        __mmask16 m = head16(d - i);
        __m512 v = _mm512_mul_ps(_mm512_maskz_loadu_ps(m, x + i), _mm512_maskz_loadu_ps(m, by + i));
        _mm512_mask_storeu_ps(x + i, m, v);
    }
}

BASE void vec_avx512_dot_columns(const float *x, size_t d, const float *columns, float ret[VEC_COLUMNS]) {
    for (size_t half = 0; half < VEC_COLUMNS; half += 128) {
        __m512 s[8];
        VEC_UNROLL
        for (int r = 0; r < 8; r++)
            s[r] = _mm512_setzero_ps();
        for (size_t i = 0; i < d; i++) {
            __m512 v = _mm512_set1_ps(x[i]);
            VEC_UNROLL
            for (int r = 0; r < 8; r++)
                s[r] = _mm512_fmadd_ps(v, _mm512_loadu_ps(columns + i * VEC_COLUMNS + half + 16 * r), s[r]);
        }
        VEC_UNROLL
        for (int r = 0; r < 8; r++)
            _mm512_storeu_ps(ret + half + 16 * r, s[r]);
    }
}

/* The smallest value first, then where it stands: neither pass has a chain of
 * comparisons. */
BASE size_t vec_avx512_argmin(const float *x, size_t n) {
    __m512 least = _mm512_set1_ps(x[0]);
    for (size_t i = 0; i < n; i += 16)
        least = _mm512_min_ps(least, _mm512_mask_loadu_ps(least, head16(n - i), x + i));
    const __m512 wanted = _mm512_set1_ps(_mm512_reduce_min_ps(least));
    for (size_t i = 0; i < n; i += 16) {
        __mmask16 m = head16(n - i);
        __mmask16 found = _mm512_mask_cmp_ps_mask(m, _mm512_maskz_loadu_ps(m, x + i), wanted, _CMP_EQ_OQ);
        if (found)
            return i + (size_t)__builtin_ctz(found);
    }
    return 0;
}

BASE float vec_avx512_max_abs(const float *x, size_t d) {
    __m512 largest = _mm512_setzero_ps();
    for (size_t i = 0; i < d; i += 16)
        largest = _mm512_max_ps(largest, _mm512_abs_ps(_mm512_maskz_loadu_ps(head16(d - i), x + i)));
    return _mm512_reduce_max_ps(largest);
}

BASE void vec_avx512_add(float *x, const float *more, size_t d) {
    for (size_t i = 0; i < d; i += 16) {
        __mmask16 m = head16(d - i);
        __m512 v = _mm512_add_ps(_mm512_maskz_loadu_ps(m, x + i), _mm512_maskz_loadu_ps(m, more + i));
        _mm512_mask_storeu_ps(x + i, m, v);
    }
}

BASE void vec_avx512_walk(float *x, size_t half) {
    for (size_t i = 0; i < half; i += 16) {
        __mmask16 m = head16(half - i);
        __m512 a = _mm512_maskz_loadu_ps(m, x + i), b = _mm512_maskz_loadu_ps(m, x + half + i);
        _mm512_mask_storeu_ps(x + i, m, _mm512_add_ps(a, b));
        _mm512_mask_storeu_ps(x + half + i, m, _mm512_sub_ps(a, b));
    }
}

BASE void vec_avx512_f32_from_u8(const uint8_t *x, size_t d, float offset, float *ret) {
    const __m512 o = _mm512_set1_ps(offset);
    for (size_t i = 0; i < d; i += 16) {
        __mmask16 m = head16(d - i);
        __m512 v = _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(m, x + i)));
        _mm512_mask_storeu_ps(ret + i, m, _mm512_add_ps(v, o));
    }
}

BASE void vec_avx512_quantize_u8(const float *x, size_t d, float scale, float offset, uint8_t max, uint8_t *ret) {
    const __m512 s = _mm512_set1_ps(scale), o = _mm512_set1_ps(offset), top = _mm512_set1_ps(max);
    for (size_t i = 0; i < d; i += 16) {
        __mmask16 m = head16(d - i);
        __m512 v = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(m, x + i), s, o);
        v = _mm512_min_ps(_mm512_max_ps(v, _mm512_setzero_ps()), top);
        _mm_mask_storeu_epi8(ret + i, m, _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(v)));
    }
}

BASE void vec_avx512_signs(const float *x, size_t d, uint8_t *ret) {
    for (size_t i = 0; i < d; i += 16) {
        __mmask16 m = _mm512_cmp_ps_mask(_mm512_loadu_ps(x + i), _mm512_setzero_ps(), _CMP_GE_OQ);
        uint16_t bits = (uint16_t)m;
        __builtin_memcpy(ret + i / 8, &bits, sizeof bits);
    }
}

#endif
