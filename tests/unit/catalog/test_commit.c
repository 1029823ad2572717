/* The commit path: outcomes, races, replays, group commit, and what the log says afterwards. */
#include "base/alloc.h"
#include "base/arena.h"
#include "catalog/catalog.h"
#include "catalog/commit_log.h"
#include "catalog/commit_record.h"
#include "os/clock.h"
#include "os/os.h"
#include "store/local.h"
#include "store/object_store.h"
#include "twin/checkpoint_text.h"
#include "twin/object_store_faulty.h"
#include "twin/os_faulty.h"
#include "twin/temp_dir.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void ok(enum lh_code code, const struct lh_err *err) {
    if (code != LH_OK)
        fail_msg("%s: %s (%s)", lh_code_name(code), err->message, err->detail);
}

struct fixture {
    struct object_store *store;
    struct catalog *catalog;
};

static struct catalog *open_on(struct object_store *store) {
    struct lh_err err = LH_ERR_INIT;
    struct catalog *c = NULL;
    ok(catalog_open(&(struct catalog_options){.os = os_real(),
                                              .store = store,
                                              .codec = &checkpoint_text_codec,
                                              .checkpoint_every = 7,
                                              .max_retries = 1000},
                    &c, &err),
       &err);
    return c;
}

static int set_up(void **state) {
    struct fixture *f = lh_calloc(1, sizeof *f);
    f->store = object_store_new_faulty();
    f->catalog = open_on(f->store);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    catalog_close(f->catalog);
    object_store_free(f->store);
    lh_free(f);
    return 0;
}

/* ---- changes ---- */

static enum lh_code create_named(struct catalog_txn *txn, const struct catalog_snapshot *base, void *ctx,
                                 struct lh_err *err) {
    (void)base;
    (void)err;
    struct manifest *m = manifest_new(ctx);
    m->bucket = "primary";
    struct manifest_column *column = manifest_add_column(m);
    column->name = "n";
    column->type = "BIGINT";
    catalog_txn_put(txn, m);
    return LH_OK;
}

static enum lh_code delete_named(struct catalog_txn *txn, const struct catalog_snapshot *base, void *ctx,
                                 struct lh_err *err) {
    const struct manifest *m;
    LH_TRY(catalog_snapshot_require(base, ctx, &m, err));
    catalog_txn_delete(txn, m->id);
    return LH_OK;
}

/* Counts one row on top of the dataset: a read and a write that only serial order keeps right. */
static enum lh_code add_row(struct catalog_txn *txn, const struct catalog_snapshot *base, void *ctx,
                            struct lh_err *err) {
    const struct manifest *m;
    LH_TRY(catalog_snapshot_require(base, ctx, &m, err));
    struct manifest *next = manifest_edit(m);
    next->freshness_sla_s++;
    catalog_txn_put(txn, next);
    return LH_OK;
}

static enum lh_code nothing(struct catalog_txn *txn, const struct catalog_snapshot *base, void *ctx,
                            struct lh_err *err) {
    (void)txn;
    (void)base;
    (void)ctx;
    (void)err;
    return LH_OK;
}

static enum lh_code commit(struct catalog *c, catalog_txn_fn *fn, const char *name, const char *key,
                           struct catalog_commit *ret, struct lh_err *err) {
    struct catalog_change change = {
        .operation = "test", .actor = "tester", .idempotency_key = key, .fn = fn, .ctx = (void *)(uintptr_t)name};
    return catalog_commit(c, &change, ret, err);
}

static struct catalog_commit commit_ok(struct catalog *c, catalog_txn_fn *fn, const char *name, const char *key) {
    struct lh_err err = LH_ERR_INIT;
    struct catalog_commit done;
    ok(commit(c, fn, name, key, &done, &err), &err);
    return done;
}

static int64_t counter(struct catalog *c, const char *name) {
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *s = catalog_snapshot(c);
    const struct manifest *m = catalog_snapshot_find(s, name);
    assert_non_null(m);
    return m->freshness_sla_s;
}

static uint64_t version_of(struct catalog *c) {
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *s = catalog_snapshot(c);
    return catalog_snapshot_version(s);
}

/* ---- tests ---- */

