/* NEON for 64-bit Arm: only what every such processor has (no dot-product or
 * half-float extension is asked for). */
#if defined(__aarch64__)

#include "vector/kernels_internal.h"

#include <arm_neon.h>

static inline float32x4_t load_f32(const float *p) {
    return vld1q_f32(p);
}

static inline float32x4_t load_f16(const uint16_t *p) {
    return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p)));
}

static inline float32x4_t load_bf16(const uint16_t *p) {
    return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(p), 16));
}

static inline float one_f32(const float *p) {
    return *p;
}

static inline float one_f16(const uint16_t *p) {
    return vgetq_lane_f32(vcvt_f32_f16(vreinterpret_f16_u16(vdup_n_u16(*p))), 0);
}

static inline float one_bf16(const uint16_t *p) {
    return vec_f32_from_bf16(*p);
}

#define DEFINE_FLOAT(name, type_a, type_b, KIND_A, KIND_B, IS_L2)                            \
    static float name(const type_a *a, const type_b *b, size_t d) {                          \
        float32x4_t s[4] = {vdupq_n_f32(0), vdupq_n_f32(0), vdupq_n_f32(0), vdupq_n_f32(0)}; \
        size_t i = 0;                                                                        \
        for (; i + 16 <= d; i += 16)                                                         \
            VEC_UNROLL                                                                       \
        for (size_t j = 0; j < 4; j++) {                                                     \
            float32x4_t x = load_##KIND_A(a + i + 4 * j);                                    \
            float32x4_t y = load_##KIND_B(b + i + 4 * j);                                    \
            if (IS_L2)                                                                       \
                x = y = vsubq_f32(x, y);                                                     \
            s[j] = vfmaq_f32(s[j], x, y);                                                    \
        }                                                                                    \
        float tail = 0;                                                                      \
        for (; i < d; i++) {                                                                 \
            float x = one_##KIND_A(a + i);                                                   \
            float y = one_##KIND_B(b + i);                                                   \
            if (IS_L2)                                                                       \
                x = y = x - y;                                                               \
            tail += x * y;                                                                   \
        }                                                                                    \
        return vaddvq_f32(vaddq_f32(vaddq_f32(s[0], s[1]), vaddq_f32(s[2], s[3]))) + tail;   \
    }

DEFINE_FLOAT(dot_f32, float, float, f32, f32, 0)
DEFINE_FLOAT(l2_f32, float, float, f32, f32, 1)
DEFINE_FLOAT(dot_f16, float, uint16_t, f32, f16, 0)
DEFINE_FLOAT(l2_f16, float, uint16_t, f32, f16, 1)
DEFINE_FLOAT(dot_bf16, float, uint16_t, f32, bf16, 0)
DEFINE_FLOAT(l2_bf16, float, uint16_t, f32, bf16, 1)
DEFINE_FLOAT(dot_bf16_pair, uint16_t, uint16_t, bf16, bf16, 0)

#define DEFINE_FLOAT_X4(name, IS_L2)                                                         \
    static void name(const float *q, const float *const rows[4], size_t d, float ret[4]) {   \
        float32x4_t s[4] = {vdupq_n_f32(0), vdupq_n_f32(0), vdupq_n_f32(0), vdupq_n_f32(0)}; \
        size_t i = 0;                                                                        \
        for (; i + 4 <= d; i += 4) {                                                         \
            float32x4_t x = vld1q_f32(q + i);                                                \
            VEC_UNROLL                                                                       \
            for (int r = 0; r < 4; r++) {                                                    \
                float32x4_t y = vld1q_f32(rows[r] + i);                                      \
                if (IS_L2)                                                                   \
                    y = vsubq_f32(x, y);                                                     \
                s[r] = vfmaq_f32(s[r], IS_L2 ? y : x, y);                                    \
            }                                                                                \
        }                                                                                    \
        VEC_UNROLL                                                                           \
        for (int r = 0; r < 4; r++) {                                                        \
            float tail = 0;                                                                  \
            for (size_t j = i; j < d; j++) {                                                 \
                float y = IS_L2 ? q[j] - rows[r][j] : rows[r][j];                            \
                tail += (IS_L2 ? y : q[j]) * y;                                              \
            }                                                                                \
            ret[r] = vaddvq_f32(s[r]) + tail;                                                \
        }                                                                                    \
    }

