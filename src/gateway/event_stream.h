/* An answer as a stream of events (text/event-stream), begun with its first event, so that what fails before it is still a
 * problem with a status of its own. */
#ifndef LH_GATEWAY_EVENT_STREAM_H
#define LH_GATEWAY_EVENT_STREAM_H

#include "base/error.h"
#include "base/json.h"

#include <stdbool.h>

struct request;

struct event_stream {
    struct request *rq;
    bool begun;
};

/* Does the client prefer events to JSON? */
bool event_stream_wanted(struct request *rq);
/* "data: {...}"; blocks while the client is slow. */
LH_CHECKED enum lh_code event_stream_send(struct event_stream *s, const json_t *event, struct lh_err *err);
LH_CHECKED enum lh_code event_stream_send_text(struct event_stream *s, const char *text, struct lh_err *err);
LH_CHECKED enum lh_code event_stream_end(struct event_stream *s, struct lh_err *err);
/* The work failed with *err.  Before the first event: the same code, for the gateway to answer.  Later: the failure becomes the
 * last event, {"error": {"message", "code", "type"}}, and is logged, since the status went out long ago. */
LH_CHECKED enum lh_code event_stream_fail(struct event_stream *s, struct lh_err *err);

/* The error as OpenAI's clients know it; a new reference. */
json_t *error_json(const struct lh_err *err);

#endif
