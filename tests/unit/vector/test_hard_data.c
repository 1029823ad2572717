/* Data that codes find hard: far from the origin, in clusters far apart, of very unequal lengths, with a row far out.  Every
 * kind of index must answer such data as it answers any other. */
#include "base/alloc.h"
#include "base/cleanup.h"
#include "unit/vector/data.h"
#include "vector/flat.h"
#include "vector/hnsw.h"
#include "vector/ivf.h"
#include "vector/recall.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { N = 4000, D = 64, QUERIES = 50, K = 10, CLUSTERS = 20 };

enum hard { PLAIN, OFFSET, SHIFTED, FAR_CLUSTERS, LENGTHS, FAR_OUT };

static void ok(enum lh_code code, const struct lh_err *err) {
    if (code != LH_OK)
        fail_msg("%s: %s", lh_code_name(code), err->message);
}

/* Rows, and queries of the same kind behind them. */
static float *make_hard(enum hard hard) {
    float *x = make_rows(N + QUERIES, D, GAUSSIAN, 31);
    float *centres = make_rows(CLUSTERS, D, GAUSSIAN, 32);
    struct vec_random random;
    vec_random_init(&random, 33);
    for (size_t i = 0; i < N + QUERIES; i++) {
        const float *centre = centres + (size_t)vec_random_below(&random, CLUSTERS) * D;
        float length = expf(1.5f * (float)vec_random_gauss(&random));
        for (uint32_t j = 0; j < D; j++) {
            float *value = &x[i * D + j];
            switch (hard) {
            case PLAIN: break;
            case OFFSET: *value += 1000; break;
            case SHIFTED: *value += 5; break;
            case FAR_CLUSTERS: *value += 100 * centre[j]; break;
            case LENGTHS: *value *= i < N ? length : 1; break;
            case FAR_OUT: *value = i == N / 2 ? 1e9f : *value; break;
            }
        }
    }
    lh_free(centres);
    return x;
}

static size_t ask_graph(const struct vec_rows *rows, const struct vec_rows *queries, enum vec_metric metric,
                        struct vec_hit *hits) {
    const struct vec_hnsw_config config = {.d = D, .metric = metric, .seed = 3};
    const struct vec_hnsw_search search = {.k = K, .ef = 150};
    struct vec_hnsw *graph = NULL;
    struct lh_err err;
    size_t found[QUERIES];
    ok(vec_hnsw_build(&config, rows, 1, &graph, &err), &err);
    ok(vec_hnsw_search_batch(graph, queries, 1, &search, hits, found, &err), &err);
    vec_hnsw_free(graph);
    return found[0];
}

static size_t ask_flat(const struct vec_rows *rows, const struct vec_rows *queries, enum vec_metric metric,
                       struct vec_hit *hits) {
    const struct vec_flat_config config = {.metric = metric, .seed = 3, .threads = 1};
    struct vec_flat *flat = NULL;
    struct lh_err err;
    size_t found[QUERIES];
    ok(vec_flat_new(rows, &config, &flat, &err), &err);
    ok(vec_flat_search_batch(flat, queries, 1, &(struct vec_search){.k = K}, hits, found, &err), &err);
    vec_flat_free(flat);
    return found[0];
}

static size_t ask_ivf(const struct vec_rows *rows, const struct vec_rows *queries, enum vec_metric metric,
                      struct vec_hit *hits, enum vec_ivf_codes codes) {
    const struct vec_ivf_config config = {
        .metric = metric, .codes = codes, .lists = 64, .pq_bytes = 32, .seed = 3, .threads = 1};
    const struct vec_search search = {.k = K, .nprobe = 48, .refine = 30};
    struct vec_ivf *ivf = NULL;
    struct lh_err err;
    size_t found[QUERIES];
    ok(vec_ivf_new(rows, &config, &ivf, &err), &err);
    ok(vec_ivf_search_batch(ivf, queries, 1, &search, hits, found, &err), &err);
    vec_ivf_free(ivf);
    return found[0];
}

static size_t ask_bits(const struct vec_rows *rows, const struct vec_rows *queries, enum vec_metric metric,
                       struct vec_hit *hits) {
    return ask_ivf(rows, queries, metric, hits, VEC_IVF_RABITQ);
}

static size_t ask_pq(const struct vec_rows *rows, const struct vec_rows *queries, enum vec_metric metric,
                     struct vec_hit *hits) {
    return ask_ivf(rows, queries, metric, hits, VEC_IVF_PQ);
}

