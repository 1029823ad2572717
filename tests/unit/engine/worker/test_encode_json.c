/* Every DuckDB type's JSON form, as docs/formats/json-values.md promises them. */
#include "encode_rig.h"

#include <stdio.h>

struct value_case {
    const char *name;
    const char *expression; /* of one value */
    const char *json;
};

static const struct value_case values[] = {
    {"null", "NULL", "null"},
    {"true", "true", "true"},
    {"false", "false", "false"},
    {"tinyint least", "(-128)::TINYINT", "-128"},
    {"utinyint most", "255::UTINYINT", "255"},
    {"smallint least", "(-32768)::SMALLINT", "-32768"},
    {"usmallint most", "65535::USMALLINT", "65535"},
    {"integer least", "(-2147483648)::INTEGER", "-2147483648"},
    {"integer zero", "0", "0"},
    {"uinteger most", "4294967295::UINTEGER", "4294967295"},
    {"bigint small", "5::BIGINT", "5"},
    {"bigint last exact", "9007199254740991::BIGINT", "9007199254740991"},
    {"bigint first inexact", "9007199254740992::BIGINT", "\"9007199254740992\""},
    {"bigint last exact below zero", "(-9007199254740991)::BIGINT", "-9007199254740991"},
    {"bigint first inexact below zero", "(-9007199254740992)::BIGINT", "\"-9007199254740992\""},
    {"bigint least", "(-9223372036854775808)::BIGINT", "\"-9223372036854775808\""},
    {"bigint most", "9223372036854775807::BIGINT", "\"9223372036854775807\""},
    {"ubigint small", "7::UBIGINT", "7"},
    {"ubigint most", "18446744073709551615::UBIGINT", "\"18446744073709551615\""},
    {"hugeint small", "(-1)::HUGEINT", "-1"},
    {"hugeint least", "(-170141183460469231731687303715884105728)::HUGEINT",
     "\"-170141183460469231731687303715884105728\""},
    {"hugeint most", "170141183460469231731687303715884105727::HUGEINT", "\"170141183460469231731687303715884105727\""},
    {"hugeint inner zeros", "100000000000000000000000000000000000001::HUGEINT",
     "\"100000000000000000000000000000000000001\""},
    {"uhugeint small", "1::UHUGEINT", "1"},
    {"uhugeint most", "340282366920938463463374607431768211455::UHUGEINT",
     "\"340282366920938463463374607431768211455\""},
    {"bignum", "'-123456789012345678901234567890123456789012345678901234567890'::BIGNUM",
     "\"-123456789012345678901234567890123456789012345678901234567890\""},
    {"bignum zero", "0::BIGNUM", "\"0\""},
    {"bignum groups of zeros", "'1000000000000000000000000000000'::BIGNUM", "\"1000000000000000000000000000000\""},
    {"float", "0.1::FLOAT", "0.1"},
    {"float most", "3.4028235e38::FLOAT", "3.4028235e38"},
    {"float nan", "'nan'::FLOAT", "\"NaN\""},
    {"double", "0.1::DOUBLE", "0.1"},
    {"double sum", "0.1::DOUBLE + 0.2::DOUBLE", "0.30000000000000004"},
    {"double whole", "100::DOUBLE", "100.0"},
    {"double before scientific", "1e15::DOUBLE", "1000000000000000.0"},
    {"double scientific", "1e16::DOUBLE", "1e16"},
    {"double tiny", "5e-324::DOUBLE", "5e-324"},
    {"double most", "1.7976931348623157e308::DOUBLE", "1.7976931348623157e308"},
    {"double minus zero", "-(0.0::DOUBLE)", "-0.0"},
    {"double nan", "'nan'::DOUBLE", "\"NaN\""},
    {"double infinity", "'inf'::DOUBLE", "\"Infinity\""},
    {"double minus infinity", "'-inf'::DOUBLE", "\"-Infinity\""},
    {"decimal 16 bits", "(-1.5)::DECIMAL(4,1)", "\"-1.5\""},
    {"decimal 32 bits", "1.5::DECIMAL(9,2)", "\"1.50\""},
    {"decimal 64 bits", "0.001::DECIMAL(18,3)", "\"0.001\""},
    {"decimal 128 bits", "12345678901234567890.0123456789::DECIMAL(38,10)", "\"12345678901234567890.0123456789\""},
    {"decimal all fraction", "(-0.05)::DECIMAL(2,2)", "\"-0.05\""},
    {"decimal no fraction", "99::DECIMAL(38,0)", "\"99\""},
    {"decimal zero", "0::DECIMAL(10,4)", "\"0.0000\""},
    {"varchar", "'hello'", "\"hello\""},
    {"varchar empty", "''", "\"\""},
    {"varchar escapes", "'a\"b\\c' || chr(8) || chr(9) || chr(10) || chr(12) || chr(13)",
     "\"a\\\"b\\\\c\\b\\t\\n\\f\\r\""},
    {"varchar controls", "chr(0) || chr(1) || chr(31) || chr(127)", "\"\\u0000\\u0001\\u001f\x7f\""},
    {"varchar NUL inside", "'ab' || chr(0) || 'cd'", "\"ab\\u0000cd\""},
    {"varchar UTF-8", "'naïve 日本 🦆'", "\"naïve 日本 🦆\""},
    {"varchar long, escape in each word", "repeat('1234567\"', 3)", "\"1234567\\\"1234567\\\"1234567\\\"\""},
    {"varchar long plain", "repeat('abcdefghijk', 3)", "\"abcdefghijkabcdefghijkabcdefghijk\""},
    {"varchar all escapes", "repeat(chr(1), 20)",
     "\"\\u0001\\u0001\\u0001\\u0001\\u0001\\u0001\\u0001\\u0001\\u0001\\u0001"
     "\\u0001\\u0001\\u0001\\u0001\\u0001\\u0001\\u0001\\u0001\\u0001\\u0001\""},
    {"json", "'{\"a\": [1, null]}'::JSON", "\"{\\\"a\\\": [1, null]}\""},
    {"blob", "'\\x00\\xFF'::BLOB", "\"AP8=\""},
    {"blob of three", "'abc'::BLOB", "\"YWJj\""},
    {"blob of one", "'a'::BLOB", "\"YQ==\""},
    {"blob empty", "''::BLOB", "\"\""},
    {"bit", "'10101'::BIT", "\"10101\""},
    {"bit of two bytes", "'1111111100000001'::BIT", "\"1111111100000001\""},
    {"uuid", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::UUID", "\"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11\""},
    {"uuid zero", "'00000000-0000-0000-0000-000000000000'::UUID", "\"00000000-0000-0000-0000-000000000000\""},
    {"enum", "'b'::ENUM('a', 'b')", "\"b\""},
    {"date", "DATE '2026-01-31'", "\"2026-01-31\""},
    {"date leap day", "DATE '2000-02-29'", "\"2000-02-29\""},
    {"date before the epoch", "DATE '1969-12-31'", "\"1969-12-31\""},
    {"date year 1", "DATE '0001-01-01'", "\"0001-01-01\""},
    {"date 1 BC is year 0", "'0001-12-31 (BC)'::DATE", "\"0000-12-31\""},
    {"date 44 BC", "'0044-03-15 (BC)'::DATE", "\"-000043-03-15\""},
    {"date five digits", "DATE '12345-06-07'", "\"+012345-06-07\""},
    {"date last", "DATE '5881580-07-10'", "\"+5881580-07-10\""},
    {"date first", "'5877642-06-25 (BC)'::DATE", "\"-5877641-06-25\""},
    {"date infinite", "'infinity'::DATE", "\"infinity\""},
    {"date minus infinite", "'-infinity'::DATE", "\"-infinity\""},
    {"time", "TIME '01:02:03.000004'", "\"01:02:03.000004\""},
    {"time of day's end", "TIME '24:00:00'", "\"24:00:00.000000\""},
    {"time ns", "'01:02:03.123456789'::TIME_NS", "\"01:02:03.123456789\""},
    {"time tz east", "'01:02:03+05:30'::TIMETZ", "\"01:02:03.000000+05:30\""},
    {"time tz west", "'01:02:03-08'::TIMETZ", "\"01:02:03.000000-08:00\""},
    {"time tz seconds", "'01:02:03+15:59:59'::TIMETZ", "\"01:02:03.000000+15:59:59\""},
    {"timestamp", "TIMESTAMP '2026-01-31 23:59:59.123456'", "\"2026-01-31T23:59:59.123456\""},
    {"timestamp before the epoch", "TIMESTAMP '1969-12-31 23:59:59.999999'", "\"1969-12-31T23:59:59.999999\""},
    {"timestamp BC", "'0044-03-15 (BC) 12:00:00'::TIMESTAMP", "\"-000043-03-15T12:00:00.000000\""},
    {"timestamp far", "TIMESTAMP '294247-01-10 04:00:54.775806'", "\"+294247-01-10T04:00:54.775806\""},
    {"timestamp infinite", "'infinity'::TIMESTAMP", "\"infinity\""},
    {"timestamp minus infinite", "'-infinity'::TIMESTAMP", "\"-infinity\""},
    {"timestamp s", "TIMESTAMP_S '2026-01-31 23:59:59'", "\"2026-01-31T23:59:59\""},
    {"timestamp s infinite", "'infinity'::TIMESTAMP_S", "\"infinity\""},
    {"timestamp ms", "TIMESTAMP_MS '2026-01-31 23:59:59.123'", "\"2026-01-31T23:59:59.123\""},
    {"timestamp ns", "TIMESTAMP_NS '2026-01-31 23:59:59.123456789'", "\"2026-01-31T23:59:59.123456789\""},
    {"timestamp ns infinite", "'-infinity'::TIMESTAMP_NS", "\"-infinity\""},
    {"timestamptz", "TIMESTAMPTZ '2026-01-31 23:59:59.5+02'", "\"2026-01-31T21:59:59.500000Z\""},
    {"timestamptz infinite", "'infinity'::TIMESTAMPTZ", "\"infinity\""},
    {"interval", "INTERVAL '1 year 2 months -3 days 4.5 seconds'", "\"1 year 2 months -3 days 00:00:04.5\""},
    {"interval none", "INTERVAL '0 days'", "\"00:00:00\""},
    {"interval one month back", "INTERVAL '-1 month'", "\"-1 month\""},
    {"interval of hours", "INTERVAL '100 hours' - INTERVAL '101 hours'", "\"-01:00:00\""},
    {"list", "[1, NULL, 3]", "[1,null,3]"},
    {"list empty", "[]", "[]"},
    {"list of lists", "[[1], NULL, []]", "[[1],null,[]]"},
    {"list of text", "['a', 'b\"']", "[\"a\",\"b\\\"\"]"},
    {"array", "[1.5, 2.5]::FLOAT[2]", "[1.5,2.5]"},
    {"array null", "NULL::INTEGER[3]", "null"},
    {"array of arrays", "[[1,2],[3,4]]::INTEGER[2][2]", "[[1,2],[3,4]]"},
    {"struct", "{'a': 1, 'b c': 'x', 'd': NULL}", "{\"a\":1,\"b c\":\"x\",\"d\":null}"},
    {"struct in struct", "{'a': {'b': [1]}}", "{\"a\":{\"b\":[1]}}"},
    {"struct without names", "row(1, 'x')", "[1,\"x\"]"},
    {"map", "MAP {'k': 1, 'l': NULL}", "[{\"key\":\"k\",\"value\":1},{\"key\":\"l\",\"value\":null}]"},
    {"map empty", "MAP {}", "[]"},
    {"map of numbers", "MAP {1: DATE '2026-01-01'}", "[{\"key\":1,\"value\":\"2026-01-01\"}]"},
    {"union", "union_value(n := 1)::UNION(s VARCHAR, n INTEGER)", "{\"n\":1}"},
    {"union null", "NULL::UNION(s VARCHAR, n INTEGER)", "null"},
    {"geometry", "'POINT(1 2)'::GEOMETRY", "\"AQEAAAAAAAAAAADwPwAAAAAAAABA\""},
};

