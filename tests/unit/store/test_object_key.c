/* S6: what a key and a prefix may be. */
#include "store/object_store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct key_case {
    const char *name;
    const char *key;
    const char *part_of_message; /* NULL: accepted */
};

static const struct key_case key_cases[] = {
    {"one letter", "a", NULL},
    {"folders", "datasets/people/base/01H.parquet", NULL},
    {"reserved prefix is a key like any other", "_catalog/log/1.json", NULL},
    {"spaces and signs", "a b/%20+?#&=", NULL},
    {"UTF-8", "\xc3\xa9t\xc3\xa9/\xe6\x97\xa5\xe6\x9c\xac", NULL},
    {"hidden file", ".hidden/x", NULL},
    {"three dots", "a/.../b", NULL},
    {"like the temporary folder", ".tmpx/a", NULL},
    {"temporary name deeper", "a/.tmp", NULL},
    {"empty", "", "empty"},
    {"leading slash", "/a", "empty segment at byte 1"},
    {"trailing slash", "a/", "empty segment at byte 3"},
    {"double slash", "a//b", "empty segment at byte 3"},
    {"dot", "a/./b", "segment \".\" at byte 3"},
    {"dot dot", "a/../b", "segment \"..\" at byte 3"},
    {"only dot dot", "..", "segment \"..\""},
    {"newline", "a\nb", "control character at byte 2"},
    {"delete", "a\x7f", "control character at byte 2"},
    {"C1 control", "a\xc2\x85z", "control character at byte 2"},
    {"bad UTF-8", "ab\xff", "not UTF-8 at byte 3"},
    {"surrogate", "\xed\xa0\x80", "not UTF-8 at byte 1"},
    {"temporary folder", ".tmp/x", ".tmp/"},
    {"the temporary folder itself", ".tmp", ".tmp/"},
};

static void test_keys(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof key_cases / sizeof key_cases[0]; i++) {
        const struct key_case *c = &key_cases[i];
        struct lh_err err = LH_ERR_INIT;
        enum lh_code code = object_key_check(c->key, strlen(c->key), &err);
        if (c->part_of_message ? code != LH_INVALID || !strstr(err.message, c->part_of_message) : code != LH_OK)
            fail_msg("%s: %s, \"%s\"", c->name, lh_code_name(code), err.message);
    }
}

static void test_nul_inside(void **state) {
    (void)state;
    struct lh_err err;
    assert_int_equal(object_key_check("a\0b", 3, &err), LH_INVALID);
}

static void test_lengths(void **state) {
    (void)state;
    char key[OBJECT_KEY_MAX + 2];
    memset(key, 'k', sizeof key);
    for (size_t i = 200; i < sizeof key; i += 200)
        key[i] = '/';
    struct lh_err err;
    assert_int_equal(object_key_check(key, OBJECT_KEY_MAX, &err), LH_OK);
    assert_int_equal(object_key_check(key, OBJECT_KEY_MAX + 1, &err), LH_INVALID);
    memset(key, 'k', 256);
    assert_int_equal(object_key_check(key, 255, &err), LH_OK);
    assert_int_equal(object_key_check(key, 256, &err), LH_INVALID);
}

static void test_prefixes(void **state) {
    (void)state;
    static const struct {
        const char *prefix;
        bool good;
    } cases[] = {{"", true},      {"a", true},    {"a/", true},   {"a/b", true},  {".", true},
                 {"a/.", true},   {"/", false},   {"a//", false}, {"../", false}, {"a/../b", false},
                 {"a\tb", false}, {"a/b/", true}, {"\xff", false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct lh_err err;
        bool good = object_prefix_check(cases[i].prefix, &err) == LH_OK;
        if (good != cases[i].good)
            fail_msg("prefix \"%s\"", cases[i].prefix);
    }
}

static void test_reserved(void **state) {
    (void)state;
    assert_true(object_key_is_reserved("_catalog/log/1"));
    assert_true(object_key_is_reserved("_anything"));
    assert_false(object_key_is_reserved("datasets/_x"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys),     cmocka_unit_test(test_nul_inside), cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_prefixes), cmocka_unit_test(test_reserved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
