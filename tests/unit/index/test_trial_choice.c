/* Which settings to try and which are the best, on histories written by hand and grown by the functions themselves. */
#include "index/trial_choice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct trial_outcome outcome(double recall, double p50_us) {
    return (struct trial_outcome){.settings = {0, 80, 30, 42}, .recall = recall, .p50_us = p50_us};
}

static void the_best_is_by_the_metric_and_early(void **state) {
    (void)state;
    struct trial_outcome all[] = {
        outcome(0.90, 50), outcome(0.99, 120), outcome(0.99, 110),
        outcome(0.95, 60), outcome(0.99, 110), outcome(1.00, 10),
    };
    all[5].failed = true;
    assert_int_equal(trial_best(all, 6, TRIAL_RECALL, 0), 2);
    assert_int_equal(trial_best(all, 6, TRIAL_LATENCY, 0), 0);
    assert_int_equal(trial_best(all, 6, TRIAL_LATENCY, 0.91), 3);
    assert_int_equal(trial_best(all, 6, TRIAL_LATENCY, 0.96), 2);
    assert_int_equal(trial_best(all, 6, TRIAL_RECALL, 0.995), 6);
    assert_int_equal(trial_best(all, 0, TRIAL_RECALL, 0), 0);

    size_t numbers[6];
    assert_int_equal(trial_pareto(all, 6, numbers), 3);
    assert_int_equal(numbers[0], 0);
    assert_int_equal(numbers[1], 3);
    assert_int_equal(numbers[2], 2);
    assert_int_equal(trial_pareto(&all[5], 1, numbers), 0);
}

static void nothing_of_the_pareto_set_is_beaten_and_all_else_is(void **state) {
    (void)state;
    uint64_t random = 1;
    struct trial_outcome all[40];
    for (size_t round = 0; round < 200; round++) {
        size_t count = round % 40;
        for (size_t i = 0; i < count; i++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            all[i] = outcome((double)(random >> 60) / 16, (double)(random >> 40 & 15));
        }
        size_t numbers[40];
        size_t found = trial_pareto(all, count, numbers);
        bool chosen[40] = {false};
        for (size_t i = 0; i < found; i++) {
            assert_false(chosen[numbers[i]]);
            chosen[numbers[i]] = true;
            assert_true(i == 0 || all[numbers[i]].p50_us > all[numbers[i - 1]].p50_us);
            assert_true(i == 0 || all[numbers[i]].recall > all[numbers[i - 1]].recall);
        }
        for (size_t i = 0; i < count; i++) {
            bool covered = false;
            for (size_t j = 0; j < found; j++)
                covered =
                    covered || (all[numbers[j]].recall >= all[i].recall && all[numbers[j]].p50_us <= all[i].p50_us);
            assert_true(covered);
        }
    }
}

static void proposals_are_new_within_bounds_and_repeatable(void **state) {
    (void)state;
    struct trial_outcome history[300];
    size_t near = 0;
    for (size_t count = 0; count < 300; count++) {
        struct trial_settings s = trial_propose(history, count, 0.25, 0.9);
        struct trial_settings again = trial_propose(history, count, 0.25, 0.9);
        assert_true(trial_settings_equal(&s, &again));
        assert_in_range(s.ef_construction, TRIAL_EF_CONSTRUCTION_MIN, TRIAL_EF_CONSTRUCTION_MAX);
        assert_in_range(s.ef_search, TRIAL_EF_SEARCH_MIN, TRIAL_EF_SEARCH_MAX);
        for (size_t i = 0; i < count; i++)
            assert_false(trial_settings_equal(&history[i].settings, &s));
        /* The best is the first of them: 100 and 100 with everything later worse. */
        history[count] = (struct trial_outcome){.settings = s, .recall = count ? 0.5 : 1.0, .p50_us = 1};
        if (count == 0)
            history[0].settings = (struct trial_settings){0, 100, 100, TRIAL_SEED};
        else
            near += s.ef_construction >= 66 && s.ef_construction <= 150 && s.ef_search >= 66 && s.ef_search <= 150;
    }
    /* Three of four are steps from the best; of the rest few fall there by chance. */
    assert_in_range(near, 299 * 65 / 100, 299 * 90 / 100);
}

static void without_a_good_one_it_explores(void **state) {
    (void)state;
    struct trial_outcome history[] = {outcome(0.5, 10), outcome(0.6, 10)};
    history[1].failed = true;
    struct trial_settings s = trial_propose(history, 2, 0, 0.9);
    struct trial_settings t = trial_propose(history, 2, 1, 0);
    assert_false(trial_settings_equal(&s, &history[0].settings));
    assert_false(trial_settings_equal(&t, &history[0].settings));
}

static void the_default_grid_lies_within_the_bounds(void **state) {
    (void)state;
    assert_int_equal(trial_default_grid_count, 5);
    for (size_t i = 0; i < trial_default_grid_count; i++) {
        assert_in_range(trial_default_grid[i].ef_construction, TRIAL_EF_CONSTRUCTION_MIN, TRIAL_EF_CONSTRUCTION_MAX);
        assert_in_range(trial_default_grid[i].ef_search, TRIAL_EF_SEARCH_MIN, TRIAL_EF_SEARCH_MAX);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_best_is_by_the_metric_and_early),
        cmocka_unit_test(nothing_of_the_pareto_set_is_beaten_and_all_else_is),
        cmocka_unit_test(proposals_are_new_within_bounds_and_repeatable),
        cmocka_unit_test(without_a_good_one_it_explores),
        cmocka_unit_test(the_default_grid_lies_within_the_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
