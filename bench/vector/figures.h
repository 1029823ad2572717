/* What a run of bench_vector finds, and its tables: every contender's figures, and ours beside the goals and the best peer. */
#ifndef BENCH_VECTOR_FIGURES_H
#define BENCH_VECTOR_FIGURES_H

#include "contender.h"
#include "vector/recall.h"

enum { BENCH_TARGETS = 3, BENCH_ROUNDS = 3, BENCH_MOST = 16 };

extern const double bench_targets[BENCH_TARGETS];

struct setting {
    unsigned effort; /* 0: none reaches the recall */
    double recall;
    struct vec_latency rounds[BENCH_ROUNDS];
    struct vec_latency median; /* the round whose p50 is in the middle */
};

struct entry {
    const struct contender *contender;
    void *index;
    double build_s;
    size_t bytes;
    struct setting settings[BENCH_TARGETS];
};

/* Set each setting's median round. */
void bench_settle(struct entry *entries, size_t n, size_t rounds);
void bench_print_figures(const struct entry *entries, size_t n, unsigned threads);
/* `workload`: 0 for A, 1 for B, whose goals differ. */
void bench_print_goals(const struct entry *entries, size_t n, int workload);

#endif
