/* AVX-512 for x86-64, in three tables: what Skylake-X has, what VNNI, VPOPCNTDQ
 * and VBMI make faster, and BF16's dot product. The end of a row is a masked
 * load, so that no byte beyond it is touched and no scalar loop follows. */
#if defined(__x86_64__)

#include "vector/kernels_avx512_internal.h"

/* Four sums at once: the four registers are interleaved and added until each
 * 128-bit lane holds a part of each sum. */
BASE static inline __m512i sum_four(__m512i a, __m512i b, __m512i c, __m512i e) {
    __m512i ab = _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
    __m512i ce = _mm512_add_epi32(_mm512_unpacklo_epi32(c, e), _mm512_unpackhi_epi32(c, e));
    return _mm512_add_epi32(_mm512_unpacklo_epi64(ab, ce), _mm512_unpackhi_epi64(ab, ce)); /* a b c e in each lane */
}

BASE static inline __m128i sum_lanes(__m512i v) {
    __m256i half = _mm256_add_epi32(_mm512_castsi512_si256(v), _mm512_extracti64x4_epi64(v, 1));
    return _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
}

/* ---- bytes ---- */

/* Without VNNI: bytes become words, whose products of pairs always fit 32 bits.
 */
BASE static inline __m512i widen_i8(const int8_t *p, __mmask32 m) {
    return _mm512_cvtepi8_epi16(_mm256_maskz_loadu_epi8(m, p));
}

BASE static inline __m512i widen_u8(const uint8_t *p, __mmask32 m) {
    return _mm512_cvtepu8_epi16(_mm256_maskz_loadu_epi8(m, p));
}

BASE static int32_t dot_i8(const int8_t *a, const int8_t *b, size_t d) {
    __m512i s = _mm512_setzero_si512();
    for (size_t i = 0; i < d; i += 32) {
        __mmask32 m = head32(d - i);
        s = _mm512_add_epi32(s, _mm512_madd_epi16(widen_i8(a + i, m), widen_i8(b + i, m)));
    }
    return _mm512_reduce_add_epi32(s);
}

BASE static uint32_t l2_i8(const int8_t *a, const int8_t *b, size_t d) {
    __m512i s = _mm512_setzero_si512();
    for (size_t i = 0; i < d; i += 32) {
        __mmask32 m = head32(d - i);
        __m512i diff = _mm512_sub_epi16(widen_i8(a + i, m), widen_i8(b + i, m));
        s = _mm512_add_epi32(s, _mm512_madd_epi16(diff, diff));
    }
    __m128i sums = sum_lanes(s); /* the compiler's own reduction adds as int,
                                  which this sum may pass */
    sums = _mm_add_epi32(sums, _mm_shuffle_epi32(sums, 0x4E));
    return (uint32_t)_mm_cvtsi128_si32(_mm_add_epi32(sums, _mm_shuffle_epi32(sums, 0xB1)));
}

BASE static int32_t dot_u8i8(const uint8_t *row, const int8_t *q, size_t d) {
    __m512i s = _mm512_setzero_si512();
    for (size_t i = 0; i < d; i += 32) {
        __mmask32 m = head32(d - i);
        s = _mm512_add_epi32(s, _mm512_madd_epi16(widen_u8(row + i, m), widen_i8(q + i, m)));
    }
    return _mm512_reduce_add_epi32(s);
}

BASE static void dot_u8i8_x4(const uint8_t *const rows[4], const int8_t *q, size_t d, int32_t ret[4]) {
    __m512i s[4] = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512()};
    for (size_t i = 0; i < d; i += 32) {
        __mmask32 m = head32(d - i);
        __m512i x = widen_i8(q + i, m);
        VEC_UNROLL
        for (int r = 0; r < 4; r++)
            s[r] = _mm512_add_epi32(s[r], _mm512_madd_epi16(widen_u8(rows[r] + i, m), x));
    }
    _mm_storeu_si128((__m128i *)ret, sum_lanes(sum_four(s[0], s[1], s[2], s[3])));
}

BASE static void dot_u8i8_4x4(const uint8_t *const rows[4], const int8_t *const qs[4], size_t d, int32_t ret[16]) {
    VEC_UNROLL
    for (int j = 0; j < 4; j++)
        dot_u8i8_x4(rows, qs[j], d, ret + 4 * j);
}

