/* Every level against the portable one, and the portable one against sums in double. */
#include "base/alloc.h"
#include "base/attr.h"
#include "vector/kernels.h"
#include "vector/metric.h"
#include "vector/random.h"

#include <math.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const size_t lengths[] = {0,  1,  2,  3,   7,   8,   9,   15,  16,  17,  31,  32,  33,   63,   64,   65,
                                 95, 96, 97, 127, 128, 129, 191, 200, 255, 257, 383, 768, 1000, 1536, 4095, 4096};

enum { MAX = 4096, SLACK = 64 };

struct data {
    float a[MAX + SLACK], rows[4][MAX + SLACK];
    uint16_t f16[MAX + SLACK], bf16[MAX + SLACK], bf16_a[MAX + SLACK];
    int8_t i8a[MAX + SLACK], i8b[MAX + SLACK];
    uint8_t bytes[4][MAX + SLACK];
};

/* Kinds of content: each must hold at every level. */
enum kind { GAUSS, ZERO, DENORMAL, HUGE_AND_TINY, KINDS };

static float value_of(struct vec_random *random, enum kind kind) {
    double g = vec_random_gauss(random);
    switch (kind) {
    case ZERO: return 0;
    case DENORMAL: return (float)(g * 1e-41);
    case HUGE_AND_TINY: return (float)(g * pow(10, (double)vec_random_below(random, 16) - 12));
    default: return (float)g;
    }
}

static struct data *make_data(enum kind kind, uint64_t seed) {
    struct data *x = lh_calloc(1, sizeof *x);
    const struct vec_kernels *k = vec_kernels_at(VEC_LEVEL_PORTABLE);
    struct vec_random random;
    vec_random_init(&random, seed);
    for (size_t i = 0; i < MAX + SLACK; i++) {
        x->a[i] = value_of(&random, kind);
        for (int r = 0; r < 4; r++) {
            x->rows[r][i] = value_of(&random, kind);
            x->bytes[r][i] = kind == ZERO ? 0 : kind == DENORMAL ? 255 : (uint8_t)vec_random_next(&random);
        }
        x->i8a[i] = kind == ZERO ? 0 : kind == DENORMAL ? -128 : (int8_t)vec_random_next(&random);
        x->i8b[i] = kind == ZERO ? 0 : kind == DENORMAL ? -128 : (int8_t)vec_random_next(&random);
    }
    k->f16_from_f32(x->rows[0], MAX + SLACK, x->f16);
    k->bf16_from_f32(x->rows[0], MAX + SLACK, x->bf16);
    k->bf16_from_f32(x->a, MAX + SLACK, x->bf16_a);
    return x;
}

static void assert_near(const char *what, const char *level, size_t d, double want, double got, double magnitude) {
    double allowed = 1e-5 * magnitude + 1e-44 * (double)(d + 1);
    if (!(fabs(want - got) <= allowed))
        fail_msg("%s, %s, length %zu: %.9g, not %.9g", what, level, d, got, want);
}

static double exact(const float *a, const float *b, size_t d, int l2, double *ret_magnitude) {
    double sum = 0, magnitude = 0;
    for (size_t i = 0; i < d; i++) {
        double term = l2 ? ((double)a[i] - b[i]) * ((double)a[i] - b[i]) : (double)a[i] * b[i];
        sum += term;
        magnitude += fabs(term);
    }
    *ret_magnitude = magnitude;
    return sum;
}

