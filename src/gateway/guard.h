/* The guard: what a request head must satisfy before anything looks at it.
 *
 * libmicrohttpd 0.9.75 lets through forms that two readers may understand differently (request smuggling): length and
 * chunking together, two lengths, odd transfer encodings, two hosts, control characters, any method.  Each of them is
 * refused here with 400 and the connection is closed, since what follows on it cannot be trusted.  Pure functions.
 *
 * The library also repairs what it should refuse: it takes a bare LF for a line end, joins folded lines, and cuts a line at a
 * NUL byte, all before anyone sees the head.  Each of these changes the head's length, which the library tells: a head that
 * is not as long as its parts are when they are spelled in the one lawful way (one space, CRLF) was repaired. */
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
    size_t gap; /* blanks between the colon and the value, as sent */
};

struct guard_head {
    const char *method;
    const char *version; /* "HTTP/1.1" */
    size_t target_len;
    size_t sent_bytes; /* from the method to the empty line's end, as sent; 0: not known, and not checked */
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
