/* bench_vector BASE QUERY D [NAME...]: builds every contender (or those whose names hold a NAME) on BASE, finds for each
 * recall the least effort that reaches it, and times those in rounds, one query a call on one thread.  Files are raw
 * little-endian floats, rows one after the other, unit vectors; bench/vector/generate.c makes them.
 *
 * A row of the table is the median round's p50 and p99 in microseconds, and the effort; "-" where no effort reaches the
 * recall. */
#include "base/alloc.h"
#include "base/buf.h"
#include "contender.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/os.h"
#include "vector/recall.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { K = 10, ROUNDS = 5, THREADS = 2, MOST = 16, TARGETS = 3 };

static const double targets[TARGETS] = {0.95, 0.99, 0.999};

struct setting {
    unsigned effort; /* 0: none reaches it */
    double recall;
    struct vec_latency rounds[ROUNDS];
};

struct entry {
    const struct contender *contender;
    void *index;
    double build_s;
    size_t bytes;
    struct setting settings[TARGETS];
};

struct data {
    struct vec_rows rows, queries;
    struct vec_hit *truth;
    int64_t *ns;
};

static void must(enum lh_code code, const struct lh_err *err) {
    if (code == LH_OK)
        return;
    fprintf(stderr, "bench: %s\n", err->message);
    exit(1);
}

static struct vec_rows load(const char *path, uint32_t d) {
    struct os *os = os_real();
    struct os_stat stat;
    struct lh_err err;
    int fd = -1;
    size_t got = 0;
    must(os_open(os, AT_FDCWD, path, O_RDONLY, 0, 0, &fd, &err), &err);
    must(os_fstat(os, fd, path, &stat, &err), &err);
    size_t bytes = (size_t)stat.size_bytes;
    void *data = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (data == MAP_FAILED)
        exit(1);
    madvise(data, bytes, MADV_HUGEPAGE);
    must(os_pread_full(os, fd, data, bytes, 0, path, &got, &err), &err);
    os_close(os, fd);
    return (struct vec_rows){.data = data, .n = got / d / sizeof(float), .d = d};
}

static double seconds(void) {
    return (double)os_monotonic_ns(os_real()) * 1e-9;
}

/* One pass over all queries; returns the recall. */
static double pass(const struct entry *entry, const struct data *data) {
    size_t right = 0;
    for (size_t i = 0; i < data->queries.n; i++) {
        uint32_t ids[K];
        const float *query = vec_row(&data->queries, i);
        int64_t start = os_monotonic_ns(os_real());
        size_t n = entry->contender->search(entry->index, query, K, ids);
        data->ns[i] = os_monotonic_ns(os_real()) - start;
        for (size_t j = 0; j < n; j++)
            for (size_t t = 0; t < K; t++)
                right += data->truth[i * K + t].id == ids[j];
    }
    return (double)right / (double)(data->queries.n * K);
}

static double recall_at(const struct entry *entry, const struct data *data, unsigned effort) {
    entry->contender->set_effort(entry->index, effort);
    return pass(entry, data);
}

static void find_efforts(struct entry *entry, const struct data *data) {
    unsigned low = entry->contender->effort_min;
    for (size_t t = 0; t < TARGETS; t++) {
        struct setting *setting = &entry->settings[t];
        unsigned high = low;
        while (recall_at(entry, data, high) < targets[t] && high < entry->contender->effort_max) {
            low = high + 1;
            high = 2 * high < entry->contender->effort_max ? 2 * high : entry->contender->effort_max;
        }
        while (low < high) {
            unsigned middle = low + (high - low) / 2;
            if (recall_at(entry, data, middle) >= targets[t])
                high = middle;
            else
                low = middle + 1;
        }
        setting->recall = recall_at(entry, data, high);
        setting->effort = setting->recall >= targets[t] ? high : 0;
        if (!setting->effort)
            return;
    }
}

