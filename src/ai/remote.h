/* What the providers behind HTTP share: requests with time limits, retries with jitter, a circuit breaker, answers of
 * limited size, lines of a streamed answer, and one way to tell what went wrong (the codes of ai/provider.h). */
#ifndef LH_AI_REMOTE_H
#define LH_AI_REMOTE_H

#include "ai/provider.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct os;
struct remote;

struct remote_options {
    struct os *os;
    const char *name;     /* for messages */
    const char *base_url; /* "http://127.0.0.1:11434"; what follows the host is kept, a slash at the end is not */
    const char *key;      /* sent as a bearer token; NULL: none.  In no message and no log */
    const char *key_hint; /* what to do where the key is refused */
    const char *url_hint; /* what to do where nobody answers there */
    int64_t connect_timeout_ms;
    int64_t first_byte_timeout_ms; /* also the longest pause within an answer */
    int64_t timeout_ms;            /* of one whole try */
    unsigned retries;
    unsigned breaker_failures;
    int64_t breaker_pause_ms;
    size_t max_answer_bytes;
};

LH_CHECKED enum lh_code remote_new(const struct remote_options *options, struct remote **ret_remote,
                                   struct lh_err *err);
void remote_free(struct remote *r);                 /* NULL is fine */
const char *remote_address(const struct remote *r); /* the base URL without user info */
void remote_state(struct remote *r, struct ai_state *ret_state);

struct remote_call {
    const char *path;   /* "/api/tags", appended to the base URL */
    const json_t *body; /* POST it; NULL: GET */
    bool repeatable;    /* doing it twice does no harm: retried after any failure.  Otherwise only where the request did
                         * not arrive, or was answered with 429 or 503 */
    bool optional;      /* the service may have no such path: then LH_UNSUPPORTED, and no failure of its */
    bool probe;         /* a few seconds, one try, past an open circuit */
    int cancel_fd;
    int64_t deadline_ns; /* os_monotonic_ns; 0: none */

    /* Where given, each line of a successful answer goes here (NUL-terminated, without its end, empty ones too); false
     * stops, and remote_send returns LH_CANCELLED.  What was told is not told again: no retry after the first line. */
    bool (*on_line)(void *self, const char *line, size_t len);
    void *self;
};

/* LH_OK for a status of 2xx; `ret_body` (empty before; NULL with on_line) is the answer. */
LH_CHECKED enum lh_code remote_send(struct remote *r, const struct remote_call *call, struct buf *ret_body,
                                    struct lh_err *err);
/* As remote_send, and the answer as JSON; one that is no object is LH_UPSTREAM. */
LH_CHECKED enum lh_code remote_ask(struct remote *r, const struct remote_call *call, json_t **ret_answer,
                                   struct lh_err *err);

/* LH_UPSTREAM for an answer that came but makes no sense; counts as a failure of the provider. */
enum lh_code remote_nonsense(struct remote *r, struct lh_err *err, const char *fmt, ...) LH_PRINTF(3, 4);
/* The error that an answer of status 200 tells in its midst; `message` is the provider's. */
enum lh_code remote_told_error(struct remote *r, struct lh_err *err, const char *message);

#endif
