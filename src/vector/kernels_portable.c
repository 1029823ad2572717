/* Plain C: the reference that every other level is tested against, and what
 * runs where there is no other.  Floats are summed in eight lanes, which
 * compilers turn into whatever vectors the target has. */
#include "vector/kernels_internal.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#define LANES 8

static float sum_lanes(const float lanes[LANES]) {
    return ((lanes[0] + lanes[4]) + (lanes[1] + lanes[5])) + ((lanes[2] + lanes[6]) + (lanes[3] + lanes[7]));
}

/* One float reduction: WIDEN(a[i]) and WIDEN2(b[i]) are combined by TERM(x, y).
 */
#define DEFINE_REDUCTION(name, type_a, type_b, WIDEN_A, WIDEN_B, TERM)  \
    static float name(const type_a *a, const type_b *b, size_t d) {     \
        float lanes[LANES] = {0};                                       \
        size_t i = 0;                                                   \
        for (; i + LANES <= d; i += LANES)                              \
            for (size_t j = 0; j < LANES; j++)                          \
                lanes[j] += TERM(WIDEN_A(a[i + j]), WIDEN_B(b[i + j])); \
        for (size_t j = 0; i < d; i++, j++)                             \
            lanes[j] += TERM(WIDEN_A(a[i]), WIDEN_B(b[i]));             \
        return sum_lanes(lanes);                                        \
    }

#define SAME(x) (x)
#define PRODUCT(x, y) ((x) * (y))
#define SQUARED_DIFFERENCE(x, y) (((x) - (y)) * ((x) - (y)))

