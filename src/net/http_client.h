/* HTTP requests to other services, through libcurl.
 *
 * A client holds a pool of handles with their live connections; a request takes one, so that connections are reused and
 * any number of threads may call at the same time (each call blocks its own).  No redirect is followed, no cookie kept, no proxy
 * taken from the environment, only http and https.  Failures: LH_UPSTREAM names the host and the reason, LH_TIMEOUT,
 * LH_TOO_LARGE (answer above max_response_bytes), LH_CANCELLED (a callback or cancel_fd said stop).  An HTTP error status is not a
 * failure here: it comes as `status`.  Nothing of a URL's user info or a header's value gets into messages. */
#ifndef LH_NET_HTTP_CLIENT_H
#define LH_NET_HTTP_CLIENT_H

#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_client;

/* Once, in main, before the first thread: libcurl's own set-up. */
LH_CHECKED enum lh_code http_client_global_init(struct lh_err *err);

/* `unix_path`: every request goes over this Unix socket, whatever host its URL names; NULL: by TCP. */
LH_CHECKED enum lh_code http_client_new(const char *unix_path, struct http_client **ret_client, struct lh_err *err);
/* Trust the certificates in this PEM file instead of the system's.  Before the first request. */
void http_client_trust(struct http_client *client, const char *ca_file);
void http_client_free(struct http_client *client); /* no call may be running; NULL is fine */

struct http_header {
    const char *name;
    const char *value;
};

struct http_request {
    const char *method; /* NULL: GET */
    const char *url;
    const struct http_header *headers;
    size_t header_count;

    /* The body: `body` bytes, or a reader (fills up to `room` bytes, 0 at the end, negative stops the request). */
    const void *body;
    size_t body_len;
    ptrdiff_t (*read_body)(void *self, void *data, size_t room);
    int64_t read_body_len; /* -1: not known, sent chunked */

    /* Where the answer goes: into response.body, or to this (false stops the request).  Called only for the bytes of
     * the final answer, after `on_head` (may be NULL; false stops the request). */
    bool (*on_head)(void *self, int status, const struct http_header *headers, size_t header_count);
    bool (*on_body)(void *self, const void *data, size_t len);
    void *self; /* of the three callbacks */

    int64_t connect_timeout_ms;    /* 0: 5,000 */
    int64_t first_byte_timeout_ms; /* from the start to the first byte of an answer; 0: none but the next two */
    int64_t timeout_ms;            /* whole request; 0: none */
    int64_t stall_timeout_ms;      /* no byte either way for so long; 0: 60,000 */
    size_t max_response_bytes;     /* of response.body; 0: 16 MiB */
    bool fresh_connection;         /* not a kept one: should that turn out dead, the request would be sent once more */
    int cancel_fd;                 /* readable or closed: stop; 0 or less: none */
};

struct http_response {
    int status;
    struct buf body;
    struct http_header *headers; /* names in lower case */
    size_t header_count;
    bool sent; /* some of the request left, so the other side may have acted on it; also set where the call failed */
};

#define HTTP_RESPONSE_INIT \
    { 0, BUF_INIT, NULL, 0, false }

/* Blocks.  `ret_response` must be HTTP_RESPONSE_INIT and is released by the caller, also after a failure. */
LH_CHECKED enum lh_code http_client_send(struct http_client *client, const struct http_request *request,
                                         struct http_response *ret_response, struct lh_err *err);

void http_response_release(struct http_response *response);
/* A header's value by its lower-case name, NULL where it is absent. */
const char *http_response_header(const struct http_response *response, const char *name);

static inline void http_response_auto_release(struct http_response *response) {
    http_response_release(response);
}

#endif
