/* The tasks on rows: what they write of tombstones and changes, as DuckDB reads it back. */
#include "base/cleanup.h"
#include "unit/engine/worker/engine_fixture.h"

struct rows_fixture {
    struct fixture engine;
    char out[100];
};

static int set_up(void **state) {
    struct rows_fixture *f = lh_calloc(1, sizeof *f);
    fixture_open(&f->engine, NULL);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct rows_fixture *f = *state;
    fixture_close(&f->engine);
    lh_free(f);
    return 0;
}

/* Into a folder of its own in the bucket, so that queries may read what it leaves. */
static enum lh_code run(struct rows_fixture *f, const char *task, json_t *request, json_t **ret_answer,
                        struct lh_err *err) {
    static unsigned number;
    snprintf(f->out, sizeof f->out, "%s/out-%u", f->engine.root, ++number);
    assert_int_equal(os_mkdir_all(f->engine.os, AT_FDCWD, f->out, 0700, err), LH_OK);
    const struct engine_task call = {
        .task = task, .request = request, .output_dir = f->out, .timeout_ms = 20000, .cancel_fd = -1};
    enum lh_code code = engine_run_task(f->engine.engine, &call, ret_answer, err);
    json_decref(request);
    return code;
}

static void assert_file(struct rows_fixture *f, const char *columns, const char *file, const char *expected) {
    LH_AUTO(mem) char *sql = lh_asprintf("SELECT %s FROM read_parquet('%s/%s')", columns, f->out, file);
    assert_sql_csv(&f->engine, sql, expected);
}

static void assert_no_file(struct rows_fixture *f, const char *file) {
    LH_AUTO(mem) char *path = lh_asprintf("%s/%s", f->out, file);
    assert_int_equal(access(path, F_OK), -1);
}

static void assert_answer(json_t *answer, const char *expected) {
    LH_AUTO(buf) struct buf text = BUF_INIT;
    lh_json_write(answer, LH_JSON_COMPACT_SORTED, &text);
    assert_string_equal(buf_cstr(&text), expected);
    json_decref(answer);
}

#define CANDIDATES "SELECT i AS id, 'n' || i AS name, CAST(i * 1.5 AS DECIMAL(9,2)) AS pay FROM range(5) t(i)"
#define CANDIDATE_COLUMNS \
    "columns", "name", "id", "type", "BIGINT", "name", "name", "type", "VARCHAR", "name", "pay", "type", "DECIMAL(9,2)"

static json_t *candidates(json_t *more) {
    json_t *request = json_pack("{s:s, s:[{s:s, s:s}, {s:s, s:s}, {s:s, s:s}], s:[s]}", "rows", CANDIDATES,
                                CANDIDATE_COLUMNS, "key", "ID");
    json_object_update(request, more);
    json_decref(more);
    return request;
}

static json_t *parse(const char *text) {
    json_t *value = NULL;
    struct lh_err err = LH_ERR_INIT;
    if (lh_json_parse(text, strlen(text), NULL, &value, &err) != LH_OK)
        fail_msg("%s", err.message);
    return value;
}

static void tombstones_tell_the_rows(void **state) {
    struct rows_fixture *f = *state;
    struct lh_err err = LH_ERR_INIT;
    json_t *answer = NULL;
    json_t *more =
        parse("{\"keys\":[[\"3\"],[\"7\"],[\"0\"],[\"3\"]],\"reason\":\"it's \\\"gone\\\"\",\"actor\":\"ana\","
              "\"at_us\":1700000000000000}");
    assert_int_equal(run(f, "tombstones_write", candidates(more), &answer, &err), LH_OK);
    assert_answer(answer, "{\"missing\":[1],\"rows\":2}");
    assert_file(f, "*", "tombstones.parquet",
                "id,__reason,__actor,__at\r\n0,\"it's \"\"gone\"\"\",ana,2023-11-14T22:13:20.000000Z\r\n"
                "3,\"it's \"\"gone\"\"\",ana,2023-11-14T22:13:20.000000Z\r\n");
    assert_file(
        f, "entity_id, action, old_value, new_value", "changes.parquet",
        "entity_id,action,old_value,new_value\r\n"
        "3,tombstone,\"{\"\"id\"\":3,\"\"name\"\":\"\"n3\"\",\"\"pay\"\":\"\"4.50\"\"}\",\"{\"\"reason\"\":\"\"it's "
        "\\\"\"gone\\\"\"\"\"}\"\r\n"
        "0,tombstone,\"{\"\"id\"\":0,\"\"name\"\":\"\"n0\"\",\"\"pay\"\":\"\"0.00\"\"}\",\"{\"\"reason\"\":\"\"it's "
        "\\\"\"gone\\\"\"\"\"}\"\r\n");
}

