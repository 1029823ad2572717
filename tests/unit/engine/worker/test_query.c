/* Queries through the whole wall: this process, the host, a worker, and back. */
#include "unit/engine/worker/engine_fixture.h"

static struct fixture fx;

static int open_engine(void **state) {
    (void)state;
    fixture_open(&fx, NULL);
    return 0;
}

static int close_engine(void **state) {
    (void)state;
    fixture_close(&fx);
    return 0;
}

static void answers(void **state) {
    (void)state;
    assert_sql_csv(&fx, "SELECT 42 AS answer, 'x' AS letter", "answer,letter\r\n42,x\r\n");
    assert_sql_csv(&fx, "SELECT 42 AS answer;", "answer\r\n42\r\n");
    assert_sql_csv(&fx, "SELECT 1 AS a WHERE false", "a\r\n");
}

static void tells_columns_and_counts(void **state) {
    (void)state;
    struct engine_query query = query_of("SELECT 1::TINYINT AS a, [1.5::DECIMAL(9,2)] AS b, {'x y': 1, 'z': DATE "
                                         "'2024-01-01'} AS c, MAP {'k': 1::BIGINT} AS d, '{}'::JSON AS e");
    struct engine_result *result;
    struct lh_err err = LH_ERR_INIT;
    assert_int_equal(engine_query_start(fx.engine, &query, &result, &err), LH_OK);
    const char *types[] = {"TINYINT", "DECIMAL(9,2)[]", "STRUCT(\"x y\" INTEGER, z DATE)", "MAP(VARCHAR, BIGINT)",
                           "JSON"};
    const json_t *columns = engine_result_columns(result);
    assert_int_equal(json_array_size(columns), 5);
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(json_string_value(json_object_get(json_array_get(columns, i), "type")), types[i]);
    engine_result_close(result);

    struct engine_result_stats stats;
    query = query_of("SELECT range FROM range(10000)");
    query.row_limit = 5000;
    assert_int_equal(run_query(&fx, &query, NULL, &stats, &err), LH_OK);
    assert_int_equal(stats.row_count, 5000);
    assert_true(stats.truncated);
    query.row_limit = 10000;
    assert_int_equal(run_query(&fx, &query, NULL, &stats, &err), LH_OK);
    assert_int_equal(stats.row_count, 10000);
    assert_false(stats.truncated);
    query.row_limit = 0;
    assert_int_equal(run_query(&fx, &query, NULL, &stats, &err), LH_OK);
    assert_int_equal(stats.row_count, 0);
    assert_true(stats.truncated);
}

static void reading_statements_run(void **state) {
    (void)state;
    static const char *const statements[] = {
        "SELECT 1",
        "WITH x AS (SELECT 1 AS a) SELECT * FROM x",
        "FROM range(3)",
        "VALUES (1), (2)",
        "DESCRIBE SELECT 1 AS a",
        "SUMMARIZE SELECT 1 AS a",
        "SHOW TABLES",
        "EXPLAIN SELECT 1",
        "EXPLAIN ANALYZE SELECT 1",
        "EXPLAIN (FORMAT json) SELECT 1",
        "PIVOT (SELECT * FROM range(4)) ON range USING count(*)",
        "PIVOT (SELECT * FROM range(4)) ON range IN (1, 2) USING count(*)",
        "SELECT * FROM (PIVOT (SELECT * FROM range(4)) ON range USING count(*))",
        "UNPIVOT (SELECT 1 AS a, 2 AS b) ON a, b",
        "(SELECT 1) UNION ALL (SELECT 2)",
        "-- a comment; with a semicolon\nSELECT ';' /* ; /* nested ; */ */;;",
        "SELECT $$;$$, $x$;$x$, E'\\';'",
    };
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
        struct lh_err err = LH_ERR_INIT;
        struct engine_query query = query_of(statements[i]);
        if (run_query(&fx, &query, NULL, NULL, &err) != LH_OK)
            fail_msg("%s: %s", statements[i], err.message);
    }
}

