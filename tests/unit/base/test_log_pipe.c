/* A log whose reader has stopped reading must not stop the program; what was lost is counted. */
#include "base/log.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static int64_t noon(void *self) {
    (void)self;
    return INT64_C(1763726400000000);
}

/* All that stands in the pipe, as text. */
static size_t drain(int fd, char *text, size_t room) {
    size_t len = 0;
    for (ssize_t got; len < room - 1 && (got = read(fd, text + len, room - 1 - len)) > 0;)
        len += (size_t)got;
    text[len] = '\0';
    return len;
}

static void a_full_pipe_drops_lines_and_counts_them(void **state) {
    (void)state;
    static char text[1 << 20];
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
    struct lh_log *log = lh_log_new(fds[1], LH_LOG_INFO, LH_LOG_JSON, noon, NULL);
    struct lh_log *request = lh_log_with_request(log, "R1", NULL);

    int written = 20000; /* far more than a pipe holds; without dropping this would never end */
    for (int i = 0; i < written; i++)
        lh_log_event(i % 2 ? log : request, LH_LOG_INFO, "line", LOG_INT("number", i));
    drain(fds[0], text, sizeof text);
    int kept = 0;
    for (const char *p = text; (p = strstr(p, "\"event\":\"line\"")); p++)
        kept++;
    assert_true(kept > 100 && kept < written);

    lh_log_note(request, LH_LOG_INFO, "after");
    drain(fds[0], text, sizeof text);
    char expected[64];
    snprintf(expected, sizeof expected, "\"count\":%d}", written - kept);
    assert_non_null(strstr(text, expected));
    assert_true(strstr(text, expected) < strstr(text, "\"event\":\"after\""));

    lh_log_note(log, LH_LOG_INFO, "again");
    drain(fds[0], text, sizeof text);
    assert_null(strstr(text, "dropped"));
    lh_log_free(request);
    lh_log_free(log);
    close(fds[0]);
    close(fds[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_full_pipe_drops_lines_and_counts_them)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