DEFINE_FLOAT_X4(dot_f32_x4, 0)
DEFINE_FLOAT_X4(l2_f32_x4, 1)

/* ---- bytes: products are words, added in pairs to 32 bits ---- */

static int32_t dot_i8(const int8_t *a, const int8_t *b, size_t d) {
    int32x4_t s = vdupq_n_s32(0);
    size_t i = 0;
    for (; i + 16 <= d; i += 16) {
        int8x16_t x = vld1q_s8(a + i), y = vld1q_s8(b + i);
        s = vpadalq_s16(s, vmull_s8(vget_low_s8(x), vget_low_s8(y)));
        s = vpadalq_s16(s, vmull_high_s8(x, y));
    }
    int32_t sum = vaddvq_s32(s);
    for (; i < d; i++)
        sum += a[i] * b[i];
    return sum;
}

static uint32_t l2_i8(const int8_t *a, const int8_t *b, size_t d) {
    uint32x4_t s = vdupq_n_u32(0);
    size_t i = 0;
    for (; i + 16 <= d; i += 16) {
        uint8x16_t diff = vreinterpretq_u8_s8(vabdq_s8(vld1q_s8(a + i), vld1q_s8(b + i)));
        s = vpadalq_u16(s, vmull_u8(vget_low_u8(diff), vget_low_u8(diff)));
        s = vpadalq_u16(s, vmull_high_u8(diff, diff));
    }
    uint32_t sum = vaddvq_u32(s);
    for (; i < d; i++)
        sum += (uint32_t)((a[i] - b[i]) * (a[i] - b[i]));
    return sum;
}

static int32_t dot_u8i8(const uint8_t *row, const int8_t *q, size_t d) {
    int32x4_t s = vdupq_n_s32(0);
    size_t i = 0;
    for (; i + 8 <= d; i += 8) {
        int16x8_t x = vreinterpretq_s16_u16(vmovl_u8(vld1_u8(row + i))), y = vmovl_s8(vld1_s8(q + i));
        s = vmlal_s16(s, vget_low_s16(x), vget_low_s16(y));
        s = vmlal_high_s16(s, x, y);
    }
    int32_t sum = vaddvq_s32(s);
    for (; i < d; i++)
        sum += row[i] * q[i];
    return sum;
}

static void dot_u8i8_x4(const uint8_t *const rows[4], const int8_t *q, size_t d, int32_t ret[4]) {
    VEC_UNROLL
    for (int r = 0; r < 4; r++)
        ret[r] = dot_u8i8(rows[r], q, d);
}

static void dot_u8i8_4x4(const uint8_t *const rows[4], const int8_t *const qs[4], size_t d, int32_t ret[16]) {
    VEC_UNROLL
    for (int j = 0; j < 4; j++)
        dot_u8i8_x4(rows, qs[j], d, ret + 4 * j);
}

/* Both operands are signed here: a nibble fits. */
static inline int32x4_t multiply_nibbles(int32x4_t s, uint8x16_t nibbles, const int8_t *q) {
    int8x16_t x = vreinterpretq_s8_u8(nibbles), y = vld1q_s8(q);
    s = vpadalq_s16(s, vmull_s8(vget_low_s8(x), vget_low_s8(y)));
    return vpadalq_s16(s, vmull_high_s8(x, y));
}

static int32_t dot_u4i8(const uint8_t *row, const int8_t *q, size_t d) {
    int32x4_t s = vdupq_n_s32(0), t = s;
    for (size_t i = 0; i < d;) {
        size_t half = d - i >= 128 ? 64 : 32;
        for (size_t j = 0; j < half; j += 16) {
            uint8x16_t v = vld1q_u8(row + j);
            s = multiply_nibbles(s, vandq_u8(v, vdupq_n_u8(15)), q + i + j);
            t = multiply_nibbles(t, vshrq_n_u8(v, 4), q + i + half + j);
        }
        row += half;
        i += 2 * half;
    }
    return vaddvq_s32(vaddq_s32(s, t));
}

