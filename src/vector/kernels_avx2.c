/* AVX2 with FMA and F16C for x86-64: what every server of the last ten years
 * has.  Row ends are scalar loops. */
#if defined(__x86_64__)

#include "vector/kernels_internal.h"

#include <immintrin.h>
#include <string.h>

#define AVX2 __attribute__((target("avx2,fma,f16c,popcnt")))

AVX2 static inline float sum8(__m256 v) {
    __m128 x = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    x = _mm_add_ps(x, _mm_movehl_ps(x, x));
    return _mm_cvtss_f32(_mm_add_ss(x, _mm_movehdup_ps(x)));
}

AVX2 static inline int32_t sum8_i32(__m256i v) {
    __m128i x = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    x = _mm_add_epi32(x, _mm_shuffle_epi32(x, 0x4E));
    return _mm_cvtsi128_si32(_mm_add_epi32(x, _mm_shuffle_epi32(x, 0xB1)));
}

AVX2 static inline __m256i load256(const void *p) {
    return _mm256_loadu_si256((const __m256i *)p);
}

AVX2 static inline __m256 load_f32(const float *p) {
    return _mm256_loadu_ps(p);
}

AVX2 static inline __m256 load_f16(const uint16_t *p) {
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p));
}

AVX2 static inline __m256 load_bf16(const uint16_t *p) {
    __m256i words = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p));
    return _mm256_castsi256_ps(_mm256_slli_epi32(words, 16));
}

AVX2 static inline float one_f32(const float *p) {
    return *p;
}

AVX2 static inline float one_f16(const uint16_t *p) {
    return _cvtsh_ss(*p);
}

AVX2 static inline float one_bf16(const uint16_t *p) {
    return vec_f32_from_bf16(*p);
}

#define DEFINE_FLOAT(name, type_a, type_b, KIND_A, KIND_B, IS_L2)                                           \
    AVX2 static float name(const type_a *a, const type_b *b, size_t d) {                                    \
        __m256 s[4] = {_mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps()}; \
        size_t i = 0;                                                                                       \
        for (; i + 32 <= d; i += 32)                                                                        \
            VEC_UNROLL                                                                                      \
        for (size_t j = 0; j < 4; j++) {                                                                    \
            __m256 x = load_##KIND_A(a + i + 8 * j);                                                        \
            __m256 y = load_##KIND_B(b + i + 8 * j);                                                        \
            if (IS_L2)                                                                                      \
                x = y = _mm256_sub_ps(x, y);                                                                \
            s[j] = _mm256_fmadd_ps(x, y, s[j]);                                                             \
        }                                                                                                   \
        for (; i + 8 <= d; i += 8) {                                                                        \
            __m256 x = load_##KIND_A(a + i);                                                                \
            __m256 y = load_##KIND_B(b + i);                                                                \
            if (IS_L2)                                                                                      \
                x = y = _mm256_sub_ps(x, y);                                                                \
            s[0] = _mm256_fmadd_ps(x, y, s[0]);                                                             \
        }                                                                                                   \
        float tail = 0;                                                                                     \
        for (; i < d; i++) {                                                                                \
            float x = one_##KIND_A(a + i);                                                                  \
            float y = one_##KIND_B(b + i);                                                                  \
            if (IS_L2)                                                                                      \
                x = y = x - y;                                                                              \
            tail += x * y;                                                                                  \
        }                                                                                                   \
        return sum8(_mm256_add_ps(_mm256_add_ps(s[0], s[1]), _mm256_add_ps(s[2], s[3]))) + tail;            \
    }

DEFINE_FLOAT(dot_f32, float, float, f32, f32, 0)
DEFINE_FLOAT(l2_f32, float, float, f32, f32, 1)
DEFINE_FLOAT(dot_f16, float, uint16_t, f32, f16, 0)
DEFINE_FLOAT(l2_f16, float, uint16_t, f32, f16, 1)
DEFINE_FLOAT(dot_bf16, float, uint16_t, f32, bf16, 0)
DEFINE_FLOAT(l2_bf16, float, uint16_t, f32, bf16, 1)
DEFINE_FLOAT(dot_bf16_pair, uint16_t, uint16_t, bf16, bf16, 0)

