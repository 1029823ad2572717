/* Accept, entity tags and ranges. */
#include "gateway/accept.h"
#include "gateway/conditional.h"

#include "base/attr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static const char *const offers[] = {"application/json", "text/csv", "application/x-ndjson"};

static void test_accept(void **state) {
    (void)state;
    static const struct {
        const char *header;
        int chosen;
    } cases[] = {
        {NULL, 0},
        {"", 0},
        {"*/*", 0},
        {"text/csv", 1},
        {"TEXT/CSV; charset=utf-8", 1},
        {"text/*", 1},
        {"text/csv;q=0.5, application/json;q=0.4", 1},
        {"text/csv;q=0.5, application/*", 0},
        {"*/*;q=0.1, application/x-ndjson;q=0.9", 2},
        {"application/json;q=0, */*", 1},
        {"application/json;q=0", -1},
        {"image/png", -1},
        {"text/csv, application/x-ndjson", 1},
        {"text/html, application/xhtml+xml, */*;q=0.8", 0},
        {"application/json;q=0.001", 0},
        {"text/csv;q=1.5", 1},
    };
    for (size_t i = 0; i < LH_ARRAY_LEN(cases); i++)
        if (accept_choose(cases[i].header, offers, LH_ARRAY_LEN(offers)) != cases[i].chosen)
            fail_msg("%s: %d", cases[i].header, accept_choose(cases[i].header, offers, LH_ARRAY_LEN(offers)));
}

static void test_entity_tags(void **state) {
    (void)state;
    static const struct {
        const char *list;
        bool strong, matches;
    } cases[] = {
        {"*", true, true},          {"\"abc\"", true, true},         {"\"x\", \"abc\"", true, true},
        {"W/\"abc\"", true, false}, {"W/\"abc\"", false, true},      {"\"ab\"", false, false},
        {"abc", false, false},      {"\"abc", false, false},         {"", false, false},
        {"\"x\"", false, false},    {"\"abcd\",\"b\"", true, false}, {"* , \"abc\"", true, false},
    };
    for (size_t i = 0; i < LH_ARRAY_LEN(cases); i++)
        if (etag_list_matches(cases[i].list, "abc", cases[i].strong) != cases[i].matches)
            fail_msg("%s", cases[i].list);
}

static void test_ranges(void **state) {
    (void)state;
    static const struct {
        const char *header;
        uint64_t size;
        enum range_result result;
        uint64_t offset, length;
    } cases[] = {
        {"bytes=0-0", 10, RANGE_PART, 0, 1},
        {"bytes=2-5", 10, RANGE_PART, 2, 4},
        {"bytes=5-", 10, RANGE_PART, 5, 5},
        {"bytes=-3", 10, RANGE_PART, 7, 3},
        {"bytes=-30", 10, RANGE_PART, 0, 10},
        {"bytes=5-100", 10, RANGE_PART, 5, 5},
        {"bytes=0-18446744073709551615", 10, RANGE_PART, 0, 10},
        {"bytes=10-", 10, RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=-0", 10, RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=0-", 0, RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=5-2", 10, RANGE_NONE, 0, 0},
        {"bytes=0-1,3-4", 10, RANGE_NONE, 0, 0},
        {"bytes=a-b", 10, RANGE_NONE, 0, 0},
        {"bytes=-", 10, RANGE_NONE, 0, 0},
        {"bytes=99999999999999999999-", 10, RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=0-99999999999999999999", 10, RANGE_PART, 0, 10},
        {"bytes=-99999999999999999999", 10, RANGE_PART, 0, 10},
        {"items=0-1", 10, RANGE_NONE, 0, 0},
    };
    for (size_t i = 0; i < LH_ARRAY_LEN(cases); i++) {
        uint64_t offset = 0, length = 0;
        enum range_result result = range_parse(cases[i].header, cases[i].size, &offset, &length);
        if (result != cases[i].result || offset != cases[i].offset || length != cases[i].length)
            fail_msg("%s: %d %llu %llu", cases[i].header, (int)result, (unsigned long long)offset,
                     (unsigned long long)length);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accept),
        cmocka_unit_test(test_entity_tags),
        cmocka_unit_test(test_ranges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
