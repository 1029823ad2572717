/* Whose rows an index without them takes, and what a growing index tells of itself. */
#include "base/alloc.h"
#include "base/cleanup.h"
#include "os/file.h"
#include "os/os.h"
#include "twin/temp_dir.h"
#include "unit/vector/data.h"
#include "vector/file.h"
#include "vector/flat.h"
#include "vector/hnsw.h"
#include "vector/index.h"
#include "vector/ivf.h"
#include "vector/rows_mark.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { N = 300, D = 20 };

static struct lh_err err;

static void ok(enum lh_code code) {
    if (code != LH_OK)
        fail_msg("%s: %s", lh_code_name(code), err.message);
}

static void test_rows_looked_at(void **state) {
    (void)state;
    for (size_t n = 0; n < 200; n++) {
        size_t looked = n < VEC_MARK_ROWS ? n : VEC_MARK_ROWS;
        for (size_t i = 0; i < looked; i++) {
            assert_true(vec_mark_row(n, i) < n);
            assert_true(i == 0 || vec_mark_row(n, i) > vec_mark_row(n, i - 1));
        }
        if (looked) {
            assert_int_equal(vec_mark_row(n, 0), 0);
            assert_int_equal(vec_mark_row(n, looked - 1), n - 1);
        }
    }
    assert_int_equal(vec_mark_row(UINT32_MAX, VEC_MARK_ROWS - 1), UINT32_MAX - 1);
}

struct index {
    const char *name;
    enum lh_code (*save)(const struct vec_rows *rows, const char *path);
    enum lh_code (*open)(const char *path, const float *rows);
};

static enum lh_code save_flat(const struct vec_rows *rows, const char *path) {
    struct vec_flat *flat = NULL;
    ok(vec_flat_new(rows, &(struct vec_flat_config){.metric = VEC_L2, .threads = 1}, &flat, &err));
    enum lh_code code = vec_flat_save(flat, os_real(), path, false, &err);
    vec_flat_free(flat);
    return code;
}

static enum lh_code open_flat(const char *path, const float *rows) {
    struct vec_flat *flat = NULL;
    enum lh_code code = vec_flat_open(os_real(), path, rows, &flat, &err);
    vec_flat_free(flat);
    return code;
}

static enum lh_code save_ivf(const struct vec_rows *rows, const char *path) {
    struct vec_ivf *ivf = NULL;
    ok(vec_ivf_new(rows, &(struct vec_ivf_config){.metric = VEC_L2, .threads = 1}, &ivf, &err));
    enum lh_code code = vec_ivf_save(ivf, os_real(), path, false, &err);
    vec_ivf_free(ivf);
    return code;
}

static enum lh_code open_ivf(const char *path, const float *rows) {
    struct vec_ivf *ivf = NULL;
    enum lh_code code = vec_ivf_open(os_real(), path, rows, &ivf, &err);
    vec_ivf_free(ivf);
    return code;
}

/* A third of its rows inserted, so that they lie in two places. */
static enum lh_code save_graph(const struct vec_rows *rows, const char *path) {
    struct vec_hnsw *graph = NULL;
    const struct vec_rows begin = {.data = rows->data, .n = rows->n - rows->n / 3, .d = rows->d};
    const struct vec_rows rest = {.data = vec_row(rows, begin.n), .n = rows->n / 3, .d = rows->d};
    ok(vec_hnsw_build(&(struct vec_hnsw_config){.d = D, .metric = VEC_L2}, &begin, 1, &graph, &err));
    ok(vec_hnsw_extend(graph, &rest, 1, &err));
    enum lh_code code = vec_hnsw_save(graph, os_real(), path, false, &err);
    vec_hnsw_free(graph);
    return code;
}

static enum lh_code open_graph(const char *path, const float *rows) {
    struct vec_hnsw *graph = NULL;
    enum lh_code code = vec_hnsw_open(os_real(), path, &(struct vec_hnsw_open){.rows = rows}, &graph, &err);
    vec_hnsw_free(graph);
    return code;
}

static const struct index indexes[] = {
    {"flat", save_flat, open_flat}, {"ivf", save_ivf, open_ivf}, {"graph", save_graph, open_graph}};

static void test_other_rows_are_refused(void **state) {
    (void)state;
    char *folder = temp_dir_new();
    for (size_t i = 0; i < sizeof indexes / sizeof *indexes; i++) {
        LH_AUTO(mem) char *path = lh_asprintf("%s/%s.vec", folder, indexes[i].name);
        for (size_t n = 1; n <= N; n = n * 7 + 1) {
            float *rows = make_rows(n, D, GAUSSIAN, 1);
            float *others = make_rows(n, D, GAUSSIAN, 2);
            ok(indexes[i].save(&(struct vec_rows){.data = rows, .n = n, .d = D}, path));
            ok(indexes[i].open(path, rows));
            assert_int_equal(indexes[i].open(path, others), LH_INVALID);
            assert_non_null(strstr(err.message, "not those that the index was built on"));
            rows[n * D - 1] += 1; /* the last row is always looked at */
            assert_int_equal(indexes[i].open(path, rows), LH_INVALID);
            lh_free(rows);
            lh_free(others);
        }
    }
    temp_dir_free(folder);
}

