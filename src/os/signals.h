/* SIGINT and SIGTERM as a descriptor to wait on. */
#ifndef LH_OS_SIGNALS_H
#define LH_OS_SIGNALS_H

#include "base/error.h"

#include <signal.h>

/* Block SIGINT, SIGTERM and SIGHUP in the calling thread (call it first thing in main: threads inherit it), ignore
 * SIGPIPE, and give a signalfd for them, close-on-exec. */
LH_CHECKED enum lh_code os_signals_open(int *ret_fd, struct lh_err *err);
/* Wait at most timeout_ms (-1: for ever) for the next one: its number, 0 on time-out. */
LH_CHECKED enum lh_code os_signals_wait(int fd, int timeout_ms, int *ret_signal, struct lh_err *err);

/* Between the two, SIGINT, SIGTERM and SIGHUP wait, so that what a process began is not left half-done by Ctrl-C: a
 * temporary file is put in place, or removed.  What came meanwhile acts at the release.  For a process of one thread, or
 * whose threads were started between the two.  ret_hold->fd is readable while one waits; where none could be made it is -1. */
struct os_signals_hold {
    sigset_t before;
    int fd;
};
void os_signals_hold(struct os_signals_hold *ret_hold);
void os_signals_release(struct os_signals_hold *hold);

static inline void os_signals_hold_auto_release(struct os_signals_hold *hold) {
    os_signals_release(hold);
}

#endif
