/* Merging by a filter beside merging by a join, over everything that a primary key can be; and the filter's functions in the hands
 * of somebody who means harm. */
#include "base/hash.h"
#include "engine/merge_key.h"
#include "lake/read_plan.h"
#include "unit/lake/lake_fixture.h"

#include <inttypes.h>

#define TIMES 3 /* the first looks keys up; later ones know the rows */

/* ---- a dataset of one key ---- */

struct key {
    const char *name;
    const char *types[2]; /* of the key's columns */
    const char *forms[2]; /* the number i as a value of each, different for different i */
    bool joins;           /* not looked up by its bytes */
};

static const struct key KEYS[] = {
    {"tinyint", {"TINYINT", "SMALLINT"}, {"(i % 100)::TINYINT", "(i // 100)::SMALLINT"}, false},
    {"smallint", {"SMALLINT"}, {"(i - 2500)::SMALLINT"}, false},
    {"integer", {"INTEGER"}, {"(i * 400000 - 1000000000)::INTEGER"}, false},
    {"bigint", {"BIGINT"}, {"(i - 2500) * 3000000000000000"}, false},
    {"hugeint", {"HUGEINT"}, {"i::HUGEINT * 10000000000000000000000000::HUGEINT"}, false},
    {"utinyint", {"UTINYINT", "UTINYINT"}, {"(i % 200)::UTINYINT", "(i // 200)::UTINYINT"}, false},
    {"usmallint", {"USMALLINT"}, {"(i * 13)::USMALLINT"}, false},
    {"uinteger", {"UINTEGER"}, {"(i * 800000)::UINTEGER"}, false},
    {"ubigint", {"UBIGINT"}, {"18446744073709551615 - i::UBIGINT"}, false},
    {"decimal in 2 bytes", {"DECIMAL(4,1)"}, {"(i / 10.0)::DECIMAL(4,1)"}, false},
    {"decimal in 4 bytes", {"DECIMAL(9,2)"}, {"(i / 100.0)::DECIMAL(9,2)"}, false},
    {"decimal in 8 bytes", {"DECIMAL(18,3)"}, {"(i / 1000.0)::DECIMAL(18,3)"}, false},
    {"decimal in 16 bytes", {"DECIMAL(38,4)"}, {"(i / 10000.0)::DECIMAL(38,4)"}, false},
    {"date", {"DATE"}, {"DATE '1960-01-01' + i::INTEGER"}, false},
    {"time", {"TIME"}, {"TIME '00:00:00' + to_microseconds(i * 1000001)"}, false},
    {"timestamp", {"TIMESTAMP"}, {"TIMESTAMP '1960-01-01' + to_seconds(i * 86399)"}, false},
    {"timestamp with a zone", {"TIMESTAMP WITH TIME ZONE"}, {"to_timestamp(i * 86399)"}, false},
    {"timestamp in nanoseconds", {"TIMESTAMP_NS"}, {"make_timestamp_ns(i * 1000000007)"}, false},
    {"uuid", {"UUID"}, {"md5(i::VARCHAR)::UUID"}, false},
    {"short text", {"VARCHAR"}, {"i::VARCHAR"}, false},
    {"long text", {"VARCHAR"}, {"repeat('x', (i % 40)::BIGINT) || i::VARCHAR"}, false},
    {"bytes", {"BLOB"}, {"encode('\x01' || i::VARCHAR)"}, false},
    {"boolean and text", {"BOOLEAN", "VARCHAR"}, {"i % 2 = 0", "'é' || (i // 2)::VARCHAR"}, false},
    {"text and date", {"VARCHAR", "DATE"}, {"'r' || (i % 7)::VARCHAR", "DATE '2000-01-01' + (i // 7)::INTEGER"}, false},
    {"double", {"DOUBLE"}, {"i / 8.0::DOUBLE"}, true},
    {"float and bigint", {"FLOAT", "BIGINT"}, {"(i % 3)::FLOAT", "i"}, true},
};

