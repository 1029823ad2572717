/* One bit turned over anywhere in a file, but in the full vectors: opening it is an error, or every answer is right. */
#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "os/file.h"
#include "os/os.h"
#include "twin/temp_dir.h"
#include "unit/vector/data.h"
#include "vector/file.h"
#include "vector/flat.h"
#include "vector/hnsw.h"
#include "vector/ivf.h"
#include "vector/recall.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { N = 600, D = 40, QUERIES = 12, K = 5, DELETED = 11, FLIPS = 60 /* a section */ };

static void ok(enum lh_code code, const struct lh_err *err) {
    if (code != LH_OK)
        fail_msg("%s: %s", lh_code_name(code), err->message);
}

enum kind { GRAPH, FLAT, IVF, IVF_PQ, KINDS };
static const char *const names[] = {"graph", "flat", "ivf", "ivf, pq"};

static void save(enum kind kind, enum vec_metric metric, const struct vec_rows *rows, const char *path) {
    const struct vec_hnsw_config graph_config = {.d = D, .metric = metric, .seed = 3};
    const struct vec_flat_config flat_config = {.metric = metric, .seed = 3, .threads = 1};
    const struct vec_ivf_config ivf_config = {.metric = metric,
                                              .codes = kind == IVF ? VEC_IVF_RABITQ : VEC_IVF_PQ,
                                              .lists = 9,
                                              .pq_bytes = 32,
                                              .seed = 3,
                                              .threads = 1};
    struct vec_hnsw *graph = NULL;
    struct vec_flat *flat = NULL;
    struct vec_ivf *ivf = NULL;
    struct lh_err err;
    if (kind == GRAPH) {
        ok(vec_hnsw_build(&graph_config, rows, 1, &graph, &err), &err);
        ok(vec_hnsw_delete(graph, DELETED, &err), &err);
        ok(vec_hnsw_save(graph, os_real(), path, true, &err), &err);
    } else if (kind == FLAT) {
        ok(vec_flat_new(rows, &flat_config, &flat, &err), &err);
        assert_true(vec_flat_delete(flat, DELETED));
        ok(vec_flat_save(flat, os_real(), path, true, &err), &err);
    } else {
        ok(vec_ivf_new(rows, &ivf_config, &ivf, &err), &err);
        assert_true(vec_ivf_delete(ivf, DELETED));
        ok(vec_ivf_save(ivf, os_real(), path, true, &err), &err);
    }
    vec_hnsw_free(graph);
    vec_flat_free(flat);
    vec_ivf_free(ivf);
}

struct opened {
    struct vec_hnsw *graph;
    struct vec_flat *flat;
    struct vec_ivf *ivf;
    struct vec_hnsw_cursor *cursor;
    struct vec_searcher *searcher;
};

static enum lh_code open_bytes(enum kind kind, const unsigned char *data, size_t size, struct opened *opened,
                               struct lh_err *err) {
    struct vec_file *file = NULL;
    *opened = (struct opened){0};
    LH_TRY(vec_file_open_memory(data, size, &file, err));
    enum lh_code code = kind == GRAPH  ? vec_hnsw_open_file(file, &(struct vec_hnsw_open){0}, &opened->graph, err)
                        : kind == FLAT ? vec_flat_open_file(file, NULL, &opened->flat, err)
                                       : vec_ivf_open_file(file, NULL, &opened->ivf, err);
    if (code != LH_OK) {
        vec_file_close(file);
        return code;
    }
    opened->cursor = opened->graph ? vec_hnsw_cursor_new(opened->graph) : NULL;
    opened->searcher = opened->flat  ? vec_flat_searcher_new(opened->flat)
                       : opened->ivf ? vec_ivf_searcher_new(opened->ivf)
                                     : NULL;
    return LH_OK;
}

static void close_all(struct opened *opened) {
    vec_hnsw_cursor_free(opened->cursor);
    vec_searcher_free(opened->searcher);
    vec_hnsw_free(opened->graph);
    vec_flat_free(opened->flat);
    vec_ivf_free(opened->ivf);
}

