/* Frames: how the server, the engine host and the workers talk.
 *
 *     u32 little-endian payload length | u8 type | payload
 *
 * over a stream socket pair.  Control frames carry one JSON object; FRAME_DATA carries raw result bytes.  The reader
 * bounds every length before it allocates, takes only the types it expects, and parses JSON under limits: whatever a
 * hijacked worker sends costs the server one LH_CORRUPT and the worker its life.  File descriptors travel by
 * SCM_RIGHTS with a frame's first byte, and only on a channel that asked for them; the kernel drops the others.
 *
 * A channel is one thread's at a time; sending and receiving may be two threads'.  The table of frames with their
 * fields stands in README.md. */
#ifndef LH_ENGINE_FRAMES_H
#define LH_ENGINE_FRAMES_H

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct os;

#define FRAME_HEADER_BYTES ((size_t)5)
#define FRAME_CONTROL_MAX ((size_t)16 * 1024 * 1024) /* a bind frame with the file lists of large datasets */
#define FRAME_DATA_MAX ((size_t)256 * 1024)          /* what the server holds of a result at one time */

/* X(NAME, number, payload limit).  Numbers are never reused. */
#define FRAMES(X)                    \
    /* server to worker */           \
    X(QUERY, 1, FRAME_CONTROL_MAX)   \
    X(BIND, 2, FRAME_CONTROL_MAX)    \
    X(TASK, 3, FRAME_CONTROL_MAX)    \
    X(CANCEL, 4, 64)                 \
    /* worker to server */           \
    X(READY, 16, 65536)              \
    X(NEED, 17, 1024 * 1024)         \
    X(START, 18, 4 * 1024 * 1024)    \
    X(DATA, 19, FRAME_DATA_MAX)      \
    X(END, 20, 1048576)              \
    X(ERROR, 21, 65536)              \
    X(PROGRESS, 22, 1024)            \
    X(ANSWER, 23, FRAME_CONTROL_MAX) \
    X(RETIRED, 24, 1024)             \
    /* server to host */             \
    X(SPAWN, 32, 1024 * 1024)        \
    X(REAP, 33, 64)                  \
    /* host to server */             \
    X(SPAWNED, 48, 1024)             \
    X(REAPED, 49, 1024)              \
    X(REFUSED, 50, 65536)

enum frame_type {
#define FRAME_ENUM(name, number, limit) FRAME_##name = (number),
    FRAMES(FRAME_ENUM)
#undef FRAME_ENUM
};

#define FRAME_BIT(type) (UINT64_C(1) << (type))
/* What the server takes from a worker, and so on: everything else on that channel is LH_CORRUPT. */
#define FRAMES_FROM_WORKER                                                                                 \
    (FRAME_BIT(FRAME_READY) | FRAME_BIT(FRAME_NEED) | FRAME_BIT(FRAME_START) | FRAME_BIT(FRAME_DATA) |     \
     FRAME_BIT(FRAME_END) | FRAME_BIT(FRAME_ERROR) | FRAME_BIT(FRAME_PROGRESS) | FRAME_BIT(FRAME_ANSWER) | \
     FRAME_BIT(FRAME_RETIRED))
#define FRAMES_TO_WORKER \
    (FRAME_BIT(FRAME_QUERY) | FRAME_BIT(FRAME_BIND) | FRAME_BIT(FRAME_TASK) | FRAME_BIT(FRAME_CANCEL))
#define FRAMES_FROM_HOST (FRAME_BIT(FRAME_SPAWNED) | FRAME_BIT(FRAME_REAPED) | FRAME_BIT(FRAME_REFUSED))
#define FRAMES_TO_HOST (FRAME_BIT(FRAME_SPAWN) | FRAME_BIT(FRAME_REAP))

const char *frame_name(enum frame_type type); /* "query"; "unknown" outside the table */

struct frame {
    enum frame_type type;
    const char *data; /* not terminated */
    size_t len;
};

/* Read the frame at the front of `data`.  *ret_size 0: more bytes are needed (a length over its type's limit is
 * refused as soon as the header is there).  LH_CORRUPT otherwise.  Pure; this is what the fuzzer drives. */
LH_CHECKED enum lh_code frame_parse(const char *data, size_t len, uint64_t accepted, struct frame *ret_frame,
                                    size_t *ret_size, struct lh_err *err);
/* The JSON object in a control frame, under the limits of this protocol.  LH_CORRUPT. */
LH_CHECKED enum lh_code frame_json(const struct frame *f, json_t **ret_object, struct lh_err *err);

struct frame_channel {
    struct os *os;
    int fd;            /* the channel's; non-blocking is not needed, waits go through poll */
    uint64_t accepted; /* FRAME_BITs that the other side may send */
    bool takes_fds;
    int passed_fd; /* received and not yet taken; -1: none */
    struct buf in;
    size_t parsed; /* bytes of `in` already handed out */
};

void frame_channel_init(struct frame_channel *c, struct os *os, int fd, uint64_t accepted, bool takes_fds);
void frame_channel_deinit(struct frame_channel *c); /* closes both descriptors */
int frame_channel_take_fd(struct frame_channel *c); /* the caller's from here on; -1: none came */

/* When a wait ends without a frame.  All optional. */
struct frame_wait {
    int64_t deadline_ns; /* os_monotonic_ns; INT64_MAX: none */
    int cancel_fd;       /* readable or hung up: give up; -1: none */
};
#define FRAME_WAIT_FOREVER ((struct frame_wait){INT64_MAX, -1})

/* Send one frame, whole.  `pass_fd` -1: none.  LH_TIMEOUT and LH_CANCELLED as `wait` says (the channel is then of no
 * more use), LH_UNAVAILABLE when the other side is gone. */
LH_CHECKED enum lh_code frame_send(struct frame_channel *c, enum frame_type type, const void *data, size_t len,
                                   int pass_fd, const struct frame_wait *wait, struct lh_err *err);
LH_CHECKED enum lh_code frame_send_json(struct frame_channel *c, enum frame_type type, const json_t *object,
                                        int pass_fd, const struct frame_wait *wait, struct lh_err *err);
/* Several frames in one system call: put them together, then send the lot. */
void frame_append(struct buf *out, enum frame_type type, const void *data, size_t len);
void frame_append_json(struct buf *out, enum frame_type type, const json_t *object);
LH_CHECKED enum lh_code frame_send_appended(struct frame_channel *c, const struct buf *frames,
                                            const struct frame_wait *wait, struct lh_err *err);

/* The next frame; its bytes are valid until the next call.  LH_TIMEOUT, LH_CANCELLED (nothing is lost, call again),
 * LH_UNAVAILABLE when the other side is gone, LH_CORRUPT. */
LH_CHECKED enum lh_code frame_receive(struct frame_channel *c, const struct frame_wait *wait, struct frame *ret_frame,
                                      struct lh_err *err);

#endif