#define DEFINE_FLOAT_X4(name, IS_L2)                                                                        \
    AVX2 static void name(const float *q, const float *const rows[4], size_t d, float ret[4]) {             \
        __m256 s[4] = {_mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps()}; \
        size_t i = 0;                                                                                       \
        for (; i + 8 <= d; i += 8) {                                                                        \
            __m256 x = _mm256_loadu_ps(q + i);                                                              \
            VEC_UNROLL                                                                                      \
            for (int r = 0; r < 4; r++) {                                                                   \
                __m256 y = _mm256_loadu_ps(rows[r] + i);                                                    \
                if (IS_L2)                                                                                  \
                    y = _mm256_sub_ps(x, y);                                                                \
                s[r] = _mm256_fmadd_ps(IS_L2 ? y : x, y, s[r]);                                             \
            }                                                                                               \
        }                                                                                                   \
        VEC_UNROLL                                                                                          \
        for (int r = 0; r < 4; r++) {                                                                       \
            float tail = 0;                                                                                 \
            for (size_t j = i; j < d; j++) {                                                                \
                float y = IS_L2 ? q[j] - rows[r][j] : rows[r][j];                                           \
                tail += (IS_L2 ? y : q[j]) * y;                                                             \
            }                                                                                               \
            ret[r] = sum8(s[r]) + tail;                                                                     \
        }                                                                                                   \
    }

DEFINE_FLOAT_X4(dot_f32_x4, 0)
DEFINE_FLOAT_X4(l2_f32_x4, 1)

/* ---- bytes: widened to words, whose products of pairs always fit 32 bits ----
 */

AVX2 static inline __m256i words_i8(const int8_t *p) {
    return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)p));
}

AVX2 static inline __m256i words_u8(const uint8_t *p) {
    return _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)p));
}

AVX2 static int32_t dot_i8(const int8_t *a, const int8_t *b, size_t d) {
    __m256i s = _mm256_setzero_si256();
    size_t i = 0;
    for (; i + 16 <= d; i += 16)
        s = _mm256_add_epi32(s, _mm256_madd_epi16(words_i8(a + i), words_i8(b + i)));
    int32_t tail = 0;
    for (; i < d; i++)
        tail += a[i] * b[i];
    return sum8_i32(s) + tail;
}

AVX2 static uint32_t l2_i8(const int8_t *a, const int8_t *b, size_t d) {
    __m256i s = _mm256_setzero_si256();
    size_t i = 0;
    for (; i + 16 <= d; i += 16) {
        __m256i diff = _mm256_sub_epi16(words_i8(a + i), words_i8(b + i));
        s = _mm256_add_epi32(s, _mm256_madd_epi16(diff, diff));
    }
    uint32_t tail = 0;
    for (; i < d; i++)
        tail += (uint32_t)((a[i] - b[i]) * (a[i] - b[i]));
    return (uint32_t)sum8_i32(s) + tail;
}

AVX2 static int32_t dot_u8i8(const uint8_t *row, const int8_t *q, size_t d) {
    __m256i s = _mm256_setzero_si256();
    size_t i = 0;
    for (; i + 16 <= d; i += 16)
        s = _mm256_add_epi32(s, _mm256_madd_epi16(words_u8(row + i), words_i8(q + i)));
    int32_t tail = 0;
    for (; i < d; i++)
        tail += row[i] * q[i];
    return sum8_i32(s) + tail;
}

AVX2 static void dot_u8i8_x4(const uint8_t *const rows[4], const int8_t *q, size_t d, int32_t ret[4]) {
    __m256i s[4] = {_mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256()};
    size_t i = 0;
    for (; i + 16 <= d; i += 16) {
        __m256i x = words_i8(q + i);
        VEC_UNROLL
        for (int r = 0; r < 4; r++)
            s[r] = _mm256_add_epi32(s[r], _mm256_madd_epi16(words_u8(rows[r] + i), x));
    }
    VEC_UNROLL
    for (int r = 0; r < 4; r++) {
        ret[r] = sum8_i32(s[r]);
        for (size_t j = i; j < d; j++)
            ret[r] += rows[r][j] * q[j];
    }
}

AVX2 static void dot_u8i8_4x4(const uint8_t *const rows[4], const int8_t *const qs[4], size_t d, int32_t ret[16]) {
    VEC_UNROLL
    for (int j = 0; j < 4; j++)
        dot_u8i8_x4(rows, qs[j], d, ret + 4 * j);
}

/* Nibbles times signed bytes: pairs reach 2 * 15 * 128, so 16 bits hold them.
 */