static size_t search(struct opened *opened, const float *query, struct vec_hit *hits) {
    const struct vec_search scan = {.k = K, .epsilon = 3, .nprobe = 9, .refine = 100};
    if (opened->graph)
        return vec_hnsw_search(opened->cursor, query, &(struct vec_hnsw_search){.k = K, .ef = 300}, hits);
    return opened->flat ? vec_flat_search(opened->flat, opened->searcher, query, &scan, hits, NULL)
                        : vec_ivf_search(opened->ivf, opened->searcher, query, &scan, hits, NULL);
}

/* With such wide searches every answer is the exact one. */
static void answers_are_right(struct opened *opened, const float *queries, const struct vec_hit *truth,
                              const char *name, const char *tag, size_t bit) {
    for (size_t q = 0; q < QUERIES; q++) {
        struct vec_hit hits[K];
        size_t found = search(opened, queries + q * D, hits);
        if (found != K)
            fail_msg("%s, bit %zu of %s: query %zu finds %zu", name, bit, tag, q, found);
        for (size_t i = 0; i < K; i++) {
            const struct vec_hit *want = &truth[q * K + i];
            if (hits[i].id != want->id || fabsf(hits[i].dist - want->dist) > 1e-5f * (1 + fabsf(want->dist)))
                fail_msg("%s, bit %zu of %s: query %zu finds %u at %g, not %u at %g", name, bit, tag, q, hits[i].id,
                         (double)hits[i].dist, want->id, (double)want->dist);
        }
    }
}

static void turn_bits(enum kind kind, const unsigned char *bytes, size_t size, const float *queries,
                      const struct vec_hit *truth, size_t *ret_refused) {
    LH_AUTO(mem) unsigned char *copy = lh_malloc_aligned(64, size);
    LH_AUTO(vec_file) struct vec_file *file = NULL;
    struct vec_random random;
    struct lh_err err;
    char tag[5];
    uint64_t length = 0;
    vec_random_init(&random, 5);
    memcpy(copy, bytes, size);
    ok(vec_file_open_memory(bytes, size, &file, &err), &err);
    for (size_t s = 0; vec_file_list(file, s, tag, &length); s++) {
        size_t start = (size_t)((const unsigned char *)vec_file_find(file, tag, &length) - bytes);
        for (size_t flip = 0; flip < FLIPS && strcmp(tag, "ROWS") != 0; flip++) {
            size_t bit = vec_random_below(&random, (uint32_t)(8 * length));
            unsigned char *at = &copy[start + bit / 8];
            struct opened opened;
            *at ^= (unsigned char)(1u << (bit % 8));
            enum lh_code code = open_bytes(kind, copy, size, &opened, &err);
            if (code == LH_OK)
                answers_are_right(&opened, queries, truth, names[kind], tag, bit);
            else
                assert_int_equal(code, LH_CORRUPT);
            *ret_refused += code != LH_OK;
            close_all(&opened);
            *at ^= (unsigned char)(1u << (bit % 8));
        }
    }
}

/* Rows, some of them copies, and queries behind them. */
static float *make_data(void) {
    float *x = make_rows(N + QUERIES, D, GAUSSIAN, 8);
    for (size_t i = 100; i < 130; i++)
        memcpy(x + i * D, x + 99 * D, D * sizeof *x);
    return x;
}

