#include "index/trial_choice.h"

const struct trial_settings trial_default_grid[] = {
    {0, 20, 30, TRIAL_SEED}, {0, 40, 30, TRIAL_SEED},  {0, 80, 30, TRIAL_SEED},
    {0, 80, 60, TRIAL_SEED}, {0, 160, 30, TRIAL_SEED},
};
const size_t trial_default_grid_count = sizeof trial_default_grid / sizeof *trial_default_grid;

bool trial_settings_equal(const struct trial_settings *a, const struct trial_settings *b) {
    return a->m == b->m && a->ef_construction == b->ef_construction && a->ef_search == b->ef_search &&
           a->seed == b->seed;
}

/* ---- the best ---- */

static bool better(const struct trial_outcome *a, const struct trial_outcome *b, enum trial_metric metric) {
    if (metric == TRIAL_LATENCY)
        return a->p50_us < b->p50_us || (!(a->p50_us > b->p50_us) && a->recall > b->recall);
    return a->recall > b->recall || (!(a->recall < b->recall) && a->p50_us < b->p50_us);
}

size_t trial_best(const struct trial_outcome *outcomes, size_t count, enum trial_metric metric, double min_recall) {
    size_t best = count;
    for (size_t i = 0; i < count; i++) {
        if (outcomes[i].failed || outcomes[i].recall < min_recall)
            continue;
        if (best == count || better(&outcomes[i], &outcomes[best], metric))
            best = i;
    }
    return best;
}

/* At least as good in both, and better in one of them or earlier. */
static bool beats(const struct trial_outcome *outcomes, size_t a, size_t b) {
    const struct trial_outcome *x = &outcomes[a];
    const struct trial_outcome *y = &outcomes[b];
    if (x->recall < y->recall || x->p50_us > y->p50_us)
        return false;
    return x->recall > y->recall || x->p50_us < y->p50_us || a < b;
}

size_t trial_pareto(const struct trial_outcome *outcomes, size_t count, size_t *ret_numbers) {
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        bool beaten = outcomes[i].failed;
        for (size_t j = 0; j < count && !beaten; j++)
            beaten = j != i && !outcomes[j].failed && beats(outcomes, j, i);
        if (beaten)
            continue;
        size_t at = found++;
        for (; at > 0 && outcomes[ret_numbers[at - 1]].p50_us > outcomes[i].p50_us; at--)
            ret_numbers[at] = ret_numbers[at - 1];
        ret_numbers[at] = i;
    }
    return found;
}

/* ---- what to try ---- */

/* SplitMix64 (Steele, Lea, Flood, 2014). */
static uint64_t next(uint64_t *state) {
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

static uint32_t within(uint64_t *state, uint32_t low, uint32_t high) {
    return low + (uint32_t)(next(state) % (high - low + 1));
}

static double fraction(uint64_t *state) {
    return (double)(next(state) >> 11) * 0x1p-53;
}

static uint32_t clamp(double value, uint32_t low, uint32_t high) {
    return value <= low ? low : value >= high ? high : (uint32_t)(value + 0.5);
}

static struct trial_settings anywhere(uint64_t *state) {
    return (struct trial_settings){.ef_construction =
                                       within(state, TRIAL_EF_CONSTRUCTION_MIN, TRIAL_EF_CONSTRUCTION_MAX),
                                   .ef_search = within(state, TRIAL_EF_SEARCH_MIN, TRIAL_EF_SEARCH_MAX),
                                   .seed = TRIAL_SEED};
}

/* Each of the two windows by a factor of 2/3 to 3/2. */
static struct trial_settings one_step_from(const struct trial_settings *best, uint64_t *state) {
    struct trial_settings s = *best;
    double build = 2.0 / 3 + fraction(state) * (3.0 / 2 - 2.0 / 3);
    double search = 2.0 / 3 + fraction(state) * (3.0 / 2 - 2.0 / 3);
    s.ef_construction = clamp(s.ef_construction * build, TRIAL_EF_CONSTRUCTION_MIN, TRIAL_EF_CONSTRUCTION_MAX);
    s.ef_search = clamp(s.ef_search * search, TRIAL_EF_SEARCH_MIN, TRIAL_EF_SEARCH_MAX);
    return s;
}

static bool was_tried(const struct trial_outcome *history, size_t count, const struct trial_settings *s) {
    for (size_t i = 0; i < count; i++) {
        if (trial_settings_equal(&history[i].settings, s))
            return true;
    }
    return false;
}

#define DRAWS 64

struct trial_settings trial_propose(const struct trial_outcome *history, size_t count, double epsilon,
                                    double min_recall) {
    uint64_t state = count;
    size_t best = trial_best(history, count, TRIAL_RECALL, min_recall);
    bool explore = best == count || fraction(&state) < epsilon;
    struct trial_settings s = {0};
    for (int draw = 0; draw < DRAWS; draw++) {
        /* A neighbourhood that is used up is left for the open field. */
        s = explore || draw >= DRAWS / 2 ? anywhere(&state) : one_step_from(&history[best].settings, &state);
        if (!was_tried(history, count, &s))
            break;
    }
    return s;
}