AVX2 static inline __m256i multiply_nibbles(__m256i s, __m256i nibbles, const int8_t *q) {
    __m256i pairs = _mm256_maddubs_epi16(nibbles, load256(q));
    return _mm256_add_epi32(s, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

AVX2 static int32_t dot_u4i8(const uint8_t *row, const int8_t *q, size_t d) {
    const __m256i low = _mm256_set1_epi8(15);
    __m256i s = _mm256_setzero_si256(), t = s;
    for (size_t i = 0; i < d;) {
        size_t half = d - i >= 128 ? 64 : 32;
        for (size_t j = 0; j < half; j += 32) {
            __m256i v = load256(row + j);
            s = multiply_nibbles(s, _mm256_and_si256(v, low), q + i + j);
            t = multiply_nibbles(t, _mm256_and_si256(_mm256_srli_epi16(v, 4), low), q + i + half + j);
        }
        row += half;
        i += 2 * half;
    }
    return sum8_i32(_mm256_add_epi32(s, t));
}

AVX2 static void dot_u4i8_x4(const uint8_t *const rows[4], const int8_t *q, size_t d, int32_t ret[4]) {
    VEC_UNROLL
    for (int r = 0; r < 4; r++)
        ret[r] = dot_u4i8(rows[r], q, d);
}

/* ---- 1 bit ---- */

/* Each of 32 bits as a byte of all ones or none. */
AVX2 static inline __m256i spread_bits(const uint8_t *p) {
    int32_t word;
    memcpy(&word, p, sizeof word);
    const __m256i byte_of = _mm256_set_epi64x(0x0303030303030303, 0x0202020202020202, 0x0101010101010101, 0);
    const __m256i bit_of = _mm256_set1_epi64x((long long)0x8040201008040201u);
    __m256i bytes = _mm256_shuffle_epi8(_mm256_set1_epi32(word), byte_of);
    return _mm256_cmpeq_epi8(_mm256_and_si256(bytes, bit_of), bit_of);
}

AVX2 static int32_t dot_b1i8(const uint8_t *row, const int8_t *q, size_t d) {
    const __m256i ones = _mm256_set1_epi8(1);
    __m256i s = _mm256_setzero_si256();
    for (size_t i = 0; i < d; i += 32) {
        __m256i pairs = _mm256_maddubs_epi16(ones, _mm256_and_si256(spread_bits(row + i / 8), load256(q + i)));
        s = _mm256_add_epi32(s, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
    }
    return sum8_i32(s);
}

AVX2 static void dot_b1i8_x4(const uint8_t *const rows[4], const int8_t *q, size_t d, int32_t ret[4]) {
    VEC_UNROLL
    for (int r = 0; r < 4; r++)
        ret[r] = dot_b1i8(rows[r], q, d);
}

AVX2 static inline uint64_t word_at(const uint8_t *p) {
    uint64_t word;
    memcpy(&word, p, sizeof word);
    return word;
}

AVX2 static uint32_t dot_b1u4(const uint8_t *row, const uint8_t *planes, size_t d) {
    size_t bytes = d / 8;
    uint64_t s[4] = {0};
    for (size_t i = 0; i < bytes; i += 8) {
        uint64_t x = word_at(row + i);
        VEC_UNROLL
        for (size_t p = 0; p < 4; p++)
            s[p] += (uint64_t)_mm_popcnt_u64(x & word_at(planes + p * bytes + i));
    }
    return (uint32_t)(s[0] + 2 * s[1] + 4 * s[2] + 8 * s[3]);
}

AVX2 static uint32_t hamming(const uint8_t *a, const uint8_t *b, size_t bytes) {
    uint64_t s = 0;
    size_t i = 0;
    for (; i + 8 <= bytes; i += 8)
        s += (uint64_t)_mm_popcnt_u64(word_at(a + i) ^ word_at(b + i));
    for (; i < bytes; i++)
        s += (uint64_t)_mm_popcnt_u64((uint64_t)(a[i] ^ b[i]));
    return (uint32_t)s;
}

/* Two groups a step, one in each 128-bit lane; kernels_avx512.c explains the
 * sums. */
AVX2 static inline void finish_sums(__m256i both, __m256i odd, uint16_t ret[16]) {
    __m256i even = _mm256_sub_epi16(both, _mm256_slli_epi16(odd, 8));
    __m128i e = _mm_add_epi16(_mm256_castsi256_si128(even), _mm256_extracti128_si256(even, 1));
    __m128i o = _mm_add_epi16(_mm256_castsi256_si128(odd), _mm256_extracti128_si256(odd, 1));
    _mm_storeu_si128((__m128i *)ret, _mm_unpacklo_epi16(e, o));
    _mm_storeu_si128((__m128i *)(ret + 8), _mm_unpackhi_epi16(e, o));
}

AVX2 static uint32_t fastscan_b1(const struct vec_block_query *q, const uint8_t *codes, const float *factors,
                                 float threshold, float ret_est[VEC_BLOCK_ROWS], float ret_low[VEC_BLOCK_ROWS]) {
    const __m256i low = _mm256_set1_epi8(15);
    __m256i both0 = _mm256_setzero_si256(), odd0 = both0, both1 = both0, odd1 = both0;
    for (size_t g = 0; g < q->groups; g += 2) {
        __m256i c = load256(codes + 16 * g);
        __m256i t = load256(q->lut + 16 * g);
        __m256i r0 = _mm256_shuffle_epi8(t, _mm256_and_si256(c, low));
        __m256i r1 = _mm256_shuffle_epi8(t, _mm256_and_si256(_mm256_srli_epi16(c, 4), low));
        both0 = _mm256_add_epi16(both0, r0);
        both1 = _mm256_add_epi16(both1, r1);
        odd0 = _mm256_add_epi16(odd0, _mm256_srli_epi16(r0, 8));
        odd1 = _mm256_add_epi16(odd1, _mm256_srli_epi16(r1, 8));
    }
    uint16_t sums[VEC_BLOCK_ROWS];
    finish_sums(both0, odd0, sums);
    finish_sums(both1, odd1, sums + 16);
    const __m256 scale = _mm256_set1_ps(q->scale), bias = _mm256_set1_ps(q->bias), add = _mm256_set1_ps(q->add);
    const __m256 error = _mm256_set1_ps(q->error), bar = _mm256_set1_ps(threshold);
    uint32_t mask = 0;
    VEC_UNROLL
    for (int h = 0; h < 4; h++) {
        __m256i words = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(sums + 8 * h)));
        __m256 product = _mm256_fmadd_ps(_mm256_cvtepi32_ps(words), scale, bias);
        __m256 base = _mm256_add_ps(add, _mm256_loadu_ps(factors + 8 * h));
        __m256 est = _mm256_fmadd_ps(_mm256_loadu_ps(factors + 32 + 8 * h), product, base);
        __m256 bound = _mm256_fnmadd_ps(_mm256_loadu_ps(factors + 64 + 8 * h), error, est);
        _mm256_storeu_ps(ret_est + 8 * h, est);
        _mm256_storeu_ps(ret_low + 8 * h, bound);
        mask |= (uint32_t)_mm256_movemask_ps(_mm256_cmp_ps(bound, bar, _CMP_LT_OQ)) << (8 * h);
    }
    return mask;
}

/* ---- transforms ---- */

AVX2 static void fht(float *x, size_t n) {
    if (n < 16) {
        vec_kernels_portable.fht(x, n);
        return;
    }
    const __m256 neg1 = _mm256_castsi256_ps(_mm256_set1_epi64x((long long)0x8000000000000000u));
    const __m256 neg2 = _mm256_castsi256_ps(_mm256_set_epi32(INT32_MIN, INT32_MIN, 0, 0, INT32_MIN, INT32_MIN, 0, 0));
    const __m256 neg4 = _mm256_castsi256_ps(_mm256_set_epi32(INT32_MIN, INT32_MIN, INT32_MIN, INT32_MIN, 0, 0, 0, 0));
    for (size_t i = 0; i < n; i += 8) { /* each lane meets its partner; the upper
                                         of the two is negated first */
        __m256 v = _mm256_loadu_ps(x + i);
        v = _mm256_add_ps(_mm256_permute_ps(v, 0xB1), _mm256_xor_ps(v, neg1));
        v = _mm256_add_ps(_mm256_permute_ps(v, 0x4E), _mm256_xor_ps(v, neg2));
        v = _mm256_add_ps(_mm256_permute2f128_ps(v, v, 1), _mm256_xor_ps(v, neg4));
        _mm256_storeu_ps(x + i, v);
    }
    for (size_t h = 8; h < n; h *= 2)
        for (size_t i = 0; i < n; i += 2 * h)
            for (size_t j = i; j < i + h; j += 8) {
                __m256 a = _mm256_loadu_ps(x + j), b = _mm256_loadu_ps(x + j + h);
                _mm256_storeu_ps(x + j, _mm256_add_ps(a, b));
                _mm256_storeu_ps(x + j + h, _mm256_sub_ps(a, b));
            }
}

AVX2 static float dot_b1f32(const uint8_t *row, const float *y, size_t d) {
    const __m256i bit_of = _mm256_set_epi32(128, 64, 32, 16, 8, 4, 2, 1);
    const __m256 sign = _mm256_set1_ps(-0.0f);
    __m256 s = _mm256_setzero_ps();
    for (size_t i = 0; i < d; i += 8) {
        __m256i clear =
            _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32(row[i / 8]), bit_of), _mm256_setzero_si256());
        s = _mm256_add_ps(s, _mm256_xor_ps(_mm256_loadu_ps(y + i), _mm256_and_ps(_mm256_castsi256_ps(clear), sign)));
    }
    return sum8(s) / 2;
}

