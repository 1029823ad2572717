/* The graph against exact search, on shapes that are easy to get wrong; filters, ranges, churn, threads, validator. */
#include "base/alloc.h"
#include "base/cleanup.h"
#include "os/thread.h"
#include "vector/hnsw.h"
#include "vector/random.h"
#include "vector/topk.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum shape { GAUSS, CLUSTERED, SORTED, ALL_EQUAL, DUPLICATES, ZEROES, OUTLIER };

static void ok(enum lh_code code, const struct lh_err *err) {
    if (code != LH_OK)
        fail_msg("%s: %s", lh_code_name(code), err->message);
}

static float *make_rows(enum shape shape, size_t n, uint32_t d, uint64_t seed) {
    struct vec_random random;
    float *data = lh_calloc(n * d + 1, sizeof *data);
    vec_random_init(&random, seed);
    for (size_t i = 0; i < n; i++) {
        float *row = data + i * d;
        uint32_t cluster = vec_random_below(&random, 20);
        for (uint32_t j = 0; j < d; j++) {
            float gauss = (float)vec_random_gauss(&random);
            switch (shape) {
            case GAUSS: row[j] = gauss; break;
            case CLUSTERED: row[j] = (float)((cluster * 7919 + j * 104729) % 17) - 8.0f + 0.5f * gauss; break;
            case SORTED: row[j] = j == 0 ? (float)i : 0.01f * gauss; break;
            case ALL_EQUAL: row[j] = 1.0f + (float)(j % 3); break;
            case DUPLICATES: row[j] = sinf((float)((i % 25) * d + j)); break;
            case ZEROES: row[j] = i % 2 ? gauss : 0.0f; break;
            case OUTLIER: row[j] = i == n / 2 ? 1000.0f : gauss; break;
            }
        }
    }
    return data;
}

static size_t exact(enum vec_metric metric, const struct vec_rows *rows, const float *query,
                    bool (*allow)(void *arg, uint32_t id), void *arg, struct vec_hit *hits, size_t k) {
    struct vec_topk top;
    vec_topk_init(&top, hits, k);
    for (size_t i = 0; i < rows->n; i++)
        if (!allow || allow(arg, (uint32_t)i))
            vec_topk_push(&top, vec_distance(metric, query, vec_row(rows, i), rows->d), (uint32_t)i);
    return vec_topk_sort(&top);
}

/* Recall by distance: equal rows are equally right. */
static size_t agreed(const struct vec_hit *truth, size_t wanted, const struct vec_hit *hits, size_t found) {
    size_t right = 0;
    if (wanted == 0)
        return 0;
    float last = truth[wanted - 1].dist;
    float slack = 1e-4f * (fabsf(last) + 1.0f);
    for (size_t i = 0; i < found; i++)
        right += hits[i].dist <= last + slack;
    return right < wanted ? right : wanted;
}

static struct vec_hnsw *build(enum vec_metric metric, const struct vec_rows *rows, unsigned threads) {
    const struct vec_hnsw_config config = {.d = rows->d, .metric = metric, .seed = 7};
    struct vec_hnsw *graph = NULL;
    struct lh_err err;
    ok(vec_hnsw_build(&config, rows, threads, &graph, &err), &err);
    return graph;
}

static void check(const struct vec_hnsw *graph, uint64_t live) {
    struct vec_hnsw_report report;
    struct lh_err err;
    ok(vec_hnsw_check(graph, &report, &err), &err);
    assert_int_equal(report.live, live);
    assert_int_equal(report.reachable, live);
}

struct question {
    struct vec_hnsw *graph;
    enum vec_metric metric;
    const struct vec_rows *rows;
    bool (*allow)(void *arg, uint32_t id);
    void *arg;
    struct vec_hnsw_search search;
};

