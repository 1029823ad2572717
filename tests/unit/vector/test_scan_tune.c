/* Target recall: what it finds holds on queries that it never saw, and is no wider than it need be. */
#include "base/alloc.h"
#include "base/attr.h"
#include "unit/vector/data.h"
#include "vector/recall.h"
#include "vector/scan_tune.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { N = 4000, Q = 100, D = 96, K = 10 };

static struct lh_err err;

static double recall_of(const struct vec_flat *flat, const struct vec_ivf *ivf, const struct vec_rows *queries,
                        const struct vec_hit *truth, const struct vec_search *search) {
    struct vec_searcher *searcher = flat ? vec_flat_searcher_new(flat) : vec_ivf_searcher_new(ivf);
    double recall = 0;
    for (size_t q = 0; q < queries->n; q++) {
        struct vec_hit hits[K];
        const float *query = vec_row(queries, q);
        size_t n = flat ? vec_flat_search(flat, searcher, query, search, hits, NULL)
                        : vec_ivf_search(ivf, searcher, query, search, hits, NULL);
        recall += vec_recall(truth + q * K, K, hits, n) / (double)queries->n;
    }
    vec_searcher_free(searcher);
    return recall;
}

static void the_target_holds_on_other_queries(void **state) {
    (void)state;
    float *x = make_rows(N + Q, D, GAUSSIAN, 17);
    const struct vec_rows rows = {x, N, D}, queries = {x + (size_t)N * D, Q, D};
    static struct vec_hit truth[Q * K];
    assert_int_equal(vec_ground_truth(&rows, &queries, VEC_L2, K, 2, truth, &err), LH_OK);
    struct vec_flat *flat = NULL;
    struct vec_ivf *ivf[2] = {NULL, NULL};
    const struct vec_flat_config how = {.metric = VEC_L2, .seed = 1, .threads = 1};
    assert_int_equal(vec_flat_new(&rows, &how, &flat, &err), LH_OK);
    for (int c = VEC_IVF_RABITQ; c <= VEC_IVF_PQ; c++) {
        const struct vec_ivf_config config = {
            .metric = VEC_L2, .codes = (enum vec_ivf_codes)c, .lists = 20, .seed = 1, .threads = 2};
        assert_int_equal(vec_ivf_new(&rows, &config, &ivf[c], &err), LH_OK);
    }
    static const double targets[] = {0.8, 0.99};
    for (int i = 0; i < 3; i++) {
        double bytes = 0;
        for (size_t t = 0; t < LH_ARRAY_LEN(targets); t++) {
            struct vec_scan_tuning tuning;
            if (i == 0)
                assert_int_equal(vec_flat_tune(flat, NULL, K, targets[t], 2, &tuning, &err), LH_OK);
            else
                assert_int_equal(vec_ivf_tune(ivf[i - 1], t ? &queries : NULL, K, targets[t], 2, &tuning, &err), LH_OK);
            double recall = recall_of(i ? NULL : flat, i ? ivf[i - 1] : NULL, &queries, truth, &tuning.search);
            if (!tuning.reached || tuning.recall < targets[t] || recall < targets[t] - 0.04)
                fail_msg("index %d: target %g, %g measured, %g on others", i, targets[t], tuning.recall, recall);
            assert_true(tuning.queries >= 100 && tuning.bytes > bytes);
            bytes = tuning.bytes;
        }
        assert_true(bytes < (double)N * D * sizeof(float));
    }
    vec_flat_free(flat);
    vec_ivf_free(ivf[0]);
    vec_ivf_free(ivf[1]);
    lh_free(x);
}

static void odd_questions_have_answers(void **state) {
    (void)state;
    static const size_t counts[] = {0, 1, 5};
    float *x = make_rows(5, 8, GAUSSIAN, 17);
    for (size_t i = 0; i < LH_ARRAY_LEN(counts); i++) {
        const struct vec_rows rows = {x, counts[i], 8}, others = {x, 1, 4};
        const struct vec_flat_config how = {.metric = VEC_COSINE, .seed = 1, .threads = 1};
        struct vec_flat *flat = NULL;
        struct vec_scan_tuning tuning;
        assert_int_equal(vec_flat_new(&rows, &how, &flat, &err), LH_OK);
        assert_int_equal(vec_flat_tune(flat, NULL, 10, 1.0, 1, &tuning, &err), LH_OK);
        assert_true(tuning.reached && tuning.recall == 1.0 && tuning.queries == counts[i]);
        assert_int_equal(vec_flat_tune(flat, NULL, 0, 0.9, 1, &tuning, &err), LH_INVALID);
        assert_int_equal(vec_flat_tune(flat, NULL, 1, 0, 1, &tuning, &err), LH_INVALID);
        assert_int_equal(vec_flat_tune(flat, NULL, 1, 1.1, 1, &tuning, &err), LH_INVALID);
        assert_int_equal(vec_flat_tune(flat, &others, 1, 0.9, 1, &tuning, &err), LH_INVALID);
        vec_flat_free(flat);
    }
    lh_free(x);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_target_holds_on_other_queries),
        cmocka_unit_test(odd_questions_have_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
