/* Merge on read against a model: a keyed dataset lives through random commits, and after each one SQL must say what a plain array of
 * keys and values says. */
#include "lake/read_plan.h"
#include "unit/lake/lake_fixture.h"

#include <inttypes.h>

#define KEYS 24
#define ROUNDS 30

/* ---- commits of a hand-made manifest ---- */

static enum lh_code put_manifest(struct catalog_txn *txn, const struct catalog_snapshot *base, void *ctx,
                                 struct lh_err *err) {
    (void)base;
    (void)err;
    catalog_txn_put(txn, manifest_edit(ctx));
    return LH_OK;
}

static enum lh_code try_commit(struct lake_fixture *f, struct manifest *m, struct lh_err *err) {
    struct catalog_change change = {.operation = "test", .actor = "tester", .fn = put_manifest, .ctx = m};
    return catalog_commit(f->catalog, &change, NULL, err);
}

/* The newest manifest of `t`, to be changed and committed. */
static struct manifest *edit_newest(struct lake_fixture *f) {
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *s = catalog_snapshot(f->catalog);
    const struct manifest *m = catalog_snapshot_find(s, "t");
    assert_non_null(m);
    return manifest_edit(m);
}

static struct manifest *keyed(const struct column *columns, size_t count, const char *key, const char *key2) {
    struct manifest *m = draft_of("t", NULL, columns, count, NULL);
    m->primary_key = arena_alloc(m->arena, 2 * sizeof *m->primary_key);
    m->primary_key[m->primary_key_count++] = key;
    if (key2)
        m->primary_key[m->primary_key_count++] = key2;
    return m;
}

/* The rows of `sql` as one more file of `m`. */
static struct manifest_file *add_parquet(struct lake_fixture *f, struct manifest *m, enum file_role role,
                                         const char *sql) {
    struct manifest_file *file = manifest_add_file(m);
    *file = (struct manifest_file){.bucket = "primary",
                                   .role = role,
                                   .key = arena_printf(m->arena, "datasets/t/%s/%" PRIu64 "-%zu.parquet",
                                                       file_role_name(role), m->version, m->file_count)};
    put_parquet(f, file->key, sql);
    return file;
}

static void commit_manifest(struct lake_fixture *f, struct manifest *m) {
    struct lh_err err = LH_ERR_INIT;
    ok(try_commit(f, m, &err), &err);
    manifest_unref(m);
}

static const char *plan_of(struct lake_fixture *f, struct arena *arena) {
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *s = catalog_snapshot(f->catalog);
    struct lh_err err = LH_ERR_INIT;
    const char *select = NULL;
    ok(lake_read_plan(f->buckets, catalog_snapshot_find(s, "t"), arena, &select, &err), &err);
    return select;
}

/* ---- the model ---- */

struct model {
    uint64_t random;
    bool alive[KEYS];
    int64_t value[KEYS];
    int64_t extra[KEYS]; /* of the column that comes later; -1: NULL */
    bool widened;        /* a delta brought the column `extra`, and a BIGINT key */
};

static uint64_t next_random(struct model *model, uint64_t below) {
    model->random ^= model->random << 13;
    model->random ^= model->random >> 7;
    model->random ^= model->random << 17;
    return model->random % below;
}

/* A few rows for distinct keys: columns in another order, a narrower key, with or without `extra`. */
static void upsert(struct lake_fixture *f, struct model *model, struct manifest *m, enum file_role role) {
    LH_AUTO(buf) struct buf sql = BUF_INIT;
    bool extra = model->widened && next_random(model, 2) == 0;
    buf_printf(&sql, "SELECT v::BIGINT AS v, k::%s AS k%s FROM (VALUES ", extra ? "BIGINT" : "SMALLINT",
               extra ? ", e::INTEGER AS extra" : "");
    size_t first = next_random(model, KEYS), count = 1 + next_random(model, 5);
    for (size_t i = 0; i < count; i++) {
        size_t key = (first + i * 5) % KEYS;
        model->alive[key] = true;
        model->value[key] = (int64_t)next_random(model, 1000);
        model->extra[key] = extra ? (int64_t)next_random(model, 9) : -1;
        buf_printf(&sql, "%s(%zu, %" PRId64 ", %" PRId64 ")", i > 0 ? ", " : "", key, model->value[key],
                   model->extra[key]);
    }
    buf_append_str(&sql, ") t(k, v, e)");
    add_parquet(f, m, role, buf_cstr(&sql));
}