AVX2 static void multiply(float *x, const float *by, size_t d) {
    size_t i = 0;
    for (; i + 8 <= d; i += 8)
        _mm256_storeu_ps(x + i, _mm256_mul_ps(_mm256_loadu_ps(x + i), _mm256_loadu_ps(by + i)));
    vec_kernels_portable.multiply(x + i, by + i, d - i);
}

/* The smallest value first, then where it stands: neither pass has a chain of
 * comparisons. */
AVX2 static size_t argmin(const float *x, size_t n) {
    if (n < 8)
        return vec_kernels_portable.argmin(x, n);
    __m256 least = _mm256_loadu_ps(x);
    for (size_t i = 8; i + 8 <= n; i += 8)
        least = _mm256_min_ps(least, _mm256_loadu_ps(x + i));
    least = _mm256_min_ps(least, _mm256_loadu_ps(x + n - 8));
    __m128 four = _mm_min_ps(_mm256_castps256_ps128(least), _mm256_extractf128_ps(least, 1));
    four = _mm_min_ps(four, _mm_movehl_ps(four, four));
    const __m256 wanted = _mm256_set1_ps(_mm_cvtss_f32(_mm_min_ss(four, _mm_movehdup_ps(four))));
    for (size_t i = 0; i + 8 <= n; i += 8) {
        int found = _mm256_movemask_ps(_mm256_cmp_ps(_mm256_loadu_ps(x + i), wanted, _CMP_EQ_OQ));
        if (found)
            return i + (size_t)__builtin_ctz((unsigned)found);
    }
    int found = _mm256_movemask_ps(_mm256_cmp_ps(_mm256_loadu_ps(x + n - 8), wanted, _CMP_EQ_OQ));
    return n - 8 + (size_t)__builtin_ctz((unsigned)found);
}