static void test_every_type(void **state) {
    struct encode_rig *rig = *state;
    for (size_t i = 0; i < LH_ARRAY_LEN(values); i++) {
        char sql[512], want[512];
        snprintf(sql, sizeof sql, "SELECT %s AS v", values[i].expression);
        snprintf(want, sizeof want, "\"rows\":[\n[%s]\n],\"row_count\":1,\"truncated\":false,\"elapsed_ms\":1.500}\n",
                 values[i].json);
        const char *rows = strstr(rig_text(rig, ENGINE_JSON, sql), "\"rows\"");
        if (!rows || strcmp(rows, want) != 0)
            fail_msg("%s: got %swanted %s", values[i].name, rows ? rows : "nothing\n", want);
    }
}

static void test_every_type_is_null_between_values(void **state) {
    struct encode_rig *rig = *state;
    for (size_t i = 1; i < LH_ARRAY_LEN(values); i++) {
        char sql[1024], want[1024];
        snprintf(sql, sizeof sql, "SELECT v FROM range(4) t(i) LEFT JOIN (SELECT %s AS v) ON i %% 2 = 1 ORDER BY i",
                 values[i].expression);
        snprintf(want, sizeof want, "\"rows\":[\n[null],\n[%s],\n[null],\n[%s]\n],\"row_count\":4", values[i].json,
                 values[i].json);
        const char *text = rig_text(rig, ENGINE_JSON, sql);
        if (!strstr(text, want))
            fail_msg("%s: got %s", values[i].name, text);
    }
}

