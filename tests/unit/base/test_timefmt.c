#include "base/attr.h"
#include "base/timefmt.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void known_times(void **state) {
    (void)state;
    static const struct {
        int64_t us;
        const char *text, *http;
    } rows[] = {
        {0, "1970-01-01T00:00:00.000000Z", "Thu, 01 Jan 1970 00:00:00 GMT"},
        {-1, "1969-12-31T23:59:59.999999Z", "Wed, 31 Dec 1969 23:59:59 GMT"},
        {951782400000000, "2000-02-29T00:00:00.000000Z", "Tue, 29 Feb 2000 00:00:00 GMT"},
        {784111777000000, "1994-11-06T08:49:37.000000Z", "Sun, 06 Nov 1994 08:49:37 GMT"},
        {253402300799999999, "9999-12-31T23:59:59.999999Z", "Fri, 31 Dec 9999 23:59:59 GMT"},
        {-62135596800000000, "0001-01-01T00:00:00.000000Z", "Mon, 01 Jan 0001 00:00:00 GMT"},
    };
    for (size_t i = 0; i < LH_ARRAY_LEN(rows); i++) {
        char text[LH_TIME_SIZE];
        char http[LH_HTTP_DATE_SIZE];
        int64_t back = 0;
        lh_time_format(rows[i].us, text);
        lh_http_date_format(rows[i].us, http);
        assert_string_equal(text, rows[i].text);
        assert_string_equal(http, rows[i].http);
        assert_true(lh_time_parse(text, strlen(text), &back));
        assert_int_equal(back, rows[i].us);
        assert_true(lh_http_date_parse(http, strlen(http), &back));
        assert_true(rows[i].us - back >= 0 && rows[i].us - back < 1000000);
    }
}

static void every_day_of_eight_centuries(void **state) {
    (void)state;
    struct lh_civil before = {0};
    for (int64_t day = -150000; day < 150000; day++) {
        struct lh_civil civil;
        lh_civil_from_us(day * 86400000000 + 5, &civil);
        assert_int_equal(lh_us_from_civil(&civil), day * 86400000000 + 5);
        if (before.year != 0) {
            assert_int_equal(civil.weekday, (before.weekday + 1) % 7);
            assert_true(civil.day == before.day + 1 || civil.day == 1);
        }
        before = civil;
    }
}

static void parsing_is_strict(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool good;
        int64_t us;
    } rows[] = {
        {"1970-01-02", true, 86400000000},
        {"1970-01-01 00:00:01", true, 1000000},
        {"1970-01-01T02:00:00+02:00", true, 0},
        {"1970-01-01T00:00:00-0130", true, 5400000000},
        {"1970-01-01T00:00:00.5Z", true, 500000},
        {"1970-01-01T00:00:00.123456789Z", true, 123456},
        {"1970-01-01T00:00:00.Z", false, 0},
        {"1970-01-01T00:00:00.1234567890Z", false, 0},
        {"1970-02-29", false, 0},
        {"1900-02-29", false, 0},
        {"1970-13-01", false, 0},
        {"1970-01-01T24:00:00Z", false, 0},
        {"1970-01-01T00:00Z", false, 0},
        {"1970-1-1", false, 0},
        {"1970-01-01T00:00:00Zx", false, 0},
        {"0000-01-01", false, 0},
        {"", false, 0},
    };
    for (size_t i = 0; i < LH_ARRAY_LEN(rows); i++) {
        int64_t us = 77;
        if (lh_time_parse(rows[i].text, strlen(rows[i].text), &us) != rows[i].good)
            fail_msg("%s", rows[i].text);
        assert_int_equal(us, rows[i].good ? rows[i].us : 77);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_times),
        cmocka_unit_test(every_day_of_eight_centuries),
        cmocka_unit_test(parsing_is_strict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
