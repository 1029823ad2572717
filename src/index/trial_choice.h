/* Which settings of a graph to try next, and which of those tried are the best.  Pure functions of the history: the same
 * history always gives the same choice, so that a run can be repeated and explained. */
#ifndef LH_INDEX_TRIAL_CHOICE_H
#define LH_INDEX_TRIAL_CHOICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a trial varies (vector/hnsw.h says what they do). */
struct trial_settings {
    uint32_t m;               /* 0: the library's default */
    uint32_t ef_construction; /* TRIAL_EF_CONSTRUCTION_MIN to _MAX */
    uint32_t ef_search;       /* TRIAL_EF_SEARCH_MIN to _MAX */
    uint64_t seed;
};

#define TRIAL_EF_CONSTRUCTION_MIN 10u
#define TRIAL_EF_CONSTRUCTION_MAX 400u
#define TRIAL_EF_SEARCH_MIN 10u
#define TRIAL_EF_SEARCH_MAX 200u
#define TRIAL_SEED 42u

/* What came out. */
struct trial_outcome {
    struct trial_settings settings;
    bool failed;   /* the other fields do not count */
    double recall; /* 0 to 1, against exact ground truth */
    double p50_us, p99_us;
    double build_ms;
    uint64_t memory_bytes;
};

bool trial_settings_equal(const struct trial_settings *a, const struct trial_settings *b);

/* ---- the best ---- */

enum trial_metric {
    TRIAL_RECALL,  /* highest recall, then lowest p50 */
    TRIAL_LATENCY, /* lowest p50 among those of at least min_recall, then highest recall */
};

/* The number of the best outcome, the earliest where several are equal; `count` where none qualifies. */
size_t trial_best(const struct trial_outcome *outcomes, size_t count, enum trial_metric metric, double min_recall);

/* The outcomes that no other beats in recall and p50 at once, fastest first: their numbers, at most `count`.  Of equal ones the
 * earliest. */
size_t trial_pareto(const struct trial_outcome *outcomes, size_t count, size_t *ret_numbers);

/* ---- what to try ---- */

/* The grid of an autotune that names none: from a quick build to a thorough one. */
extern const struct trial_settings trial_default_grid[];
extern const size_t trial_default_grid_count;

/* The next settings of a long-running tuner (epsilon-greedy): with probability `epsilon` somewhere within the bounds, else
 * one step from the best of the history (by TRIAL_RECALL at min_recall).  Randomness comes from the history's length alone.
 * Never settings that the history holds already, unless 64 draws found nothing else. */
struct trial_settings trial_propose(const struct trial_outcome *history, size_t count, double epsilon,
                                    double min_recall);

#endif
