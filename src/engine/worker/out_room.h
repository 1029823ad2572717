/* Writing into a buffer by pointer: reserve once, put bytes, advance.
 *
 *     char *at = out_room(out, VALUE_TEXT_MAX);
 *     at = value_put_int64(at, v);
 *     out_advance(out, at);
 */
#ifndef LH_ENGINE_WORKER_OUT_ROOM_H
#define LH_ENGINE_WORKER_OUT_ROOM_H

#include "base/buf.h"

/* The end of the buffer, with room for `size` bytes and the terminator. */
static inline char *out_room(struct buf *out, size_t size) {
    if (out->cap - out->len <= size)
        buf_reserve(out, size);
    return out->data + out->len;
}

static inline void out_advance(struct buf *out, char *end) {
    out->len = (size_t)(end - out->data);
    *end = '\0';
}

#endif