static float f32_from_f16(uint16_t half) {
    uint32_t sign = (uint32_t)(half & 0x8000u) << 16;
    uint32_t exponent = (half >> 10) & 31u;
    uint32_t mantissa = half & 0x3FFu;
    if (exponent == 0) { /* zero and subnormals: mantissa * 2^-24 is exact */
        float value = (float)mantissa * 0x1.0p-24f;
        return sign ? -value : value;
    }
    uint32_t bits = sign | ((exponent == 31 ? 255u : exponent + 112) << 23) | (mantissa << 13);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

DEFINE_REDUCTION(dot_f32, float, float, SAME, SAME, PRODUCT)
DEFINE_REDUCTION(l2_f32, float, float, SAME, SAME, SQUARED_DIFFERENCE)
DEFINE_REDUCTION(dot_f16, float, uint16_t, SAME, f32_from_f16, PRODUCT)
DEFINE_REDUCTION(l2_f16, float, uint16_t, SAME, f32_from_f16, SQUARED_DIFFERENCE)
DEFINE_REDUCTION(dot_bf16, float, uint16_t, SAME, vec_f32_from_bf16, PRODUCT)
DEFINE_REDUCTION(l2_bf16, float, uint16_t, SAME, vec_f32_from_bf16, SQUARED_DIFFERENCE)
DEFINE_REDUCTION(dot_bf16_pair, uint16_t, uint16_t, vec_f32_from_bf16, vec_f32_from_bf16, PRODUCT)

float vec_portable_dot_bf16_pair(const uint16_t *a, const uint16_t *b, size_t d) {
    return dot_bf16_pair(a, b, d);
}

static void dot_f32_x4(const float *q, const float *const rows[4], size_t d, float ret[4]) {
    for (int r = 0; r < 4; r++)
        ret[r] = dot_f32(q, rows[r], d);
}

static void l2_f32_x4(const float *q, const float *const rows[4], size_t d, float ret[4]) {
    for (int r = 0; r < 4; r++)
        ret[r] = l2_f32(q, rows[r], d);
}

static int32_t dot_i8(const int8_t *a, const int8_t *b, size_t d) {
    int32_t sum = 0;
    for (size_t i = 0; i < d; i++)
        sum += a[i] * b[i];
    return sum;
}

static uint32_t l2_i8(const int8_t *a, const int8_t *b, size_t d) {
    uint32_t sum = 0;
    for (size_t i = 0; i < d; i++) {
        int32_t difference = a[i] - b[i];
        sum += (uint32_t)(difference * difference);
    }
    return sum;
}

static int32_t dot_u8i8(const uint8_t *row, const int8_t *q, size_t d) {
    int32_t sum = 0;
    for (size_t i = 0; i < d; i++)
        sum += row[i] * q[i];
    return sum;
}

static void dot_u8i8_x4(const uint8_t *const rows[4], const int8_t *q, size_t d, int32_t ret[4]) {
    for (int r = 0; r < 4; r++)
        ret[r] = dot_u8i8(rows[r], q, d);
}

static void dot_u8i8_4x4(const uint8_t *const rows[4], const int8_t *const qs[4], size_t d, int32_t ret[16]) {
    for (int j = 0; j < 4; j++)
        dot_u8i8_x4(rows, qs[j], d, ret + 4 * j);
}

static int32_t dot_u4i8(const uint8_t *row, const int8_t *q, size_t d) {
    int32_t sum = 0;
    for (size_t i = 0; i < d;) {
        size_t half = d - i >= 128 ? 64 : 32;
        for (size_t j = 0; j < half; j++)
            sum += (row[j] & 15) * q[i + j] + (row[j] >> 4) * q[i + half + j];
        row += half;
        i += 2 * half;
    }
    return sum;
}

static void dot_u4i8_x4(const uint8_t *const rows[4], const int8_t *q, size_t d, int32_t ret[4]) {
    for (int r = 0; r < 4; r++)
        ret[r] = dot_u4i8(rows[r], q, d);
}

static int32_t dot_b1i8(const uint8_t *row, const int8_t *q, size_t d) {
    int32_t sum = 0;
    for (size_t i = 0; i < d; i++)
        sum += q[i] & -((row[i / 8] >> (i % 8)) & 1);
    return sum;
}

static void dot_b1i8_x4(const uint8_t *const rows[4], const int8_t *q, size_t d, int32_t ret[4]) {
    for (int r = 0; r < 4; r++)
        ret[r] = dot_b1i8(rows[r], q, d);
}

static uint64_t load_word(const uint8_t *p) {
    uint64_t word;
    memcpy(&word, p, sizeof word);
    return word;
}

uint32_t vec_portable_dot_b1u4(const uint8_t *row, const uint8_t *planes, size_t d) {
    size_t bytes = d / 8;
    uint32_t sum = 0;
    for (uint32_t p = 0; p < 4; p++) {
        uint32_t ones = 0;
        for (size_t i = 0; i < bytes; i += 8)
            ones += (uint32_t)__builtin_popcountll(load_word(row + i) & load_word(planes + p * bytes + i));
        sum += ones << p;
    }
    return sum;
}

uint32_t vec_portable_hamming(const uint8_t *a, const uint8_t *b, size_t bytes) {
    uint32_t sum = 0;
    size_t i = 0;
    for (; i + 8 <= bytes; i += 8)
        sum += (uint32_t)__builtin_popcountll(load_word(a + i) ^ load_word(b + i));
    for (; i < bytes; i++)
        sum += (uint32_t)__builtin_popcount(a[i] ^ b[i]);
    return sum;
}

static uint32_t fastscan_b1(const struct vec_block_query *q, const uint8_t *codes, const float *factors,
                            float threshold, float ret_est[VEC_BLOCK_ROWS], float ret_low[VEC_BLOCK_ROWS]) {
    uint32_t sums[VEC_BLOCK_ROWS] = {0};
    for (size_t g = 0; g < q->groups; g++)
        for (size_t j = 0; j < 16; j++) {
            uint8_t pair = codes[16 * g + j];
            sums[j] += q->lut[16 * g + (pair & 15)];
            sums[16 + j] += q->lut[16 * g + (pair >> 4)];
        }
    uint32_t mask = 0;
    for (uint32_t j = 0; j < VEC_BLOCK_ROWS; j++) {
        float product = q->scale * (float)sums[j] + q->bias;
        ret_est[j] = q->add + factors[j] + factors[32 + j] * product;
        ret_low[j] = ret_est[j] - factors[64 + j] * q->error;
        mask |= (uint32_t)(ret_low[j] < threshold) << j;
    }
    return mask;
}

static void fht(float *x, size_t n) {
    for (size_t h = 1; h < n; h *= 2)
        for (size_t i = 0; i < n; i += 2 * h)
            for (size_t j = i; j < i + h; j++) {
                float a = x[j];
                float b = x[j + h];
                x[j] = a + b;
                x[j + h] = a - b;
            }
}

static float dot_b1f32(const uint8_t *row, const float *y, size_t d) {
    float lanes[LANES] = {0};
    for (size_t i = 0; i < d; i += LANES)
        for (size_t j = 0; j < LANES; j++)
            lanes[j] += (row[i / 8] >> j) & 1 ? y[i + j] : -y[i + j];
    return sum_lanes(lanes) / 2;
}

static void multiply(float *x, const float *by, size_t d) {
    for (size_t i = 0; i < d; i++)
        x[i] *= by[i];
}

static size_t argmin(const float *x, size_t n) {
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (x[i] < x[best])
            best = i;
    return best;
}

void vec_portable_pq_sums(const uint8_t *table, size_t m, const uint8_t *const blocks[2],
                          uint16_t ret[2 * VEC_BLOCK_ROWS]) {
    for (size_t b = 0; b < 2; b++) {
        uint16_t *sums = ret + b * VEC_BLOCK_ROWS;
        memset(sums, 0, VEC_BLOCK_ROWS * sizeof *sums);
        for (size_t part = 0; part < m; part++)
            for (size_t r = 0; r < VEC_BLOCK_ROWS; r++)
                sums[r] = (uint16_t)(sums[r] + table[256 * part + blocks[b][VEC_BLOCK_ROWS * part + r]]);
    }
}

static void dot_columns(const float *x, size_t d, const float *columns, float ret[VEC_COLUMNS]) {
    memset(ret, 0, VEC_COLUMNS * sizeof *ret);
    for (size_t i = 0; i < d; i++)
        for (size_t c = 0; c < VEC_COLUMNS; c++)
            ret[c] += x[i] * columns[i * VEC_COLUMNS + c];
}

static float max_abs(const float *x, size_t d) {
    float largest = 0;
    for (size_t i = 0; i < d; i++) {
        float magnitude = fabsf(x[i]);
        largest = magnitude > largest ? magnitude : largest;
    }
    return largest;
}

static void add(float *x, const float *more, size_t d) {
    for (size_t i = 0; i < d; i++)
        x[i] += more[i];
}

static void walk(float *x, size_t half) {
    for (size_t i = 0; i < half; i++) {
        float a = x[i];
        float b = x[half + i];
        x[i] = a + b;
        x[half + i] = a - b;
    }
}

static void f32_from_u8(const uint8_t *x, size_t d, float offset, float *ret) {
    for (size_t i = 0; i < d; i++)
        ret[i] = (float)x[i] + offset;
}

static void quantize_u8(const float *x, size_t d, float scale, float offset, uint8_t max, uint8_t *ret) {
    for (size_t i = 0; i < d; i++) {
        float value = fmaf(x[i], scale, offset);
        value = value < 0 ? 0 : value > max ? max : value;
        ret[i] = (uint8_t)nearbyintf(value);
    }
}

static void signs(const float *x, size_t d, uint8_t *ret) {
    for (size_t i = 0; i < d / 8; i++) {
        uint32_t byte = 0;
        for (size_t j = 0; j < 8; j++)
            byte |= (uint32_t)(x[8 * i + j] >= 0) << j;
        ret[i] = (uint8_t)byte;
    }
}

static uint16_t f16_from_f32_one(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    uint32_t sign = (bits >> 16) & 0x8000u;
    uint32_t magnitude = bits & 0x7FFFFFFFu;
    if (magnitude >= 0x7F800000u) /* infinity, NaN (kept quiet) */
        return (uint16_t)(sign | 0x7C00u | (magnitude > 0x7F800000u ? 0x200u | ((magnitude >> 13) & 0x3FFu) : 0));
    if (magnitude < 0x38800000u) /* below 2^-14: a multiple of 2^-24, which
                                  nearbyintf rounds to even */
        return (uint16_t)(sign | (uint32_t)nearbyintf(fabsf(x) * 0x1.0p24f));
    uint32_t rounded = magnitude + 0xFFFu + ((magnitude >> 13) & 1) - 0x38000000u;
    return (uint16_t)(sign | (rounded >= 0x0F800000u ? 0x7C00u : rounded >> 13));
}

void vec_portable_f16_from_f32(const float *x, size_t d, uint16_t *ret) {
    for (size_t i = 0; i < d; i++)
        ret[i] = f16_from_f32_one(x[i]);
}

void vec_portable_bf16_from_f32(const float *x, size_t d, uint16_t *ret) {
    for (size_t i = 0; i < d; i++) {
        uint32_t bits;
        memcpy(&bits, &x[i], sizeof bits);
        bool nan = (bits & 0x7FFFFFFFu) > 0x7F800000u;
        ret[i] = (uint16_t)(nan ? (bits >> 16) | 0x40u : (bits + 0x7FFFu + ((bits >> 16) & 1)) >> 16);
    }
}

const struct vec_kernels vec_kernels_portable = {
    .level = VEC_LEVEL_PORTABLE,
    .name = "portable",
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
    .dot_b1u4 = vec_portable_dot_b1u4,
    .hamming = vec_portable_hamming,
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
