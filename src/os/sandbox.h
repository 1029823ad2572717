/* Fences that a process puts around itself before it touches untrusted bytes.  They cannot be taken down again and
 * pass on to threads started later and to children.
 *
 * What is fenced: privileges (no_new_privs), life (PDEATHSIG), resources (rlimits), files (Landlock: nothing but the
 * listed paths), system calls (seccomp: no sockets but the ones held, no exec, no ptrace, no mount, no bpf, no io_uring,
 * no keys, signals to itself only, no new processes, no change of modes, owners or attributes).  Threads, memory maps and file I/O go on working, so that
 * DuckDB runs inside.  What the kernel lacks is reported, the rest still holds. */
#ifndef LH_OS_SANDBOX_H
#define LH_OS_SANDBOX_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct os_sandbox {
    const char *const *read_paths; /* files or folders, readable with all below; one that is not there is left out */
    size_t read_count;
    const char *const *write_paths; /* files or folders, existing; readable, writable, with all below */
    size_t write_count;
    bool landlock; /* false: leave files alone (for a process that must read any path) */
    bool seccomp;
    pid_t parent; /* whose death ends this process at once; 0: not tied.  The process exits where it is gone already */

    /* 0 leaves a limit as it is. */
    uint64_t address_space_bytes;
    uint64_t cpu_seconds; /* SIGXCPU above it, which ends the process */
    uint64_t file_bytes;
    uint64_t open_files;
    uint64_t stack_bytes;
};

/* What was put up. */
struct os_sandbox_state {
    int landlock_abi; /* 0: not available or not asked for */
    bool seccomp;
};

/* Fence the calling process; call it while it has one thread.  Core dumps are turned off, the environment emptied and
 * the process made undumpable in any case.  On failure some fences may stand already: end the process. */
LH_CHECKED enum lh_code os_sandbox_enter(const struct os_sandbox *sandbox, struct os_sandbox_state *ret_state,
                                         struct lh_err *err);

/* Change the CPU limit of this process to `seconds` from now on (for a worker that serves several requests). */
LH_CHECKED enum lh_code os_sandbox_allow_cpu(uint64_t seconds, struct lh_err *err);

/* What this kernel offers, without changing anything; for `lakehouse check`. */
struct os_sandbox_probe {
    int landlock_abi; /* 0: none */
    bool seccomp_filter;
    bool pidfd;
    bool openat2;
    char kernel[65]; /* uname -r */
};
void os_sandbox_probe(struct os_sandbox_probe *ret_probe);

#endif
