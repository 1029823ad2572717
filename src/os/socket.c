#include "os/socket.h"

#include "os/os.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

enum lh_code os_socketpair(struct os *os, int ret_fds[2], struct lh_err *err) {
    int fds[2];
    int result = os->socketpair(os->self, SOCK_STREAM, fds);
    if (result < 0)
        return lh_fail_errno(err, -result, "cannot make a socket pair");
    ret_fds[0] = fds[0];
    ret_fds[1] = fds[1];
    return LH_OK;
}

static enum lh_code wait_for(struct os *os, int fd, short events, int64_t deadline_ns, struct lh_err *err) {
    for (;;) {
        int timeout_ms = -1;
        if (deadline_ns != OS_NO_DEADLINE) {
            int64_t left = deadline_ns - os->monotonic_ns(os->self);
            int64_t ms = left <= 0 ? 0 : left / 1000000 + 1;
            timeout_ms = ms > INT_MAX ? INT_MAX : (int)ms;
        }
        struct pollfd poller = {.fd = fd, .events = events};
        int ready = os->poll(os->self, &poller, 1, timeout_ms);
        if (ready < 0)
            return lh_fail_errno(err, -ready, "cannot wait for a peer process");
        if (ready > 0)
            return LH_OK;
        if (timeout_ms == 0)
            return lh_fail(err, LH_TIMEOUT, "a peer process did not answer in time");
    }
}

static bool is_peer_gone(ssize_t result) {
    return result == -EPIPE || result == -ECONNRESET || result == -ENOTCONN;
}

static enum lh_code fail_transfer(ssize_t result, const char *verb, struct lh_err *err) {
    if (is_peer_gone(result))
        return lh_fail(err, LH_UNAVAILABLE, "the peer process has gone");
    return lh_fail_errno(err, (int)-result, "cannot %s a peer process", verb);
}

union control {
    char space[CMSG_SPACE(OS_MAX_PASSED_FDS * sizeof(int))];
    struct cmsghdr align;
};

static void attach_fds(struct msghdr *msg, union control *control, const int *fds, size_t fd_count) {
    memset(control, 0, sizeof *control);
    msg->msg_control = control->space;
    msg->msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
    struct cmsghdr *header = CMSG_FIRSTHDR(msg);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
    memcpy(CMSG_DATA(header), fds, fd_count * sizeof(int));
}

enum lh_code os_send_all(struct os *os, int fd, const void *data, size_t len, const int *fds, size_t fd_count,
                         int64_t deadline_ns, struct lh_err *err) {
    if (fd_count > OS_MAX_PASSED_FDS)
        return lh_fail(err, LH_INTERNAL, "%zu descriptors are too many for one message", fd_count);
    const char *at = data;
    bool fds_sent = fd_count == 0;
    while (len > 0) {
        struct iovec part = {.iov_base = (void *)(uintptr_t)at, .iov_len = len};
        struct msghdr msg = {.msg_iov = &part, .msg_iovlen = 1};
        union control control;
        if (!fds_sent)
            attach_fds(&msg, &control, fds, fd_count);
        ssize_t sent = os->sendmsg(os->self, fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent == -EAGAIN) {
            LH_TRY(wait_for(os, fd, POLLOUT, deadline_ns, err));
            continue;
        }
        if (sent < 0)
            return fail_transfer(sent, "send to", err);
        fds_sent = true;
        at += sent;
        len -= (size_t)sent;
    }
    return LH_OK;
}

/* Descriptors of a message being received, so that none leaks whatever happens. */
struct received_fds {
    int fds[OS_MAX_PASSED_FDS];
    size_t count;
};

static void close_received(struct os *os, struct received_fds *received) {
    for (size_t i = 0; i < received->count; i++)
        os->close(os->self, received->fds[i]);
    received->count = 0;
}

static void collect_fds(struct os *os, struct msghdr *msg, struct received_fds *received) {
    for (struct cmsghdr *header = CMSG_FIRSTHDR(msg); header; header = CMSG_NXTHDR(msg, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof fd);
            if (received->count < OS_MAX_PASSED_FDS)
                received->fds[received->count++] = fd;
            else
                os->close(os->self, fd);
        }
    }
}

static enum lh_code receive_bytes(struct os *os, int fd, char *data, size_t len, struct received_fds *received,
                                  int64_t deadline_ns, bool *ret_clean_end, struct lh_err *err) {
    size_t done = 0;
    while (done < len) {
        struct iovec part = {.iov_base = data + done, .iov_len = len - done};
        union control control;
        struct msghdr msg = {
            .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof control.space};
        ssize_t got = os->recvmsg(os->self, fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (got == -EAGAIN) {
            LH_TRY(wait_for(os, fd, POLLIN, deadline_ns, err));
            continue;
        }
        if (got >= 0)
            collect_fds(os, &msg, received);
        if (got == 0 || is_peer_gone(got)) {
            if (ret_clean_end)
                *ret_clean_end = done == 0;
            return lh_fail(err, LH_UNAVAILABLE, "the peer process has gone");
        }
        if (got < 0)
            return fail_transfer(got, "receive from", err);
        done += (size_t)got;
    }
    return LH_OK;
}

enum lh_code os_recv_all(struct os *os, int fd, void *data, size_t len, int *ret_fds, size_t max_fds,
                         size_t *ret_fd_count, int64_t deadline_ns, bool *ret_clean_end, struct lh_err *err) {
    struct received_fds received = {.count = 0};
    if (ret_clean_end)
        *ret_clean_end = false;
    enum lh_code code = receive_bytes(os, fd, data, len, &received, deadline_ns, ret_clean_end, err);
    if (code == LH_OK && ret_fds && received.count > max_fds)
        code = lh_fail(err, LH_INTERNAL, "a peer process sent %zu descriptors where %zu were expected", received.count,
                       max_fds);
    if (code != LH_OK || !ret_fds) {
        close_received(os, &received);
        if (code == LH_OK && ret_fd_count)
            *ret_fd_count = 0;
        return code;
    }
    memcpy(ret_fds, received.fds, received.count * sizeof(int));
    *ret_fd_count = received.count;
    return LH_OK;
}

enum lh_code os_wait_readable(struct os *os, int fd, int64_t deadline_ns, struct lh_err *err) {
    return wait_for(os, fd, POLLIN, deadline_ns, err);
}

bool os_peer_closed(struct os *os, int fd) {
    struct pollfd poller = {.fd = fd, .events = POLLRDHUP};
    int ready = os->poll(os->self, &poller, 1, 0);
    return ready != 0 && (ready < 0 || (poller.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL)));
}

void os_shutdown(struct os *os, int fd) {
    os->shutdown(os->self, fd, SHUT_RDWR);
}
