/* Each small call by itself: what it does when the system lets it, and that a refusal is told with its errno and the name of what it was
 * about. */
#include "base/alloc.h"
#include "base/cleanup.h"
#include "os/clock.h"
#include "os/dir.h"
#include "os/fault.h"
#include "os/file.h"
#include "os/os.h"
#include "os/process.h"
#include "os/thread.h"
#include "twin/os_faulty.h"
#include "twin/temp_dir.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct fixture {
    struct os_faulty faulty;
    char *folder;
    int dir, fd; /* of a file "f" that holds ten bytes */
};

static int set_up(void **state) {
    struct fixture *f = lh_calloc(1, sizeof *f);
    struct lh_err err = LH_ERR_INIT;
    os_faulty_init(&f->faulty, os_real());
    f->folder = temp_dir_new();
    assert_int_equal(os_open(os_real(), AT_FDCWD, f->folder, O_RDONLY | O_DIRECTORY, 0, 0, &f->dir, &err), LH_OK);
    assert_int_equal(os_write_file_atomic(os_real(), f->dir, "f", "0123456789", 10, 0600, &err), LH_OK);
    assert_int_equal(os_open(os_real(), f->dir, "f", O_RDWR, 0, 0, &f->fd, &err), LH_OK);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    close(f->fd);
    close(f->dir);
    temp_dir_free(f->folder);
    os_faulty_deinit(&f->faulty);
    lh_free(f);
    return 0;
}

static enum lh_code call_link(struct os *os, struct fixture *f, struct lh_err *err) {
    return os_link(os, f->dir, "f", f->dir, "linked", err);
}
static enum lh_code call_rename(struct os *os, struct fixture *f, struct lh_err *err) {
    return os_rename(os, f->dir, "linked", f->dir, "renamed", err);
}
static enum lh_code call_mkdir(struct os *os, struct fixture *f, struct lh_err *err) {
    return os_mkdir(os, f->dir, "folder", 0700, err);
}
static enum lh_code call_mkdir_all(struct os *os, struct fixture *f, struct lh_err *err) {
    return os_mkdir_all(os, f->dir, "a/b/c", 0700, err);
}
static enum lh_code call_rmdir(struct os *os, struct fixture *f, struct lh_err *err) {
    return os_rmdir(os, f->dir, "folder", err);
}
static enum lh_code call_truncate(struct os *os, struct fixture *f, struct lh_err *err) {
    return os_truncate(os, f->fd, 5, "f", err);
}
static enum lh_code call_set_mtime(struct os *os, struct fixture *f, struct lh_err *err) {
    return os_set_mtime(os, f->fd, INT64_C(1700000000123456), "f", err);
}
static enum lh_code call_sync_fs(struct os *os, struct fixture *f, struct lh_err *err) {
    return os_sync_fs(os, f->dir, "folder", err);
}
static enum lh_code call_fdatasync(struct os *os, struct fixture *f, struct lh_err *err) {
    return os_fdatasync(os, f->fd, "f", err);
}
static enum lh_code call_fsync_dir(struct os *os, struct fixture *f, struct lh_err *err) {
    return os_fsync_dir(os, f->dir, ".", 0, err);
}
static enum lh_code call_stat(struct os *os, struct fixture *f, struct lh_err *err) {
    struct os_stat stat;
    LH_TRY(os_stat_at(os, f->dir, "f", &stat, err));
    assert_true(stat.is_file && !stat.is_dir);
    assert_int_equal(stat.size_bytes, 5);
    assert_int_equal(stat.mtime_us, INT64_C(1700000000123456));
    return LH_OK;
}
static enum lh_code call_list(struct os *os, struct fixture *f, struct lh_err *err) {
    char **names;
    size_t count;
    LH_TRY(os_list_dir(os, f->dir, ".", 0, &names, &count, err));
    assert_int_equal(count, 3); /* a, f, renamed */
    os_list_free(names, count);
    return LH_OK;
}
static enum lh_code call_sha256(struct os *os, struct fixture *f, struct lh_err *err) {
    LH_AUTO(mem) char *path = lh_asprintf("%s/f", f->folder);
    char hex[65];
    uint64_t bytes;
    LH_TRY(os_sha256_file(os, path, hex, &bytes, err));
    assert_int_equal(bytes, 5);
    assert_string_equal(hex, "c565fe03ca9b6242e01dfddefe9bba3d98b270e19cd02fd85ceaf75e2b25bf12"); /* of "01234" */
    return LH_OK;
}

