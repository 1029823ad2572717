/* Inverted lists to a file and back, changed after that, and what damage is answered with. */
#include "base/alloc.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "os/file.h"
#include "os/os.h"
#include "twin/temp_dir.h"
#include "unit/vector/data.h"
#include "unit/vector/seal.h"
#include "vector/file.h"
#include "vector/ivf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { N = 300, D = 20 };

static void ok(enum lh_code code, const struct lh_err *err) {
    if (code != LH_OK)
        fail_msg("%s: %s", lh_code_name(code), err->message);
}

static struct vec_ivf *build(const float *data, size_t n, enum vec_ivf_codes codes) {
    const struct vec_rows rows = {data, n, D};
    const struct vec_ivf_config config = {
        .metric = VEC_COSINE, .codes = codes, .lists = 7, .pq_bytes = 16, .seed = 3, .threads = 1};
    struct vec_ivf *ivf = NULL;
    struct lh_err err;
    ok(vec_ivf_new(&rows, &config, &ivf, &err), &err);
    return ivf;
}

static void same_answers(const struct vec_ivf *a, const struct vec_ivf *b, const float *data) {
    const struct vec_ivf *both[2] = {a, b};
    for (size_t i = 0; i < 20; i++) {
        struct vec_hit hits[2][5];
        size_t found[2];
        for (int s = 0; s < 2; s++) {
            struct vec_searcher *searcher = vec_ivf_searcher_new(both[s]);
            found[s] = vec_ivf_search(both[s], searcher, data + i * D, &(struct vec_search){.k = 5, .nprobe = 3},
                                      hits[s], NULL);
            vec_searcher_free(searcher);
        }
        assert_int_equal(found[0], found[1]);
        assert_memory_equal(hits[0], hits[1], found[0] * sizeof *hits[0]);
    }
}

static void lists_come_back_as_they_were(void **state) {
    (void)state;
    static const size_t sizes[] = {0, 1, 31, 33, N};
    char *folder = temp_dir_new();
    LH_AUTO(mem) char *path = lh_asprintf("%s/lists.vec", folder);
    LH_AUTO(mem) float *data = make_rows(N + 40, D, CLUSTERED, 3);
    for (int codes = VEC_IVF_RABITQ; codes <= VEC_IVF_PQ; codes++) {
        for (size_t i = 0; i < LH_ARRAY_LEN(sizes); i++) {
            struct vec_ivf *ivf = build(data, sizes[i], (enum vec_ivf_codes)codes);
            struct vec_ivf *back[2] = {NULL, NULL};
            struct lh_err err;
            if (sizes[i] > 10)
                assert_true(vec_ivf_delete(ivf, 7));
            ok(vec_ivf_save(ivf, os_real(), path, false, &err), &err);
            assert_int_equal(vec_ivf_open(os_real(), path, NULL, &back[0], &err), LH_INVALID);
            ok(vec_ivf_open(os_real(), path, data, &back[0], &err), &err);
            ok(vec_ivf_save(ivf, os_real(), path, true, &err), &err);
            ok(vec_ivf_open(os_real(), path, NULL, &back[1], &err), &err);
            const struct vec_rows more = {data, sizes[i] + 40, D};
            for (int b = 0; b < 2; b++) {
                assert_int_equal(vec_ivf_count(back[b]), sizes[i]);
                assert_int_equal(vec_ivf_lists(back[b]), vec_ivf_lists(ivf));
                same_answers(ivf, back[b], data);
                assert_false(vec_ivf_delete(back[b], 7));
            }
            /* changed in memory, the map below it stays as it is */
            ok(vec_ivf_extend(ivf, &more, &err), &err);
            ok(vec_ivf_extend(back[1], &more, &err), &err);
            for (uint32_t id = 0; id < more.n; id += 9)
                assert_int_equal(vec_ivf_delete(ivf, id), vec_ivf_delete(back[1], id));
            same_answers(ivf, back[1], data);
            ok(vec_ivf_save(back[1], os_real(), path, true, &err), &err);
            vec_ivf_free(back[0]);
            ok(vec_ivf_open(os_real(), path, NULL, &back[0], &err), &err);
            same_answers(ivf, back[0], data);
            vec_ivf_free(back[0]);
            vec_ivf_free(back[1]);
            vec_ivf_free(ivf);
        }
    }
    temp_dir_free(folder);
}

