/* Filters: nothing that is there is denied, little that is not is claimed, and the bits are those of the format. */
#include "base/alloc.h"
#include "base/bloom.h"
#include "base/cleanup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static uint64_t hash_of(const char *kind, unsigned n) {
    char text[32];
    int len = snprintf(text, sizeof text, "%s-%06u", kind, n);
    return bloom_hash(text, (size_t)len);
}

static void test_rates(void **state) {
    (void)state;
    static const unsigned counts[] = {1, 7, 1000, 50000};
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        size_t size = bloom_size_bytes(counts[c]);
        LH_AUTO(mem) unsigned char *bits = lh_calloc(1, size);
        for (unsigned i = 0; i < counts[c]; i++)
            bloom_add(bits, size, hash_of("there", i));
        for (unsigned i = 0; i < counts[c]; i++)
            assert_true(bloom_may_hold(bits, size, hash_of("there", i)));
        unsigned claimed = 0;
        for (unsigned i = 0; i < 20000; i++)
            claimed += bloom_may_hold(bits, size, hash_of("absent", i));
        assert_true(claimed < 400);
    }
}

/* What stands in files cannot change. */
static void test_format(void **state) {
    (void)state;
    assert_true(bloom_hash("", 0) == UINT64_C(0xf52a15e9a9b5e89b));
    assert_true(bloom_hash("candidates", 10) == UINT64_C(0x8ed81e1681d782d3));
    assert_int_equal(bloom_size_bytes(0), 8);
    assert_int_equal(bloom_size_bytes(6), 8);
    assert_int_equal(bloom_size_bytes(7), 16);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rates), cmocka_unit_test(test_format)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
