/* The Arrow stream: its framing, where batches end, what cannot be carried, and a golden file byte for byte.  That
 * the official client reads every type right is proved in tests/http/query_formats.test.mjs. */
#include "encode_rig.h"

#include <stdio.h>

#include "engine/worker/arrow_column.h"

#define GOLDEN LH_TEST_SOURCE_DIR "/tests/unit/engine/worker/golden/types.arrow"

/* LAKEHOUSE_RENEW=1 writes the file anew. */
static const char golden_sql[] =
    "SELECT i::INTEGER AS i, CASE WHEN i % 3 > 0 THEN 'text ' || i END AS s, i % 2 = 0 AS b, i::DECIMAL(9,2) AS d, "
    "i::HUGEINT AS h, DATE '2026-01-31' + i::INTEGER AS day, TIMESTAMPTZ '2026-01-31 12:00:00+00' AS at, "
    "[i, NULL] AS l, {'a': i, 'b': 'x'} AS st, MAP {'k': i} AS m, [i, i]::FLOAT[2] AS arr, "
    "(['no', 'yes'])[i % 2 + 1]::ENUM('no', 'yes') AS e, INTERVAL '1 month 2 days' AS iv, "
    "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::UUID AS u, union_value(n := i)::UNION(n BIGINT, t VARCHAR) AS un, "
    "'\\xFF'::BLOB AS bl FROM range(5) t(i)";

static void test_golden_file(void **state) {
    struct encode_rig *rig = *state;
    const char *bytes = rig_text(rig, ENGINE_ARROW, golden_sql);
    if (getenv("LAKEHOUSE_RENEW")) {
        FILE *file = fopen(GOLDEN, "wb");
        assert_non_null(file);
        assert_int_equal(fwrite(bytes, 1, rig->delivered.len, file), rig->delivered.len);
        assert_int_equal(fclose(file), 0);
    }
    FILE *file = fopen(GOLDEN, "rb");
    assert_non_null(file);
    static char golden[64 * 1024];
    size_t len = fread(golden, 1, sizeof golden, file);
    fclose(file);
    assert_int_equal(len, rig->delivered.len);
    assert_memory_equal(bytes, golden, len);
}

/* Walk the messages; returns how many record batches there are. */
static size_t count_batches(const char *bytes, size_t len) {
    size_t batches = 0, at = 0;
    for (;;) {
        int32_t mark, size;
        assert_true(at + 8 <= len);
        memcpy(&mark, bytes + at, sizeof mark);
        memcpy(&size, bytes + at + 4, sizeof size);
        assert_int_equal(mark, -1);
        if (size == 0) {
            assert_int_equal(at + 8, len); /* the end mark is the end */
            return batches;
        }
        assert_int_equal((at + 8 + (size_t)size) % 64, 0);
        const char *metadata = bytes + at + 8;
        uint32_t root;
        int32_t back;
        memcpy(&root, metadata, sizeof root);
        const char *table = metadata + root;
        memcpy(&back, table, sizeof back);
        uint16_t vtable[6];
        memcpy(vtable, table - back, sizeof vtable);
        batches += table[vtable[3]] == 3; /* header_type is RecordBatch */
        int64_t body = 0;
        if (vtable[5])
            memcpy(&body, table + vtable[5], sizeof body);
        assert_int_equal(body % 64, 0);
        at += 8 + (size_t)size + (size_t)body;
    }
}

static size_t batches_of(struct encode_rig *rig, const char *sql) {
    const char *bytes = rig_text(rig, ENGINE_ARROW, sql);
    return count_batches(bytes, rig->delivered.len);
}

static void test_batches(void **state) {
    assert_int_equal(batches_of(*state, "SELECT 1 AS a LIMIT 0"), 0);
    assert_int_equal(batches_of(*state, "SELECT 1 AS a"), 1);
    assert_int_equal(batches_of(*state, "SELECT i FROM range(200000) t(i)"), 4);                    /* by rows */
    assert_int_equal(batches_of(*state, "SELECT repeat('x', 4000) AS s FROM range(5000) t(i)"), 3); /* by bytes */
}

static void test_memory_stays_bounded(void **state) {
    struct encode_rig *rig = *state;
    size_t batches = batches_of(rig, "SELECT repeat('x', 4000) AS s FROM range(20000) t(i)");
    assert_true(batches >= 10);
    assert_true(rig->largest_flush < 3 * ENCODER_FLUSH_BYTES);
}

