/* Bytes and descriptors over connected AF_UNIX stream sockets, whole transfers with a deadline.
 * Deadlines are os_monotonic_ns values; OS_NO_DEADLINE waits for ever.  A peer that is gone is LH_UNAVAILABLE. */
#ifndef LH_OS_SOCKET_H
#define LH_OS_SOCKET_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct os;

#define OS_NO_DEADLINE INT64_MAX
#define OS_MAX_PASSED_FDS 16

/* A pair of connected stream sockets, close-on-exec. */
LH_CHECKED enum lh_code os_socketpair(struct os *os, int ret_fds[2], struct lh_err *err);

/* Send all bytes (and, with the first of them, `fd_count` descriptors, which stay the caller's).  len >= 1. */
LH_CHECKED enum lh_code os_send_all(struct os *os, int fd, const void *data, size_t len, const int *fds,
                                    size_t fd_count, int64_t deadline_ns, struct lh_err *err);

/* Receive exactly `len` bytes.  Descriptors that come with them are put in `ret_fds` (the caller's to close, -1 ended
 * nowhere: *ret_fd_count tells); with `ret_fds` NULL any that come are closed.  On failure none are left open.
 * LH_UNAVAILABLE where the peer closed: *ret_clean_end (may be NULL) tells whether that was before the first byte. */
LH_CHECKED enum lh_code os_recv_all(struct os *os, int fd, void *data, size_t len, int *ret_fds, size_t max_fds,
                                    size_t *ret_fd_count, int64_t deadline_ns, bool *ret_clean_end, struct lh_err *err);

/* Wait until `fd` is readable (or the peer is gone): LH_TIMEOUT at the deadline. */
LH_CHECKED enum lh_code os_wait_readable(struct os *os, int fd, int64_t deadline_ns, struct lh_err *err);
/* Has the peer closed its end?  Never blocks, reads nothing. */
bool os_peer_closed(struct os *os, int fd);

/* shutdown(2) both ways: wakes whoever is blocked on it. */
void os_shutdown(struct os *os, int fd);

#endif