static void test_head_names_columns_and_types(void **state) {
    const char *text =
        rig_text(*state, ENGINE_JSON, "SELECT 1 AS a, 1.5::DECIMAL(18,3) AS \"b \"\"q\"\"\", 'x' AS a LIMIT 0");
    assert_string_equal(text, "{\"columns\":[{\"name\":\"a\",\"type\":\"INTEGER\"},"
                              "{\"name\":\"b \\\"q\\\"\",\"type\":\"DECIMAL(18,3)\"},"
                              "{\"name\":\"a\",\"type\":\"VARCHAR\"}],\"rows\":["
                              "],\"row_count\":0,\"truncated\":false,\"elapsed_ms\":1.500}\n");
}

/* Children of a nested value may be constant inside DuckDB, and lists share and reorder their elements. */
static void test_nested_vectors_are_flat(void **state) {
    const char *text = rig_text(*state, ENGINE_NDJSON,
                                "SELECT {'i': i, 'five': 5, 'l': [7, 8]} AS s, [i, i * 10] AS l "
                                "FROM range(3) t(i) ORDER BY i DESC");
    assert_string_equal(text, "{\"s\":{\"i\":2,\"five\":5,\"l\":[7,8]},\"l\":[2,20]}\n"
                              "{\"s\":{\"i\":1,\"five\":5,\"l\":[7,8]},\"l\":[1,10]}\n"
                              "{\"s\":{\"i\":0,\"five\":5,\"l\":[7,8]},\"l\":[0,0]}\n");
}

