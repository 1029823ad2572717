/* Index files: a graph there and back, the golden file, and what damage of every kind is answered with. */
#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "os/file.h"
#include "os/os.h"
#include "twin/temp_dir.h"
#include "unit/vector/seal.h"
#include "vector/file.h"
#include "vector/flat.h"
#include "vector/hnsw.h"
#include "vector/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { N = 300, D = 20, TABLE = 64 };

static void ok(enum lh_code code, const struct lh_err *err) {
    if (code != LH_OK)
        fail_msg("%s: %s", lh_code_name(code), err->message);
}

static float *random_rows(size_t n, uint32_t d) {
    struct vec_random random;
    float *data = lh_calloc(n * d + 1, sizeof *data);
    vec_random_init(&random, 9);
    for (size_t i = 0; i < n * d; i++)
        data[i] = (float)vec_random_gauss(&random);
    return data;
}

static struct vec_hnsw *build(const float *data, size_t n) {
    const struct vec_hnsw_config config = {.d = D, .metric = VEC_L2, .m = 4, .seed = 7};
    const struct vec_rows rows = {.data = data, .n = n, .d = D};
    struct vec_hnsw *graph = NULL;
    struct lh_err err;
    ok(vec_hnsw_build(&config, &rows, 1, &graph, &err), &err);
    return graph;
}

static void same_answers(struct vec_hnsw *a, struct vec_hnsw *b, const float *data, uint32_t rerank) {
    struct vec_hnsw_cursor *cursors[2] = {vec_hnsw_cursor_new(a), vec_hnsw_cursor_new(b)};
    const struct vec_hnsw_search search = {.k = 5, .ef = 30, .rerank = rerank};
    for (size_t i = 0; i < 20; i++) {
        struct vec_hit hits[2][5];
        size_t n = vec_hnsw_search(cursors[0], data + i * D, &search, hits[0]);
        assert_int_equal(vec_hnsw_search(cursors[1], data + i * D, &search, hits[1]), n);
        assert_memory_equal(hits[0], hits[1], n * sizeof *hits[0]);
        const struct vec_hnsw_search patient[2] = {
            {.k = 1 + (uint32_t)i % 5, .ef = 300, .rerank = rerank},
            {.k = 1 + (uint32_t)i % 5, .ef = 300, .rerank = rerank, .on_disk = true}};
        n = vec_hnsw_search(cursors[0], data + i * D, &patient[0], hits[0]);
        assert_int_equal(vec_hnsw_search(cursors[1], data + i * D, &patient[1], hits[1]), n);
        assert_memory_equal(hits[0], hits[1], n * sizeof *hits[0]);
    }
    vec_hnsw_cursor_free(cursors[0]);
    vec_hnsw_cursor_free(cursors[1]);
}

static void a_graph_comes_back_as_it_was(void **state) {
    (void)state;
    static const struct {
        size_t n;
        bool with_rows, writable;
    } table[] = {{N, true, false}, {N, true, true}, {N, false, false}, {N, false, true},
                 {1, true, false}, {0, true, true}, {0, false, false}};
    char *folder = temp_dir_new();
    LH_AUTO(mem) char *path = lh_asprintf("%s/graph.vec", folder);
    LH_AUTO(mem) float *data = random_rows(N + 20, D);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct vec_hnsw *graph = build(data, table[i].n);
        struct vec_hnsw *back = NULL;
        struct vec_hnsw_report report;
        struct lh_err err;
        if (table[i].n > 10)
            ok(vec_hnsw_delete(graph, 5, &err), &err);
        ok(vec_hnsw_save(graph, os_real(), path, table[i].with_rows, &err), &err);
        const struct vec_hnsw_open how = {.rows = table[i].with_rows ? NULL : data, .writable = table[i].writable};
        ok(vec_hnsw_open(os_real(), path, &how, &back, &err), &err);
        ok(vec_hnsw_check(back, &report, &err), &err);
        same_answers(graph, back, data, 0);
        struct vec_hnsw_cursor *cursor = vec_hnsw_cursor_new(back);
        uint32_t id = 0;
        if (table[i].writable) {
            ok(vec_hnsw_insert(cursor, data + (size_t)N * D, &id, &err), &err);
            assert_int_equal(id, table[i].n);
            assert_memory_equal(vec_hnsw_row(back, id), data + (size_t)N * D, D * sizeof(float));
            ok(vec_hnsw_save(back, os_real(), path, true, &err), &err); /* while it is mapped: replaced, not changed */
            ok(vec_hnsw_check(back, &report, &err), &err);
        } else {
            assert_int_equal(vec_hnsw_insert(cursor, data, &id, &err), LH_UNSUPPORTED);
            assert_int_equal(vec_hnsw_delete(back, 0, &err), LH_UNSUPPORTED);
        }
        vec_hnsw_cursor_free(cursor);
        vec_hnsw_free(back);
        vec_hnsw_free(graph);
    }
    temp_dir_free(folder);
}

