#include "figures.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int by_p50(const void *left, const void *right) {
    const struct vec_latency *a = left;
    const struct vec_latency *b = right;
    return a->p50_ns < b->p50_ns ? -1 : a->p50_ns > b->p50_ns;
}

void bench_settle(struct entry *entries, size_t n, size_t rounds) {
    for (size_t i = 0; i < n; i++) {
        for (size_t t = 0; t < BENCH_TARGETS; t++) {
            struct setting *setting = &entries[i].settings[t];
            qsort(setting->rounds, rounds, sizeof *setting->rounds, by_p50);
            setting->median = setting->rounds[rounds / 2];
        }
    }
}

void bench_print_figures(const struct entry *entries, size_t n, unsigned threads) {
    printf("| index | build, %u threads | MB beside the vectors |", threads);
    for (size_t t = 0; t < BENCH_TARGETS; t++)
        printf(" %g: p50 / p99 us |", bench_targets[t]);
    printf("\n|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < n; i++) {
        printf("| %s | %.1f s | %.1f |", entries[i].contender->name, entries[i].build_s,
               (double)entries[i].bytes / 1e6);
        for (size_t t = 0; t < BENCH_TARGETS; t++) {
            const struct setting *setting = &entries[i].settings[t];
            if (setting->effort)
                printf(" %.0f / %.0f [%s %u] |", setting->median.p50_ns / 1e3, setting->median.p99_ns / 1e3,
                       entries[i].contender->effort_name, setting->effort);
            else if (setting->recall > 0)
                printf(" at most %.4f |", setting->recall);
            else
                printf(" - |");
        }
        printf("\n");
    }
}

/* ---- goals ---- */

enum kind { BUILD_S, P50_US, MEGABYTES };
enum { AT_99 = 1, AT_999 = 2 };

/* Of the contenders whose names begin with `ours`, and of the peers whose names hold `peers` ("": of all; NULL: of none). */
static const struct goal {
    const char *what, *ours, *peers;
    enum kind kind;
    int target;     /* the recall that it must reach, and at which P50_US is taken */
    double most[2]; /* for 100,000 x 768 of the workloads A and B */
} goals[] = {
    {"a graph that reaches 0.999: build", "lakehouse graph", "hnsw", BUILD_S, AT_999, {5, 5}},
    {"any index: p50 at 0.99", "lakehouse", "", P50_US, AT_99, {50, 80}},
    {"graph: p50 at 0.99", "lakehouse graph", "hnsw", P50_US, AT_99, {50, 80}},
    {"graph: p50 at 0.999", "lakehouse graph", "hnsw", P50_US, AT_999, {100, 180}},
    {"graph: beside the full vectors", "lakehouse graph", "hnsw", MEGABYTES, AT_999, {60, 60}},
    {"1-bit scan: encoding", "lakehouse flat", NULL, BUILD_S, AT_99, {0.3, 0.3}},
    {"1-bit scan: p50 at 0.99", "lakehouse flat", NULL, P50_US, AT_99, {600, 600}},
    {"inverted lists: build with k-means", "lakehouse IVF, 1-bit", "ivf", BUILD_S, AT_99, {2, 2}},
    {"inverted lists: p50 at 0.99", "lakehouse IVF, 1-bit", "ivf", P50_US, AT_99, {120, 120}},
};

static double figure_of(const struct entry *entry, const struct goal *goal) {
    const struct setting *setting = &entry->settings[goal->target];
    if (!setting->effort)
        return INFINITY;
    if (goal->kind == BUILD_S)
        return entry->build_s;
    return goal->kind == P50_US ? setting->median.p50_ns / 1e3 : (double)entry->bytes / 1e6;
}

static bool is_ours(const struct entry *entry) {
    return strncmp(entry->contender->name, "lakehouse", 9) == 0;
}

/* The entry with the smallest figure; NULL where none reaches the recall. */
static const struct entry *best_of(const struct entry *entries, size_t n, const struct goal *goal, bool ours) {
    const struct entry *best = NULL;
    for (size_t i = 0; i < n; i++) {
        const char *name = entries[i].contender->name;
        if (is_ours(&entries[i]) != ours || (!ours && !goal->peers) || !isfinite(figure_of(&entries[i], goal)))
            continue;
        if (ours ? strncmp(name, goal->ours, strlen(goal->ours)) != 0 : !strcasestr(name, goal->peers))
            continue;
        if (!best || figure_of(&entries[i], goal) < figure_of(best, goal))
            best = &entries[i];
    }
    return best;
}

static bool was_run(const struct entry *entries, size_t n, const struct goal *goal) {
    for (size_t i = 0; i < n; i++)
        if (strncmp(entries[i].contender->name, goal->ours, strlen(goal->ours)) == 0)
            return true;
    return false;
}

void bench_print_goals(const struct entry *entries, size_t n, int workload) {
    static const char *const units[] = {[BUILD_S] = "s", [P50_US] = "us", [MEGABYTES] = "MB"};
    printf("\n| measured | goal | figure | met | best peer of this run | ours / its |\n|---|---|---|---|---|---|\n");
    for (size_t g = 0; g < sizeof goals / sizeof *goals; g++) {
        const struct goal *goal = &goals[g];
        const struct entry *ours = best_of(entries, n, goal, true);
        const struct entry *peer = best_of(entries, n, goal, false);
        const char *unit = units[goal->kind];
        if (!was_run(entries, n, goal))
            continue;
        if (!ours) {
            printf("| %s | %g %s | the recall is not reached | **no** | | |\n", goal->what, goal->most[workload], unit);
            continue;
        }
        double figure = figure_of(ours, goal);
        printf("| %s | %g %s | %.3g %s | %s |", goal->what, goal->most[workload], unit, figure, unit,
               figure <= goal->most[workload] ? "yes" : "**no**");
        if (peer)
            printf(" %s: %.3g %s | %.2f |\n", peer->contender->name, figure_of(peer, goal), unit,
                   figure / figure_of(peer, goal));
        else
            printf(" | |\n");
    }
}