static void test_ndjson_makes_names_unique(void **state) {
    const char *text = rig_text(*state, ENGINE_NDJSON, "SELECT 1 AS a, 2 AS a, 3 AS \"A\", 4 AS a_1, 5 AS a, 6 AS a_1");
    assert_string_equal(text, "{\"a\":1,\"a_2\":2,\"A\":3,\"a_1\":4,\"a_3\":5,\"a_1_1\":6}\n");
}

static void test_row_limit_cuts_inside_a_chunk(void **state) {
    struct encode_rig *rig = *state;
    rig->row_limit = 2;
    const char *text = rig_text(rig, ENGINE_JSON, "SELECT i FROM range(10) t(i)");
    rig->row_limit = 0;
    assert_non_null(strstr(text, "[\n[0],\n[1]\n],\"row_count\":2,\"truncated\":true,"));
}

static void test_long_results_leave_in_pieces(void **state) {
    struct encode_rig *rig = *state;
    const size_t rows = 20000;
    const char *text = rig_text(rig, ENGINE_NDJSON, "SELECT repeat('x', 1000) AS s, i FROM range(20000) t(i)");
    size_t lines = 0;
    for (const char *at = text; (at = strchr(at, '\n')); at++)
        lines++;
    assert_int_equal(lines, rows);
    assert_true(rig->flushes > 100);
    assert_true(rig->largest_flush < 2 * ENCODER_FLUSH_BYTES);
}

static void test_a_type_without_a_form_names_the_column(void **state) {
    struct lh_err err = LH_ERR_INIT;
    assert_int_equal(rig_encode(*state, ENGINE_JSON, "SELECT 1 AS a, {'x': 1}::VARIANT AS odd", &err), LH_DATA);
    assert_non_null(strstr(err.message, "\"odd\""));
    assert_string_equal(err.hint, "cast it: CAST(\"odd\" AS JSON)");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_type),
        cmocka_unit_test(test_every_type_is_null_between_values),
        cmocka_unit_test(test_head_names_columns_and_types),
        cmocka_unit_test(test_nested_vectors_are_flat),
        cmocka_unit_test(test_ndjson_makes_names_unique),
        cmocka_unit_test(test_row_limit_cuts_inside_a_chunk),
        cmocka_unit_test(test_long_results_leave_in_pieces),
        cmocka_unit_test(test_a_type_without_a_form_names_the_column),
    };
    return cmocka_run_group_tests(tests, rig_open, rig_close);
}
