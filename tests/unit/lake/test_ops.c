/* Register, patch, resync, migrate-buckets, check: on the real engine. */
#include "catalog/catalog_check.h"
#include "catalog/commit_log.h"
#include "lake/catalog_ops.h"
#include "lake/lake_check.h"
#include "unit/lake/lake_fixture.h"

static const struct catalog_caller CALLER = {.actor = "tester", .cancel_fd = -1};

static struct catalog_ops ops_of(struct lake_fixture *f) {
    return (struct catalog_ops){.catalog = f->catalog,
                                .buckets = f->buckets,
                                .engine = f->engine.engine,
                                .os = f->engine.os,
                                .tmp_dir = f->engine.scratch};
}

static json_t *parse(const char *text) {
    struct lh_err err = LH_ERR_INIT;
    json_t *json = NULL;
    ok(lh_json_parse(text, strlen(text), NULL, &json, &err), &err);
    return json;
}

static json_t *do_register(struct lake_fixture *f, const char *text) {
    struct lh_err err = LH_ERR_INIT;
    struct catalog_ops ops = ops_of(f);
    LH_AUTO(json) json_t *request = parse(text);
    json_t *answer = NULL;
    ok(catalog_ops_register(&ops, &CALLER, request, &answer, &err), &err);
    return answer;
}

static enum lh_code register_fails(struct lake_fixture *f, const char *text, struct lh_err *err) {
    struct catalog_ops ops = ops_of(f);
    LH_AUTO(json) json_t *request = parse(text);
    LH_AUTO(json) json_t *answer = NULL;
    return catalog_ops_register(&ops, &CALLER, request, &answer, err);
}

static json_int_t number(const json_t *answer, const char *key) {
    json_t *value = json_object_get(answer, key);
    assert_true(json_is_integer(value));
    return json_integer_value(value);
}

static void test_register(void **state) {
    struct lake_fixture *f = *state;
    struct lh_err err = LH_ERR_INIT;
    put_parquet(f, "in/1.parquet", "SELECT i AS id, 'x' AS s FROM range(10) t(i)");
    put_parquet(f, "in/2.parquet", "SELECT i AS id, DATE '2024-01-01' AS d FROM range(10, 15) t(i)");
    LH_AUTO(json) json_t *answer =
        do_register(f, "{\"name\":\"r\",\"keys\":[\"in/1.parquet\",\"in/2.parquet\"],\"owner\":\"ann\",\"tags\":[\"a\","
                       "\"a\"],\"primary_key\":[\"ID\"]}");
    assert_int_equal(number(answer, "row_count"), 15);
    assert_int_equal(json_array_size(json_object_get(answer, "columns")), 3);
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *s = catalog_snapshot(f->catalog);
    const struct manifest *m = catalog_snapshot_find(s, "r");
    assert_string_equal(m->owner, "ann");
    assert_int_equal(m->tag_count, 1);
    assert_string_equal(m->primary_key[0], "id");
    assert_true(m->lineage[0].at_us > 0);
    assert_lake_csv(f, "SELECT count(*) AS n, sum(id)::BIGINT AS total, count(d) AS d FROM r",
                    "n,total,d\r\n15,105,5\r\n");

    static const struct {
        const char *request;
        enum lh_code code;
        const char *message;
    } rows[] = {
        {"{\"name\":\"r\",\"keys\":[\"in/1.parquet\"]}", LH_EXISTS, "\"r\""},
        {"{\"name\":\"x\",\"keys\":[\"in/none.parquet\"]}", LH_NOT_FOUND, "in/none.parquet"},
        {"{\"name\":\"x\",\"keys\":[\"in/broken.parquet\"]}", LH_DATA, "in/broken.parquet"},
        {"{\"name\":\"x\",\"keys\":[]}", LH_INVALID, "keys"},
        {"{\"name\":\"x\",\"keys\":[\"in/1.parquet\",\"in/1.parquet\"]}", LH_INVALID, "twice"},
        {"{\"name\":\"x\",\"keys\":[\"../1.parquet\"]}", LH_INVALID, ".."},
        {"{\"name\":\"x\",\"keys\":[\"_catalog/x\"]}", LH_INVALID, "_catalog/x"},
        {"{\"name\":\"\",\"keys\":[\"in/1.parquet\"]}", LH_INVALID, "name"},
        {"{\"name\":\"x\",\"keys\":[\"in/1.parquet\"],\"ownr\":\"a\"}", LH_INVALID, "ownr"},
        {"{\"name\":\"x\",\"keys\":[\"in/1.parquet\"],\"primary_key\":[\"zz\"]}", LH_INVALID, "zz"},
        {"{\"name\":\"x\",\"keys\":[\"in/1.parquet\"],\"bucket\":\"nowhere\"}", LH_NOT_FOUND, "nowhere"},
    };
    ok(object_put(buckets_primary(f->buckets), "in/broken.parquet", "PAR1junk", 8, OBJECT_PUT_REPLACE, NULL, &err),
       &err);
    for (size_t i = 0; i < LH_ARRAY_LEN(rows); i++) {
        enum lh_code code = register_fails(f, rows[i].request, &err);
        if (code != rows[i].code || !strstr(err.message, rows[i].message))
            fail_msg("%s: %s: %s", rows[i].request, lh_code_name(code), err.message);
    }
}