struct refusal {
    const char *expression;
    const char *message; /* part of it */
};

static const struct refusal refusals[] = {
    {"100000000000000000000000000000000000000::HUGEINT", "39 digits"},
    {"(-100000000000000000000000000000000000000)::HUGEINT", "39 digits"},
    {"340282366920938463463374607431768211455::UHUGEINT", "39 digits"},
    {"to_microseconds(9223372036854775)+to_microseconds(1)", "too long"},
    {"[to_microseconds(9223372036854775807)]", "too long"},
    {"{'x': 1}::VARIANT", "VARIANT"},
};

static void test_values_that_do_not_fit_name_their_column(void **state) {
    for (size_t i = 0; i < LH_ARRAY_LEN(refusals); i++) {
        struct lh_err err = LH_ERR_INIT;
        char sql[256];
        snprintf(sql, sizeof sql, "SELECT 1 AS fine, %s AS odd", refusals[i].expression);
        assert_int_equal(rig_encode(*state, ENGINE_ARROW, sql, &err), LH_DATA);
        assert_non_null(strstr(err.message, "\"odd\""));
        assert_non_null(strstr(err.message, refusals[i].message));
        assert_non_null(strstr(err.hint, "CAST(\"odd\" AS "));
    }
    struct encode_rig *rig = *state;
    rig_text(rig, ENGINE_ARROW,
             "SELECT 99999999999999999999999999999999999999::HUGEINT, "
             "to_microseconds(9223372036854775)");
}

/* A mask makes a value NULL; DuckDB may leave the value itself in its place, which must not travel. */
static void test_nothing_lies_beneath_a_null(void **state) {
    (void)state;
    int64_t numbers[3] = {1, 0x5ec2e75ec2e7, 3};
    bool flags[3] = {true, true, true};
    uint64_t validity = 5; /* the second is NULL */
    char name[] = "n";
    struct column number = {.type = DUCKDB_TYPE_BIGINT,
                            .storage = DUCKDB_TYPE_BIGINT,
                            .name = name,
                            .data = numbers,
                            .validity = &validity};
    struct column flag = {.type = DUCKDB_TYPE_BOOLEAN,
                          .storage = DUCKDB_TYPE_BOOLEAN,
                          .name = name,
                          .data = flags,
                          .validity = &validity};
    struct arrow_column a, b;
    int64_t next_dictionary = 0;
    struct lh_err err = LH_ERR_INIT;
    arrow_column_init(&a, &number, &next_dictionary);
    arrow_column_init(&b, &flag, &next_dictionary);
    assert_int_equal(arrow_column_append(&a, 0, 3, &err), LH_OK);
    assert_int_equal(arrow_column_append(&b, 0, 3, &err), LH_OK);
    assert_memory_equal(a.values.data, ((int64_t[]){1, 0, 3}), sizeof numbers);
    assert_int_equal(b.values.data[0], 5);
    assert_int_equal(a.null_count, 1);
    arrow_column_deinit(&a);
    arrow_column_deinit(&b);
}

/* Offsets are 31-bit: the batch must end before a text column passes 2 GiB. */
static void test_a_full_column_takes_no_more(void **state) {
    (void)state;
    duckdb_string_t strings[2] = {{.value.inlined = {.length = 12}}, {.value.inlined = {.length = 1}}};
    char name[] = "s";
    struct column source = {.type = DUCKDB_TYPE_VARCHAR, .storage = DUCKDB_TYPE_VARCHAR, .name = name, .data = strings};
    struct arrow_column a;
    int64_t next_dictionary = 0;
    arrow_column_init(&a, &source, &next_dictionary);
    a.values.len = INT32_MAX - 12;
    assert_true(arrow_column_fits(&a, 0, 1));
    assert_false(arrow_column_fits(&a, 0, 2));
    assert_true(arrow_column_fits(&a, 1, 1)); /* asking leaves no trace */
    a.values.len = 0;
    arrow_column_deinit(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_file),
        cmocka_unit_test(test_batches),
        cmocka_unit_test(test_memory_stays_bounded),
        cmocka_unit_test(test_values_that_do_not_fit_name_their_column),
        cmocka_unit_test(test_nothing_lies_beneath_a_null),
        cmocka_unit_test(test_a_full_column_takes_no_more),
    };
    return cmocka_run_group_tests(tests, rig_open, rig_close);
}
