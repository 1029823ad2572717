/* What no index can answer about is refused where it comes in: rows and queries that floats cannot hold products of, and settings
 * that cannot be, however few rows there are. */
#include "base/alloc.h"
#include "base/cleanup.h"
#include "os/os.h"
#include "twin/temp_dir.h"
#include "unit/vector/data.h"
#include "vector/flat.h"
#include "vector/hnsw.h"
#include "vector/index.h"
#include "vector/ivf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { N = 200, D = 8, BAD = 37, K = 5 };

static void ok(enum lh_code code, const struct lh_err *err) {
    if (code != LH_OK)
        fail_msg("%s: %s", lh_code_name(code), err->message);
}

static const struct {
    const char *name, *says;
    float value;
} unsound[] = {
    {"NaN", "NaN in dimension 3", NAN},
    {"an infinity", "an infinity in dimension 3", -INFINITY},
    {"its square overflows", "too long", 2e19f},
    {"the largest float", "too long", 3.4e38f},
    {"a difference's square would", "too long", -1e18f},
};

static void refused(const char *name, const char *call, enum lh_code code, const char *number, const char *says,
                    const struct lh_err *err) {
    if (code != LH_DATA || !strstr(err->message, number) || !strstr(err->message, says))
        fail_msg("%s, %s: %s: %s", name, call, lh_code_name(code), err->message);
}

static void unsound_rows_are_refused(void **state) {
    (void)state;
    LH_AUTO(mem) float *good = make_rows(N, D, GAUSSIAN, 1);
    LH_AUTO(mem) float *bad = make_rows(N, D, GAUSSIAN, 1);
    const struct vec_rows good_rows = {.data = good, .n = N, .d = D};
    const struct vec_rows first_rows = {.data = bad, .n = BAD, .d = D};
    const struct vec_rows rows = {.data = bad, .n = N, .d = D};
    for (size_t i = 0; i < sizeof unsound / sizeof *unsound; i++) {
        const char *name = unsound[i].name, *says = unsound[i].says;
        struct vec_hnsw *graph = NULL;
        struct vec_flat *flat = NULL;
        struct vec_ivf *ivf = NULL;
        struct vec_index *index = NULL;
        uint32_t id = 0;
        struct lh_err err;
        bad[BAD * D + 3] = unsound[i].value;
        const struct vec_hnsw_config graph_config = {.d = D, .metric = VEC_COSINE};
        refused(name, "graph", vec_hnsw_build(&graph_config, &rows, 1, &graph, &err), "vector 37", says, &err);
        refused(name, "flat", vec_flat_new(&rows, &(struct vec_flat_config){0}, &flat, &err), "vector 37", says, &err);
        refused(name, "ivf", vec_ivf_new(&rows, &(struct vec_ivf_config){0}, &ivf, &err), "vector 37", says, &err);

        ok(vec_hnsw_build(&graph_config, &good_rows, 1, &graph, &err), &err);
        ok(vec_flat_new(&first_rows, &(struct vec_flat_config){0}, &flat, &err), &err);
        ok(vec_ivf_new(&first_rows, &(struct vec_ivf_config){0}, &ivf, &err), &err);
        struct vec_hnsw_cursor *cursor = vec_hnsw_cursor_new(graph);
        refused(name, "insert", vec_hnsw_insert(cursor, bad + BAD * D, &id, &err), "vector 0", says, &err);
        refused(name, "extend", vec_hnsw_extend(graph, &rows, 1, &err), "vector 37", says, &err);
        refused(name, "flat extend", vec_flat_extend(flat, &rows, &err), "vector 37", says, &err);
        refused(name, "ivf extend", vec_ivf_extend(ivf, &rows, &err), "vector 37", says, &err);
        assert_int_equal(vec_hnsw_count(graph), N);
        assert_int_equal(vec_flat_count(flat), BAD);
        assert_int_equal(vec_ivf_count(ivf), BAD);
        vec_hnsw_cursor_free(cursor);

        char *folder = temp_dir_new();
        LH_AUTO(mem) char *path = lh_asprintf("%s/index", folder);
        const struct vec_index_config config = {.d = D, .metric = VEC_L2};
        refused(name, "create", vec_index_create(os_real(), path, &config, &rows, &index, &err), "vector 37", says,
                &err);
        ok(vec_index_create(os_real(), path, &config, &first_rows, &index, &err), &err);
        refused(name, "append", vec_index_append(index, &rows, &id, &err), "vector 37", says, &err);
        vec_index_close(index);
        temp_dir_free(folder);
        vec_ivf_free(ivf);
        vec_flat_free(flat);
        vec_hnsw_free(graph);
    }
}

