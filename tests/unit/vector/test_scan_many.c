/* Ranges against the exact distances, batches against single searches. */
#include "base/alloc.h"
#include "unit/vector/data.h"
#include "vector/ivf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { N = 500, Q = 40, D = 70, K = 5 };

static struct lh_err err;

static void a_range_holds_all_within(void **state) {
    (void)state;
    float *x = make_rows(N + 1, D, GAUSSIAN, 4);
    const float *query = x + (size_t)N * D;
    const struct vec_rows rows = {x, N, D};
    for (int metric = VEC_L2; metric <= VEC_COSINE; metric++) {
        const struct vec_flat_config how = {.metric = (enum vec_metric)metric, .seed = 2, .threads = 1};
        struct vec_flat *flat = NULL;
        assert_int_equal(vec_flat_new(&rows, &how, &flat, &err), LH_OK);
        assert_true(vec_flat_delete(flat, 2));
        struct vec_searcher *searcher = vec_flat_searcher_new(flat);
        struct vec_hit near[60], hits[N];
        const struct vec_search wide = {.k = 60, .epsilon = 8};
        assert_int_equal(vec_flat_search(flat, searcher, query, &wide, near, NULL), 60);
        float radius = (near[39].dist + near[40].dist) / 2;
        assert_int_equal(vec_flat_search_range(flat, searcher, query, radius, &wide, hits, N), 40);
        for (size_t i = 0; i < 40; i++)
            assert_int_equal(hits[i].id, near[i].id);
        assert_int_equal(vec_flat_search_range(flat, searcher, query, radius, &wide, hits, 7), 7);
        assert_int_equal(hits[6].id, near[6].id);
        assert_int_equal(vec_flat_search_range(flat, searcher, query, near[0].dist - 1, &wide, hits, N), 0);
        assert_int_equal(vec_flat_search_range(flat, searcher, query, INFINITY, &wide, hits, N), N - 1);
        vec_searcher_free(searcher);
        vec_flat_free(flat);
    }
    lh_free(x);
}

static void a_batch_is_its_single_searches(void **state) {
    (void)state;
    float *x = make_rows(N + Q, D, CLUSTERED, 4);
    const struct vec_rows rows = {x, N, D}, queries = {x + (size_t)N * D, Q, D}, others = {x, Q, D - 1};
    const struct vec_search search = {.k = K, .nprobe = 4};
    const struct vec_flat_config how = {.metric = VEC_L2, .seed = 2, .threads = 1};
    const struct vec_ivf_config lists = {.metric = VEC_L2, .seed = 2, .threads = 1};
    struct vec_flat *flat = NULL;
    struct vec_ivf *ivf = NULL;
    static struct vec_hit hits[2][Q * K];
    size_t found[2][Q];
    assert_int_equal(vec_flat_new(&rows, &how, &flat, &err), LH_OK);
    assert_int_equal(vec_ivf_new(&rows, &lists, &ivf, &err), LH_OK);
    assert_int_equal(vec_flat_search_batch(flat, &queries, 3, &search, hits[0], found[0], &err), LH_OK);
    assert_int_equal(vec_ivf_search_batch(ivf, &queries, 3, &search, hits[1], found[1], &err), LH_OK);
    assert_int_equal(vec_flat_search_batch(flat, &others, 1, &search, hits[0], found[0], &err), LH_INVALID);
    assert_int_equal(vec_ivf_search_batch(ivf, &others, 1, &search, hits[1], found[1], &err), LH_INVALID);
    struct vec_searcher *searchers[2] = {vec_flat_searcher_new(flat), vec_ivf_searcher_new(ivf)};
    for (size_t q = 0; q < Q; q++) {
        struct vec_hit one[K];
        const float *query = vec_row(&queries, q);
        assert_int_equal(vec_flat_search(flat, searchers[0], query, &search, one, NULL), found[0][q]);
        assert_memory_equal(one, hits[0] + q * K, found[0][q] * sizeof *one);
        assert_int_equal(vec_ivf_search(ivf, searchers[1], query, &search, one, NULL), found[1][q]);
        assert_memory_equal(one, hits[1] + q * K, found[1][q] * sizeof *one);
    }
    vec_searcher_free(searchers[0]);
    vec_searcher_free(searchers[1]);
    vec_flat_free(flat);
    vec_ivf_free(ivf);
    lh_free(x);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_range_holds_all_within),
        cmocka_unit_test(a_batch_is_its_single_searches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