static void check_floats(const struct vec_kernels *k, const struct data *x, size_t d, size_t shift, enum kind kind) {
    const struct vec_kernels *p = vec_kernels_at(VEC_LEVEL_PORTABLE);
    const float *a = x->a + shift;
    const float *rows[4] = {x->rows[0] + shift, x->rows[1], x->rows[2] + shift, x->rows[3]};
    float dots[4], l2s[4];
    k->dot_f32_x4(a, rows, d, dots);
    k->l2_f32_x4(a, rows, d, l2s);
    double magnitude;
    for (int r = 0; r < 4; r++) {
        double want = exact(a, rows[r], d, 0, &magnitude);
        assert_near("dot_f32", k->name, d, want, k->dot_f32(a, rows[r], d), magnitude);
        assert_near("dot_f32_x4", k->name, d, want, dots[r], magnitude);
        want = exact(a, rows[r], d, 1, &magnitude);
        assert_near("l2_f32", k->name, d, want, k->l2_f32(a, rows[r], d), magnitude);
        assert_near("l2_f32_x4", k->name, d, want, l2s[r], magnitude);
    }
    size_t few = d < 12 ? d : 12; /* as many columns of 256 as the data holds */
    float want_columns[VEC_COLUMNS], got_columns[VEC_COLUMNS];
    p->dot_columns(a, few, x->rows[2] + shift, want_columns);
    k->dot_columns(a, few, x->rows[2] + shift, got_columns);
    for (size_t c = 0; c < VEC_COLUMNS; c++) {
        float column[12];
        for (size_t i = 0; i < few; i++)
            column[i] = x->rows[2][shift + i * VEC_COLUMNS + c];
        double want = exact(a, column, few, 0, &magnitude);
        assert_near("dot_columns", k->name, few, want, want_columns[c], magnitude);
        assert_near("dot_columns", k->name, few, want, got_columns[c], magnitude);
    }
    assert_true(d == 0 || p->argmin(a, d) == k->argmin(a, d));
    double limit = 0;
    exact(a, rows[0], d, 0, &limit);
    limit += p->l2_f32(a, rows[0], d);
    assert_near("dot_f16", k->name, d, p->dot_f16(a, x->f16 + shift, d), k->dot_f16(a, x->f16 + shift, d), limit);
    assert_near("l2_f16", k->name, d, p->l2_f16(a, x->f16 + shift, d), k->l2_f16(a, x->f16 + shift, d), limit);
    assert_near("dot_bf16", k->name, d, p->dot_bf16(a, x->bf16 + shift, d), k->dot_bf16(a, x->bf16 + shift, d), limit);
    assert_near("l2_bf16", k->name, d, p->l2_bf16(a, x->bf16 + shift, d), k->l2_bf16(a, x->bf16 + shift, d), limit);
    if (kind != DENORMAL)
        assert_near("dot_bf16_pair", k->name, d, p->dot_bf16_pair(x->bf16_a + shift, x->bf16 + shift, d),
                    k->dot_bf16_pair(x->bf16_a + shift, x->bf16 + shift, d), limit);
}

static void check_integers(const struct vec_kernels *k, const struct data *x, size_t d, size_t shift) {
    const struct vec_kernels *p = vec_kernels_at(VEC_LEVEL_PORTABLE);
    const int8_t *q = x->i8a + shift;
    const uint8_t *rows[4] = {x->bytes[0] + shift, x->bytes[1], x->bytes[2] + shift, x->bytes[3]};
    int32_t got[4];
    assert_int_equal(p->dot_i8(q, x->i8b, d), k->dot_i8(q, x->i8b, d));
    assert_int_equal(p->l2_i8(q, x->i8b, d), k->l2_i8(q, x->i8b, d));
    assert_int_equal(p->hamming(rows[0], rows[1], d), k->hamming(rows[0], rows[1], d));
    k->dot_u8i8_x4(rows, q, d, got);
    for (int r = 0; r < 4; r++) {
        assert_int_equal(p->dot_u8i8(rows[r], q, d), k->dot_u8i8(rows[r], q, d));
        assert_int_equal(p->dot_u8i8(rows[r], q, d), got[r]);
    }
    const int8_t *const qs[4] = {q, x->i8b, x->i8b + shift, q + 1};
    int32_t tile[16];
    k->dot_u8i8_4x4(rows, qs, d, tile);
    for (int i = 0; i < 16; i++)
        assert_int_equal(p->dot_u8i8(rows[i % 4], qs[i / 4], d), tile[i]);
    size_t whole = d / 64 * 64;
    k->dot_u4i8_x4(rows, q, whole, got);
    for (int r = 0; r < 4; r++) {
        assert_int_equal(p->dot_u4i8(rows[r], q, whole), k->dot_u4i8(rows[r], q, whole));
        assert_int_equal(p->dot_u4i8(rows[r], q, whole), got[r]);
    }
    k->dot_b1i8_x4(rows, q, whole, got);
    for (int r = 0; r < 4; r++) {
        assert_int_equal(p->dot_b1i8(rows[r], q, whole), k->dot_b1i8(rows[r], q, whole));
        assert_int_equal(p->dot_b1i8(rows[r], q, whole), got[r]);
    }
    assert_int_equal(p->dot_b1u4(rows[0], rows[1], whole), k->dot_b1u4(rows[0], rows[1], whole));
    uint16_t want_sums[2 * VEC_BLOCK_ROWS], got_sums[2 * VEC_BLOCK_ROWS];
    const uint8_t *const blocks[2] = {rows[1], rows[2]};
    p->pq_sums(rows[0], d / 256, blocks, want_sums);
    k->pq_sums(rows[0], d / 256, blocks, got_sums);
    assert_memory_equal(want_sums, got_sums, sizeof want_sums);
}

