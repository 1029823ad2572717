/* The small text forms: suggestions, quantities, UTF-8. */
#include "base/cleanup.h"
#include "base/quantity.h"
#include "base/suggest.h"
#include "base/utf8.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void the_nearest_name_is_suggested(void **state) {
    (void)state;
    static const char *const names[] = {"listen", "threads", "timeout", "max_timeout"};
    static const struct {
        const char *wrong, *right;
    } rows[] = {
        {"listne", "listen"},
        {"LISTEN", "listen"},
        {"thread", "threads"},
        {"timeuot", "timeout"},
        {"max_timeot", "max_timeout"},
        {"zebra", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < LH_ARRAY_LEN(rows); i++) {
        const char *found = lh_suggest(rows[i].wrong, names, LH_ARRAY_LEN(names));
        assert_true((found == NULL) == (rows[i].right == NULL));
        if (found)
            assert_string_equal(found, rows[i].right);
    }
    assert_int_equal(lh_edit_distance("kitten", "sitting", 5), 3);
    assert_int_equal(lh_edit_distance("kitten", "sitting", 2), 3);
    assert_int_equal(lh_edit_distance("ab", "ba", 5), 1);
}

static void quantities_are_read_and_written(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool good;
        uint64_t bytes;
    } sizes[] = {
        {"0", true, 0},
        {"4096", true, 4096},
        {"512MB", true, 512u << 20},
        {"64 KiB", true, 65536},
        {"1.5gb", true, 3u << 29},
        {"5TB", true, (uint64_t)5 << 40},
        {"1B", true, 1},
        {"1K", true, 1024},
        {"", false, 0},
        {"MB", false, 0},
        {"-1", false, 0},
        {"1XB", false, 0},
        {"0x10", false, 0},
        {"1e3", false, 0},
        {"1.1B", false, 0},
        {"1MBB", false, 0},
        {"99999999999TB", false, 0},
    };
    for (size_t i = 0; i < LH_ARRAY_LEN(sizes); i++) {
        uint64_t bytes = 0;
        if (lh_size_parse(sizes[i].text, &bytes) != sizes[i].good)
            fail_msg("%s", sizes[i].text);
        assert_int_equal(bytes, sizes[i].bytes);
    }
    int64_t ms = 0;
    assert_true(lh_duration_parse("250ms", &ms) && ms == 250);
    assert_true(lh_duration_parse("1.5h", &ms) && ms == 5400000);
    assert_true(lh_duration_parse("7", &ms) && ms == 7000);
    assert_false(lh_duration_parse("7 weeks", &ms));
    assert_false(lh_duration_parse("-1s", &ms));
    int64_t number = 0;
    assert_true(lh_int_parse("-9223372036854775808", &number) && number == INT64_MIN);
    assert_false(lh_int_parse("9223372036854775808", &number));
    assert_false(lh_int_parse("1 ", &number));
    LH_AUTO(buf) struct buf out = BUF_INIT;
    lh_size_format(1536, &out);
    lh_count_format(2469278, &out);
    lh_count_format(1000005, &out);
    lh_duration_format(250000, &out);
    assert_string_equal(out.data, "1.5 KB2,469,2781,000,0054 min 10 s");
}

static void utf8_is_judged_and_measured(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool valid;
        size_t width;
    } rows[] = {
        {"abc", true, 3},           {"\xC3\xA9", true, 1},          {"e\xCC\x81", true, 1},
        {"\xE6\x97\xA5", true, 2},  {"\xF0\x9F\x98\x80", true, 2},  {"\xC0\xAF", false, 2},
        {"\xED\xA0\x80", false, 3}, {"\xF4\x90\x80\x80", false, 4}, {"\xE2\x82", false, 2},
        {"\xE0\x80\xAF", false, 3},
    };
    for (size_t i = 0; i < LH_ARRAY_LEN(rows); i++) {
        size_t bad = 99;
        assert_int_equal(utf8_valid(rows[i].text, strlen(rows[i].text), &bad), rows[i].valid);
        assert_int_equal(bad, rows[i].valid ? 99 : 0);
        assert_int_equal(utf8_width(rows[i].text, strlen(rows[i].text)), rows[i].width);
    }
    assert_int_equal(utf8_prefix_for_width("ab\xE6\x97\xA5z", 6, 3), 2);
    assert_int_equal(utf8_prefix_for_width("ab\xE6\x97\xA5z", 6, 4), 5);
    assert_int_equal(utf8_prefix_for_width("e\xCC\x81x", 4, 1), 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_nearest_name_is_suggested),
        cmocka_unit_test(quantities_are_read_and_written),
        cmocka_unit_test(utf8_is_judged_and_measured),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
