/* What a key's text must say to be a value of its column, type by type. */
#include "lake/key_text.h"

#include "base/attr.h"
#include "base/buf.h"
#include "base/cleanup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void a_text_is_exact_or_refused(void **state) {
    (void)state;
    static const struct {
        const char *type, *text, *exact; /* NULL: refused */
    } ROWS[] = {
        {"DECIMAL(38,0)", "2", "2"},
        {"DECIMAL(38,0)", "1.5", NULL},
        {"DECIMAL(38,0)", "2.000", "2"},
        {"DECIMAL(38,0)", "1.5e1", "15"},
        {"DECIMAL(38,0)", "15e-1", NULL},
        {"DECIMAL(38,0)", "2e3", "2000"},
        {"DECIMAL(38,0)", "-0.0", "0"},
        {"DECIMAL(38,0)", "99999999999999999999999999999999999999", "99999999999999999999999999999999999999"},
        {"DECIMAL(38,0)", "1e38", NULL},
        {"DECIMAL(38,0)", "1e9999999999", NULL},
        {"DECIMAL(9,3)", "1.500", "1.5"},
        {"DECIMAL(9,3)", "+1.5000", "1.5"},
        {"DECIMAL(9,3)", "1.4999999999999", NULL},
        {"DECIMAL(9,3)", "1.5000000000001", NULL},
        {"DECIMAL(9,3)", "-.005", "-0.005"},
        {"DECIMAL(9,3)", "5.", "5"},
        {"DECIMAL(9,3)", "00120.10", "120.1"},
        {"DECIMAL(9,3)", "1.5e-2", "0.015"},
        {"DECIMAL(9,3)", "", NULL},
        {"DECIMAL(9,3)", ".", NULL},
        {"DECIMAL(9,3)", "1.5x", NULL},
        {"DECIMAL(9,3)", " 1.5", NULL},
        {"DECIMAL(9,3)", "1e", NULL},
        {"DATE", "2024-01-01", "2024-01-01"},
        {"DATE", "2024-01-01 00:00:00", "2024-01-01"},
        {"DATE", "2024-01-01T00:00:00.000000", "2024-01-01"},
        {"DATE", "2024-01-01 12:00:00", NULL},
        {"DATE", "2024-01-01 00:00:00.0001", NULL},
        {"DATE", "2024-01-01 00:00:00+02", NULL},
        {"DATE", "0044-03-15 (BC)", "0044-03-15 (BC)"},
        {"DATE", "infinity", "infinity"},
        {"DATE", "2024-01-01x", NULL},
        {"DATE", "2024-01/01", NULL},
        {"TIME", "10:00:00", "10:00:00"},
        {"TIME", "10:00:00.1234560", "10:00:00.1234560"},
        {"TIME", "10:00:00.0000001", NULL},
        {"TIME", "2024-01-01 10:00:00", NULL},
        {"TIME", "10:00:00+02", NULL},
        {"TIME WITH TIME ZONE", "10:00:00+02", "10:00:00+02"},
        {"TIME WITH TIME ZONE", "10:00:00.0000001+02", NULL},
        {"TIMESTAMP", "2024-01-01", "2024-01-01"},
        {"TIMESTAMP", "2024-01-01T10:00:00.5", "2024-01-01T10:00:00.5"},
        {"TIMESTAMP", "2024-01-01 10:00:00.5000004", NULL},
        {"TIMESTAMP WITH TIME ZONE", "2024-01-01 10:00:00.5+02:00", "2024-01-01 10:00:00.5+02:00"},
        {"TIMESTAMP WITH TIME ZONE", "2024-01-01 10:00:00.5000004Z", NULL},
        {"TIMESTAMP_S", "2024-01-01 10:00:00.4", NULL},
        {"TIMESTAMP_MS", "2024-01-01 10:00:00.123", "2024-01-01 10:00:00.123"},
        {"TIMESTAMP_MS", "2024-01-01 10:00:00.1234", NULL},
        {"TIMESTAMP_NS", "2024-01-01 10:00:00.123456789", "2024-01-01 10:00:00.123456789"},
        {"TIMESTAMP_NS", "2024-01-01 10:00:00.1234567891", NULL},
        {"INTERVAL", "3 days", "3 days"},
        {"INTERVAL", "1 day 10:00:00.5", "1 day 10:00:00.5"},
        {"INTERVAL", "0.1 microseconds", NULL},
        {"INTERVAL", "10:00:00.0000001", NULL},
        {"INTEGER[]", "[1,2]", "[1,2]"},
        {"INTEGER[]", "[1.5]", NULL},
        {"DECIMAL(9,1)[][]", "[[1.5, NULL], [\"2.50\"]]", "[[1.5,NULL],[2.5]]"},
        {"DECIMAL(9,1)[2]", "[1.55, 1]", NULL},
        {"DATE[]", "[2024-01-01, 2024-01-02 12:00:00]", NULL},
        {"VARCHAR[]", "[1.5]", "[1.5]"},
        {"VARCHAR", "2024-01-01 12:00:00", "2024-01-01 12:00:00"},
        {"DOUBLE", "1.50000001", "1.50000001"},
    };
    for (size_t i = 0; i < LH_ARRAY_LEN(ROWS); i++) {
        LH_AUTO(buf) struct buf text = BUF_INIT;
        bool exact = key_text_exact(ROWS[i].type, ROWS[i].text, &text);
        if (exact != (ROWS[i].exact != NULL))
            fail_msg("%s of a %s is %s", ROWS[i].text, ROWS[i].type, exact ? "taken" : "refused");
        assert_string_equal(buf_cstr(&text), ROWS[i].exact ? ROWS[i].exact : "");
    }
}

static void a_double_of_many_digits_is_refused(void **state) {
    (void)state;
    static const struct {
        double value;
        const char *text;
    } ROWS[] = {
        {1.5, "1.5"},
        {0.1, "0.1"},
        {1.4999999999999, "1.4999999999999"},
        {123456789012345.0, "123456789012345"},
        {0.1 + 0.2, NULL},
        {1.4999999999999998, NULL},
        {12345678901234568.0, NULL},
    };
    for (size_t i = 0; i < LH_ARRAY_LEN(ROWS); i++) {
        LH_AUTO(buf) struct buf text = BUF_INIT;
        assert_int_equal(key_text_of_double(ROWS[i].value, &text), ROWS[i].text != NULL);
        assert_string_equal(buf_cstr(&text), ROWS[i].text ? ROWS[i].text : "");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_is_exact_or_refused),
        cmocka_unit_test(a_double_of_many_digits_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