static struct manifest *manifest_of(const struct key *key) {
    struct column columns[3] = {{"k1", key->types[0]}, {"v", "INTEGER"}, {"k2", key->types[1]}};
    struct manifest *m = draft_of("t", NULL, columns, key->types[1] ? 3 : 2, NULL);
    m->primary_key = arena_alloc(m->arena, 2 * sizeof *m->primary_key);
    m->primary_key[m->primary_key_count++] = "k1";
    if (key->types[1])
        m->primary_key[m->primary_key_count++] = "k2";
    return m;
}

/* The rows first, first + step .. below `end` as the next newer file. */
static void add_rows(struct lake_fixture *f, struct manifest *m, const struct key *key, enum file_role role,
                     unsigned first, unsigned end, unsigned step) {
    struct manifest_file *file = manifest_add_file(m);
    LH_AUTO(mem) char *second = key->forms[1] ? lh_asprintf(", %s AS k2", key->forms[1]) : lh_strdup("");
    LH_AUTO(mem) char *sql = lh_asprintf("SELECT %zu::INTEGER AS v, %s AS k1%s FROM range(%u, %u, %u) t(i)",
                                         m->file_count, key->forms[0], second, first, end, step);
    *file = (struct manifest_file){.bucket = "primary",
                                   .role = role,
                                   .key = arena_printf(m->arena, "%s/%zu.parquet", key->name, m->file_count),
                                   .row_count = (end - first + step - 1) / step,
                                   .sequence = m->file_count};
    put_parquet(f, file->key, sql);
}

/* Base files, deltas that change, add and change again, tombstones between and behind them. */
static struct manifest *make(struct lake_fixture *f, const struct key *key) {
    struct manifest *m = manifest_of(key);
    add_rows(f, m, key, FILE_BASE, 0, 4000, 2);
    add_rows(f, m, key, FILE_BASE, 1, 4000, 2);
    add_rows(f, m, key, FILE_DELTA, 0, 4500, 9);
    add_rows(f, m, key, FILE_TOMBSTONE, 0, 4999, 27);
    add_rows(f, m, key, FILE_DELTA, 0, 5000, 54);
    add_rows(f, m, key, FILE_TOMBSTONE, 17, 4999, 101);
    return m;
}

static const char *plan_of(struct lake_fixture *f, const struct manifest *m, struct arena *arena) {
    const char *plan = NULL;
    struct lh_err err = LH_ERR_INIT;
    ok(lake_read_plan(f->buckets, m, arena, &plan, &err), &err);
    return plan;
}

/* Rows of both plans, by name. */
static void assert_bound_csv(struct lake_fixture *f, const char *filter, const char *join, const char *sql,
                             const char *expected) {
    const struct engine_binding bindings[] = {{.name = "filtered", .definition = filter},
                                              {.name = "joined", .definition = join}};
    struct fake_catalog catalog = {.bindings = bindings, .count = 2};
    struct engine_query query = query_of(sql);
    query.resolve = fake_resolve;
    query.resolve_ctx = &catalog;
    query.epoch = 7;
    assert_csv(&f->engine, &query, expected);
}

static bool is_settled(struct lake_fixture *f, const char *plan) {
    const char *call = strstr(plan, MERGE_SETTLED "('");
    assert_non_null(call);
    LH_AUTO(mem) char *sql = lh_asprintf("SELECT %.*s AS s", (int)(strlen(MERGE_SETTLED "('") + 64 + 2), call);
    struct engine_query query = query_of(sql);
    LH_AUTO(buf) struct buf out = BUF_INIT;
    struct lh_err err = LH_ERR_INIT;
    ok(run_query(&f->engine, &query, &out, NULL, &err), &err);
    return strcmp(buf_cstr(&out), "s\r\ntrue\r\n") == 0;
}