/* Mean recall@k over queries drawn like the rows. */
static double recall(const struct question *question, const struct vec_rows *queries) {
    struct vec_hnsw_cursor *cursor = vec_hnsw_cursor_new(question->graph);
    size_t k = question->search.k;
    LH_AUTO(mem) struct vec_hit *truth = lh_calloc(k, sizeof *truth);
    LH_AUTO(mem) struct vec_hit *hits = lh_calloc(k, sizeof *hits);
    size_t right = 0;
    size_t wanted = 0;
    for (size_t i = 0; i < queries->n; i++) {
        const float *query = vec_row(queries, i);
        size_t want = exact(question->metric, question->rows, query, question->allow, question->arg, truth, k);
        size_t found = vec_hnsw_search(cursor, query, &question->search, hits);
        for (size_t j = 0; j < found; j++) {
            float dist = vec_distance(question->metric, query, vec_row(question->rows, hits[j].id), queries->d);
            assert_true(fabsf(dist - hits[j].dist) <= 1e-4f * (fabsf(dist) + 1.0f));
            assert_true(j == 0 || hits[j - 1].dist <= hits[j].dist);
            assert_true(!question->allow || question->allow(question->arg, hits[j].id));
        }
        right += agreed(truth, want, hits, found);
        wanted += want;
    }
    vec_hnsw_cursor_free(cursor);
    return wanted ? (double)right / (double)wanted : 1.0;
}

static const struct {
    const char *name;
    enum shape shape;
    enum vec_metric metric;
    size_t n;
    uint32_t d;
    double floor;
} shapes[] = {
    {"no rows", GAUSS, VEC_L2, 0, 8, 1.0},
    {"one row", GAUSS, VEC_L2, 1, 8, 1.0},
    {"two rows", GAUSS, VEC_COSINE, 2, 3, 1.0},
    {"fewer than k", GAUSS, VEC_L2, 7, 16, 1.0},
    {"one dimension", GAUSS, VEC_L2, 2000, 1, 0.95},
    {"two dimensions", GAUSS, VEC_L2, 2000, 2, 0.95},
    {"odd dimensions", GAUSS, VEC_L2, 1500, 17, 0.95},
    {"65 dimensions", GAUSS, VEC_COSINE, 1500, 65, 0.95},
    {"dot", GAUSS, VEC_DOT, 1500, 32, 0.95},
    {"clusters", CLUSTERED, VEC_L2, 3000, 48, 0.95},
    {"clusters, cosine", CLUSTERED, VEC_COSINE, 3000, 96, 0.95},
    {"sorted along a line", SORTED, VEC_L2, 3000, 8, 0.95},
    {"all equal", ALL_EQUAL, VEC_L2, 1000, 24, 1.0},
    {"all equal, cosine", ALL_EQUAL, VEC_COSINE, 1000, 24, 1.0},
    {"25 rows 40 times each", DUPLICATES, VEC_L2, 1000, 32, 0.95},
    {"every second row zero", ZEROES, VEC_COSINE, 1000, 32, 0.95},
    {"every second row zero, L2", ZEROES, VEC_L2, 1000, 32, 0.95},
    {"one far outlier", OUTLIER, VEC_L2, 1000, 32, 0.90},
    {"768 dimensions", CLUSTERED, VEC_COSINE, 800, 768, 0.98},
    {"4096 dimensions", GAUSS, VEC_L2, 200, 4096, 0.98},
};

static void finds_what_exact_search_finds(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        LH_AUTO(mem) float *data = make_rows(shapes[i].shape, shapes[i].n, shapes[i].d, 11);
        LH_AUTO(mem) float *more = make_rows(shapes[i].shape, 50, shapes[i].d, 12);
        const struct vec_rows rows = {.data = data, .n = shapes[i].n, .d = shapes[i].d};
        const struct vec_rows queries = {.data = more, .n = 50, .d = shapes[i].d};
        struct vec_hnsw *graph = build(shapes[i].metric, &rows, 1);
        check(graph, rows.n);
        const struct question question = {
            .graph = graph, .metric = shapes[i].metric, .rows = &rows, .search = {.k = 10, .ef = 200}};
        double got = recall(&question, &queries);
        if (got < shapes[i].floor)
            fail_msg("%s: recall %.3f", shapes[i].name, got);
        vec_hnsw_free(graph);
    }
}