/* u8 x s8 with one instruction.  A signed row becomes unsigned by +128, which
 * adds 128 * sum(q): taken off again. */
VNNI static int32_t dot_u8i8_vnni(const uint8_t *row, const int8_t *q, size_t d) {
    __m512i s0 = _mm512_setzero_si512(), s1 = s0;
    size_t i = 0;
    for (; i + 128 <= d; i += 128) {
        s0 = _mm512_dpbusd_epi32(s0, _mm512_loadu_si512(row + i), _mm512_loadu_si512(q + i));
        s1 = _mm512_dpbusd_epi32(s1, _mm512_loadu_si512(row + i + 64), _mm512_loadu_si512(q + i + 64));
    }
    for (; i < d; i += 64) {
        __mmask64 m = head64(d - i);
        s0 = _mm512_dpbusd_epi32(s0, _mm512_maskz_loadu_epi8(m, row + i), _mm512_maskz_loadu_epi8(m, q + i));
    }
    return _mm512_reduce_add_epi32(_mm512_add_epi32(s0, s1));
}

VNNI static void dot_u8i8_x4_vnni(const uint8_t *const rows[4], const int8_t *q, size_t d, int32_t ret[4]) {
    __m512i s[4] = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512()};
    size_t i = 0;
    for (; i + 64 <= d; i += 64) {
        __m512i x = _mm512_loadu_si512(q + i);
        VEC_UNROLL
        for (int r = 0; r < 4; r++)
            s[r] = _mm512_dpbusd_epi32(s[r], _mm512_loadu_si512(rows[r] + i), x);
    }
    if (i < d) {
        __mmask64 m = head64(d - i);
        __m512i x = _mm512_maskz_loadu_epi8(m, q + i);
        VEC_UNROLL
        for (int r = 0; r < 4; r++)
            s[r] = _mm512_dpbusd_epi32(s[r], _mm512_maskz_loadu_epi8(m, rows[r] + i), x);
    }
    _mm_storeu_si128((__m128i *)ret, sum_lanes(sum_four(s[0], s[1], s[2], s[3])));
}

VNNI static inline void add_tile(__m512i s[4][4], const uint8_t *const rows[4], const int8_t *const qs[4], size_t i,
                                 __mmask64 m) {
    __m512i x[4];
    VEC_UNROLL
    for (int r = 0; r < 4; r++)
        x[r] = _mm512_maskz_loadu_epi8(m, rows[r] + i);
    VEC_UNROLL
    for (int j = 0; j < 4; j++) {
        __m512i y = _mm512_maskz_loadu_epi8(m, qs[j] + i);
        VEC_UNROLL
        for (int r = 0; r < 4; r++)
            s[j][r] = _mm512_dpbusd_epi32(s[j][r], x[r], y);
    }
}

VNNI static void dot_u8i8_4x4_vnni(const uint8_t *const rows[4], const int8_t *const qs[4], size_t d, int32_t ret[16]) {
    __m512i s[4][4];
    VEC_UNROLL
    for (int j = 0; j < 4; j++) {
        VEC_UNROLL
        for (int r = 0; r < 4; r++)
            s[j][r] = _mm512_setzero_si512();
    }
    size_t i = 0;
    for (; i + 64 <= d; i += 64)
        add_tile(s, rows, qs, i, ~(__mmask64)0);
    if (i < d)
        add_tile(s, rows, qs, i, head64(d - i));
    VEC_UNROLL
    for (int j = 0; j < 4; j++)
        _mm_storeu_si128((__m128i *)(ret + 4 * j), sum_lanes(sum_four(s[j][0], s[j][1], s[j][2], s[j][3])));
}

VNNI static int32_t dot_i8_vnni(const int8_t *a, const int8_t *b, size_t d) {
    const __m512i flip = _mm512_set1_epi8((char)0x80);
    __m512i s = _mm512_setzero_si512(), sum_b = s;
    for (size_t i = 0; i < d; i += 64) {
        __mmask64 m = head64(d - i);
        __m512i y = _mm512_maskz_loadu_epi8(m, b + i);
        s = _mm512_dpbusd_epi32(s, _mm512_xor_si512(_mm512_maskz_loadu_epi8(m, a + i), flip), y);
        sum_b = _mm512_dpbusd_epi32(sum_b, flip, y);
    }
    return _mm512_reduce_add_epi32(_mm512_sub_epi32(s, sum_b));
}

