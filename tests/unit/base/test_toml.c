#include "base/cleanup.h"
#include "base/json.h"
#include "base/toml.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void values_and_lines(void **state) {
    (void)state;
    static const char text[] = "top = 1\n"
                               "[server]\n"
                               "listen = \"a:1\"\n"
                               "on = true\n"
                               "when = 2026-11-21T01:02:03Z\n"
                               "[[storage.buckets]]\n"
                               "name = \"p\"\n"
                               "[[storage.buckets]]\n"
                               "name = 'q'\n"
                               "list = [1, 2.5,\n"
                               " \"x\"]\n";
    struct lh_err err = LH_ERR_INIT;
    struct lh_toml *doc = NULL;
    assert_int_equal(lh_toml_parse(text, strlen(text), "f.toml", &doc, &err), LH_OK);
    LH_AUTO(buf) struct buf out = BUF_INIT;
    lh_json_write(lh_toml_root(doc), LH_JSON_COMPACT_SORTED, &out);
    assert_string_equal(out.data,
                        "{\"server\":{\"listen\":\"a:1\",\"on\":true,\"when\":\"2026-11-21T01:02:03Z\"},"
                        "\"storage\":{\"buckets\":[{\"name\":\"p\"},{\"list\":[1,2.5,\"x\"],\"name\":\"q\"}]},"
                        "\"top\":1}");
    static const struct {
        const char *path;
        int line;
    } rows[] = {
        {"top", 1},
        {"server", 2},
        {"server.listen", 3},
        {"server.on", 4},
        {"storage.buckets[0].name", 7},
        {"storage.buckets[1].name", 9},
        {"storage.buckets[1].list", 10},
        {"storage.buckets[1].list[2]", 11},
        {"none", 0},
    };
    for (size_t i = 0; i < LH_ARRAY_LEN(rows); i++)
        assert_int_equal(lh_toml_line(doc, rows[i].path), rows[i].line);
    lh_toml_free(doc);
}

static void errors_name_file_line_and_column(void **state) {
    (void)state;
    static const struct {
        const char *text, *place;
    } rows[] = {
        {"a = \n", "f.toml:1:"},
        {"a = 1\nb = [1,\n", "f.toml:2:"},
        {"a = 1\na = 2\n", "f.toml:2:"},
        {"x = \"\xFF\"", "f.toml:1:"},
    };
    for (size_t i = 0; i < LH_ARRAY_LEN(rows); i++) {
        struct lh_err err = LH_ERR_INIT;
        struct lh_toml *doc = NULL;
        assert_int_equal(lh_toml_parse(rows[i].text, strlen(rows[i].text), "f.toml", &doc, &err), LH_INVALID);
        assert_null(doc);
        if (strncmp(err.message, rows[i].place, strlen(rows[i].place)) != 0)
            fail_msg("row %zu: %s", i, err.message);
    }
}

static void deep_nesting_is_refused(void **state) {
    (void)state;
    for (size_t depth = 20; depth < 60; depth++) {
        LH_AUTO(buf) struct buf text = BUF_INIT;
        buf_append_str(&text, "a = ");
        for (size_t i = 0; i < depth; i++)
            buf_append_char(&text, '[');
        buf_append_char(&text, '1');
        for (size_t i = 0; i < depth; i++)
            buf_append_char(&text, ']');
        struct lh_err err = LH_ERR_INIT;
        struct lh_toml *doc = NULL;
        assert_int_equal(lh_toml_parse(text.data, text.len, "f", &doc, &err), depth < 32 ? LH_OK : LH_INVALID);
        lh_toml_free(doc);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_and_lines),
        cmocka_unit_test(errors_name_file_line_and_column),
        cmocka_unit_test(deep_nesting_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