static void without_rows_answers_are_estimates(void **state) {
    (void)state;
    char *folder = temp_dir_new();
    LH_AUTO(mem) char *path = lh_asprintf("%s/graph.vec", folder);
    LH_AUTO(mem) float *data = random_rows(N, D);
    struct vec_hnsw *graph = build(data, N);
    struct vec_hnsw *back = NULL;
    struct lh_err err;
    ok(vec_hnsw_save(graph, os_real(), path, false, &err), &err);
    ok(vec_hnsw_open(os_real(), path, &(struct vec_hnsw_open){0}, &back, &err), &err);
    assert_null(vec_hnsw_row(back, 0));
    same_answers(graph, back, data, UINT32_MAX);
    assert_int_equal(vec_hnsw_save(back, os_real(), path, true, &err), LH_INVALID);
    vec_hnsw_free(back);
    vec_hnsw_free(graph);
    temp_dir_free(folder);
}

/* A file's bytes where sections may be mapped: aligned like pages. */
static unsigned char *aligned_copy(const void *data, size_t size) {
    unsigned char *copy = lh_malloc_aligned(64, size + 1);
    memcpy(copy, data, size);
    return copy;
}

static unsigned char *golden(size_t *ret_size) {
    struct buf data = BUF_INIT;
    struct lh_err err;
    ok(os_read_file(os_real(), AT_FDCWD, LH_TEST_SOURCE_DIR "/tests/golden/vector/graph.vec", 1 << 20, &data, &err),
       &err);
    unsigned char *copy = aligned_copy(data.data, data.len);
    *ret_size = data.len;
    buf_release(&data);
    return copy;
}

static void the_golden_file_is_read(void **state) {
    (void)state;
    size_t size = 0;
    LH_AUTO(mem) unsigned char *data = golden(&size);
    struct vec_file *file = NULL;
    struct vec_hnsw *graph = NULL;
    struct vec_hnsw_report report;
    struct lh_err err;
    ok(vec_file_open_memory(data, size, &file, &err), &err);
    ok(vec_file_verify(file, &err), &err);
    ok(vec_hnsw_open_file(file, &(struct vec_hnsw_open){0}, &graph, &err), &err);
    ok(vec_hnsw_check(graph, &report, &err), &err);
    assert_int_equal(report.reachable, 4);
    assert_int_equal(report.levels[1], 1);
    struct vec_hnsw_cursor *cursor = vec_hnsw_cursor_new(graph);
    struct vec_hit hits[4];
    const float query[2] = {1, 1};
    const struct vec_hit wanted[4] = {{1, 1}, {2, 0}, {2, 2}, {8, 3}};
    assert_int_equal(vec_hnsw_search(cursor, query, &(struct vec_hnsw_search){.k = 4}, hits), 4);
    assert_memory_equal(hits, wanted, sizeof wanted);
    vec_hnsw_cursor_free(cursor);
    vec_hnsw_free(graph);
}

static void the_golden_flat_is_read(void **state) {
    (void)state;
    struct vec_flat *flat = NULL;
    struct vec_scan_report report;
    struct vec_hit hits[4];
    struct lh_err err;
    const float query[2] = {1, 1};
    const struct vec_hit wanted[3] = {{1, 1}, {2, 0}, {8, 3}}; /* row 2 is deleted */
    ok(vec_flat_open(os_real(), LH_TEST_SOURCE_DIR "/tests/golden/vector/flat.vec", NULL, &flat, &err), &err);
    ok(vec_flat_check(flat, &report, &err), &err);
    assert_int_equal(report.live, 3);
    assert_int_equal(report.deleted, 1);
    struct vec_searcher *searcher = vec_flat_searcher_new(flat);
    assert_int_equal(vec_flat_search(flat, searcher, query, &(struct vec_search){.k = 4}, hits, NULL), 3);
    assert_memory_equal(hits, wanted, sizeof wanted);
    vec_searcher_free(searcher);
    vec_flat_free(flat);
}

