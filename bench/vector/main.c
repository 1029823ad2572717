/* bench_vector [--quick] BASE QUERY D [NAME...]: builds every contender (or those whose names hold a NAME) on BASE, finds
 * for each recall the least effort that reaches it, and times those in rounds, one query a call on one thread.  Files are
 * raw little-endian floats, rows one after the other, unit vectors; bench/vector/generate.c makes them.
 *
 * Efforts are found on the first FINDING queries, to a sixteenth, and then raised by thirty-seconds until all queries
 * reach the recall.  So a peer's figure may be 3 % above its best, and so may ours; a search of every single effort took
 * longer than all the rest.  A figure is the median round's p50 and p99 in microseconds.
 *
 * --quick: a tenth of the rows, a fifth of the queries, one round: that everything runs, on a machine that is busy. */
#include "base/alloc.h"
#include "base/buf.h"
#include "figures.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/os.h"
#include "vector/recall.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { K = 10, THREADS = 2, FINDING = 250, WARM = 100, QUICK_ROWS = 10000, QUICK_QUERIES = 200 };

const double bench_targets[BENCH_TARGETS] = {0.95, 0.99, 0.999};

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

/* The first n queries, each timed; returns the recall. */
static double pass(const struct entry *entry, const struct data *data, unsigned effort, size_t n) {
    size_t right = 0;
    entry->contender->set_effort(entry->index, effort);
    for (size_t i = 0; i < n; i++) {
        uint32_t ids[K];
        const float *query = vec_row(&data->queries, i);
        int64_t start = os_monotonic_ns(os_real());
        size_t found = entry->contender->search(entry->index, query, K, ids);
        data->ns[i] = os_monotonic_ns(os_real()) - start;
        for (size_t j = 0; j < found; j++)
            for (size_t t = 0; t < K; t++)
                right += data->truth[i * K + t].id == ids[j];
    }
    return (double)right / (double)(n * K);
}

static unsigned raised(const struct contender *contender, unsigned effort, unsigned by) {
    unsigned next = effort + (by ? by : 1);
    return next < contender->effort_max ? next : contender->effort_max;
}

/* About the least effort from `low` on that reaches the target on a few of the queries. */
static unsigned guess_effort(const struct entry *entry, const struct data *data, unsigned low, double target) {
    size_t n = data->queries.n < FINDING ? data->queries.n : FINDING;
    unsigned high = low;
    while (pass(entry, data, high, n) < target) {
        if (high == entry->contender->effort_max)
            return high;
        low = high;
        high = raised(entry->contender, high, high);
    }
    while (high - low > 1 + low / 16) {
        unsigned middle = low + (high - low) / 2;
        if (pass(entry, data, middle, n) >= target)
            high = middle;
        else
            low = middle;
    }
    return high;
}

static void find_efforts(struct entry *entry, const struct data *data) {
    unsigned effort = entry->contender->effort_min;
    for (size_t t = 0; t < BENCH_TARGETS; t++) {
        struct setting *setting = &entry->settings[t];
        effort = guess_effort(entry, data, effort, bench_targets[t]);
        while ((setting->recall = pass(entry, data, effort, data->queries.n)) < bench_targets[t]) {
            if (effort == entry->contender->effort_max)
                return;
            effort = raised(entry->contender, effort, effort / 32);
        }
        setting->effort = effort;
    }
}

static void build(struct entry *entry, const struct data *data) {
    double start = seconds();
    entry->index = entry->contender->build(data->rows.data, data->rows.n, data->rows.d, THREADS);
    entry->build_s = seconds() - start;
    entry->bytes = entry->contender->bytes(entry->index);
    find_efforts(entry, data);
    fprintf(stderr, "%-28s built in %.1f s, efforts found in %.1f s\n", entry->contender->name, entry->build_s,
            seconds() - start - entry->build_s);
}

static void round_of(struct entry *entries, size_t n, const struct data *data, size_t round) {
    for (size_t i = 0; i < n; i++) {
        for (size_t t = 0; t < BENCH_TARGETS; t++) {
            struct setting *setting = &entries[i].settings[t];
            if (!setting->effort)
                continue;
            pass(&entries[i], data, setting->effort, data->queries.n < WARM ? data->queries.n : WARM);
            pass(&entries[i], data, setting->effort, data->queries.n);
            setting->rounds[round] = vec_latency_of(data->ns, data->queries.n);
        }
    }
}

static size_t enlist(struct entry *entries, size_t n, const struct contender *const *list, char **names,
                     int name_count) {
    for (; *list && n < BENCH_MOST; list++) {
        bool wanted = name_count == 0;
        for (int i = 0; i < name_count; i++)
            wanted |= strstr((*list)->name, names[i]) != NULL;
        if (wanted)
            entries[n++].contender = *list;
    }
    return n;
}

static bool is_workload_b(const char *path) {
    const char *slash = strrchr(path, '/');
    return (slash ? slash[1] : *path) == 'B';
}

int main(int argc, char **argv) {
    bool quick = argc > 1 && strcmp(argv[1], "--quick") == 0;
    if (quick) {
        argc--;
        argv++;
    }
    if (argc < 4) {
        fprintf(stderr, "usage: bench_vector [--quick] BASE QUERY D [NAME...]\n");
        return 2;
    }
    uint32_t d = (uint32_t)strtoul(argv[3], NULL, 10);
    struct data data = {.rows = load(argv[1], d), .queries = load(argv[2], d)};
    if (quick && data.rows.n > QUICK_ROWS)
        data.rows.n = QUICK_ROWS;
    if (quick && data.queries.n > QUICK_QUERIES)
        data.queries.n = QUICK_QUERIES;
    size_t rounds = quick ? 1 : BENCH_ROUNDS;
    struct entry entries[BENCH_MOST] = {0};
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
    for (size_t round = 0; round < rounds; round++) {
        double start = seconds();
        round_of(entries, n, &data, round);
        fprintf(stderr, "round %zu of %zu in %.1f s\n", round + 1, rounds, seconds() - start);
    }
    bench_settle(entries, n, rounds);
    printf("%zu x %u, %zu queries, %zu rounds\n\n", data.rows.n, d, data.queries.n, rounds);
    bench_print_figures(entries, n, THREADS);
    if (!quick)
        bench_print_goals(entries, n, is_workload_b(argv[1]));
    for (size_t i = 0; i < n; i++)
        entries[i].contender->free(entries[i].index);
    lh_free(data.truth);
    lh_free(data.ns);
    return 0;
}
