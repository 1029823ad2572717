#include "base/alloc.h"
#include "base/cleanup.h"
#include "os/file.h"
#include "os/os.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct fixture {
    struct os *os;
    char path[64];
    int dir;
};

static int set_up(void **state) {
    struct fixture *f = lh_calloc(1, sizeof *f);
    f->os = os_real();
    strncpy(f->path, "/tmp/lh-file-XXXXXX", sizeof f->path - 1);
    assert_non_null(mkdtemp(f->path));
    f->dir = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(f->dir >= 0);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    struct lh_err err = LH_ERR_INIT;
    os_close(f->os, f->dir);
    assert_int_equal(os_remove_all(f->os, AT_FDCWD, f->path, &err), LH_OK);
    assert_int_equal(access(f->path, F_OK), -1);
    lh_free(f);
    return 0;
}

static void atomic_write_replaces_the_whole(void **state) {
    struct fixture *f = *state;
    struct lh_err err = LH_ERR_INIT;
    assert_int_equal(os_write_file_atomic(f->os, f->dir, "x", "first", 5, 0600, &err), LH_OK);
    assert_int_equal(os_write_file_atomic(f->os, f->dir, "x", "2nd", 3, 0600, &err), LH_OK);
    LH_AUTO(buf) struct buf data = BUF_INIT;
    assert_int_equal(os_read_file(f->os, f->dir, "x", 100, &data, &err), LH_OK);
    assert_string_equal(data.data, "2nd");

    char **names;
    size_t count;
    assert_int_equal(os_list_dir(f->os, f->dir, ".", 0, &names, &count, &err), LH_OK);
    assert_int_equal(count, 1); /* no temporary file stays */
    os_list_free(names, count);
}

static void a_limit_on_reading(void **state) {
    struct fixture *f = *state;
    struct lh_err err = LH_ERR_INIT;
    LH_AUTO(mem) char *bytes = lh_calloc(1, 200000);
    assert_int_equal(os_write_file_atomic(f->os, f->dir, "big", bytes, 200000, 0600, &err), LH_OK);
    LH_AUTO(buf) struct buf data = BUF_INIT;
    assert_int_equal(os_read_file(f->os, f->dir, "big", 199999, &data, &err), LH_TOO_LARGE);
    assert_null(data.data);
    assert_int_equal(os_read_file(f->os, f->dir, "big", 200000, &data, &err), LH_OK);
    assert_int_equal(data.len, 200000);
}

static void names_stay_beneath_their_folder(void **state) {
    struct fixture *f = *state;
    struct lh_err err = LH_ERR_INIT;
    assert_int_equal(os_mkdir_all(f->os, f->dir, "a/b", 0700, &err), LH_OK);
    assert_int_equal(os_write_file_atomic(f->os, f->dir, "a/b/file", "1", 1, 0600, &err), LH_OK);
    assert_int_equal(symlinkat("/etc", f->dir, "link"), 0);
    assert_int_equal(symlinkat("b", f->dir, "a/inner"), 0);
    static const struct {
        const char *path;
        enum lh_code code;
    } rows[] = {
        {"a/b/file", LH_OK},    {"a/../a/b/file", LH_OK}, {"../../etc/passwd", LH_IO}, {"/etc/passwd", LH_IO},
        {"link/passwd", LH_IO}, {"a/inner/file", LH_IO},  {"a/none", LH_NOT_FOUND},
    };
    for (size_t i = 0; i < LH_ARRAY_LEN(rows); i++) {
        int fd = -1;
        assert_int_equal(os_open(f->os, f->dir, rows[i].path, O_RDONLY, 0, OS_BENEATH, &fd, &err), rows[i].code);
        assert_int_equal(fd >= 0, rows[i].code == LH_OK);
        os_close(f->os, fd);
    }
}