static void keys_that_are_not_there_write_nothing(void **state) {
    struct rows_fixture *f = *state;
    struct lh_err err = LH_ERR_INIT;
    json_t *answer = NULL;
    json_t *more = parse("{\"keys\":[[\"70\"],[\"71\"]],\"actor\":\"ana\",\"at_us\":1}");
    assert_int_equal(run(f, "tombstones_write", candidates(more), &answer, &err), LH_OK);
    assert_answer(answer, "{\"missing\":[0,1],\"rows\":0}");
    assert_no_file(f, "tombstones.parquet");
}

static void a_bad_key_is_named(void **state) {
    struct rows_fixture *f = *state;
    struct lh_err err = LH_ERR_INIT;
    json_t *answer = NULL;
    json_t *more = parse("{\"keys\":[[\"1\"],[\"x\"]],\"actor\":\"ana\",\"at_us\":1}");
    assert_int_equal(run(f, "tombstones_write", candidates(more), &answer, &err), LH_INVALID);
    assert_non_null(strstr(err.message, "row_keys[1]: \"x\" is no BIGINT"));
}

static void keys_of_several_columns_have_a_name(void **state) {
    struct rows_fixture *f = *state;
    struct lh_err err = LH_ERR_INIT;
    json_t *answer = NULL;
    json_t *request =
        parse("{\"columns\":[{\"name\":\"a\",\"type\":\"VARCHAR\"},{\"name\":\"d\",\"type\":\"DATE\"}],"
              "\"key\":[\"a\",\"d\"],\"keys\":[[\"x\\\"y\",\"2024-02-29\"]],\"actor\":\"ana\",\"at_us\":1,"
              "\"rows\":\"SELECT 'x\\\"y' AS a, DATE '2024-02-29' AS d\"}");
    assert_int_equal(run(f, "tombstones_write", request, &answer, &err), LH_OK);
    assert_answer(answer, "{\"missing\":[],\"rows\":1}");
    assert_file(f, "entity_id = '[\"x\\\"y\",\"2024-02-29\"]' AS same", "changes.parquet", "same\r\ntrue\r\n");
}

/* What cannot be the name of an entity gets another one. */
static void odd_keys_have_a_name(void **state) {
    static const struct {
        const char *key, *name;
    } ROWS[] = {
        {"''", "\"\""},
        {"'a' || chr(10)", "\"a\\n\""},
        {"'a' || chr(127)", "\"a\\u007f\""},
        {"repeat('x', 1001)", NULL},
    };
    struct rows_fixture *f = *state;
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        struct lh_err err = LH_ERR_INIT;
        json_t *answer = NULL;
        LH_AUTO(mem) char *delta = lh_asprintf("SELECT %s AS k", ROWS[i].key);
        json_t *request =
            json_pack("{s:[{s:s, s:s}], s:[s], s:s, s:[s], s:i}", "columns", "name", "k", "type", "VARCHAR", "key", "k",
                      "rows", "SELECT 'a' AS k WHERE false", "deltas", delta, "max_changes", 9);
        assert_int_equal(run(f, "changes_write", request, &answer, &err), LH_OK);
        json_decref(answer);
        LH_AUTO(mem) char *sql = ROWS[i].name ? lh_asprintf("entity_id = '%s' AS same", ROWS[i].name)
                                              : lh_asprintf("entity_id = 'sha256:' || sha256(%s) AS same", ROWS[i].key);
        assert_file(f, sql, "changes.parquet", "same\r\ntrue\r\n");
    }
}

