/* Measuring a graph that is built aside: the rows of one generation, the questions of one eval set, any number of settings one
 * after the other.  The rows are those that a promotion would build over: live ones, as one file.  One thread's. */
#ifndef LH_INDEX_TRIAL_RUN_H
#define LH_INDEX_TRIAL_RUN_H

#include "base/error.h"
#include "index/trial_choice.h"
#include "vector/cancel.h"

#include <stddef.h>

struct eval_set;
struct generation;
struct os;
struct trial_bench;

/* `folder` is made where it is needed, and is the caller's to remove.  The first three and what `cancel` asks must outlive the
 * bench. */
LH_CHECKED enum lh_code trial_bench_open(struct os *os, struct generation *g, const struct eval_set *questions,
                                         const char *folder, struct vec_cancel cancel, struct trial_bench **ret_bench,
                                         struct lh_err *err);
void trial_bench_close(struct trial_bench *b); /* NULL is fine */
size_t trial_bench_rows(const struct trial_bench *b);

/* Blocks for the build, and some milliseconds a question.  A graph is kept for the next settings that differ in ef_search alone;
 * build_ms is then that of the one build.  LH_NO_MEMORY, LH_CANCELLED. */
LH_CHECKED enum lh_code trial_bench_run(struct trial_bench *b, const struct trial_settings *settings,
                                        struct trial_outcome *ret_outcome, size_t *ret_searches, struct lh_err *err);

static inline void trial_bench_auto_release(struct trial_bench **b) {
    trial_bench_close(*b);
}

#endif