static void the_same_seed_gives_the_same_graph(void **state) {
    (void)state;
    LH_AUTO(mem) float *data = make_rows(GAUSS, 500, 20, 3);
    const struct vec_rows rows = {.data = data, .n = 500, .d = 20};
    struct vec_hnsw *a = build(VEC_L2, &rows, 1);
    struct vec_hnsw *b = build(VEC_L2, &rows, 1);
    struct vec_hnsw_cursor *cursors[2] = {vec_hnsw_cursor_new(a), vec_hnsw_cursor_new(b)};
    const struct vec_hnsw_search search = {.k = 5, .ef = 5};
    for (size_t i = 0; i < 100; i++) {
        struct vec_hit hits[2][5];
        struct vec_hnsw_effort effort[2];
        for (size_t j = 0; j < 2; j++) {
            assert_int_equal(vec_hnsw_search(cursors[j], vec_row(&rows, i), &search, hits[j]), 5);
            vec_hnsw_effort(cursors[j], &effort[j]);
        }
        assert_memory_equal(hits[0], hits[1], sizeof hits[0]);
        assert_int_equal(effort[0].estimates, effort[1].estimates);
    }
    vec_hnsw_cursor_free(cursors[0]);
    vec_hnsw_cursor_free(cursors[1]);
    vec_hnsw_free(a);
    vec_hnsw_free(b);
}

static bool one_in(void *arg, uint32_t id) {
    return (id * 2654435761u >> 8) % *(uint32_t *)arg == 0;
}

static void filters_keep_recall(void **state) {
    (void)state;
    enum { N = 6000, D = 32 };
    LH_AUTO(mem) float *data = make_rows(CLUSTERED, N, D, 5);
    LH_AUTO(mem) float *more = make_rows(CLUSTERED, 60, D, 6);
    const struct vec_rows rows = {.data = data, .n = N, .d = D};
    const struct vec_rows queries = {.data = more, .n = 60, .d = D};
    struct vec_hnsw *graph = build(VEC_L2, &rows, 1);
    for (uint32_t share = 2; share <= 1000; share *= share < 10 ? 5 : 10) { /* 50%, 10%, 1%, 0.1% */
        uint64_t bitmap[(N + 63) / 64] = {0};
        for (uint32_t id = 0; id < N; id++)
            if (one_in(&share, id))
                bitmap[id / 64] |= (uint64_t)1 << (id % 64);
        const struct vec_filter filters[] = {
            {.bitmap = bitmap, .bitmap_ids = N},
            {.allow = one_in, .arg = &share},
            {.bitmap = bitmap, .bitmap_ids = N, .allow = one_in, .arg = &share},
        };
        for (size_t i = 0; i < 3; i++) {
            const struct question question = {.graph = graph,
                                              .metric = VEC_L2,
                                              .rows = &rows,
                                              .allow = one_in,
                                              .arg = &share,
                                              .search = {.k = 10, .ef = 100, .filter = &filters[i]}};
            double got = recall(&question, &queries);
            if (got < 0.97)
                fail_msg("1 in %u, filter %zu: recall %.3f", share, i, got);
        }
    }
    vec_hnsw_free(graph);
}

static bool far_half(void *arg, uint32_t id) {
    return ((const float *)arg)[(size_t)id * 8] > 1500.0f;
}

