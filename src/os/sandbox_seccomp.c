/* The system call filter: what a query process never needs is refused with EPERM; the rest passes.
 *
 * A list of refusals rather than of permissions: what libduckdb, the allocator and the C library call differs between
 * versions, and a call missing from a list of permissions would end honest queries.  What makes refusals enough is
 * that every way to a new privilege, process, socket or kernel surface stands here, and files are Landlock's. */
#include "os/sandbox_internal.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

static const char *const refused_calls[] = {
    /* other programs and processes */
    "execve",
    "execveat",
    "fork",
    "vfork",
    "ptrace",
    "process_vm_readv",
    "process_vm_writev",
    "process_madvise",
    "kcmp",
    "pidfd_open",
    "pidfd_getfd",
    "pidfd_send_signal",
    "tkill",
    "setpgid",
    "setsid",
    /* network: the sockets held at the start are all there is */
    "socket",
    "socketpair",
    "connect",
    "bind",
    "listen",
    "accept",
    "accept4",
    /* file systems, names and attributes outside Landlock's reach */
    "mount",
    "umount2",
    "pivot_root",
    "chroot",
    "open_tree",
    "move_mount",
    "fsopen",
    "fsconfig",
    "fsmount",
    "fspick",
    "mount_setattr",
    "name_to_handle_at",
    "open_by_handle_at",
    "chmod",
    "fchmod",
    "fchmodat",
    "chown",
    "fchown",
    "lchown",
    "fchownat",
    "setxattr",
    "lsetxattr",
    "fsetxattr",
    "removexattr",
    "lremovexattr",
    "fremovexattr",
    "mknod",
    "mknodat",
    "quotactl",
    "quotactl_fd",
    "swapon",
    "swapoff",
    "fanotify_init",
    /* namespaces, identities, keys */
    "unshare",
    "setns",
    "setuid",
    "setgid",
    "setreuid",
    "setregid",
    "setresuid",
    "setresgid",
    "setgroups",
    "capset",
    "add_key",
    "request_key",
    "keyctl",
    "personality",
    /* kernel surface */
    "bpf",
    "perf_event_open",
    "io_uring_setup",
    "io_uring_enter",
    "io_uring_register",
    "userfaultfd",
    "init_module",
    "finit_module",
    "delete_module",
    "kexec_load",
    "kexec_file_load",
    "reboot",
    "syslog",
    "acct",
    "iopl",
    "ioperm",
    "modify_ldt",
    "vmsplice",
    "lookup_dcookie",
    "clock_settime",
    "clock_adjtime",
    "adjtimex",
    "settimeofday",
    "sethostname",
    "setdomainname",
};

bool sandbox_seccomp_available(void) {
    uint32_t action = SECCOMP_RET_ERRNO;
    return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

static int refuse_calls(scmp_filter_ctx filter) {
    for (size_t i = 0; i < LH_ARRAY_LEN(refused_calls); i++) {
        int number = seccomp_syscall_resolve_name(refused_calls[i]);
        if (number == __NR_SCMP_ERROR) /* not on this architecture, or newer than libseccomp */
            continue;
        int result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), number, 0);
        if (result != 0 && result != -EDOM)
            return result;
    }
    return 0;
}

/* Calls that pass for some arguments only. */
static int refuse_by_argument(scmp_filter_ctx filter) {
    uint32_t refuse = SCMP_ACT_ERRNO(EPERM);
    scmp_datum_t self = (scmp_datum_t)getpid();
    int result = 0;
    /* Threads, no processes.  clone3 hides its flags behind a pointer: "not there" makes the C library use clone. */
    if (result == 0)
        result = seccomp_rule_add(filter, refuse, SCMP_SYS(clone), 1, SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
    if (result == 0)
        result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    /* Signals to itself only (abort does that). */
    if (result == 0)
        result = seccomp_rule_add(filter, refuse, SCMP_SYS(kill), 1, SCMP_A0(SCMP_CMP_NE, self));
    if (result == 0)
        result = seccomp_rule_add(filter, refuse, SCMP_SYS(tgkill), 1, SCMP_A0(SCMP_CMP_NE, self));
    if (result == 0)
        result = seccomp_rule_add(filter, refuse, SCMP_SYS(rt_sigqueueinfo), 1, SCMP_A0(SCMP_CMP_NE, self));
    if (result == 0)
        result = seccomp_rule_add(filter, refuse, SCMP_SYS(rt_tgsigqueueinfo), 1, SCMP_A0(SCMP_CMP_NE, self));
    /* Typing into the terminal it was started from. */
    if (result == 0)
        result = seccomp_rule_add(filter, refuse, SCMP_SYS(ioctl), 1, SCMP_A1(SCMP_CMP_MASKED_EQ, 0xFFFFFFFF, TIOCSTI));
    return result;
}

enum lh_code sandbox_seccomp_enter(struct lh_err *err) {
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    if (!filter)
        return lh_fail(err, LH_NO_MEMORY, "cannot make the system call filter");
    int result = refuse_calls(filter);
    if (result == 0)
        result = refuse_by_argument(filter);
    if (result == 0)
        result = seccomp_load(filter);
    seccomp_release(filter);
    return result == 0 ? LH_OK : lh_fail_errno(err, -result, "cannot load the system call filter");
}