static void bury(struct lake_fixture *f, struct model *model, struct manifest *m) {
    size_t key = next_random(model, KEYS);
    model->alive[key] = false;
    LH_AUTO(buf) struct buf sql = BUF_INIT;
    buf_printf(&sql,
               "SELECT %zu::INTEGER AS k, 'asked' AS " TOMBSTONE_REASON ", 'ann' AS " TOMBSTONE_ACTOR
               ", now() AS " TOMBSTONE_AT,
               key);
    add_parquet(f, m, FILE_TOMBSTONE, buf_cstr(&sql));
}

/* Everything so far in one base file of the highest age, as a compaction leaves it. */
static void fold(struct lake_fixture *f, const struct model *model, struct manifest *m) {
    LH_AUTO(buf) struct buf sql = BUF_INIT;
    uint64_t newest = 0;
    for (size_t i = 0; i < m->file_count; i++)
        newest = m->files[i].sequence > newest ? m->files[i].sequence : newest;
    buf_append_str(&sql, "SELECT k::INTEGER AS k, v::BIGINT AS v, e::INTEGER AS extra FROM (VALUES (0, 0, 0)");
    for (size_t i = 0; i < KEYS; i++) {
        if (model->alive[i] && model->extra[i] >= 0)
            buf_printf(&sql, ", (%zu, %" PRId64 ", %" PRId64 ")", i, model->value[i], model->extra[i]);
        else if (model->alive[i])
            buf_printf(&sql, ", (%zu, %" PRId64 ", NULL)", i, model->value[i]);
    }
    buf_append_str(&sql, ") t(k, v, e) OFFSET 1");
    m->file_count = 0;
    add_parquet(f, m, FILE_BASE, buf_cstr(&sql))->sequence = newest;
}

static void widen(struct model *model, struct manifest *m) {
    model->widened = true;
    manifest_find_column(m, "k")->type = "BIGINT";
    struct manifest_column *column = manifest_add_column(m);
    column->name = "extra";
    column->type = "INTEGER";
    column->nullable = true;
}

static void compare(struct lake_fixture *f, const struct model *model) {
    LH_AUTO(buf) struct buf all = BUF_INIT;
    LH_AUTO(buf) struct buf sums = BUF_INIT;
    int64_t count = 0, sum = 0;
    buf_append_str(&all, model->widened ? "k,v,extra\r\n" : "k,v\r\n");
    for (size_t i = 0; i < KEYS; i++) {
        if (!model->alive[i])
            continue;
        count++;
        sum += model->value[i];
        buf_printf(&all, "%zu,%" PRId64, i, model->value[i]);
        if (model->widened)
            buf_append_char(&all, ',');
        if (model->extra[i] >= 0)
            buf_printf(&all, "%" PRId64, model->extra[i]);
        buf_append_str(&all, "\r\n");
    }
    buf_printf(&sums, "n,s\r\n%" PRId64 ",%" PRId64 "\r\n", count, sum);
    assert_lake_csv(f, "SELECT * FROM t ORDER BY k", buf_cstr(&all));
    assert_lake_csv(f, "SELECT count(*) AS n, coalesce(sum(v), 0)::BIGINT AS s FROM t", buf_cstr(&sums));
    for (size_t key = 3; key < KEYS; key += 10) {
        LH_AUTO(buf) struct buf one = BUF_INIT;
        LH_AUTO(mem) char *sql = lh_asprintf("SELECT v FROM t WHERE k = %zu", key);
        buf_append_str(&one, "v\r\n");
        if (model->alive[key])
            buf_printf(&one, "%" PRId64 "\r\n", model->value[key]);
        assert_lake_csv(f, sql, buf_cstr(&one));
    }
}

