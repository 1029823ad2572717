/* The client against a one-connection server in a thread of this test, which plays a script. */
#include "base/cleanup.h"
#include "net/http_client.h"
#include "net/otlp.h"
#include "os/os.h"
#include "os/thread.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct server {
    int listener;
    int port;
    const char *answer;  /* sent after one request was read; NULL: closes at once */
    const char *read_to; /* the request is whole when it ends with this */
    bool hang;           /* keep the connection open without an answer until the client goes */
    char request[4096];
    struct os_thread thread;
};

static void serve(void *arg) {
    struct server *s = arg;
    int fd = accept(s->listener, NULL, NULL);
    size_t len = 0;
    while (fd >= 0 && len + 1 < sizeof s->request) {
        ssize_t got = recv(fd, s->request + len, sizeof s->request - 1 - len, 0);
        if (got <= 0)
            break;
        len += (size_t)got;
        s->request[len] = '\0';
        size_t tail = strlen(s->read_to);
        if (!s->hang && len >= tail && strcmp(s->request + len - tail, s->read_to) == 0)
            break;
    }
    if (s->answer)
        send(fd, s->answer, strlen(s->answer), MSG_NOSIGNAL);
    close(fd);
}

static void listen_on(struct server *s) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(s->listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(s->listener, 4), 0);
    assert_int_equal(getsockname(s->listener, (struct sockaddr *)&address, &size), 0);
    s->port = ntohs(address.sin_port);
}

static void start(struct server *s) {
    struct lh_err err = LH_ERR_INIT;
    listen_on(s);
    assert_int_equal(os_thread_start(&s->thread, "server", 0, serve, s, &err), LH_OK);
}

static void stop(struct server *s) {
    os_thread_join(&s->thread);
    close(s->listener);
}

static enum lh_code call(struct server *s, struct http_request request, struct http_response *response,
                         struct lh_err *err) {
    struct http_client *client = NULL;
    char url[100];
    assert_int_equal(http_client_new(NULL, &client, err), LH_OK);
    snprintf(url, sizeof url, "http://user:secret@127.0.0.1:%d/p?q=1", s->port);
    request.url = url;
    enum lh_code code = http_client_send(client, &request, response, err);
    http_client_free(client);
    return code;
}

static void sends_and_receives(void **state) {
    (void)state;
    struct server s = {.answer = "HTTP/1.1 201 Made\r\nX-Thing:  a b \r\nContent-Length: 5\r\n\r\nhello",
                       .read_to = "\r\n\r\n{\"a\":1}"};
    start(&s);
    const struct http_header header = {"X-Key", "k"};
    LH_AUTO(http_response) struct http_response response = HTTP_RESPONSE_INIT;
    struct lh_err err = LH_ERR_INIT;
    const struct http_request request = {
        .method = "POST", .headers = &header, .header_count = 1, .body = "{\"a\":1}", .body_len = 7};
    assert_int_equal(call(&s, request, &response, &err), LH_OK);
    stop(&s);
    assert_int_equal(response.status, 201);
    assert_string_equal(response.body.data, "hello");
    assert_string_equal(http_response_header(&response, "x-thing"), "a b");
    assert_null(http_response_header(&response, "none"));
    assert_int_equal(strncmp(s.request, "POST /p?q=1 HTTP/1.1\r\n", 22), 0);
    assert_non_null(strstr(s.request, "X-Key: k\r\n"));
    assert_non_null(strstr(s.request, "Content-Length: 7\r\n"));
}

