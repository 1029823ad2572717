/* The listening socket: made by us rather than by the HTTP library, so that a failure says what and why. */
#ifndef LH_GATEWAY_LISTEN_H
#define LH_GATEWAY_LISTEN_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct listener {
    int fd; /* non-blocking, close-on-exec */
    bool ipv6;
    bool loopback;
    uint16_t port; /* the one that was bound */
    char host[64]; /* numeric, as in a URL: IPv6 in brackets */
};

/* `host` is a numeric address, "localhost" or a name that resolves; IPv6 without brackets.  LH_USAGE where it does not
 * resolve, LH_LOCKED where the address is in use, LH_IO. */
LH_CHECKED enum lh_code listen_open(const char *host, uint16_t port, struct listener *ret_listener, struct lh_err *err);

/* A Unix socket at `path` that only this user may connect to (mode 0600); counts as loopback, with host "localhost" and port 0.
 * LH_USAGE where the path is too long for a socket. */
LH_CHECKED enum lh_code listen_open_unix(const char *path, struct listener *ret_listener, struct lh_err *err);

/* "ADDRESS:PORT" or "[IPV6]:PORT" in two; LH_USAGE. */
LH_CHECKED enum lh_code listen_parse(const char *text, char ret_host[256], uint16_t *ret_port, struct lh_err *err);

#endif