AVX2 static void dot_columns(const float *x, size_t d, const float *columns, float ret[VEC_COLUMNS]) {
    for (size_t part = 0; part < VEC_COLUMNS; part += 64) {
        __m256 s[8];
        VEC_UNROLL
        for (int r = 0; r < 8; r++)
            s[r] = _mm256_setzero_ps();
        for (size_t i = 0; i < d; i++) {
            __m256 v = _mm256_set1_ps(x[i]);
            VEC_UNROLL
            for (int r = 0; r < 8; r++)
                s[r] = _mm256_fmadd_ps(v, _mm256_loadu_ps(columns + i * VEC_COLUMNS + part + 8 * r), s[r]);
        }
        VEC_UNROLL
        for (int r = 0; r < 8; r++)
            _mm256_storeu_ps(ret + part + 8 * r, s[r]);
    }
}

AVX2 static float max_abs(const float *x, size_t d) {
    const __m256 sign = _mm256_set1_ps(-0.0f);
    __m256 largest = _mm256_setzero_ps();
    size_t i = 0;
    for (; i + 8 <= d; i += 8)
        largest = _mm256_max_ps(largest, _mm256_andnot_ps(sign, _mm256_loadu_ps(x + i)));
    __m128 half = _mm_max_ps(_mm256_castps256_ps128(largest), _mm256_extractf128_ps(largest, 1));
    half = _mm_max_ps(half, _mm_movehl_ps(half, half));
    float body = _mm_cvtss_f32(_mm_max_ss(half, _mm_movehdup_ps(half)));
    float tail = vec_kernels_portable.max_abs(x + i, d - i);
    return body > tail ? body : tail;
}

AVX2 static void add(float *x, const float *more, size_t d) {
    size_t i = 0;
    for (; i + 8 <= d; i += 8)
        _mm256_storeu_ps(x + i, _mm256_add_ps(_mm256_loadu_ps(x + i), _mm256_loadu_ps(more + i)));
    vec_kernels_portable.add(x + i, more + i, d - i);
}

