/* The built-in reranker: which of two texts fits a query better, and that the answer does not depend on chance. */
#include "ai/lexical.h"
#include "ai/rerank.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void rank(const char *query, const char *const *texts, size_t count, double *ret_scores) {
    LH_AUTO(lexical_weights) struct lexical_weights *weights = lexical_weights_builtin();
    struct ai_text items[16];
    assert_true(count <= 16);
    for (size_t i = 0; i < count; i++)
        items[i] = (struct ai_text){texts[i], strlen(texts[i])};
    const struct ai_text asked = {query, strlen(query)};
    rerank_lexical(weights, &asked, items, count, ret_scores);
    for (size_t i = 0; i < count; i++)
        assert_true(isfinite(ret_scores[i]) && ret_scores[i] >= 0 && ret_scores[i] <= 1.0001);
}

static void the_better_text_scores_higher(void **state) {
    (void)state;
    static const struct {
        const char *name, *query, *better, *worse;
    } cases[] = {
        {"all words", "icu nurse austin", "An ICU nurse from Austin.", "A nurse from Dallas, who likes Austin."},
        {"closer together", "night shift nurse", "She was a night shift nurse there for years and liked the work.",
         "A nurse by training, she later ran a shift in a plant, and often drove home at night."},
        {"inflected", "nursing", "Nurses of the ward.", "Drivers of the yard."},
        {"inflected below exact", "nurse", "A nurse there.", "Nursing there."},
        {"rare word decides", "who is the welder of it", "A welder.", "He is the mayor of it, who is the owner of it"},
        {"shorter of two alike", "forklift", "Drove a forklift.",
         "Drove a forklift. Also cooked, sang, wrote, read, swam, ran, painted, taught, counted and slept a lot."},
        {"accents do not matter", "muller", "Müller welds.", "Möller welds."},
        {"misspelt, by spelling alone", "phlebotomst", "Phlebotomist at a clinic.", "Electrician at a clinic."},
        {"commas and case", "C++, Storage", "storage engines in C++", "storage of boxes"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (int swapped = 0; swapped < 2; swapped++) {
            const char *texts[] = {swapped ? cases[i].worse : cases[i].better,
                                   swapped ? cases[i].better : cases[i].worse,
                                   "Something that has nothing to do with it at all."};
            double scores[3];
            rank(cases[i].query, texts, 3, scores);
            if (!(scores[swapped] > scores[!swapped]))
                fail_msg("%s: %f is not above %f", cases[i].name, scores[swapped], scores[!swapped]);
        }
    }
}

static void what_all_texts_say_does_not_decide(void **state) {
    (void)state;
    const char *texts[] = {"resume resume resume of a baker", "resume of a welder", "resume of a driver",
                           "resume of a nurse"};
    double scores[4];
    rank("resume welder", texts, 4, scores);
    assert_true(scores[1] > scores[0] && scores[1] > scores[2] && scores[1] > scores[3]);
}

static void equal_texts_score_alike_and_nothing_is_no_reason_to_fail(void **state) {
    (void)state;
    const char *texts[] = {"", "one text", "one text", "   ", "...", "\xff\xfe"};
    double scores[6], again[6];
    static const char *const queries[] = {"one text", "", "???", "a a a a", "zebra"};
    for (size_t q = 0; q < sizeof queries / sizeof *queries; q++) {
        rank(queries[q], texts, 6, scores);
        rank(queries[q], texts, 6, again);
        assert_memory_equal(scores, again, sizeof scores);
        assert_true(scores[1] == scores[2]);
    }
    rank("x", texts, 0, scores);
}

static void many_words_and_long_texts_keep_their_bounds(void **state) {
    (void)state;
    LH_AUTO(buf) struct buf query = BUF_INIT;
    LH_AUTO(buf) struct buf text = BUF_INIT;
    for (int i = 0; i < 300; i++)
        buf_printf(&query, "word%d ", i);
    for (int i = 0; i < 20000; i++)
        buf_printf(&text, "word%d ", i % 977);
    const char *texts[] = {buf_cstr(&text), "word1 word2", "other"};
    double scores[3];
    rank(buf_cstr(&query), texts, 3, scores);
    assert_true(scores[0] > scores[1] && scores[1] > scores[2]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_better_text_scores_higher),
        cmocka_unit_test(what_all_texts_say_does_not_decide),
        cmocka_unit_test(equal_texts_score_alike_and_nothing_is_no_reason_to_fail),
        cmocka_unit_test(many_words_and_long_texts_keep_their_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
