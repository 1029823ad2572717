/* Runs of bits in Arrow's order (least significant first), up to 64 at a time. */
#ifndef LH_ENGINE_WORKER_ARROW_BITS_H
#define LH_ENGINE_WORKER_ARROW_BITS_H

#include "base/buf.h"
#include "engine/worker/out_room.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* `count` (1 to 64) bits of a mask, from bit `at` on. */
static inline uint64_t bits_get(const uint64_t *mask, size_t at, size_t count) {
    size_t shift = at & 63;
    uint64_t bits = mask[at >> 6] >> shift;
    if (shift + count > 64)
        bits |= mask[(at >> 6) + 1] << (64 - shift);
    return count == 64 ? bits : bits & ((UINT64_C(1) << count) - 1);
}

/* Write `count` bits behind the first `at`.  The buffer's bytes behind bit `at` are zero before and after; its
 * length becomes what the bits need, rounded up to bytes. */
static inline void bits_put(struct buf *out, size_t at, uint64_t bits, size_t count) {
    size_t start = at / 8, shift = at % 8, end = (at + count + 7) / 8;
    out_room(out, start + 9 - (out->len < start + 9 ? out->len : start + 9));
    if (start + 9 > out->len)
        memset(out->data + out->len, 0, start + 9 - out->len);
    uint64_t word;
    memcpy(&word, out->data + start, sizeof word);
    word |= bits << shift;
    memcpy(out->data + start, &word, sizeof word);
    if (shift + count > 64)
        out->data[start + 8] = (char)(bits >> (64 - shift));
    out->len = end;
}

static inline void bits_fill(struct buf *out, size_t at, size_t count) {
    for (size_t step; count > 0; at += step, count -= step) {
        step = count < 64 ? count : 64;
        bits_put(out, at, step == 64 ? UINT64_MAX : (UINT64_C(1) << step) - 1, step);
    }
}

#endif
