/* Values to kinds, and columns to types. */
#include "base/buf.h"
#include "base/cleanup.h"
#include "engine/worker/column_names.h"
#include "engine/worker/value_kind.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define B(kind) KIND_BIT(KIND_##kind)

static void test_kinds(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint32_t kinds; /* KIND_TEXT apart */
    } rows[] = {
        {"0", B(BIGINT) | B(HUGEINT) | B(DOUBLE) | B(JSON_DOUBLE)},
        {"-17", B(BIGINT) | B(HUGEINT) | B(DOUBLE) | B(JSON_DOUBLE)},
        {"9223372036854775807", B(BIGINT) | B(HUGEINT)},
        {"9223372036854775808", B(HUGEINT)},
        {"-9223372036854775808", B(BIGINT) | B(HUGEINT)},
        {"-9223372036854775809", B(HUGEINT)},
        {"99999999999999999999999999999999999999", B(HUGEINT)},
        {"100000000000000000000000000000000000000", 0},
        {"007", 0},
        {"-0", 0},
        {"+5", 0},
        {" 5", 0},
        {"1e5", 0},
        {"1.5e3", B(DOUBLE)},
        {"1.50", B(DOUBLE)},
        {".5", B(DOUBLE)},
        {"5.", 0},
        {"00.5", 0},
        {"0.12345678901234", B(DOUBLE)},
        {"0.123456789012345", 0},
        {"1.234,5", B(COMMA)},
        {"1,234", B(COMMA)},
        {"1,2,3", 0},
        {"true", B(BOOL)},
        {"FALSE", B(BOOL)},
        {"yes", 0},
        {"2024-02-29", B(DATE)},
        {"2023-02-29", 0},
        {"2024-2-9", 0},
        {"2024-02-09T10:00", B(TIMESTAMP)},
        {"2024-02-09 10:00:59.123456", B(TIMESTAMP)},
        {"2024-02-09 10:00:59.1234567", 0},
        {"2024-02-09 24:00:00", 0},
        {"2024-02-09 10:00:00Z", B(TIMESTAMPTZ)},
        {"2024-02-09 10:00:00+05:30", B(TIMESTAMPTZ)},
        {"2024-02-09 10:00:00+0530", 0},
        {"31.12.2024", B(DOT_DMY)},
        {"12.31.2024", 0},
        {"31/12/2024", B(SLASH_DMY)},
        {"12/31/2024", B(SLASH_MDY)},
        {"01/02/2024", B(SLASH_DMY) | B(SLASH_MDY)},
        {"1-2-2024", B(DASH_DMY) | B(DASH_MDY)},
        {"01/02/24", 0},
        {"", 0},
        {"12345678901234567890123456789012345678901234567890", 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint32_t seen = value_kinds(rows[i].text, strlen(rows[i].text));
        if (seen != (rows[i].kinds | B(TEXT)))
            fail_msg("\"%s\": %x instead of %x", rows[i].text, seen, rows[i].kinds | B(TEXT));
        for (int kind = 0; kind < KIND_COUNT; kind++)
            assert_int_equal(value_has_kind((enum value_kind)kind, rows[i].text, strlen(rows[i].text)),
                             (seen & KIND_BIT(kind)) != 0);
    }
    assert_int_equal(value_kinds_of_json_string("17", 2), B(TEXT));
    assert_int_equal(value_kinds_of_json_string("2024-01-02", 10), B(TEXT) | B(DATE));
    assert_int_equal(value_kinds_of_json_number("0.30000000000000004", 19), B(TEXT) | B(JSON_DOUBLE) | B(JSON_FLOAT));
    static const char *const words[] = {"NaN", "Infinity", "-Infinity"}, *const others[] = {"nan", "+Infinity", "inf",
                                                                                            ""};
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(value_kinds_of_json_string(words[i], strlen(words[i])), B(TEXT) | B(JSON_FLOAT));
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(value_kinds_of_json_string(others[i], strlen(others[i])), B(TEXT));
}

/* A decimal's digits never pass through a double. */
static void test_digits(void **state) {
    (void)state;
    for (int kind = 0; kind < KIND_COUNT; kind++) {
        LH_AUTO(buf) struct buf sql = BUF_INIT;
        bool fraction = KIND_BIT(kind) & (B(DOUBLE) | B(COMMA) | B(JSON_DOUBLE) | B(JSON_FLOAT) | B(TEXT));
        assert_int_equal(value_kind_append_digits((enum value_kind)kind, "v0", &sql), fraction);
        assert_int_equal(sql.len > 0, fraction);
        assert_null(strstr(buf_cstr(&sql), "CAST"));
    }
}

