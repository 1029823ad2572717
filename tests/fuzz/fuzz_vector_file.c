/* An index file of any bytes: opened as it is, and again with all its checksums mended so that the parsers behind them
 * are reached too.  A graph that opens is searched, checked and, where all of it holds, inserted into; flats and inverted
 * lists that open are searched, checked and deleted from. */
#include "base/alloc.h"
#include "base/cleanup.h"
#include "fuzz/fuzz.h"
#include "unit/vector/seal.h"
#include "vector/file.h"
#include "vector/flat.h"
#include "vector/hnsw.h"
#include "vector/ivf.h"

#include <string.h>

enum { FRONT = 4096, DEEP = 512 /* dimensions that a run may spend its time on */ };

static bool odd(void *arg, uint32_t id) {
    (void)arg;
    return id & 1;
}

static void use(struct vec_hnsw *graph, uint32_t d) {
    struct vec_hnsw_cursor *cursor = vec_hnsw_cursor_new(graph);
    LH_AUTO(mem) float *query = lh_calloc(d, sizeof *query);
    const struct vec_filter filter = {.allow = odd};
    const struct vec_hnsw_search searches[] = {
        {.k = 3}, {.k = 10, .ef = 2, .patience = 1, .rerank = 4}, {.k = 3, .filter = &filter}};
    struct vec_hit hits[10];
    for (size_t i = 0; i < sizeof searches / sizeof *searches; i++)
        FUZZ_CHECK(vec_hnsw_search(cursor, query, &searches[i], hits) <= searches[i].k);
    FUZZ_CHECK(vec_hnsw_search_range(cursor, query, 1.0f, &searches[0], hits, 10) <= 10);
    struct vec_hnsw_report report;
    struct lh_err err;
    lh_ignore(vec_hnsw_check(graph, &report, &err));
    struct vec_hnsw_stats stats;
    vec_hnsw_stats(graph, &stats);
    uint32_t id = 0;
    if (vec_hnsw_insert(cursor, query, &id, &err) == LH_OK)
        FUZZ_CHECK(id == stats.rows && vec_hnsw_delete(graph, id, &err) == LH_OK);
    vec_hnsw_cursor_free(cursor);
}

static void open_graph(const unsigned char *data, size_t size, bool writable) {
    struct vec_file *file = NULL;
    struct vec_hnsw *graph = NULL;
    struct lh_err err;
    if (vec_file_open_memory(data, size, &file, &err) != LH_OK)
        return;
    uint32_t d = vec_file_head(file)->d;
    lh_ignore(vec_file_verify(file, &err));
    if (d > DEEP || vec_hnsw_open_file(file, &(struct vec_hnsw_open){.writable = writable}, &graph, &err) != LH_OK) {
        vec_file_close(file);
        return;
    }
    use(graph, d);
    vec_hnsw_free(graph);
}

static void open_lists(const unsigned char *data, size_t size) {
    struct vec_file *file = NULL;
    struct vec_ivf *ivf = NULL;
    struct lh_err err;
    if (vec_file_open_memory(data, size, &file, &err) != LH_OK)
        return;
    uint32_t d = vec_file_head(file)->d;
    if (d > DEEP || vec_ivf_open_file(file, NULL, &ivf, &err) != LH_OK) {
        vec_file_close(file);
        return;
    }
    LH_AUTO(mem) float *query = lh_calloc(d, sizeof *query);
    struct vec_searcher *searcher = vec_ivf_searcher_new(ivf);
    const struct vec_search searches[] = {{.k = 3}, {.k = 10, .epsilon = 8, .nprobe = UINT32_MAX, .refine = 3}};
    struct vec_hit hits[10];
    for (size_t i = 0; i < sizeof searches / sizeof *searches; i++)
        FUZZ_CHECK(vec_ivf_search(ivf, searcher, query, &searches[i], hits, NULL) <= searches[i].k);
    struct vec_scan_report report;
    lh_ignore(vec_ivf_check(ivf, &report, &err));
    if (vec_ivf_delete(ivf, 0))
        FUZZ_CHECK(!vec_ivf_delete(ivf, 0));
    vec_searcher_free(searcher);
    vec_ivf_free(ivf);
}

static void open_flat(const unsigned char *data, size_t size) {
    struct vec_file *file = NULL;
    struct vec_flat *flat = NULL;
    struct lh_err err;
    if (vec_file_open_memory(data, size, &file, &err) != LH_OK)
        return;
    uint32_t d = vec_file_head(file)->d;
    if (d > DEEP || vec_flat_open_file(file, NULL, &flat, &err) != LH_OK) {
        vec_file_close(file);
        return;
    }
    LH_AUTO(mem) float *query = lh_calloc(d, sizeof *query);
    struct vec_searcher *searcher = vec_flat_searcher_new(flat);
    struct vec_hit hits[10];
    FUZZ_CHECK(vec_flat_search(flat, searcher, query, &(struct vec_search){.k = 10}, hits, NULL) <= 10);
    FUZZ_CHECK(vec_flat_search_range(flat, searcher, query, 1.0f, &(struct vec_search){.epsilon = 8}, hits, 3) <= 3);
    struct vec_scan_report report;
    lh_ignore(vec_flat_check(flat, &report, &err));
    if (vec_flat_delete(flat, 0))
        FUZZ_CHECK(!vec_flat_delete(flat, 0));
    vec_searcher_free(searcher);
    vec_flat_free(flat);
}

static void seal(unsigned char *data, size_t size) {
    uint64_t whole = size;
    seal_sections(data, size);
    memcpy(data + 40, &whole, sizeof whole);
    seal_front(data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    LH_AUTO(mem) unsigned char *copy = lh_malloc_aligned(64, size + 1);
    memcpy(copy, data, size);
    open_graph(copy, size, false);
    open_lists(copy, size);
    open_flat(copy, size);
    if (size < FRONT)
        return 0;
    seal(copy, size);
    open_graph(copy, size, false);
    open_graph(copy, size, true);
    open_lists(copy, size);
    open_flat(copy, size);
    return 0;
}