/* ---- 4 bits ---- */

/* A whole run's low nibbles, dimensions i..i+63, and high ones, i+64..i+127; a
 * last run has half of each. */
BASE static inline __m512i nibbles_of_tail(const uint8_t *p) {
    __m256i v = _mm256_loadu_si256((const __m256i *)p);
    const __m256i low = _mm256_set1_epi8(15);
    return _mm512_inserti64x4(_mm512_castsi256_si512(_mm256_and_si256(v, low)),
                              _mm256_and_si256(_mm256_srli_epi16(v, 4), low), 1);
}

/* Nibbles times signed bytes: pairs reach 2 * 15 * 128, so 16 bits hold them.
 */
BASE static inline __m512i multiply_nibbles(__m512i s, __m512i nibbles, __m512i q) {
    return _mm512_add_epi32(s, _mm512_madd_epi16(_mm512_maddubs_epi16(nibbles, q), _mm512_set1_epi16(1)));
}

VNNI static inline __m512i multiply_nibbles_vnni(__m512i s, __m512i nibbles, __m512i q) {
    return _mm512_dpbusd_epi32(s, nibbles, q);
}

#define DEFINE_U4(suffix, TARGET, MULTIPLY)                                                                           \
    TARGET static int32_t dot_u4i8##suffix(const uint8_t *row, const int8_t *q, size_t d) {                           \
        const __m512i low = _mm512_set1_epi8(15);                                                                     \
        __m512i s = _mm512_setzero_si512(), t = s;                                                                    \
        size_t i = 0;                                                                                                 \
        for (; i + 128 <= d; i += 128) {                                                                              \
            __m512i v = _mm512_loadu_si512(row + i / 2);                                                              \
            s = MULTIPLY(s, _mm512_and_si512(v, low), _mm512_loadu_si512(q + i));                                     \
            t = MULTIPLY(t, _mm512_and_si512(_mm512_srli_epi16(v, 4), low), _mm512_loadu_si512(q + i + 64));          \
        }                                                                                                             \
        if (i < d)                                                                                                    \
            s = MULTIPLY(s, nibbles_of_tail(row + i / 2), _mm512_loadu_si512(q + i));                                 \
        return _mm512_reduce_add_epi32(_mm512_add_epi32(s, t));                                                       \
    }                                                                                                                 \
    TARGET static void dot_u4i8_x4##suffix(const uint8_t *const rows[4], const int8_t *q, size_t d, int32_t ret[4]) { \
        const __m512i low = _mm512_set1_epi8(15);                                                                     \
        __m512i s[4] = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512(),                       \
                        _mm512_setzero_si512()};                                                                      \
        size_t i = 0;                                                                                                 \
        for (; i + 128 <= d; i += 128) {                                                                              \
            __m512i x = _mm512_loadu_si512(q + i), y = _mm512_loadu_si512(q + i + 64);                                \
            VEC_UNROLL                                                                                                \
            for (int r = 0; r < 4; r++) {                                                                             \
                __m512i v = _mm512_loadu_si512(rows[r] + i / 2);                                                      \
                s[r] = MULTIPLY(s[r], _mm512_and_si512(v, low), x);                                                   \
                s[r] = MULTIPLY(s[r], _mm512_and_si512(_mm512_srli_epi16(v, 4), low), y);                             \
            }                                                                                                         \
        }                                                                                                             \
        VEC_UNROLL                                                                                                    \
        for (int r = 0; r < 4; r++)                                                                                   \
            if (i < d)                                                                                                \
                s[r] = MULTIPLY(s[r], nibbles_of_tail(rows[r] + i / 2), _mm512_loadu_si512(q + i));                   \
        _mm_storeu_si128((__m128i *)ret, sum_lanes(sum_four(s[0], s[1], s[2], s[3])));                                \
    }

DEFINE_U4(, BASE, multiply_nibbles)
DEFINE_U4(_vnni, VNNI, multiply_nibbles_vnni)

/* ---- 1 bit ---- */