/* What opening must find out by itself; the rest is asked when it is read (test_damage.c), or never. */
static bool is_read_by_opening(const char *tag) {
    return strcmp(tag, "CODE") != 0 && strcmp(tag, "ROWS") != 0;
}

static void use(struct vec_ivf *ivf, const float *query) {
    struct vec_searcher *searcher = vec_ivf_searcher_new(ivf);
    const uint64_t allowed[1] = {UINT64_MAX};
    const struct vec_search searches[] = {{.k = 4}, {.k = 60, .nprobe = 9, .allowed = allowed}};
    struct vec_hit hits[60];
    for (size_t i = 0; i < LH_ARRAY_LEN(searches); i++)
        assert_true(vec_ivf_search(ivf, searcher, query, &searches[i], hits, NULL) <= searches[i].k);
    vec_ivf_delete(ivf, 3);
    assert_true(vec_ivf_search(ivf, searcher, query, &searches[0], hits, NULL) <= 4);
    vec_searcher_free(searcher);
}

static void damage(const unsigned char *data, size_t size, size_t at, const char *tag, const float *query) {
    LH_AUTO(mem) unsigned char *copy = lh_malloc_aligned(64, size);
    struct vec_file *file = NULL;
    struct vec_ivf *ivf = NULL;
    struct lh_err err;
    memcpy(copy, data, size);
    copy[at] ^= 0xff;
    ok(vec_file_open_memory(copy, size, &file, &err), &err);
    assert_int_equal(vec_file_verify(file, &err), LH_CORRUPT);
    enum lh_code code = vec_ivf_open_file(file, NULL, &ivf, &err);
    if (code != LH_OK) {
        assert_int_equal(code, LH_CORRUPT);
        assert_true(is_read_by_opening(tag));
        vec_file_close(file);
        return;
    }
    assert_false(is_read_by_opening(tag));
    use(ivf, query);
    vec_ivf_free(ivf);
}

/* Bytes of every section in turn. */
static void damage_is_refused_or_does_not_hurt(void **state) {
    (void)state;
    char *folder = temp_dir_new();
    LH_AUTO(mem) char *path = lh_asprintf("%s/lists.vec", folder);
    LH_AUTO(mem) float *data = make_rows(60, D, GAUSSIAN, 5);
    for (int codes = VEC_IVF_RABITQ; codes <= VEC_IVF_PQ; codes++) {
        struct vec_ivf *ivf = build(data, 50, (enum vec_ivf_codes)codes);
        struct buf whole = BUF_INIT;
        struct vec_file *file = NULL;
        struct lh_err err;
        assert_true(vec_ivf_delete(ivf, 11));
        ok(vec_ivf_save(ivf, os_real(), path, true, &err), &err);
        vec_ivf_free(ivf);
        ok(os_read_file(os_real(), AT_FDCWD, path, 1 << 20, &whole, &err), &err);
        LH_AUTO(mem) unsigned char *bytes = lh_malloc_aligned(64, whole.len);
        memcpy(bytes, whole.data, whole.len);
        ok(vec_file_open_memory(bytes, whole.len, &file, &err), &err);
        char tag[5];
        uint64_t length = 0;
        for (size_t i = 0; vec_file_list(file, i, tag, &length); i++) {
            const unsigned char *section = vec_file_find(file, tag, &length);
            for (size_t at = 0; at<length; at += length> 2000 ? length / 101 : 1)
                damage(bytes, whole.len, (size_t)(section - bytes) + at, tag, data);
        }
        vec_file_close(file);
        for (size_t cut = 0; cut < whole.len; cut += 997)
            assert_int_equal(vec_file_open_memory(bytes, cut, &file, &err), LH_CORRUPT);
        buf_release(&whole);
    }
    temp_dir_free(folder);
}

