#include "twin/seeds.h"

#include <errno.h> /* program_invocation_name */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define ORDINARY_SEEDS 500

void verdict_say(struct verdict *v, const char *fmt, ...) {
    if (verdict_is_bad(v))
        return;
    va_list args;
    va_start(args, fmt);
    vsnprintf(v->text, sizeof v->text, fmt, args);
    va_end(args);
}

static uint64_t number_of(const char *variable, uint64_t fallback) {
    const char *text = getenv(variable);
    return text && *text ? strtoull(text, NULL, 10) : fallback;
}

bool seeds_all_good(seed_fn *fn, void *ctx, unsigned count) {
    uint64_t only = number_of("LAKEHOUSE_SEED", 0);
    uint64_t scaled = count * number_of("LAKEHOUSE_SEEDS", ORDINARY_SEEDS) / ORDINARY_SEEDS;
    uint64_t first = only ? only : 1;
    uint64_t last = only ? only : scaled ? scaled : 1;
    for (uint64_t seed = first; seed <= last; seed++) {
        struct verdict v = {0};
        fn(seed, ctx, &v);
        if (verdict_is_bad(&v)) {
            fprintf(stderr, "seed %" PRIu64 ": %s\nrepeat it: LAKEHOUSE_SEED=%" PRIu64 " %s\n", seed, v.text, seed,
                    program_invocation_name);
            return false;
        }
    }
    return true;
}

bool seeds_find_bad(seed_fn *fn, void *ctx, unsigned count) {
    for (uint64_t seed = 1; seed <= count; seed++) {
        struct verdict v = {0};
        fn(seed, ctx, &v);
        if (verdict_is_bad(&v))
            return true;
    }
    return false;
}
