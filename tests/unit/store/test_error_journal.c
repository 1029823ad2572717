/* The journal of operational errors: filters, from memory and from batches. */
#include "base/alloc.h"
#include "base/arena.h"
#include "base/cleanup.h"
#include "os/os.h"
#include "store/error_journal.h"
#include "store/object_store.h"
#include "twin/object_store_faulty.h"
#include "twin/temp_dir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    char *dir;
    struct object_store *store;
    struct error_journal *journal;
};

static void ok(enum lh_code code, const struct lh_err *err) {
    if (code != LH_OK)
        fail_msg("%s: %s (%s)", lh_code_name(code), err->message, err->detail);
}

static void open_journal(struct fixture *f) {
    struct lh_err err;
    ok(error_journal_open(os_real(), f->store, f->dir, 0, &f->journal, NULL, &err), &err);
}

static int set_up(void **state) {
    struct fixture *f = lh_calloc(1, sizeof *f);
    f->dir = temp_dir_new();
    f->store = object_store_new_faulty();
    open_journal(f);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    error_journal_close(f->journal);
    object_store_free(f->store);
    temp_dir_free(f->dir);
    lh_free(f);
    return 0;
}

static void record(struct fixture *f, const char *bucket, unsigned number) {
    struct lh_err failure;
    struct lh_err err;
    char key[32];
    snprintf(key, sizeof key, "k/%u", number);
    lh_fail(&failure, LH_IO, "disk \"%s\"\nsays no", bucket);
    ok(error_journal_record(f->journal, bucket, "put", key, number % 2 ? "req-1" : NULL, &failure, &err), &err);
}

static void test_fields(void **state) {
    struct fixture *f = *state;
    LH_AUTO(arena) struct arena *arena = arena_new();
    struct error_entry *entries = NULL;
    size_t count = 0;
    struct lh_err err;
    record(f, "archive", 1);
    ok(error_journal_recent(f->journal, &(struct error_filter){.limit = 10}, arena, &entries, &count, &err), &err);
    assert_int_equal(count, 1);
    assert_string_equal(entries[0].bucket, "archive");
    assert_string_equal(entries[0].operation, "put");
    assert_string_equal(entries[0].key, "k/1");
    assert_string_equal(entries[0].code, "io");
    assert_string_equal(entries[0].message, "disk \"archive\"\nsays no");
    assert_string_equal(entries[0].request_id, "req-1");
    assert_true(entries[0].time_us > 1600000000000000);
    assert_int_equal(
        error_journal_recent(f->journal, &(struct error_filter){.limit = 0}, arena, &entries, &count, &err),
        LH_INVALID);
}

/* 1,500 errors: more than memory holds; every third is of bucket "b". */
static void test_filters_reach_beyond_memory(void **state) {
    struct fixture *f = *state;
    LH_AUTO(arena) struct arena *arena = arena_new();
    struct error_entry *entries = NULL;
    size_t count = 0;
    struct lh_err err;
    struct append_log_flushed flushed;
    for (unsigned i = 0; i < 1500; i++) {
        record(f, i % 3 == 0 ? "b" : "a", i);
        if (i == 700)
            ok(error_journal_flush(f->journal, &flushed, &err), &err);
    }
    ok(error_journal_recent(f->journal, &(struct error_filter){.limit = 2}, arena, &entries, &count, &err), &err);
    assert_int_equal(count, 2);
    assert_string_equal(entries[0].key, "k/1499");
    assert_string_equal(entries[1].key, "k/1498");

    const struct error_filter all_b = {.bucket = "b", .limit = 450};
    ok(error_journal_recent(f->journal, &all_b, arena, &entries, &count, &err), &err);
    assert_int_equal(count, 450);
    assert_string_equal(entries[0].key, "k/1497");
    assert_string_equal(entries[449].key, "k/150");
    int64_t since = entries[440].time_us;

    ok(error_journal_recent(f->journal, &(struct error_filter){.bucket = "b", .since_us = since, .limit = 10000}, arena,
                            &entries, &count, &err),
       &err);
    assert_int_equal(count, 441);
    ok(error_journal_recent(f->journal, &(struct error_filter){.bucket = "none", .limit = 5}, arena, &entries, &count,
                            &err),
       &err);
    assert_int_equal(count, 0);
}

static void test_survives_restart_flush_and_compact(void **state) {
    struct fixture *f = *state;
    LH_AUTO(arena) struct arena *arena = arena_new();
    struct error_entry *entries = NULL;
    size_t count = 0;
    struct lh_err err;
    struct append_log_flushed flushed;
    struct append_log_compacted compacted;
    for (unsigned i = 0; i < 4; i++) {
        record(f, "a", i);
        ok(error_journal_flush(f->journal, &flushed, &err), &err);
        assert_int_equal(flushed.records, 1);
    }
    ok(error_journal_compact(f->journal, &compacted, &err), &err);
    assert_int_equal(compacted.merged, 4);
    error_journal_close(f->journal);
    open_journal(f);
    ok(error_journal_recent(f->journal, &(struct error_filter){.limit = 10}, arena, &entries, &count, &err), &err);
    assert_int_equal(count, 4);
    assert_string_equal(entries[0].key, "k/3");
    assert_string_equal(entries[3].key, "k/0");
}

int main(void) {
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(test_fields),
        CASE(test_filters_reach_beyond_memory),
        CASE(test_survives_restart_flush_and_compact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
