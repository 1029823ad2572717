#include "cli/event_reader.h"

#include <string.h>

#define EVENT_BYTES_MAX ((size_t)64 << 20)

/* "data: {...}" */
static bool take_event(struct event_reader *r, const char *text, size_t len) {
    static const char field[] = "data: ";
    const size_t skip = sizeof field - 1;
    LH_AUTO(json) json_t *event = NULL;
    struct lh_err ignored = LH_ERR_INIT;
    struct lh_json_limits limits = {.max_bytes = EVENT_BYTES_MAX};
    if (len < skip || memcmp(text, field, skip) != 0)
        return true; /* a comment, or a field that does not matter */
    if (lh_json_parse(text + skip, len - skip, &limits, &event, &ignored) != LH_OK || !json_is_object(event))
        return false;
    return r->on_event(r->self, event);
}

bool event_reader_take(void *ctx, const void *data, size_t len) {
    struct event_reader *r = ctx;
    if (r->pending.len + len > EVENT_BYTES_MAX)
        return false;
    buf_append(&r->pending, data, len);
    for (;;) {
        const char *end = memmem(r->pending.data, r->pending.len, "\n\n", 2);
        if (!end)
            return true;
        size_t size = (size_t)(end - r->pending.data);
        if (!take_event(r, r->pending.data, size))
            return false;
        buf_consume(&r->pending, size + 2);
    }
}

void event_reader_release(struct event_reader *r) {
    buf_release(&r->pending);
}
