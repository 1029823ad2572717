/* The course of requests over real sockets, with handlers made for the test. */
#include "gateway/gateway.h"
#include "gateway/request.h"

#include "base/cleanup.h"
#include "os/clock.h"
#include "os/os.h"
#include "twin/http_client.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static atomic_int cancelled; /* handlers that saw their client leave */
static atomic_int released;  /* lets /hold go on */

static enum lh_code inline_ok(struct request *rq, struct lh_err *err) {
    return response_bytes(rq, 200, "text/plain", "fine\n", 5, err);
}

static enum lh_code echo(struct request *rq, struct lh_err *err) {
    LH_TRY(response_begin(rq, 200, "application/octet-stream", -1, err));
    char piece[10000];
    for (;;) {
        size_t len;
        LH_TRY(request_body_read(rq, piece, sizeof piece, &len, err));
        if (len == 0)
            return response_end(rq, err);
        LH_TRY(response_write(rq, piece, len, err));
    }
}

static enum lh_code count_body(struct request *rq, struct lh_err *err) {
    static _Thread_local char piece[65536];
    uint64_t total = 0;
    for (;;) {
        size_t len;
        LH_TRY(request_body_read(rq, piece, sizeof piece, &len, err));
        if (len == 0)
            break;
        total += len;
    }
    char text[32];
    int len = snprintf(text, sizeof text, "%llu", (unsigned long long)total);
    return response_bytes(rq, 200, "text/plain", text, (size_t)len, err);
}

static enum lh_code stream(struct request *rq, struct lh_err *err) {
    uint64_t bytes;
    LH_TRY(request_query_uint(rq, "bytes", 0, UINT32_MAX, 10, &bytes, err));
    LH_TRY(response_begin(rq, 200, "application/octet-stream", (int64_t)bytes, err));
    char piece[8192];
    memset(piece, 'x', sizeof piece);
    for (uint64_t sent = 0; sent < bytes;) {
        size_t len = bytes - sent < sizeof piece ? (size_t)(bytes - sent) : sizeof piece;
        LH_TRY(response_write(rq, piece, len, err));
        sent += len;
    }
    return response_end(rq, err);
}

static enum lh_code refuse(struct request *rq, struct lh_err *err) {
    (void)rq;
    lh_fail(err, LH_CONFLICT, "the moon is \"full\"");
    return lh_err_hint(err, "wait");
}

static enum lh_code fail_late(struct request *rq, struct lh_err *err) {
    LH_TRY(response_begin(rq, 200, "text/plain", -1, err));
    char piece[200000] = {0};
    LH_TRY(response_write(rq, piece, sizeof piece, err));
    LH_TRY(response_write(rq, piece, sizeof piece, err));
    return lh_fail(err, LH_IO, "the disk fell out");
}

static enum lh_code wait_for_cancel(struct request *rq, struct lh_err *err) {
    struct pollfd wait = {.fd = request_cancel_fd(rq), .events = POLLIN};
    if (poll(&wait, 1, 8000) == 1)
        cancelled++;
    return request_check(rq, err);
}

static enum lh_code hold(struct request *rq, struct lh_err *err) {
    while (!released)
        os_sleep_ms(os_real(), 5);
    return response_bytes(rq, 200, "text/plain", "held\n", 5, err);
}

static enum lh_code parameters(struct request *rq, struct lh_err *err) {
    char text[512];
    const char *x = request_query_param(rq, "x");
    int len = snprintf(text, sizeof text, "%s|%s|%s", request_path_param(rq, "name"), request_path_param(rq, "rest"),
                       x ? x : "-");
    return response_bytes(rq, 200, "text/plain", text, (size_t)len, err);
}

#define TEST_ROUTE(m, p, h, b, f)                                          \
    {                                                                      \
        HTTP_##m, p, h, ACCESS_PUBLIC, b, f, "test", "test", NULL, NULL, { \
            { 0 }                                                          \
        }                                                                  \
    }