static void folders_are_made_listed_and_removed(void **state) {
    struct fixture *f = *state;
    struct lh_err err = LH_ERR_INIT;
    assert_int_equal(os_mkdir_all(f->os, f->dir, "p/q/r/", 0700, &err), LH_OK);
    assert_int_equal(os_mkdir_all(f->os, f->dir, "p/q/r", 0700, &err), LH_OK);
    LH_AUTO(mem) char *absolute = lh_asprintf("%s/p//s", f->path);
    assert_int_equal(os_mkdir_all(f->os, AT_FDCWD, absolute, 0700, &err), LH_OK);
    assert_int_equal(os_write_file_atomic(f->os, f->dir, "p/file", "", 0, 0600, &err), LH_OK);
    assert_int_equal(os_mkdir_all(f->os, f->dir, "p/file/x", 0700, &err), LH_IO);
    assert_non_null(strstr(err.message, "p/file"));

    char **names;
    size_t count;
    assert_int_equal(os_list_dir(f->os, f->dir, "p", OS_BENEATH, &names, &count, &err), LH_OK);
    assert_int_equal(count, 3);
    assert_string_equal(names[0], "file");
    assert_string_equal(names[1], "q");
    assert_string_equal(names[2], "s");
    os_list_free(names, count);

    struct os_stat st;
    assert_int_equal(os_stat_at(f->os, f->dir, "p/q", &st, &err), LH_OK);
    assert_true(st.is_dir && !st.is_file);
    assert_int_equal(symlinkat("/tmp", f->dir, "p/out"), 0);
    assert_int_equal(os_remove_all(f->os, f->dir, "p", &err), LH_OK);
    assert_int_equal(access("/tmp", F_OK), 0);
    assert_int_equal(os_remove_all(f->os, f->dir, "p", &err), LH_OK);
    assert_int_equal(os_stat_at(f->os, f->dir, "p", &st, &err), LH_NOT_FOUND);
}

static void a_list_of_many_names_is_sorted(void **state) {
    struct fixture *f = *state;
    struct lh_err err = LH_ERR_INIT;
    for (int i = 0; i < 1500; i++) {
        char name[100];
        snprintf(name, sizeof name, "%04d-%060d", (i * 7919) % 1500, i);
        int fd = openat(f->dir, name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        close(fd);
    }
    char **names;
    size_t count;
    assert_int_equal(os_list_dir(f->os, f->dir, ".", 0, &names, &count, &err), LH_OK);
    assert_int_equal(count, 1500);
    for (size_t i = 1; i < count; i++)
        assert_true(strcmp(names[i - 1], names[i]) < 0);
    os_list_free(names, count);
}

static void whole_transfers_at_offsets(void **state) {
    struct fixture *f = *state;
    struct lh_err err = LH_ERR_INIT;
    int fd = -1;
    assert_int_equal(os_open(f->os, f->dir, "t", O_RDWR | O_CREAT, 0600, 0, &fd, &err), LH_OK);
    assert_int_equal(os_pwrite_all(f->os, fd, "world", 5, 6, "t", &err), LH_OK);
    assert_int_equal(os_pwrite_all(f->os, fd, "hello ", 6, 0, "t", &err), LH_OK);
    char data[32] = {0};
    size_t len;
    assert_int_equal(os_pread_full(f->os, fd, data, sizeof data, 3, "t", &len, &err), LH_OK);
    assert_int_equal(len, 8);
    assert_memory_equal(data, "lo world", 8);
    struct os_stat st;
    assert_int_equal(os_fstat(f->os, fd, "t", &st, &err), LH_OK);
    assert_int_equal(st.size_bytes, 11);
    uint64_t free_bytes = 0;
    assert_int_equal(os_free_bytes(f->os, fd, &free_bytes, &err), LH_OK);
    assert_true(free_bytes > 0);
    assert_int_equal(os_fdatasync(f->os, fd, "t", &err), LH_OK);
    assert_int_equal(os_close_checked(f->os, fd, "t", &err), LH_OK);
    assert_int_equal(os_fsync(f->os, fd, "gone", &err), LH_IO);
    assert_int_equal(err.os_errno, EBADF);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(atomic_write_replaces_the_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_limit_on_reading, set_up, tear_down),
        cmocka_unit_test_setup_teardown(names_stay_beneath_their_folder, set_up, tear_down),
        cmocka_unit_test_setup_teardown(folders_are_made_listed_and_removed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_list_of_many_names_is_sorted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(whole_transfers_at_offsets, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