static void test_columns(void **state) {
    (void)state;
    static const struct {
        const char *name, *values[4];
        enum value_kind kind;
        bool undecided;
        const char *why;
    } rows[] = {
        {"n", {"1", "22"}, KIND_BIGINT, false, "every value is a whole number (2 seen)"},
        {"n", {"1", "2.5"}, KIND_DOUBLE, false, "15 digits"},
        {"n", {"1", "x"}, KIND_TEXT, false, "line 2 holds \"x\""},
        {"n", {"x", "1"}, KIND_TEXT, false, "line 1 holds \"x\""},
        {"n", {NULL}, KIND_TEXT, true, "no value"},
        {"zip", {"90210"}, KIND_TEXT, false, "a code, not a quantity"},
        {"Home Phone", {"5551234567"}, KIND_TEXT, false, "phone"},
        {"zipper_count", {"3"}, KIND_BIGINT, false, "whole number"},
        {"d", {"01/02/2024", "03/04/2024"}, KIND_TEXT, true, "order is open"},
        {"d", {"01/02/2024", "25/04/2024"}, KIND_SLASH_DMY, false, "DD/MM/YYYY"},
        {"d", {"25/04/2024", "04/25/2024"}, KIND_TEXT, false, "different kinds"},
        {"d", {"2024-01-01", "01.02.2024"}, KIND_TEXT, false, "different kinds"},
        {"c", {"1,234", "5,678"}, KIND_TEXT, true, "one thousand"},
        {"c", {"1,234", "5,6"}, KIND_COMMA, false, "decimal comma"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct column_facts facts = {.values = 0};
        LH_AUTO(buf) struct buf why = BUF_INIT;
        for (size_t j = 0; j < 4 && rows[i].values[j]; j++) {
            const char *v = rows[i].values[j];
            column_note(&facts, value_kinds(v, strlen(v)), v, strlen(v), j + 1);
        }
        enum value_kind kind = column_decide(&facts, rows[i].name, &why);
        if (kind != rows[i].kind || column_undecided(&facts) != rows[i].undecided ||
            !strstr(buf_cstr(&why), rows[i].why))
            fail_msg("row %zu: kind %d, undecided %d, %s", i, (int)kind, column_undecided(&facts), buf_cstr(&why));
    }
}

static void test_fit(void **state) {
    (void)state;
    struct column_facts ints = {.values = 0}, open = {.values = 0};
    column_note(&ints, value_kinds("5", 1), "5", 1, 1);
    column_note(&open, value_kinds("01/02/2024", 10), "01/02/2024", 10, 1);
    assert_int_equal(column_fit(&ints, KIND_BIGINT, "DOUBLE"), KIND_DOUBLE);
    assert_int_equal(column_fit(&ints, KIND_BIGINT, "VARCHAR"), KIND_TEXT);
    assert_int_equal(column_fit(&ints, KIND_BIGINT, "DATE"), KIND_BIGINT);
    assert_int_equal(column_fit(&ints, KIND_TEXT, "BIGINT"), KIND_BIGINT);
    assert_int_equal(column_fit(&open, KIND_TEXT, "DATE"), KIND_TEXT);
}

static void test_long_example_is_cut_between_characters(void **state) {
    (void)state;
    struct column_facts facts = {.values = 0};
    LH_AUTO(buf) struct buf text = BUF_INIT;
    for (int i = 0; i < 30; i++)
        buf_append_str(&text, i ? "\xC3\xA9" : "x");
    column_note(&facts, B(TEXT), text.data, text.len, 9);
    assert_int_equal(facts.breaker_line, 9);
    assert_string_equal(facts.breaker + strlen(facts.breaker) - 5, "\xC3\xA9...");
}

static void test_names(void **state) {
    (void)state;
    static const char *const given[] = {"id", "", "ID", "id_2", " id ", "a\nb", "a\tb", "id"};
    static const char *const expected[] = {"id", "column_2", "ID_2", "id_2_2", "id_3", "a_b", "a_b_2", "id_4"};
    LH_AUTO(column_names) struct column_names names = {.items = NULL};
    for (size_t i = 0; i < sizeof given / sizeof *given; i++) {
        assert_int_equal(column_names_add(&names, given[i], strlen(given[i])), i);
        assert_string_equal(names.items[i], expected[i]);
    }
    assert_null(names.original[0]);
    assert_null(names.original[1]);
    assert_string_equal(names.original[4], " id ");
    /* A name of the greatest length still gets its suffix, and many equal ones are quick. */
    char longest[300];
    memset(longest, 'x', sizeof longest);
    for (int i = 0; i < 3000; i++) {
        size_t index = column_names_add(&names, longest, sizeof longest);
        assert_true(strlen(names.items[index]) <= 255);
    }
    assert_string_equal(names.items[9] + 243, "_2");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_digits),
        cmocka_unit_test(test_columns),
        cmocka_unit_test(test_fit),
        cmocka_unit_test(test_long_example_is_cut_between_characters),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
