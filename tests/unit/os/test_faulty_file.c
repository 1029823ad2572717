/* os/file.c when the system calls below it fail, driven through the faulty twin. */
#include "base/cleanup.h"
#include "os/clock.h"
#include "os/file.h"
#include "twin/os_faulty.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct fixture {
    struct os_faulty faulty;
    char path[32];
    int dir;
};

static int set_up(void **state) {
    static struct fixture f;
    os_faulty_init(&f.faulty, os_real());
    strncpy(f.path, "/tmp/lh-faulty-XXXXXX", sizeof f.path - 1);
    assert_non_null(mkdtemp(f.path));
    f.dir = open(f.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *state = &f;
    return f.dir < 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    struct lh_err err = LH_ERR_INIT;
    close(f->dir);
    os_faulty_deinit(&f->faulty);
    return os_remove_all(os_real(), AT_FDCWD, f->path, &err) != LH_OK;
}

/* Whichever call fails, the old file stands whole, or (after the rename) the new one, and no temporary file stays. */
static void an_atomic_write_survives_every_failure(void **state) {
    struct fixture *f = *state;
    struct os *os = &f->faulty.table;
    struct lh_err err = LH_ERR_INIT;
    assert_int_equal(os_write_file_atomic(os_real(), f->dir, "x", "old", 3, 0600, &err), LH_OK);
    uint64_t nth = 1;
    for (bool failed = true; failed; nth++) {
        os_faulty_fail(&f->faulty, OS_CALL_ANY, nth, EIO, false);
        failed = os_write_file_atomic(os, f->dir, "x", "new", 3, 0600, &err) != LH_OK;
        os_faulty_heal(&f->faulty);
        if (failed)
            assert_int_equal(err.os_errno, EIO);
        LH_AUTO(buf) struct buf data = BUF_INIT;
        assert_int_equal(os_read_file(os, f->dir, "x", 10, &data, &err), LH_OK);
        bool is_old = strcmp(data.data, "old") == 0;
        assert_true(is_old || strcmp(data.data, "new") == 0);
        assert_true(!is_old || failed);
        char **names;
        size_t count;
        assert_int_equal(os_list_dir(os, f->dir, ".", 0, &names, &count, &err), LH_OK);
        assert_int_equal(count, 1);
        os_list_free(names, count);
    }
    assert_true(nth > 6);
}

static void short_writes_are_continued(void **state) {
    struct fixture *f = *state;
    struct os *os = &f->faulty.table;
    struct lh_err err = LH_ERR_INIT;
    f->faulty.write_limit = 3;
    assert_int_equal(os_write_file_atomic(os, f->dir, "y", "0123456789", 10, 0600, &err), LH_OK);
    assert_int_equal(os_faulty_calls(&f->faulty, OS_CALL_write), 4);
    LH_AUTO(buf) struct buf data = BUF_INIT;
    assert_int_equal(os_read_file(os, f->dir, "y", 10, &data, &err), LH_OK);
    assert_string_equal(data.data, "0123456789");
}

static void a_full_disk_is_told_as_such(void **state) {
    struct fixture *f = *state;
    struct lh_err err = LH_ERR_INIT;
    os_faulty_fail(&f->faulty, OS_CALL_write, 1, ENOSPC, true);
    assert_int_equal(os_write_file_atomic(&f->faulty.table, f->dir, "z", "1", 1, 0600, &err), LH_NO_SPACE);
    assert_int_equal(access(f->path, F_OK), 0);
    struct os_stat st;
    assert_int_equal(os_stat_at(os_real(), f->dir, "z", &st, &err), LH_NOT_FOUND);
}

static void the_clock_moves_when_told(void **state) {
    struct fixture *f = *state;
    struct os *os = &f->faulty.table;
    os_faulty_set_clock(&f->faulty, 1000, 5000);
    assert_int_equal(os_realtime_us(os), 1000);
    os_sleep_ms(os, 2);
    assert_int_equal(os_realtime_us(os), 3000);
    assert_int_equal(os_monotonic_ns(os), 2005000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_atomic_write_survives_every_failure, set_up, tear_down),
        cmocka_unit_test_setup_teardown(short_writes_are_continued, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_full_disk_is_told_as_such, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_clock_moves_when_told, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
