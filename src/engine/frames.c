#include "engine/frames.h"

#include "base/cleanup.h"
#include "os/clock.h"
#include "os/os.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* One receive takes in about one data frame and what follows it. */
#define RECEIVE_BYTES (FRAME_DATA_MAX + 4096)

const char *frame_name(enum frame_type type) {
    switch (type) {
#define FRAME_NAME(name, number, limit) \
    case FRAME_##name: return #name;
        FRAMES(FRAME_NAME)
#undef FRAME_NAME
    }
    return "unknown";
}

static size_t frame_limit(unsigned type) {
    switch (type) {
#define FRAME_LIMIT(name, number, limit) \
    case number: return (limit);
        FRAMES(FRAME_LIMIT)
#undef FRAME_LIMIT
    default: return 0;
    }
}

static uint32_t header_length(const char *data) {
    const unsigned char *p = (const unsigned char *)data;
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void header_write(char header[FRAME_HEADER_BYTES], enum frame_type type, size_t len) {
    header[0] = (char)(len & 0xff);
    header[1] = (char)(len >> 8 & 0xff);
    header[2] = (char)(len >> 16 & 0xff);
    header[3] = (char)(len >> 24 & 0xff);
    header[4] = (char)type;
}

enum lh_code frame_parse(const char *data, size_t len, uint64_t accepted, struct frame *ret_frame, size_t *ret_size,
                         struct lh_err *err) {
    if (len < FRAME_HEADER_BYTES) {
        *ret_size = 0;
        return LH_OK;
    }
    unsigned type = (unsigned char)data[4];
    uint32_t payload = header_length(data);
    if (type >= 64 || !(accepted & FRAME_BIT(type)))
        return lh_fail(err, LH_CORRUPT, "a frame of type %u came where none is expected", type);
    if (payload > frame_limit(type))
        return lh_fail(err, LH_CORRUPT, "a %s frame of %u bytes is over its limit", frame_name((enum frame_type)type),
                       payload);
    if (len - FRAME_HEADER_BYTES < payload) {
        *ret_size = 0;
        return LH_OK;
    }
    *ret_frame = (struct frame){(enum frame_type)type, data + FRAME_HEADER_BYTES, payload};
    *ret_size = FRAME_HEADER_BYTES + payload;
    return LH_OK;
}

enum lh_code frame_json(const struct frame *f, json_t **ret_object, struct lh_err *err) {
    static const struct lh_json_limits limits = {.max_bytes = FRAME_CONTROL_MAX, .max_depth = LH_JSON_MAX_DEPTH};
    LH_AUTO(json) json_t *value = NULL;
    struct lh_err cause = LH_ERR_INIT;
    if (lh_json_parse(f->data, f->len, &limits, &value, &cause) != LH_OK)
        return lh_fail(err, LH_CORRUPT, "a %s frame is not JSON: %s", frame_name(f->type), cause.message);
    if (!json_is_object(value))
        return lh_fail(err, LH_CORRUPT, "a %s frame is not a JSON object", frame_name(f->type));
    *ret_object = LH_STEAL(value);
    return LH_OK;
}

void frame_channel_init(struct frame_channel *c, struct os *os, int fd, uint64_t accepted, bool takes_fds) {
    *c = (struct frame_channel){.os = os, .fd = fd, .accepted = accepted, .takes_fds = takes_fds, .passed_fd = -1};
}

void frame_channel_deinit(struct frame_channel *c) {
    if (c->passed_fd >= 0)
        c->os->close(c->os->self, c->passed_fd);
    if (c->fd >= 0)
        c->os->close(c->os->self, c->fd);
    c->passed_fd = c->fd = -1;
    buf_release(&c->in);
}

int frame_channel_take_fd(struct frame_channel *c) {
    int fd = c->passed_fd;
    c->passed_fd = -1;
    return fd;
}

/* ---- waiting ---- */

static int wait_timeout_ms(struct os *os, int64_t deadline_ns) {
    if (deadline_ns == INT64_MAX)
        return -1;
    int64_t left_ns = deadline_ns - os_monotonic_ns(os);
    if (left_ns <= 0)
        return 0;
    int64_t ms = (left_ns + 999999) / 1000000;
    return ms > INT_MAX ? INT_MAX : (int)ms;
}

static enum lh_code wait_for(struct frame_channel *c, short events, const struct frame_wait *wait, struct lh_err *err) {
    struct pollfd fds[2] = {{.fd = c->fd, .events = events}, {.fd = wait->cancel_fd, .events = POLLIN | POLLRDHUP}};
    for (;;) {
        int timeout_ms = wait_timeout_ms(c->os, wait->deadline_ns);
        int ready = c->os->poll(c->os->self, fds, wait->cancel_fd >= 0 ? 2 : 1, timeout_ms);
        if (ready < 0)
            return lh_fail_errno(err, -ready, "cannot wait for a process of the engine");
        if (fds[0].revents)
            return LH_OK; /* an error or a hang-up shows in the transfer itself */
        if (ready > 0)
            return lh_fail(err, LH_CANCELLED, "the client is gone");
        if (wait->deadline_ns != INT64_MAX && os_monotonic_ns(c->os) >= wait->deadline_ns)
            return lh_fail(err, LH_TIMEOUT, "the time limit passed");
    }
}

static enum lh_code gone(struct lh_err *err, int errnum) {
    if (errnum == 0)
        return lh_fail(err, LH_UNAVAILABLE, "the other process is gone");
    lh_ignore(lh_fail_errno(err, errnum, "the other process is gone"));
    err->code = LH_UNAVAILABLE;
    return err->code;
}

/* ---- sending ---- */

static enum lh_code send_vectors(struct frame_channel *c, struct iovec *parts, size_t count, int pass_fd,
                                 const struct frame_wait *wait, struct lh_err *err) {
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {.bytes = {0}};
    while (count > 0) {
        struct msghdr msg = {.msg_iov = parts, .msg_iovlen = count};
        if (pass_fd >= 0) {
            msg.msg_control = control.bytes;
            msg.msg_controllen = sizeof control.bytes;
            struct cmsghdr *head = CMSG_FIRSTHDR(&msg);
            head->cmsg_level = SOL_SOCKET;
            head->cmsg_type = SCM_RIGHTS;
            head->cmsg_len = CMSG_LEN(sizeof(int));
            memcpy(CMSG_DATA(head), &pass_fd, sizeof(int));
        }
        ssize_t sent = c->os->sendmsg(c->os->self, c->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent == -EAGAIN) {
            LH_TRY(wait_for(c, POLLOUT, wait, err));
            continue;
        }
        if (sent < 0)
            return gone(err, (int)-sent);
        pass_fd = -1;
        size_t left = (size_t)sent;
        while (count > 0 && left >= parts->iov_len) {
            left -= parts->iov_len;
            parts++;
            count--;
        }
        if (count > 0) {
            parts->iov_base = (char *)parts->iov_base + left;
            parts->iov_len -= left;
        }
    }
    return LH_OK;
}

enum lh_code frame_send(struct frame_channel *c, enum frame_type type, const void *data, size_t len, int pass_fd,
                        const struct frame_wait *wait, struct lh_err *err) {
    char header[FRAME_HEADER_BYTES];
    if (len > frame_limit(type))
        return lh_fail(err, LH_TOO_LARGE, "a %s frame cannot hold %zu bytes", frame_name(type), len);
    header_write(header, type, len);
    struct iovec parts[2] = {{header, sizeof header}, {(void *)(uintptr_t)data, len}};
    return send_vectors(c, parts, len > 0 ? 2 : 1, pass_fd, wait, err);
}

enum lh_code frame_send_json(struct frame_channel *c, enum frame_type type, const json_t *object, int pass_fd,
                             const struct frame_wait *wait, struct lh_err *err) {
    LH_AUTO(buf) struct buf text = BUF_INIT;
    lh_json_write(object, LH_JSON_COMPACT, &text);
    return frame_send(c, type, text.data, text.len, pass_fd, wait, err);
}

void frame_append(struct buf *out, enum frame_type type, const void *data, size_t len) {
    char header[FRAME_HEADER_BYTES];
    assert(len <= frame_limit(type));
    header_write(header, type, len);
    buf_append(out, header, sizeof header);
    buf_append(out, data, len);
}

void frame_append_json(struct buf *out, enum frame_type type, const json_t *object) {
    size_t start = out->len;
    buf_append(out, "\0\0\0\0\0", FRAME_HEADER_BYTES);
    lh_json_write(object, LH_JSON_COMPACT, out);
    size_t len = out->len - start - FRAME_HEADER_BYTES;
    assert(len <= frame_limit(type));
    header_write(out->data + start, type, len);
}

enum lh_code frame_send_appended(struct frame_channel *c, const struct buf *frames, const struct frame_wait *wait,
                                 struct lh_err *err) {
    struct iovec part = {frames->data, frames->len};
    return send_vectors(c, &part, frames->len > 0 ? 1 : 0, -1, wait, err);
}

/* ---- receiving ---- */

static void take_descriptor(struct frame_channel *c, struct msghdr *msg) {
    for (struct cmsghdr *head = CMSG_FIRSTHDR(msg); head; head = CMSG_NXTHDR(msg, head)) {
        if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(head) + i * sizeof(int), sizeof fd);
            if (c->passed_fd >= 0)
                c->os->close(c->os->self, c->passed_fd);
            c->passed_fd = fd;
        }
    }
}

