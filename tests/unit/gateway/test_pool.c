/* The handlers' threads: bounds, order, and the quarter that long work cannot take. */
#include "gateway/pool.h"

#include "os/clock.h"
#include "os/os.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static atomic_int gate; /* long items wait until it is open */
static atomic_int long_done, short_done;

static void run(void *item) {
    if (item == &long_done) {
        while (!gate)
            os_sleep_ms(os_real(), 1);
        long_done++;
    } else {
        short_done++;
    }
}

static struct pool *start(unsigned threads, unsigned queue) {
    struct pool *p;
    struct lh_err err = LH_ERR_INIT;
    assert_int_equal(pool_new(threads, queue, run, &p, &err), LH_OK);
    gate = long_done = short_done = 0;
    return p;
}

static void wait_for(atomic_int *count, int wanted) {
    for (int i = 0; i < 2000 && *count < wanted; i++)
        os_sleep_ms(os_real(), 1);
    assert_int_equal(*count, wanted);
}

static void test_long_work_leaves_a_quarter_free(void **state) {
    (void)state;
    struct pool *p = start(4, 16);
    for (int i = 0; i < 8; i++)
        assert_true(pool_push(p, &long_done, true));
    for (int i = 0; i < 8; i++)
        assert_true(pool_push(p, &short_done, false));
    wait_for(&short_done, 8);
    assert_int_equal(long_done, 0);
    gate = 1;
    pool_wait_idle(p);
    assert_int_equal(long_done, 8);
    pool_free(p);
}

static void test_the_queue_is_bounded(void **state) {
    (void)state;
    struct pool *p = start(1, 2);
    for (int i = 0; i < 3; i++) /* one runs, two wait */
        assert_true(pool_push(p, &long_done, true));
    assert_false(pool_push(p, &long_done, true));
    for (int i = 0; i < 3; i++) /* a crowd of long ones does not shut out the short ones */
        assert_true(pool_push(p, &short_done, false));
    assert_false(pool_push(p, &short_done, false));
    gate = 1;
    wait_for(&long_done, 3);
    pool_wait_idle(p);
    assert_true(pool_push(p, &short_done, false));
    pool_free(p); /* runs what is queued */
    assert_int_equal(short_done, 4);
}

static void test_freeing_an_idle_pool(void **state) {
    (void)state;
    pool_free(start(8, 0));
    pool_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_long_work_leaves_a_quarter_free),
        cmocka_unit_test(test_the_queue_is_bounded),
        cmocka_unit_test(test_freeing_an_idle_pool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