static enum lh_code patch(struct lake_fixture *f, const char *dataset, const char *text, struct lh_err *err) {
    struct catalog_ops ops = ops_of(f);
    LH_AUTO(json) json_t *request = parse(text);
    LH_AUTO(json) json_t *answer = NULL;
    return catalog_ops_patch(&ops, &CALLER, dataset, request, &answer, err);
}

static void test_patch(void **state) {
    struct lake_fixture *f = *state;
    struct lh_err err = LH_ERR_INIT;
    struct lake_committed done;
    ok(write_draft(f, LAKE_CREATE, draft_of("t", NULL, AB, 2, NULL), &done, &err), &err);
    ok(patch(
           f, "T",
           "{\"description\":\"d\",\"owner\":\"o\",\"sensitivity\":\"restricted\",\"tags\":[\"x\",\"y\"],"
           "\"freshness_sla_s\":60,\"primary_key\":[\"a\"],\"embedding_refresh_policy\":\"manual\","
           "\"columns\":{\"A\":{\"description\":\"note\",\"flags\":{\"ssn\":\"confirmed\",\"email\":\"dismissed\"}}}}",
           &err),
       &err);
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *s = catalog_snapshot(f->catalog);
    const struct manifest *m = catalog_snapshot_find(s, "t");
    assert_string_equal(m->description, "d");
    assert_string_equal(m->sensitivity, "restricted");
    assert_int_equal(m->freshness_sla_s, 60);
    assert_int_equal(m->schema_version, 1);
    assert_string_equal(m->columns[0].description, "note");
    assert_int_equal(m->columns[0].flag_count, 2);
    assert_true(m->columns[0].flags[0].confirmed && !m->columns[0].flags[0].dismissed);
    uint64_t version = m->version;

    /* The same again changes nothing and writes nothing; null clears; what people said survives a replacement. */
    ok(patch(f, "t", "{\"owner\":\"o\"}", &err), &err);
    ok(patch(f, "t", "{}", &err), &err);
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *same = catalog_snapshot(f->catalog);
    assert_int_equal(catalog_snapshot_version(same), version);
    ok(patch(f, "t", "{\"owner\":null,\"tags\":null,\"primary_key\":[],\"freshness_sla_s\":null}", &err), &err);
    ok(write_draft(f, LAKE_REPLACE, draft_of("t", NULL, AB, 2, NULL), &done, &err), &err);
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *after = catalog_snapshot(f->catalog);
    m = catalog_snapshot_find(after, "t");
    assert_null(m->owner);
    assert_int_equal(m->tag_count, 0);
    assert_string_equal(m->columns[0].description, "note");
    assert_int_equal(m->columns[0].flag_count, 2);

    static const char *const wrong[][2] = {
        {"{\"sensitivity\":\"secret\"}", "restricted"},
        {"{\"tags\":[1]}", "tags[0]"},
        {"{\"freshness_sla_s\":-1}", "freshness_sla_s"},
        {"{\"descriptio\":\"x\"}", "descriptio"},
        {"{\"columns\":{\"zz\":{}}}", "zz"},
        {"{\"columns\":{\"a\":{\"flags\":{\"ssn\":\"maybe\"}}}}", "ssn"},
        {"{\"columns\":[]}", "columns"},
        {"{\"columns\":{\"a\":7}}", "columns.a"},
    };
    for (size_t i = 0; i < LH_ARRAY_LEN(wrong); i++) {
        enum lh_code code = patch(f, "t", wrong[i][0], &err);
        if (code != LH_INVALID || !(strstr(err.message, wrong[i][1]) || strstr(err.hint, wrong[i][1])))
            fail_msg("%s: %s: %s", wrong[i][0], lh_code_name(code), err.message);
    }
    assert_int_equal(patch(f, "none", "{}", &err), LH_NOT_FOUND);
}

