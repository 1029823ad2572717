#include "os/fault.h"
#include "os/fault_points.h"
#include "os/file.h"
#include "os/os.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

/* Half of the bytes go out, the write after that fails, and then the disk has room again. */
static void a_disk_fills_up_in_the_middle(void **state) {
    (void)state;
#ifdef LH_FAULTS
    struct os *os = os_real();
    struct lh_err err = LH_ERR_INIT;
    char path[] = "/tmp/lh-fault-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(LH_FAULT("store.before_write", &err), LH_OK);
    assert_int_equal(os_write_all(os, fd, "0123456789", 10, "the file", &err), LH_NO_SPACE);
    assert_int_equal(lseek(fd, 0, SEEK_CUR), 5);
    assert_int_equal(os_write_all(os, fd, "56789", 5, "the file", &err), LH_OK);
    assert_int_equal(LH_FAULT("store.before_adopt", &err), LH_OK);
    assert_int_equal(os_pwrite_all(os, fd, "abcd", 4, 10, "the file", &err), LH_NO_SPACE);
    assert_int_equal(lseek(fd, 0, SEEK_END), 12);
    close(fd);
    unlink(path);
#endif
}

int main(void) {
    setenv("LAKEHOUSE_FAULT",
           "store.before_fsync:enospc:2,catalog.before_commit:eio,store.before_write:short,store.before_adopt:short",
           1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_list_is_sorted),
        cmocka_unit_test(points_do_what_the_environment_says),
        cmocka_unit_test(a_disk_fills_up_in_the_middle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