static void check_transforms(const struct vec_kernels *k, const struct data *x, size_t d, size_t shift) {
    const struct vec_kernels *p = vec_kernels_at(VEC_LEVEL_PORTABLE);
    static float want[MAX], got[MAX];
    static uint8_t want_bytes[MAX + 1], got_bytes[MAX + 1];
    static uint16_t want_words[MAX + 1], got_words[MAX + 1];
    const float *a = x->a + shift;
    size_t power = 1;
    while (power * 2 <= d)
        power *= 2;
    memcpy(want, a, d * sizeof *want);
    memcpy(got, a, d * sizeof *got);
    p->fht(want, d ? power : 0);
    k->fht(got, d ? power : 0);
    double magnitude = 0;
    for (size_t i = 0; i < (d ? power : 0); i++)
        magnitude += fabs((double)a[i]);
    for (size_t i = 0; i < (d ? power : 0); i++)
        assert_near("fht", k->name, d, want[i], got[i], magnitude);
    memcpy(got, want, sizeof got);
    p->walk(want, d / 2);
    k->walk(got, d / 2);
    assert_memory_equal(want, got, d / 2 * 2 * sizeof *want);
    p->multiply(want, a, d);
    k->multiply(got, a, d);
    assert_memory_equal(want, got, d * sizeof *want);
    p->add(want, a, d);
    k->add(got, a, d);
    assert_memory_equal(want, got, d * sizeof *want);
    p->f32_from_u8(x->bytes[1] + shift, d, -7.5f, want);
    k->f32_from_u8(x->bytes[1] + shift, d, -7.5f, got);
    assert_memory_equal(want, got, d * sizeof *want);

    memset(want_bytes, 1, sizeof want_bytes);
    memset(got_bytes, 1, sizeof got_bytes);
    p->quantize_u8(a, d, 3.7f, 7.5f, 15, want_bytes);
    k->quantize_u8(a, d, 3.7f, 7.5f, 15, got_bytes);
    assert_memory_equal(want_bytes, got_bytes, MAX + 1);
    p->signs(a, d / 64 * 64, want_bytes);
    k->signs(a, d / 64 * 64, got_bytes);
    assert_memory_equal(want_bytes, got_bytes, MAX + 1);
    assert_true(p->max_abs(a, d) == k->max_abs(a, d));
    exact(a, a, d, 0, &magnitude);
    assert_near("dot_b1f32", k->name, d, p->dot_b1f32(x->bytes[0], a, d / 64 * 64),
                k->dot_b1f32(x->bytes[0], a, d / 64 * 64), sqrt(magnitude * (double)d));
    memset(want_words, 1, sizeof want_words);
    memset(got_words, 1, sizeof got_words);
    p->f16_from_f32(a, d, want_words);
    k->f16_from_f32(a, d, got_words);
    assert_memory_equal(want_words, got_words, sizeof want_words);
    p->bf16_from_f32(a, d, want_words);
    k->bf16_from_f32(a, d, got_words);
    assert_memory_equal(want_words, got_words, sizeof want_words);
}

static void every_level_agrees_with_plain_c(void **state) {
    (void)state;
    int levels = 0;
    for (int level = 0; level < VEC_LEVEL_COUNT; level++) {
        const struct vec_kernels *k = vec_kernels_at((enum vec_level)level);
        if (!k)
            continue;
        levels++;
        assert_int_equal(k->level, level);
        for (int kind = 0; kind < KINDS; kind++) {
            struct data *x = make_data((enum kind)kind, 7 + (uint64_t)kind);
            for (size_t i = 0; i < LH_ARRAY_LEN(lengths); i++)
                for (size_t shift = 0; shift < 4; shift += 3) {
                    check_floats(k, x, lengths[i], shift, (enum kind)kind);
                    check_integers(k, x, lengths[i], shift);
                    check_transforms(k, x, lengths[i], shift);
                }
            lh_free(x);
        }
    }
    assert_true(levels >= 1);
    assert_non_null(vec_kernels_at(vec_kernels()->level));
}