static void changes_tell_fields(void **state) {
    struct rows_fixture *f = *state;
    struct lh_err err = LH_ERR_INIT;
    json_t *answer = NULL;
    /* 1 has another name, 2 none and other pay, 3 is the same, 9 is new. */
    json_t *more =
        parse("{\"max_changes\":10,\"deltas\":[\"FROM (VALUES (1::BIGINT, 'other', 1.5::DECIMAL(9,2)), (2, NULL, 7), "
              "(3, 'n3', 4.5), (9, 'new', NULL)) v(id, name, pay)\"]}");
    assert_int_equal(run(f, "changes_write", candidates(more), &answer, &err), LH_OK);
    assert_answer(answer, "{\"upserts\":[{\"changes\":4,\"inserted\":1,\"updated\":2}]}");
    assert_file(f, "entity_id, field, action, old_value, new_value", "changes.parquet",
                "entity_id,field,action,old_value,new_value\r\n"
                "1,name,update,\"\"\"n1\"\"\",\"\"\"other\"\"\"\r\n"
                "2,name,update,\"\"\"n2\"\"\",\r\n"
                "2,pay,update,\"\"\"3.00\"\"\",\"\"\"7.00\"\"\"\r\n"
                "9,,insert,,\"{\"\"id\"\":9,\"\"name\"\":\"\"new\"\",\"\"pay\"\":null}\"\r\n");
    more = parse("{\"max_changes\":1,\"deltas\":[\"SELECT i AS id, 'z' AS name, 0.0 AS pay FROM range(5) t(i)\"]}");
    assert_int_equal(run(f, "changes_write", candidates(more), &answer, &err), LH_OK);
    assert_answer(answer, "{\"upserts\":[{\"changes\":9,\"inserted\":0,\"too_many\":true,\"updated\":5}]}");
    assert_no_file(f, "changes.parquet");
}

/* In a pooled worker, which goes on to serve others: what it leaves would be in the way of the second time. */
static enum lh_code run_warm(struct rows_fixture *f, json_t *request, json_t **ret_answer, struct lh_err *err) {
    const struct engine_task call = {.task = "changes_write", .request = request, .timeout_ms = 20000, .cancel_fd = -1};
    enum lh_code code = engine_run_task(f->engine.engine, &call, ret_answer, err);
    json_decref(request);
    return code;
}

static void several_upserts_are_told_in_one_pass(void **state) {
    struct rows_fixture *f = *state;
    for (int time = 0; time < 2; time++) {
        struct lh_err err = LH_ERR_INIT;
        json_t *answer = NULL;
        /* The third has a key of the first, the fourth changes nothing. */
        json_t *more = parse("{\"max_changes\":10,\"deltas\":[\"SELECT 1 AS id, 'x' AS name, 1.5 AS pay\","
                             "\"SELECT 2 AS id, 'y' AS name, 7 AS pay\",\"SELECT 1 AS id, 'z' AS name, 2 AS pay\","
                             "\"SELECT 3 AS id, 'n3' AS name, 4.5 AS pay\"]}");
        if (run_warm(f, candidates(more), &answer, &err) != LH_OK)
            fail_msg("%s", err.message);
        json_t *upserts = json_object_get(answer, "upserts");
        assert_int_equal(json_array_size(upserts), 4);
        static const int changes[] = {1, 2, 0, 0};
        for (size_t i = 0; i < 4; i++) {
            const json_t *upsert = json_array_get(upserts, i);
            assert_int_equal(json_integer_value(json_object_get(upsert, "changes")), changes[i]);
            assert_int_equal(json_is_true(json_object_get(upsert, "later")), i == 2);
            assert_int_equal(json_is_string(json_object_get(upsert, "parquet")), i < 2);
        }
        json_decref(answer);
    }
}