/* Both plans of `m` have the same rows, whichever way the filter knows them. */
static void compare(struct lake_fixture *f, struct manifest *m, const struct key *key) {
    LH_AUTO(arena) struct arena *arena = arena_new();
    const char *filter = plan_of(f, m, arena);
    uint64_t rows = m->files[2].row_count;
    m->files[2].row_count = MERGE_TOUCHED_MAX + 1; /* more than a filter should hold */
    const char *join = plan_of(f, m, arena);
    m->files[2].row_count = rows;
    assert_non_null(strstr(join, "ANTI JOIN"));
    assert_true(key->joins == (strcmp(filter, join) == 0));
    LH_AUTO(mem) char *by_key = lh_asprintf("SELECT (SELECT count(*) FROM filtered f JOIN joined j USING (k1%s) "
                                            "WHERE f.v = j.v AND j.v > 2) = "
                                            "(SELECT count(*) FROM joined WHERE v > 2) AS same",
                                            key->types[1] ? ", k2" : "");
    for (int time = 0; time < TIMES; time++) {
        assert_bound_csv(f, filter, join,
                         "SELECT (SELECT count(*) FROM (FROM filtered EXCEPT ALL FROM joined)) AS more, "
                         "(SELECT count(*) FROM (FROM joined EXCEPT ALL FROM filtered)) AS fewer, "
                         "(SELECT count(*) > 3700 FROM filtered) AS many",
                         "more,fewer,many\r\n0,0,true\r\n");
        if (!key->joins && time == 0)
            assert_false(is_settled(f, filter));
        assert_bound_csv(f, filter, join, by_key, "same\r\ntrue\r\n");
    }
    if (!key->joins)
        assert_true(is_settled(f, filter));
}

/* Every version is read after the one before it, whose keys the worker still has; the last one has a file between the others. */
static void test_filter_beside_join(void **state) {
    struct lake_fixture *f = *state;
    for (size_t i = 0; i < LH_ARRAY_LEN(KEYS); i++) {
        LH_AUTO(manifest) struct manifest *m = make(f, &KEYS[i]);
        print_message("%s\n", KEYS[i].name);
        compare(f, m, &KEYS[i]);
        add_rows(f, m, &KEYS[i], FILE_DELTA, 3, 4999, 77);
        compare(f, m, &KEYS[i]);
        add_rows(f, m, &KEYS[i], FILE_TOMBSTONE, 3, 4999, 154);
        add_rows(f, m, &KEYS[i], FILE_DELTA, 2, 4999, 203);
        compare(f, m, &KEYS[i]);
        add_rows(f, m, &KEYS[i], FILE_DELTA, 0, 4999, 61);
        m->files[m->file_count - 1].sequence = m->files[3].sequence;
        compare(f, m, &KEYS[i]);
    }
}

/* ---- what may be a key ---- */

static void test_key_types(void **state) {
    (void)state;
    static const char *const yes[] = {"BIGINT", "varchar", "DECIMAL(18,3)", "decimal(4,0)", "Timestamp With Time Zone"};
    static const char *const no[] = {"DOUBLE",
                                     "FLOAT",
                                     "INTERVAL",
                                     "ENUM",
                                     "JSON",
                                     "INTEGER[]",
                                     "DECIMAL",
                                     "DECIMAL(18, 3)",
                                     "DECIMAL()",
                                     "DECIMAL(,)",
                                     "DECIMAL(1,2",
                                     "DECIMAL(1,2)x",
                                     "DECIMAL(1,2) OR 1",
                                     "BIGINT) --",
                                     "",
                                     "TIME WITH TIME ZONE"};
    for (size_t i = 0; i < LH_ARRAY_LEN(yes); i++)
        assert_true(merge_key_type(yes[i]));
    for (size_t i = 0; i < LH_ARRAY_LEN(no); i++)
        assert_false(merge_key_type(no[i]));
}

/* ---- statements that call the functions themselves ---- */

