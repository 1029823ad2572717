/* Tables as they are drawn: alignment, NULL, control characters, wide characters, and what happens on a narrow terminal. */
#include "cli/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

struct row {
    const char *name, *columns, *rows;
    size_t width;
    bool unicode;
    const char *expected;
};

static const struct row rows[] = {
    {"numbers to the right, text to the left",
     "[{\"name\":\"id\",\"type\":\"BIGINT\"},{\"name\":\"name\",\"type\":\"VARCHAR\"}]", "[[1,\"Ann\"],[250,null]]", 0,
     false,
     "+-----+------+\n"
     "|  id | name |\n"
     "+-----+------+\n"
     "|   1 | Ann  |\n"
     "| 250 | NULL |\n"
     "+-----+------+\n"},
    {"line ends and escapes cannot break the frame", "[{\"name\":\"t\",\"type\":\"VARCHAR\"}]",
     "[[\"a\\nb\\u001b[31m\"]]", 0, false,
     "+-----------+\n"
     "| t         |\n"
     "+-----------+\n"
     "| a\\nb\xEF\xBF\xBD[31m |\n"
     "+-----------+\n"},
    {"wide characters count double", "[{\"name\":\"city\",\"type\":\"VARCHAR\"}]",
     "[[\"\xE6\x9D\xB1\xE4\xBA\xAC\"],[\"Bern\"]]", 0, true,
     "\xE2\x94\x8C\xE2\x94\x80\xE2\x94\x80\xE2\x94\x80\xE2\x94\x80\xE2\x94\x80\xE2\x94\x80\xE2\x94\x90\n"
     "\xE2\x94\x82 city \xE2\x94\x82\n"
     "\xE2\x94\x9C\xE2\x94\x80\xE2\x94\x80\xE2\x94\x80\xE2\x94\x80\xE2\x94\x80\xE2\x94\x80\xE2\x94\xA4\n"
     "\xE2\x94\x82 \xE6\x9D\xB1\xE4\xBA\xAC \xE2\x94\x82\n"
     "\xE2\x94\x82 Bern \xE2\x94\x82\n"
     "\xE2\x94\x94\xE2\x94\x80\xE2\x94\x80\xE2\x94\x80\xE2\x94\x80\xE2\x94\x80\xE2\x94\x80\xE2\x94\x98\n"},
    {"long values are cut to the terminal", "[{\"name\":\"text\",\"type\":\"VARCHAR\"}]", "[[\"abcdefghijklmnop\"]]",
     14, false,
     "+------------+\n"
     "| text       |\n"
     "+------------+\n"
     "| abcdefghi~ |\n"
     "+------------+\n"},
    {"too many columns become records",
     "[{\"name\":\"first\",\"type\":\"VARCHAR\"},{\"name\":\"second\",\"type\":\"VARCHAR\"},{\"name\":\"third\",\"type\":\"INTEGER\"}]",
     "[[\"a\",\"bbbbbbbb\",3]]", 20, false,
     "-- row 1 --\n"
     "first  | a\n"
     "second | bbbbbbbb\n"
     "third  | 3\n"},
    {"numbers as short as they can be", "[{\"name\":\"v\",\"type\":\"DOUBLE\"}]", "[[74.76],[0.1],[1e300]]", 0, false,
     "+--------+\n"
     "|      v |\n"
     "+--------+\n"
     "|  74.76 |\n"
     "|    0.1 |\n"
     "| 1e+300 |\n"
     "+--------+\n"},
    {"nested values as JSON", "[{\"name\":\"l\",\"type\":\"INTEGER[]\"}]", "[[[1,2]],[true]]", 0, false,
     "+-------+\n"
     "| l     |\n"
     "+-------+\n"
     "| [1,2] |\n"
     "| true  |\n"
     "+-------+\n"},
    {"no columns draw nothing", "[]", "[]", 0, false, ""},
};

static void tables_look_as_expected(void **state) {
    (void)state;
    for (size_t i = 0; i < LH_ARRAY_LEN(rows); i++) {
        struct lh_err err = LH_ERR_INIT;
        LH_AUTO(json) json_t *columns = NULL, *values = NULL;
        LH_AUTO(buf) struct buf out = BUF_INIT;
        assert_int_equal(lh_json_parse(rows[i].columns, strlen(rows[i].columns), NULL, &columns, &err), LH_OK);
        assert_int_equal(lh_json_parse(rows[i].rows, strlen(rows[i].rows), NULL, &values, &err), LH_OK);
        struct table_style style = {.width = rows[i].width, .unicode = rows[i].unicode};
        table_write(columns, values, &style, &out);
        if (strcmp(buf_cstr(&out), rows[i].expected) != 0)
            fail_msg("%s:\n%s", rows[i].name, buf_cstr(&out));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(tables_look_as_expected)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
