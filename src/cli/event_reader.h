/* The events of a text/event-stream answer, taken from its bytes as they come. */
#ifndef LH_CLI_EVENT_READER_H
#define LH_CLI_EVENT_READER_H

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"

#include <stdbool.h>
#include <stddef.h>

/* Zeroed but for `on_event` and `self` it is ready. */
struct event_reader {
    bool (*on_event)(void *self, const json_t *event); /* false: stop */
    void *self;
    struct buf pending;
};

/* A client_sink_fn; `ctx` is the reader.  False where on_event said so, or an event is no JSON object. */
bool event_reader_take(void *ctx, const void *data, size_t len);
void event_reader_release(struct event_reader *r);

#endif