static void put32(unsigned char *at, uint32_t value) {
    memcpy(at, &value, sizeof value);
}

static const struct {
    const char *name;
    size_t offset;
    uint32_t value;
    bool sealed;
    enum lh_code code;
} damages[] = {
    {"magic", 0, 0, true, LH_CORRUPT},
    {"a later version", 8, 3, true, LH_UNSUPPORTED},
    {"the version before", 8, 1, true, LH_UNSUPPORTED},
    {"version, not sealed", 8, 1, false, LH_CORRUPT},
    {"kind 0", 12, 0, true, LH_CORRUPT},
    {"kind 9", 12, 9, true, LH_CORRUPT},
    {"another kind", 12, 1, true, LH_CORRUPT},
    {"metric", 16, 3, true, LH_CORRUPT},
    {"no dimensions", 20, 0, true, LH_CORRUPT},
    {"other dimensions", 20, 65, true, LH_CORRUPT},
    {"absurd dimensions", 20, 0x7fffffff, true, LH_CORRUPT},
    {"rows", 24, 5, true, LH_CORRUPT},
    {"absurd rows", 28, 1, true, LH_CORRUPT},
    {"size", 40, 4096, true, LH_CORRUPT},
    {"no sections", 48, 0, true, LH_CORRUPT},
    {"too many sections", 48, 65, true, LH_CORRUPT},
    {"sections that are zero", 48, 11, true, LH_CORRUPT},
    {"table, not sealed", TABLE + 4, 1, false, LH_CORRUPT},
    {"an offset that is not aligned", TABLE + 8, 4160, true, LH_CORRUPT},
    {"an offset in the header", TABLE + 8, 0, true, LH_CORRUPT},
    {"an offset past the end", TABLE + 12, 1, true, LH_CORRUPT},
    {"a length past the end", TABLE + 16, 1 << 20, true, LH_CORRUPT},
    {"a length that wraps", TABLE + 20, 0xffffffff, true, LH_CORRUPT},
    {"a tag twice", TABLE, 0x4749524f, true, LH_CORRUPT},
    {"a tag missing", TABLE + 4 * 32, 0x58585858, true, LH_CORRUPT},
    {"m of 0", 4096, 0, true, LH_CORRUPT},
    {"m of 65", 4096, 65, true, LH_CORRUPT},
    {"another m", 4096, 3, true, LH_CORRUPT},
    {"another count", 4096 + 8, 3, true, LH_CORRUPT},
    {"more dead than there are", 4096 + 12, 5, true, LH_CORRUPT},
    {"another D", 4096 + 20, 128, true, LH_CORRUPT},
    {"another stride", 4096 + 24, 128, true, LH_CORRUPT},
    {"an entry out of range", 4096 + 32, 4, true, LH_CORRUPT},
    {"an entry too high", 4096 + 36, 25, true, LH_CORRUPT},
};

static enum lh_code try_open(const unsigned char *data, size_t size, bool writable) {
    struct vec_file *file = NULL;
    struct vec_hnsw *graph = NULL;
    struct lh_err err;
    enum lh_code code = vec_file_open_memory(data, size, &file, &err);
    if (code != LH_OK)
        return code;
    code = vec_hnsw_open_file(file, &(struct vec_hnsw_open){.writable = writable}, &graph, &err);
    if (code != LH_OK)
        vec_file_close(file);
    vec_hnsw_free(graph);
    return code;
}

/* A section that says other things is sealed as a whole; where the table does, its checksums stay as they are. */
static void seal_damage(unsigned char *data, size_t size, size_t at) {
    if (at >= 4096)
        seal_sections(data, size);
    seal_front(data);
}