static const struct column KV[] = {{"k", "INTEGER"}, {"v", "BIGINT"}};

static void live(struct lake_fixture *f, uint64_t seed) {
    struct model model = {.random = seed};
    memset(model.extra, 0xff, sizeof model.extra);
    struct manifest *m = keyed(KV, 2, "K", NULL);
    upsert(f, &model, m, FILE_BASE);
    commit_manifest(f, m);
    for (int round = 0; round < ROUNDS; round++) {
        m = edit_newest(f);
        if (!model.widened && round >= ROUNDS / 3)
            widen(&model, m);
        switch (next_random(&model, 8)) {
        case 0:
            if (model.widened) {
                fold(f, &model, m);
                break;
            }
            /* fall through */
        case 1:
        case 2: bury(f, &model, m); break;
        case 3: /* two transactions of one record: the later one counts */
            upsert(f, &model, m, FILE_DELTA);
            bury(f, &model, m);
            upsert(f, &model, m, FILE_DELTA);
            break;
        default: upsert(f, &model, m, FILE_DELTA);
        }
        commit_manifest(f, m);
        compare(f, &model);
    }
}

static void test_against_the_model(void **state) {
    live(*state, 42);
}

static void test_against_the_model_again(void **state) {
    live(*state, 20261121);
}

/* ---- single rules ---- */

/* A sequence of its own decides, not the place in the manifest; a base newer than a tombstone is not hidden by it. */
static void test_age_decides(void **state) {
    struct lake_fixture *f = *state;
    struct manifest *m = keyed(KV, 2, "k", NULL);
    add_parquet(f, m, FILE_BASE, "SELECT k::INTEGER AS k, 0::BIGINT AS v FROM range(4) t(k)")->sequence = 1;
    add_parquet(f, m, FILE_DELTA, "SELECT 1 AS k, 5::BIGINT AS v")->sequence = 5;
    add_parquet(f, m, FILE_DELTA, "SELECT 1 AS k, 4::BIGINT AS v UNION ALL SELECT 2, 4")->sequence = 4;
    add_parquet(f, m, FILE_TOMBSTONE, "SELECT 2 AS k UNION ALL SELECT 9")->sequence = 3;
    add_parquet(f, m, FILE_TOMBSTONE, "SELECT 3 AS k")->sequence = 2;
    add_parquet(f, m, FILE_BASE, "SELECT 9 AS k, 9::BIGINT AS v")->sequence = 6;
    commit_manifest(f, m);
    assert_lake_csv(f, "SELECT * FROM t ORDER BY k", "k,v\r\n0,0\r\n1,5\r\n2,4\r\n9,9\r\n");

    m = edit_newest(f);
    m->files[4].sequence = m->files[3].sequence = 7;
    commit_manifest(f, m);
    assert_lake_csv(f, "SELECT * FROM t ORDER BY k", "k,v\r\n0,0\r\n1,5\r\n");
}

/* Two key columns, names that the plan itself uses, a column of the name that DuckDB gives a file's place. */
static void test_odd_names(void **state) {
    struct lake_fixture *f = *state;
    static const struct column columns[] = {{"File_Index", "VARCHAR"}, {"age", "INTEGER"},    {"dead", "BOOLEAN"},
                                            {"number", "VARCHAR"},     {"a \"b\"", "DOUBLE"}, {"__at", "INTEGER"}};
    struct manifest *m = keyed(columns, 6, "file_index", "AGE");
    add_parquet(
        f, m, FILE_BASE,
        "SELECT 'x' AS file_index, 1 AS age, true AS dead, 'n' AS number, 1.5::DOUBLE AS \"a \"\"b\"\"\", 7 AS __at "
        "UNION ALL SELECT 'x', 2, NULL, NULL, NULL, NULL UNION ALL SELECT 'y', 1, false, 'm', 2.5, 8");
    commit_manifest(f, m);
    m = edit_newest(f);
    add_parquet(f, m, FILE_DELTA, "SELECT 'x' AS file_index, 2 AS age, 'p' AS number");
    add_parquet(f, m, FILE_DELTA, "SELECT 2 AS age, 'x' AS file_index, 'q' AS number");
    add_parquet(f, m, FILE_TOMBSTONE, "SELECT 'x' AS file_index, 1 AS age");
    add_parquet(f, m, FILE_TOMBSTONE, "SELECT 'y' AS file_index, 2 AS age");
    commit_manifest(f, m);
    assert_lake_csv(f, "SELECT * FROM t ORDER BY ALL",
                    "File_Index,age,dead,number,\"a \"\"b\"\"\",__at\r\nx,2,,q,,\r\ny,1,false,m,2.5,8\r\n");
}

