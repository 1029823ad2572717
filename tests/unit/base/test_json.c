#include "base/json.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void bad_texts_are_refused_with_their_place(void **state) {
    (void)state;
    static const struct {
        const char *text;
        const char *place;
    } rows[] = {
        {"", "empty"},
        {"{", "line 1, column"},
        {"{\n \"a\": 1,\n \"a\": 2}", "duplicate object key"},
        {"{\"a\": 1} x", "end of file expected"},
        {"[1,\n2,\n tru]", "line 3"},
        {"\"\xFF\"", "column 2: the text is not UTF-8"},
        {"123456789012345678901234567890", "too large: write it as a string"},
        {"[1e999]", "the number at line 1, column"},
        {"{a:1}", "line 1"},
    };
    for (size_t i = 0; i < LH_ARRAY_LEN(rows); i++) {
        struct lh_err err = LH_ERR_INIT;
        json_t *value = NULL;
        assert_int_equal(lh_json_parse(rows[i].text, strlen(rows[i].text), NULL, &value, &err), LH_INVALID);
        assert_null(value);
        if (!strstr(err.message, rows[i].place))
            fail_msg("row %zu: \"%s\" lacks \"%s\"", i, err.message, rows[i].place);
    }
}

static void depth_and_size_have_limits(void **state) {
    (void)state;
    char text[600];
    for (size_t depth = 1; depth < 250; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        struct lh_err err = LH_ERR_INIT;
        LH_AUTO(json) json_t *value = NULL;
        enum lh_code code = lh_json_parse(text, 2 * depth, NULL, &value, &err);
        assert_int_equal(code, depth <= LH_JSON_MAX_DEPTH ? LH_OK : LH_INVALID);
    }
    struct lh_err err = LH_ERR_INIT;
    LH_AUTO(json) json_t *value = NULL;
    const struct lh_json_limits tight = {.max_bytes = 4, .max_depth = 1};
    assert_int_equal(lh_json_parse("[1,2]", 5, &tight, &value, &err), LH_TOO_LARGE);
    assert_int_equal(lh_json_parse("[[]]", 4, &tight, &value, &err), LH_INVALID);
    assert_int_equal(lh_json_parse("\"[[\"", 4, &tight, &value, &err), LH_OK);
}

static void getters_name_the_field(void **state) {
    (void)state;
    struct lh_err err = LH_ERR_INIT;
    LH_AUTO(json) json_t *o = NULL;
    const char *text = "{\"s\":\"x\",\"i\":7,\"d\":1.5,\"b\":true,\"a\":[],\"o\":{},\"n\":null,\"z\":\"a\\u0000b\"}";
    assert_int_equal(lh_json_parse(text, strlen(text), NULL, &o, &err), LH_OK);
    const char *s = NULL;
    int64_t i = 0;
    double d = 0;
    bool b = false;
    json_t *sub = NULL;
    assert_int_equal(lh_json_get_string(o, "", "s", &s, &err), LH_OK);
    assert_string_equal(s, "x");
    assert_int_equal(lh_json_get_int(o, "", "i", &i, &err), LH_OK);
    assert_int_equal(i, 7);
    assert_int_equal(lh_json_get_double(o, "", "i", &d, &err), LH_OK);
    assert_true(d > 6.9 && d < 7.1);
    assert_int_equal(lh_json_get_bool(o, "", "b", &b, &err), LH_OK);
    assert_true(b);
    assert_int_equal(lh_json_get_array(o, "", "a", &sub, &err), LH_OK);
    assert_int_equal(lh_json_get_object(o, "", "o", &sub, &err), LH_OK);

    assert_int_equal(lh_json_get_string(o, "cols[2]", "i", &s, &err), LH_INVALID);
    assert_string_equal(err.message, "the field \"cols[2].i\" must be a string without NUL characters, not an integer");
    assert_int_equal(lh_json_get_int(o, "", "d", &i, &err), LH_INVALID);
    assert_int_equal(lh_json_get_int(o, "", "gone", &i, &err), LH_INVALID);
    assert_string_equal(err.message, "the field \"gone\" is missing: it must be an integer");
    assert_int_equal(lh_json_get_int(o, "", "n", &i, &err), LH_INVALID);
    assert_int_equal(lh_json_get_string(o, "", "z", &s, &err), LH_INVALID);
    assert_int_equal(i, 7); /* untouched by failures */

    assert_int_equal(lh_json_get_int_or(o, "", "n", 42, &i, &err), LH_OK);
    assert_int_equal(i, 42);
    assert_int_equal(lh_json_get_string_or(o, "", "gone", NULL, &s, &err), LH_OK);
    assert_null(s);
    assert_int_equal(lh_json_get_bool_or(o, "", "s", true, &b, &err), LH_INVALID);
    assert_int_equal(lh_json_get_array_or_null(o, "", "gone", &sub, &err), LH_OK);
    assert_null(sub);
    assert_int_equal(lh_json_get_string(json_object_get(o, "a"), "", "s", &s, &err), LH_INVALID);
}

static void unknown_members_get_a_suggestion(void **state) {
    (void)state;
    struct lh_err err = LH_ERR_INIT;
    LH_AUTO(json) json_t *o = json_pack("{s:s,s:i}", "sql", "x", "limitt", 3);
    static const char *const keys[] = {"sql", "limit", NULL};
    assert_int_equal(lh_json_only_keys(o, "", keys, &err), LH_INVALID);
    assert_string_equal(err.message, "there is no field \"limitt\"");
    assert_string_equal(err.hint, "did you mean \"limit\"?");
    json_object_del(o, "limitt");
    assert_int_equal(lh_json_only_keys(o, "", keys, &err), LH_OK);
}

static void writes_what_it_read(void **state) {
    (void)state;
    struct lh_err err = LH_ERR_INIT;
    LH_AUTO(json) json_t *o = NULL;
    const char *text = "{\"b\":1,\"a\":[true,null,\"\xC3\xA9\",-9223372036854775808]}";
    assert_int_equal(lh_json_parse(text, strlen(text), NULL, &o, &err), LH_OK);
    LH_AUTO(buf) struct buf out = BUF_INIT;
    lh_json_write(o, LH_JSON_COMPACT, &out);
    assert_string_equal(out.data, text);
    buf_reset(&out);
    lh_json_write(o, LH_JSON_COMPACT_SORTED, &out);
    assert_string_equal(out.data, "{\"a\":[true,null,\"\xC3\xA9\",-9223372036854775808],\"b\":1}");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_texts_are_refused_with_their_place),
        cmocka_unit_test(depth_and_size_have_limits),
        cmocka_unit_test(getters_name_the_field),
        cmocka_unit_test(unknown_members_get_a_suggestion),
        cmocka_unit_test(writes_what_it_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
