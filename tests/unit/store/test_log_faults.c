/* A log on a local bucket, all on one disk: fail each system call in turn, or from there on, during appends, flushes and
 * a compaction; then restart.  What was acknowledged is there once, nothing is damaged, and the log works again (A1, A2,
 * A5, A6). */
#include "base/alloc.h"
#include "base/cleanup.h"
#include "os/file.h"
#include "os/os.h"
#include "store/append_log.h"
#include "store/local.h"
#include "store/object_store.h"
#include "twin/os_faulty.h"
#include "twin/temp_dir.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { RECORDS = 12 };

/* No power is lost here, so a sync that succeeds need not do anything: hundreds of runs would wait for the disk. */
static int no_sync(void *self, int fd) {
    (void)self, (void)fd;
    return 0;
}

struct server {
    struct os real;
    struct os_faulty os;
    struct object_store *store;
    struct append_log *log;
    bool tried[RECORDS];
    bool acknowledged[RECORDS];
    unsigned found[RECORDS];
};

static void ok(enum lh_code code, const struct lh_err *err) {
    if (code != LH_OK)
        fail_msg("%s: %s (%s)", lh_code_name(code), err->message, err->detail);
}

static void start(struct server *s, const char *dir) {
    struct lh_err err;
    struct append_log_damage damage;
    LH_AUTO(mem) char *root = lh_asprintf("%s/bucket", dir);
    LH_AUTO(mem) char *wal = lh_asprintf("%s/wal", dir);
    const struct append_log_options options = {.name = "t", .wal_dir = wal, .prefix = "_t/log", .segment_bytes = 150};
    struct append_log_options with_store = options;
    ok(object_store_open_local(&s->os.table, root, &s->store, &err), &err);
    with_store.store = s->store;
    ok(append_log_open(&s->os.table, &with_store, &s->log, &damage, &err), &err);
    assert_int_equal(damage.places, 0);
}

static void stop(struct server *s) {
    append_log_close(s->log);
    object_store_free(s->store);
}

static void append(struct server *s, unsigned number) {
    struct lh_err err;
    char json[32];
    int len = snprintf(json, sizeof json, "{\"n\":%u}", number);
    s->tried[number] = true;
    s->acknowledged[number] = append_log_append(s->log, json, (size_t)len, NULL, &err) == LH_OK;
}

/* Goes on after each failure, as a server does. */
static void work(struct server *s) {
    struct lh_err err;
    struct append_log_flushed flushed;
    struct append_log_compacted compacted;
    for (unsigned i = 0; i < RECORDS; i++) {
        append(s, i);
        if (i % 4 == 3)
            lh_ignore(append_log_flush(s->log, &flushed, &err));
    }
    lh_ignore(append_log_compact(s->log, 0, &compacted, &err));
}

static bool find(const struct append_log_record *record, void *ctx) {
    struct server *s = ctx;
    unsigned number = RECORDS;
    assert_int_equal(sscanf(record->json, "{\"n\":%u}", &number), 1);
    assert_true(number < RECORDS);
    s->found[number]++;
    return true;
}

static void check(struct server *s, uint64_t step) {
    struct lh_err err;
    struct append_log_damage damage;
    memset(s->found, 0, sizeof s->found);
    ok(append_log_scan(s->log, 0, INT64_MAX, find, s, &damage, &err), &err);
    assert_int_equal(damage.places, 0);
    for (unsigned i = 0; i < RECORDS; i++)
        if (s->found[i] > 1 || (s->acknowledged[i] && s->found[i] == 0) || (!s->tried[i] && s->found[i]))
            fail_msg("step %u: record %u, %s, was found %u times", (unsigned)step, i,
                     s->acknowledged[i] ? "acknowledged" : "not acknowledged", s->found[i]);
}

static void fail_each_step(int os_errno, bool and_after) {
    bool completed = false;
    for (uint64_t step = 1; !completed; step++) {
        char *dir = temp_dir_new();
        struct server s = {.log = NULL};
        s.real = *os_real();
        s.real.fsync = no_sync;
        s.real.fdatasync = no_sync;
        s.real.syncfs = no_sync;
        os_faulty_init(&s.os, &s.real);
        start(&s, dir);
        uint64_t before = os_faulty_calls(&s.os, OS_CALL_ANY);
        os_faulty_fail(&s.os, OS_CALL_ANY, step, os_errno, and_after);
        work(&s);
        completed = os_faulty_calls(&s.os, OS_CALL_ANY) - before < step;
        stop(&s);
        os_faulty_heal(&s.os);

        start(&s, dir);
        check(&s, step);
        struct lh_err err;
        struct append_log_flushed flushed;
        struct append_log_compacted compacted;
        ok(append_log_flush(s.log, &flushed, &err), &err);
        ok(append_log_compact(s.log, 0, &compacted, &err), &err);
        check(&s, step);
        stop(&s);
        os_faulty_deinit(&s.os);
        temp_dir_free(dir);
    }
}

static void test_each_step_fails_once(void **state) {
    (void)state;
    fail_each_step(EIO, false);
}

static void test_disk_full_from_each_step_on(void **state) {
    (void)state;
    fail_each_step(ENOSPC, true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_step_fails_once),
        cmocka_unit_test(test_disk_full_from_each_step_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