/* The four rows of tests/golden/vector/make.mjs. */
static void the_golden_files_are_read(void **state) {
    (void)state;
    static const char *const names[] = {"lists", "pq"};
    for (size_t i = 0; i < 2; i++) {
        LH_AUTO(mem) char *path = lh_asprintf("%s/tests/golden/vector/%s.vec", LH_TEST_SOURCE_DIR, names[i]);
        struct vec_ivf *ivf = NULL;
        struct vec_scan_report report;
        struct vec_hit hits[5];
        struct lh_err err;
        const float query[2] = {1, 1};
        const struct vec_hit wanted[4] = {{1, 1}, {2, 0}, {2, 2}, {8, 3}};
        ok(vec_ivf_open(os_real(), path, NULL, &ivf, &err), &err);
        ok(vec_ivf_check(ivf, &report, &err), &err);
        assert_int_equal(report.live, 4);
        assert_int_equal(report.lists, 2);
        assert_int_equal(report.longest, 3);
        struct vec_searcher *searcher = vec_ivf_searcher_new(ivf);
        assert_int_equal(vec_ivf_search(ivf, searcher, query, &(struct vec_search){.k = 5, .nprobe = 2}, hits, NULL),
                         4);
        assert_memory_equal(hits, wanted, sizeof wanted);
        vec_searcher_free(searcher);
        vec_ivf_free(ivf);
    }
}

/* A float of a section that opening does not read, changed and sealed, as a program at fault would. */
static void the_validator_names_what_opening_passes_over(void **state) {
    (void)state;
    static const struct {
        enum vec_ivf_codes codes;
        const char *tag;
        size_t offset;
        float value;
    } faults[] = {
        {VEC_IVF_RABITQ, "CODE", 256, NAN}, {VEC_IVF_RABITQ, "CODE", 256, INFINITY}, {VEC_IVF_RABITQ, "CODE", 512, -1},
        {VEC_IVF_RABITQ, "ILEN", 0, 123},   {VEC_IVF_PQ, "ADDS", 0, -INFINITY},      {VEC_IVF_PQ, "ILEN", 4, NAN},
    };
    char *folder = temp_dir_new();
    LH_AUTO(mem) char *path = lh_asprintf("%s/lists.vec", folder);
    LH_AUTO(mem) float *data = make_rows(60, D, GAUSSIAN, 5);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        struct vec_ivf *ivf = build(data, 50, faults[i].codes);
        struct vec_scan_report report;
        struct buf whole = BUF_INIT;
        struct vec_file *file = NULL;
        struct lh_err err;
        assert_true(vec_ivf_delete(ivf, 11));
        ok(vec_ivf_check(ivf, &report, &err), &err);
        assert_int_equal(report.live, 49);
        assert_int_equal(report.deleted, 1);
        ok(vec_ivf_save(ivf, os_real(), path, true, &err), &err);
        vec_ivf_free(ivf);
        ok(os_read_file(os_real(), AT_FDCWD, path, 1 << 20, &whole, &err), &err);
        unsigned char *bytes = lh_malloc_aligned(64, whole.len);
        memcpy(bytes, whole.data, whole.len);
        ok(vec_file_open_memory(bytes, whole.len, &file, &err), &err);
        uint64_t length = 0;
        unsigned char *section = (unsigned char *)(uintptr_t)vec_file_find(file, faults[i].tag, &length);
        memcpy(section + faults[i].offset, &faults[i].value, sizeof(float));
        vec_file_close(file);
        seal_sections(bytes, whole.len);
        seal_front(bytes);
        ok(vec_file_open_memory(bytes, whole.len, &file, &err), &err);
        ok(vec_ivf_open_file(file, NULL, &ivf, &err), &err);
        assert_int_equal(vec_ivf_check(ivf, &report, &err), LH_CORRUPT);
        vec_ivf_free(ivf);
        lh_free(bytes);
        buf_release(&whole);
    }
    temp_dir_free(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_come_back_as_they_were),
        cmocka_unit_test(the_golden_files_are_read),
        cmocka_unit_test(the_validator_names_what_opening_passes_over),
        cmocka_unit_test(damage_is_refused_or_does_not_hurt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
