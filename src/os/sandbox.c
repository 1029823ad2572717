#include "os/sandbox.h"

#include "os/sandbox_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

static enum lh_code set_limit(__rlimit_resource_t resource, uint64_t soft, uint64_t hard, const char *what,
                              struct lh_err *err) {
    struct rlimit limit = {.rlim_cur = soft, .rlim_max = hard};
    struct rlimit now;
    if (getrlimit(resource, &now) == 0) {
        if (limit.rlim_max > now.rlim_max)
            limit.rlim_max = now.rlim_max;
        if (limit.rlim_cur > limit.rlim_max)
            limit.rlim_cur = limit.rlim_max;
    }
    if (setrlimit(resource, &limit) != 0)
        return lh_fail_errno(err, errno, "cannot limit %s", what);
    return LH_OK;
}

static enum lh_code limit_where_asked(__rlimit_resource_t resource, uint64_t value, const char *what,
                                      struct lh_err *err) {
    return value ? set_limit(resource, value, value, what, err) : LH_OK;
}

/* The sanitizers reserve terabytes of address space for their shadows: under them the limit cannot hold. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ADDRESS_SPACE_LIMITED false
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define ADDRESS_SPACE_LIMITED false
#endif
#endif
#ifndef ADDRESS_SPACE_LIMITED
#define ADDRESS_SPACE_LIMITED true
#endif

static enum lh_code set_limits(const struct os_sandbox *sandbox, struct lh_err *err) {
    LH_TRY(set_limit(RLIMIT_CORE, 0, 0, "core dumps", err));
    if (ADDRESS_SPACE_LIMITED)
        LH_TRY(limit_where_asked(RLIMIT_AS, sandbox->address_space_bytes, "the address space", err));
    LH_TRY(limit_where_asked(RLIMIT_FSIZE, sandbox->file_bytes, "the size of files", err));
    LH_TRY(limit_where_asked(RLIMIT_NOFILE, sandbox->open_files, "open files", err));
    LH_TRY(limit_where_asked(RLIMIT_STACK, sandbox->stack_bytes, "the stack", err));
    /* The hard limit stays, so that os_sandbox_allow_cpu can give a later request its own share. */
    if (sandbox->cpu_seconds)
        LH_TRY(os_sandbox_allow_cpu(sandbox->cpu_seconds, err));
    return LH_OK;
}

static enum lh_code tie_to_parent(pid_t parent, struct lh_err *err) {
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
        return lh_fail_errno(err, errno, "cannot tie the process to its parent");
    if (getppid() != parent)
        _exit(1); /* it went before the tie was made */
    return LH_OK;
}

enum lh_code os_sandbox_enter(const struct os_sandbox *sandbox, struct os_sandbox_state *ret_state,
                              struct lh_err *err) {
    struct os_sandbox_state state = {0};
    clearenv();
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return lh_fail_errno(err, errno, "cannot give up privileges");
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return lh_fail_errno(err, errno, "cannot forbid dumps");
    if (sandbox->parent)
        LH_TRY(tie_to_parent(sandbox->parent, err));
    if (sandbox->landlock)
        LH_TRY(sandbox_landlock_enter(sandbox, &state.landlock_abi, err));
    LH_TRY(set_limits(sandbox, err));
    if (sandbox->seccomp && sandbox_seccomp_available()) {
        LH_TRY(sandbox_seccomp_enter(err));
        state.seccomp = true;
    }
    *ret_state = state;
    return LH_OK;
}

enum lh_code os_sandbox_allow_cpu(uint64_t seconds, struct lh_err *err) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    uint64_t spent = (uint64_t)used.ru_utime.tv_sec + (uint64_t)used.ru_stime.tv_sec + 1;
    return set_limit(RLIMIT_CPU, spent + seconds, RLIM_INFINITY, "processor time", err);
}

void os_sandbox_probe(struct os_sandbox_probe *ret_probe) {
    struct os_sandbox_probe probe = {
        .landlock_abi = sandbox_landlock_abi(),
        .seccomp_filter = sandbox_seccomp_available(),
    };
    int pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
    probe.pidfd = pidfd >= 0;
    if (pidfd >= 0)
        close(pidfd);
    struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_BENEATH};
    int fd = (int)syscall(SYS_openat2, AT_FDCWD, ".", &how, sizeof how);
    probe.openat2 = fd >= 0;
    if (fd >= 0)
        close(fd);
    struct utsname names;
    if (uname(&names) == 0)
        snprintf(probe.kernel, sizeof probe.kernel, "%.64s", names.release);
    *ret_probe = probe;
}
