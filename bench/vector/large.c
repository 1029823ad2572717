/* bench_vector_large BASE QUERY D FOLDER: a graph over more rows than one likes to hold in memory.
 *
 * BASE is mapped, never read whole into memory.  Told are the build, what is resident (anonymous: codes and links while
 * they are built; the file's: what the kernel may drop), the search at recall 0.95 to 0.999 with a warm page cache, and the
 * same with the full vectors dropped from the page cache before each query: that is what a search costs whose vectors lie
 * on the disk.  FOLDER is made and removed; it needs as much room as BASE and a fifth. */
#include "base/alloc.h"
#include "base/buf.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/os.h"
#include "vector/hnsw.h"
#include "vector/recall.h"
#include "vector/rows_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { K = 10, PASSES = 3, THREADS = 2, COLD = 100, WIDEST = 4000 };

static const double targets[] = {0.95, 0.99, 0.999};

struct large {
    struct os *os;
    struct vec_rows rows, queries;
    struct vec_hit *truth;
    int64_t *ns;
    int base; /* the file of the rows, to drop its pages */
};

static void must(enum lh_code code, const struct lh_err *err) {
    if (code == LH_OK)
        return;
    fprintf(stderr, "bench: %s\n", err->message);
    exit(1);
}

static double seconds(const struct large *l) {
    return (double)os_monotonic_ns(l->os) * 1e-9;
}

static void print_memory(const char *when) {
    struct buf text = BUF_INIT;
    struct lh_err err;
    must(os_read_file(os_real(), AT_FDCWD, "/proc/self/status", 1 << 20, &text, &err), &err);
    long anonymous = 0, file = 0;
    const char *at = strstr(buf_cstr(&text), "RssAnon:");
    if (at)
        anonymous = strtol(at + 8, NULL, 10);
    at = strstr(buf_cstr(&text), "RssFile:");
    if (at)
        file = strtol(at + 8, NULL, 10);
    printf("| resident %s | %ld MB of its own, %ld MB of files |\n", when, anonymous / 1000, file / 1000);
    buf_release(&text);
}

struct figures {
    double recall, p50_us, reranked;
};

/* Of the first n queries; `cold`: the rows' pages are dropped before each. */
static struct figures measure(const struct large *l, struct vec_hnsw_cursor *cursor, uint32_t ef, size_t n, bool cold) {
    const struct vec_hnsw_search search = {.k = K, .ef = ef, .on_disk = cold};
    struct figures figures = {0};
    for (size_t q = 0; q < n; q++) {
        struct vec_hit hits[K];
        struct vec_hnsw_effort effort;
        if (cold) {
            madvise((void *)(uintptr_t)l->rows.data, l->rows.n * l->rows.d * sizeof(float), MADV_DONTNEED);
            posix_fadvise(l->base, 0, 0, POSIX_FADV_DONTNEED);
        }
        int64_t start = os_monotonic_ns(l->os);
        size_t found = vec_hnsw_search(cursor, vec_row(&l->queries, q), &search, hits);
        l->ns[q] = os_monotonic_ns(l->os) - start;
        figures.recall += vec_recall(l->truth + q * K, K, hits, found) / (double)n;
        vec_hnsw_effort(cursor, &effort);
        figures.reranked += (double)effort.reranked / (double)n;
    }
    figures.p50_us = vec_latency_of(l->ns, n).p50_ns / 1e3;
    return figures;
}

static void search_all(const struct large *l, struct vec_hnsw *graph) {
    struct vec_hnsw_cursor *cursor = vec_hnsw_cursor_new(graph);
    uint32_t low = K;
    printf("\n| recall | ef | p50 us, warm | full vectors read | p50 us, vectors on disk |\n|---|---|---|---|---|\n");
    for (size_t t = 0; t < sizeof targets / sizeof *targets; t++) {
        uint32_t high = low;
        while (measure(l, cursor, high, l->queries.n, false).recall < targets[t] && high < WIDEST) {
            low = high + 1;
            high *= 2;
        }
        while (low < high) {
            uint32_t middle = low + (high - low) / 2;
            if (measure(l, cursor, middle, l->queries.n, false).recall >= targets[t])
                high = middle;
            else
                low = middle + 1;
        }
        struct figures best = measure(l, cursor, high, l->queries.n, false);
        for (int pass = 1; pass < PASSES; pass++) {
            struct figures again = measure(l, cursor, high, l->queries.n, false);
            best = again.p50_us < best.p50_us ? again : best;
        }
        size_t cold_queries = l->queries.n < COLD ? l->queries.n : COLD;
        struct figures cold = measure(l, cursor, high, cold_queries, true);
        printf("| %.4f | %u | %.0f | %.0f | %.0f |\n", best.recall, high, best.p50_us, best.reranked, cold.p50_us);
    }
    vec_hnsw_cursor_free(cursor);
}

int main(int argc, char **argv) {
    if (argc != 5) {
        fprintf(stderr, "usage: bench_vector_large BASE QUERY D FOLDER\n");
        return 2;
    }
    struct large l = {.os = os_real(), .base = -1};
    uint32_t d = (uint32_t)strtoul(argv[3], NULL, 10);
    struct vec_rows_file base = {0}, queries = {0};
    struct vec_hnsw *graph = NULL;
    struct lh_err err;
    must(vec_rows_open(l.os, argv[1], d, &base, &err), &err);
    must(vec_rows_open(l.os, argv[2], d, &queries, &err), &err);
    must(os_open(l.os, AT_FDCWD, argv[1], O_RDONLY, 0, 0, &l.base, &err), &err);
    must(os_mkdir_all(l.os, AT_FDCWD, argv[4], 0755, &err), &err);
    l.rows = base.rows;
    l.queries = queries.rows;
    l.truth = lh_calloc(l.queries.n * K, sizeof *l.truth);
    l.ns = lh_calloc(l.queries.n, sizeof *l.ns);
    must(vec_ground_truth(&l.rows, &l.queries, VEC_COSINE, K, THREADS, l.truth, &err), &err);

    const struct vec_hnsw_config config = {.d = d, .metric = VEC_COSINE, .seed = 1, .capacity = (uint32_t)l.rows.n};
    printf("\n| %zu x %u | |\n|---|---|\n", l.rows.n, d);
    double start = seconds(&l);
    must(vec_hnsw_build(&config, &l.rows, THREADS, &graph, &err), &err);
    printf("| built on %d threads in | %.1f s |\n", THREADS, seconds(&l) - start);
    print_memory("then");
    LH_AUTO(mem) char *path = lh_asprintf("%s/large.vec", argv[4]);
    start = seconds(&l);
    must(vec_hnsw_save(graph, l.os, path, false, &err), &err);
    printf("| codes and links saved in | %.1f s |\n", seconds(&l) - start);
    vec_hnsw_free(graph);
    start = seconds(&l);
    must(vec_hnsw_open(l.os, path, &(struct vec_hnsw_open){.rows = l.rows.data}, &graph, &err), &err);
    printf("| mapped again in | %.2f ms |\n", 1e3 * (seconds(&l) - start));
    madvise((void *)(uintptr_t)l.rows.data, l.rows.n * d * sizeof(float),
            MADV_RANDOM); /* as an index does with its own */
    search_all(&l, graph);
    vec_hnsw_free(graph);
    must(os_remove_all(l.os, AT_FDCWD, argv[4], &err), &err);
    os_close(l.os, l.base);
    vec_rows_close(&base);
    vec_rows_close(&queries);
    lh_free(l.truth);
    lh_free(l.ns);
    return 0;
}
