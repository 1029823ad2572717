/* Where a statement ends: semicolons in literals, names, dollar quotes and comments do not count. */
#include "cli/sql_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void statements_end_at_their_own_semicolon(void **state) {
    (void)state;
    static const struct {
        const char *text;
        size_t end; /* 0: no statement is complete */
    } rows[] = {
        {"SELECT 1;", 9},
        {"SELECT 1; SELECT 2;", 9},
        {"SELECT 1", 0},
        {"SELECT ';';", 11},
        {"SELECT 'it''s;';", 16},
        {"SELECT \"a;b\";", 13},
        {"SELECT 1 -- no;\n;", 17},
        {"SELECT /* no; */ 1;", 19},
        {"SELECT $$a;b$$;", 15},
        {"SELECT $x$a;$$b$x$;", 19},
        {"SELECT $1;", 10},
        {"SELECT 'open;", 0},
        {"SELECT /* open;", 0},
        {"", 0},
    };
    for (size_t i = 0; i < LH_ARRAY_LEN(rows); i++)
        if (sql_statement_end(rows[i].text) != rows[i].end)
            fail_msg("%s: %zu", rows[i].text, sql_statement_end(rows[i].text));
}

static void blank_text_is_recognised(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool blank;
    } rows[] = {{"", true},         {" \n;\t; ", true}, {"-- only a note", true}, {"/* a; */ -- b\n", true},
                {"-- a\n1", false}, {"-1", false}};
    for (size_t i = 0; i < LH_ARRAY_LEN(rows); i++)
        if (sql_is_blank(rows[i].text) != rows[i].blank)
            fail_msg("\"%s\"", rows[i].text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statements_end_at_their_own_semicolon),
        cmocka_unit_test(blank_text_is_recognised),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