/* A row's bits are load masks for the query's bytes. */
BASE static inline __m512i add_masked(__m512i s, __m512i q, uint64_t bits) {
    const __m512i ones = _mm512_set1_epi8(1);
    __m512i pairs = _mm512_maddubs_epi16(ones, _mm512_maskz_mov_epi8((__mmask64)bits, q));
    return _mm512_add_epi32(s, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)));
}

VNNI static inline __m512i add_masked_vnni(__m512i s, __m512i q, uint64_t bits) {
    return _mm512_dpbusd_epi32(s, _mm512_maskz_set1_epi8((__mmask64)bits, 1), q);
}

static inline uint64_t bits_at(const uint8_t *p) {
    uint64_t word;
    __builtin_memcpy(&word, p, sizeof word);
    return word;
}

#define DEFINE_B1(suffix, TARGET, ADD)                                                                                \
    TARGET static int32_t dot_b1i8##suffix(const uint8_t *row, const int8_t *q, size_t d) {                           \
        __m512i s = _mm512_setzero_si512();                                                                           \
        for (size_t i = 0; i < d; i += 64)                                                                            \
            s = ADD(s, _mm512_loadu_si512(q + i), bits_at(row + i / 8));                                              \
        return _mm512_reduce_add_epi32(s);                                                                            \
    }                                                                                                                 \
    TARGET static void dot_b1i8_x4##suffix(const uint8_t *const rows[4], const int8_t *q, size_t d, int32_t ret[4]) { \
        __m512i s[4] = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512(),                       \
                        _mm512_setzero_si512()};                                                                      \
        for (size_t i = 0; i < d; i += 64) {                                                                          \
            __m512i x = _mm512_loadu_si512(q + i);                                                                    \
            VEC_UNROLL                                                                                                \
            for (int r = 0; r < 4; r++)                                                                               \
                s[r] = ADD(s[r], x, bits_at(rows[r] + i / 8));                                                        \
        }                                                                                                             \
        _mm_storeu_si128((__m128i *)ret, sum_lanes(sum_four(s[0], s[1], s[2], s[3])));                                \
    }

DEFINE_B1(, BASE, add_masked)
DEFINE_B1(_vnni, VNNI, add_masked_vnni)

VNNI static uint32_t dot_b1u4_vnni(const uint8_t *row, const uint8_t *planes, size_t d) {
    size_t bytes = d / 8;
    __m512i s[4] = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512()};
    for (size_t i = 0; i < bytes; i += 64) {
        __mmask64 m = head64(bytes - i);
        __m512i x = _mm512_maskz_loadu_epi8(m, row + i);
        VEC_UNROLL
        for (size_t p = 0; p < 4; p++) {
            __m512i both = _mm512_and_si512(x, _mm512_maskz_loadu_epi8(m, planes + p * bytes + i));
            s[p] = _mm512_add_epi64(s[p], _mm512_popcnt_epi64(both));
        }
    }
    s[0] = _mm512_add_epi64(s[0], _mm512_slli_epi64(s[1], 1));
    s[2] = _mm512_add_epi64(s[2], _mm512_slli_epi64(s[3], 1));
    return (uint32_t)_mm512_reduce_add_epi64(_mm512_add_epi64(s[0], _mm512_slli_epi64(s[2], 2)));
}

VNNI static uint32_t hamming_vnni(const uint8_t *a, const uint8_t *b, size_t bytes) {
    __m512i s = _mm512_setzero_si512();
    for (size_t i = 0; i < bytes; i += 64) {
        __mmask64 m = head64(bytes - i);
        __m512i diff = _mm512_xor_si512(_mm512_maskz_loadu_epi8(m, a + i), _mm512_maskz_loadu_epi8(m, b + i));
        s = _mm512_add_epi64(s, _mm512_popcnt_epi64(diff));
    }
    return (uint32_t)_mm512_reduce_add_epi64(s);
}

/* Four groups a step, one in each 128-bit lane.  Sums grow as 16-bit words: the
 * even bytes' sums with the odd bytes' times 256 on top, and the odd bytes'
 * alone, which are taken off at the end.  Wrapping is harmless, for the true
 * sums fit. */