AVX2 static void walk(float *x, size_t half) {
    size_t i = 0;
    for (; i + 8 <= half; i += 8) {
        __m256 a = _mm256_loadu_ps(x + i), b = _mm256_loadu_ps(x + half + i);
        _mm256_storeu_ps(x + i, _mm256_add_ps(a, b));
        _mm256_storeu_ps(x + half + i, _mm256_sub_ps(a, b));
    }
    for (; i < half; i++) {
        float a = x[i], b = x[half + i];
        x[i] = a + b;
        x[half + i] = a - b;
    }
}

AVX2 static void f32_from_u8(const uint8_t *x, size_t d, float offset, float *ret) {
    size_t i = 0;
    for (; i + 8 <= d; i += 8) {
        __m256i words = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(x + i)));
        _mm256_storeu_ps(ret + i, _mm256_add_ps(_mm256_cvtepi32_ps(words), _mm256_set1_ps(offset)));
    }
    vec_kernels_portable.f32_from_u8(x + i, d - i, offset, ret + i);
}

AVX2 static void quantize_u8(const float *x, size_t d, float scale, float offset, uint8_t max, uint8_t *ret) {
    const __m256 s = _mm256_set1_ps(scale), o = _mm256_set1_ps(offset), top = _mm256_set1_ps(max);
    size_t i = 0;
    for (; i + 8 <= d; i += 8) {
        __m256 v = _mm256_fmadd_ps(_mm256_loadu_ps(x + i), s, o);
        __m256i words = _mm256_cvtps_epi32(_mm256_min_ps(_mm256_max_ps(v, _mm256_setzero_ps()), top));
        __m128i halves = _mm_packus_epi32(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
        _mm_storel_epi64((__m128i *)(ret + i), _mm_packus_epi16(halves, halves));
    }
    vec_kernels_portable.quantize_u8(x + i, d - i, scale, offset, max, ret + i);
}

AVX2 static void signs(const float *x, size_t d, uint8_t *ret) {
    for (size_t i = 0; i < d; i += 8) {
        __m256 ge = _mm256_cmp_ps(_mm256_loadu_ps(x + i), _mm256_setzero_ps(), _CMP_GE_OQ);
        ret[i / 8] = (uint8_t)_mm256_movemask_ps(ge);
    }
}

AVX2 static void f16_from_f32(const float *x, size_t d, uint16_t *ret) {
    size_t i = 0;
    for (; i + 8 <= d; i += 8)
        _mm_storeu_si128((__m128i *)(ret + i), _mm256_cvtps_ph(_mm256_loadu_ps(x + i), _MM_FROUND_TO_NEAREST_INT));
    vec_portable_f16_from_f32(x + i, d - i, ret + i);
}

const struct vec_kernels vec_kernels_avx2 = {
    .level = VEC_LEVEL_AVX2,
    .name = "avx2",
    .dot_f32 = dot_f32,
    .l2_f32 = l2_f32,
    .dot_f32_x4 = dot_f32_x4,
    .l2_f32_x4 = l2_f32_x4,
    .dot_f16 = dot_f16,
    .l2_f16 = l2_f16,
    .dot_bf16 = dot_bf16,
    .l2_bf16 = l2_bf16,
    .dot_bf16_pair = dot_bf16_pair,
    .dot_i8 = dot_i8,
    .l2_i8 = l2_i8,
    .dot_u8i8 = dot_u8i8,
    .dot_u8i8_x4 = dot_u8i8_x4,
    .dot_u8i8_4x4 = dot_u8i8_4x4,
    .dot_u4i8 = dot_u4i8,
    .dot_u4i8_x4 = dot_u4i8_x4,
    .dot_b1i8 = dot_b1i8,
    .dot_b1i8_x4 = dot_b1i8_x4,
    .dot_b1u4 = dot_b1u4,
    .hamming = hamming,
    .fastscan_b1 = fastscan_b1,
    .fht = fht,
    .dot_b1f32 = dot_b1f32,
    .multiply = multiply,
    .dot_columns = dot_columns,
    .argmin = argmin,
    .pq_sums = vec_portable_pq_sums,
    .max_abs = max_abs,
    .add = add,
    .walk = walk,
    .f32_from_u8 = f32_from_u8,
    .quantize_u8 = quantize_u8,
    .signs = signs,
    .f16_from_f32 = f16_from_f32,
    .bf16_from_f32 = vec_portable_bf16_from_f32,
};

#endif