static void failures_have_their_codes_and_no_secrets(void **state) {
    (void)state;
    static const struct {
        const char *answer;
        bool hang;
        enum lh_code code;
    } rows[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n0123456789012345678901234567890123456789", false, LH_TOO_LARGE},
        {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", false, LH_UPSTREAM},
        {NULL, false, LH_UPSTREAM},
        {NULL, true, LH_TIMEOUT},
        {"HTTP/1.1 302 Found\r\nLocation: http://elsewhere/\r\nContent-Length: 0\r\n\r\n", false, LH_OK},
        {"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", false, LH_OK},
    };
    for (size_t i = 0; i < LH_ARRAY_LEN(rows); i++) {
        struct server s = {.answer = rows[i].answer, .read_to = "\r\n\r\n", .hang = rows[i].hang};
        start(&s);
        LH_AUTO(http_response) struct http_response response = HTTP_RESPONSE_INIT;
        struct lh_err err = LH_ERR_INIT;
        const struct http_request request = {.max_response_bytes = 20, .timeout_ms = rows[i].hang ? 100 : 5000};
        assert_int_equal(call(&s, request, &response, &err), rows[i].code);
        stop(&s);
        assert_null(strstr(err.message, "secret"));
        if (rows[i].code != LH_OK)
            assert_non_null(strstr(err.message, "127.0.0.1"));
    }
}

static void only_http_is_spoken(void **state) {
    (void)state;
    struct lh_err err = LH_ERR_INIT;
    struct http_client *client = NULL;
    assert_int_equal(http_client_new(NULL, &client, &err), LH_OK);
    LH_AUTO(http_response) struct http_response response = HTTP_RESPONSE_INIT;
    const struct http_request request = {.url = "file:///etc/passwd"};
    assert_int_equal(http_client_send(client, &request, &response, &err), LH_INVALID);
    assert_int_equal(response.body.len, 0);
    http_client_free(client);
}

static void a_call_ends_when_told_or_when_nothing_comes(void **state) {
    (void)state;
    static const struct {
        bool cancel, close_it;
        enum lh_code code;
    } rows[] = {{true, false, LH_CANCELLED}, {true, true, LH_CANCELLED}, {false, false, LH_TIMEOUT}};
    for (size_t i = 0; i < LH_ARRAY_LEN(rows); i++) {
        struct server s = {.read_to = "\r\n\r\n", .hang = true};
        int ends[2];
        start(&s);
        assert_int_equal(pipe(ends), 0);
        if (rows[i].cancel && !rows[i].close_it)
            assert_int_equal(write(ends[1], "x", 1), 1);
        if (rows[i].close_it)
            close(ends[1]);
        LH_AUTO(http_response) struct http_response response = HTTP_RESPONSE_INIT;
        struct lh_err err = LH_ERR_INIT;
        const struct http_request request = {.cancel_fd = ends[0], .first_byte_timeout_ms = rows[i].cancel ? 0 : 50};
        assert_int_equal(call(&s, request, &response, &err), rows[i].code);
        stop(&s);
        close(ends[0]);
        if (!rows[i].close_it)
            close(ends[1]);
    }
}

/* Answers every request of the one connection that it takes. */
static void serve_on(void *arg) {
    struct server *s = arg;
    int fd = accept(s->listener, NULL, NULL);
    char request[4096];
    while (fd >= 0 && recv(fd, request, sizeof request, 0) > 0)
        send(fd, s->answer, strlen(s->answer), MSG_NOSIGNAL);
    close(fd);
}

static void connections_are_used_again(void **state) {
    (void)state;
    struct server s = {.answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", .read_to = "\r\n\r\n"};
    struct lh_err err = LH_ERR_INIT;
    struct http_client *client = NULL;
    char url[64];
    listen_on(&s);
    assert_int_equal(os_thread_start(&s.thread, "server", 0, serve_on, &s, &err), LH_OK);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", s.port);
    assert_int_equal(http_client_new(NULL, &client, &err), LH_OK);
    for (int i = 0; i < 3; i++) { /* a second connection would never be accepted */
        LH_AUTO(http_response) struct http_response response = HTTP_RESPONSE_INIT;
        const struct http_request request = {.url = url, .timeout_ms = 5000};
        assert_int_equal(http_client_send(client, &request, &response, &err), LH_OK);
        assert_string_equal(response.body.data, "ok");
        assert_true(response.sent);
    }
    http_client_free(client); /* closes it, which ends the server */
    stop(&s);
    LH_AUTO(http_response) struct http_response response = HTTP_RESPONSE_INIT;
    assert_int_equal(http_client_new(NULL, &client, &err), LH_OK);
    const struct http_request request = {.url = url};
    assert_int_equal(http_client_send(client, &request, &response, &err), LH_UPSTREAM);
    assert_false(response.sent);
    http_client_free(client);
}

static void spans_reach_a_collector_or_are_counted(void **state) {
    (void)state;
    struct lh_err err = LH_ERR_INIT;
    struct http_client *client = NULL;
    struct otlp_exporter *exporter = NULL;
    struct server s = {.answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", .read_to = "]}]}]}"};
    char url[64];
    struct lh_span span = {.name = "query", .start_us = 10, .end_us = 30, .failed = true};
    memset(span.context.trace_id, 'a', 32);
    memset(span.context.span_id, 'b', 16);
    lh_span_set_text(&span, "sql", "SELECT \"1\"");
    lh_span_set_int(&span, "rows", 3);
    start(&s);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/v1/traces", s.port);
    assert_int_equal(http_client_new(NULL, &client, &err), LH_OK);
    assert_int_equal(otlp_exporter_new(os_real(), client, NULL, url, "1", &exporter, &err), LH_OK);
    otlp_exporter_sink(exporter, &span, 1);
    stop(&s);
    assert_int_equal(otlp_exporter_dropped(exporter), 0);
    assert_non_null(strstr(s.request, "\"endTimeUnixNano\":\"30000\""));
    assert_non_null(strstr(s.request, "{\"key\":\"sql\",\"value\":{\"stringValue\":\"SELECT \\\"1\\\"\"}}"));
    otlp_exporter_sink(exporter, &span, 1); /* nobody listens any more */
    otlp_exporter_sink(exporter, &span, 1); /* within the pause: not even tried */
    assert_int_equal(otlp_exporter_dropped(exporter), 2);
    otlp_exporter_free(exporter);
    http_client_free(client);
}

int main(void) {
    struct lh_err err = LH_ERR_INIT;
    if (http_client_global_init(&err) != LH_OK)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sends_and_receives),         cmocka_unit_test(failures_have_their_codes_and_no_secrets),
        cmocka_unit_test(only_http_is_spoken),        cmocka_unit_test(a_call_ends_when_told_or_when_nothing_comes),
        cmocka_unit_test(connections_are_used_again), cmocka_unit_test(spans_reach_a_collector_or_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
