/* The quantised scan against the exact one, on many shapes; appending, deleting and filters. */
#include "base/alloc.h"
#include "base/attr.h"
#include "unit/vector/data.h"
#include "vector/flat.h"
#include "vector/recall.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const enum vec_metric metrics[] = {VEC_L2, VEC_DOT, VEC_COSINE};

static struct lh_err err;

/* A bound so wide that the answer must be the exact one, up to ties. */
static void check_against_exact(const struct vec_rows *rows, const struct vec_flat *flat, enum vec_metric metric,
                                const float *query, size_t k, const uint64_t *allowed, const char *what) {
    struct vec_hit *want = lh_malloc((k + 1) * sizeof *want), *got = lh_malloc((k + 1) * sizeof *got);
    struct vec_searcher *searcher = vec_flat_searcher_new(flat);
    struct vec_search search = {.k = k, .epsilon = 8, .allowed = allowed};
    struct vec_search_stats stats;
    size_t n_want = 0;
    assert_int_equal(vec_exact_search(rows, metric, query, k, allowed, want, &n_want, &err), LH_OK);
    size_t n_got = vec_flat_search(flat, searcher, query, &search, got, &stats);
    if (n_got != n_want)
        fail_msg("%s, %s, d %u, n %zu: %zu found, not %zu", what, vec_metric_name(metric), rows->d, rows->n, n_got,
                 n_want);
    float rounding = -2e-7f * vec_distance(VEC_DOT, query, query, rows->d);
    for (size_t i = 0; i < n_got; i++) {
        float allowance = 1e-5f * (1 + fabsf(want[i].dist)) + rounding;
        if (fabsf(want[i].dist - got[i].dist) > allowance)
            fail_msg("%s, %s, d %u, n %zu: hit %zu at %g, not %g", what, vec_metric_name(metric), rows->d, rows->n, i,
                     (double)got[i].dist, (double)want[i].dist);
        if (i > 0)
            assert_true(got[i].dist >= got[i - 1].dist && got[i].id != got[i - 1].id);
    }
    vec_searcher_free(searcher);
    lh_free(want);
    lh_free(got);
}

static void scan_and_rescore_finds_what_exact_search_finds(void **state) {
    (void)state;
    static const uint32_t dims[] = {1, 2, 3, 17, 64, 65, 100, 128, 257, 768, 1536, 4096};
    static const size_t counts[] = {0, 1, 9, 31, 32, 33, 500};
    for (int shape = 0; shape < SHAPES; shape++)
        for (size_t i = 0; i < LH_ARRAY_LEN(dims); i++)
            for (size_t c = 0; c < LH_ARRAY_LEN(counts); c++) {
                if (dims[i] > 1000 && counts[c] > 100 && shape > CLUSTERED)
                    continue;
                float *x = make_rows(counts[c] + 1, dims[i], (enum shape)shape, 3);
                struct vec_rows rows = {x, counts[c], dims[i]};
                const float *query = x + counts[c] * dims[i];
                for (size_t m = 0; m < LH_ARRAY_LEN(metrics); m++) {
                    struct vec_flat_config config = {.metric = metrics[m], .seed = 5, .threads = 1};
                    struct vec_flat *flat = NULL;
                    assert_int_equal(vec_flat_new(&rows, &config, &flat, &err), LH_OK);
                    assert_int_equal(vec_flat_count(flat), counts[c]);
                    check_against_exact(&rows, flat, metrics[m], query, 10, NULL, shape_names[shape]);
                    check_against_exact(&rows, flat, metrics[m], query, 0, NULL, shape_names[shape]);
                    if (counts[c])
                        check_against_exact(&rows, flat, metrics[m], x, 3, NULL, shape_names[shape]);
                    vec_flat_free(flat);
                }
                lh_free(x);
            }
}

