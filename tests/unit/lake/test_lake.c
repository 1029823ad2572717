/* Datasets as SQL sees them, on the real engine: files by commits in, rows by the resolver out, checkpoints as Parquet. */
#include "unit/lake/lake_fixture.h"

static void test_create_append_replace(void **state) {
    struct lake_fixture *f = *state;
    struct lh_err err = LH_ERR_INIT;
    struct lake_committed done;
    put_parquet(f, "datasets/t/base/[1]?*.parquet", "SELECT 1::BIGINT AS a, 'x' AS \"odd \"\"name\"");
    ok(write_draft(f, LAKE_CREATE, draft_of("My Table", "datasets/t/base/[1]?*.parquet", AB, 2, SHA_1), &done, &err),
       &err);
    assert_true(done.created);
    assert_lake_csv(f, "SELECT * FROM \"my table\"", "a,\"odd \"\"name\"\r\n1,x\r\n");

    /* The same source again: nothing written. */
    ok(write_draft(f, LAKE_APPEND, draft_of("my table", "datasets/t/base/2.parquet", AB, 2, SHA_1), &done, &err), &err);
    assert_true(done.deduplicated);
    assert_int_equal(write_draft(f, LAKE_CREATE, draft_of("my table", NULL, AB, 2, SHA_2), &done, &err), LH_EXISTS);

    /* Columns in another order, one missing, one new, one narrower. */
    static const struct column more[] = {{"c", "DATE"}, {"A", "INTEGER"}};
    put_parquet(f, "datasets/t/base/year=2024/2.parquet", "SELECT DATE '2024-02-29' AS c, 7::INTEGER AS \"A\"");
    ok(write_draft(f, LAKE_APPEND, draft_of("my table", "datasets/t/base/year=2024/2.parquet", more, 2, SHA_2), &done,
                   &err),
       &err);
    assert_false(done.created);
    assert_lake_csv(f, "SELECT * FROM \"My Table\" ORDER BY a", "a,\"odd \"\"name\",c\r\n1,x,\r\n7,,2024-02-29\r\n");
    assert_lake_csv(f, "SELECT typeof(a) AS t FROM \"My Table\" LIMIT 1", "t\r\nBIGINT\r\n");

    static const struct column wrong[] = {{"a", "VARCHAR"}};
    assert_int_equal(write_draft(f, LAKE_APPEND, draft_of("my table", "k", wrong, 1, NULL), &done, &err), LH_CONFLICT);
    assert_non_null(strstr(err.message, "\"a\""));

    ok(write_draft(f, LAKE_REPLACE, draft_of("my table", "datasets/t/base/[1]?*.parquet", AB, 2, NULL), &done, &err),
       &err);
    assert_lake_csv(f, "SELECT * FROM \"My Table\"", "a,\"odd \"\"name\"\r\n1,x\r\n");
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *s = catalog_snapshot(f->catalog);
    assert_int_equal(catalog_snapshot_find(s, "my table")->schema_version, 3);
    assert_int_equal(catalog_snapshot_find(s, "my table")->row_count, 2);
}

static void test_empty_dataset(void **state) {
    struct lake_fixture *f = *state;
    struct lh_err err = LH_ERR_INIT;
    struct lake_committed done;
    static const struct column columns[] = {{"d", "DECIMAL(18,2)"}, {"s", "STRUCT(a INTEGER, \"b c\" VARCHAR[])"}};
    ok(write_draft(f, LAKE_CREATE, draft_of("nothing", NULL, columns, 2, NULL), &done, &err), &err);
    assert_lake_csv(
        f, "SELECT column_name, column_type FROM (DESCRIBE nothing)",
        "column_name,column_type\r\nd,\"DECIMAL(18,2)\"\r\ns,\"STRUCT(a INTEGER, \"\"b c\"\" VARCHAR[])\"\r\n");
    assert_lake_csv(f, "SELECT count(*) AS n FROM nothing", "n\r\n0\r\n");
}