static void damage_is_refused(void **state) {
    (void)state;
    size_t size = 0;
    LH_AUTO(mem) unsigned char *data = golden(&size);
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        LH_AUTO(mem) unsigned char *copy = aligned_copy(data, size);
        put32(copy + damages[i].offset, damages[i].value);
        if (damages[i].sealed)
            seal_damage(copy, size, damages[i].offset);
        enum lh_code code = try_open(copy, size, false);
        if (code != damages[i].code)
            fail_msg("%s: %s", damages[i].name, lh_code_name(code));
    }
    for (uint32_t kind = VEC_FILE_FLAT; kind <= VEC_FILE_CHUNKS;
         kind++) { /* lists of segments and chunks are still read */
        LH_AUTO(mem) unsigned char *copy = aligned_copy(data, size);
        LH_AUTO(vec_file) struct vec_file *file = NULL;
        struct lh_err err;
        put32(copy + 8, 1);
        put32(copy + 12, kind);
        seal_front(copy);
        assert_int_equal(vec_file_open_memory(copy, size, &file, &err), kind < VEC_FILE_INDEX ? LH_UNSUPPORTED : LH_OK);
    }
    for (size_t cut = 0; cut < size; cut += cut < 4200 ? 7 : 501)
        assert_int_equal(try_open(data, cut, false), LH_CORRUPT);
}

/* Every byte of every section in turn: mapped, it may be believed but must not hurt; to be written on, it is refused. */
static void damaged_sections_do_not_hurt(void **state) {
    (void)state;
    size_t size = 0;
    LH_AUTO(mem) unsigned char *data = golden(&size);
    struct vec_file *file = NULL;
    struct lh_err err;
    ok(vec_file_open_memory(data, size, &file, &err), &err);
    char tag[5];
    uint64_t bytes = 0;
    for (size_t i = 0; vec_file_list(file, i, tag, &bytes); i++) {
        const unsigned char *section = vec_file_find(file, tag, &bytes);
        for (size_t at = 0; at < bytes; at++) {
            LH_AUTO(mem) unsigned char *copy = aligned_copy(data, size);
            copy[(size_t)(section - data) + at] ^= 0xff;
            struct vec_file *damaged = NULL;
            struct vec_hnsw *graph = NULL;
            assert_int_equal(try_open(copy, size, true), LH_CORRUPT);
            ok(vec_file_open_memory(copy, size, &damaged, &err), &err);
            assert_int_equal(vec_file_verify(damaged, &err), LH_CORRUPT);
            assert_non_null(strstr(err.message, tag));
            if (vec_hnsw_open_file(damaged, &(struct vec_hnsw_open){0}, &graph, &err) != LH_OK) {
                vec_file_close(damaged);
                continue;
            }
            struct vec_hnsw_cursor *cursor = vec_hnsw_cursor_new(graph);
            struct vec_hit hits[4];
            const float query[2] = {1, 1};
            assert_true(vec_hnsw_search(cursor, query, &(struct vec_hnsw_search){.k = 4}, hits) <= 4);
            vec_hnsw_cursor_free(cursor);
            vec_hnsw_free(graph);
        }
    }
    vec_file_close(file);
}