BASE static inline __m256i finish_sums(__m512i both, __m512i odd) {
    __m512i even = _mm512_sub_epi16(both, _mm512_slli_epi16(odd, 8));
    __m256i e = _mm256_add_epi16(_mm512_castsi512_si256(even), _mm512_extracti64x4_epi64(even, 1));
    __m256i o = _mm256_add_epi16(_mm512_castsi512_si256(odd), _mm512_extracti64x4_epi64(odd, 1));
    __m128i e8 = _mm_add_epi16(_mm256_castsi256_si128(e), _mm256_extracti128_si256(e, 1));
    __m128i o8 = _mm_add_epi16(_mm256_castsi256_si128(o), _mm256_extracti128_si256(o, 1));
    return _mm256_set_m128i(_mm_unpackhi_epi16(e8, o8), _mm_unpacklo_epi16(e8, o8)); /* rows 8..15, 0..7 */
}

BASE static uint32_t fastscan_b1(const struct vec_block_query *q, const uint8_t *codes, const float *factors,
                                 float threshold, float ret_est[VEC_BLOCK_ROWS], float ret_low[VEC_BLOCK_ROWS]) {
    const __m512i low = _mm512_set1_epi8(15);
    __m512i both0 = _mm512_setzero_si512(), odd0 = both0, both1 = both0, odd1 = both0;
    const uint8_t *lut = q->lut;
    for (size_t g = 0; g < q->groups; g += 4) {
        __m512i c = _mm512_loadu_si512(codes + 16 * g);
        __m512i t = _mm512_loadu_si512(lut + 16 * g);
        __m512i r0 = _mm512_shuffle_epi8(t, _mm512_and_si512(c, low));
        __m512i r1 = _mm512_shuffle_epi8(t, _mm512_and_si512(_mm512_srli_epi16(c, 4), low));
        both0 = _mm512_add_epi16(both0, r0);
        both1 = _mm512_add_epi16(both1, r1);
        odd0 = _mm512_add_epi16(odd0, _mm512_srli_epi16(r0, 8));
        odd1 = _mm512_add_epi16(odd1, _mm512_srli_epi16(r1, 8));
    }
    __m256i sums[2] = {finish_sums(both0, odd0), finish_sums(both1, odd1)};
    const __m512 scale = _mm512_set1_ps(q->scale), bias = _mm512_set1_ps(q->bias), add = _mm512_set1_ps(q->add);
    const __m512 error = _mm512_set1_ps(q->error), bar = _mm512_set1_ps(threshold);
    uint32_t mask = 0;
    VEC_UNROLL
    for (int h = 0; h < 2; h++) {
        __m512 product = _mm512_fmadd_ps(_mm512_cvtepi32_ps(_mm512_cvtepu16_epi32(sums[h])), scale, bias);
        __m512 base = _mm512_add_ps(add, _mm512_loadu_ps(factors + 16 * h));
        __m512 est = _mm512_fmadd_ps(_mm512_loadu_ps(factors + 32 + 16 * h), product, base);
        __m512 bound = _mm512_fnmadd_ps(_mm512_loadu_ps(factors + 64 + 16 * h), error, est);
        _mm512_storeu_ps(ret_est + 16 * h, est);
        _mm512_storeu_ps(ret_low + 16 * h, bound);
        mask |= (uint32_t)_mm512_cmp_ps_mask(bound, bar, _CMP_LT_OQ) << (16 * h);
    }
    return mask;
}

/* ---- product quantization ---- */

/* 64 codes look up a table of 256 bytes: two permutations of 128 entries each,
 * the codes' top bit choosing between them. Sums grow as 16-bit words, one
 * block's in each register. */
VNNI static void pq_sums_vbmi(const uint8_t *table, size_t m, const uint8_t *const blocks[2],
                              uint16_t ret[2 * VEC_BLOCK_ROWS]) {
    __m512i low = _mm512_setzero_si512(), high = low;
    for (size_t part = 0; part < m; part++) {
        const uint8_t *t = table + 256 * part;
        __m512i codes = _mm512_inserti64x4(
            _mm512_castsi256_si512(_mm256_loadu_si256((const __m256i *)(blocks[0] + VEC_BLOCK_ROWS * part))),
            _mm256_loadu_si256((const __m256i *)(blocks[1] + VEC_BLOCK_ROWS * part)), 1);
        __m512i lower = _mm512_permutex2var_epi8(_mm512_loadu_si512(t), codes, _mm512_loadu_si512(t + 64));
        __m512i upper = _mm512_permutex2var_epi8(_mm512_loadu_si512(t + 128), codes, _mm512_loadu_si512(t + 192));
        __m512i found = _mm512_mask_mov_epi8(lower, _mm512_movepi8_mask(codes), upper);
        low = _mm512_add_epi16(low, _mm512_cvtepu8_epi16(_mm512_castsi512_si256(found)));
        high = _mm512_add_epi16(high, _mm512_cvtepu8_epi16(_mm512_extracti64x4_epi64(found, 1)));
    }
    _mm512_storeu_si512(ret, low);
    _mm512_storeu_si512(ret + VEC_BLOCK_ROWS, high);
}

