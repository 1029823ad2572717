/* What a generator wrote, taken apart: the statement, and the words around it. */
#include "base/arena.h"
#include "statement/sql_answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void finds_the_statement(void **state) {
    (void)state;
    static const struct {
        const char *text, *sql, *explanation;
    } rows[] = {
        {"", NULL, ""},
        {"I do not know.", NULL, "I do not know."},
        {"SELECT 1", "SELECT 1", ""},
        {"  select 1;  ", "select 1", ""},
        {"SELECT 1; DROP TABLE t;", "SELECT 1; DROP TABLE t", ""},
        {"SELECT 1\n\nIt is one.", "SELECT 1", "It is one."},
        {"SELECT 1,\n\n 2;\nBoth.", "SELECT 1,\n\n 2", "Both."},
        {"Sure.\nWITH a AS (SELECT 1)\nFROM a", "WITH a AS (SELECT 1)\nFROM a", "Sure."},
        {"Select what you like.", "Select what you like.", ""},
        {"Selecting is fun", NULL, "Selecting is fun"},
        {"DROP TABLE t", "DROP TABLE t", ""},
        {"drop table t;", "drop table t", ""},
        {"Sure:\nDELETE FROM t;\nGone.", "DELETE FROM t", "Sure:\nGone."},
        {"Drop me a line.", NULL, "Drop me a line."},
        {"You may\ncall the office.", NULL, "You may\ncall the office."},
        {"UPDATE t SET a = 1\nSELECT 1", "SELECT 1", "UPDATE t SET a = 1"},
        {"SELECT 1; SELECT 2", "SELECT 1; SELECT 2", ""},
        {"SELECT 1;\nselect 2\n\nBoth.", "SELECT 1;\nselect 2", "Both."},
        {"SELECT 1; DROP TABLE t", "SELECT 1; DROP TABLE t", ""},
        {"SELECT 1;\nWith this you get one.", "SELECT 1", "With this you get one."},
        {"SELECT 1;\nFrom here on it is easy.", "SELECT 1", "From here on it is easy."},
        {"```sql\nSELECT 1\n```", "SELECT 1", ""},
        {"```\nSELECT 1;;\n```\nOne.", "SELECT 1", "One."},
        {"A\n```SQL\r\nSELECT 1\r\n```\r\nB", "SELECT 1", "A\nB"},
        {"```SELECT 1```", "SELECT 1", ""},
        {"```sql\nSELECT 1", "SELECT 1", ""},
        {"```", NULL, ""},
        {"``````", NULL, ""},
        {"```sql\n```", NULL, ""},
        {"```sql\nSELECT 1\n``` and ```sql\nSELECT 2\n```", "SELECT 1", "and ```sql\nSELECT 2\n```"},
        {"<think>SELECT 1</think>SELECT 2", "SELECT 2", ""},
        {"```sql\nDELETE FROM t\n```", "DELETE FROM t", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena *arena = arena_new();
        struct sql_answer a;
        sql_answer_parse(rows[i].text, strlen(rows[i].text), arena, &a);
        if (rows[i].sql)
            assert_string_equal(a.sql ? a.sql : "(none)", rows[i].sql);
        else
            assert_null(a.sql);
        assert_string_equal(a.explanation, rows[i].explanation);
        arena_free(arena);
    }
}

static void cuts_long_words_at_a_character(void **state) {
    (void)state;
    struct arena *arena = arena_new();
    struct sql_answer a;
    char text[3001];
    memset(text, 'x', sizeof text - 1);
    for (size_t i = 1; i + 2 < sizeof text; i += 2)
        memcpy(text + i, "é", 2);
    text[3000] = '\0';
    sql_answer_parse(text, strlen(text), arena, &a);
    assert_null(a.sql);
    assert_int_equal(strlen(a.explanation), 999);
    arena_free(arena);
}

static void knows_what_selects(void **state) {
    (void)state;
    static const struct {
        const char *sql;
        bool selects;
    } rows[] = {
        {"SELECT 1", true},
        {"\n with x AS (SELECT 1) FROM x", true},
        {"FROM t", true},
        {"select(1)", true},
        {"-- c\nSELECT 1", true},
        {"/* a */ /* b */ FROM t", true},
        {"SELECTED", false},
        {"DROP TABLE t", false},
        {"", false},
        {"-- SELECT 1", false},
        {"/* SELECT 1", false},
        {"/* SELECT */ DROP TABLE t", false},
        {"(SELECT 1)", false},
        {"EXPLAIN SELECT 1", false},
        {"VALUES (1)", false},
        {"ANALYZE SELECT 1", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(sql_answer_selects(rows[i].sql), rows[i].selects);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_statement),
        cmocka_unit_test(cuts_long_words_at_a_character),
        cmocka_unit_test(knows_what_selects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