static void test_suggestion(void **state) {
    struct lake_fixture *f = *state;
    struct lh_err err = LH_ERR_INIT;
    struct lake_committed done;
    ok(write_draft(f, LAKE_CREATE, draft_of("candidates", NULL, AB, 2, NULL), &done, &err), &err);
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *s = catalog_snapshot(f->catalog);
    struct lake_resolver resolver = {.snapshot = s, .buckets = f->buckets};
    struct engine_query query = query_of("SELECT * FROM candidate");
    query.resolve = lake_resolve;
    query.resolve_ctx = &resolver;
    assert_int_equal(run_query(&f->engine, &query, NULL, NULL, &err), LH_SQL);
    assert_non_null(strstr(err.hint, "\"candidates\""));
}

static size_t count_after_reopen(struct lake_fixture *f) {
    struct catalog *second = open_catalog(f);
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *s = catalog_snapshot(second);
    for (size_t i = 0; i < catalog_snapshot_count(s); i++)
        assert_string_equal(catalog_snapshot_get(s, i)->columns[1].name, AB[1].name);
    catalog_close(second);
    return catalog_snapshot_count(s);
}

/* Parquet written by one worker and read by another gives the same snapshot; a damaged one is told and passed over. */
static void test_checkpoint_in_parquet(void **state) {
    struct lake_fixture *f = *state;
    struct lh_err err = LH_ERR_INIT;
    struct lake_committed done;
    for (int i = 0; i < 9; i++) {
        char name[16];
        snprintf(name, sizeof name, "t%d \xc3\xa9\"", i);
        ok(write_draft(f, LAKE_CREATE, draft_of(name, NULL, AB, 2, NULL), &done, &err), &err);
    }
    struct object_store *store = buckets_primary(f->buckets);
    struct object_info info;
    const char *newest = "_catalog/checkpoint/00000000000000000008.parquet";
    for (int i = 0; i < 3000 && object_head(store, newest, &info, &err) != LH_OK; i++)
        os_sleep_ms(f->engine.os, 10);
    ok(object_head(store, newest, &info, &err), &err);

    LH_AUTO(catalog_snapshot) struct catalog_snapshot *read = NULL;
    ok(checkpoint_read(&f->codec, store, 8, &read, &err), &err);
    assert_int_equal(catalog_snapshot_count(read), 8);
    assert_non_null(catalog_snapshot_find(read, "T7 \xc3\xa9\""));

    struct buf bytes = BUF_INIT;
    ok(object_get(store, newest, 1 << 24, &bytes, NULL, &err), &err);
    ok(object_put(store, newest, bytes.data, bytes.len / 2, OBJECT_PUT_REPLACE, NULL, &err), &err);
    assert_int_equal(count_after_reopen(f), 9);
    assert_int_equal(f->notices, 1);

    /* One flipped bit anywhere is told or does not matter; it never changes what the catalog says. */
    size_t step = bytes.len / 10;
    for (size_t at = step / 2; at < bytes.len; at += step) {
        bytes.data[at] ^= 0x10;
        ok(object_put(store, newest, bytes.data, bytes.len, OBJECT_PUT_REPLACE, NULL, &err), &err);
        assert_int_equal(count_after_reopen(f), 9);
        bytes.data[at] ^= 0x10;
    }
    f->notices = 0;
    memset(bytes.data + 8, 0, bytes.len / 2);
    ok(object_put(store, newest, bytes.data, bytes.len, OBJECT_PUT_REPLACE, NULL, &err), &err);
    assert_int_equal(count_after_reopen(f), 9);
    assert_int_equal(f->notices, 1);
    buf_release(&bytes);
}

static void test_parquet_info(void **state) {
    struct lake_fixture *f = *state;
    struct lh_err err = LH_ERR_INIT;
    put_parquet(f, "info.parquet", "SELECT i AS id, [i::DECIMAL(9,1)] AS l FROM range(1000) t(i)");
    LH_AUTO(mem) char *path = lh_asprintf("%s/info.parquet", f->engine.root);
    LH_AUTO(json) json_t *request = json_object();
    LH_AUTO(json) json_t *answer = NULL;
    struct engine_task task = {
        .task = "parquet_info", .request = request, .untrusted_input = path, .timeout_ms = 20000, .cancel_fd = -1};
    ok(engine_run_task(f->engine.engine, &task, &answer, &err), &err);
    struct buf text = BUF_INIT;
    lh_json_write(answer, LH_JSON_COMPACT, &text);
    assert_string_equal(buf_cstr(&text), "{\"columns\":[{\"name\":\"id\",\"type\":\"BIGINT\"},{\"name\":\"l\",\"type\":"
                                         "\"DECIMAL(9,1)[]\"}],\"row_count\":1000}");
    buf_release(&text);
}

