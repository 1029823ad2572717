/* Child processes, by pidfd: a descriptor names one process for ever, so no signal can hit a reused pid. */
#ifndef LH_OS_PROCESS_H
#define LH_OS_PROCESS_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* fds[i].from of this process becomes fds[i].to of the child.  Everything else above stderr is closed there. */
struct os_fd_map {
    int from;
    int to;
};

struct os_spawn {
    const char *path;  /* executable, opened as given (no PATH search) */
    char *const *argv; /* NULL-terminated */
    char *const *envp; /* NULL: empty environment */
    const struct os_fd_map *fds;
    size_t fd_count;      /* 0..2 not mapped are inherited; a `from` of -1 is /dev/null */
    bool die_with_parent; /* PR_SET_PDEATHSIG SIGKILL: tied to the calling THREAD, which must outlive the child */
    bool new_group;       /* setpgid, so that a terminal's Ctrl-C does not reach it */
};

struct os_process {
    pid_t pid;
    int pidfd; /* the caller's to close, -1 where not held */
};

#define OS_PROCESS_INIT \
    { -1, -1 }

/* The child runs `path`: failures up to and including exec are reported here, with the reason.  Blocks until the exec
 * has happened.  Signal mask and handlers of the child are the defaults. */
LH_CHECKED enum lh_code os_process_spawn(const struct os_spawn *spawn, struct os_process *ret_process,
                                         struct lh_err *err);

enum os_exit_kind { OS_EXITED, OS_SIGNALLED };
struct os_exit {
    enum os_exit_kind kind;
    int status; /* exit status or signal number */
};

/* Wait for a child of ours; timeout_ms -1 waits for ever, 0 looks.  LH_TIMEOUT while it runs. */
LH_CHECKED enum lh_code os_process_wait(struct os_process *process, int timeout_ms, struct os_exit *ret_exit,
                                        struct lh_err *err);
/* Has the process ended?  Works by pidfd for any process, child or not. */
bool os_pidfd_ended(int pidfd);
/* Send a signal by pidfd; a process that is gone already is fine. */
LH_CHECKED enum lh_code os_pidfd_signal(int pidfd, int signal_number, struct lh_err *err);
/* A pidfd for `pid` (of a child not yet waited for, or of any process with the race that this has). */
LH_CHECKED enum lh_code os_pidfd_open(pid_t pid, int *ret_pidfd, struct lh_err *err);
/* SIGKILL, wait, close the pidfd.  A process with pid -1 is ignored. */
void os_process_end(struct os_process *process);

/* The path of the running executable, "/proc/self/exe" resolved; lh_malloc'd. */
LH_CHECKED enum lh_code os_executable_path(char **ret_path, struct lh_err *err);

#endif