static const struct route routes[] = {
    TEST_ROUTE(GET, "/inline", inline_ok, BODY_NONE, ROUTE_INLINE),
    TEST_ROUTE(POST, "/echo", echo, BODY_UPLOAD, 0),
    TEST_ROUTE(POST, "/count", count_body, BODY_UPLOAD, 0),
    TEST_ROUTE(POST, "/small", count_body, BODY_JSON, 0),
    {HTTP_GET,
     "/stream",
     stream,
     ACCESS_PUBLIC,
     BODY_NONE,
     0,
     "test",
     "test",
     NULL,
     NULL,
     {{"bytes", "integer", "", false}}},
    TEST_ROUTE(GET, "/refuse", refuse, BODY_NONE, 0),
    TEST_ROUTE(POST, "/refuse", refuse, BODY_UPLOAD, 0),
    TEST_ROUTE(GET, "/fail-late", fail_late, BODY_NONE, 0),
    TEST_ROUTE(GET, "/wait", wait_for_cancel, BODY_NONE, 0),
    TEST_ROUTE(GET, "/hold", hold, BODY_NONE, 0),
    TEST_ROUTE(GET, "/statement", hold, BODY_NONE, ROUTE_QUERY),
    {HTTP_GET,
     "/p/{name}/q/{*rest}",
     parameters,
     ACCESS_PUBLIC,
     BODY_NONE,
     0,
     "test",
     "test",
     NULL,
     NULL,
     {{"x", "string", "", false}}},
};

static struct gateway *start_gateway(void (*adjust)(struct gateway_options *o)) {
    struct gateway_options o;
    gateway_options_init(&o);
    o.os = os_real();
    o.port = 0;
    o.routes = routes;
    o.route_count = LH_ARRAY_LEN(routes);
    o.max_json_bytes = 1000;
    o.drain_ms = 200;
    if (adjust)
        adjust(&o);
    struct gateway *g = NULL;
    struct lh_err err = LH_ERR_INIT;
    if (gateway_start(&o, &g, &err) != LH_OK)
        fail_msg("%s", err.message);
    return g;
}

struct simple_case {
    const char *name;
    const char *request;
    int status;
    const char *in_reply; /* somewhere in head or body; NULL: do not look */
};

#define HOST "Host: localhost\r\n"
#define LAST HOST "Connection: close\r\n\r\n"

static const struct simple_case simple_cases[] = {
    {"inline", "GET /inline HTTP/1.1\r\n" LAST, 200, "fine\n"},
    {"head", "HEAD /inline HTTP/1.1\r\n" LAST, 200, "Content-Length: 5\r\n"},
    {"head of a stream", "HEAD /stream?bytes=123456 HTTP/1.1\r\n" LAST, 200, "Content-Length: 123456\r\n"},
    {"HTTP/1.0", "GET /inline HTTP/1.0\r\n\r\n", 200, "fine\n"},
    {"the client's request id", "GET /inline HTTP/1.1\r\nX-Request-Id: abc-1\r\n" LAST, 200, "X-Request-Id: abc-1\r\n"},
    {"an odd request id is replaced", "GET /inline HTTP/1.1\r\nX-Request-Id: a b\r\n" LAST, 200, "X-Request-Id: 0"},
    {"handler's error", "GET /refuse HTTP/1.1\r\n" LAST, 409,
     "\"detail\":\"the moon is \\\"full\\\"\",\"instance\":\"/refuse\",\"code\":\"conflict\",\"hint\":\"wait\""},
    {"no route", "GET /inlin HTTP/1.1\r\n" LAST, 404, "near: GET /inline"},
    {"wrong method", "DELETE /refuse HTTP/1.1\r\n" LAST, 405, "Allow: GET, HEAD, POST\r\n"},
    {"parameters", "GET /p/a%20b/q/c/d%2Be?x=1%262+3 HTTP/1.1\r\n" LAST, 200, "a b|c/d+e|1&2 3"},
    {"echo", "POST /echo HTTP/1.1\r\nContent-Length: 5\r\n" LAST "hello", 200, "hello"},
    {"echo of chunks", "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" LAST "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
     200, "abcde"},
    {"empty body", "POST /count HTTP/1.1\r\nContent-Length: 0\r\n" LAST, 200, "Content-Length: 1\r\n"},
    {"expect 100-continue", "POST /count HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n" LAST "abc", 100,
     "HTTP/1.1 200 OK"},
    {"refused before 100", "POST /refuse HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n" LAST, 409, NULL},
    {"refused without reading the body", "POST /refuse HTTP/1.1\r\nContent-Length: 5\r\n" LAST "hello", 409, NULL},
    {"body where none belongs", "GET /inline HTTP/1.1\r\nContent-Length: 5\r\n" LAST "hello", 400, "takes no body"},
    {"declared too large", "POST /small HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1001\r\n" LAST, 413,
     "max_body_bytes"},
    {"bad number", "GET /stream?bytes=-1 HTTP/1.1\r\n" LAST, 400, "whole number"},
    {"rebound name", "GET /inline HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", 403, "loopback name"},
    {"foreign page", "POST /count HTTP/1.1\r\nOrigin: http://evil.example\r\nContent-Length: 0\r\n" LAST, 403,
     "may not change anything"},
    {"own page", "POST /count HTTP/1.1\r\nOrigin: http://localhost\r\nContent-Length: 0\r\n" LAST, 200, NULL},
    {"two lengths", "POST /count HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n" LAST "a", 400, "2 times"},
    {"length and chunks",
     "POST /count HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n" LAST "0\r\n\r\n", 400,
     "must not stand together"},
    {"odd encoding", "POST /count HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n" LAST, 400, "chunked"},
    {"chunks on 1.0", "POST /count HTTP/1.0\r\nTransfer-Encoding: chunked\r\n" LAST "0\r\n\r\n", 400, "HTTP/1.1"},
    {"two hosts", "GET /inline HTTP/1.1\r\nHost: a\r\n" LAST, 400, "Host is given 2 times"},
    {"no host", "GET /inline HTTP/1.1\r\nConnection: close\r\n\r\n", 400, NULL},
    {"foreign method", "BREW /inline HTTP/1.1\r\n" LAST, 400, "none of GET"},
    {"foreign expectation", "POST /count HTTP/1.1\r\nExpect: a pony\r\nContent-Length: 0\r\n" LAST, 400, "Expect"},
    {"huge length", "POST /count HTTP/1.1\r\nContent-Length: 9223372036854775807\r\n" LAST, 400, NULL},
    {"NUL in the path", "GET /inline%00x HTTP/1.1\r\n" LAST, 400, "control character"},
    {"encoded dots", "GET /p/%2e%2e/q/x HTTP/1.1\r\n" LAST, 400, "path segment"},
    {"bad escape", "GET /p/%zz/q/x HTTP/1.1\r\n" LAST, 400, "percent escape"},
    {"absolute form", "GET http://localhost/inline HTTP/1.1\r\n" LAST, 400, "must be a path"},
};