static void test_statements_that_call_them(void **state) {
    struct lake_fixture *f = *state;
    put_parquet(f, "a.parquet", "SELECT i AS id, 'name ' || i AS name FROM range(3000) t(i)");
    put_parquet(f, "b.parquet", "SELECT i * 2 AS id, 'new' AS name FROM range(10) t(i)");
    struct lh_err err = LH_ERR_INIT;
#define SPEC(key, a, b) "'{\"key\":" key ",\"files\":[" a "],\"rows\":3010,\"on_top\":1,\"tombstones\":[" b "]}'"
#define CALL(spec, more) "SELECT lh_merge_key(" spec ", 0::UBIGINT, 0::BIGINT" more ")"
    static const struct {
        const char *sql;
        enum lh_code code;
    } cases[] = {
        {"SELECT lh_merge_key('nonsense', 0::UBIGINT, 0::BIGINT, 1)", LH_INVALID},
        {"SELECT lh_merge_key('{}', 0::UBIGINT, 0::BIGINT, 1)", LH_INVALID},
        {"SELECT lh_merge_key(NULL, 0::UBIGINT, 0::BIGINT, 1)", LH_INVALID},
        {"SELECT lh_merge_key(x, 0::UBIGINT, 0::BIGINT, 1) FROM (VALUES ('a'), ('b')) t(x)", LH_INVALID},
        {CALL(SPEC("[]", "[\"x\",0]", "[\"x\",1]"), ", 1"), LH_INVALID},
        {CALL(SPEC("[[\"id\",\"BIGINT\"]]", "", "[\"x\",1]"), ", 1"), LH_INVALID},
        {CALL(SPEC("[[\"id\",\"BIGINT\"]]", "[\"x\",-1]", ""), ", 1"), LH_INVALID},
        {CALL(SPEC("[[\"id\",\"BIGINT\"]]", "[\"x\",0]", ""), ", 1"), LH_INVALID},
        {CALL(SPEC("[[\"id\",\"BIGINT) FROM x --\"]]", "[\"x\",0]", "[\"x\",1]"), ", 1"), LH_INVALID},
        {CALL(SPEC("[[\"id\",\"BIGINT\"]]", "[\"/etc/passwd\",0]", "[\"/etc/passwd\",1]"), ", 1::BIGINT"),
         LH_FORBIDDEN},
        {"SELECT lh_merge_row('none', 0::UBIGINT, 0::BIGINT)", LH_SQL},
    };
    for (size_t i = 0; i < LH_ARRAY_LEN(cases); i++)
        assert_sql_fails(&f->engine, cases[i].sql, cases[i].code, &err);

    LH_AUTO(mem) char *pairs = lh_asprintf("[\"%s/a.parquet\",0],[\"%s/b.parquet\",1]", f->engine.root, f->engine.root);
    LH_AUTO(mem) char *spec = lh_asprintf(
        "{\"key\":[[\"id\",\"BIGINT\"]],\"files\":[%s],\"rows\":3010,\"on_top\":1,\"tombstones\":[]}", pairs);
    LH_AUTO(mem) char *wrong_type = lh_asprintf(CALL("'%s'", ", 1::SMALLINT"), spec);
    LH_AUTO(mem) char *too_few = lh_asprintf(CALL("'%s'", ""), spec);
    LH_AUTO(mem) char *too_many = lh_asprintf(CALL("'%s'", ", 1::BIGINT, 2"), spec);
    assert_sql_fails(&f->engine, wrong_type, LH_INVALID, &err);
    assert_sql_fails(&f->engine, too_few, LH_INVALID, &err);
    assert_sql_fails(&f->engine, too_many, LH_INVALID, &err);

    /* Rows and files that there are not, NULLs everywhere: an answer, and no harm. */
    LH_AUTO(mem) char *odd =
        lh_asprintf("SELECT count(lh_merge_key('%s', f, r, k)) AS n FROM (VALUES (0::UBIGINT, 0::BIGINT, 0::BIGINT), "
                    "(99, -1, 2), (NULL, NULL, NULL), (18446744073709551615, 9223372036854775807, 4)) t(f, r, k), "
                    "range(4000)",
                    spec);
    for (int time = 0; time < TIMES; time++)
        assert_sql_csv(&f->engine, odd, "n\r\n16000\r\n");
    char id[LH_SHA256_HEX];
    lh_sha256_hex(spec, strlen(spec), id);
    LH_AUTO(mem) char *rows =
        lh_asprintf("SELECT lh_merge_settled('%s') AS s, lh_merge_row('%s', 0, 0) AS old, lh_merge_row('%s', 0, 1) AS "
                    "kept, lh_merge_row('%s', 1, 0) AS new, lh_merge_row('%s', 9, 0) OR lh_merge_row('%s', 0, -1) "
                    "OR lh_merge_row('%s', 1, 10) OR lh_merge_row('%s', NULL, NULL) AS there",
                    id, id, id, id, id, id, id, id);
    assert_sql_csv(&f->engine, rows, "s,old,kept,new,there\r\ntrue,false,true,true,false\r\n");
}

