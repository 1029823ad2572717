/* Scalar codes: off by half a step, the integer distance is that of the decoded rows, and near enough for recall. */
#include "base/alloc.h"
#include "unit/vector/data.h"
#include "vector/flat.h"
#include "vector/recall.h"
#include "vector/sq.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { N = 400, K = 10 };

static struct lh_err err;

static void check_shape(enum shape shape, enum vec_metric metric, uint32_t d) {
    float *x = make_rows(N, d, shape, 8);
    const struct vec_rows rows = {x, N, d};
    int8_t *codes = lh_malloc((size_t)N * d);
    float *back = lh_malloc(2 * d * sizeof *back), *unit = lh_malloc(d * sizeof *unit);
    struct vec_sq sq;
    assert_int_equal(vec_sq_train(&rows, metric, &sq, &err), LH_OK);
    for (size_t i = 0; i < N; i++) {
        vec_sq_encode(&sq, vec_row(&rows, i), codes + i * d);
        vec_sq_decode(&sq, codes + i * d, back);
        float length =
            metric == VEC_COSINE ? sqrtf(-vec_distance(VEC_DOT, vec_row(&rows, i), vec_row(&rows, i), d)) : 1;
        for (uint32_t j = 0; j < d; j++) {
            unit[j] = length > 0 ? vec_row(&rows, i)[j] / length : 0;
            assert_true(fabsf(unit[j] - back[j]) <= 0.51f * sq.step);
        }
    }
    for (size_t i = 1; i < N; i++) {
        vec_sq_decode(&sq, codes, back);
        vec_sq_decode(&sq, codes + i * d, back + d);
        float decoded = vec_distance(metric == VEC_L2 ? VEC_L2 : VEC_DOT, back, back + d, d) + (metric == VEC_COSINE);
        float slack = 1e-5f * (1 + fabsf(decoded)) * (float)d;
        assert_true(fabsf(vec_sq_distance(&sq, codes, codes + i * d) - decoded) <= slack);
    }
    lh_free(x);
    lh_free(codes);
    lh_free(back);
    lh_free(unit);
}

static void codes_are_off_by_half_a_step(void **state) {
    (void)state;
    static const uint32_t dimensions[] = {1, 7, 64, 129};
    for (int shape = GAUSSIAN; shape < TINY; shape++)
        for (int metric = VEC_L2; metric <= VEC_COSINE; metric++)
            for (size_t i = 0; i < sizeof dimensions / sizeof *dimensions; i++)
                check_shape((enum shape)shape, (enum vec_metric)metric, dimensions[i]);
}

static void neighbours_are_found_by_codes_alone(void **state) {
    (void)state;
    enum { D = 128, QUERIES = 50 };
    for (int metric = VEC_L2; metric <= VEC_COSINE; metric++) {
        float *x = make_rows(N + QUERIES, D, GAUSSIAN, 9);
        const struct vec_rows rows = {x, N, D};
        int8_t *codes = lh_malloc((size_t)N * D), query[D];
        double recall = 0;
        struct vec_sq sq;
        assert_int_equal(vec_sq_train(&rows, (enum vec_metric)metric, &sq, &err), LH_OK);
        for (size_t i = 0; i < N; i++)
            vec_sq_encode(&sq, vec_row(&rows, i), codes + i * D);
        for (size_t q = 0; q < QUERIES; q++) {
            struct vec_hit truth[K], hits[K];
            size_t n = 0;
            const float *row = x + (N + q) * D;
            assert_int_equal(vec_exact_search(&rows, (enum vec_metric)metric, row, K, NULL, truth, &n, &err), LH_OK);
            vec_sq_encode(&sq, row, query);
            size_t found = vec_sq_search(&sq, codes, N, query, K, hits);
            assert_int_equal(found, K);
            recall += vec_recall(truth, n, hits, found);
        }
        assert_true(recall / QUERIES > 0.93);
        lh_free(x);
        lh_free(codes);
    }
}

static void what_is_beyond_the_reach_is_cut(void **state) {
    (void)state;
    const float near[2] = {1, -1}, far[2] = {300, -300}, nothing[2] = {0, 0};
    const struct vec_rows rows = {near, 1, 2}, zero = {nothing, 1, 2}, none = {near, 1, 0};
    struct vec_sq sq;
    int8_t code[2];
    assert_int_equal(vec_sq_train(&rows, VEC_L2, &sq, &err), LH_OK);
    vec_sq_encode(&sq, far, code);
    assert_int_equal(code[0], 127);
    assert_int_equal(code[1], -128);
    assert_int_equal(vec_sq_train(&zero, VEC_COSINE, &sq, &err), LH_OK);
    vec_sq_encode(&sq, far, code);
    assert_true(vec_sq_distance(&sq, code, code) == 1);
    assert_int_equal(vec_sq_train(&none, VEC_L2, &sq, &err), LH_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_are_off_by_half_a_step),
        cmocka_unit_test(neighbours_are_found_by_codes_alone),
        cmocka_unit_test(what_is_beyond_the_reach_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
