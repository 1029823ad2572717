/* SIGINT and SIGTERM as a descriptor to wait on. */
#ifndef LH_OS_SIGNALS_H
#define LH_OS_SIGNALS_H

#include "base/error.h"

/* Block SIGINT, SIGTERM and SIGHUP in the calling thread (call it first thing in main: threads inherit it), ignore
 * SIGPIPE, and give a signalfd for them, close-on-exec. */
LH_CHECKED enum lh_code os_signals_open(int *ret_fd, struct lh_err *err);
/* Wait at most timeout_ms (-1: for ever) for the next one: its number, 0 on time-out. */
LH_CHECKED enum lh_code os_signals_wait(int fd, int timeout_ms, int *ret_signal, struct lh_err *err);

#endif