/* More specs than are kept: each gives its answers, before and after it was forgotten. */
static void test_many_datasets(void **state) {
    struct lake_fixture *f = *state;
    put_parquet(f, "a.parquet", "SELECT i AS id FROM range(300) t(i)");
    put_parquet(f, "b.parquet", "SELECT i * 2 AS id FROM range(10) t(i)");
    for (int round = 0; round < 120; round++) {
        LH_AUTO(mem) char *sql = lh_asprintf(
            "SELECT count(*) AS n FROM (SELECT id, file_index AS f, file_row_number AS r FROM read_parquet('%s/a.parquet')) WHERE "
            "lh_merge_key('{\"key\":[[\"id\",\"BIGINT\"]],\"files\":[[\"%s/a.parquet\",%d]],\"rows\":3010,\"on_top\":1,\"tombstones\":"
            "[[\"%s/b.parquet\",%d]]}', f, r, id)",
            f->engine.root, f->engine.root, round % 40, f->engine.root, round % 40 + 1);
        assert_sql_csv(&f->engine, sql, "n\r\n290\r\n");
    }
}

static void limit_memory(struct engine_config *config) {
    config->workers = 1;
    config->memory_bytes = (uint64_t)64 << 20;
}

static void one_worker(struct engine_config *config) {
    config->workers = 1;
}

/* A set that would not fit says so, and how to go on. */
static void test_too_much_memory(void **state) {
    struct lake_fixture *f = *state;
    put_parquet(f, "a.parquet", "SELECT i AS id FROM range(900000) t(i)");
    LH_AUTO(mem) char *spec = lh_asprintf(
        "{\"key\":[[\"id\",\"BIGINT\"]],\"files\":[[\"%s/a.parquet\",0]],\"rows\":3010,\"on_top\":1,\"tombstones\":"
        "[[\"%s/a.parquet\",1]]}",
        f->engine.root, f->engine.root);
    LH_AUTO(mem) char *sql = lh_asprintf(CALL("'%s'", ", 1::BIGINT"), spec);
    struct lh_err err = LH_ERR_INIT;
    assert_sql_fails(&f->engine, sql, LH_LIMIT, &err);
    assert_non_null(strstr(err.hint, "compact"));
}

static int set_up_limited(void **state) {
    return set_up_with(state, limit_memory);
}

static int set_up_one(void **state) {
    return set_up_with(state, one_worker);
}

int main(int argc, char **argv) {
    ENGINE_TEST_MAIN(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_filter_beside_join, set_up_one, tear_down),
        cmocka_unit_test(test_key_types),
        cmocka_unit_test_setup_teardown(test_statements_that_call_them, set_up_one, tear_down),
        cmocka_unit_test_setup_teardown(test_many_datasets, set_up_one, tear_down),
        cmocka_unit_test_setup_teardown(test_too_much_memory, set_up_limited, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