static void test_resync(void **state) {
    struct lake_fixture *f = *state;
    struct lh_err err = LH_ERR_INIT;
    struct lake_committed done;
    struct catalog_ops ops = ops_of(f);
    put_parquet(f, "datasets/t/base/1.parquet", "SELECT i AS a, 'x' AS s FROM range(7) t(i)");
    struct manifest *draft = draft_of("t", "datasets/t/base/1.parquet", NULL, 0, NULL);
    draft->files[0].row_count = 0;
    ok(write_draft(f, LAKE_CREATE, draft, &done, &err), &err);
    LH_AUTO(json) json_t *answer = NULL;
    ok(catalog_ops_resync_missing(&ops, &CALLER, &answer, &err), &err);
    assert_int_equal(json_array_size(json_object_get(answer, "resynced")), 1);
    assert_int_equal(json_array_size(json_object_get(answer, "failed")), 0);
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *s = catalog_snapshot(f->catalog);
    const struct manifest *m = catalog_snapshot_find(s, "t");
    assert_int_equal(m->row_count, 7);
    assert_int_equal(m->column_count, 2);
    assert_string_equal(m->columns[1].type, "VARCHAR");
    LH_AUTO(json) json_t *again = NULL;
    ok(catalog_ops_resync(&ops, &CALLER, "t", &again, &err), &err);
    assert_true(json_is_false(json_object_get(again, "changed")));

    ok(object_delete(buckets_primary(f->buckets), "datasets/t/base/1.parquet", &err), &err);
    LH_AUTO(json) json_t *none = NULL;
    assert_int_equal(catalog_ops_resync(&ops, &CALLER, "t", &none, &err), LH_CORRUPT);
    assert_non_null(strstr(err.message, "datasets/t/base/1.parquet"));
}

static void test_migrate_buckets(void **state) {
    struct lake_fixture *f = *state;
    struct lh_err err = LH_ERR_INIT;
    struct lake_committed done;
    struct catalog_ops ops = ops_of(f);
    static const char *const buckets[] = {"primary", " Primary", "", "gone"};
    for (size_t i = 0; i < LH_ARRAY_LEN(buckets); i++) {
        char name[8];
        snprintf(name, sizeof name, "t%zu", i);
        struct manifest *draft = draft_of(name, "datasets/k", AB, 2, NULL);
        draft->files[0].bucket = buckets[i];
        ok(write_draft(f, LAKE_CREATE, draft, &done, &err), &err);
    }
    LH_AUTO(json) json_t *first = NULL;
    ok(catalog_ops_migrate_buckets(&ops, &CALLER, &first, &err), &err);
    assert_int_equal(number(first, "changed_files"), 2);
    assert_int_equal(number(first, "changed_datasets"), 2);
    assert_int_equal(number(first, "unresolved_files"), 1);
    LH_AUTO(json) json_t *second = NULL;
    ok(catalog_ops_migrate_buckets(&ops, &CALLER, &second, &err), &err);
    assert_int_equal(number(second, "changed_files"), 0);
    assert_int_equal(number(second, "version"), number(first, "version"));
}