static void a_failed_comparison_leaves_nothing(void **state) {
    struct rows_fixture *f = *state;
    struct lh_err err = LH_ERR_INIT;
    json_t *answer = NULL;
    json_t *more = parse("{\"max_changes\":1,\"deltas\":[\"SELECT 1 AS id\"]}");
    assert_int_not_equal(run_warm(f, candidates(more), &answer, &err), LH_OK);
    several_upserts_are_told_in_one_pass(state);
}

/* Each type's value as docs/formats/json-values.md has it. */
static void values_are_those_of_results(void **state) {
    static const struct {
        const char *type, *sql, *json;
    } ROWS[] = {
        {"BOOLEAN", "true", "true"},
        {"BIGINT", "9007199254740991", "9007199254740991"},
        {"BIGINT", "-9007199254740992", "\"-9007199254740992\""},
        {"HUGEINT", "170141183460469231731687303715884105727", "\"170141183460469231731687303715884105727\""},
        {"DOUBLE", "0.1", "0.1"},
        {"DOUBLE", "'-inf'", "\"-Infinity\""},
        {"DOUBLE", "'nan'", "\"NaN\""},
        {"DECIMAL(9,2)", "1.5", "\"1.50\""},
        {"VARCHAR", "'a\"b' || chr(10)", "\"a\\\"b\\n\""},
        {"JSON", "'{\"a\": 1}'", "\"{\\\"a\\\": 1}\""},
        {"BLOB", "'\\x00\\xFF'::BLOB", "\"AP8=\""},
        {"DATE", "'2026-01-31'", "\"2026-01-31\""},
        {"TIMESTAMP", "'2026-01-31 23:59:59.1'", "\"2026-01-31T23:59:59.100000\""},
        {"TIMESTAMP", "'infinity'", "\"infinity\""},
        {"TIMESTAMP WITH TIME ZONE", "'2026-01-31 23:59:59+02'", "\"2026-01-31T21:59:59.000000Z\""},
        {"UUID", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", "\"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11\""},
        {"INTEGER[]", "[1, NULL]", "[1,null]"},
        {"STRUCT(a INTEGER)", "{'a': 1}", "{\"a\":1}"},
    };
    struct rows_fixture *f = *state;
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        struct lh_err err = LH_ERR_INIT;
        json_t *answer = NULL;
        LH_AUTO(mem) char *rows = lh_asprintf("SELECT 1 AS k, CAST(NULL AS %s) AS v", ROWS[i].type);
        LH_AUTO(mem) char *delta = lh_asprintf("SELECT 1 AS k, CAST(%s AS %s) AS v", ROWS[i].sql, ROWS[i].type);
        json_t *request =
            json_pack("{s:[{s:s, s:s}, {s:s, s:s}], s:[s], s:s, s:[s], s:i}", "columns", "name", "k", "type", "INTEGER",
                      "name", "v", "type", ROWS[i].type, "key", "k", "rows", rows, "deltas", delta, "max_changes", 9);
        if (run(f, "changes_write", request, &answer, &err) != LH_OK)
            fail_msg("%s: %s", ROWS[i].type, err.message);
        json_decref(answer);
        LH_AUTO(buf) struct buf same = BUF_INIT;
        buf_append_str(&same, "CASE WHEN new_value = ");
        buf_append_sql_string(&same, ROWS[i].json);
        buf_append_str(&same, " THEN 'same' ELSE new_value END AS value");
        assert_file(f, buf_cstr(&same), "changes.parquet", "value\r\nsame\r\n");
    }
}

