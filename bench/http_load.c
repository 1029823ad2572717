/* Load on an HTTP server from one thread: kept connections, a closed loop or a fixed rate, latencies by kind of answer.
 *
 *     bench_http_load [-c CONNECTIONS] [-d SECONDS | -n REQUESTS] [-r RATE] [-t TYPE] [-a ACCEPT] [-b FILE | -B FILE] URL
 *
 * -b sends the file as the body of a POST, -B its lines in turn; `{n}` in a body becomes the number of the request in ten
 * digits.  With -r requests start at that rate as long as a connection is free; those for which none was are counted as
 * `held_back`.  A latency runs from the first byte sent to the last byte received.  The answer is one line of JSON on stdout. */
#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "os/clock.h"
#include "os/os.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAD_BYTES 16384
#define READ_BYTES (256 * 1024)
#define MOST_STATUS 600

enum state { IDLE, HEAD, BODY, CHUNK_SIZE, CHUNK_DATA, CHUNK_END, TRAILER };

struct connection {
    int fd;
    enum state state;
    struct buf out;
    char head[HEAD_BYTES];
    size_t head_len;
    uint64_t remaining;
    int status;
    bool closing;
    int64_t started_ns;
};

/* Latencies of one kind of answer, in nanoseconds. */
struct times {
    int64_t *ns;
    size_t count, room;
};

struct load {
    struct os *os;
    int epoll;
    struct sockaddr_in address;
    char host[64];
    const char *path, *type, *accept;
    struct buf text;     /* what -b or -B read */
    const char **bodies; /* into text */
    size_t *body_lens, body_count;
    size_t connection_count;
    struct connection *connections;
    size_t idle;
    int64_t seconds;
    uint64_t request_limit, sent, done, held_back, failures, bytes;
    double rate;
    int64_t began_ns;
    struct times accepted, refused, other;
    uint64_t by_status[MOST_STATUS];
};

static LH_NORETURN void die(const char *what) {
    fprintf(stderr, "http_load: %s\n", what);
    exit(1);
}

static void times_add(struct times *t, int64_t ns) {
    if (t->count == t->room) {
        t->room = t->room ? 2 * t->room : 4096;
        t->ns = lh_realloc(t->ns, t->room * sizeof *t->ns);
    }
    t->ns[t->count++] = ns;
}

static void open_connection(struct load *l, struct connection *c) {
    int one = 1;
    if (c->fd >= 0)
        close(c->fd);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&l->address, sizeof l->address) != 0)
        die(strerror(errno));
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(l->epoll, EPOLL_CTL_ADD, c->fd, &event);
    c->closing = false;
    c->state = IDLE;
}

static void append_numbered(struct buf *out, const char *body, size_t len, uint64_t number) {
    const char *end = body + len, *mark;
    while ((mark = memmem(body, (size_t)(end - body), "{n}", 3))) {
        buf_append(out, body, (size_t)(mark - body));
        buf_printf(out, "%010llu", (unsigned long long)number);
        body = mark + 3;
    }
    buf_append(out, body, (size_t)(end - body));
}

/* Requests here are smaller than a socket's buffer, so that a blocking send does not hold up the loop. */
static void send_request(struct load *l, struct connection *c) {
    LH_AUTO(buf) struct buf body = BUF_INIT;
    if (l->body_count > 0) {
        size_t i = l->sent % l->body_count;
        append_numbered(&body, l->bodies[i], l->body_lens[i], l->sent);
    }
    buf_reset(&c->out);
    buf_printf(&c->out, "%s %s HTTP/1.1\r\nHost: %s\r\n", l->body_count ? "POST" : "GET", l->path, l->host);
    if (l->accept)
        buf_printf(&c->out, "Accept: %s\r\n", l->accept);
    if (l->body_count > 0)
        buf_printf(&c->out, "Content-Type: %s\r\nContent-Length: %zu\r\n", l->type, body.len);
    buf_append_str(&c->out, "\r\n");
    buf_append(&c->out, body.data, body.len);
    c->started_ns = os_monotonic_ns(l->os);
    c->head_len = 0;
    c->state = HEAD;
    l->sent++;
    l->idle--;
    for (size_t off = 0; off < c->out.len;) {
        ssize_t put = send(c->fd, c->out.data + off, c->out.len - off, MSG_NOSIGNAL);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            break; /* the answer, or its absence, tells */
        off += (size_t)put;
    }
}

static void end_request(struct load *l, struct connection *c) {
    int64_t ns = os_monotonic_ns(l->os) - c->started_ns;
    struct times *kind = c->status / 100 == 2                   ? &l->accepted
                         : c->status == 503 || c->status == 429 ? &l->refused
                                                                : &l->other;
    times_add(kind, ns);
    if (c->status > 0 && c->status < MOST_STATUS)
        l->by_status[c->status]++;
    l->done++;
    l->idle++;
    c->state = IDLE;
    if (c->closing)
        open_connection(l, c);
}

