/* A plain HTTP client over a socket, for tests that need to say exactly which bytes travel. */
#ifndef LH_TEST_HTTP_CLIENT_H
#define LH_TEST_HTTP_CLIENT_H

#include "base/buf.h"

#include <stdint.h>

struct reply {
    int status;      /* 0: the connection ended without an answer */
    struct buf head; /* with the status line */
    struct buf body; /* as sent: chunks are not taken apart */
};

static inline void reply_release(struct reply *r) {
    buf_release(&r->head);
    buf_release(&r->body);
}

int http_connect(uint16_t port);
void http_send(int fd, const char *text);
void http_send_bytes(int fd, const void *data, size_t len);
/* Read to the end of the connection (or 10 s of silence). */
void http_read_all(int fd, struct reply *ret_reply);
/* Connect, send, read to the end, close. */
void http_exchange(uint16_t port, const char *request, struct reply *ret_reply);
uint16_t http_port(const char *url);

#endif