/* Wait for bytes and add them to `in`. */
static enum lh_code receive_some(struct frame_channel *c, const struct frame_wait *wait, struct lh_err *err) {
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    buf_consume(&c->in, c->parsed);
    c->parsed = 0;
    size_t want = RECEIVE_BYTES;
    if (c->in.len >= FRAME_HEADER_BYTES) {
        size_t whole = FRAME_HEADER_BYTES + header_length(c->in.data);
        if (whole - c->in.len > want)
            want = whole - c->in.len;
    }
    buf_reserve(&c->in, want);
    for (;;) {
        LH_TRY(wait_for(c, POLLIN, wait, err));
        struct iovec part = {c->in.data + c->in.len, want};
        struct msghdr msg = {.msg_iov = &part, .msg_iovlen = 1};
        if (c->takes_fds) {
            msg.msg_control = control.bytes;
            msg.msg_controllen = sizeof control.bytes;
        }
        ssize_t got = c->os->recvmsg(c->os->self, c->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (got == -EAGAIN)
            continue;
        if (got <= 0)
            return gone(err, (int)-got);
        if (c->takes_fds)
            take_descriptor(c, &msg);
        c->in.len += (size_t)got;
        c->in.data[c->in.len] = '\0';
        return LH_OK;
    }
}

enum lh_code frame_receive(struct frame_channel *c, const struct frame_wait *wait, struct frame *ret_frame,
                           struct lh_err *err) {
    for (;;) {
        struct frame frame = {.data = NULL};
        size_t size = 0;
        if (c->in.len > c->parsed)
            LH_TRY(frame_parse(c->in.data + c->parsed, c->in.len - c->parsed, c->accepted, &frame, &size, err));
        if (size > 0) {
            c->parsed += size;
            *ret_frame = frame;
            return LH_OK;
        }
        LH_TRY(receive_some(c, wait, err));
    }
}