/* Nothing beyond a row is read: rows end where an allocation ends, for the sanitizers to see. */
static void no_byte_beyond_a_row_is_read(void **state) {
    (void)state;
    for (int level = 0; level < VEC_LEVEL_COUNT; level++) {
        const struct vec_kernels *k = vec_kernels_at((enum vec_level)level);
        for (size_t d = 1; k && d < 200; d++) {
            float *a = lh_calloc(d, sizeof *a), *b = lh_calloc(d, sizeof *b);
            uint16_t *h = lh_calloc(d, sizeof *h);
            uint8_t *u = lh_calloc(d, 1);
            int8_t *q = lh_calloc(d, 1);
            const float *rows[4] = {b, b, b, b};
            const uint8_t *bytes[4] = {u, u, u, u};
            float floats[4];
            int32_t ints[4];
            assert_true(k->dot_f32(a, b, d) == 0 && k->l2_f32(a, b, d) == 0);
            k->dot_f32_x4(a, rows, d, floats);
            k->l2_f32_x4(a, rows, d, floats);
            assert_true(k->dot_f16(a, h, d) == 0 && k->l2_f16(a, h, d) == 0 && k->dot_bf16(a, h, d) == 0);
            assert_true(k->l2_bf16(a, h, d) == 0 && k->dot_bf16_pair(h, h, d) == 0);
            assert_true(k->dot_i8(q, q, d) == 0 && k->l2_i8(q, q, d) == 0 && k->dot_u8i8(u, q, d) == 0);
            k->dot_u8i8_x4(bytes, q, d, ints);
            assert_true(k->hamming(u, u, d) == 0);
            k->quantize_u8(a, d, 1, 0, 255, u);
            k->f16_from_f32(a, d, h);
            k->f32_from_u8(u, d, 0, a);
            k->multiply(a, b, d);
            k->add(a, b, d);
            k->walk(a, d / 2);
            lh_free(a);
            lh_free(b);
            lh_free(h);
            lh_free(u);
            lh_free(q);
        }
    }
}

/* The largest sums that the contract promises. */
static void integers_do_not_overflow(void **state) {
    (void)state;
    int8_t *low = lh_malloc(VEC_MAX_DIM), *high = lh_malloc(VEC_MAX_DIM);
    uint8_t *all = lh_malloc(VEC_MAX_DIM);
    memset(low, -128, VEC_MAX_DIM);
    memset(high, 127, VEC_MAX_DIM);
    memset(all, 255, VEC_MAX_DIM);
    for (int level = 0; level < VEC_LEVEL_COUNT; level++) {
        const struct vec_kernels *k = vec_kernels_at((enum vec_level)level);
        if (!k)
            continue;
        assert_int_equal(k->dot_i8(low, low, VEC_MAX_DIM), 128 * 128 * 65536);
        assert_int_equal(k->l2_i8(low, high, VEC_MAX_DIM), 255u * 255u * 65536u);
        assert_int_equal(k->dot_u8i8(all, low, VEC_MAX_DIM), -255 * 128 * 65536);
        assert_int_equal(k->dot_u4i8(all, low, VEC_MAX_DIM), -15 * 128 * 65536);
        assert_int_equal(k->dot_b1i8(all, low, VEC_MAX_DIM), -128 * 65536);
    }
    lh_free(low);
    lh_free(high);
    lh_free(all);
}

