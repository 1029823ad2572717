/* The look at SQL text: statements, words, verbs. */
#include "base/arena.h"
#include "base/buf.h"
#include "engine/worker/sql_scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void sees_what_is_there(void **state) {
    (void)state;
    static const struct {
        const char *sql;
        size_t statements;
        const char *verb, *names;
    } rows[] = {
        {"", 0, "", ""},
        {" ;; -- x\n; /* y */", 0, "", ""},
        {"SELECT a FROM t", 1, "select", "SELECT a FROM t"},
        {"select a;", 1, "select", "select a"},
        {"SELECT 1; SELECT 2", 2, "select", "SELECT"},
        {"SELECT ';'", 1, "select", "SELECT"},
        {"SELECT 'it''s; ' FROM t", 1, "select", "SELECT FROM t"},
        {"SELECT E'\\'; ' FROM t", 1, "select", "SELECT FROM t"},
        {"SELECT $$;a$$, $x$;$$b$x$ FROM t", 1, "select", "SELECT FROM t"},
        {"SELECT $1, $name FROM t", 1, "select", "SELECT FROM t"},
        {"SELECT /* ; /* ; */ ; */ a", 1, "select", "SELECT a"},
        {"SELECT a -- ; b\n, c", 1, "select", "SELECT a c"},
        {"FROM \"a\"\"b\", \"c.d\"", 1, "from", "FROM a\"b c.d"},
        {"SELECT f(a), g (b), \"h\"(c) FROM t", 1, "select", "SELECT a b c FROM t"},
        {"EXPLAIN SELECT a", 1, "select", "EXPLAIN SELECT a"},
        {"EXPLAIN ANALYZE INSERT INTO t", 1, "insert", "EXPLAIN ANALYZE INSERT INTO t"},
        {"EXPLAIN (FORMAT json) CREATE TABLE t", 1, "create", "FORMAT json CREATE TABLE t"},
        {"EXPLAIN (SELECT a)", 1, "select", "SELECT a"},
        {"(SELECT 1)", 1, "select", "SELECT"},
        {"SELECT 1e5, 0x1f, 1_000", 1, "select", "SELECT"},
        {"SELECT \xc3\xa4\xc3\xb6 FROM \xe8\xa1\xa8", 1, "select", "SELECT \xc3\xa4\xc3\xb6 FROM \xe8\xa1\xa8"},
        {"SELECT 'never ends", 1, "select", "SELECT"},
        {"SELECT \"never ends", 1, "select", "SELECT never ends"},
        {"SELECT /* never ends", 1, "select", "SELECT"},
        {"SELECT $$ never ends", 1, "select", "SELECT"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena *arena = arena_new();
        struct sql_scan scan;
        struct buf names = BUF_INIT;
        sql_scan(rows[i].sql, strlen(rows[i].sql), arena, &scan);
        for (size_t n = 0; n < scan.name_count; n++)
            buf_printf(&names, "%s%s", n ? " " : "", scan.names[n]);
        if (scan.statement_count != rows[i].statements || strcmp(scan.verb, rows[i].verb) != 0 ||
            strcmp(buf_cstr(&names), rows[i].names) != 0)
            fail_msg("%s: %zu statements, verb %s, names %s", rows[i].sql, scan.statement_count, scan.verb,
                     buf_cstr(&names));
        buf_release(&names);
        arena_free(arena);
    }
}

static void marks_what_needs_care(void **state) {
    (void)state;
    static const struct {
        const char *sql;
        bool catalog, pivots, stateful, runs_text;
    } rows[] = {
        {"SELECT 1", false, false, false, false},
        {"SHOW TABLES", true, false, false, false},
        {"SELECT * FROM Information_Schema.tables", true, false, false, false},
        {"SELECT * FROM duckdb_views()", true, false, false, false},
        {"PIVOT t ON a USING sum(b)", false, true, false, false},
        {"SELECT 'PIVOT SHOW enable_logging()'", false, false, false, false},
        {"SELECT * FROM Enable_Logging ()", false, false, true, false},
        {"SELECT * FROM \"enable_logging\"()", false, false, true, false},
        {"SELECT enable_logging FROM t", false, false, false, false},
        {"FROM query('FROM enable_logging()')", false, false, false, true},
        {"FROM \"Query\" ('x')", false, false, false, true},
        {"FROM json_execute_serialized_sql('{}')", false, false, false, true},
        {"SELECT query FROM system.queries", false, false, false, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena *arena = arena_new();
        struct sql_scan scan;
        sql_scan(rows[i].sql, strlen(rows[i].sql), arena, &scan);
        if (scan.reads_catalog != rows[i].catalog || scan.pivots != rows[i].pivots ||
            (scan.stateful != NULL) != rows[i].stateful || scan.runs_text != rows[i].runs_text)
            fail_msg("%s", rows[i].sql);
        arena_free(arena);
    }
}

/* More words than the table holds are no error: DuckDB finds the rest. */
static void holds_a_bounded_number(void **state) {
    (void)state;
    struct arena *arena = arena_new();
    struct buf sql = BUF_INIT;
    struct sql_scan scan;
    for (int i = 0; i < 5000; i++)
        buf_printf(&sql, "w%d ", i);
    sql_scan(sql.data, sql.len, arena, &scan);
    assert_int_equal(scan.name_count, SQL_SCAN_NAMES_MAX);
    buf_release(&sql);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sees_what_is_there),
        cmocka_unit_test(marks_what_needs_care),
        cmocka_unit_test(holds_a_bounded_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