static void test_create_find_delete(void **state) {
    struct fixture *f = *state;
    assert_int_equal(commit_ok(f->catalog, create_named, "Clients", NULL).version, 1);
    {
        LH_AUTO(catalog_snapshot) struct catalog_snapshot *s = catalog_snapshot(f->catalog);
        const struct manifest *m = catalog_snapshot_find(s, "cLIENTS");
        assert_non_null(m);
        assert_string_equal(m->name, "Clients");
        assert_int_equal(m->version, 1);
        assert_int_equal(m->schema_version, 1);
        assert_non_null(m->id);
        assert_ptr_equal(catalog_snapshot_find_id(s, m->id), m);
        const struct manifest *missing;
        struct lh_err err = LH_ERR_INIT;
        assert_int_equal(catalog_snapshot_require(s, "clints", &missing, &err), LH_NOT_FOUND);
        assert_non_null(strstr(err.hint, "Clients"));
    }
    struct lh_err err = LH_ERR_INIT;
    struct catalog_commit done;
    assert_int_equal(commit(f->catalog, create_named, "CLIENTS", NULL, &done, &err), LH_EXISTS);
    assert_int_equal(commit_ok(f->catalog, nothing, "", NULL).version, 1);
    assert_int_equal(commit_ok(f->catalog, delete_named, "clients", NULL).version, 2);
    assert_int_equal(commit(f->catalog, delete_named, "clients", NULL, &done, &err), LH_NOT_FOUND);
    assert_int_equal(version_of(f->catalog), 2);
}

static void test_old_snapshot_does_not_change(void **state) {
    struct fixture *f = *state;
    commit_ok(f->catalog, create_named, "t", NULL);
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *old = catalog_snapshot(f->catalog);
    commit_ok(f->catalog, add_row, "t", NULL);
    commit_ok(f->catalog, delete_named, "t", NULL);
    assert_int_equal(catalog_snapshot_find(old, "t")->freshness_sla_s, 0);
    assert_int_equal(catalog_snapshot_count(old), 1);
}

static void test_outcomes(void **state) {
    static const struct {
        const char *name;
        struct faulty_rule rule;
        enum lh_code expected;
        int64_t counted;
    } rows[] = {
        {"reply lost", {FAULTY_PUT, FAULTY_LOSE_REPLY, COMMIT_LOG_PREFIX, 1, LH_OK, 0}, LH_OK, 1},
        {"request lost", {FAULTY_PUT, FAULTY_LOSE_REQUEST, COMMIT_LOG_PREFIX, 1, LH_OK, 0}, LH_OK, 1},
        {"no space", {FAULTY_PUT, FAULTY_FAIL, COMMIT_LOG_PREFIX, 1, LH_NO_SPACE, 0}, LH_NO_SPACE, 0},
        {"input/output error", {FAULTY_PUT, FAULTY_FAIL, COMMIT_LOG_PREFIX, 1, LH_IO, 0}, LH_IO, 0},
    };
    struct fixture *f = *state;
    commit_ok(f->catalog, create_named, "t", NULL);
    int64_t counted = 0;
    for (size_t i = 0; i < LH_ARRAY_LEN(rows); i++) {
        object_store_faulty_add(f->store, rows[i].rule);
        struct lh_err err = LH_ERR_INIT;
        struct catalog_commit done;
        enum lh_code code = commit(f->catalog, add_row, "t", NULL, &done, &err);
        if (code != rows[i].expected)
            fail_msg("%s: %s %s", rows[i].name, lh_code_name(code), err.message);
        object_store_faulty_clear(f->store);
        counted += rows[i].counted;
        assert_int_equal(counter(f->catalog, "t"), counted);
    }
    commit_ok(f->catalog, add_row, "t", NULL);
    struct catalog *other = open_on(f->store);
    assert_int_equal(counter(other, "t"), counted + 1);
    catalog_close(other);
}

static void test_idempotency_key(void **state) {
    struct fixture *f = *state;
    commit_ok(f->catalog, create_named, "t", NULL);
    struct catalog_commit first = commit_ok(f->catalog, add_row, "t", "key-1");
    assert_false(first.replayed);
    for (int i = 0; i < 10; i++) /* across a checkpoint */
        commit_ok(f->catalog, add_row, "t", NULL);
    struct catalog_commit again = commit_ok(f->catalog, add_row, "t", "key-1");
    assert_true(again.replayed);
    assert_int_equal(again.version, first.version);
    assert_int_equal(counter(f->catalog, "t"), 11);

    catalog_close(f->catalog);
    f->catalog = open_on(f->store);
    again = commit_ok(f->catalog, add_row, "t", "key-1");
    assert_true(again.replayed);
    assert_int_equal(again.version, first.version);

    struct lh_err err = LH_ERR_INIT;
    struct catalog_commit done;
    struct catalog_change other[] = {
        {.operation = "test",
         .idempotency_key = "key-1",
         .request = "another",
         .fn = add_row,
         .ctx = (void *)(uintptr_t) "t"},
        {.operation = "delete", .idempotency_key = "key-1", .fn = add_row, .ctx = (void *)(uintptr_t) "t"},
    };
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(catalog_commit(f->catalog, &other[i], &done, &err), LH_CONFLICT);
        assert_non_null(strstr(err.hint, "new key"));
    }
    assert_int_equal(counter(f->catalog, "t"), 11);

    char long_key[400];
    memset(long_key, 'k', sizeof long_key);
    long_key[sizeof long_key - 1] = '\0';
    assert_int_equal(commit(f->catalog, add_row, "t", long_key, &done, &err), LH_INVALID);
    assert_int_equal(commit(f->catalog, add_row, "t", "", &done, &err), LH_INVALID);
}