static void unsound_queries_find_nothing(void **state) {
    (void)state;
    LH_AUTO(mem) float *data = make_rows(N, D, GAUSSIAN, 1);
    const struct vec_rows rows = {.data = data, .n = N, .d = D};
    const struct vec_search scan = {.k = K};
    const struct vec_hnsw_search walk = {.k = K};
    struct vec_hnsw *graph = NULL;
    struct vec_flat *flat = NULL;
    struct vec_ivf *ivf = NULL;
    struct lh_err err;
    ok(vec_hnsw_build(&(struct vec_hnsw_config){.d = D}, &rows, 1, &graph, &err), &err);
    ok(vec_flat_new(&rows, &(struct vec_flat_config){0}, &flat, &err), &err);
    ok(vec_ivf_new(&rows, &(struct vec_ivf_config){0}, &ivf, &err), &err);
    struct vec_hnsw_cursor *cursor = vec_hnsw_cursor_new(graph);
    struct vec_searcher *flats = vec_flat_searcher_new(flat);
    struct vec_searcher *lists = vec_ivf_searcher_new(ivf);
    for (size_t i = 0; i < sizeof unsound / sizeof *unsound; i++) {
        float queries[2 * D] = {1, 2, 3, 4};
        const struct vec_rows batch = {.data = queries, .n = 2, .d = D};
        const float *query = queries + D;
        struct vec_hit hits[2 * K];
        size_t found[2];
        queries[D + 3] = unsound[i].value;
        assert_int_equal(vec_hnsw_search(cursor, query, &walk, hits), 0);
        assert_int_equal(vec_hnsw_search_range(cursor, query, 1, &walk, hits, K), 0);
        assert_int_equal(vec_flat_search(flat, flats, query, &scan, hits, NULL), 0);
        assert_int_equal(vec_flat_search_range(flat, flats, query, 1, &scan, hits, K), 0);
        assert_int_equal(vec_ivf_search(ivf, lists, query, &scan, hits, NULL), 0);
        const char *name = unsound[i].name, *says = unsound[i].says;
        refused(name, "graph batch", vec_hnsw_search_batch(graph, &batch, 1, &walk, hits, found, &err), "vector 1",
                says, &err);
        refused(name, "flat batch", vec_flat_search_batch(flat, &batch, 1, &scan, hits, found, &err), "vector 1", says,
                &err);
        refused(name, "ivf batch", vec_ivf_search_batch(ivf, &batch, 1, &scan, hits, found, &err), "vector 1", says,
                &err);
    }
    vec_hnsw_cursor_free(cursor);
    vec_searcher_free(flats);
    vec_searcher_free(lists);
    vec_ivf_free(ivf);
    vec_flat_free(flat);
    vec_hnsw_free(graph);
}