static void test_simple_requests(void **state) {
    (void)state;
    struct gateway *g = start_gateway(NULL);
    uint16_t port = http_port(gateway_url(g));
    for (size_t i = 0; i < LH_ARRAY_LEN(simple_cases); i++) {
        const struct simple_case *c = &simple_cases[i];
        struct reply r;
        http_exchange(port, c->request, &r);
        if (r.status != c->status)
            fail_msg("%s: status %d, wanted %d\n%s%s", c->name, r.status, c->status, buf_cstr(&r.head),
                     buf_cstr(&r.body));
        if (c->in_reply && !strstr(buf_cstr(&r.head), c->in_reply) && !strstr(buf_cstr(&r.body), c->in_reply))
            fail_msg("%s: no \"%s\" in\n%s%s", c->name, c->in_reply, buf_cstr(&r.head), buf_cstr(&r.body));
        reply_release(&r);
    }
    gateway_stop(g);
}

static void test_keep_alive_and_pipelining(void **state) {
    (void)state;
    struct gateway *g = start_gateway(NULL);
    struct reply r;
    http_exchange(http_port(gateway_url(g)),
                  "GET /inline HTTP/1.1\r\n" HOST "\r\nPOST /count HTTP/1.1\r\nContent-Length: 2\r\n" HOST
                  "\r\nabGET /refuse HTTP/1.1\r\n" LAST,
                  &r);
    assert_int_equal(r.status, 200);
    if (!strstr(r.body.data, "HTTP/1.1 200 OK"))
        fail_msg("%s%s", r.head.data, r.body.data);
    assert_non_null(strstr(r.body.data, "HTTP/1.1 409 Conflict"));
    reply_release(&r);
    gateway_stop(g);
}

