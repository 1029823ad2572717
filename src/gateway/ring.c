#include "gateway/ring.h"

#include "base/alloc.h"

#include <string.h>

void ring_init(struct ring *r, size_t cap) {
    *r = (struct ring){NULL, cap, 0, 0};
}

void ring_deinit(struct ring *r) {
    lh_free(r->data);
    *r = (struct ring){NULL, 0, 0, 0};
}

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

size_t ring_put(struct ring *r, const void *data, size_t len) {
    if (!r->data)
        r->data = lh_malloc(r->cap);
    size_t n = smaller(len, ring_space(r));
    size_t at = (r->start + r->len) % r->cap;
    size_t first = smaller(n, r->cap - at);
    memcpy(r->data + at, data, first);
    memcpy(r->data, (const char *)data + first, n - first);
    r->len += n;
    return n;
}

size_t ring_take(struct ring *r, void *ret_data, size_t cap) {
    size_t n = smaller(cap, r->len);
    if (n == 0)
        return 0;
    size_t first = smaller(n, r->cap - r->start);
    memcpy(ret_data, r->data + r->start, first);
    memcpy((char *)ret_data + first, r->data, n - first);
    r->start = (r->start + n) % r->cap;
    r->len -= n;
    return n;
}
