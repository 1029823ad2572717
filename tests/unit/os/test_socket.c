#include "base/alloc.h"
#include "base/cleanup.h"
#include "os/clock.h"
#include "os/os.h"
#include "os/socket.h"
#include "os/thread.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static int64_t soon(int64_t ms) {
    return os_monotonic_ns(os_real()) + ms * 1000000;
}

#define LARGE ((size_t)3 << 20)

struct sender {
    int fd;
    const char *data;
    enum lh_code code;
};

static void send_large(void *arg) {
    struct sender *s = arg;
    struct lh_err err = LH_ERR_INIT;
    s->code = os_send_all(os_real(), s->fd, s->data, LARGE, NULL, 0, soon(20000), &err);
}

static void large_transfers_are_whole(void **state) {
    (void)state;
    struct lh_err err = LH_ERR_INIT;
    int pair[2];
    assert_int_equal(os_socketpair(os_real(), pair, &err), LH_OK);
    LH_AUTO(mem) char *sent = lh_malloc(LARGE);
    LH_AUTO(mem) char *got = lh_malloc(LARGE);
    for (size_t i = 0; i < LARGE; i++)
        sent[i] = (char)(i * 31 >> 3);
    struct sender sender = {.fd = pair[0], .data = sent, .code = LH_INTERNAL};
    struct os_thread thread = {0};
    assert_int_equal(os_thread_start(&thread, "sender", 0, send_large, &sender, &err), LH_OK);
    assert_int_equal(os_recv_all(os_real(), pair[1], got, LARGE, NULL, 0, NULL, soon(20000), NULL, &err), LH_OK);
    os_thread_join(&thread);
    assert_int_equal(sender.code, LH_OK);
    assert_memory_equal(sent, got, LARGE);
    close(pair[0]);
    close(pair[1]);
}

static void descriptors_pass_and_work(void **state) {
    (void)state;
    struct lh_err err = LH_ERR_INIT;
    int pair[2];
    int pipes[2];
    assert_int_equal(os_socketpair(os_real(), pair, &err), LH_OK);
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(os_send_all(os_real(), pair[0], "hello", 5, pipes, 2, soon(1000), &err), LH_OK);
    char text[5];
    int fds[2] = {-1, -1};
    size_t count = 0;
    assert_int_equal(os_recv_all(os_real(), pair[1], text, 5, fds, 2, &count, soon(1000), NULL, &err), LH_OK);
    assert_int_equal(count, 2);
    assert_memory_equal(text, "hello", 5);
    assert_true(fcntl(fds[0], F_GETFD) & FD_CLOEXEC);
    assert_int_equal(write(fds[1], "x", 1), 1);
    assert_int_equal(read(pipes[0], text, 1), 1);
    assert_int_equal(text[0], 'x');
    for (int i = 0; i < 2; i++) {
        close(fds[i]);
        close(pipes[i]);
        close(pair[i]);
    }
}

static void unwanted_descriptors_are_closed(void **state) {
    (void)state;
    struct lh_err err = LH_ERR_INIT;
    int pair[2];
    int pipes[2];
    assert_int_equal(os_socketpair(os_real(), pair, &err), LH_OK);
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(os_send_all(os_real(), pair[0], "ab", 2, &pipes[1], 1, soon(1000), &err), LH_OK);
    assert_int_equal(os_send_all(os_real(), pair[0], "cd", 2, pipes, 2, soon(1000), &err), LH_OK);
    close(pipes[1]);
    char text[2];
    int one = -1;
    size_t count = 0;
    assert_int_equal(os_recv_all(os_real(), pair[1], text, 2, NULL, 0, NULL, soon(1000), NULL, &err), LH_OK);
    assert_int_equal(os_recv_all(os_real(), pair[1], text, 2, &one, 1, &count, soon(1000), NULL, &err), LH_INTERNAL);
    assert_int_equal(one, -1);
    assert_int_equal(read(pipes[0], text, 1), 0); /* no writer is left anywhere */
    close(pipes[0]);
    close(pair[0]);
    close(pair[1]);
}

static void deadlines_and_closed_peers(void **state) {
    (void)state;
    struct lh_err err = LH_ERR_INIT;
    int pair[2];
    char byte[4];
    bool clean = false;
    assert_int_equal(os_socketpair(os_real(), pair, &err), LH_OK);
    assert_int_equal(os_recv_all(os_real(), pair[1], byte, 1, NULL, 0, NULL, soon(20), NULL, &err), LH_TIMEOUT);
    assert_int_equal(os_wait_readable(os_real(), pair[1], soon(5), &err), LH_TIMEOUT);
    assert_false(os_peer_closed(os_real(), pair[1]));
    assert_int_equal(os_send_all(os_real(), pair[0], "ab", 2, NULL, 0, soon(1000), &err), LH_OK);
    close(pair[0]);
    assert_true(os_peer_closed(os_real(), pair[1]));
    assert_int_equal(os_recv_all(os_real(), pair[1], byte, 4, NULL, 0, NULL, soon(1000), &clean, &err), LH_UNAVAILABLE);
    assert_false(clean); /* inside a message */
    assert_int_equal(os_recv_all(os_real(), pair[1], byte, 4, NULL, 0, NULL, soon(1000), &clean, &err), LH_UNAVAILABLE);
    assert_true(clean);
    assert_int_equal(os_send_all(os_real(), pair[1], "x", 1, NULL, 0, soon(1000), &err), LH_UNAVAILABLE);
    close(pair[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(large_transfers_are_whole),
        cmocka_unit_test(descriptors_pass_and_work),
        cmocka_unit_test(unwanted_descriptors_are_closed),
        cmocka_unit_test(deadlines_and_closed_peers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
