/* Tests that are driven by a seed: how many there are, and how to repeat one.
 *
 *   LAKEHOUSE_SEEDS=10000   instead of 500: every test runs twenty times as many
 *   LAKEHOUSE_SEED=1234     this one only, with the program that the failure named */
#ifndef LH_TWIN_SEEDS_H
#define LH_TWIN_SEEDS_H

#include "base/attr.h"

#include <stdbool.h>
#include <stdint.h>

/* What was found wrong first; empty: nothing. */
struct verdict {
    char text[512];
};
void verdict_say(struct verdict *v, const char *fmt, ...) LH_PRINTF(2, 3);
static inline bool verdict_is_bad(const struct verdict *v) {
    return v->text[0] != '\0';
}

typedef void seed_fn(uint64_t seed, void *ctx, struct verdict *v);

/* Runs `fn` with `count` seeds (of an ordinary run, where all tests together have 500), until one is bad: false, the verdict and the
 * command that repeats it are on stderr. */
bool seeds_all_good(seed_fn *fn, void *ctx, unsigned count);
/* For a broken implementation: true when one of `count` seeds notices.  Says nothing. */
bool seeds_find_bad(seed_fn *fn, void *ctx, unsigned count);

#endif