static void fast_scan_agrees(void **state) {
    (void)state;
    const struct vec_kernels *p = vec_kernels_at(VEC_LEVEL_PORTABLE);
    struct vec_random random;
    vec_random_init(&random, 99);
    for (size_t groups = 16; groups <= 1024; groups *= 2) {
        uint8_t *codes = lh_malloc(16 * groups), *lut = lh_malloc(16 * groups);
        float factors[96], want_est[32], want_low[32], est[32], low[32];
        uint32_t top = groups > 257 ? (uint32_t)(65535 / groups) : 255;
        for (size_t i = 0; i < 16 * groups; i++) {
            codes[i] = (uint8_t)vec_random_next(&random);
            lut[i] = groups % 32 ? (uint8_t)top : (uint8_t)vec_random_below(&random, top + 1);
        }
        for (int i = 0; i < 96; i++)
            factors[i] = (float)vec_random_gauss(&random);
        factors[5] = INFINITY;
        struct vec_block_query q = {lut, groups, 0.01f, -3, 0.5f, 1.9f};
        uint32_t want = p->fastscan_b1(&q, codes, factors, -2, want_est, want_low);
        assert_false(want & 1u << 5);
        for (int level = 0; level < VEC_LEVEL_COUNT; level++) {
            const struct vec_kernels *k = vec_kernels_at((enum vec_level)level);
            if (!k)
                continue;
            uint32_t mask = k->fastscan_b1(&q, codes, factors, -2, est, low);
            for (int i = 0; i < 32; i++) {
                if (i != 5)
                    assert_near("fastscan_b1", k->name, groups, want_low[i], low[i], fabs(want_est[i]) + 1000);
                if (fabsf(want_low[i] + 2) > 0.1f)
                    assert_int_equal(mask >> i & 1, want >> i & 1);
            }
        }
        lh_free(codes);
        lh_free(lut);
    }
}

static void halves_round_to_even(void **state) {
    (void)state;
    static const struct {
        float x;
        uint16_t f16, bf16;
    } rows[] = {
        {0, 0, 0},
        {-0.0f, 0x8000, 0x8000},
        {1, 0x3C00, 0x3F80},
        {-2, 0xC000, 0xC000},
        {65504, 0x7BFF, 0x4780},
        {65519, 0x7BFF, 0x4780},
        {65520, 0x7C00, 0x4780},
        {1e10f, 0x7C00, 0x5015},
        {0x1p-24f, 0x0001, 0x3380},
        {0x1p-25f, 0x0000, 0x3300},     /* half of the smallest: to even */
        {0x1.8p-24f, 0x0002, 0x33C0},   /* half-way between 1 and 2 */
        {0x1.ffcp-15f, 0x0400, 0x3880}, /* rounds up into the normals */
        {1.00048828125f, 0x3C00, 0x3F80},
        {1.00146484375f, 0x3C02, 0x3F80},
        {1.00390625f, 0x3C04, 0x3F80},
        {1.01171875f, 0x3C0C, 0x3F82},
    };
    for (int level = 0; level < VEC_LEVEL_COUNT; level++) {
        const struct vec_kernels *k = vec_kernels_at((enum vec_level)level);
        for (size_t i = 0; k && i < LH_ARRAY_LEN(rows); i++) {
            float x[9];
            uint16_t got[9];
            for (int j = 0; j < 9; j++)
                x[j] = rows[i].x;
            k->f16_from_f32(x, 9, got);
            assert_int_equal(got[0], rows[i].f16);
            assert_int_equal(got[8], rows[i].f16);
            k->bf16_from_f32(x, 9, got);
            assert_int_equal(got[8], rows[i].bf16);
        }
    }
}

static void nan_and_infinity_are_refused(void **state) {
    (void)state;
    float x[12] = {0};
    struct vec_rows rows = {x, 3, 4};
    struct lh_err err = LH_ERR_INIT;
    x[3] = 1e-42f;
    x[4] = -0.9f * VEC_MAX_LENGTH;
    assert_int_equal(vec_check_finite(&rows, &err), LH_OK);
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    static const char *const names[] = {"NaN", "an infinity", "an infinity"};
    for (size_t i = 0; i < 3; i++) {
        x[9] = bad[i];
        assert_int_equal(vec_check_finite(&rows, &err), LH_DATA);
        assert_non_null(strstr(err.message, "vector 2 holds"));
        assert_non_null(strstr(err.message, names[i]));
        assert_non_null(strstr(err.message, "dimension 1"));
    }
    struct vec_rows none = {x, 3, 0};
    assert_int_equal(vec_check_shape(&none, &err), LH_INVALID);
    none.d = VEC_MAX_DIM + 1;
    assert_int_equal(vec_check_shape(&none, &err), LH_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_level_agrees_with_plain_c),
        cmocka_unit_test(no_byte_beyond_a_row_is_read),
        cmocka_unit_test(integers_do_not_overflow),
        cmocka_unit_test(fast_scan_agrees),
        cmocka_unit_test(halves_round_to_even),
        cmocka_unit_test(nan_and_infinity_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