/* The allowed rows lie where the query is not: the widened window meets none of them, so the scan must follow. */
static void a_filter_against_the_query_is_answered(void **state) {
    (void)state;
    LH_AUTO(mem) float *data = make_rows(SORTED, 3000, 8, 5);
    const struct vec_rows rows = {.data = data, .n = 3000, .d = 8};
    struct vec_hnsw *graph = build(VEC_L2, &rows, 1);
    const struct vec_filter filter = {.allow = far_half, .arg = data};
    const struct question question = {.graph = graph,
                                      .metric = VEC_L2,
                                      .rows = &rows,
                                      .allow = far_half,
                                      .arg = data,
                                      .search = {.k = 10, .ef = 20, .filter = &filter}};
    const struct vec_rows near_queries = {.data = data, .n = 50, .d = 8};
    assert_true(recall(&question, &near_queries) >= 0.99);
    vec_hnsw_free(graph);
}

static void a_range_holds_all_within(void **state) {
    (void)state;
    enum { N = 3000, D = 12 };
    LH_AUTO(mem) float *data = make_rows(CLUSTERED, N, D, 8);
    const struct vec_rows rows = {.data = data, .n = N, .d = D};
    struct vec_hnsw *graph = build(VEC_L2, &rows, 1);
    struct vec_hnsw_cursor *cursor = vec_hnsw_cursor_new(graph);
    LH_AUTO(mem) struct vec_hit *hits = lh_calloc(N, sizeof *hits);
    LH_AUTO(mem) struct vec_hit *truth = lh_calloc(N, sizeof *truth);
    const struct vec_hnsw_search search = {.ef = 50};
    size_t right = 0;
    size_t wanted = 0;
    for (size_t i = 0; i < 40; i++) {
        const float *query = vec_row(&rows, i * 7);
        exact(VEC_L2, &rows, query, NULL, NULL, truth, N);
        float radius = truth[i * 8].dist + 1e-3f; /* 0 to 312 neighbours */
        size_t want = 0;
        while (want < N && truth[want].dist <= radius)
            want++;
        size_t found = vec_hnsw_search_range(cursor, query, radius, &search, hits, N);
        assert_true(found <= want);
        for (size_t j = 0; j < found; j++)
            assert_true(hits[j].dist <= radius);
        right += found;
        wanted += want;
        assert_true(vec_hnsw_search_range(cursor, query, radius, &search, hits, 3) <= 3);
    }
    assert_true((double)right >= 0.98 * (double)wanted);
    vec_hnsw_cursor_free(cursor);
    vec_hnsw_free(graph);
}

static bool is_live(void *arg, uint32_t id) {
    return vec_hnsw_live(arg, id);
}

/* Half of the rows replaced, in five rounds with a repair each: recall must not sink, and nothing dead be found. */
static void churn_keeps_recall(void **state) {
    (void)state;
    enum { N = 4000, D = 32, ROUND = N / 10 };
    LH_AUTO(mem) float *data = make_rows(CLUSTERED, 2 * N, D, 21);
    LH_AUTO(mem) float *more = make_rows(CLUSTERED, 100, D, 22);
    const struct vec_rows first = {.data = data, .n = N, .d = D};
    const struct vec_rows queries = {.data = more, .n = 100, .d = D};
    struct vec_hnsw *graph = build(VEC_L2, &first, 1);
    struct vec_hnsw_cursor *cursor = vec_hnsw_cursor_new(graph);
    struct question question = {.graph = graph, .metric = VEC_L2, .rows = &first, .search = {.k = 10, .ef = 60}};
    double before = recall(&question, &queries);
    struct vec_rows rows = first;
    for (uint32_t round = 0; round < 5; round++) {
        struct lh_err err;
        for (uint32_t i = 0; i < ROUND; i++) {
            uint32_t id = 0;
            uint32_t old = (round * ROUND + i) * 2 + 1 - (round % 2);
            ok(vec_hnsw_update(cursor, old, data + (rows.n + i) * D, &id, &err), &err);
            assert_int_equal(id, rows.n + i);
            assert_memory_equal(vec_hnsw_row(graph, id), data + (rows.n + i) * D, D * sizeof(float));
            assert_false(vec_hnsw_live(graph, old));
            assert_int_equal(vec_hnsw_delete(graph, old, &err), LH_NOT_FOUND);
        }
        rows.n += ROUND;
        question.rows = &rows;
        question.allow = is_live;
        question.arg = graph;
        assert_true(recall(&question, &queries) >= before - 0.03);
        assert_true(vec_hnsw_repair(graph, 1) > 0);
        check(graph, N);
        assert_true(recall(&question, &queries) >= before - 0.02);
    }
    vec_hnsw_cursor_free(cursor);
    vec_hnsw_free(graph);
}