/* ---- check ---- */

struct findings {
    char kinds[1024];
};

static void collect(void *ctx, const struct check_finding *finding) {
    struct findings *all = ctx;
    size_t len = strlen(all->kinds);
    assert_non_null(finding->repair);
    snprintf(all->kinds + len, sizeof all->kinds - len, "%s %s\n", finding->kind, finding->object);
}

static struct lake_check_totals check_lake(struct lake_fixture *f, bool deep, struct findings *findings) {
    struct lh_err err = LH_ERR_INIT;
    struct lake_check_totals totals;
    *findings = (struct findings){0};
    struct lake_check check = {.os = f->engine.os,
                               .catalog = f->catalog,
                               .buckets = f->buckets,
                               .engine = f->engine.engine,
                               .deep = deep,
                               .finding = collect,
                               .ctx = findings};
    ok(lake_check(&check, &totals, &err), &err);
    return totals;
}

static void flip(struct lake_fixture *f, const char *key) {
    struct lh_err err = LH_ERR_INIT;
    LH_AUTO(buf) struct buf bytes = BUF_INIT;
    ok(object_get(buckets_primary(f->buckets), key, 1 << 24, &bytes, NULL, &err), &err);
    bytes.data[bytes.len / 2] ^= 1;
    ok(object_put(buckets_primary(f->buckets), key, bytes.data, bytes.len, OBJECT_PUT_REPLACE, NULL, &err), &err);
}

static void test_check(void **state) {
    struct lake_fixture *f = *state;
    struct lh_err err = LH_ERR_INIT;
    struct object_store *store = buckets_primary(f->buckets);
    struct findings findings;
    for (int i = 0; i < 3; i++) {
        char text[200];
        char key[40];
        snprintf(key, sizeof key, "datasets/t%d/base/1.parquet", i);
        put_parquet(f, key, "SELECT i AS a FROM range(1000) t(i)");
        snprintf(text, sizeof text, "{\"name\":\"t%d\",\"keys\":[\"%s\"]}", i, key);
        json_decref(do_register(f, text));
    }
    struct lake_check_totals totals = check_lake(f, true, &findings);
    assert_string_equal(findings.kinds, "");
    assert_int_equal(totals.records, 3);
    assert_int_equal(totals.objects, 3);

    ok(object_put(store, "datasets/t0/base/left.parquet", "x", 1, OBJECT_PUT_REPLACE, NULL, &err), &err);
    ok(object_delete(store, "datasets/t1/base/1.parquet", &err), &err);
    ok(object_put(store, "datasets/t2/base/1.parquet", "short", 5, OBJECT_PUT_REPLACE, NULL, &err), &err);
    char key[COMMIT_LOG_KEY_SIZE];
    commit_log_key(2, key);
    flip(f, key);
    totals = check_lake(f, false, &findings);
    assert_string_equal(findings.kinds, "record_damaged _catalog/log/00000000000000000002.json\n"
                                        "object_missing datasets/t1/base/1.parquet\n"
                                        "size_differs datasets/t2/base/1.parquet\n"
                                        "orphan datasets/t0/base/left.parquet\n");
    assert_int_equal(totals.findings[CHECK_DAMAGE], 3);
    assert_int_equal(totals.findings[CHECK_NOTE], 1);
}

int main(int argc, char **argv) {
    ENGINE_TEST_MAIN(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_register, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_patch, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_resync, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_migrate_buckets, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_check, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