static void test_nothing_to_merge_costs_nothing(void **state) {
    struct lake_fixture *f = *state;
    LH_AUTO(arena) struct arena *arena = arena_new();
    struct manifest *m = keyed(KV, 2, "k", NULL);
    add_parquet(f, m, FILE_BASE, "SELECT 1 AS k, 2::BIGINT AS v");
    commit_manifest(f, m);
    const char *plan = plan_of(f, arena);
    assert_null(strstr(plan, "JOIN"));
    assert_null(strstr(plan, "UNION"));

    /* Without a key, deltas are more rows. */
    m = edit_newest(f);
    m->primary_key_count = 0;
    add_parquet(f, m, FILE_DELTA, "SELECT 1 AS k, 3::BIGINT AS v");
    commit_manifest(f, m);
    assert_null(strstr(plan_of(f, arena), "JOIN"));
    assert_lake_csv(f, "SELECT v FROM t ORDER BY v", "v\r\n2\r\n3\r\n");

    /* Tombstones need one. */
    m = edit_newest(f);
    add_parquet(f, m, FILE_TOMBSTONE, "SELECT 1 AS k");
    commit_manifest(f, m);
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *s = catalog_snapshot(f->catalog);
    struct lh_err err = LH_ERR_INIT;
    assert_int_equal(lake_read_plan(f->buckets, catalog_snapshot_find(s, "t"), arena, &plan, &err), LH_CORRUPT);
}

/* Changes belong to one version alone, and say nothing about rows. */
static void test_changes_go_with_the_next_commit(void **state) {
    struct lake_fixture *f = *state;
    struct manifest *m = keyed(KV, 2, "k", NULL);
    add_parquet(f, m, FILE_BASE, "SELECT 1 AS k, 2::BIGINT AS v");
    add_parquet(f, m, FILE_CHANGES, "SELECT 'anything' AS x");
    commit_manifest(f, m);
    m = edit_newest(f);
    assert_int_equal(m->file_count, 2);
    assert_int_equal(m->files[1].sequence, m->version);
    assert_lake_csv(f, "SELECT * FROM t", "k,v\r\n1,2\r\n");
    m->description = "touched";
    add_parquet(f, m, FILE_CHANGES, "SELECT 'newer' AS x");
    commit_manifest(f, m);
    m = edit_newest(f);
    assert_int_equal(m->file_count, 2);
    assert_int_equal(m->files[1].role, FILE_CHANGES);
    assert_int_equal(m->files[1].added_version, m->version);
    manifest_unref(m);
}

static void test_key_cannot_have_a_tombstone_name(void **state) {
    struct lake_fixture *f = *state;
    struct lh_err err = LH_ERR_INIT;
    static const struct column columns[] = {{"__Reason", "VARCHAR"}};
    LH_AUTO(manifest) struct manifest *m = keyed(columns, 1, "__reason", NULL);
    assert_int_equal(try_commit(f, m, &err), LH_INVALID);
}

int main(int argc, char **argv) {
    ENGINE_TEST_MAIN(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_against_the_model, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_against_the_model_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_age_decides, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_odd_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nothing_to_merge_costs_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_changes_go_with_the_next_commit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_key_cannot_have_a_tombstone_name, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