struct writer {
    struct catalog *catalog;
    unsigned commits, conflicts;
    pthread_t thread;
};

static void *write_many(void *arg) {
    struct writer *w = arg;
    for (unsigned i = 0; i < w->commits; i++) {
        struct lh_err err = LH_ERR_INIT;
        struct catalog_commit done;
        enum lh_code code = commit(w->catalog, add_row, "t", NULL, &done, &err);
        if (code != LH_OK)
            w->conflicts++;
    }
    return NULL;
}

#define WRITERS 8
#define COMMITS_EACH 25

/* Two servers on one storage, every writer counting up the same number, replies getting lost: the sum must be exact. */
static void test_two_catalogs_keep_the_sum(void **state) {
    struct fixture *f = *state;
    struct catalog *second = open_on(f->store);
    commit_ok(f->catalog, create_named, "t", NULL);
    object_store_faulty_add(f->store, (struct faulty_rule){FAULTY_PUT, FAULTY_DELAY, COMMIT_LOG_PREFIX, 3, LH_OK, 20});
    object_store_faulty_add(f->store,
                            (struct faulty_rule){FAULTY_PUT, FAULTY_LOSE_REPLY, COMMIT_LOG_PREFIX, 5, LH_OK, 0});
    object_store_faulty_add(f->store,
                            (struct faulty_rule){FAULTY_PUT, FAULTY_LOSE_REQUEST, COMMIT_LOG_PREFIX, 9, LH_OK, 0});
    struct writer writers[2 * WRITERS];
    for (size_t i = 0; i < LH_ARRAY_LEN(writers); i++) {
        writers[i] = (struct writer){.catalog = i % 2 ? second : f->catalog, .commits = COMMITS_EACH};
        assert_int_equal(pthread_create(&writers[i].thread, NULL, write_many, &writers[i]), 0);
    }
    for (size_t i = 0; i < LH_ARRAY_LEN(writers); i++) {
        pthread_join(writers[i].thread, NULL);
        assert_int_equal(writers[i].conflicts, 0);
    }
    struct lh_err err = LH_ERR_INIT;
    ok(catalog_refresh(f->catalog, &err), &err);
    ok(catalog_refresh(second, &err), &err);
    assert_int_equal(counter(f->catalog, "t"), 2 * WRITERS * COMMITS_EACH);
    assert_int_equal(counter(second, "t"), 2 * WRITERS * COMMITS_EACH);
    assert_true(version_of(f->catalog) < 1 + 2 * WRITERS * COMMITS_EACH); /* some were written together */
    catalog_close(second);
}

static void test_refresh_sees_others(void **state) {
    struct fixture *f = *state;
    struct lh_err err = LH_ERR_INIT;
    struct catalog *second = NULL;
    ok(catalog_open(&(struct catalog_options){.os = os_real(), .store = f->store, .poll_interval_ms = 10}, &second,
                    &err),
       &err);
    commit_ok(f->catalog, create_named, "t", NULL);
    bool seen = false;
    for (int i = 0; i < 500 && !seen; i++) {
        LH_AUTO(catalog_snapshot) struct catalog_snapshot *s = catalog_snapshot(second);
        seen = catalog_snapshot_find(s, "t") != NULL;
        os_sleep_ms(os_real(), 10);
    }
    assert_true(seen);
    /* A refusal is only final after a look at what others did. */
    commit_ok(f->catalog, create_named, "u", NULL);
    commit_ok(second, add_row, "u", NULL);
    catalog_close(second);
}

