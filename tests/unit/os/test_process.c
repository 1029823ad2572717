#include "base/alloc.h"
#include "base/cleanup.h"
#include "os/file.h"
#include "os/lockfile.h"
#include "os/os.h"
#include "os/process.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct os_process run_shell(const char *script, const struct os_fd_map *fds, size_t fd_count) {
    char *argv[] = {(char[]){"sh"}, (char[]){"-c"}, lh_strdup(script), NULL};
    const struct os_spawn spawn = {
        .path = "/bin/sh", .argv = argv, .fds = fds, .fd_count = fd_count, .die_with_parent = true};
    struct os_process process = OS_PROCESS_INIT;
    struct lh_err err = LH_ERR_INIT;
    assert_int_equal(os_process_spawn(&spawn, &process, &err), LH_OK);
    lh_free(argv[2]);
    return process;
}

static void a_child_gets_its_descriptors_and_nothing_else(void **state) {
    (void)state;
    int pipes[2];
    assert_int_equal(pipe(pipes), 0); /* not close-on-exec: only the map may pass it on */
    setenv("LEAK", "1", 1);
    const struct os_fd_map fds[] = {{.from = pipes[1], .to = 3}, {.from = -1, .to = 0}};
    struct os_process process = run_shell("echo \"x$LEAK\" >&3; ls /proc/self/fd | wc -l >&3; exit 7", fds, 2);
    struct os_exit end;
    struct lh_err err = LH_ERR_INIT;
    assert_int_equal(os_process_wait(&process, 10000, &end, &err), LH_OK);
    assert_int_equal(end.kind, OS_EXITED);
    assert_int_equal(end.status, 7);
    char text[64] = {0};
    assert_true(read(pipes[0], text, sizeof text - 1) > 0);
    assert_string_equal(text, "x\n5\n"); /* 0, 1 (a pipe to wc), 2, 3, and the folder being listed */
    os_process_end(&process);
    close(pipes[0]);
    close(pipes[1]);
}

static void a_failed_exec_is_told(void **state) {
    (void)state;
    char *argv[] = {(char[]){"none"}, NULL};
    const struct os_spawn spawn = {.path = "/no/such/program", .argv = argv};
    struct os_process process = OS_PROCESS_INIT;
    struct lh_err err = LH_ERR_INIT;
    assert_int_equal(os_process_spawn(&spawn, &process, &err), LH_NOT_FOUND);
    assert_int_equal(process.pid, -1);
}

static void signals_and_waiting_go_by_pidfd(void **state) {
    (void)state;
    struct lh_err err = LH_ERR_INIT;
    struct os_exit end;
    struct os_process process = run_shell("exec sleep 100", NULL, 0);
    assert_int_equal(os_process_wait(&process, 5, &end, &err), LH_TIMEOUT);
    assert_false(os_pidfd_ended(process.pidfd));
    assert_int_equal(os_pidfd_signal(process.pidfd, SIGTERM, &err), LH_OK);
    assert_int_equal(os_process_wait(&process, 10000, &end, &err), LH_OK);
    assert_int_equal(end.kind, OS_SIGNALLED);
    assert_int_equal(end.status, SIGTERM);
    assert_int_equal(os_pidfd_signal(process.pidfd, SIGTERM, &err), LH_OK); /* gone already */
    os_process_end(&process);

    process = run_shell("exec sleep 100", NULL, 0);
    os_process_end(&process);
    assert_int_equal(process.pid, -1);
    assert_int_equal(process.pidfd, -1);
}

static void a_lock_names_its_holder(void **state) {
    (void)state;
    char path[] = "/tmp/lh-lock-XXXXXX";
    struct lh_err err = LH_ERR_INIT;
    struct os_lockfile *first = NULL;
    struct os_lockfile *second = NULL;
    assert_non_null(mkdtemp(path));
    LH_AUTO(mem) char *file = lh_asprintf("%s/lock", path);
    assert_int_equal(os_lockfile_take(os_real(), AT_FDCWD, file, "the folder", "lakehouse serve", &first, &err), LH_OK);
    assert_int_equal(os_lockfile_take(os_real(), AT_FDCWD, file, "the folder", "other", &second, &err), LH_LOCKED);
    LH_AUTO(mem) char *wanted = lh_asprintf("the folder is in use by process %d (lakehouse serve)", (int)getpid());
    assert_string_equal(err.message, wanted);
    os_lockfile_release(first);
    assert_int_equal(os_lockfile_take(os_real(), AT_FDCWD, file, "the folder", "other", &second, &err), LH_OK);
    os_lockfile_release(second);
    assert_int_equal(os_remove_all(os_real(), AT_FDCWD, path, &err), LH_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_child_gets_its_descriptors_and_nothing_else),
        cmocka_unit_test(a_failed_exec_is_told),
        cmocka_unit_test(signals_and_waiting_go_by_pidfd),
        cmocka_unit_test(a_lock_names_its_holder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