static const struct {
    const char *name;
    size_t (*ask)(const struct vec_rows *rows, const struct vec_rows *queries, enum vec_metric metric,
                  struct vec_hit *hits);
    double floor;
} kinds[] = {{"graph", ask_graph, 0.95}, {"flat", ask_flat, 0.95}, {"ivf", ask_bits, 0.9}, {"ivf, pq", ask_pq, 0.85}};

static const struct {
    const char *name;
    enum hard hard;
    enum vec_metric metric;
} cases[] = {
    {"plain, l2", PLAIN, VEC_L2},
    {"plain, dot", PLAIN, VEC_DOT},
    {"plain, cosine", PLAIN, VEC_COSINE},
    {"all 1,000 away, l2", OFFSET, VEC_L2},
    {"all 1,000 away, dot", OFFSET, VEC_DOT},
    {"all 5 away, cosine", SHIFTED, VEC_COSINE},
    {"clusters far apart, l2", FAR_CLUSTERS, VEC_L2},
    {"clusters far apart, dot", FAR_CLUSTERS, VEC_DOT},
    {"clusters far apart, cosine", FAR_CLUSTERS, VEC_COSINE},
    {"unequal lengths, dot", LENGTHS, VEC_DOT},
    {"one row far out, l2", FAR_OUT, VEC_L2},
    {"one row far out, dot", FAR_OUT, VEC_DOT},
};

static void hard_data_is_answered(void **state) {
    (void)state;
    size_t bad = 0;
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        LH_AUTO(mem) float *x = make_hard(cases[c].hard);
        LH_AUTO(mem) struct vec_hit *truth = lh_calloc(QUERIES * K, sizeof *truth);
        LH_AUTO(mem) struct vec_hit *hits = lh_calloc(QUERIES * K, sizeof *hits);
        const struct vec_rows rows = {.data = x, .n = N, .d = D};
        const struct vec_rows queries = {.data = x + (size_t)N * D, .n = QUERIES, .d = D};
        struct lh_err err;
        ok(vec_ground_truth(&rows, &queries, cases[c].metric, K, 1, truth, &err), &err);
        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
            double recall = 0;
            assert_int_equal(kinds[i].ask(&rows, &queries, cases[c].metric, hits), K);
            for (size_t q = 0; q < QUERIES; q++)
                recall +=
                    (double)vec_recalled(cases[c].metric, truth + q * K, K, hits + q * K, K) / (double)(K * QUERIES);
            if (recall < kinds[i].floor) {
                print_error("%s, %s: recall %.3f\n", cases[c].name, kinds[i].name, recall);
                bad++;
            }
        }
    }
    assert_int_equal(bad, 0);
}

/* Rows that wander slowly, each a step further along: a graph built in that order links each to the few that came just
 * before, and no way leads back to most of them: 180 of 300 did not find themselves, where of shuffled rows 37 do not. */
static void rows_in_order_are_found(void **state) {
    (void)state;
    enum { ASKED = 300, WIDE = 96 };
    for (int extended = 0; extended < 2; extended++) {
        LH_AUTO(mem) float *x = make_rows(N, WIDE, GAUSSIAN, 41);
        LH_AUTO(mem) float *way = make_rows(1, WIDE, GAUSSIAN, 42);
        const struct vec_hnsw_config config = {.d = WIDE, .metric = VEC_COSINE, .seed = 3};
        const struct vec_hnsw_search search = {.k = 1, .ef = 64};
        struct vec_hnsw *graph = NULL;
        struct lh_err err;
        for (size_t i = 0; i < (size_t)N * WIDE; i++)
            x[i] = 100.0f * (float)(i / WIDE) / N * way[i % WIDE] + x[i];
        const size_t begin = extended ? N / 8 : N;
        const struct vec_rows rows = {.data = x, .n = begin, .d = WIDE};
        const struct vec_rows rest = {.data = x + begin * WIDE, .n = N - begin, .d = WIDE};
        ok(vec_hnsw_build(&config, &rows, 1, &graph, &err), &err);
        if (extended)
            ok(vec_hnsw_extend(graph, &rest, 1, &err), &err);
        struct vec_hnsw_cursor *cursor = vec_hnsw_cursor_new(graph);
        size_t missed = 0;
        for (size_t i = 0; i < ASKED; i++) {
            size_t id = i * N / ASKED;
            struct vec_hit hit = {0};
            missed += vec_hnsw_search(cursor, x + id * WIDE, &search, &hit) != 1 || hit.id != id;
        }
        vec_hnsw_cursor_free(cursor);
        vec_hnsw_free(graph);
        if (missed > ASKED / 3)
            fail_msg("%s: %zu of %d rows do not find themselves", extended ? "extended" : "built", missed, ASKED);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(hard_data_is_answered),
                                       cmocka_unit_test(rows_in_order_are_found)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