/* Just inside the limit everything is exact still. */
static void the_longest_rows_are_answered(void **state) {
    (void)state;
    LH_AUTO(mem) float *data = make_rows(N, D, GAUSSIAN, 1);
    const struct vec_rows rows = {.data = data, .n = N, .d = D};
    for (size_t i = 0; i < (size_t)N * D; i++)
        data[i] *= 1e14f;
    for (int metric = VEC_L2; metric <= VEC_COSINE; metric++) {
        struct vec_hnsw *graph = NULL;
        struct vec_flat *flat = NULL;
        struct lh_err err;
        const struct vec_hnsw_config config = {.d = D, .metric = (enum vec_metric)metric};
        ok(vec_hnsw_build(&config, &rows, 1, &graph, &err), &err);
        ok(vec_flat_new(&rows, &(struct vec_flat_config){.metric = (enum vec_metric)metric}, &flat, &err), &err);
        struct vec_hnsw_report report;
        struct vec_scan_report codes;
        ok(vec_hnsw_check(graph, &report, &err), &err);
        ok(vec_flat_check(flat, &codes, &err), &err);
        struct vec_hnsw_cursor *cursor = vec_hnsw_cursor_new(graph);
        struct vec_searcher *searcher = vec_flat_searcher_new(flat);
        for (size_t q = 0; q < 20; q++) {
            struct vec_hit truth[K], walked[K], scanned[K];
            size_t found = 0;
            const float *query = vec_row(&rows, q);
            ok(vec_exact_search(&rows, (enum vec_metric)metric, query, K, NULL, truth, &found, &err), &err);
            assert_int_equal(vec_hnsw_search(cursor, query, &(struct vec_hnsw_search){.k = K, .ef = 100}, walked), K);
            assert_int_equal(
                vec_flat_search(flat, searcher, query, &(struct vec_search){.k = K, .epsilon = 5}, scanned, NULL), K);
            for (size_t i = 0; i < K; i++)
                assert_true(isfinite(truth[i].dist) && walked[i].id == truth[i].id && scanned[i].id == truth[i].id);
        }
        vec_hnsw_cursor_free(cursor);
        vec_searcher_free(searcher);
        vec_flat_free(flat);
        vec_hnsw_free(graph);
    }
}

/* An empty index is built without its graph's settings; the merge that needs them comes when nobody looks. */
static void settings_are_checked_before_rows_come(void **state) {
    (void)state;
    static const struct vec_index_config bad[] = {
        {.d = 0},
        {.d = VEC_MAX_DIM + 1},
        {.d = D, .m = 1},
        {.d = D, .m = VEC_HNSW_MAX_M + 1},
        {.d = D, .ef_construction = VEC_HNSW_MAX_EF + 1},
        {.d = D, .metric = (enum vec_metric)7},
        {.d = D, .kind = (enum vec_index_kind)7},
        {.d = D, .kind = VEC_INDEX_FLAT, .m = 1},
    };
    char *folder = temp_dir_new();
    LH_AUTO(mem) char *path = lh_asprintf("%s/index", folder);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const struct vec_rows none = {.d = bad[i].d};
        struct vec_index *index = NULL;
        struct lh_err err;
        if (vec_index_create(os_real(), path, &bad[i], &none, &index, &err) != LH_INVALID)
            fail_msg("settings %zu are taken", i);
        assert_int_equal(vec_index_open(os_real(), path, 1, &index, &err), LH_NOT_FOUND);
    }
    const struct vec_rows none = {.d = D};
    struct vec_ivf *ivf = NULL;
    struct lh_err err;
    assert_int_equal(vec_ivf_new(&none, &(struct vec_ivf_config){.codes = (enum vec_ivf_codes)5}, &ivf, &err),
                     LH_INVALID);
    assert_int_equal(vec_ivf_new(&none, &(struct vec_ivf_config){.codes = VEC_IVF_PQ, .pq_bytes = 7}, &ivf, &err),
                     LH_INVALID);
    temp_dir_free(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unsound_rows_are_refused),
        cmocka_unit_test(unsound_queries_find_nothing),
        cmocka_unit_test(the_longest_rows_are_answered),
        cmocka_unit_test(settings_are_checked_before_rows_come),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
