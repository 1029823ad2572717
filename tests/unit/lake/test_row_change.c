/* A write by key that lost to others too often says what is true of it: nothing was written, and the same may succeed. */
#include "lake/row_change.h"
#include "unit/lake/lake_fixture.h"

static void test_busy_says_to_send_it_again(void **state) {
    (void)state;
    struct lh_err err = LH_ERR_INIT;
    lh_ignore(lh_fail(&err, LH_CONFLICT, "the last refusal"));
    assert_int_equal(row_change_busy("people", &err), LH_BUSY);
    assert_int_equal(err.code, LH_BUSY);
    assert_non_null(strstr(err.message, "\"people\""));
    assert_null(strstr(err.message, "the last refusal"));
    assert_non_null(strstr(err.hint, "nothing was written: send it again"));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_busy_says_to_send_it_again)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