static void fail_request(struct load *l, struct connection *c) {
    if (c->state != IDLE) {
        l->failures++;
        l->done++;
        l->idle++;
    }
    open_connection(l, c);
}

static const char *header_value(const char *head, const char *name) {
    const char *line = strcasestr(head, name);
    return line ? line + strlen(name) : NULL;
}

static void begin_body(struct load *l, struct connection *c) {
    c->head[c->head_len] = '\0';
    c->status = (int)strtol(c->head + 9, NULL, 10);
    const char *length = header_value(c->head, "\r\nContent-Length:");
    const char *encoding = header_value(c->head, "\r\nTransfer-Encoding:");
    const char *connection = header_value(c->head, "\r\nConnection:");
    c->closing = connection && strncasecmp(connection + strspn(connection, " "), "close", 5) == 0;
    c->head_len = 0;
    c->remaining = length ? strtoull(length, NULL, 10) : 0;
    c->state = encoding ? CHUNK_SIZE : BODY;
    if (!encoding && c->remaining == 0)
        end_request(l, c);
}

/* One line of the chunked form has been read into head. */
static void take_line(struct load *l, struct connection *c) {
    if (c->state == CHUNK_SIZE) {
        c->head[c->head_len] = '\0';
        c->remaining = strtoull(c->head, NULL, 16);
        c->state = c->remaining > 0 ? CHUNK_DATA : TRAILER;
    } else if (c->state == CHUNK_END) {
        c->state = CHUNK_SIZE;
    } else if (c->head_len <= 2) { /* the empty line after the trailer */
        end_request(l, c);
    }
    c->head_len = 0;
}

static void take_bytes(struct load *l, struct connection *c, const char *data, size_t len) {
    while (len > 0 && c->state != IDLE) {
        if (c->state == BODY || c->state == CHUNK_DATA) {
            size_t part = len < c->remaining ? len : (size_t)c->remaining;
            l->bytes += part;
            c->remaining -= part;
            data += part;
            len -= part;
            if (c->remaining == 0 && c->state == BODY)
                end_request(l, c);
            else if (c->remaining == 0)
                c->state = CHUNK_END;
            continue;
        }
        if (c->head_len + 1 >= HEAD_BYTES)
            die("an answer's head is too long");
        c->head[c->head_len++] = *data++;
        len--;
        if (c->head[c->head_len - 1] != '\n')
            continue;
        if (c->state != HEAD)
            take_line(l, c);
        else if (c->head_len >= 4 && memcmp(c->head + c->head_len - 4, "\r\n\r\n", 4) == 0)
            begin_body(l, c);
    }
}

static bool may_send(const struct load *l, int64_t now_ns) {
    if (l->request_limit > 0)
        return l->sent < l->request_limit;
    return now_ns - l->began_ns < l->seconds * 1000000000;
}

/* Start what is due on the connections that are free. */
static void start_due(struct load *l) {
    int64_t now_ns = os_monotonic_ns(l->os);
    uint64_t due = UINT64_MAX;
    if (l->rate > 0)
        due = (uint64_t)((double)(now_ns - l->began_ns) / 1e9 * l->rate) - (l->sent + l->held_back);
    for (size_t i = 0; i < l->connection_count && l->idle > 0 && due > 0 && may_send(l, now_ns); i++) {
        if (l->connections[i].state != IDLE)
            continue;
        send_request(l, &l->connections[i]);
        due--;
    }
    if (l->rate > 0 && l->idle == 0)
        l->held_back += due;
}

static void run(struct load *l) {
    static char data[READ_BYTES];
    struct epoll_event events[256];
    l->began_ns = os_monotonic_ns(l->os);
    for (;;) {
        start_due(l);
        if (l->idle == l->connection_count && !may_send(l, os_monotonic_ns(l->os)))
            return;
        int count = epoll_wait(l->epoll, events, (int)LH_ARRAY_LEN(events), l->rate > 0 ? 1 : 1000);
        for (int i = 0; i < count; i++) {
            struct connection *c = events[i].data.ptr;
            ssize_t got = recv(c->fd, data, sizeof data, 0);
            if (got > 0)
                take_bytes(l, c, data, (size_t)got);
            else if (got == 0 || (errno != EINTR && errno != EAGAIN))
                fail_request(l, c);
        }
    }
}

