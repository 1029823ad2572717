#include "twin/scripted_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The head and as much of a body as Content-Length says. */
static void read_request(struct scripted_server *s, int fd) {
    size_t len = 0;
    for (;;) {
        s->last_request[len] = '\0';
        const char *end = strstr(s->last_request, "\r\n\r\n");
        const char *length = strcasestr(s->last_request, "\r\nContent-Length: ");
        size_t body = length ? (size_t)strtoull(length + strlen("\r\nContent-Length: "), NULL, 10) : 0;
        if (end && len >= (size_t)(end + 4 - s->last_request) + body)
            return;
        ssize_t got = recv(fd, s->last_request + len, sizeof s->last_request - 1 - len, 0);
        if (got <= 0)
            return;
        len += (size_t)got;
    }
}

static void play(void *arg) {
    struct scripted_server *s = arg;
    int fd;
    while ((fd = accept(s->listener, NULL, NULL)) >= 0) {
        size_t number = atomic_fetch_add(&s->played, 1);
        read_request(s, fd);
        const struct scripted_step *step = number < s->count ? &s->steps[number] : NULL;
        if (step && step->wants && !strstr(s->last_request, step->wants)) {
            fprintf(stderr, "step %zu wants \"%s\", not:\n%s\n", number, step->wants, s->last_request);
            atomic_store(&s->mismatch, true);
        }
        if (step && step->answer)
            send(fd, step->answer, strlen(step->answer), MSG_NOSIGNAL);
        char rest[256];
        while (step && step->hang && recv(fd, rest, sizeof rest, 0) > 0)
            continue;
        close(fd);
    }
}

void scripted_server_start(struct scripted_server *s, const struct scripted_step *steps, size_t count) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    struct lh_err err = LH_ERR_INIT;
    *s = (struct scripted_server){.steps = steps, .count = count};
    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(s->listener, (struct sockaddr *)&address, size) != 0 || listen(s->listener, 16) != 0 ||
        getsockname(s->listener, (struct sockaddr *)&address, &size) != 0 ||
        os_thread_start(&s->thread, "script", 0, play, s, &err) != LH_OK)
        abort();
    s->port = ntohs(address.sin_port);
}

bool scripted_server_stop(struct scripted_server *s) {
    shutdown(s->listener, SHUT_RDWR); /* ends accept */
    os_thread_join(&s->thread);
    close(s->listener);
    return !s->mismatch && s->played == s->count;
}
