/* Spawning.  fork and exec by hand, since posix_spawn can neither tie the child's life to ours nor tell why exec
 * failed: the child writes its errno into a close-on-exec pipe, and the end of that pipe means that exec has happened.
 * Between fork and exec only async-signal-safe calls are made, so a caller may have threads. */
#include "os/process.h"

#include "base/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_FDS 16

/* `to` numbers may be taken by other `from`s, so everything is first moved above them all. */
static int move_fds(const struct os_spawn *spawn, int *report) {
    int moved[MAX_FDS];
    int lowest = 3;
    for (size_t i = 0; i < spawn->fd_count; i++)
        if (spawn->fds[i].to >= lowest)
            lowest = spawn->fds[i].to + 1;
    int report_high = fcntl(*report, F_DUPFD_CLOEXEC, lowest);
    if (report_high < 0)
        return errno;
    *report = report_high;
    for (size_t i = 0; i < spawn->fd_count; i++) {
        int from = spawn->fds[i].from;
        if (from < 0)
            from = open("/dev/null", O_RDWR | O_CLOEXEC);
        moved[i] = fcntl(from, F_DUPFD_CLOEXEC, lowest);
        if (moved[i] < 0)
            return errno;
    }
    if (syscall(SYS_close_range, 3, ~0u, 4 /* CLOSE_RANGE_CLOEXEC */) != 0)
        return errno;
    for (size_t i = 0; i < spawn->fd_count; i++)
        if (dup2(moved[i], spawn->fds[i].to) < 0)
            return errno;
    return 0;
}

static void reset_signals(void) {
    struct sigaction fallback = {.sa_handler = SIG_DFL};
    for (int number = 1; number < NSIG; number++)
        sigaction(number, &fallback, NULL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

LH_NORETURN static void become(const struct os_spawn *spawn, pid_t parent, int report) {
    static char *const no_environment[] = {NULL};
    int failure = move_fds(spawn, &report);
    reset_signals();
    if (failure == 0 && spawn->new_group && setpgid(0, 0) != 0)
        failure = errno;
    if (failure == 0 && spawn->die_with_parent) {
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
            failure = errno;
        else if (getppid() != parent)
            failure = ESRCH; /* it died before the tie was made */
    }
    if (failure == 0) {
        execve(spawn->path, spawn->argv, spawn->envp ? spawn->envp : no_environment);
        failure = errno;
    }
    ssize_t told = write(report, &failure, sizeof failure);
    _exit(told == (ssize_t)sizeof failure ? 127 : 126);
}

/* 0 once exec has happened, else the child's errno. */
static int read_report(int fd) {
    int failure = 0;
    ssize_t got;
    do
        got = read(fd, &failure, sizeof failure);
    while (got < 0 && errno == EINTR);
    return got == (ssize_t)sizeof failure ? failure : 0;
}

enum lh_code os_process_spawn(const struct os_spawn *spawn, struct os_process *ret_process, struct lh_err *err) {
    if (spawn->fd_count > MAX_FDS)
        return lh_fail(err, LH_INTERNAL, "%zu descriptors are too many for one process", spawn->fd_count);
    int report[2];
    if (pipe2(report, O_CLOEXEC) != 0)
        return lh_fail_errno(err, errno, "cannot start \"%s\"", spawn->path);

    /* No signal may run our handlers in the child before they are reset there. */
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0)
        become(spawn, parent, report[1]);
    int fork_errno = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(report[1]);
    if (pid < 0) {
        close(report[0]);
        return lh_fail_errno(err, fork_errno, "cannot start \"%s\"", spawn->path);
    }

    struct os_process process = {.pid = pid, .pidfd = -1};
    int failure = read_report(report[0]);
    close(report[0]);
    if (failure != 0) {
        waitpid(pid, NULL, 0);
        return lh_fail_errno(err, failure, "cannot start \"%s\"", spawn->path);
    }
    enum lh_code code = os_pidfd_open(pid, &process.pidfd, err);
    if (code != LH_OK) {
        kill(pid, SIGKILL); /* not yet waited for: the pid is still ours */
        waitpid(pid, NULL, 0);
        return code;
    }
    *ret_process = process;
    return LH_OK;
}

static bool wait_pidfd(int pidfd, int timeout_ms) {
    struct pollfd poller = {.fd = pidfd, .events = POLLIN};
    int ready;
    do
        ready = poll(&poller, 1, timeout_ms);
    while (ready < 0 && errno == EINTR);
    return ready > 0;
}

enum lh_code os_process_wait(struct os_process *process, int timeout_ms, struct os_exit *ret_exit, struct lh_err *err) {
    if (!wait_pidfd(process->pidfd, timeout_ms))
        return lh_fail(err, LH_TIMEOUT, "process %d is still running", (int)process->pid);
    siginfo_t info = {0};
    if (waitid(P_PIDFD, (id_t)process->pidfd, &info, WEXITED) != 0)
        return lh_fail_errno(err, errno, "cannot wait for process %d", (int)process->pid);
    ret_exit->kind = info.si_code == CLD_EXITED ? OS_EXITED : OS_SIGNALLED;
    ret_exit->status = info.si_status;
    process->pid = -1;
    return LH_OK;
}

bool os_pidfd_ended(int pidfd) {
    return wait_pidfd(pidfd, 0);
}

enum lh_code os_pidfd_signal(int pidfd, int signal_number, struct lh_err *err) {
    if (syscall(SYS_pidfd_send_signal, pidfd, signal_number, NULL, 0) != 0 && errno != ESRCH)
        return lh_fail_errno(err, errno, "cannot signal a process");
    return LH_OK;
}

enum lh_code os_pidfd_open(pid_t pid, int *ret_pidfd, struct lh_err *err) {
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (pidfd < 0)
        return lh_fail_errno(err, errno, "cannot hold on to process %d", (int)pid);
    *ret_pidfd = pidfd;
    return LH_OK;
}

void os_process_end(struct os_process *process) {
    if (process->pid > 0) {
        struct lh_err ignored = LH_ERR_INIT;
        struct os_exit end;
        lh_ignore(os_pidfd_signal(process->pidfd, SIGKILL, &ignored));
        lh_ignore(os_process_wait(process, -1, &end, &ignored));
    }
    if (process->pidfd >= 0)
        close(process->pidfd);
    *process = (struct os_process)OS_PROCESS_INIT;
}

enum lh_code os_executable_path(char **ret_path, struct lh_err *err) {
    char path[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", path, sizeof path - 1);
    if (len < 0)
        return lh_fail_errno(err, errno, "cannot find the running executable");
    *ret_path = lh_strndup(path, (size_t)len);
    return LH_OK;
}
