/* The Parquet file holds the rows, in order, with nothing lost; and nothing stays behind. */
#include "encode_rig.h"

#include <stdio.h>

/* Encode `sql`, put the file where DuckDB can read it, and answer a query over it ('%s' is its path) as CSV. */
static const char *over_file(struct encode_rig *rig, const char *sql, const char *query) {
    const char *bytes = rig_text(rig, ENGINE_PARQUET, sql);
    assert_memory_equal(bytes, "PAR1", 4);
    char path[128], question[1024];
    snprintf(path, sizeof path, "%s/read.parquet", rig->temp_dir);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, rig->delivered.len, file), rig->delivered.len);
    assert_int_equal(fclose(file), 0);
    snprintf(question, sizeof question, "SELECT %s FROM '%s'", query, path);
    const char *answer = rig_text(rig, ENGINE_CSV, question);
    assert_int_equal(unlink(path), 0);
    return strstr(answer, "\r\n") + 2; /* behind the header */
}

struct parquet_case {
    const char *name;
    const char *expression;
    const char *back; /* typeof and text of what is read back */
};

static const struct parquet_case cases[] = {
    {"integer", "7", "INTEGER,7\r\n"},
    {"null", "NULL::DATE", "DATE,\r\n"},
    {"text", "'naïve'", "VARCHAR,naïve\r\n"},
    {"hugeint is exact", "99999999999999999999999999999999999999::HUGEINT",
     "\"DECIMAL(38,0)\",99999999999999999999999999999999999999\r\n"},
    {"interval keeps microseconds", "INTERVAL '1 month 1.000005 seconds'", "VARCHAR,1 month 00:00:01.000005\r\n"},
    {"timetz keeps its offset", "'01:02:03+05:30'::TIMETZ", "VARCHAR,01:02:03+05:30\r\n"},
    {"decimal", "1.50::DECIMAL(38,2)", "\"DECIMAL(38,2)\",1.50\r\n"},
    {"json", "'{\"a\":1}'::JSON", "JSON,\"{\"\"a\"\":1}\"\r\n"},
    {"list of structs", "[{'a': 1, 'b': 'x'}]", "\"STRUCT(a INTEGER, b VARCHAR)[]\",\"[{'a': 1, 'b': x}]\"\r\n"},
    {"variant", "{'a': 1}::VARIANT", "VARIANT,{'a': 1}\r\n"},
    {"enum", "'b'::ENUM('a', 'b')", "VARCHAR,b\r\n"},
    {"uuid", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::UUID", "UUID,a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11\r\n"},
};

static void test_types(void **state) {
    for (size_t i = 0; i < LH_ARRAY_LEN(cases); i++) {
        char sql[256];
        snprintf(sql, sizeof sql, "SELECT %s AS v", cases[i].expression);
        const char *back = over_file(*state, sql, "typeof(v) AS t, v::VARCHAR AS v");
        if (strncmp(back, cases[i].back, strlen(cases[i].back)) != 0)
            fail_msg("%s: got %s", cases[i].name, back);
    }
}

static void test_many_rows_in_order(void **state) {
    const char *back = over_file(*state, "SELECT i, repeat('x', 200) || i AS s FROM range(300000) t(i)",
                                 "count(*) AS n, bool_and(i = file_row_number AND s = repeat('x', 200) || i) AS ok");
    assert_string_equal(back, "300000,true\r\n");
}

static void test_no_rows(void **state) {
    assert_string_equal(over_file(*state, "SELECT 1 AS a, 'x' AS b LIMIT 0", "count(*), any_value(typeof(a))"),
                        "0,\r\n");
}

static void test_equal_names_are_made_unique(void **state) {
    assert_string_equal(over_file(*state, "SELECT 1 AS a, 2 AS a, 3 AS \"b \"\"q\"", "a, a_1, \"b \"\"q\""),
                        "1,2,3\r\n");
}

static void test_row_limit(void **state) {
    struct encode_rig *rig = *state;
    rig->row_limit = 3000; /* cuts the second chunk */
    const char *bytes = rig_text(rig, ENGINE_PARQUET, "SELECT i FROM range(10000) t(i)");
    rig->row_limit = 0;
    assert_memory_equal(bytes, "PAR1", 4);
    char path[128], question[256];
    snprintf(path, sizeof path, "%s/read.parquet", rig->temp_dir);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, rig->delivered.len, file), rig->delivered.len);
    assert_int_equal(fclose(file), 0);
    snprintf(question, sizeof question, "SELECT count(*) AS n, max(i) AS m FROM '%s'", path);
    assert_string_equal(rig_text(rig, ENGINE_CSV, question), "n,m\r\n3000,2999\r\n");
    assert_int_equal(unlink(path), 0);
}

static void test_a_value_that_does_not_fit_is_an_error(void **state) {
    struct lh_err err = LH_ERR_INIT;
    assert_int_equal(
        rig_encode(*state, ENGINE_PARQUET, "SELECT 170141183460469231731687303715884105727::HUGEINT AS h", &err),
        LH_DATA);
    assert_non_null(strstr(err.message, "DECIMAL(38,0)"));
}

/* The session frees an encoder without end() when the client goes. */
static void test_abandoned_half_way(void **state) {
    struct encode_rig *rig = *state;
    const struct duckdb_api *duckdb = &rig->duckdb;
    struct lh_err err = LH_ERR_INIT;
    struct encoder_out out = {.bytes = BUF_INIT, .flush = rig_flush, .ctx = rig};
    struct encoder_env env = {duckdb, rig->connection, rig->database, rig->temp_dir, &out};
    duckdb_result result;
    assert_int_equal(duckdb->query(rig->connection, "SELECT i FROM range(5000) t(i)", &result), DuckDBSuccess);
    struct encoder_column column = {"i", duckdb->column_logical_type(&result, 0)};
    struct encoder *e = encoder_new(ENGINE_PARQUET, &env);
    assert_int_equal(encoder_begin(e, &column, 1, &err), LH_OK);
    duckdb_data_chunk chunk = duckdb->fetch_chunk(result);
    assert_int_equal(encoder_chunk(e, chunk, duckdb->data_chunk_get_size(chunk), &err), LH_OK);
    duckdb->destroy_data_chunk(&chunk);
    encoder_free(e); /* rig_close sees that the folder is empty */
    duckdb->destroy_logical_type(&column.type);
    duckdb->destroy_result(&result);
    buf_release(&out.bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_many_rows_in_order),
        cmocka_unit_test(test_no_rows),
        cmocka_unit_test(test_equal_names_are_made_unique),
        cmocka_unit_test(test_row_limit),
        cmocka_unit_test(test_a_value_that_does_not_fit_is_an_error),
        cmocka_unit_test(test_abandoned_half_way),
    };
    return cmocka_run_group_tests(tests, rig_open, rig_close);
}