static void test_history_and_time_travel(void **state) {
    struct fixture *f = *state;
    struct lh_err err = LH_ERR_INIT;
    commit_ok(f->catalog, create_named, "t", NULL); /* 1 */
    commit_ok(f->catalog, create_named, "u", NULL); /* 2 */
    for (int i = 0; i < 20; i++)
        commit_ok(f->catalog, add_row, "t", NULL); /* 3 to 22 */
    for (uint64_t v = 1; v <= 22; v += 3) {
        LH_AUTO(catalog_snapshot) struct catalog_snapshot *s = NULL;
        ok(catalog_snapshot_at_version(f->catalog, v, &s, &err), &err);
        assert_int_equal(catalog_snapshot_version(s), v);
        assert_int_equal(catalog_snapshot_find(s, "t")->freshness_sla_s, v < 3 ? 0 : v - 2);
        LH_AUTO(catalog_snapshot) struct catalog_snapshot *same = NULL;
        ok(catalog_snapshot_at_time(f->catalog, catalog_snapshot_time(s), &same, &err), &err);
        assert_int_equal(catalog_snapshot_version(same), v);
        if (v > 1) {
            LH_AUTO(catalog_snapshot) struct catalog_snapshot *before = NULL;
            ok(catalog_snapshot_at_time(f->catalog, catalog_snapshot_time(s) - 1, &before, &err), &err);
            assert_int_equal(catalog_snapshot_version(before), v - 1);
        }
    }
    struct catalog_snapshot *none = NULL;
    assert_int_equal(catalog_snapshot_at_version(f->catalog, 23, &none, &err), LH_NOT_FOUND);
    assert_int_equal(catalog_snapshot_at_version(f->catalog, 0, &none, &err), LH_NOT_FOUND);
    assert_int_equal(catalog_snapshot_at_time(f->catalog, 1000, &none, &err), LH_NOT_FOUND);

    LH_AUTO(arena) struct arena *arena = arena_new();
    struct catalog_version *versions;
    size_t count;
    ok(catalog_history(f->catalog, "T", 20, 5, arena, &versions, &count, &err), &err);
    assert_int_equal(count, 5);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(versions[i].version, 19 - i);
    assert_string_equal(versions[0].operation, "test");
    assert_string_equal(versions[0].actor, "tester");
    commit_ok(f->catalog, delete_named, "t", NULL); /* 23 */
    ok(catalog_history(f->catalog, "t", UINT64_MAX, 100, arena, &versions, &count, &err), &err);
    assert_int_equal(count, 22);
    assert_true(versions[0].deleted);
    assert_int_equal(versions[21].version, 1);
    assert_int_equal(catalog_history(f->catalog, "never", UINT64_MAX, 9, arena, &versions, &count, &err), LH_NOT_FOUND);
}

/* ---- outcomes that stay unknown ---- */

struct clocked {
    struct os_faulty os; /* its clock stands still but for sleeps, so that waiting costs nothing */
    struct object_store *store;
    struct catalog *catalog;
};

static void clocked_open(struct clocked *k) {
    struct lh_err err = LH_ERR_INIT;
    os_faulty_init(&k->os, os_real());
    os_faulty_set_clock(&k->os, INT64_C(1700000000000000), 1);
    k->store = object_store_new_faulty();
    ok(catalog_open(&(struct catalog_options){.os = &k->os.table, .store = k->store}, &k->catalog, &err), &err);
}

static void clocked_close(struct clocked *k) {
    catalog_close(k->catalog);
    object_store_free(k->store);
    os_faulty_deinit(&k->os);
}

/* The reply is lost and nothing can be read: the caller hears that nobody knows.  The same key later finds out. */
static void test_unknown_outcome(void **state) {
    (void)state;
    for (int landed = 0; landed < 2; landed++) {
        struct clocked k;
        clocked_open(&k);
        commit_ok(k.catalog, create_named, "t", NULL);
        enum faulty_kind kind = landed ? FAULTY_LOSE_REPLY : FAULTY_LOSE_REQUEST;
        object_store_faulty_add(k.store, (struct faulty_rule){FAULTY_PUT, kind, COMMIT_LOG_PREFIX, 1, LH_OK, 0});
        object_store_faulty_add(k.store, (struct faulty_rule){FAULTY_PUT, FAULTY_FAIL, COMMIT_LOG_PREFIX, 0, LH_IO, 0});
        object_store_faulty_add(k.store,
                                (struct faulty_rule){FAULTY_READ, FAULTY_FAIL, COMMIT_LOG_PREFIX, 0, LH_IO, 0});
        struct lh_err err = LH_ERR_INIT;
        struct catalog_commit done;
        assert_int_equal(commit(k.catalog, add_row, "t", "the-key", &done, &err), LH_UNKNOWN_OUTCOME);
        assert_non_null(strstr(err.hint, "Idempotency-Key"));
        object_store_faulty_clear(k.store);
        done = commit_ok(k.catalog, add_row, "t", "the-key");
        assert_int_equal(done.replayed, landed);
        assert_int_equal(counter(k.catalog, "t"), 1);
        assert_int_equal(commit_ok(k.catalog, add_row, "t", NULL).version, 3);
        clocked_close(&k);
    }
}

