#include "os/fault.h"
#include "os/fault_points.h"

#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void the_list_is_sorted(void **state) {
    (void)state;
    static const char *const names[] = {
#define POINT_NAME(name, where) name,
        LH_FAULT_POINTS(POINT_NAME)
#undef POINT_NAME
    };
    for (size_t i = 1; i < LH_ARRAY_LEN(names); i++)
        assert_true(strcmp(names[i - 1], names[i]) < 0);
    for (size_t i = 0; i < LH_ARRAY_LEN(names); i++)
        assert_non_null(strchr(names[i], '.'));
}

static void points_do_what_the_environment_says(void **state) {
    (void)state;
    struct lh_err err = LH_ERR_INIT;
#ifdef LH_FAULTS
    assert_int_equal(LH_FAULT("store.before_fsync", &err), LH_OK);
    assert_int_equal(LH_FAULT("store.before_fsync", &err), LH_NO_SPACE);
    assert_int_equal(LH_FAULT("store.before_fsync", &err), LH_OK);
    assert_int_equal(LH_FAULT("catalog.before_commit", &err), LH_IO);
    assert_int_equal(LH_FAULT("store.before_publish", &err), LH_OK);
    assert_int_equal(LH_FAULT("no.such.point", &err), LH_INTERNAL);
#else
    assert_int_equal(LH_FAULT("store.before_fsync", &err), LH_OK);
#endif
}

int main(void) {
    setenv("LAKEHOUSE_FAULT", "store.before_fsync:enospc:2,catalog.before_commit:eio", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_list_is_sorted),
        cmocka_unit_test(points_do_what_the_environment_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