/* Much more than the rings hold, so that both sides have to wait for one another. */
static void test_large_bodies(void **state) {
    (void)state;
    struct gateway *g = start_gateway(NULL);
    uint16_t port = http_port(gateway_url(g));
    const size_t size = 8u * 1024 * 1024;
    char *data = calloc(1, size);
    int fd = http_connect(port);
    char head[128];
    snprintf(head, sizeof head, "POST /count HTTP/1.1\r\nContent-Length: %zu\r\n" LAST, size);
    http_send(fd, head);
    http_send_bytes(fd, data, size);
    struct reply r;
    http_read_all(fd, &r);
    close(fd);
    assert_int_equal(r.status, 200);
    assert_string_equal(r.body.data, "8388608");
    reply_release(&r);
    http_exchange(port, "GET /stream?bytes=9000000 HTTP/1.1\r\n" LAST, &r);
    assert_int_equal(r.status, 200);
    assert_int_equal(r.body.len, 9000000);
    reply_release(&r);
    free(data);
    gateway_stop(g);
}

static void test_failure_after_the_beginning_cuts_the_connection(void **state) {
    (void)state;
    struct gateway *g = start_gateway(NULL);
    struct reply r;
    http_exchange(http_port(gateway_url(g)), "GET /fail-late HTTP/1.1\r\n" LAST, &r);
    assert_int_equal(r.status, 200);
    assert_true(r.body.len < 5 || memcmp(r.body.data + r.body.len - 5, "0\r\n\r\n", 5) != 0);
    reply_release(&r);
    gateway_stop(g);
}

static void test_handler_notices_that_its_client_left(void **state) {
    (void)state;
    struct gateway *g = start_gateway(NULL);
    cancelled = 0;
    int fd = http_connect(http_port(gateway_url(g)));
    http_send(fd, "GET /wait HTTP/1.1\r\n" HOST "\r\n");
    os_sleep_ms(os_real(), 100);
    assert_int_equal(cancelled, 0);
    close(fd);
    for (int i = 0; i < 400 && cancelled == 0; i++)
        os_sleep_ms(os_real(), 5);
    assert_int_equal(cancelled, 1);
    gateway_stop(g);
}

static void one_thread(struct gateway_options *o) {
    o->handler_threads = 1;
    o->queue_length = 1;
}

static void test_full_queue_is_503(void **state) {
    (void)state;
    struct gateway *g = start_gateway(one_thread);
    uint16_t port = http_port(gateway_url(g));
    released = 0;
    int fds[2];
    for (int i = 0; i < 2; i++) {
        fds[i] = http_connect(port);
        http_send(fds[i], "GET /hold HTTP/1.1\r\n" LAST);
        os_sleep_ms(os_real(), 100);
    }
    struct reply r;
    http_exchange(port, "GET /hold HTTP/1.1\r\n" LAST, &r);
    assert_int_equal(r.status, 503);
    assert_non_null(strstr(r.head.data, "Retry-After: 1\r\n"));
    reply_release(&r);
    http_exchange(port, "GET /inline HTTP/1.1\r\n" LAST, &r); /* cheap routes need no thread */
    assert_int_equal(r.status, 200);
    reply_release(&r);
    released = 1;
    for (int i = 0; i < 2; i++) {
        http_read_all(fds[i], &r);
        assert_int_equal(r.status, 200);
        reply_release(&r);
        close(fds[i]);
    }
    gateway_stop(g);
}

static void three_statements(struct gateway_options *o) {
    one_thread(o);
    o->max_queries = 3;
}

static void test_statements_hold_no_other_thread(void **state) {
    (void)state;
    struct gateway *g = start_gateway(three_statements);
    uint16_t port = http_port(gateway_url(g));
    released = 0;
    int fds[3];
    for (size_t i = 0; i < LH_ARRAY_LEN(fds); i++) {
        fds[i] = http_connect(port);
        http_send(fds[i], "GET /statement HTTP/1.1\r\n" LAST);
        os_sleep_ms(os_real(), 100);
    }
    struct reply r;
    http_exchange(port, "GET /statement HTTP/1.1\r\n" LAST, &r);
    assert_int_equal(r.status, 503);
    assert_non_null(strstr(r.body.data, "query.queue"));
    reply_release(&r);
    http_exchange(port, "GET /refuse HTTP/1.1\r\n" LAST, &r); /* has a thread to run on */
    assert_int_not_equal(r.status, 503);
    reply_release(&r);
    released = 1;
    for (size_t i = 0; i < LH_ARRAY_LEN(fds); i++) {
        http_read_all(fds[i], &r);
        assert_int_equal(r.status, 200);
        reply_release(&r);
        close(fds[i]);
    }
    gateway_stop(g);
}