static void dot_u4i8_x4(const uint8_t *const rows[4], const int8_t *q, size_t d, int32_t ret[4]) {
    VEC_UNROLL
    for (int r = 0; r < 4; r++)
        ret[r] = dot_u4i8(rows[r], q, d);
}

/* ---- 1 bit ---- */

static int32_t dot_b1i8(const uint8_t *row, const int8_t *q, size_t d) {
    static const uint8_t bit_of[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    const uint8x16_t bits = vld1q_u8(bit_of);
    int32x4_t s = vdupq_n_s32(0);
    for (size_t i = 0; i < d; i += 16) {
        uint8x16_t bytes = vcombine_u8(vdup_n_u8(row[i / 8]), vdup_n_u8(row[i / 8 + 1]));
        int8x16_t chosen = vandq_s8(vreinterpretq_s8_u8(vtstq_u8(bytes, bits)), vld1q_s8(q + i));
        s = vpadalq_s16(s, vpaddlq_s8(chosen));
    }
    return vaddvq_s32(s);
}

static void dot_b1i8_x4(const uint8_t *const rows[4], const int8_t *q, size_t d, int32_t ret[4]) {
    VEC_UNROLL
    for (int r = 0; r < 4; r++)
        ret[r] = dot_b1i8(rows[r], q, d);
}

static uint32_t dot_b1u4(const uint8_t *row, const uint8_t *planes, size_t d) {
    size_t bytes = d / 8;
    uint32_t sum = 0;
    for (uint32_t p = 0; p < 4; p++) {
        uint32x2_t s = vdup_n_u32(0);
        for (size_t i = 0; i < bytes; i += 8) {
            uint8x8_t both = vand_u8(vld1_u8(row + i), vld1_u8(planes + p * bytes + i));
            s = vpadal_u16(s, vpaddl_u8(vcnt_u8(both)));
        }
        sum += vaddv_u32(s) << p;
    }
    return sum;
}

static uint32_t hamming(const uint8_t *a, const uint8_t *b, size_t bytes) {
    uint32x4_t s = vdupq_n_u32(0);
    size_t i = 0;
    for (; i + 16 <= bytes; i += 16)
        s = vpadalq_u16(s, vpaddlq_u8(vcntq_u8(veorq_u8(vld1q_u8(a + i), vld1q_u8(b + i)))));
    return vaddvq_u32(s) + vec_portable_hamming(a + i, b + i, bytes - i);
}

/* 16 rows of one group a table look-up, their sums widened as they are added.
 */
static uint32_t fastscan_b1(const struct vec_block_query *q, const uint8_t *codes, const float *factors,
                            float threshold, float ret_est[VEC_BLOCK_ROWS], float ret_low[VEC_BLOCK_ROWS]) {
    uint16x8_t sums[4] = {vdupq_n_u16(0), vdupq_n_u16(0), vdupq_n_u16(0), vdupq_n_u16(0)};
    for (size_t g = 0; g < q->groups; g++) {
        uint8x16_t c = vld1q_u8(codes + 16 * g), t = vld1q_u8(q->lut + 16 * g);
        uint8x16_t r0 = vqtbl1q_u8(t, vandq_u8(c, vdupq_n_u8(15))), r1 = vqtbl1q_u8(t, vshrq_n_u8(c, 4));
        sums[0] = vaddw_u8(sums[0], vget_low_u8(r0));
        sums[1] = vaddw_high_u8(sums[1], r0);
        sums[2] = vaddw_u8(sums[2], vget_low_u8(r1));
        sums[3] = vaddw_high_u8(sums[3], r1);
    }
    uint32_t mask = 0;
    for (int h = 0; h < 8; h++) {
        uint16x4_t half = h % 2 ? vget_high_u16(sums[h / 2]) : vget_low_u16(sums[h / 2]);
        float32x4_t product = vfmaq_n_f32(vdupq_n_f32(q->bias), vcvtq_f32_u32(vmovl_u16(half)), q->scale);
        float32x4_t est = vaddq_f32(vdupq_n_f32(q->add), vld1q_f32(factors + 4 * h));
        est = vfmaq_f32(est, vld1q_f32(factors + 32 + 4 * h), product);
        float32x4_t low = vfmsq_f32(est, vld1q_f32(factors + 64 + 4 * h), vdupq_n_f32(q->error));
        vst1q_f32(ret_est + 4 * h, est);
        vst1q_f32(ret_low + 4 * h, low);
        VEC_UNROLL
        for (int j = 0; j < 4; j++)
            mask |= (uint32_t)(ret_low[4 * h + j] < threshold) << (4 * h + j);
    }
    return mask;
}

/* ---- transforms ---- */

static void fht(float *x, size_t n) {
    if (n < 4) {
        vec_kernels_portable.fht(x, n);
        return;
    }
    for (size_t i = 0; i < n; i += 4) {
        float32x4_t v = vld1q_f32(x + i);
        float32x4_t even = vuzp1q_f32(v, v), odd = vuzp2q_f32(v, v);               /* a c a c, b d b d */
        float32x4_t step = vzip1q_f32(vaddq_f32(even, odd), vsubq_f32(even, odd)); /* a+b a-b c+d c-d */
        float32x2_t low = vget_low_f32(step), high = vget_high_f32(step);
        vst1q_f32(x + i, vcombine_f32(vadd_f32(low, high), vsub_f32(low, high)));
    }
    for (size_t h = 4; h < n; h *= 2)
        for (size_t i = 0; i < n; i += 2 * h)
            for (size_t j = i; j < i + h; j += 4) {
                float32x4_t a = vld1q_f32(x + j), b = vld1q_f32(x + j + h);
                vst1q_f32(x + j, vaddq_f32(a, b));
                vst1q_f32(x + j + h, vsubq_f32(a, b));
            }
}

static float dot_b1f32(const uint8_t *row, const float *y, size_t d) {
    static const uint32_t bits[8] = {1, 2, 4, 8, 16, 32, 64, 128};
    const uint32x4_t low = vld1q_u32(bits), high = vld1q_u32(bits + 4);
    float32x4_t s = vdupq_n_f32(0), t = s;
    for (size_t i = 0; i < d; i += 8) {
        uint32x4_t byte = vdupq_n_u32(row[i / 8]);
        float32x4_t a = vld1q_f32(y + i), b = vld1q_f32(y + i + 4);
        s = vaddq_f32(s, vbslq_f32(vtstq_u32(byte, low), a, vnegq_f32(a)));
        t = vaddq_f32(t, vbslq_f32(vtstq_u32(byte, high), b, vnegq_f32(b)));
    }
    return vaddvq_f32(vaddq_f32(s, t)) / 2;
}

static void multiply(float *x, const float *by, size_t d) {
    size_t i = 0;
    for (; i + 4 <= d; i += 4)
        vst1q_f32(x + i, vmulq_f32(vld1q_f32(x + i), vld1q_f32(by + i)));
    vec_kernels_portable.multiply(x + i, by + i, d - i);
}

/* The smallest value first, then where it stands. */
static size_t argmin(const float *x, size_t n) {
    if (n < 4)
        return vec_kernels_portable.argmin(x, n);
    float32x4_t least = vld1q_f32(x);
    for (size_t i = 4; i + 4 <= n; i += 4)
        least = vminq_f32(least, vld1q_f32(x + i));
    const float wanted = vminvq_f32(vminq_f32(least, vld1q_f32(x + n - 4)));
    size_t i = 0;
    while (i + 4 <= n && vmaxvq_u32(vceqq_f32(vld1q_f32(x + i), vdupq_n_f32(wanted))) == 0)
        i += 4;
    while (x[i] != wanted)
        i++;
    return i;
}

static void dot_columns(const float *x, size_t d, const float *columns, float ret[VEC_COLUMNS]) {
    for (size_t part = 0; part < VEC_COLUMNS; part += 32) {
        float32x4_t s[8];
        VEC_UNROLL
        for (int r = 0; r < 8; r++)
            s[r] = vdupq_n_f32(0);
        for (size_t i = 0; i < d; i++) {
            VEC_UNROLL
            for (int r = 0; r < 8; r++)
                s[r] = vfmaq_n_f32(s[r], vld1q_f32(columns + i * VEC_COLUMNS + part + 4 * r), x[i]);
        }
        VEC_UNROLL
        for (int r = 0; r < 8; r++)
            vst1q_f32(ret + part + 4 * r, s[r]);
    }
}

static float max_abs(const float *x, size_t d) {
    float32x4_t largest = vdupq_n_f32(0);
    size_t i = 0;
    for (; i + 4 <= d; i += 4)
        largest = vmaxq_f32(largest, vabsq_f32(vld1q_f32(x + i)));
    float body = vmaxvq_f32(largest), tail = vec_kernels_portable.max_abs(x + i, d - i);
    return body > tail ? body : tail;
}

static void add(float *x, const float *more, size_t d) {
    size_t i = 0;
    for (; i + 4 <= d; i += 4)
        vst1q_f32(x + i, vaddq_f32(vld1q_f32(x + i), vld1q_f32(more + i)));
    vec_kernels_portable.add(x + i, more + i, d - i);
}

static void walk(float *x, size_t half) {
    size_t i = 0;
    for (; i + 4 <= half; i += 4) {
        float32x4_t a = vld1q_f32(x + i), b = vld1q_f32(x + half + i);
        vst1q_f32(x + i, vaddq_f32(a, b));
        vst1q_f32(x + half + i, vsubq_f32(a, b));
    }
    for (; i < half; i++) {
        float a = x[i], b = x[half + i];
        x[i] = a + b;
        x[half + i] = a - b;
    }
}

static void f32_from_u8(const uint8_t *x, size_t d, float offset, float *ret) {
    size_t i = 0;
    for (; i + 8 <= d; i += 8) {
        uint16x8_t halves = vmovl_u8(vld1_u8(x + i));
        vst1q_f32(ret + i, vaddq_f32(vcvtq_f32_u32(vmovl_u16(vget_low_u16(halves))), vdupq_n_f32(offset)));
        vst1q_f32(ret + i + 4, vaddq_f32(vcvtq_f32_u32(vmovl_high_u16(halves)), vdupq_n_f32(offset)));
    }
    vec_kernels_portable.f32_from_u8(x + i, d - i, offset, ret + i);
}

static void quantize_u8(const float *x, size_t d, float scale, float offset, uint8_t max, uint8_t *ret) {
    size_t i = 0;
    for (; i + 8 <= d; i += 8) {
        uint16x4_t halves[2];
        VEC_UNROLL
        for (size_t h = 0; h < 2; h++) {
            float32x4_t v = vfmaq_n_f32(vdupq_n_f32(offset), vld1q_f32(x + i + 4 * h), scale);
            v = vminq_f32(vmaxq_f32(v, vdupq_n_f32(0)), vdupq_n_f32(max));
            halves[h] = vmovn_u32(vcvtnq_u32_f32(v));
        }
        vst1_u8(ret + i, vmovn_u16(vcombine_u16(halves[0], halves[1])));
    }
    vec_kernels_portable.quantize_u8(x + i, d - i, scale, offset, max, ret + i);
}

static void signs(const float *x, size_t d, uint8_t *ret) {
    static const uint32_t low_bits[4] = {1, 2, 4, 8}, high_bits[4] = {16, 32, 64, 128};
    const uint32x4_t a = vld1q_u32(low_bits), b = vld1q_u32(high_bits);
    for (size_t i = 0; i < d; i += 8) {
        uint32x4_t low = vandq_u32(vcgezq_f32(vld1q_f32(x + i)), a);
        uint32x4_t high = vandq_u32(vcgezq_f32(vld1q_f32(x + i + 4)), b);
        ret[i / 8] = (uint8_t)vaddvq_u32(vorrq_u32(low, high));
    }
}

const struct vec_kernels vec_kernels_neon = {
    .level = VEC_LEVEL_NEON,
    .name = "neon",
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
    .f16_from_f32 = vec_portable_f16_from_f32,
    .bf16_from_f32 = vec_portable_bf16_from_f32,
};

#endif