static void a_turned_bit_is_refused_or_answered_right(void **state) {
    (void)state;
    char *folder = temp_dir_new();
    LH_AUTO(mem) char *path = lh_asprintf("%s/index.vec", folder);
    LH_AUTO(mem) float *x = make_data();
    const struct vec_rows rows = {.data = x, .n = N, .d = D};
    const float *queries = x + (size_t)N * D;
    uint64_t live[N / 64 + 1];
    memset(live, 0xff, sizeof live);
    live[0] &= ~((uint64_t)1 << DELETED);
    for (int metric = VEC_L2; metric <= VEC_COSINE; metric++) {
        struct vec_hit truth[QUERIES * K];
        struct lh_err err;
        for (size_t q = 0; q < QUERIES; q++) {
            size_t found = 0;
            ok(vec_exact_search(&rows, (enum vec_metric)metric, queries + q * D, K, live, truth + q * K, &found, &err),
               &err);
        }
        for (enum kind kind = GRAPH; kind < KINDS; kind++) {
            struct buf whole = BUF_INIT;
            struct opened opened;
            size_t refused = 0;
            save(kind, (enum vec_metric)metric, &rows, path);
            ok(os_read_file(os_real(), AT_FDCWD, path, 1 << 24, &whole, &err), &err);
            LH_AUTO(mem) unsigned char *bytes = lh_malloc_aligned(64, whole.len);
            memcpy(bytes, whole.data, whole.len);
            ok(open_bytes(kind, bytes, whole.len, &opened, &err), &err);
            answers_are_right(&opened, queries, truth, names[kind], "no section", 0);
            close_all(&opened);
            turn_bits(kind, bytes, whole.len, queries, truth, &refused);
            assert_true(refused > FLIPS);
            buf_release(&whole);
        }
    }
    temp_dir_free(folder);
}

/* A damaged graph goes on: filters, ranges, and what it says of itself; without rows it finds nothing. */
static void a_damaged_graph_says_so(void **state) {
    (void)state;
    char *folder = temp_dir_new();
    LH_AUTO(mem) char *path = lh_asprintf("%s/index.vec", folder);
    LH_AUTO(mem) float *x = make_data();
    const struct vec_rows rows = {.data = x, .n = N, .d = D};
    const uint64_t odd[N / 64 + 1] = {0xaaaaaaaaaaaaaaaa, 0xaaaaaaaaaaaaaaaa};
    const struct vec_filter filter = {.bitmap = odd, .bitmap_ids = N};
    struct vec_hit hits[K], all[N];
    struct vec_hnsw_stats stats;
    struct lh_err err;
    save(GRAPH, VEC_L2, &rows, path);
    for (int with_rows = 1; with_rows >= 0; with_rows--) {
        struct buf whole = BUF_INIT;
        struct opened opened;
        if (!with_rows) {
            struct vec_hnsw *graph = NULL;
            ok(vec_hnsw_build(&(struct vec_hnsw_config){.d = D}, &rows, 1, &graph, &err), &err);
            ok(vec_hnsw_save(graph, os_real(), path, false, &err), &err);
            vec_hnsw_free(graph);
        }
        ok(os_read_file(os_real(), AT_FDCWD, path, 1 << 24, &whole, &err), &err);
        LH_AUTO(mem) unsigned char *bytes = lh_malloc_aligned(64, whole.len);
        memcpy(bytes, whole.data, whole.len);
        struct vec_file *file = NULL;
        uint64_t length = 0;
        ok(vec_file_open_memory(bytes, whole.len, &file, &err), &err);
        size_t nodes = (size_t)((const unsigned char *)vec_file_find(file, "NODE", &length) - bytes);
        vec_file_close(file);
        memset(bytes + nodes, 0, (size_t)length); /* as of a write that was lost */
        ok(open_bytes(GRAPH, bytes, whole.len, &opened, &err), &err);
        vec_hnsw_stats(opened.graph, &stats);
        assert_false(stats.damaged);
        size_t found = vec_hnsw_search(opened.cursor, x, &(struct vec_hnsw_search){.k = K, .filter = &filter}, hits);
        assert_int_equal(found, with_rows ? K : 0);
        for (size_t i = 0; i < found; i++)
            assert_true(hits[i].id % 2 == 1 && (i == 0 || hits[i - 1].dist <= hits[i].dist));
        vec_hnsw_stats(opened.graph, &stats);
        assert_true(stats.damaged);
        found = vec_hnsw_search_range(opened.cursor, x + 99 * D, 0.0f, &(struct vec_hnsw_search){0}, all, N);
        assert_int_equal(found, with_rows ? 31 : 0);
        close_all(&opened);
        buf_release(&whole);
    }
    temp_dir_free(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_turned_bit_is_refused_or_answered_right),
        cmocka_unit_test(a_damaged_graph_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