static void all_can_be_deleted_and_more_inserted(void **state) {
    (void)state;
    LH_AUTO(mem) float *data = make_rows(GAUSS, 400, 8, 2);
    const struct vec_rows rows = {.data = data, .n = 200, .d = 8};
    struct vec_hnsw *graph = build(VEC_COSINE, &rows, 1);
    struct vec_hnsw_cursor *cursor = vec_hnsw_cursor_new(graph);
    const struct vec_hnsw_search search = {.k = 10};
    struct vec_hit hits[10];
    struct lh_err err;
    for (uint32_t id = 0; id < 200; id++)
        ok(vec_hnsw_delete(graph, id, &err), &err);
    assert_int_equal(vec_hnsw_search(cursor, data, &search, hits), 0);
    vec_hnsw_repair(graph, 1);
    check(graph, 0);
    for (uint32_t i = 200; i < 400; i++) {
        uint32_t id = 0;
        ok(vec_hnsw_insert(cursor, data + (size_t)i * 8, &id, &err), &err);
    }
    check(graph, 200);
    assert_int_equal(vec_hnsw_search(cursor, data + 300 * 8, &search, hits), 10);
    assert_int_equal(hits[0].id, 300);
    vec_hnsw_cursor_free(cursor);
    vec_hnsw_free(graph);
}

struct party {
    struct vec_hnsw *graph;
    const float *data;
    uint32_t first, last, d;
    uint32_t found; /* by a searcher: hits in all */
};

static void insert_all(void *arg) {
    struct party *party = arg;
    struct vec_hnsw_cursor *cursor = vec_hnsw_cursor_new(party->graph);
    for (uint32_t i = party->first; i < party->last; i++) {
        struct lh_err err;
        uint32_t id = 0;
        if (vec_hnsw_insert(cursor, party->data + (size_t)i * party->d, &id, &err) != LH_OK)
            return;
        if (i % 3 == 0)
            lh_ignore(vec_hnsw_delete(party->graph, id, &err));
    }
    vec_hnsw_cursor_free(cursor);
}

static void search_all(void *arg) {
    struct party *party = arg;
    struct vec_hnsw_cursor *cursor = vec_hnsw_cursor_new(party->graph);
    const struct vec_filter filter = {.allow = one_in, .arg = &(uint32_t){7}};
    const struct vec_hnsw_search searches[] = {{.k = 10, .ef = 40}, {.k = 10, .ef = 40, .filter = &filter}};
    for (uint32_t i = party->first; i < party->last; i++) {
        struct vec_hit hits[10];
        size_t n = vec_hnsw_search(cursor, party->data + (size_t)i * party->d, &searches[i % 2], hits);
        party->found += (uint32_t)n;
    }
    vec_hnsw_cursor_free(cursor);
}

