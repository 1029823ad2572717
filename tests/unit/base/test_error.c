#include "base/error.h"

#include <errno.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void every_code_reads_back_by_its_name(void **state) {
    (void)state;
#define CHECK_ROW(NAME, name, number, http, sqlstate, retryable, title) \
    assert_int_equal(LH_##NAME, number);                                \
    assert_string_equal(lh_code_name(LH_##NAME), #name);                \
    assert_int_equal(lh_code_from_name(#name), LH_##NAME);              \
    assert_int_equal(lh_code_http_status(LH_##NAME), http);             \
    assert_int_equal(strlen(lh_code_sqlstate(LH_##NAME)), 5);           \
    assert_true(lh_code_http_status(LH_##NAME) >= 400 || (number) == LH_OK);
    LH_CODES(CHECK_ROW)
#undef CHECK_ROW
}

static void numbers_have_no_gaps(void **state) {
    (void)state;
    int next = 0;
#define CHECK_NUMBER(NAME, name, number, http, sqlstate, retryable, title) assert_int_equal(number, next++);
    LH_CODES(CHECK_NUMBER)
#undef CHECK_NUMBER
}

static void unknown_values_read_as_internal(void **state) {
    (void)state;
    assert_string_equal(lh_code_name((enum lh_code)4000), "internal");
    assert_int_equal(lh_code_from_name("no such code"), LH_INTERNAL);
}

static void a_message_may_quote_the_error_it_replaces(void **state) {
    (void)state;
    struct lh_err err = LH_ERR_INIT;
    assert_int_equal(lh_fail(&err, LH_NOT_FOUND, "no dataset \"%s\"", "x"), LH_NOT_FOUND);
    lh_err_hint(&err, "look again");
    assert_int_equal(lh_fail(&err, LH_CORRUPT, "twice: %s", err.message), LH_CORRUPT);
    assert_string_equal(err.message, "twice: no dataset \"x\"");
    assert_string_equal(err.hint, "");
    assert_int_equal(lh_err_context(&err, "opening %d", 7), LH_CORRUPT);
    assert_string_equal(err.message, "opening 7: twice: no dataset \"x\"");
}

static void errno_decides_the_code(void **state) {
    (void)state;
    static const struct {
        int os_errno;
        enum lh_code code;
    } rows[] = {
        {ENOSPC, LH_NO_SPACE}, {EDQUOT, LH_NO_SPACE}, {ENOENT, LH_NOT_FOUND}, {EEXIST, LH_EXISTS},
        {EACCES, LH_IO},       {EROFS, LH_IO},        {EIO, LH_IO},           {ENOMEM, LH_NO_MEMORY},
    };
    for (size_t i = 0; i < LH_ARRAY_LEN(rows); i++) {
        struct lh_err err = LH_ERR_INIT;
        assert_int_equal(lh_fail_errno(&err, rows[i].os_errno, "cannot open \"f\""), rows[i].code);
        assert_int_equal(err.os_errno, rows[i].os_errno);
        assert_non_null(strstr(err.message, strerrordesc_np(rows[i].os_errno)));
    }
}

static void a_long_message_is_cut_between_characters(void **state) {
    (void)state;
    char text[3000];
    for (size_t i = 0; i + 3 < sizeof text; i += 3)
        memcpy(text + i, "\xE2\x82\xAC", 4);
    for (size_t shift = 0; shift < 3; shift++) {
        struct lh_err err = LH_ERR_INIT;
        lh_ignore(lh_fail(&err, LH_INVALID, "%.*s%s", (int)shift, "ab", text));
        size_t len = strlen(err.message);
        size_t lead = shift > 2 ? 2 : shift;
        assert_true(len >= sizeof err.message - 4);
        assert_int_equal((len - lead) % 3, 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_reads_back_by_its_name),
        cmocka_unit_test(numbers_have_no_gaps),
        cmocka_unit_test(unknown_values_read_as_internal),
        cmocka_unit_test(a_message_may_quote_the_error_it_replaces),
        cmocka_unit_test(errno_decides_the_code),
        cmocka_unit_test(a_long_message_is_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