static void build(struct entry *entry, const struct data *data) {
    double start = seconds();
    entry->index = entry->contender->build(data->rows.data, data->rows.n, data->rows.d, THREADS);
    entry->build_s = seconds() - start;
    entry->bytes = entry->contender->bytes(entry->index);
    fprintf(stderr, "%-28s built in %.1f s\n", entry->contender->name, entry->build_s);
    find_efforts(entry, data);
}

static void round_of(struct entry *entries, size_t n, const struct data *data, size_t round) {
    for (size_t i = 0; i < n; i++) {
        for (size_t t = 0; t < TARGETS; t++) {
            struct setting *setting = &entries[i].settings[t];
            if (!setting->effort)
                continue;
            recall_at(&entries[i], data, setting->effort); /* its memory warm, as under load */
            recall_at(&entries[i], data, setting->effort);
            setting->rounds[round] = vec_latency_of(data->ns, data->queries.n);
        }
    }
}

static int by_p50(const void *left, const void *right) {
    const struct vec_latency *a = left;
    const struct vec_latency *b = right;
    return a->p50_ns < b->p50_ns ? -1 : a->p50_ns > b->p50_ns;
}

static void print_table(struct entry *entries, size_t n) {
    printf("| index | build, %d threads | MB beside the vectors |", THREADS);
    for (size_t t = 0; t < TARGETS; t++)
        printf(" %g: p50 / p99 us |", targets[t]);
    printf("\n|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < n; i++) {
        printf("| %s | %.1f s | %.1f |", entries[i].contender->name, entries[i].build_s,
               (double)entries[i].bytes / 1e6);
        for (size_t t = 0; t < TARGETS; t++) {
            struct setting *setting = &entries[i].settings[t];
            if (!setting->effort) {
                printf(" - |");
                continue;
            }
            qsort(setting->rounds, ROUNDS, sizeof *setting->rounds, by_p50);
            const struct vec_latency *middle = &setting->rounds[ROUNDS / 2];
            printf(" %.0f / %.0f [%s %u] |", middle->p50_ns / 1e3, middle->p99_ns / 1e3,
                   entries[i].contender->effort_name, setting->effort);
        }
        printf("\n");
    }
}

static size_t enlist(struct entry *entries, size_t n, const struct contender *const *list, char **names,
                     int name_count) {
    for (; *list && n < MOST; list++) {
        bool wanted = name_count == 0;
        for (int i = 0; i < name_count; i++)
            wanted |= strstr((*list)->name, names[i]) != NULL;
        if (wanted)
            entries[n++].contender = *list;
    }
    return n;
}

int main(int argc, char **argv) {
    if (argc < 4) {
        fprintf(stderr, "usage: bench_vector BASE QUERY D [NAME...]\n");
        return 2;
    }
    uint32_t d = (uint32_t)strtoul(argv[3], NULL, 10);
    struct data data = {.rows = load(argv[1], d), .queries = load(argv[2], d)};
    struct entry entries[MOST] = {0};
    struct lh_err err;
    size_t n = enlist(entries, 0, contenders_ours, argv + 4, argc - 4);
#ifdef BENCH_HNSWLIB
    n = enlist(entries, n, contenders_hnswlib, argv + 4, argc - 4);
#endif
#ifdef BENCH_FAISS
    n = enlist(entries, n, contenders_faiss, argv + 4, argc - 4);
#endif
    data.truth = lh_calloc(data.queries.n * K, sizeof *data.truth);
    data.ns = lh_calloc(data.queries.n, sizeof *data.ns);
    must(vec_ground_truth(&data.rows, &data.queries, VEC_COSINE, K, THREADS, data.truth, &err), &err);
    for (size_t i = 0; i < n; i++)
        build(&entries[i], &data);
    for (size_t round = 0; round < ROUNDS; round++)
        round_of(entries, n, &data, round);
    print_table(entries, n);
    for (size_t i = 0; i < n; i++)
        entries[i].contender->free(entries[i].index);
    lh_free(data.truth);
    lh_free(data.ns);
    return 0;
}