/* Two threads insert and delete while two search and the main one repairs.  ThreadSanitizer watches in its build. */
static void threads_insert_delete_search_and_repair(void **state) {
    (void)state;
    enum { N = 1200, D = 24 };
    LH_AUTO(mem) float *data = make_rows(CLUSTERED, 3 * N, D, 31);
    const struct vec_rows rows = {.data = data, .n = N, .d = D};
    struct vec_hnsw *graph = build(VEC_L2, &rows, 2);
    struct party parties[4];
    struct os_thread threads[4];
    for (uint32_t i = 0; i < 4; i++) {
        struct lh_err err;
        uint32_t first = i < 2 ? N + i * N : 0;
        parties[i] = (struct party){.graph = graph, .data = data, .first = first, .last = first + N, .d = D};
        threads[i] = (struct os_thread){0};
        ok(os_thread_start(&threads[i], "party", OS_STACK_BIG, i < 2 ? insert_all : search_all, &parties[i], &err),
           &err);
    }
    vec_hnsw_repair(graph, 1);
    for (uint32_t i = 0; i < 4; i++)
        os_thread_join(&threads[i]);
    vec_hnsw_repair(graph, 2);
    struct vec_hnsw_stats stats;
    vec_hnsw_stats(graph, &stats);
    assert_int_equal(stats.rows, 3 * N);
    assert_int_equal(stats.deleted, 2 * N / 3);
    check(graph, 3 * N - stats.deleted);
    assert_true(parties[2].found > 0 && parties[3].found > 0);
    vec_hnsw_free(graph);
}

static void a_batch_is_its_single_searches(void **state) {
    (void)state;
    LH_AUTO(mem) float *data = make_rows(GAUSS, 1000, 16, 4);
    const struct vec_rows rows = {.data = data, .n = 1000, .d = 16};
    const struct vec_rows queries = {.data = data, .n = 100, .d = 16};
    struct vec_hnsw *graph = build(VEC_L2, &rows, 1);
    struct vec_hnsw_cursor *cursor = vec_hnsw_cursor_new(graph);
    const struct vec_hnsw_search search = {.k = 4, .ef = 30};
    struct vec_hit hits[400];
    size_t found[100];
    struct lh_err err;
    ok(vec_hnsw_search_batch(graph, &queries, 2, &search, hits, found, &err), &err);
    for (size_t i = 0; i < 100; i++) {
        struct vec_hit one[4];
        assert_int_equal(vec_hnsw_search(cursor, vec_row(&queries, i), &search, one), found[i]);
        assert_memory_equal(one, hits + i * 4, found[i] * sizeof *one);
    }
    vec_hnsw_cursor_free(cursor);
    vec_hnsw_free(graph);
}

static void tuning_reaches_its_target(void **state) {
    (void)state;
    enum { N = 5000, D = 48 };
    LH_AUTO(mem) float *data = make_rows(GAUSS, N, D, 41);
    LH_AUTO(mem) float *more = make_rows(GAUSS, 200, D, 42);
    const struct vec_rows rows = {.data = data, .n = N, .d = D};
    const struct vec_rows queries = {.data = more, .n = 200, .d = D};
    struct vec_hnsw *graph = build(VEC_L2, &rows, 1);
    struct vec_hnsw_tuning narrow, wide;
    struct lh_err err;
    ok(vec_hnsw_tune(graph, NULL, 10, 0.8, 1, &narrow, &err), &err);
    ok(vec_hnsw_tune(graph, &queries, 10, 0.98, 1, &wide, &err), &err);
    assert_true(narrow.reached && narrow.recall >= 0.8 && wide.reached && wide.recall >= 0.98);
    assert_true(wide.estimates > narrow.estimates);
    const struct question question = {.graph = graph, .metric = VEC_L2, .rows = &rows, .search = narrow.search};
    assert_true(recall(&question, &queries) >= 0.75);
    assert_int_equal(vec_hnsw_tune(graph, NULL, 0, 0.8, 1, &narrow, &err), LH_INVALID);
    assert_int_equal(vec_hnsw_tune(graph, NULL, 10, 1.5, 1, &narrow, &err), LH_INVALID);
    vec_hnsw_free(graph);
}

struct patience {
    atomic_int asked;
    int yes_from;
};