static void untombstoned_rows_come_back(void **state) {
    struct rows_fixture *f = *state;
    struct lh_err err = LH_ERR_INIT;
    json_t *answer = NULL;
    json_t *more = parse("{\"keys\":[[\"3\"],[\"0\"]],\"actor\":\"ana\",\"at_us\":1}");
    assert_int_equal(run(f, "tombstones_write", candidates(more), &answer, &err), LH_OK);
    json_decref(answer);
    LH_AUTO(mem) char *first = lh_asprintf("%s/tombstones.parquet", f->out);
    more = parse("{\"keys\":[[\"4\"]],\"actor\":\"ana\",\"at_us\":1}");
    assert_int_equal(run(f, "tombstones_write", candidates(more), &answer, &err), LH_OK);
    json_decref(answer);
    LH_AUTO(mem) char *second = lh_asprintf("%s/tombstones.parquet", f->out);

    /* 0 was written again: its tombstone stays. */
    more = json_pack("{s:[[s], [s], [s], [s]], s:[s, s], s:s}", "keys", "4", "1", "3", "0", "files", first, second,
                     "visible", "SELECT 0 AS id");
    assert_int_equal(run(f, "tombstones_remove", candidates(more), &answer, &err), LH_OK);
    assert_answer(answer, "{\"files\":[{\"file\":0,\"rows\":1},{\"file\":1,\"rows\":0}],\"missing\":[1,3],\"rows\":2}");
    assert_file(f, "id", "0.parquet", "id\r\n0\r\n");
    assert_no_file(f, "1.parquet");
    assert_file(f, "entity_id, action, new_value", "changes.parquet",
                "entity_id,action,new_value\r\n"
                "4,untombstone,\"{\"\"id\"\":4,\"\"name\"\":\"\"n4\"\",\"\"pay\"\":\"\"6.00\"\"}\"\r\n"
                "3,untombstone,\"{\"\"id\"\":3,\"\"name\"\":\"\"n3\"\",\"\"pay\"\":\"\"4.50\"\"}\"\r\n");
}

/* In a pooled worker, which must be as it was before, whatever became of the request. */
static void keys_have_the_names_of_their_rows(void **state) {
    static const char *const shape = "{\"columns\":[{\"name\":\"a\",\"type\":\"VARCHAR\"},{\"name\":\"n\",\"type\":"
                                     "\"INTEGER\"}],\"key\":[\"a\",\"n\"]}";
    static const struct {
        const char *keys, *names; /* names NULL: refused */
    } cases[] = {
        {"[[\"x\\\"y\",\"007\"],[\"x\\\"y\",\"7\"]]", "{\"names\":[\"[\\\"x\\\\\\\"y\\\",\\\"7\\\"]\"]}"},
        {"[[\"x\",\"99999999999\"]]", NULL},
        {"[[\"\",\"-1\"]]", "{\"names\":[\"[\\\"\\\",\\\"-1\\\"]\"]}"},
    };
    struct rows_fixture *f = *state;
    for (size_t i = 0; i < LH_ARRAY_LEN(cases); i++) {
        struct lh_err err = LH_ERR_INIT;
        json_t *answer = NULL;
        LH_AUTO(json) json_t *request = parse(shape);
        json_object_set_new(request, "keys", parse(cases[i].keys));
        const struct engine_task call = {.task = "row_names", .request = request, .timeout_ms = 20000, .cancel_fd = -1};
        assert_int_equal(engine_run_task(f->engine.engine, &call, &answer, &err), cases[i].names ? LH_OK : LH_INVALID);
        if (cases[i].names)
            assert_answer(answer, cases[i].names);
    }
}

int main(int argc, char **argv) {
    ENGINE_TEST_MAIN(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tombstones_tell_the_rows),
        cmocka_unit_test(keys_that_are_not_there_write_nothing),
        cmocka_unit_test(a_bad_key_is_named),
        cmocka_unit_test(keys_of_several_columns_have_a_name),
        cmocka_unit_test(odd_keys_have_a_name),
        cmocka_unit_test(changes_tell_fields),
        cmocka_unit_test(several_upserts_are_told_in_one_pass),
        cmocka_unit_test(a_failed_comparison_leaves_nothing),
        cmocka_unit_test(values_are_those_of_results),
        cmocka_unit_test(untombstoned_rows_come_back),
        cmocka_unit_test(keys_have_the_names_of_their_rows),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
