/* Equal rows in a graph: copies must cost no recall, whatever is done to them, and tuning must not be flattered by them. */
#include "base/alloc.h"
#include "base/cleanup.h"
#include "os/os.h"
#include "twin/temp_dir.h"
#include "vector/hnsw.h"
#include "vector/random.h"
#include "vector/recall.h"
#include "vector/topk.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { N = 4000, D = 48, QUERIES = 60, K = 10, ORIGINALS = 5 };

static void ok(enum lh_code code, const struct lh_err *err) {
    if (code != LH_OK)
        fail_msg("%s: %s", lh_code_name(code), err->message);
}

/* Half of the rows are copies of five others; with `scaled` in the same directions only. */
static float *make_rows(size_t n, bool copies, bool scaled, uint64_t seed) {
    struct vec_random random;
    float *data = lh_calloc(n * D + 1, sizeof *data);
    vec_random_init(&random, seed);
    for (size_t i = 0; i < n; i++) {
        float *row = data + i * D;
        uint32_t of = vec_random_below(&random, ORIGINALS);
        bool copy = copies && i >= ORIGINALS && vec_random_below(&random, 2);
        float scale = scaled ? 0.5f + (float)vec_random_unit(&random) : 1.0f;
        for (uint32_t j = 0; j < D; j++) {
            float value = (float)vec_random_gauss(&random);
            row[j] = copy ? data[(size_t)of * D + j] * scale : value;
        }
    }
    return data;
}

static struct vec_hnsw *build(enum vec_metric metric, const float *data, size_t n, unsigned threads) {
    const struct vec_hnsw_config config = {.d = D, .metric = metric, .seed = 7};
    const struct vec_rows rows = {.data = data, .n = n, .d = D};
    struct vec_hnsw *graph = NULL;
    struct lh_err err;
    ok(vec_hnsw_build(&config, &rows, threads, &graph, &err), &err);
    return graph;
}

static void check(const struct vec_hnsw *graph, uint64_t live, uint64_t twins) {
    struct vec_hnsw_report report;
    struct lh_err err;
    ok(vec_hnsw_check(graph, &report, &err), &err);
    assert_int_equal(report.live, live);
    assert_int_equal(report.reachable, live);
    if (twins != UINT64_MAX)
        assert_int_equal(report.twins, twins);
}

static bool allowed(const struct vec_filter *filter, uint32_t id) {
    return !filter || !filter->allow || filter->allow(filter->arg, id);
}

/* Recall by distance of `queries` over the graph's live, allowed rows; every hit must be one, once, at its distance. */
static double recall(struct vec_hnsw *graph, enum vec_metric metric, const float *queries,
                     const struct vec_hnsw_search *search) {
    struct vec_hnsw_cursor *cursor = vec_hnsw_cursor_new(graph);
    size_t right = 0, wanted = 0;
    for (size_t q = 0; q < QUERIES; q++) {
        const float *query = queries + q * D;
        struct vec_hit truth[K], hits[K];
        struct vec_topk top;
        vec_topk_init(&top, truth, K);
        for (uint32_t id = 0; id < vec_hnsw_count(graph); id++)
            if (vec_hnsw_live(graph, id) && allowed(search->filter, id))
                vec_topk_push(&top, vec_distance(metric, query, vec_hnsw_row(graph, id), D), id);
        size_t want = vec_topk_sort(&top);
        size_t found = vec_hnsw_search(cursor, query, search, hits);
        for (size_t i = 0; i < found; i++) {
            assert_true(vec_hnsw_live(graph, hits[i].id) && allowed(search->filter, hits[i].id));
            float dist = vec_distance(metric, query, vec_hnsw_row(graph, hits[i].id), D);
            assert_true(fabsf(dist - hits[i].dist) <= 1e-5f * (1.0f + fabsf(dist)));
            for (size_t j = 0; j < i; j++)
                assert_int_not_equal(hits[j].id, hits[i].id);
            right += dist <= truth[want - 1].dist + 1e-5f * (1.0f + fabsf(dist));
        }
        wanted += want;
    }
    vec_hnsw_cursor_free(cursor);
    return (double)right / (double)wanted;
}

static const struct {
    const char *name;
    enum vec_metric metric;
    bool scaled;
    unsigned threads;
} kinds[] = {
    {"l2", VEC_L2, false, 1},
    {"l2, two threads", VEC_L2, false, 2},
    {"dot", VEC_DOT, false, 1},
    {"cosine", VEC_COSINE, false, 1},
    {"cosine, copies of other lengths", VEC_COSINE, true, 1},
};

