/* The guard: what a request head must satisfy before anything looks at it.
 *
 * libmicrohttpd 0.9.75 lets through forms that two readers may understand differently (request smuggling): length and
 * chunking together, two lengths, odd transfer encodings, two hosts, control characters, any method.  Each of them is
 * refused here with 400 and the connection is closed, since what follows on it cannot be trusted.  Pure functions. */
#ifndef LH_GATEWAY_GUARD_H
#define LH_GATEWAY_GUARD_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GUARD_HEADERS_MAX 100

struct guard_header {
    const char *name;
    size_t name_len;
    const char *value;
    size_t value_len;
};

struct guard_head {
    const char *method;
    const char *version; /* "HTTP/1.1" */
    struct guard_header headers[GUARD_HEADERS_MAX];
    size_t header_count;
    bool too_many_headers;
};

struct guard_verdict {
    bool has_body;
    int64_t body_length;   /* -1: chunked */
    bool expects_continue; /* the client waits for 100 before it sends the body */
};

/* LH_INVALID: answer, then close the connection. */
LH_CHECKED enum lh_code guard_check(const struct guard_head *head, struct guard_verdict *ret_verdict,
                                    struct lh_err *err);

/* The header's value or NULL; names compare without case. */
const char *guard_header(const struct guard_head *head, const char *name);
/* How often it stands there. */
size_t guard_header_count(const struct guard_head *head, const char *name);

/* The host part of a Host header (port and brackets dropped) is written to ret_host; false where it is malformed. */
bool guard_host_name(const char *value, char *ret_host, size_t cap);
/* Is it a name or address of the loopback interface: localhost, *.localhost, 127.0.0.0/8, ::1? */
bool guard_host_is_loopback(const char *host);

#endif