static void other_statements_do_not(void **state) {
    (void)state;
    static const struct {
        const char *sql;
        enum lh_code code;
        const char *says;
    } rows[] = {
        {"", LH_SQL, "empty"},
        {" ; -- nothing\n", LH_SQL, "empty"},
        {"SELECT 1; SELECT 2", LH_SQL, "one statement a request"},
        {"CREATE TABLE t(a INT)", LH_FORBIDDEN, "CREATE is not allowed"},
        {"CREATE TEMP TABLE t AS SELECT 1", LH_FORBIDDEN, "CREATE is not allowed"},
        {"ATTACH ':memory:' AS x", LH_FORBIDDEN, "ATTACH is not allowed"},
        {"COPY (SELECT 1) TO '/tmp/x.csv'", LH_FORBIDDEN, "COPY is not allowed"},
        {"SET threads = 1", LH_FORBIDDEN, "SET is not allowed"},
        {"PRAGMA database_size", LH_FORBIDDEN, "PRAGMA is not allowed"},
        {"PRAGMA enable_verification", LH_FORBIDDEN, "PRAGMA is not allowed"},
        {"CALL pragma_version()", LH_FORBIDDEN, "CALL is not allowed"},
        {"USE memory", LH_FORBIDDEN, "USE is not allowed"},
        {"BEGIN", LH_FORBIDDEN, "BEGIN is not allowed"},
        {"INSTALL httpfs", LH_FORBIDDEN, "INSTALL is not allowed"},
        {"EXPLAIN ANALYZE CREATE TABLE zz AS SELECT 1", LH_FORBIDDEN, "CREATE in EXPLAIN is not allowed"},
        {"SELECT * FROM enable_logging()", LH_FORBIDDEN, "enable_logging"},
        {"SELECT * FROM \"enable_logging\" /* x */ ()", LH_FORBIDDEN, "enable_logging"},
        {"SELECT * FROM read_text('/etc/passwd')", LH_FORBIDDEN, "/etc/passwd"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct lh_err err = LH_ERR_INIT;
        assert_sql_fails(&fx, rows[i].sql, rows[i].code, &err);
        if (!strstr(err.message, rows[i].says))
            fail_msg("%s says: %s", rows[i].sql, err.message);
    }
    /* In a text that is run the same functions cannot be seen; what they change ends with the session. */
    static const char *const runs_text[] = {
        "FROM query('FROM enable_' || 'logging(level=''trace'')')",
        "FROM json_execute_serialized_sql(json_serialize_sql('FROM enable_logging(level=''trace'')'))",
    };
    for (size_t i = 0; i < sizeof runs_text / sizeof *runs_text; i++)
        for (int times = 0; times < 4; times++) {
            struct lh_err err = LH_ERR_INIT;
            struct engine_query query = query_of(runs_text[i]);
            lh_ignore(run_query(&fx, &query, NULL, NULL, &err));
        }
    for (int times = 0; times < 4; times++) {
        assert_sql_csv(&fx, "SELECT 'mine alone' AS t", "t\r\nmine alone\r\n");
        assert_sql_csv(&fx, "SELECT count(*) AS n FROM duckdb_logs() WHERE message LIKE '%mine ' || 'alone%'",
                       "n\r\n0\r\n");
    }
    /* Nothing of it reached the session of a later statement. */
    assert_sql_csv(&fx, "SELECT count(*) AS n FROM duckdb_tables()", "n\r\n0\r\n");
}

static void errors_point_at_the_place(void **state) {
    (void)state;
    static const struct {
        const char *sql;
        long position;
        const char *message, *hint;
    } rows[] = {
        {"SELECT * FRM x", 14, "LINE 1: SELECT * FRM x\n                     ^", ""},
        {"SELECT 1,\n  nocol\nFROM range(3)", 13, "LINE 2:   nocol\n          ^", ""},
        {"SELECT * FROM nosuch", 15, "there is no dataset or table \"nosuch\"", "GET /catalog/datasets"},
        {"SELECT 'a'::INT", 11, "Could not convert string 'a'", ""},
        {"SELECT cuont(1)", 8, "cuont", "did you mean"},
        {"SELECT '\xc3\xa4\xc3\xb6', nocol", 16, "LINE 1: SELECT '\xc3\xa4\xc3\xb6', nocol\n                     ^",
         ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct lh_err err = LH_ERR_INIT;
        assert_sql_fails(&fx, rows[i].sql, LH_SQL, &err);
        if (err.position != rows[i].position || !strstr(err.message, rows[i].message) ||
            !strstr(err.hint, rows[i].hint))
            fail_msg("%s: position %ld\n%s\nhint %s", rows[i].sql, err.position, err.message, err.hint);
    }
}

static void takes_parameters(void **state) {
    (void)state;
    static const struct {
        const char *sql, *params, *csv, *says;
    } rows[] = {
        {"SELECT $1 AS a, $2 AS b", "[9007199254740993, null]", "a,b\r\n9007199254740993,\r\n", NULL},
        {"SELECT ? + 1 AS a, ? AS b", "[1.5, \"x\"]", "a,b\r\n2.5,x\r\n", NULL},
        {"SELECT $1 AS a, $1 AS b", "[true]", "a,b\r\ntrue,true\r\n", NULL},
        {"SELECT $low < $high AS ok", "{\"low\": 1, \"high\": 2}", "ok\r\ntrue\r\n", NULL},
        {"SELECT len($1) AS n, $1[2] AS second", "[[1, 2.5, null]]", "n,second\r\n3,2.5\r\n", NULL},
        {"SELECT list_contains($1, 'b') AS has", "[[\"a\", \"b\"]]", "has\r\ntrue\r\n", NULL},
        {"SELECT len($1) AS n", "[[[1], [2, 3]]]", "n\r\n2\r\n", NULL},
        {"SELECT len($1) AS n", "[[]]", "n\r\n0\r\n", NULL},
        {"SELECT DATE '2024-02-01' > $1 AS later", "[\"2024-01-01\"]", "later\r\ntrue\r\n", NULL},
        {"SELECT range FROM range(9) LIMIT ?", "[1]", "range\r\n0\r\n", NULL},
        {"SELECT 1 AS a", "[]", "a\r\n1\r\n", NULL},
        {"SELECT $1", "[]", NULL, "has 1 parameter, but 0 were given"},
        {"SELECT $1", NULL, NULL, "has 1 parameter, but 0 were given"},
        {"SELECT 1", "[1]", NULL, "has 0 parameters, but 1 was given"},
        {"SELECT $2", "[1, 2]", NULL, "skips parameter $1"},
        {"SELECT $a", "[1]", NULL, "named parameter $a"},
        {"SELECT $a", "{\"b\": 1}", NULL, "no value was given for parameter $a"},
        {"SELECT $a", "{\"a\": 1, \"b\": 1}", NULL, "given for $b"},
        {"SELECT $1", "[{\"a\": 1}]", NULL, "parameter $1: an object"},
        {"SELECT $1", "[[1, \"x\"]]", NULL, "must be of one kind"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct lh_err err = LH_ERR_INIT;
        struct engine_query query = query_of(rows[i].sql);
        json_t *params = rows[i].params ? json_loads(rows[i].params, 0, NULL) : NULL;
        query.params = params;
        if (rows[i].csv)
            assert_csv(&fx, &query, rows[i].csv);
        else if (run_query(&fx, &query, NULL, NULL, &err) != LH_SQL || !strstr(err.message, rows[i].says))
            fail_msg("%s with %s: %s", rows[i].sql, rows[i].params, err.message);
        json_decref(params);
    }
}

static void reads_only_its_folders(void **state) {
    (void)state;
    char path[128], sql[256];
    snprintf(path, sizeof path, "%s/a.csv", fx.root);
    FILE *file = fopen(path, "w");
    fputs("a,b\n1,2\n", file);
    fclose(file);
    snprintf(sql, sizeof sql, "SELECT * FROM read_csv('%s')", path);
    assert_sql_csv(&fx, sql, "a,b\r\n1,2\r\n");
    struct lh_err err = LH_ERR_INIT;
    snprintf(sql, sizeof sql, "SELECT * FROM read_csv('%s/../x.csv')", fx.root);
    assert_sql_fails(&fx, sql, LH_FORBIDDEN, &err);

    /* A bucket that came later is seen by the next statement. */
    char other[96];
    snprintf(other, sizeof other, "%s/other", fx.dir);
    assert_int_equal(os_mkdir_all(fx.os, AT_FDCWD, other, 0700, &err), LH_OK);
    snprintf(path, sizeof path, "%s/b.csv", other);
    file = fopen(path, "w");
    fputs("c\n3\n", file);
    fclose(file);
    snprintf(sql, sizeof sql, "SELECT * FROM read_csv('%s')", path);
    assert_sql_fails(&fx, sql, LH_FORBIDDEN, &err);
    const char *roots[] = {fx.root, other};
    engine_set_read_roots(fx.engine, roots, 2);
    assert_sql_csv(&fx, sql, "c\r\n3\r\n");
}

static void says_what_it_is(void **state) {
    (void)state;
    json_t *report;
    struct lh_err err = LH_ERR_INIT;
    assert_int_equal(engine_probe(fx.engine, &report, &err), LH_OK);
    assert_string_equal(json_string_value(json_object_get(report, "duckdb")), "v1.5.6");
    assert_true(json_is_true(json_object_get(report, "duckdb_fence")));
    assert_int_equal(json_integer_value(json_object_get(report, "landlock_abi")),
                     json_integer_value(json_object_get(report, "kernel_landlock_abi")));
    json_decref(report);
}

int main(int argc, char **argv) {
    ENGINE_TEST_MAIN(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers),
        cmocka_unit_test(tells_columns_and_counts),
        cmocka_unit_test(reading_statements_run),
        cmocka_unit_test(other_statements_do_not),
        cmocka_unit_test(errors_point_at_the_place),
        cmocka_unit_test(takes_parameters),
        cmocka_unit_test(reads_only_its_folders),
        cmocka_unit_test(says_what_it_is),
    };
    return cmocka_run_group_tests(tests, open_engine, close_engine);
}