static void a_flat_comes_back_as_it_was(void **state) {
    (void)state;
    char *folder = temp_dir_new();
    LH_AUTO(mem) char *path = lh_asprintf("%s/flat.vec", folder);
    LH_AUTO(mem) float *data = random_rows(N, D);
    static const size_t sizes[] = {0, 1, 31, 32, 33, N};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const struct vec_rows rows = {.data = data, .n = sizes[i], .d = D};
        const struct vec_flat_config config = {.metric = VEC_COSINE, .seed = 3, .threads = 1};
        struct vec_flat *flats[3] = {NULL, NULL, NULL};
        struct vec_hit hits[3][5];
        size_t found[3];
        struct lh_err err;
        ok(vec_flat_new(&rows, &config, &flats[0], &err), &err);
        if (sizes[i] > 10)
            assert_true(vec_flat_delete(flats[0], 7));
        ok(vec_flat_save(flats[0], os_real(), path, false, &err), &err);
        assert_int_equal(vec_flat_open(os_real(), path, NULL, &flats[1], &err), LH_INVALID);
        ok(vec_flat_open(os_real(), path, data, &flats[1], &err), &err);
        ok(vec_flat_save(flats[0], os_real(), path, true, &err), &err);
        ok(vec_flat_open(os_real(), path, NULL, &flats[2], &err), &err);
        for (size_t f = 0; f < 3; f++) {
            struct vec_searcher *searcher = vec_flat_searcher_new(flats[f]);
            found[f] = vec_flat_search(flats[f], searcher, data, &(struct vec_search){.k = 5}, hits[f], NULL);
            assert_int_equal(found[f], found[0]);
            assert_memory_equal(hits[f], hits[0], found[0] * sizeof *hits[0]);
            assert_int_equal(vec_flat_delete(flats[f], 7), false);
            vec_searcher_free(searcher);
        }
        for (size_t f = 0; f < 3; f++)
            vec_flat_free(flats[f]);
        struct vec_hnsw *graph = NULL;
        assert_int_equal(vec_hnsw_open(os_real(), path, &(struct vec_hnsw_open){0}, &graph, &err), LH_CORRUPT);
    }
    temp_dir_free(folder);
}

static void a_writer_that_is_dropped_leaves_nothing(void **state) {
    (void)state;
    char *folder = temp_dir_new();
    LH_AUTO(mem) char *path = lh_asprintf("%s/index.vec", folder);
    LH_AUTO(mem) char *nowhere = lh_asprintf("%s/none/index.vec", folder);
    const struct vec_file_head head = {.kind = VEC_FILE_FLAT, .metric = VEC_DOT, .d = 3, .n = 2, .seed = 5};
    struct vec_file_writer *writer = NULL;
    struct vec_file *file = NULL;
    struct lh_err err;
    char **names = NULL;
    size_t count = 0;
    assert_int_equal(vec_file_writer_new(os_real(), nowhere, &head, &writer, &err), LH_NOT_FOUND);
    ok(vec_file_writer_new(os_real(), path, &head, &writer, &err), &err);
    ok(vec_file_append(writer, "DATA", "abc", 3, &err), &err);
    vec_file_writer_free(writer);
    ok(os_list_dir(os_real(), AT_FDCWD, folder, 0, &names, &count, &err), &err);
    assert_int_equal(count, 0);
    os_list_free(names, count);

    ok(vec_file_writer_new(os_real(), path, &head, &writer, &err), &err);
    ok(vec_file_append(writer, "DATA", "abc", 3, &err), &err);
    ok(vec_file_append(writer, "DATA", "defg", 4, &err), &err);
    ok(vec_file_append(writer, "MORE", "", 0, &err), &err);
    ok(vec_file_commit(writer, &err), &err);
    vec_file_writer_free(writer);
    ok(vec_file_open(os_real(), path, &file, &err), &err);
    const struct vec_file_head *back = vec_file_head(file);
    assert_true(back->kind == head.kind && back->metric == head.metric && back->d == head.d);
    assert_true(back->n == head.n && back->seed == head.seed);
    const void *data = NULL;
    ok(vec_file_section(file, "DATA", 7, &data, &err), &err);
    assert_memory_equal(data, "abcdefg", 7);
    ok(vec_file_section(file, "MORE", 0, &data, &err), &err);
    assert_int_equal(vec_file_section(file, "DATA", 8, &data, &err), LH_CORRUPT);
    assert_int_equal(vec_file_section(file, "NONE", 0, &data, &err), LH_CORRUPT);
    ok(vec_file_verify(file, &err), &err);
    vec_file_close(file);
    assert_int_equal(vec_file_open(os_real(), folder, &file, &err), LH_CORRUPT);
    assert_int_equal(vec_file_open(os_real(), nowhere, &file, &err), LH_NOT_FOUND);
    temp_dir_free(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_graph_comes_back_as_it_was), cmocka_unit_test(without_rows_answers_are_estimates),
        cmocka_unit_test(a_flat_comes_back_as_it_was),  cmocka_unit_test(the_golden_file_is_read),
        cmocka_unit_test(the_golden_flat_is_read),      cmocka_unit_test(damage_is_refused),
        cmocka_unit_test(damaged_sections_do_not_hurt), cmocka_unit_test(a_writer_that_is_dropped_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
