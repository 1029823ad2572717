/* CSV as RFC 4180 wants it, and the text of each kind of value. */
#include "encode_rig.h"

#include <stdio.h>

struct csv_case {
    const char *name;
    const char *sql;
    const char *csv;
};

static const struct csv_case cases[] = {
    {"header and rows", "SELECT 1 AS a, 'x' AS b", "a,b\r\n1,x\r\n"},
    {"header is quoted too", "SELECT 1 AS \"a,b\", 2 AS \"c\"\"d\"", "\"a,b\",\"c\"\"d\"\r\n1,2\r\n"},
    {"equal names stay", "SELECT 1 AS a, 2 AS a", "a,a\r\n1,2\r\n"},
    {"NULL is nothing, empty is quoted", "SELECT NULL AS a, '' AS b, NULL AS c", "a,b,c\r\n,\"\",\r\n"},
    {"no rows", "SELECT 1 AS a LIMIT 0", "a\r\n"},
    {"comma, quote, line ends",
     "SELECT 'a,b' AS a, 'say \"hi\"' AS b, 'x' || chr(13) || chr(10) || 'y' AS c, ' plain ' AS d",
     "a,b,c,d\r\n\"a,b\",\"say \"\"hi\"\"\",\"x\r\ny\", plain \r\n"},
    {"no quotes for other control characters", "SELECT chr(9) || 'é' AS a", "a\r\n\té\r\n"},
    {"numbers have all digits",
     "SELECT 9223372036854775807 AS a, 1.50 AS b, 'nan'::DOUBLE AS c, '-inf'::FLOAT AS d, "
     "340282366920938463463374607431768211455::UHUGEINT AS e",
     "a,b,c,d,e\r\n9223372036854775807,1.50,NaN,-Infinity,340282366920938463463374607431768211455\r\n"},
    {"times", "SELECT DATE '2026-01-31' AS a, TIMESTAMPTZ '2026-01-31 12:00:00+00' AS b, INTERVAL '2 days' AS c",
     "a,b,c\r\n2026-01-31,2026-01-31T12:00:00.000000Z,2 days\r\n"},
    {"bytes", "SELECT '\\xFF'::BLOB AS a, '101'::BIT AS b, ''::BLOB AS c, 5::BIGNUM AS d",
     "a,b,c,d\r\n/w==,101,\"\",5\r\n"},
    {"nested values are JSON", "SELECT [1, NULL] AS a, {'k': 'v'} AS b, [7] AS c, MAP {} AS d",
     "a,b,c,d\r\n\"[1,null]\",\"{\"\"k\"\":\"\"v\"\"}\",[7],[]\r\n"},
    {"enum", "SELECT 'a,b'::ENUM('a,b') AS a", "a\r\n\"a,b\"\r\n"},
};

static void test_cases(void **state) {
    for (size_t i = 0; i < LH_ARRAY_LEN(cases); i++) {
        const char *text = rig_text(*state, ENGINE_CSV, cases[i].sql);
        if (strcmp(text, cases[i].csv) != 0)
            fail_msg("%s: got %s", cases[i].name, text);
    }
}

/* What we write, DuckDB's own reader reads back, row for row. */
static void test_duckdb_reads_it_back(void **state) {
    struct encode_rig *rig = *state;
    rig_run(rig, "CREATE OR REPLACE TABLE t AS SELECT i::INTEGER AS i, CASE i % 5 WHEN 0 THEN NULL WHEN 1 THEN '' "
                 "WHEN 2 THEN 'a\"b,c' WHEN 3 THEN chr(10) || 'x' ELSE 'plain' END AS s, i / 7 AS d "
                 "FROM range(5000) t(i)");
    const char *text = rig_text(rig, ENGINE_CSV, "FROM t ORDER BY i");
    char path[128], sql[1024];
    snprintf(path, sizeof path, "%s/back.csv", rig->temp_dir);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, rig->delivered.len, file), rig->delivered.len);
    assert_int_equal(fclose(file), 0);
    snprintf(
        sql, sizeof sql,
        "SELECT count(*) AS n FROM (FROM t EXCEPT ALL FROM read_csv('%s', header = true, delim = ',', quote = '\"', "
        "escape = '\"', allow_quoted_nulls = false, columns = {'i': 'INTEGER', 's': 'VARCHAR', 'd': 'DOUBLE'}))",
        path);
    assert_string_equal(rig_text(rig, ENGINE_CSV, sql), "n\r\n0\r\n");
    assert_int_equal(unlink(path), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_duckdb_reads_it_back),
    };
    return cmocka_run_group_tests(tests, rig_open, rig_close);
}