/* In this order: each works on what the one before it left. */
static const struct {
    const char *name;
    enum lh_code (*call)(struct os *os, struct fixture *f, struct lh_err *err);
    enum os_faulty_call refused;
    const char *about;
} calls[] = {
    {"link", call_link, OS_CALL_link, "linked"},
    {"rename", call_rename, OS_CALL_rename, "renamed"},
    {"mkdir", call_mkdir, OS_CALL_mkdir, "folder"},
    {"mkdir_all", call_mkdir_all, OS_CALL_mkdir, "a"},
    {"rmdir", call_rmdir, OS_CALL_unlink, "folder"},
    {"truncate", call_truncate, OS_CALL_ftruncate, "f"},
    {"set_mtime", call_set_mtime, OS_CALL_set_mtime, "f"},
    {"sync_fs", call_sync_fs, OS_CALL_syncfs, "folder"},
    {"fdatasync", call_fdatasync, OS_CALL_fdatasync, "f"},
    {"fsync_dir", call_fsync_dir, OS_CALL_fsync, "."},
    {"stat", call_stat, OS_CALL_fstatat, "f"},
    {"list", call_list, OS_CALL_getdents, "."},
    {"sha256", call_sha256, OS_CALL_read, "f"},
};

static void each_call_works_and_tells_its_refusal(void **state) {
    struct fixture *f = *state;
    for (size_t i = 0; i < LH_ARRAY_LEN(calls); i++) {
        struct lh_err err = LH_ERR_INIT;
        os_faulty_fail(&f->faulty, calls[i].refused, 1, EIO, true);
        enum lh_code code = calls[i].call(&f->faulty.table, f, &err);
        os_faulty_heal(&f->faulty);
        if (code != LH_IO || err.os_errno != EIO || !strstr(err.message, calls[i].about))
            fail_msg("%s refused: code %d, \"%s\"", calls[i].name, (int)code, err.message);
        err = (struct lh_err)LH_ERR_INIT;
        if (calls[i].call(&f->faulty.table, f, &err) != LH_OK)
            fail_msg("%s: %s", calls[i].name, err.message);
    }
}

static void clocks_and_processors(void **state) {
    (void)state;
    int64_t before_us = os_realtime_us(os_real()), before_ns = os_monotonic_ns(os_real());
    os_sleep_ms(os_real(), 3);
    os_sleep_ms(os_real(), 0);
    assert_true(os_realtime_us(os_real()) > before_us && os_monotonic_ns(os_real()) - before_ns >= 3000000);
    assert_true(os_cpu_count() >= 1);
}

static void handles_on_processes(void **state) {
    (void)state;
    struct lh_err err = LH_ERR_INIT;
    LH_AUTO(mem) char *path = NULL;
    assert_int_equal(os_executable_path(&path, &err), LH_OK);
    assert_non_null(strstr(path, "unit_os_calls"));
    int pidfd = -1;
    assert_int_equal(os_pidfd_open(getpid(), &pidfd, &err), LH_OK);
    assert_false(os_pidfd_ended(pidfd));
    assert_int_equal(os_pidfd_signal(pidfd, 0, &err), LH_OK);
    close(pidfd);
    assert_int_not_equal(os_pidfd_signal(-1, SIGTERM, &err), LH_OK);
    assert_int_not_equal(os_pidfd_open(-1, &pidfd, &err), LH_OK);
    /* Not a child of ours: it can be signalled, but not waited for. */
    struct os_process parent = {.pid = getppid()};
    struct os_exit end;
    assert_int_equal(os_pidfd_open(parent.pid, &parent.pidfd, &err), LH_OK);
    assert_int_equal(os_process_wait(&parent, 0, &end, &err), LH_TIMEOUT);
    close(parent.pidfd);
}

/* What LAKEHOUSE_FAULT may not say ends the program at the first point, in a child here. */
static void a_fault_that_cannot_be_read_ends_the_program(void **state) {
    (void)state;
#ifdef LH_FAULTS
    static const char *const wrong[] = {"no.such.point:crash", "store.before_write", "store.before_write:explode",
                                        "store.before_write:eio:0", ":"};
    for (size_t i = 0; i < LH_ARRAY_LEN(wrong); i++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            struct lh_err err = LH_ERR_INIT;
            if (!freopen("/dev/null", "w", stderr))
                _exit(1);
            setenv("LAKEHOUSE_FAULT", wrong[i], 1);
            signal(SIGABRT, SIG_DFL);
            lh_ignore(LH_FAULT("store.before_write", &err));
            _exit(0);
        }
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    }
    setenv("LAKEHOUSE_FAULT", "store.before_write:delay=20", 1);
    struct lh_err err = LH_ERR_INIT;
    int64_t start_ns = os_monotonic_ns(os_real());
    assert_int_equal(LH_FAULT("store.before_write", &err), LH_OK);
    assert_true(os_monotonic_ns(os_real()) - start_ns >= 20000000);
#endif
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_call_works_and_tells_its_refusal, set_up, tear_down),
        cmocka_unit_test(clocks_and_processors),
        cmocka_unit_test(handles_on_processes),
        cmocka_unit_test(a_fault_that_cannot_be_read_ends_the_program),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
