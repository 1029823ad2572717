#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void grows_and_stays_terminated(void **state) {
    (void)state;
    LH_AUTO(buf) struct buf b = BUF_INIT;
    assert_string_equal(buf_cstr(&b), "");
    for (int i = 0; i < 5000; i++) {
        buf_append_char(&b, (char)('a' + i % 26));
        assert_int_equal(strlen(buf_cstr(&b)), i + 1);
    }
    assert_int_equal(b.len, 5000);
    buf_consume(&b, 4999);
    assert_int_equal(b.len, 1);
    assert_string_equal(b.data, "h"); /* letter 4999 % 26 */
    buf_reset(&b);
    assert_string_equal(buf_cstr(&b), "");
}

static void printf_of_any_length(void **state) {
    (void)state;
    LH_AUTO(buf) struct buf b = BUF_INIT;
    for (int width = 1; width < 600; width += 13) {
        buf_reset(&b);
        buf_append_str(&b, "ab");
        buf_printf(&b, "%0*d|%s", width, 7, "end");
        assert_int_equal(b.len, 2 + width + 4);
        assert_string_equal(b.data + b.len - 5, "7|end");
    }
}

static void detach_hands_over_the_text(void **state) {
    (void)state;
    struct buf b = BUF_INIT;
    LH_AUTO(mem) char *empty = buf_detach(&b);
    assert_string_equal(empty, "");
    buf_append_str(&b, "text");
    LH_AUTO(mem) char *text = buf_detach(&b);
    assert_string_equal(text, "text");
    assert_null(b.data);
    assert_int_equal(b.cap, 0);
}

static void sql_quotes_are_doubled(void **state) {
    (void)state;
    static const struct {
        const char *in, *string, *ident;
    } rows[] = {
        {"", "''", "\"\""},
        {"plain", "'plain'", "\"plain\""},
        {"it's", "'it''s'", "\"it's\""},
        {"a\"b\"", "'a\"b\"'", "\"a\"\"b\"\"\""},
        {"''", "''''''", "\"''\""},
    };
    for (size_t i = 0; i < LH_ARRAY_LEN(rows); i++) {
        LH_AUTO(buf) struct buf b = BUF_INIT;
        buf_append_sql_string(&b, rows[i].in);
        assert_string_equal(b.data, rows[i].string);
        buf_reset(&b);
        buf_append_sql_ident(&b, rows[i].in);
        assert_string_equal(b.data, rows[i].ident);
    }
}

static void json_strings_are_escaped_and_valid_utf8(void **state) {
    (void)state;
    static const struct {
        const char *in;
        size_t len;
        const char *out;
    } rows[] = {
        {"", 0, "\"\""},
        {"a\"b\\c", 5, "\"a\\\"b\\\\c\""},
        {"\n\t\r\b\f\x01\x1b", 7, "\"\\n\\t\\r\\b\\f\\u0001\\u001b\""},
        {"a\0b", 3, "\"a\\u0000b\""},
        {"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", 9, "\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\""},
        {"x\xFFy", 3, "\"x\xEF\xBF\xBDy\""},
        {"\xC3", 1, "\"\xEF\xBF\xBD\""},
        {"\xED\xA0\x80", 3, "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
        {"\x7F", 1, "\"\\u007f\""},
    };
    for (size_t i = 0; i < LH_ARRAY_LEN(rows); i++) {
        LH_AUTO(buf) struct buf b = BUF_INIT;
        buf_append_json_string(&b, rows[i].in, rows[i].len);
        assert_string_equal(b.data, rows[i].out);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_and_stays_terminated),
        cmocka_unit_test(printf_of_any_length),
        cmocka_unit_test(detach_hands_over_the_text),
        cmocka_unit_test(sql_quotes_are_doubled),
        cmocka_unit_test(json_strings_are_escaped_and_valid_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
