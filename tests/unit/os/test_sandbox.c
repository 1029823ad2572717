/* Each fence is put up in a forked child, which tries to get past it and reports by its exit status. */
#include "base/alloc.h"
#include "base/cleanup.h"
#include "os/file.h"
#include "os/os.h"
#include "os/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static char folder[] = "/tmp/lh-sandbox-XXXXXX";
static char inside[64];
static char outside[64];

/* Runs in the child; 0 is success, any other number says which step failed. */
typedef int child_fn(void);

static int status_of(child_fn *fn) {
    pid_t pid = fork();
    if (pid == 0)
        _exit(fn());
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static bool enter(const struct os_sandbox *sandbox, struct os_sandbox_state *ret_state) {
    struct lh_err err = LH_ERR_INIT;
    if (os_sandbox_enter(sandbox, ret_state, &err) == LH_OK)
        return true;
    fprintf(stderr, "%s\n", err.message);
    return false;
}

static bool can_open(const char *path, int flags) {
    int fd = open(path, flags, 0600);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static int files_child(void) {
    const char *const reads[] = {"/proc/meminfo"};
    const char *const writes[] = {inside};
    struct os_sandbox sandbox = {
        .read_paths = reads, .read_count = 1, .write_paths = writes, .write_count = 1, .landlock = true};
    struct os_sandbox_state state;
    if (!enter(&sandbox, &state))
        return 1;
    char path[128];
    snprintf(path, sizeof path, "%s/made", inside);
    if (!can_open(path, O_RDWR | O_CREAT) || !can_open("/proc/meminfo", O_RDONLY))
        return 2;
    if (truncate(path, 0) != 0 || unlink(path) != 0)
        return 3;
    if (state.landlock_abi == 0)
        return 0;
    if (can_open("/etc/passwd", O_RDONLY) || can_open("/proc/meminfo", O_WRONLY))
        return 4;
    snprintf(path, sizeof path, "%s/made", outside);
    if (can_open(path, O_RDWR | O_CREAT) || mkdir(path, 0700) == 0)
        return 5;
    snprintf(path, sizeof path, "%s/../outside/secret", inside);
    return can_open(path, O_RDONLY) ? 6 : 0;
}

static void only_listed_paths_can_be_reached(void **state) {
    (void)state;
    assert_int_equal(status_of(files_child), 0);
}

static void *one(void *arg) {
    *(int *)arg = 1;
    return NULL;
}

static int calls_child(void) {
    struct os_sandbox sandbox = {.seccomp = true};
    struct os_sandbox_state state;
    if (!enter(&sandbox, &state) || !state.seccomp)
        return 1;
    if (environ && environ[0])
        return 2;
    if (socket(AF_INET, SOCK_STREAM, 0) >= 0 || errno != EPERM)
        return 3;
    if (fork() >= 0 || errno != EPERM)
        return 4;
    char *const argv[] = {(char[]){"true"}, NULL};
    if (execv("/bin/true", argv) == 0 || errno != EPERM)
        return 5;
    if (kill(getppid(), 0) == 0 || errno != EPERM)
        return 6;
    if (chmod(inside, 0777) == 0 || errno != EPERM)
        return 7;
    /* What honest work needs goes on working. */
    int ran = 0;
    pthread_t thread;
    if (pthread_create(&thread, NULL, one, &ran) != 0 || pthread_join(thread, NULL) != 0 || !ran)
        return 8;
    void *map = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED || munmap(map, 1 << 20) != 0 || kill(getpid(), 0) != 0)
        return 9;
    return can_open("/etc/passwd", O_RDONLY) ? 0 : 10;
}

static void dangerous_calls_are_refused(void **state) {
    (void)state;
    setenv("SECRET", "1", 1);
    assert_int_equal(status_of(calls_child), 0);
}

static int limits_child(void) {
    struct rlimit core;
    struct os_sandbox sandbox = {.address_space_bytes = (uint64_t)1 << 30, .file_bytes = 4096, .open_files = 64};
    struct os_sandbox_state state;
    if (!enter(&sandbox, &state))
        return 1;
    if (mmap(NULL, (size_t)2 << 30, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED)
        return 2;
    if (getrlimit(RLIMIT_CORE, &core) != 0 || core.rlim_cur != 0)
        return 3;
    signal(SIGXFSZ, SIG_IGN);
    char path[128];
    snprintf(path, sizeof path, "%s/big", inside);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || ftruncate(fd, 8192) == 0)
        return 4;
    for (int i = 0; i < 200; i++)
        if (dup(fd) < 0)
            return errno == EMFILE ? 0 : 5;
    return 6;
}

static void limits_hold(void **state) {
    (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    skip(); /* a sanitizer's shadow memory does not fit into a limited address space */
#endif
    assert_int_equal(status_of(limits_child), 0);
}

static int cpu_child(void) {
    struct os_sandbox sandbox = {.cpu_seconds = 100};
    struct os_sandbox_state state;
    struct lh_err err = LH_ERR_INIT;
    struct rlimit cpu;
    if (!enter(&sandbox, &state) || os_sandbox_allow_cpu(50, &err) != LH_OK || os_sandbox_allow_cpu(200, &err) != LH_OK)
        return 1;
    return getrlimit(RLIMIT_CPU, &cpu) == 0 && cpu.rlim_cur > 199 && cpu.rlim_cur < 210 ? 0 : 2;
}

static void the_cpu_share_can_be_renewed(void **state) {
    (void)state;
    assert_int_equal(status_of(cpu_child), 0);
}

static int orphan_child(void) {
    int pipes[2];
    if (pipe(pipes) != 0)
        return 1;
    pid_t middle = fork();
    if (middle == 0) {
        pid_t parent = getpid();
        if (fork() == 0) {
            struct os_sandbox sandbox = {.parent = parent};
            struct os_sandbox_state state;
            if (!enter(&sandbox, &state))
                _exit(1);
            ssize_t put = write(pipes[1], "r", 1);
            (void)put;
            pause();
            _exit(0);
        }
        pause();
        _exit(0);
    }
    char byte;
    close(pipes[1]);
    if (read(pipes[0], &byte, 1) != 1)
        return 2;
    kill(middle, SIGKILL);
    waitpid(middle, NULL, 0);
    return read(pipes[0], &byte, 1) == 0 ? 0 : 3; /* the last writer is gone with its parent */
}

static void a_process_goes_with_its_parent(void **state) {
    (void)state;
    assert_int_equal(status_of(orphan_child), 0);
}

static void the_probe_changes_nothing(void **state) {
    (void)state;
    struct os_sandbox_probe probe;
    os_sandbox_probe(&probe);
    assert_true(strlen(probe.kernel) > 0);
    assert_true(can_open("/etc/passwd", O_RDONLY));
}

static int set_up(void **state) {
    (void)state;
    if (!mkdtemp(folder))
        return 1;
    snprintf(inside, sizeof inside, "%s/inside", folder);
    snprintf(outside, sizeof outside, "%s/outside", folder);
    char path[128];
    snprintf(path, sizeof path, "%s/secret", outside);
    return mkdir(inside, 0700) || mkdir(outside, 0700) || !can_open(path, O_RDWR | O_CREAT);
}

static int tear_down(void **state) {
    (void)state;
    struct lh_err err = LH_ERR_INIT;
    return os_remove_all(os_real(), AT_FDCWD, folder, &err) == LH_OK ? 0 : 1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_listed_paths_can_be_reached),
        cmocka_unit_test(dangerous_calls_are_refused),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(the_cpu_share_can_be_renewed),
        cmocka_unit_test(a_process_goes_with_its_parent),
        cmocka_unit_test(the_probe_changes_nothing),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
