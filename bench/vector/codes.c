/* bench_vector_codes BASE QUERY D: 1-bit codes, in one piece and in inverted lists, over more rows than one likes to hold in
 * memory: what ten million rows would take is reckoned from this (bench/README.md).
 *
 * BASE is mapped.  Told are the build, what is resident after it (the process's own: codes, lengths, lists; of files: rows
 * that the kernel may drop), bytes a row, and searches with a warm page cache.  The last line of each table is the search
 * with every full row dropped from the page cache before it. */
#include "base/alloc.h"
#include "base/buf.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/os.h"
#include "vector/flat.h"
#include "vector/ivf.h"
#include "vector/recall.h"
#include "vector/rows_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { K = 10, QUERIES = 200, COLD = 50, THREADS = 2 };

struct bench {
    struct os *os;
    struct vec_rows rows, queries;
    struct vec_hit *truth;
    int64_t ns[QUERIES];
    int base; /* the file of the rows, to drop its pages */
};

/* As an index does with rows of its own file: without it the kernel reads hundreds of kilobytes ahead of each. */
static void expect_random(const struct bench *b) {
    madvise((void *)(uintptr_t)b->rows.data, b->rows.n * b->rows.d * sizeof(float), MADV_RANDOM);
}

/* One of the two. */
struct index {
    struct vec_flat *flat;
    struct vec_ivf *ivf;
    struct vec_searcher *searcher;
};

static void must(enum lh_code code, const struct lh_err *err) {
    if (code == LH_OK)
        return;
    fprintf(stderr, "bench: %s\n", err->message);
    exit(1);
}

static double seconds(const struct bench *b) {
    return (double)os_monotonic_ns(b->os) * 1e-9;
}

static long status_mb(const struct buf *status, const char *field) {
    const char *at = strstr(buf_cstr(status), field);
    return at ? strtol(at + strlen(field), NULL, 10) / 1000 : 0;
}

static void print_memory(void) {
    struct buf text = BUF_INIT;
    struct lh_err err;
    must(os_read_file(os_real(), AT_FDCWD, "/proc/self/status", 1 << 20, &text, &err), &err);
    printf("| resident | %ld MB of its own, %ld MB of files |\n", status_mb(&text, "RssAnon:"),
           status_mb(&text, "RssFile:"));
    buf_release(&text);
}

static void drop_rows(const struct bench *b) {
    madvise((void *)(uintptr_t)b->rows.data, b->rows.n * b->rows.d * sizeof(float), MADV_DONTNEED);
    posix_fadvise(b->base, 0, 0, POSIX_FADV_DONTNEED);
}

struct figures {
    double recall, p50_us, scored, scanned;
};

static struct figures measure(struct bench *b, const struct index *index, const struct vec_search *search, bool cold) {
    struct figures figures = {0};
    size_t n = cold && b->queries.n > COLD ? COLD : b->queries.n;
    for (size_t q = 0; q < n; q++) {
        struct vec_hit hits[K];
        struct vec_search_stats stats;
        const float *query = vec_row(&b->queries, q);
        if (cold)
            drop_rows(b);
        int64_t start = os_monotonic_ns(b->os);
        size_t found = index->flat ? vec_flat_search(index->flat, index->searcher, query, search, hits, &stats)
                                   : vec_ivf_search(index->ivf, index->searcher, query, search, hits, &stats);
        b->ns[q] = os_monotonic_ns(b->os) - start;
        figures.recall += vec_recall(b->truth + q * K, K, hits, found) / (double)n;
        figures.scored += (double)stats.scored / (double)n;
        figures.scanned += (double)stats.scanned / (double)n;
    }
    figures.p50_us = vec_latency_of(b->ns, n).p50_ns / 1e3;
    return figures;
}

static void print_search(struct bench *b, const struct index *index, const struct vec_search *search, bool cold) {
    struct figures f = measure(b, index, search, cold);
    if (!cold)
        f = measure(b, index, search, false); /* what it touches is in memory now */
    printf("| epsilon %.1f", (double)search->epsilon);
    if (index->ivf)
        printf(", nprobe %u", search->nprobe);
    printf("%s | recall %.4f, p50 %.0f us, %.0f codes, %.0f full vectors read |\n", cold ? ", vectors on disk" : "",
           f.recall, f.p50_us, f.scanned, f.scored);
}