/* A disk that could not confirm the record will not do so later: its caller need not wait to hear that nobody knows. */
static void test_a_broken_disk_is_not_waited_for(void **state) {
    (void)state;
    unsigned unknown = 0;
    for (uint64_t nth = 1; nth <= 4; nth++) {
        struct os_faulty os;
        struct object_store *store = NULL;
        struct catalog *catalog = NULL;
        struct lh_err err = LH_ERR_INIT;
        char *folder = temp_dir_new();
        os_faulty_init(&os, os_real());
        os_faulty_set_clock(&os, INT64_C(1700000000000000), 1);
        ok(object_store_open_local(&os.table, folder, &store, &err), &err);
        ok(catalog_open(&(struct catalog_options){.os = &os.table, .store = store}, &catalog, &err), &err);
        commit_ok(catalog, create_named, "t", NULL);
        os_faulty_fail(&os, OS_CALL_fsync, nth, EIO, true);
        struct catalog_commit done;
        int64_t start_ns = os_monotonic_ns(&os.table);
        unknown += commit(catalog, add_row, "t", "the-key", &done, &err) == LH_UNKNOWN_OUTCOME;
        assert_true(os_monotonic_ns(&os.table) - start_ns < INT64_C(1000000000));
        os_faulty_heal(&os);
        catalog_close(catalog);
        object_store_free(store);
        os_faulty_deinit(&os);
        temp_dir_free(folder);
    }
    assert_true(unknown > 0);
}

static void test_time_rises_though_the_clock_falls(void **state) {
    (void)state;
    struct clocked k;
    clocked_open(&k);
    commit_ok(k.catalog, create_named, "t", NULL);
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *first = catalog_snapshot(k.catalog);
    os_faulty_set_clock(&k.os, INT64_C(1600000000000000), 1);
    commit_ok(k.catalog, add_row, "t", NULL);
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *second = catalog_snapshot(k.catalog);
    assert_int_equal(catalog_snapshot_time(second), catalog_snapshot_time(first) + 1);
    clocked_close(&k);
}

/* ---- verdicts inside a batch ---- */

struct racer {
    struct catalog *catalog;
    enum lh_code code;
    pthread_t thread;
};

static void *race_to_create(void *arg) {
    struct racer *r = arg;
    struct lh_err err = LH_ERR_INIT;
    struct catalog_commit done;
    r->code = commit(r->catalog, create_named, "prize", NULL, &done, &err);
    return NULL;
}

static unsigned run_race(struct catalog *c, struct racer *racers, size_t count, enum lh_code code) {
    unsigned matching = 0;
    for (size_t i = 0; i < count; i++) {
        racers[i] = (struct racer){.catalog = c};
        assert_int_equal(pthread_create(&racers[i].thread, NULL, race_to_create, &racers[i]), 0);
    }
    for (size_t i = 0; i < count; i++) {
        pthread_join(racers[i].thread, NULL);
        matching += racers[i].code == code;
    }
    return matching;
}

/* Many want one name at one time: one gets it, the others hear why not.  And where the record cannot be written, nobody is told that
 * the name is taken by a dataset that never came to be. */
static void test_one_name_for_many(void **state) {
    struct fixture *f = *state;
    struct racer racers[12];
    object_store_faulty_add(f->store, (struct faulty_rule){FAULTY_PUT, FAULTY_FAIL, COMMIT_LOG_PREFIX, 0, LH_IO, 0});
    assert_int_equal(run_race(f->catalog, racers, LH_ARRAY_LEN(racers), LH_IO), LH_ARRAY_LEN(racers));
    object_store_faulty_clear(f->store);
    object_store_faulty_add(f->store, (struct faulty_rule){FAULTY_PUT, FAULTY_DELAY, COMMIT_LOG_PREFIX, 1, LH_OK, 30});
    assert_int_equal(run_race(f->catalog, racers, LH_ARRAY_LEN(racers), LH_EXISTS), LH_ARRAY_LEN(racers) - 1);
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *s = catalog_snapshot(f->catalog);
    assert_int_equal(catalog_snapshot_count(s), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_create_find_delete, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_old_snapshot_does_not_change, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_outcomes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_idempotency_key, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_two_catalogs_keep_the_sum, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refresh_sees_others, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_history_and_time_travel, set_up, tear_down),
        cmocka_unit_test(test_unknown_outcome),
        cmocka_unit_test(test_a_broken_disk_is_not_waited_for),
        cmocka_unit_test(test_time_rises_though_the_clock_falls),
        cmocka_unit_test_setup_teardown(test_one_name_for_many, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