/* Queries beside the copies, which fill every narrow window where each is a node, and anywhere. */
static void copies_cost_no_recall(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        LH_AUTO(mem) float *data = make_rows(N, true, kinds[i].scaled, 3);
        LH_AUTO(mem) float *queries = make_rows(QUERIES, false, false, 4);
        struct vec_hnsw *graph = build(kinds[i].metric, data, N, kinds[i].threads);
        struct vec_hnsw_stats stats;
        vec_hnsw_stats(graph, &stats);
        check(graph, N, UINT64_MAX);
        if (stats.twins < N / 2 - N / 20)
            fail_msg("%s: %u rows share a node", kinds[i].name, stats.twins);
        double got = recall(graph, kinds[i].metric, queries, &(struct vec_hnsw_search){.k = K, .ef = 80});
        if (got < 0.9)
            fail_msg("%s: recall %.3f", kinds[i].name, got);
        /* at a copied row all ten are copies of it */
        got = recall(graph, kinds[i].metric, data, &(struct vec_hnsw_search){.k = K, .ef = 80});
        if (got < 0.9)
            fail_msg("%s: recall at the rows %.3f", kinds[i].name, got);
        vec_hnsw_free(graph);
    }
}

static bool every_third(void *arg, uint32_t id) {
    (void)arg;
    return id % 3 == 0;
}

static bool only_copies(void *arg, uint32_t id) {
    const float *data = arg;
    return id >= ORIGINALS && memcmp(data, data + (size_t)id * D, D * sizeof *data) == 0;
}

static void filters_ask_every_copy(void **state) {
    (void)state;
    LH_AUTO(mem) float *data = make_rows(N, true, false, 3);
    struct vec_hnsw *graph = build(VEC_L2, data, N, 1);
    const struct vec_filter thirds = {.allow = every_third};
    const struct vec_filter copies = {.allow = only_copies, .arg = data};
    assert_true(recall(graph, VEC_L2, data, &(struct vec_hnsw_search){.k = K, .ef = 100, .filter = &thirds}) >= 0.95);
    assert_true(recall(graph, VEC_L2, data, &(struct vec_hnsw_search){.k = K, .ef = 100, .filter = &copies}) >= 0.99);

    struct vec_hnsw_cursor *cursor = vec_hnsw_cursor_new(graph);
    LH_AUTO(mem) struct vec_hit *hits = lh_calloc(N, sizeof *hits);
    size_t equal = 1;
    for (uint32_t id = ORIGINALS; id < N; id++)
        equal += only_copies(data, id);
    assert_true(equal > 300);
    assert_int_equal(vec_hnsw_search_range(cursor, data, 0.001f, &(struct vec_hnsw_search){.ef = 20}, hits, N), equal);
    assert_int_equal(vec_hnsw_search(cursor, data, &(struct vec_hnsw_search){.k = 1000, .ef = 20}, hits), 1000);
    for (size_t i = 0; i < equal; i++)
        assert_true(hits[i].dist <= 0.0f && (i == 0 || hits[i - 1].id < hits[i].id));
    vec_hnsw_cursor_free(cursor);
    vec_hnsw_free(graph);
}

