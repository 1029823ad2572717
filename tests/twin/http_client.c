#include "twin/http_client.h"

#include <arpa/inet.h>
#include <assert.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int http_connect(uint16_t port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int failed = connect(fd, (const struct sockaddr *)&address, sizeof address);
    assert(failed == 0);
    (void)failed;
    return fd;
}

void http_send_bytes(int fd, const void *data, size_t len) {
    const char *at = data;
    while (len > 0) {
        ssize_t n = send(fd, at, len, MSG_NOSIGNAL);
        if (n <= 0)
            return; /* the server ended the connection: what it said before is still to be read */
        at += n;
        len -= (size_t)n;
    }
}

void http_send(int fd, const char *text) {
    http_send_bytes(fd, text, strlen(text));
}

void http_read_all(int fd, struct reply *ret_reply) {
    memset(ret_reply, 0, sizeof *ret_reply);
    struct buf all = BUF_INIT;
    char piece[65536];
    for (;;) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        if (poll(&wait, 1, 10000) <= 0)
            break;
        ssize_t n = recv(fd, piece, sizeof piece, 0);
        if (n <= 0)
            break;
        buf_append(&all, piece, (size_t)n);
    }
    const char *end = all.len ? strstr(all.data, "\r\n\r\n") : NULL;
    if (end) {
        size_t head_len = (size_t)(end - all.data) + 4;
        ret_reply->status = (int)strtol(all.data + 9, NULL, 10);
        buf_append(&ret_reply->head, all.data, head_len);
        buf_append(&ret_reply->body, all.data + head_len, all.len - head_len);
    }
    buf_release(&all);
}

void http_exchange(uint16_t port, const char *request, struct reply *ret_reply) {
    int fd = http_connect(port);
    http_send(fd, request);
    http_read_all(fd, ret_reply);
    close(fd);
}

uint16_t http_port(const char *url) {
    return (uint16_t)strtol(strrchr(url, ':') + 1, NULL, 10);
}