static void test_slow_senders_of_json_hold_no_thread(void **state) {
    (void)state;
    struct gateway *g = start_gateway(one_thread);
    uint16_t port = http_port(gateway_url(g));
    int fds[4];
    for (size_t i = 0; i < LH_ARRAY_LEN(fds); i++) {
        fds[i] = http_connect(port);
        http_send(fds[i], "POST /small HTTP/1.1\r\nContent-Length: 4\r\n" LAST "ab");
    }
    os_sleep_ms(os_real(), 100);
    struct reply r;
    http_exchange(port, "GET /refuse HTTP/1.1\r\n" LAST, &r);
    assert_int_equal(r.status, 409);
    reply_release(&r);
    for (size_t i = 0; i < LH_ARRAY_LEN(fds); i++) {
        http_send(fds[i], "cd");
        http_read_all(fds[i], &r);
        assert_int_equal(r.status, 200);
        assert_string_equal(r.body.data, "4");
        reply_release(&r);
        close(fds[i]);
    }
    gateway_stop(g);
}

static void test_full_queue_refuses_collected_bodies_too(void **state) {
    (void)state;
    struct gateway *g = start_gateway(one_thread);
    uint16_t port = http_port(gateway_url(g));
    released = 0;
    int fds[2];
    for (int i = 0; i < 2; i++) {
        fds[i] = http_connect(port);
        http_send(fds[i], "GET /hold HTTP/1.1\r\n" LAST);
    }
    os_sleep_ms(os_real(), 100);
    struct reply r;
    http_exchange(port, "POST /small HTTP/1.1\r\nContent-Length: 4\r\n" LAST "abcd", &r);
    assert_int_equal(r.status, 503);
    reply_release(&r);
    http_exchange(port, "POST /small HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" LAST "2\r\nab\r\n0\r\n\r\n", &r);
    assert_int_equal(r.status, 503);
    reply_release(&r);
    released = 1;
    for (int i = 0; i < 2; i++) {
        http_read_all(fds[i], &r);
        assert_int_equal(r.status, 200);
        reply_release(&r);
        close(fds[i]);
    }
    gateway_stop(g);
}

static void test_chunked_json_over_the_limit(void **state) {
    (void)state;
    struct gateway *g = start_gateway(NULL);
    struct buf text = BUF_INIT;
    buf_append_str(&text, "POST /small HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" LAST);
    for (int i = 0; i < 300; i++)
        buf_append_str(&text, "a\r\n0123456789\r\n");
    buf_append_str(&text, "0\r\n\r\n");
    struct reply r;
    http_exchange(http_port(gateway_url(g)), text.data, &r);
    assert_int_equal(r.status, 413);
    reply_release(&r);
    buf_release(&text);
    gateway_stop(g);
}

static void impatient(struct gateway_options *o) {
    o->head_timeout_ms = 600;
    o->body_grace_ms = 500;
    o->request_timeout_ms = 300;
}

static void test_slow_clients_are_cut(void **state) {
    (void)state;
    struct gateway *g = start_gateway(impatient);
    uint16_t port = http_port(gateway_url(g));
    static const struct {
        const char *first, *second;
    } starts[] = {
        {"", ""},
        {"GET /inline HTTP/1.1\r\nHost: local", ""},
        {"GET /inline HTTP/1.1\r\n" HOST "\r\n", "GET /inl"},
        {"POST /count HTTP/1.1\r\nContent-Length: 100000\r\n" HOST "\r\n", "ab"},
    };
    for (size_t i = 0; i < LH_ARRAY_LEN(starts); i++) {
        int64_t start_ns = os_monotonic_ns(os_real());
        int fd = http_connect(port);
        http_send(fd, starts[i].first);
        os_sleep_ms(os_real(), 100);
        http_send(fd, starts[i].second);
        struct reply r;
        http_read_all(fd, &r); /* ends when the server hangs up */
        int64_t ms = (os_monotonic_ns(os_real()) - start_ns) / 1000000;
        if (ms > 5000)
            fail_msg("client %zu was still there after %lld ms", i, (long long)ms);
        reply_release(&r);
        close(fd);
    }
    gateway_stop(g);
}

static void with_a_floor(struct gateway_options *o) {
    o->answer_grace_ms = 1000;
    o->answer_min_rate = 100000;
}