static bool is_tired(void *ctx) {
    struct patience *p = ctx;
    return atomic_fetch_add(&p->asked, 1) >= p->yes_from;
}

static void a_build_can_be_cancelled(void **state) {
    (void)state;
    enum { ROWS = 4000, PIECES = 250, D = 16 };
    LH_AUTO(mem) float *data = make_rows(CLUSTERED, ROWS, D, 3);
    const struct vec_rows rows = {.data = data, .n = ROWS, .d = D};
    const struct {
        const char *name;
        int yes_from;
        unsigned threads;
        enum lh_code code;
    } cases[] = {{"at once", 0, 1, LH_CANCELLED},
                 {"in the middle", PIECES / 2, 1, LH_CANCELLED},
                 {"in the middle, of three threads", PIECES / 2, 3, LH_CANCELLED},
                 {"at the last piece", PIECES - 1, 3, LH_CANCELLED},
                 {"never", PIECES, 3, LH_OK}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct patience patience = {.yes_from = cases[i].yes_from};
        const struct vec_cancel cancel = {is_tired, &patience};
        const struct vec_hnsw_config config = {.d = D, .seed = 7, .cancel = &cancel};
        struct vec_hnsw *graph = NULL;
        struct lh_err err = LH_ERR_INIT;
        print_message("%s\n", cases[i].name);
        assert_int_equal(vec_hnsw_build(&config, &rows, cases[i].threads, &graph, &err), cases[i].code);
        assert_int_equal(graph == NULL, cases[i].code != LH_OK);
        assert_in_range(patience.asked, cases[i].yes_from, cases[i].yes_from + (int)cases[i].threads);
        vec_hnsw_free(graph);
    }
}

static void bad_calls_are_refused(void **state) {
    (void)state;
    float data[4] = {1, 2, 3, 4};
    const struct vec_rows rows = {.data = data, .n = 2, .d = 2};
    struct vec_hnsw *graph = NULL;
    struct lh_err err;
    uint32_t id = 0;
    const struct vec_hnsw_config bad[] = {{.d = 3},
                                          {.d = 2, .m = 1},
                                          {.d = 2, .m = 65},
                                          {.d = 2, .ef_construction = 1000000},
                                          {.d = 2, .capacity = UINT32_MAX}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(vec_hnsw_build(&bad[i], &rows, 1, &graph, &err), LH_INVALID);
    const struct vec_hnsw_config full = {.d = 2, .capacity = 3};
    ok(vec_hnsw_build(&full, &rows, 1, &graph, &err), &err);
    struct vec_hnsw_cursor *cursor = vec_hnsw_cursor_new(graph);
    const float bad_row[2] = {NAN, 0};
    assert_int_equal(vec_hnsw_insert(cursor, bad_row, &id, &err), LH_DATA);
    ok(vec_hnsw_insert(cursor, data, &id, &err), &err);
    assert_int_equal(vec_hnsw_insert(cursor, data, &id, &err), LH_LIMIT);
    assert_int_equal(vec_hnsw_delete(graph, 3, &err), LH_NOT_FOUND);
    assert_null(vec_hnsw_row(graph, 3));
    vec_hnsw_cursor_free(cursor);
    vec_hnsw_free(graph);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_exact_search_finds),
        cmocka_unit_test(the_same_seed_gives_the_same_graph),
        cmocka_unit_test(filters_keep_recall),
        cmocka_unit_test(a_filter_against_the_query_is_answered),
        cmocka_unit_test(a_range_holds_all_within),
        cmocka_unit_test(churn_keeps_recall),
        cmocka_unit_test(all_can_be_deleted_and_more_inserted),
        cmocka_unit_test(threads_insert_delete_search_and_repair),
        cmocka_unit_test(a_batch_is_its_single_searches),
        cmocka_unit_test(tuning_reaches_its_target),
        cmocka_unit_test(a_build_can_be_cancelled),
        cmocka_unit_test(bad_calls_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
