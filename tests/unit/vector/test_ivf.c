/* Inverted lists against the exact scan: reading every list with a wide bound must find what it finds. */
#include "base/alloc.h"
#include "base/attr.h"
#include "unit/vector/data.h"
#include "vector/ivf.h"
#include "vector/recall.h"

#include <stdbool.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const enum vec_metric metrics[] = {VEC_L2, VEC_DOT, VEC_COSINE};

static struct lh_err err;

/* Every list is read, and every row that could matter is scored. */
static const struct vec_search thorough = {.k = 10, .epsilon = 8, .nprobe = 1u << 20, .refine = 100};

static void check_against_exact(const struct vec_rows *rows, const struct vec_ivf *ivf, enum vec_metric metric,
                                const float *query, const uint64_t *allowed, const uint64_t *searched,
                                const char *what) {
    struct vec_hit want[10], got[10];
    struct vec_searcher *searcher = vec_ivf_searcher_new(ivf);
    struct vec_search search = thorough;
    search.allowed = searched;
    size_t n_want = 0;
    assert_int_equal(vec_exact_search(rows, metric, query, 10, allowed, want, &n_want, &err), LH_OK);
    size_t n_got = vec_ivf_search(ivf, searcher, query, &search, got, NULL);
    if (n_got != n_want)
        fail_msg("%s, %s, d %u, n %zu: %zu found, not %zu", what, vec_metric_name(metric), rows->d, rows->n, n_got,
                 n_want);
    float rounding = -2e-7f * vec_distance(VEC_DOT, query, query, rows->d);
    for (size_t i = 0; i < n_got; i++)
        if (fabsf(want[i].dist - got[i].dist) > 1e-5f * (1 + fabsf(want[i].dist)) + rounding)
            fail_msg("%s, %s, d %u, n %zu: hit %zu at %g, not %g", what, vec_metric_name(metric), rows->d, rows->n, i,
                     (double)got[i].dist, (double)want[i].dist);
    vec_searcher_free(searcher);
}

static void reading_every_list_finds_what_exact_search_finds(void **state) {
    (void)state;
    static const uint32_t dims[] = {1, 3, 64, 100, 768};
    static const size_t counts[] = {0, 1, 5, 40, 700};
    for (int codes = VEC_IVF_RABITQ; codes <= VEC_IVF_PQ; codes++)
        for (int shape = 0; shape < SHAPES; shape++)
            for (size_t i = 0; i < LH_ARRAY_LEN(dims); i++)
                for (size_t c = 0; c < LH_ARRAY_LEN(counts); c++) {
                    if (codes == VEC_IVF_PQ && (dims[i] > 100 || shape > DUPLICATES))
                        continue;
                    float *x = make_rows(counts[c] + 1, dims[i], (enum shape)shape, 3);
                    struct vec_rows rows = {x, counts[c], dims[i]};
                    struct vec_ivf_config config = {
                        .metric = metrics[(i + c) % 3], .codes = (enum vec_ivf_codes)codes, .seed = 5, .threads = 1};
                    struct vec_ivf *ivf = NULL;
                    assert_int_equal(vec_ivf_new(&rows, &config, &ivf, &err), LH_OK);
                    assert_int_equal(vec_ivf_count(ivf), counts[c]);
                    size_t in_lists = 0;
                    for (uint32_t l = 0; l < vec_ivf_lists(ivf); l++)
                        in_lists += vec_ivf_list_size(ivf, l);
                    assert_int_equal(in_lists, counts[c]);
                    check_against_exact(&rows, ivf, config.metric, x + counts[c] * dims[i], NULL, NULL,
                                        shape_names[shape]);
                    vec_ivf_free(ivf);
                    lh_free(x);
                }
}

static void extending_deleting_and_filtering(void **state) {
    (void)state;
    enum { N = 1500, D = 96 };
    for (int codes = VEC_IVF_RABITQ; codes <= VEC_IVF_PQ; codes++) {
        float *x = make_rows(N + 1, D, CLUSTERED, 11);
        const float *query = x + (size_t)N * D;
        struct vec_rows rows = {x, 400, D};
        struct vec_ivf_config config = {
            .metric = VEC_COSINE, .codes = (enum vec_ivf_codes)codes, .lists = 20, .seed = 5, .threads = 2};
        struct vec_ivf *ivf = NULL;
        assert_int_equal(vec_ivf_new(&rows, &config, &ivf, &err), LH_OK);
        for (rows.n = 401; rows.n < N; rows.n += rows.n < 440 ? 1 : 90)
            assert_int_equal(vec_ivf_extend(ivf, &rows, &err), LH_OK);
        rows.n = N;
        assert_int_equal(vec_ivf_extend(ivf, &rows, &err), LH_OK);
        check_against_exact(&rows, ivf, VEC_COSINE, query, NULL, NULL, "extended");

        uint64_t left[N / 64 + 1];
        memset(left, 0xFF, sizeof left);
        for (uint32_t id = 0; id < N; id += 3) {
            assert_true(vec_ivf_delete(ivf, id));
            left[id / 64] &= ~((uint64_t)1 << (id % 64));
        }
        assert_false(vec_ivf_delete(ivf, 3));
        assert_false(vec_ivf_delete(ivf, N));
        check_against_exact(&rows, ivf, VEC_COSINE, query, left, NULL, "deleted");

        uint64_t allowed[N / 64 + 1] = {0};
        for (uint32_t id = 0; id < N; id += 7)
            allowed[id / 64] |= (uint64_t)1 << (id % 64);
        for (size_t w = 0; w < LH_ARRAY_LEN(left); w++)
            left[w] &= allowed[w];
        check_against_exact(&rows, ivf, VEC_COSINE, query, left, allowed, "filtered");
        vec_ivf_free(ivf);
        lh_free(x);
    }
}