/* What all three tables hold, what VNNI replaces, and what is the table's own.
 */
#define COMMON                                                                                                  \
    .dot_f32 = vec_avx512_dot_f32, .l2_f32 = vec_avx512_l2_f32, .dot_f32_x4 = vec_avx512_dot_f32_x4,            \
    .l2_f32_x4 = vec_avx512_l2_f32_x4, .dot_f16 = vec_avx512_dot_f16, .l2_f16 = vec_avx512_l2_f16,              \
    .dot_bf16 = vec_avx512_dot_bf16, .l2_bf16 = vec_avx512_l2_bf16, .fht = vec_avx512_fht,                      \
    .dot_b1f32 = vec_avx512_dot_b1f32, .multiply = vec_avx512_multiply, .dot_columns = vec_avx512_dot_columns,  \
    .argmin = vec_avx512_argmin, .max_abs = vec_avx512_max_abs, .add = vec_avx512_add, .walk = vec_avx512_walk, \
    .f32_from_u8 = vec_avx512_f32_from_u8, .quantize_u8 = vec_avx512_quantize_u8, .signs = vec_avx512_signs,    \
    .f16_from_f32 = vec_avx512_f16_from_f32, .l2_i8 = l2_i8, .fastscan_b1 = fastscan_b1,                        \
    .bf16_from_f32 = vec_portable_bf16_from_f32
#define WITH_VNNI                                                                                               \
    .pq_sums = pq_sums_vbmi, .dot_i8 = dot_i8_vnni, .dot_u8i8 = dot_u8i8_vnni, .dot_u8i8_x4 = dot_u8i8_x4_vnni, \
    .dot_u8i8_4x4 = dot_u8i8_4x4_vnni, .dot_u4i8 = dot_u4i8_vnni, .dot_u4i8_x4 = dot_u4i8_x4_vnni,              \
    .dot_b1i8 = dot_b1i8_vnni, .dot_b1i8_x4 = dot_b1i8_x4_vnni, .dot_b1u4 = dot_b1u4_vnni, .hamming = hamming_vnni

const struct vec_kernels vec_kernels_avx512 = {
    .level = VEC_LEVEL_AVX512,
    .name = "avx512",
    COMMON,
    .dot_bf16_pair = vec_avx512_dot_bf16_pair,
    .dot_i8 = dot_i8,
    .dot_u8i8 = dot_u8i8,
    .dot_u8i8_x4 = dot_u8i8_x4,
    .dot_u8i8_4x4 = dot_u8i8_4x4,
    .dot_u4i8 = dot_u4i8,
    .dot_u4i8_x4 = dot_u4i8_x4,
    .dot_b1i8 = dot_b1i8,
    .dot_b1i8_x4 = dot_b1i8_x4,
    .pq_sums = vec_portable_pq_sums,
    .dot_b1u4 = vec_portable_dot_b1u4,
    .hamming = vec_portable_hamming,
};

const struct vec_kernels vec_kernels_avx512_vnni = {
    .level = VEC_LEVEL_AVX512_VNNI,
    .name = "avx512_vnni",
    COMMON,
    WITH_VNNI,
    .dot_bf16_pair = vec_avx512_dot_bf16_pair,
};

const struct vec_kernels vec_kernels_avx512_bf16 = {
    .level = VEC_LEVEL_AVX512_BF16,
    .name = "avx512_bf16",
    COMMON,
    WITH_VNNI,
    .dot_bf16_pair = vec_avx512_dot_bf16_pair_native,
};

#endif
