/* The guard's judgement of a head's length.  What it says of headers is held by tests/fuzz/fuzz_request_head.c and, over
 * sockets, tests/http. */
#include "gateway/guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

/* GET /health HTTP/1.1, Host: localhost, X-A:<gap>b */
static enum lh_code judge(size_t sent_bytes, size_t gap) {
    struct guard_head head = {
        .method = "GET",
        .version = "HTTP/1.1",
        .target_len = 7,
        .sent_bytes = sent_bytes,
        .headers = {{"Host", 4, "localhost", 9, 1}, {"X-A", 3, "b", 1, gap}},
        .header_count = 2,
    };
    struct guard_verdict verdict;
    struct lh_err err = LH_ERR_INIT;
    return guard_check(&head, &verdict, &err);
}

static void test_length_of_a_head(void **state) {
    (void)state;
    const size_t lawful = sizeof "GET /health HTTP/1.1\r\nHost: localhost\r\nX-A: b\r\n\r\n" - 1;
    static const struct {
        const char *name;
        long more; /* bytes sent beyond the lawful spelling */
        size_t gap;
        enum lh_code code;
    } rows[] = {
        {"as it should be", 0, 1, LH_OK},
        {"no blank after the colon", -1, 0, LH_OK},
        {"three blanks after the colon", 2, 3, LH_OK},
        {"a bare LF", -1, 1, LH_INVALID},
        {"two bare LF", -2, 1, LH_INVALID},
        {"a value cut at a NUL byte", 4, 1, LH_INVALID},
        {"two spaces in the request line", 1, 1, LH_INVALID},
        {"folded, the joined value elsewhere above", 3, (size_t)1 << 40, LH_INVALID},
        {"folded, the joined value elsewhere below", 3, SIZE_MAX - 4000, LH_INVALID},
    };
    for (size_t i = 0; i < LH_ARRAY_LEN(rows); i++) {
        enum lh_code code = judge((size_t)((long)lawful + rows[i].more), rows[i].gap);
        if (code != rows[i].code)
            fail_msg("%s: code %d", rows[i].name, (int)code);
    }
    assert_int_equal(judge(0, 1), LH_OK); /* the length is not known */
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_length_of_a_head)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
