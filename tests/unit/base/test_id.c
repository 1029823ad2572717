#include "base/attr.h"
#include "base/id.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void ulids_have_their_text_form(void **state) {
    (void)state;
    unsigned char zeros[10] = {0};
    unsigned char ones[10];
    char text[LH_ULID_SIZE];
    memset(ones, 0xFF, sizeof ones);
    lh_ulid_format(0, zeros, text);
    assert_string_equal(text, "00000000000000000000000000");
    lh_ulid_format(((int64_t)1 << 48) - 1, ones, text);
    assert_string_equal(text, "7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
    lh_ulid_format(1469918176385, zeros, text); /* the example of the specification */
    assert_memory_equal(text, "01ARYZ6S41", 10);
    assert_int_equal(lh_ulid_time_ms(text), 1469918176385);
}

static void odd_texts_are_no_ulids(void **state) {
    (void)state;
    static const char *const bad[] = {"",
                                      "0",
                                      "81ARYZ6S410000000000000000",
                                      "01ARYZ6S41000000000000000i",
                                      "01ARYZ6S41000000000000000I",
                                      "01ARYZ6S41000000000000000",
                                      "01ARYZ6S4100000000000000000"};
    for (size_t i = 0; i < LH_ARRAY_LEN(bad); i++)
        assert_false(lh_ulid_valid(bad[i], strlen(bad[i])));
    assert_true(lh_ulid_valid("01ARYZ6S410000000000000000", 26));
}

static void a_source_only_rises(void **state) {
    (void)state;
    struct lh_ulid_source source;
    unsigned char random[10];
    char last[LH_ULID_SIZE] = "";
    static const int64_t clock[] = {100, 100, 100, 99, 50, 101, 101, 200, 100};
    memset(random, 0xFF, sizeof random); /* the next count overflows into the time */
    lh_ulid_source_init(&source);
    for (size_t i = 0; i < LH_ARRAY_LEN(clock); i++) {
        char next[LH_ULID_SIZE];
        lh_ulid_next(&source, clock[i], random, next);
        assert_true(strcmp(last, next) < 0);
        assert_true(lh_ulid_valid(next, strlen(next)));
        memcpy(last, next, sizeof last);
    }
    lh_ulid_source_deinit(&source);
}

static void uuids_bear_version_and_variant(void **state) {
    (void)state;
    unsigned char random[16];
    char text[LH_UUID_SIZE];
    memset(random, 0xFF, sizeof random);
    lh_uuid4_format(random, text);
    assert_string_equal(text, "ffffffff-ffff-4fff-bfff-ffffffffffff");
    assert_true(lh_uuid_valid(text, strlen(text)));
    assert_false(lh_uuid_valid(text, 35));
    assert_false(lh_uuid_valid("ffffffff-ffff-4fff-bfff-fffffffffffg", 36));
    assert_false(lh_uuid_valid("ffffffff+ffff-4fff-bfff-ffffffffffff", 36));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ulids_have_their_text_form),
        cmocka_unit_test(odd_texts_are_no_ulids),
        cmocka_unit_test(a_source_only_rises),
        cmocka_unit_test(uuids_bear_version_and_variant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
