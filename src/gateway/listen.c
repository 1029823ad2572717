#include "gateway/listen.h"

#include "base/quantity.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 1024

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static void describe(const union address *address, struct listener *l) {
    char text[INET6_ADDRSTRLEN];
    if (address->any.sa_family == AF_INET6) {
        const struct sockaddr_in6 *a = &address->v6;
        inet_ntop(AF_INET6, &a->sin6_addr, text, sizeof text);
        snprintf(l->host, sizeof l->host, "[%s]", text);
        l->loopback = IN6_IS_ADDR_LOOPBACK(&a->sin6_addr);
        l->port = ntohs(a->sin6_port);
        l->ipv6 = true;
    } else {
        const struct sockaddr_in *a = &address->v4;
        inet_ntop(AF_INET, &a->sin_addr, text, sizeof text);
        snprintf(l->host, sizeof l->host, "%s", text);
        l->loopback = (ntohl(a->sin_addr.s_addr) >> 24) == 127;
        l->port = ntohs(a->sin_port);
        l->ipv6 = false;
    }
}

static enum lh_code bind_address(const struct addrinfo *a, const char *host, uint16_t port, struct listener *l,
                                 struct lh_err *err) {
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
    if (fd < 0)
        return lh_fail_errno(err, errno, "making a socket");
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, a->ai_addr, a->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0) {
        int failed = errno;
        close(fd);
        if (failed == EADDRINUSE) {
            lh_fail(err, LH_LOCKED, "%s port %u is in use by another program", host, (unsigned)port);
            return lh_err_hint(err,
                               "stop that program, or choose another port (--http ADDRESS:PORT; port 0 picks one)");
        }
        return lh_fail_errno(err, failed, "listening on %s port %u", host, (unsigned)port);
    }
    union address bound = {.v6 = {0}};
    socklen_t len = sizeof bound;
    if (getsockname(fd, &bound.any, &len) != 0) {
        int failed = errno;
        close(fd);
        return lh_fail_errno(err, failed, "asking for the bound address");
    }
    describe(&bound, l);
    l->fd = fd;
    return LH_OK;
}

enum lh_code listen_open(const char *host, uint16_t port, struct listener *ret_listener, struct lh_err *err) {
    struct addrinfo wanted = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found = NULL;
    char service[8];
    snprintf(service, sizeof service, "%u", (unsigned)port);
    int failed = getaddrinfo(host, service, &wanted, &found);
    if (failed || !found) {
        lh_fail(err, LH_USAGE, "the address %.200s does not resolve: %s", host, gai_strerror(failed));
        return lh_err_hint(err, "give a numeric address such as 127.0.0.1, 0.0.0.0 or ::1");
    }
    const struct addrinfo *chosen = found;
    for (const struct addrinfo *a = found; a; a = a->ai_next)
        if (a->ai_family == AF_INET && chosen->ai_family != AF_INET && strcmp(host, "localhost") == 0)
            chosen = a;
    enum lh_code code = bind_address(chosen, host, port, ret_listener, err);
    freeaddrinfo(found);
    return code;
}

enum lh_code listen_open_unix(const char *path, struct listener *ret_listener, struct lh_err *err) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(path);
    if (len >= sizeof address.sun_path)
        return lh_fail(err, LH_USAGE, "the socket path %s is longer than %zu bytes", path, sizeof address.sun_path - 1);
    memcpy(address.sun_path, path, len);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return lh_fail_errno(err, errno, "making a socket");
    if (bind(fd, (const struct sockaddr *)&address, sizeof address) != 0 || chmod(path, 0600) != 0 ||
        listen(fd, BACKLOG) != 0) {
        int failed = errno;
        close(fd);
        return lh_fail_errno(err, failed, "listening on %s", path);
    }
    *ret_listener = (struct listener){.fd = fd, .loopback = true, .host = "localhost"};
    return LH_OK;
}

enum lh_code listen_parse(const char *text, char ret_host[256], uint16_t *ret_port, struct lh_err *err) {
    const char *colon = strrchr(text, ':');
    const char *host = text;
    size_t len = colon ? (size_t)(colon - text) : 0;
    if (len >= 2 && host[0] == '[' && host[len - 1] == ']') {
        host++;
        len -= 2;
    } else if (memchr(host, ':', len)) {
        len = 0; /* a bare IPv6 address: where does its port begin? */
    }
    int64_t port = -1;
    if (len == 0 || len > 255 || !lh_int_parse(colon + 1, &port) || port < 0 || port > 65535) {
        lh_fail(err, LH_USAGE, "\"%.200s\" is not ADDRESS:PORT", text);
        return lh_err_hint(err, "for example 127.0.0.1:3100, 0.0.0.0:3100 or [::1]:3100; port 0 picks a free one");
    }
    memcpy(ret_host, host, len);
    ret_host[len] = '\0';
    *ret_port = (uint16_t)port;
    return LH_OK;
}