/* The node goes, its twins stay; then they go too, and come back. */
static void copies_are_deleted_one_by_one(void **state) {
    (void)state;
    LH_AUTO(mem) float *data = make_rows(N, true, false, 3);
    struct vec_hnsw *graph = build(VEC_L2, data, N, 1);
    struct vec_hnsw_cursor *cursor = vec_hnsw_cursor_new(graph);
    const struct vec_hnsw_search search = {.k = K, .ef = 80};
    struct vec_hit hits[K];
    struct lh_err err;
    uint32_t live = N;
    for (uint32_t id = 0; id < ORIGINALS; id++, live--)
        ok(vec_hnsw_delete(graph, id, &err), &err);
    assert_true(recall(graph, VEC_L2, data, &search) >= 0.9);
    vec_hnsw_repair(graph, 1);
    check(graph, live, UINT64_MAX);
    assert_true(recall(graph, VEC_L2, data, &search) >= 0.9);
    for (uint32_t id = ORIGINALS; id < N; id++)
        if (only_copies(data, id)) {
            ok(vec_hnsw_delete(graph, id, &err), &err);
            live--;
        }
    vec_hnsw_repair(graph, 1);
    check(graph, live, UINT64_MAX);
    assert_true(recall(graph, VEC_L2, data, &search) >= 0.9);
    uint32_t back[3];
    for (size_t i = 0; i < 3; i++)
        ok(vec_hnsw_insert(cursor, data, &back[i], &err), &err);
    check(graph, live + 3, UINT64_MAX);
    assert_int_equal(vec_hnsw_search(cursor, data, &search, hits), K);
    for (size_t i = 0; i < 3; i++)
        assert_true(hits[i].id == back[i] && hits[i].dist <= 0.0f);
    uint32_t moved = 0;
    ok(vec_hnsw_update(cursor, back[0], data + D, &moved, &err), &err);
    check(graph, live + 3, UINT64_MAX);
    assert_int_equal(vec_hnsw_search(cursor, data, &search, hits), K);
    assert_true(hits[0].id == back[1] && hits[1].id == back[2] && hits[2].dist > 0.0f);
    vec_hnsw_cursor_free(cursor);
    vec_hnsw_free(graph);
}

static void copies_come_back_from_a_file(void **state) {
    (void)state;
    char *folder = temp_dir_new();
    LH_AUTO(mem) char *path = lh_asprintf("%s/graph.vec", folder);
    LH_AUTO(mem) float *data = make_rows(N, true, false, 3);
    struct vec_hnsw *graph = build(VEC_L2, data, N, 1);
    struct vec_hnsw_stats stats;
    struct lh_err err;
    ok(vec_hnsw_delete(graph, 0, &err), &err);
    vec_hnsw_stats(graph, &stats);
    ok(vec_hnsw_save(graph, os_real(), path, true, &err), &err);
    vec_hnsw_free(graph);
    for (int writable = 0; writable <= 1; writable++) {
        ok(vec_hnsw_open(os_real(), path, &(struct vec_hnsw_open){.writable = writable}, &graph, &err), &err);
        check(graph, N - 1, stats.twins);
        assert_true(recall(graph, VEC_L2, data, &(struct vec_hnsw_search){.k = K, .ef = 80}) >= 0.9);
        if (writable) {
            const struct vec_rows more = {.data = data, .n = 2 * ORIGINALS, .d = D};
            ok(vec_hnsw_extend(graph, &more, 1, &err), &err);
            check(graph, N - 1 + 2 * ORIGINALS, stats.twins + 2 * ORIGINALS);
        }
        vec_hnsw_free(graph);
    }
    temp_dir_free(folder);
}

/* What the tuner says of its own rows must hold for queries from outside, which no row equals. */
static void tuning_is_not_flattered(void **state) {
    (void)state;
    LH_AUTO(mem) float *data = make_rows(N, true, false, 3);
    LH_AUTO(mem) float *queries = make_rows(QUERIES, false, false, 4);
    struct vec_hnsw *graph = build(VEC_L2, data, N, 1);
    struct vec_hnsw_tuning tuning;
    struct lh_err err;
    ok(vec_hnsw_tune(graph, NULL, K, 0.95, 1, &tuning, &err), &err);
    assert_true(tuning.reached && tuning.queries > 100 && tuning.recall >= 0.95);
    double got = recall(graph, VEC_L2, queries, &tuning.search);
    if (fabs(got - tuning.recall) > 0.04)
        fail_msg("tuned to %.3f, found %.3f", tuning.recall, got);
    for (uint32_t ef = 10; ef <= 250; ef *= 5) {
        const struct vec_hnsw_search search = {.k = K, .ef = ef};
        double expected = 0.0;
        ok(vec_hnsw_expect(graph, &search, 1, &expected, &err), &err);
        got = recall(graph, VEC_L2, queries, &search);
        if (fabs(got - expected) > 0.1)
            fail_msg("ef %u: expected %.3f, found %.3f", ef, expected, got);
    }
    assert_int_equal(vec_hnsw_expect(graph, &(struct vec_hnsw_search){0}, 1, &got, &err), LH_INVALID);
    vec_hnsw_free(graph);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_cost_no_recall),         cmocka_unit_test(filters_ask_every_copy),
        cmocka_unit_test(copies_are_deleted_one_by_one), cmocka_unit_test(copies_come_back_from_a_file),
        cmocka_unit_test(tuning_is_not_flattered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