static int compare(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static json_t *times_to_json(struct times *t) {
    static const struct {
        const char *name;
        double at;
    } points[] = {{"p50_ms", 0.5}, {"p90_ms", 0.9}, {"p99_ms", 0.99}, {"max_ms", 1}};
    json_t *json = json_object();
    json_object_set_new(json, "count", json_integer((json_int_t)t->count));
    if (t->count == 0)
        return json;
    qsort(t->ns, t->count, sizeof *t->ns, compare);
    for (size_t i = 0; i < LH_ARRAY_LEN(points); i++) {
        int64_t ns = t->ns[(size_t)((double)(t->count - 1) * points[i].at)];
        json_object_set_new(json, points[i].name, json_real((double)ns / 1e6));
    }
    return json;
}

static void report(struct load *l) {
    double seconds = (double)(os_monotonic_ns(l->os) - l->began_ns) / 1e9;
    LH_AUTO(json) json_t *json = json_object();
    json_t *statuses = json_object();
    for (int i = 0; i < MOST_STATUS; i++) {
        char name[8];
        snprintf(name, sizeof name, "%d", i);
        if (l->by_status[i] > 0)
            json_object_set_new(statuses, name, json_integer((json_int_t)l->by_status[i]));
    }
    json_object_set_new(json, "seconds", json_real(seconds));
    json_object_set_new(json, "requests", json_integer((json_int_t)l->done));
    json_object_set_new(json, "per_second", json_real((double)l->done / seconds));
    json_object_set_new(json, "accepted_per_second", json_real((double)l->accepted.count / seconds));
    json_object_set_new(json, "body_bytes", json_integer((json_int_t)l->bytes));
    json_object_set_new(json, "failures", json_integer((json_int_t)l->failures));
    json_object_set_new(json, "held_back", json_integer((json_int_t)l->held_back));
    json_object_set_new(json, "status", statuses);
    json_object_set_new(json, "accepted", times_to_json(&l->accepted));
    json_object_set_new(json, "refused", times_to_json(&l->refused));
    json_object_set_new(json, "other", times_to_json(&l->other));
    char *text = json_dumps(json, JSON_REAL_PRECISION(6));
    puts(text);
    free(text);
}

static void read_bodies(struct load *l, const char *file, bool lines) {
    FILE *in = fopen(file, "rb");
    if (!in)
        die("cannot read the body");
    char block[8192];
    for (size_t got; (got = fread(block, 1, sizeof block, in)) > 0;)
        buf_append(&l->text, block, got);
    fclose(in);
    size_t most = 1;
    for (size_t i = 0; lines && i < l->text.len; i++)
        most += l->text.data[i] == '\n';
    l->bodies = lh_calloc(most, sizeof *l->bodies);
    l->body_lens = lh_calloc(most, sizeof *l->body_lens);
    for (size_t start = 0; start < l->text.len && l->body_count < most;) {
        const char *from = l->text.data + start;
        const char *newline = lines ? memchr(from, '\n', l->text.len - start) : NULL;
        size_t len = newline ? (size_t)(newline - from) : l->text.len - start;
        l->bodies[l->body_count] = from;
        l->body_lens[l->body_count++] = len;
        start += len + 1;
    }
}

static void parse_url(struct load *l, const char *url) {
    const char *from = url, *slash, *colon;
    if (strncmp(from, "http://", 7) != 0)
        die("the URL is http://ADDRESS:PORT/PATH");
    from += 7;
    slash = strchr(from, '/');
    colon = strchr(from, ':');
    if (!slash || !colon || (size_t)(slash - from) >= sizeof l->host)
        die("the URL is http://ADDRESS:PORT/PATH");
    char address[64];
    snprintf(address, sizeof address, "%.*s", (int)(colon - from), from);
    snprintf(l->host, sizeof l->host, "%.*s", (int)(slash - from), from);
    l->address.sin_family = AF_INET;
    l->address.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
    if (inet_pton(AF_INET, address, &l->address.sin_addr) != 1)
        die("the address is four numbers");
    l->path = slash;
}

int main(int argc, char **argv) {
    struct load l = {.os = os_real(), .connection_count = 1, .seconds = 5, .type = "application/json"};
    for (int option; (option = getopt(argc, argv, "c:d:n:r:t:a:b:B:")) != -1;) {
        switch (option) {
        case 'c': l.connection_count = strtoul(optarg, NULL, 10); break;
        case 'd': l.seconds = strtol(optarg, NULL, 10); break;
        case 'n': l.request_limit = strtoull(optarg, NULL, 10); break;
        case 'r': l.rate = strtod(optarg, NULL); break;
        case 't': l.type = optarg; break;
        case 'a': l.accept = optarg; break;
        case 'b': read_bodies(&l, optarg, false); break;
        case 'B': read_bodies(&l, optarg, true); break;
        default: return 2;
        }
    }
    if (optind != argc - 1 || l.connection_count == 0)
        die("one URL is needed; bench/http_load.c says which options there are");
    parse_url(&l, argv[optind]);
    l.epoll = epoll_create1(EPOLL_CLOEXEC);
    l.connections = lh_calloc(l.connection_count, sizeof *l.connections);
    for (size_t i = 0; i < l.connection_count; i++) {
        l.connections[i].fd = -1;
        open_connection(&l, &l.connections[i]);
    }
    l.idle = l.connection_count;
    run(&l);
    report(&l);
    return 0;
}