static void extending_deleting_and_filtering(void **state) {
    (void)state;
    enum { N = 1000, D = 96 };
    float *x = make_rows(N + 1, D, CLUSTERED, 11);
    struct vec_rows rows = {x, 100, D};
    struct vec_flat_config config = {.metric = VEC_COSINE, .seed = 5, .threads = 2};
    struct vec_flat *flat = NULL;
    assert_int_equal(vec_flat_new(&rows, &config, &flat, &err), LH_OK);
    for (size_t n = 101; n <= N; n += n < 140 ? 1 : 60) {
        rows.n = n;
        assert_int_equal(vec_flat_extend(flat, &rows, &err), LH_OK);
    }
    rows.n = N;
    assert_int_equal(vec_flat_extend(flat, &rows, &err), LH_OK);
    assert_int_equal(vec_flat_count(flat), N);
    check_against_exact(&rows, flat, VEC_COSINE, x + (size_t)N * D, 20, NULL, "extended");

    uint64_t allowed[N / 64 + 1];
    memset(allowed, 0xFF, sizeof allowed);
    for (uint32_t id = 0; id < N; id += 3) {
        assert_true(vec_flat_delete(flat, id));
        allowed[id / 64] &= ~((uint64_t)1 << (id % 64));
    }
    assert_false(vec_flat_delete(flat, 0));
    assert_false(vec_flat_delete(flat, N));
    struct vec_hit hits[50], want[50];
    struct vec_searcher *searcher = vec_flat_searcher_new(flat);
    struct vec_search search = {.k = 50, .epsilon = 8};
    size_t n_want = 0;
    assert_int_equal(vec_exact_search(&rows, VEC_COSINE, x, 50, allowed, want, &n_want, &err), LH_OK);
    assert_int_equal(vec_flat_search(flat, searcher, x, &search, hits, NULL), n_want);
    for (size_t i = 0; i < n_want; i++)
        assert_int_equal(hits[i].id, want[i].id);
    vec_searcher_free(searcher);

    memset(allowed, 0, sizeof allowed);
    allowed[N / 64] = (uint64_t)1 << (N % 64 - 1);
    allowed[3] = 0x8001;
    for (uint32_t id = 0; id < N; id += 3)
        allowed[id / 64] &= ~((uint64_t)1 << (id % 64));
    check_against_exact(&rows, flat, VEC_COSINE, x, 10, allowed, "filtered");

    rows.n = 10;
    assert_int_equal(vec_flat_extend(flat, &rows, &err), LH_INVALID);
    rows = (struct vec_rows){x, N, D / 2};
    assert_int_equal(vec_flat_extend(flat, &rows, &err), LH_INVALID);
    vec_flat_free(flat);
    lh_free(x);
}

/* The default bound keeps recall high on data without structure, its hardest case. */
static void default_epsilon_keeps_recall(void **state) {
    (void)state;
    enum { N = 4000, Q = 50, D = 256, K = 10 };
    float *x = make_rows(N + Q, D, GAUSSIAN, 21);
    struct vec_rows rows = {x, N, D}, queries = {x + (size_t)N * D, Q, D};
    static struct vec_hit truth[Q * K];
    assert_int_equal(vec_ground_truth(&rows, &queries, VEC_L2, K, 2, truth, &err), LH_OK);
    struct vec_flat_config config = {.metric = VEC_L2, .seed = 1};
    struct vec_flat *flat = NULL;
    assert_int_equal(vec_flat_new(&rows, &config, &flat, &err), LH_OK);
    struct vec_searcher *searcher = vec_flat_searcher_new(flat);
    double recall = 0;
    size_t scored = 0;
    for (size_t q = 0; q < Q; q++) {
        struct vec_hit hits[K];
        struct vec_search search = {.k = K};
        struct vec_search_stats stats;
        size_t found = vec_flat_search(flat, searcher, vec_row(&queries, q), &search, hits, &stats);
        recall += vec_recall(truth + q * K, K, hits, found);
        scored += stats.scored;
    }
    assert_true(recall / Q >= 0.97);
    assert_true(scored < (size_t)Q * N / 4);
    vec_searcher_free(searcher);
    vec_flat_free(flat);
    lh_free(x);
}

static void ground_truth_is_what_exact_search_finds(void **state) {
    (void)state;
    for (size_t m = 0; m < LH_ARRAY_LEN(metrics); m++) {
        enum { N = 333, Q = 70, D = 31, K = 12 };
        float *x = make_rows(N + Q, D, CLUSTERED, 8);
        struct vec_rows rows = {x, N, D}, queries = {x + (size_t)N * D, Q, D};
        struct vec_hit truth[Q * K], want[K];
        assert_int_equal(vec_ground_truth(&rows, &queries, metrics[m], K, 2, truth, &err), LH_OK);
        for (size_t q = 0; q < Q; q++) {
            size_t found = 0;
            assert_int_equal(vec_exact_search(&rows, metrics[m], vec_row(&queries, q), K, NULL, want, &found, &err),
                             LH_OK);
            assert_true(vec_recall(truth + q * K, K, want, found) >= 1);
            assert_true(vec_recall(truth + q * K, K, want, found / 2) <= 0.5);
        }
        rows.n = 5;
        assert_int_equal(vec_ground_truth(&rows, &queries, metrics[m], K, 2, truth, &err), LH_OK);
        assert_int_equal(truth[5].id, VEC_NO_ID);
        assert_int_not_equal(truth[4].id, VEC_NO_ID);
        lh_free(x);
    }
    int64_t ns[200];
    for (int i = 0; i < 200; i++)
        ns[i] = 200 - i;
    struct vec_latency latency = vec_latency_of(ns, 200);
    assert_true(latency.p50_ns == 100 && latency.p90_ns == 180 && latency.p99_ns == 198 && latency.max_ns == 200);
    assert_true(latency.mean_ns == 100.5);
    assert_true(vec_latency_of(ns, 0).max_ns == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scan_and_rescore_finds_what_exact_search_finds),
        cmocka_unit_test(extending_deleting_and_filtering),
        cmocka_unit_test(default_epsilon_keeps_recall),
        cmocka_unit_test(ground_truth_is_what_exact_search_finds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
