/* The hot cache by itself: what is served, what a lease holds, what the list of pins says after a restart. */
#include "hot/hot.h"
#include "lake/read_plan.h"
#include "unit/lake/lake_fixture.h"

static const struct column columns[] = {{"a", "BIGINT"}};

static struct hot *open_hot(struct lake_fixture *f, uint64_t max_bytes) {
    struct lh_err err = LH_ERR_INIT;
    struct hot *h = NULL;
    char dir[96];
    snprintf(dir, sizeof dir, "%s/cache", f->engine.dir);
    ok(os_mkdir_all(f->engine.os, AT_FDCWD, dir, 0700, &err), &err);
    ok(hot_open(&(struct hot_options){.os = f->engine.os,
                                      .engine = f->engine.engine,
                                      .catalog = f->catalog,
                                      .buckets = f->buckets,
                                      .dir = dir,
                                      .max_bytes = max_bytes},
                &h, &err),
       &err);
    return h;
}

static void make(struct lake_fixture *f, const char *name, const char *key, int rows) {
    struct lh_err err = LH_ERR_INIT;
    struct lake_committed committed;
    char sql[64];
    snprintf(sql, sizeof sql, "SELECT range AS a FROM range(%d)", rows);
    put_parquet(f, key, sql);
    ok(write_draft(f, LAKE_APPEND, draft_of(name, key, columns, 1, NULL), &committed, &err), &err);
}

static enum hot_state settle(struct lake_fixture *f, struct hot *h, const char *name, struct arena *arena) {
    struct hot_info info = {.state = HOT_WAITING};
    struct lh_err err = LH_ERR_INIT;
    for (int tries = 0; tries < 1000 && info.state != HOT_HOT && info.state != HOT_FAILED; tries++) {
        ok(hot_get(h, name, arena, &info, &err), &err);
        os_sleep_ms(f->engine.os, 10);
    }
    return info.state;
}

/* What a statement gets for the dataset as it is now. */
static struct engine_binding serve(struct lake_fixture *f, struct hot *h, const char *name, struct arena *arena,
                                   struct hot_lease *lease) {
    struct lh_err err = LH_ERR_INIT;
    struct engine_binding binding = {.name = name};
    struct catalog_snapshot *s = catalog_snapshot(f->catalog);
    ok(lake_read_plan(f->buckets, catalog_snapshot_find(s, name), arena, &binding.definition, &err), &err);
    hot_serve(h, &binding, 1, arena, lease);
    catalog_snapshot_unref(s);
    return binding;
}

static void serves_the_newest_rows_or_none(void **state) {
    struct lake_fixture *f = *state;
    struct arena *arena = arena_new();
    struct lh_err err = LH_ERR_INIT;
    struct hot_lease lease = {0}, later = {0};
    make(f, "t", "a.parquet", 3);
    struct hot *h = open_hot(f, 100 << 20);
    assert_null(serve(f, h, "t", arena, &lease).attach_path);
    uint64_t generation = hot_generation(h);
    ok(hot_pin(h, "T", &err), &err);
    assert_int_equal(settle(f, h, "t", arena), HOT_HOT);
    assert_true(hot_generation(h) > generation);
    struct engine_binding hot = serve(f, h, "t", arena, &lease);
    assert_non_null(hot.attach_path);
    assert_int_equal(access(hot.attach_path, R_OK), 0);

    make(f, "t", "b.parquet", 5); /* at once, whatever the thread does */
    struct engine_binding cold = serve(f, h, "t", arena, &later);
    assert_true(!cold.attach_path || strcmp(cold.attach_path, hot.attach_path) != 0);
    assert_int_equal(settle(f, h, "t", arena), HOT_HOT);
    assert_int_equal(access(hot.attach_path, R_OK), 0); /* a statement may still attach it */
    hot_lease_release(h, &lease);
    assert_int_not_equal(access(hot.attach_path, R_OK), 0);
    hot_lease_release(h, &later);
    hot_close(h);
    arena_free(arena);
}

static void keeps_pins_and_forgets_files(void **state) {
    struct lake_fixture *f = *state;
    struct arena *arena = arena_new();
    struct lh_err err = LH_ERR_INIT;
    struct hot_info *infos;
    struct hot_stats stats;
    size_t count;
    make(f, "kept", "k.parquet", 3);
    make(f, "dropped", "d.parquet", 3);
    struct hot *h = open_hot(f, 100 << 20);
    ok(hot_pin(h, "kept", &err), &err);
    ok(hot_pin(h, "dropped", &err), &err);
    ok(hot_evict(h, "dropped", &err), &err);
    assert_int_equal(hot_evict(h, "dropped", &err), LH_NOT_FOUND);
    assert_int_equal(hot_pin(h, "nobody", &err), LH_NOT_FOUND);
    assert_int_equal(settle(f, h, "kept", arena), HOT_HOT);
    hot_close(h);
    h = open_hot(f, 100 << 20);
    assert_int_equal(settle(f, h, "kept", arena), HOT_HOT);
    hot_list(h, arena, &infos, &count);
    hot_get_stats(h, &stats);
    assert_int_equal(count, 1);
    assert_string_equal(infos[0].dataset, "kept");
    assert_int_equal(infos[0].loads, 1);
    assert_int_equal(stats.used_bytes, infos[0].size_bytes);
    hot_close(h);
    arena_free(arena);
}

static void refuses_what_does_not_fit(void **state) {
    struct lake_fixture *f = *state;
    struct arena *arena = arena_new();
    struct lh_err err = LH_ERR_INIT;
    struct hot_info info;
    struct hot_lease lease = {0};
    make(f, "wide", "w.parquet", 3);
    struct hot *h = open_hot(f, 1000);
    ok(hot_pin(h, "wide", &err), &err);
    assert_int_equal(settle(f, h, "wide", arena), HOT_FAILED);
    ok(hot_get(h, "wide", arena, &info, &err), &err);
    assert_int_equal(info.error, LH_LIMIT);
    assert_null(serve(f, h, "wide", arena, &lease).attach_path);
    hot_lease_release(h, &lease);
    hot_close(h);
    arena_free(arena);
}

int main(int argc, char **argv) {
    ENGINE_TEST_MAIN(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(serves_the_newest_rows_or_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keeps_pins_and_forgets_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_what_does_not_fit, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