/* Reads `piece` bytes every 100 ms for so long, then the rest; how many bytes came. */
static size_t trickle(int fd, size_t piece, int64_t ms) {
    static char data[1 << 20];
    int64_t end_ns = os_monotonic_ns(os_real()) + ms * 1000000;
    size_t total = 0;
    for (;;) {
        bool slow = os_monotonic_ns(os_real()) < end_ns;
        ssize_t n = recv(fd, data, slow ? piece : sizeof data, 0);
        if (n <= 0)
            return total;
        total += (size_t)n;
        if (slow)
            os_sleep_ms(os_real(), 100);
    }
}

/* Who takes an answer by drops is cut off; who takes it slowly but surely gets it whole. */
static void test_slow_readers_are_cut(void **state) {
    (void)state;
    struct gateway *g = start_gateway(with_a_floor);
    int small = 65536;
    for (int sure = 0; sure < 2; sure++) {
        int fd = http_connect(http_port(gateway_url(g)));
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
        http_send(fd, "GET /stream?bytes=40000000 HTTP/1.1\r\nConnection: close\r\n" HOST "\r\n");
        size_t got = trickle(fd, sure ? 65536 : 100, 4000);
        assert_true(sure ? got > 40000000 : got < 40000000);
        close(fd);
    }
    gateway_stop(g);
}

static void test_deadline_reaches_the_handler(void **state) {
    (void)state;
    struct gateway *g = start_gateway(impatient);
    struct reply r;
    http_exchange(http_port(gateway_url(g)), "GET /wait HTTP/1.1\r\n" LAST, &r);
    assert_int_equal(r.status, 408);
    assert_non_null(strstr(r.body.data, "server.request_timeout"));
    reply_release(&r);
    gateway_stop(g);
}

static void test_stop_cancels_what_does_not_end(void **state) {
    (void)state;
    struct gateway *g = start_gateway(NULL);
    cancelled = 0;
    int fd = http_connect(http_port(gateway_url(g)));
    http_send(fd, "GET /wait HTTP/1.1\r\n" HOST "\r\n");
    os_sleep_ms(os_real(), 100);
    int64_t start_ns = os_monotonic_ns(os_real());
    gateway_stop(g);
    assert_int_equal(cancelled, 1);
    assert_true(os_monotonic_ns(os_real()) - start_ns < (int64_t)5000 * 1000000);
    close(fd);
}

static void test_addresses(void **state) {
    (void)state;
    struct gateway_options o;
    gateway_options_init(&o);
    o.os = os_real();
    o.routes = routes;
    o.route_count = LH_ARRAY_LEN(routes);
    o.port = 0;
    o.host = "0.0.0.0";
    struct gateway *g = NULL;
    struct lh_err err = LH_ERR_INIT;
    o.auth = GATEWAY_AUTH_OFF;
    assert_int_equal(gateway_start(&o, &g, &err), LH_USAGE);
    assert_non_null(strstr(err.message, "authentication is off"));
    o.auth = GATEWAY_AUTH_AUTO;
    assert_int_equal(gateway_start(&o, &g, &err), LH_USAGE);
    assert_non_null(strstr(err.message, "without TLS"));
    o.insecure = true;
    assert_int_equal(gateway_start(&o, &g, &err), LH_OK);
    gateway_stop(g);
    o.host = "::1";
    assert_int_equal(gateway_start(&o, &g, &err), LH_OK);
    assert_memory_equal(gateway_url(g), "http://[::1]:", 13);
    struct gateway *second = NULL;
    o.port = http_port(gateway_url(g));
    assert_int_equal(gateway_start(&o, &second, &err), LH_LOCKED);
    gateway_stop(g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_simple_requests),
        cmocka_unit_test(test_keep_alive_and_pipelining),
        cmocka_unit_test(test_large_bodies),
        cmocka_unit_test(test_failure_after_the_beginning_cuts_the_connection),
        cmocka_unit_test(test_handler_notices_that_its_client_left),
        cmocka_unit_test(test_full_queue_is_503),
        cmocka_unit_test(test_statements_hold_no_other_thread),
        cmocka_unit_test(test_slow_senders_of_json_hold_no_thread),
        cmocka_unit_test(test_full_queue_refuses_collected_bodies_too),
        cmocka_unit_test(test_chunked_json_over_the_limit),
        cmocka_unit_test(test_slow_clients_are_cut),
        cmocka_unit_test(test_slow_readers_are_cut),
        cmocka_unit_test(test_deadline_reaches_the_handler),
        cmocka_unit_test(test_stop_cancels_what_does_not_end),
        cmocka_unit_test(test_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