/* A mark looks at some rows; the check of a graph's rows at all. */
static void test_a_graph_checks_every_row(void **state) {
    (void)state;
    char *folder = temp_dir_new();
    LH_AUTO(mem) char *path = lh_asprintf("%s/g.vec", folder);
    float *rows = make_rows(N, D, GAUSSIAN, 1);
    ok(save_graph(&(struct vec_rows){.data = rows, .n = N, .d = D}, path));
    for (uint32_t id = 1; id < N; id += 5) {
        struct vec_hnsw *graph = NULL;
        ok(vec_hnsw_open(os_real(), path, &(struct vec_hnsw_open){.rows = rows}, &graph, &err));
        float before = rows[(size_t)id * D];
        rows[(size_t)id * D] += 10;
        assert_int_equal(vec_hnsw_check_rows(graph, &err), LH_CORRUPT);
        assert_non_null(strstr(err.message, "another length"));
        rows[(size_t)id * D] = before;
        ok(vec_hnsw_check_rows(graph, &err));
        vec_hnsw_free(graph);
    }
    lh_free(rows);
    temp_dir_free(folder);
}

/* Files that hold their rows compare with them; those of before there were marks are taken. */
static void test_files_without_a_mark(void **state) {
    (void)state;
    char *folder = temp_dir_new();
    LH_AUTO(mem) char *path = lh_asprintf("%s/f.vec", folder);
    float *rows = make_rows(N, D, GAUSSIAN, 1);
    float *others = make_rows(N, D, GAUSSIAN, 2);
    struct vec_flat *flat = NULL;
    ok(vec_flat_new(&(struct vec_rows){.data = rows, .n = N, .d = D}, &(struct vec_flat_config){.threads = 1}, &flat,
                    &err));
    ok(vec_flat_save(flat, os_real(), path, true, &err));
    vec_flat_free(flat);
    ok(open_flat(path, NULL));
    ok(open_flat(path, rows));
    assert_int_equal(open_flat(path, others), LH_INVALID);

    const struct vec_file_head head = {.kind = VEC_FILE_FLAT, .metric = VEC_L2, .d = D, .n = N};
    LH_AUTO(vec_file_writer) struct vec_file_writer *writer = NULL;
    LH_AUTO(vec_file) struct vec_file *file = NULL;
    ok(vec_file_writer_new(os_real(), path, &head, &writer, &err));
    ok(vec_file_append(writer, "ILEN", rows, 4, &err));
    ok(vec_file_commit(writer, &err));
    ok(vec_file_open(os_real(), path, &file, &err));
    ok(vec_mark_check(file, others, &err));
    lh_free(rows);
    lh_free(others);
    temp_dir_free(folder);
}

static void test_segments(void **state) {
    (void)state;
    char *folder = temp_dir_new();
    LH_AUTO(mem) char *path = lh_asprintf("%s/index", folder);
    float *data = make_rows(N, D, GAUSSIAN, 1);
    const struct vec_rows begin = {.data = data, .n = 200, .d = D};
    const struct vec_rows more = {.data = data + 200 * D, .n = 100, .d = D};
    const struct vec_index_config config = {.d = D, .metric = VEC_L2, .kind = VEC_INDEX_GRAPH, .threads = 1};
    struct vec_index *index = NULL;
    struct vec_index_segment segment;
    struct vec_hnsw_report graph;
    uint32_t first = 0;
    ok(vec_index_create(os_real(), path, &config, &begin, &index, &err));
    ok(vec_index_append(index, &more, &first, &err));
    ok(vec_index_delete(index, 5, &err));
    ok(vec_index_delete(index, 201, &err));
    ok(vec_index_delete(index, 202, &err));
    assert_true(vec_index_segment(index, 0, &segment));
    assert_true(segment.graph && segment.first == 0 && segment.rows == 200 && segment.deleted == 1 && segment.file);
    assert_true(segment.index_bytes > 200 * D / 2);
    assert_true(vec_index_segment(index, 1, &segment));
    assert_true(!segment.graph && segment.first == 200 && segment.rows == 100 && segment.deleted == 2);
    assert_int_equal(segment.file, 0);
    assert_false(vec_index_segment(index, 2, &segment));
    ok(vec_index_check(index, true, &graph, &err));
    assert_int_equal(graph.reachable, 200);
    ok(vec_index_save(index, &err));
    ok(vec_index_check(index, true, NULL, &err));
    assert_true(vec_index_segment(index, 1, &segment));
    assert_int_not_equal(segment.file, 0);

    LH_AUTO(mem) char *file = lh_asprintf("%s/%016llx.vec", path, (unsigned long long)segment.file);
    FILE *damaged = fopen(file, "r+b");
    assert_non_null(damaged);
    assert_int_equal(fseek(damaged, -1, SEEK_END), 0);
    assert_int_equal(fputc(0x55, damaged), 0x55);
    assert_int_equal(fclose(damaged), 0);
    ok(vec_index_check(index, false, NULL, &err));
    assert_int_equal(vec_index_check(index, true, NULL, &err), LH_CORRUPT);
    assert_non_null(strstr(err.message, "segment 1"));
    vec_index_close(index);
    lh_free(data);
    temp_dir_free(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_looked_at),
        cmocka_unit_test(test_other_rows_are_refused),
        cmocka_unit_test(test_a_graph_checks_every_row),
        cmocka_unit_test(test_files_without_a_mark),
        cmocka_unit_test(test_segments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