static void flat(struct bench *b) {
    static const float widths[] = {1.1f, 1.6f, 2.4f};
    const struct vec_flat_config config = {.metric = VEC_COSINE, .seed = 1, .threads = THREADS};
    struct index index = {0};
    struct lh_err err;
    double start = seconds(b);
    must(vec_flat_new(&b->rows, &config, &index.flat, &err), &err);
    printf("\n| flat, %zu x %u | |\n|---|---|\n| encoded on %d threads in | %.1f s |\n", b->rows.n, b->rows.d, THREADS,
           seconds(b) - start);
    printf("| beside the vectors | %.1f MB, %.1f bytes a row |\n", (double)vec_flat_bytes(index.flat) / 1e6,
           (double)vec_flat_bytes(index.flat) / (double)b->rows.n);
    print_memory();
    index.searcher = vec_flat_searcher_new(index.flat);
    expect_random(b);
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++)
        print_search(b, &index, &(struct vec_search){.k = K, .epsilon = widths[i]}, false);
    print_search(b, &index, &(struct vec_search){.k = K, .epsilon = widths[0]}, true);
    vec_searcher_free(index.searcher);
    vec_flat_free(index.flat);
}

static void lists(struct bench *b) {
    const struct vec_ivf_config config = {.metric = VEC_COSINE, .seed = 1, .threads = THREADS};
    struct vec_search search = {.k = K, .epsilon = 1.9f, .nprobe = 8};
    struct index index = {0};
    struct lh_err err;
    double start = seconds(b);
    must(vec_ivf_new(&b->rows, &config, &index.ivf, &err), &err);
    printf(
        "\n| inverted lists of 1-bit codes, %zu x %u | |\n|---|---|\n| built on %d threads in | %.1f s, %u lists |\n",
        b->rows.n, b->rows.d, THREADS, seconds(b) - start, vec_ivf_lists(index.ivf));
    printf("| beside the vectors | %.1f MB, %.1f bytes a row |\n", (double)vec_ivf_bytes(index.ivf) / 1e6,
           (double)vec_ivf_bytes(index.ivf) / (double)b->rows.n);
    print_memory();
    index.searcher = vec_ivf_searcher_new(index.ivf);
    expect_random(b);
    while (measure(b, &index, &search, false).recall < 0.99 && search.nprobe < vec_ivf_lists(index.ivf) / 2) {
        print_search(b, &index, &search, false);
        search.nprobe *= 2;
    }
    print_search(b, &index, &search, false);
    print_search(b, &index, &search, true);
    vec_searcher_free(index.searcher);
    vec_ivf_free(index.ivf);
}

int main(int argc, char **argv) {
    if (argc != 4) {
        fprintf(stderr, "usage: bench_vector_codes BASE QUERY D\n");
        return 2;
    }
    struct bench b = {.os = os_real(), .base = -1};
    uint32_t d = (uint32_t)strtoul(argv[3], NULL, 10);
    struct vec_rows_file base = {0}, queries = {0};
    struct lh_err err;
    must(vec_rows_open(b.os, argv[1], d, &base, &err), &err);
    must(vec_rows_open(b.os, argv[2], d, &queries, &err), &err);
    must(os_open(b.os, AT_FDCWD, argv[1], O_RDONLY, 0, 0, &b.base, &err), &err);
    b.rows = base.rows;
    b.queries = queries.rows;
    if (b.queries.n > QUERIES)
        b.queries.n = QUERIES;
    b.truth = lh_calloc(b.queries.n * K, sizeof *b.truth);
    must(vec_ground_truth(&b.rows, &b.queries, VEC_COSINE, K, THREADS, b.truth, &err), &err);
    flat(&b);
    lists(&b);
    lh_free(b.truth);
    os_close(b.os, b.base);
    vec_rows_close(&base);
    vec_rows_close(&queries);
    return 0;
}