/* A tenth of the lists holds nearly all that is near, and threads change nothing. */
static void few_lists_keep_recall(void **state) {
    (void)state;
    enum { N = 6000, Q = 60, D = 128, K = 10 };
    float *x = make_rows(N + Q, D, CLUSTERED, 31);
    struct vec_rows rows = {x, N, D}, queries = {x + (size_t)N * D, Q, D};
    static struct vec_hit truth[Q * K];
    assert_int_equal(vec_ground_truth(&rows, &queries, VEC_L2, K, 2, truth, &err), LH_OK);
    struct vec_ivf *ivf[2] = {NULL, NULL};
    for (unsigned t = 0; t < 2; t++) {
        struct vec_ivf_config config = {.metric = VEC_L2, .lists = 40, .seed = 9, .threads = 1 + t};
        assert_int_equal(vec_ivf_new(&rows, &config, &ivf[t], &err), LH_OK);
    }
    for (uint32_t l = 0; l < 40; l++)
        assert_int_equal(vec_ivf_list_size(ivf[0], l), vec_ivf_list_size(ivf[1], l));
    struct vec_searcher *searcher = vec_ivf_searcher_new(ivf[0]);
    double recall = 0;
    size_t scanned = 0;
    for (size_t q = 0; q < Q; q++) {
        struct vec_hit hits[K];
        struct vec_search search = {.k = K, .nprobe = 16};
        struct vec_search_stats stats;
        size_t found = vec_ivf_search(ivf[0], searcher, vec_row(&queries, q), &search, hits, &stats);
        recall += vec_recall(truth + q * K, K, hits, found) / Q;
        scanned += stats.scanned;
    }
    assert_true(recall > 0.9);
    assert_true(scanned < (size_t)Q * N * 2 / 3);
    vec_searcher_free(searcher);
    vec_ivf_free(ivf[0]);
    vec_ivf_free(ivf[1]);
    lh_free(x);
}

/* However few rows a filter lets through, and wherever they lie, the nearest of them are found. */
static void filters_keep_recall(void **state) {
    (void)state;
    enum { N = 10000, D = 32, QUERIES = 20 };
    static const size_t one_of[] = {1000, 100, 10, 2, 0 /* the last 500 rows, which are of one kind */};
    for (int codes = VEC_IVF_RABITQ; codes <= VEC_IVF_PQ; codes++) {
        float *x = make_rows(N + QUERIES, D, CLUSTERED, 23);
        for (size_t i = (size_t)(N - 500) * D; i < (size_t)N * D; i++)
            x[i] = 3 + 0.1f * x[i];
        const struct vec_rows rows = {x, N, D};
        const struct vec_ivf_config config = {
            .codes = (enum vec_ivf_codes)codes, .pq_bytes = 16, .seed = 5, .threads = 1};
        struct vec_ivf *ivf = NULL;
        assert_int_equal(vec_ivf_new(&rows, &config, &ivf, &err), LH_OK);
        struct vec_searcher *searcher = vec_ivf_searcher_new(ivf);
        for (size_t f = 0; f < LH_ARRAY_LEN(one_of); f++) {
            uint64_t allowed[N / 64 + 1] = {0};
            const struct vec_search search = {.k = 10, .allowed = allowed};
            size_t right = 0, wanted = 0;
            for (size_t id = 0; id < N; id++)
                if (one_of[f] ? id * 7919 % one_of[f] == 0 : id >= N - 500)
                    allowed[id / 64] |= (uint64_t)1 << (id % 64);
            for (size_t q = 0; q < QUERIES; q++) {
                struct vec_hit truth[10], hits[10];
                const float *query = x + (N + q) * D;
                size_t n = 0;
                assert_int_equal(vec_exact_search(&rows, VEC_L2, query, 10, allowed, truth, &n, &err), LH_OK);
                size_t found = vec_ivf_search(ivf, searcher, query, &search, hits, NULL);
                right += vec_recalled(VEC_L2, truth, n, hits, found);
                wanted += n;
            }
            if ((double)right < 0.95 * (double)wanted)
                fail_msg("codes %d, one of %zu: %zu of %zu found", codes, one_of[f], right, wanted);
        }
        vec_searcher_free(searcher);
        vec_ivf_free(ivf);
        lh_free(x);
    }
}

static void bad_settings_are_refused(void **state) {
    (void)state;
    float *x = make_rows(10, 8, GAUSSIAN, 1);
    struct vec_rows rows = {x, 10, 8};
    struct vec_ivf *ivf = NULL;
    struct vec_ivf_config many = {.lists = UINT32_MAX};
    assert_int_equal(vec_ivf_new(&rows, &many, &ivf, &err), LH_INVALID);
    struct vec_ivf_config uneven = {.codes = VEC_IVF_PQ, .pq_bytes = 7};
    assert_int_equal(vec_ivf_new(&rows, &uneven, &ivf, &err), LH_INVALID);
    struct vec_ivf_config none = {.metric = (enum vec_metric)7};
    assert_int_equal(vec_ivf_new(&rows, &none, &ivf, &err), LH_INVALID);
    assert_null(ivf);
    lh_free(x);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reading_every_list_finds_what_exact_search_finds),
        cmocka_unit_test(extending_deleting_and_filtering),
        cmocka_unit_test(few_lists_keep_recall),
        cmocka_unit_test(filters_keep_recall),
        cmocka_unit_test(bad_settings_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
