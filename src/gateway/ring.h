/* A bounded byte ring: bytes in at one end, out at the other, never more than its capacity held.
 * Not thread-safe: the exchange's lock guards it. */
#ifndef LH_GATEWAY_RING_H
#define LH_GATEWAY_RING_H

#include <stddef.h>

struct ring {
    char *data; /* NULL until the first byte */
    size_t cap;
    size_t start;
    size_t len;
};

void ring_init(struct ring *r, size_t cap);
void ring_deinit(struct ring *r);
size_t ring_put(struct ring *r, const void *data, size_t len); /* how many bytes fitted */
size_t ring_take(struct ring *r, void *ret_data, size_t cap);  /* how many bytes there were */

static inline size_t ring_space(const struct ring *r) {
    return r->cap - r->len;
}

#endif
