/* The HTTP server.
 *
 * libmicrohttpd's threads (epoll) read heads and move bytes; they never block.  Routes marked inline run right there.  All
 * others run straight down on a bounded pool of handler threads, with the body and the response going through bounded
 * rings, so that a slow client holds back its handler and memory stays constant.  One more thread watches the clocks and
 * notices clients that left.  src/gateway/README.md draws it. */
#ifndef LH_GATEWAY_GATEWAY_H
#define LH_GATEWAY_GATEWAY_H

#include "base/error.h"
#include "gateway/route.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct gateway;
struct keys;
struct lakehouse;
struct lh_log;
struct lh_metrics;
struct lh_tracer;
struct os;

enum gateway_auth {
    GATEWAY_AUTH_AUTO,     /* off on a loopback address, else required */
    GATEWAY_AUTH_REQUIRED, /* always */
    GATEWAY_AUTH_OFF,      /* never; refused on other addresses unless `insecure` */
};

struct gateway_options {
    struct os *os;
    struct lh_log *log; /* may be NULL, as may the next two */
    struct lh_metrics *metrics;
    struct lh_tracer *tracer;
    struct keys *keys;           /* NULL only where auth is off */
    struct lakehouse *lakehouse; /* handed to the handlers */
    const struct route *routes;
    size_t route_count;

    const char *host;      /* an address or a name; IPv6 without brackets */
    uint16_t port;         /* 0: any free one */
    const char *unix_path; /* a private Unix socket instead of host and port; NULL: none */
    bool insecure;
    enum gateway_auth auth;
    const char *tls_cert, *tls_key; /* PEM files, both or neither */

    unsigned io_threads;
    unsigned handler_threads;
    unsigned queue_length; /* requests that wait for a handler thread; above it 503 */
    unsigned max_queries;  /* routes marked query at one time, besides those; above it 503 */
    unsigned max_connections;
    unsigned max_connections_per_ip;
    size_t max_header_bytes;
    uint64_t max_json_bytes;
    uint64_t max_upload_bytes;
    int64_t head_timeout_ms;    /* from accept, or the first byte of a further request, to its complete head */
    int64_t idle_timeout_ms;    /* between requests */
    int64_t body_grace_ms;      /* after this much waiting for the body ... */
    uint64_t body_min_rate;     /* ... fewer bytes a second than this cut the connection */
    int64_t write_stall_ms;     /* a client that takes nothing for so long is cut off */
    int64_t answer_grace_ms;    /* while a handler waits for its client to take the answer: in each such time ... */
    uint64_t answer_min_rate;   /* ... fewer bytes a second than this cut the connection */
    int64_t request_timeout_ms; /* whole request, except routes marked long */
    int64_t drain_ms;           /* at stop: how long running requests may take to end */
};

/* Every number at its default; the pointers are the caller's to fill. */
void gateway_options_init(struct gateway_options *options);

/* Refuses (LH_USAGE) an address other than loopback without authentication or without TLS, unless `insecure`.  LH_IO or
 * LH_LOCKED (address in use) with the address named. */
LH_CHECKED enum lh_code gateway_start(const struct gateway_options *options, struct gateway **ret_gateway,
                                      struct lh_err *err);
/* "http://127.0.0.1:43127"; with the port that was bound. */
const char *gateway_url(const struct gateway *g);
bool gateway_auth_required(const struct gateway *g);
/* Requests by route and class of status, in Prometheus' text format, appended. */
void gateway_write_route_metrics(const struct gateway *g, struct buf *out);
/* Stop accepting, let running requests end for drain_ms, cancel the rest, and free everything.  NULL is fine. */
void gateway_stop(struct gateway *g);

#endif