static void test_types(void **state) {
    (void)state;
    static const struct {
        const char *type;
        bool valid;
    } names[] = {
        {"INTEGER", true},
        {"TIMESTAMP WITH TIME ZONE", true},
        {"DECIMAL(18,2)", true},
        {"STRUCT(a INTEGER, \"b)\"\" c\" DATE)[]", true},
        {"ENUM('a', 'it''s')", true},
        {"INTEGER[3]", true},
        {"", false},
        {"INTEGER)", false},
        {"INTEGER, x", false},
        {"INTEGER; DROP TABLE t", false},
        {"STRUCT(a INTEGER", false},
        {"STRUCT(\"a INTEGER)", false},
        {"\"quoted\"", false},
        {"INTEGER--", false},
        {"f(a) + g(b)", false},
    };
    for (size_t i = 0; i < LH_ARRAY_LEN(names); i++) {
        if (lake_type_valid(names[i].type) != names[i].valid)
            fail_msg("%s", names[i].type);
    }
    static const char *const merges[][3] = {
        {"BIGINT", "INTEGER", "BIGINT"},
        {"INTEGER", "BIGINT", "BIGINT"},
        {"VARCHAR", "DOUBLE", "VARCHAR"},
        {"BIGINT", "VARCHAR", NULL},
        {"UINTEGER", "BIGINT", "BIGINT"},
        {"DATE", "TIMESTAMP", "TIMESTAMP"},
        {"BIGINT", "DOUBLE", NULL},
        {"VARCHAR", "BLOB", NULL},
        {"VARCHAR", "DECIMAL(9,2)", "VARCHAR"},
        {"BIGINT", "DECIMAL(38,0)", "DECIMAL(38,0)"},
        {"DECIMAL(9,2)", "BIGINT", "DECIMAL(21,2)"},
        {"DECIMAL(9,2)", "DECIMAL(5,4)", "DECIMAL(11,4)"},
        {"DECIMAL(9,2)", "SMALLINT", "DECIMAL(9,2)"},
        {"DECIMAL(38,0)", "DECIMAL(9,2)", NULL},
        {"DECIMAL(30,10)", "UBIGINT", "DECIMAL(30,10)"},
        {"DECIMAL(9,2)", "DOUBLE", NULL},
        {"DOUBLE", "DECIMAL(9,2)", NULL},
        {"DECIMAL(9,2)[]", "DECIMAL(9,3)", NULL},
    };
    LH_AUTO(arena) struct arena *arena = arena_new();
    for (size_t i = 0; i < LH_ARRAY_LEN(merges); i++) {
        const char *merged = lake_type_merge(merges[i][0], merges[i][1], arena);
        if (merges[i][2] ? !merged || strcmp(merged, merges[i][2]) != 0 : merged != NULL)
            fail_msg("%s and %s: %s", merges[i][0], merges[i][1], merged ? merged : "none");
    }
    static const char *const if_exact[][3] = {
        {"BIGINT", "DOUBLE", "DOUBLE"}, {"UBIGINT", "DOUBLE", "DOUBLE"},  {"DECIMAL(38,0)", "DOUBLE", "DOUBLE"},
        {"INTEGER", "FLOAT", NULL},     {"DECIMAL(9,2)", "DOUBLE", NULL}, {"DOUBLE", "BIGINT", NULL},
        {"DATE", "DOUBLE", NULL},
    };
    for (size_t i = 0; i < LH_ARRAY_LEN(if_exact); i++) {
        const char *type = lake_type_if_exact(if_exact[i][0], if_exact[i][1]);
        if (if_exact[i][2] ? !type || strcmp(type, if_exact[i][2]) != 0 : type != NULL)
            fail_msg("%s and %s, small values: %s", if_exact[i][0], if_exact[i][1], type ? type : "none");
    }
}

int main(int argc, char **argv) {
    ENGINE_TEST_MAIN(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types),
        cmocka_unit_test_setup_teardown(test_create_append_replace, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_empty_dataset, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_suggestion, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_checkpoint_in_parquet, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_parquet_info, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
