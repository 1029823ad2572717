/* A1 to A7 of store/append_log.h, on the real file system with a bucket in memory that fails on demand. */
#include "base/alloc.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "os/file.h"
#include "os/os.h"
#include "store/append_log.h"
#include "store/object_store.h"
#include "twin/object_store_faulty.h"
#include "twin/temp_dir.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    char *dir;
    struct os os; /* the real table, with slots exchanged by tests */
    struct object_store *store;
    struct append_log_options options;
    struct append_log *log;
};

static void ok(enum lh_code code, const struct lh_err *err) {
    if (code != LH_OK)
        fail_msg("%s: %s (%s)", lh_code_name(code), err->message, err->detail);
}

static void open_log(struct fixture *f, struct append_log_damage *ret_damage) {
    struct lh_err err;
    ok(append_log_open(&f->os, &f->options, &f->log, ret_damage, &err), &err);
}

static int set_up(void **state) {
    struct fixture *f = lh_calloc(1, sizeof *f);
    f->dir = temp_dir_new();
    f->os = *os_real();
    f->store = object_store_new_faulty();
    f->options = (struct append_log_options){
        .name = "test", .wal_dir = f->dir, .store = f->store, .prefix = "_log/test", .ring_capacity = 8};
    open_log(f, NULL);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    append_log_close(f->log);
    object_store_free(f->store);
    temp_dir_free(f->dir);
    lh_free(f);
    return 0;
}

/* Close as a crash would: nothing reaches the bucket. */
static void crash(struct fixture *f) {
    object_store_faulty_add(f->store,
                            (struct faulty_rule){.op = FAULTY_PUT, .kind = FAULTY_FAIL, .code = LH_UNAVAILABLE});
    append_log_close(f->log);
    f->log = NULL;
    object_store_faulty_clear(f->store);
}

static enum lh_code append(struct fixture *f, unsigned number, struct lh_err *err) {
    char json[64];
    int len = snprintf(json, sizeof json, "{\"n\":%u}", number);
    return append_log_append(f->log, json, (size_t)len, NULL, err);
}

static void append_many(struct fixture *f, unsigned first, unsigned count) {
    struct lh_err err;
    for (unsigned i = first; i < first + count; i++)
        ok(append(f, i, &err), &err);
}

static size_t flush(struct fixture *f) {
    struct lh_err err;
    struct append_log_flushed flushed;
    ok(append_log_flush(f->log, &flushed, &err), &err);
    return flushed.records;
}

struct seen {
    unsigned numbers[2000];
    size_t count;
    int64_t last_us;
    bool rising;
};

static bool see(const struct append_log_record *record, void *ctx) {
    struct seen *seen = ctx;
    assert_int_equal(strlen(record->json), record->len);
    assert_int_equal(sscanf(record->json, "{\"n\":%u}", &seen->numbers[seen->count]), 1);
    seen->count++;
    seen->rising &= record->time_us > seen->last_us;
    seen->last_us = record->time_us;
    return true;
}

/* A scan gives the numbers 0 to count-1, in this order, once each. */
static void expect_first(struct fixture *f, size_t count) {
    struct lh_err err;
    struct seen *seen = lh_calloc(1, sizeof *seen);
    struct append_log_damage damage;
    seen->rising = true;
    ok(append_log_scan(f->log, 0, INT64_MAX, see, seen, &damage, &err), &err);
    assert_int_equal(damage.places, 0);
    assert_int_equal(seen->count, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(seen->numbers[i], i);
    assert_true(seen->rising);
    lh_free(seen);
}

static size_t batch_count(struct fixture *f) {
    LH_AUTO(arena) struct arena *arena = arena_new();
    struct object_info *items = NULL;
    size_t count = 0;
    bool more = false;
    struct lh_err err;
    ok(object_list(f->store, "_log/test/batch_", "", 1000, arena, &items, &count, &more, &err), &err);
    return count;
}

static void test_append_scan_flush(void **state) {
    struct fixture *f = *state;
    expect_first(f, 0);
    append_many(f, 0, 5);
    expect_first(f, 5);
    assert_int_equal(flush(f), 5);
    assert_int_equal(flush(f), 0);
    assert_int_equal(batch_count(f), 1);
    expect_first(f, 5);
    append_many(f, 5, 5);
    expect_first(f, 10);
    append_log_close(f->log);
    open_log(f, NULL);
    assert_int_equal(batch_count(f), 2);
    expect_first(f, 10);
}

static void test_refuses(void **state) {
    struct fixture *f = *state;
    static const char *const bad[] = {"", "{", "[]", "{\"a\":\"\n\"}", "x{}", "{}x", "{\"a\":\"\xff\"}"};
    struct lh_err err;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(append_log_append(f->log, bad[i], strlen(bad[i]), NULL, &err), LH_INVALID);
    char *big = lh_malloc(70000);
    memset(big, ' ', 70000);
    big[0] = '{';
    big[69999] = '}';
    assert_int_equal(append_log_append(f->log, big, 70000, NULL, &err), LH_TOO_LARGE);
    lh_free(big);
    expect_first(f, 0);
    ok(append_log_append(f->log, "{}", 2, NULL, &err), &err);
    assert_int_equal(flush(f), 1);
}

static void test_recent(void **state) {
    struct fixture *f = *state;
    LH_AUTO(arena) struct arena *arena = arena_new();
    struct append_log_record *records = NULL;
    size_t count = 0;
    bool complete = false;
    append_many(f, 0, 5);
    append_log_recent(f->log, 3, arena, &records, &count, &complete);
    assert_int_equal(count, 3);
    assert_true(complete);
    assert_string_equal(records[0].json, "{\"n\":4}");
    assert_string_equal(records[2].json, "{\"n\":2}");
    append_many(f, 5, 15);
    append_log_recent(f->log, 100, arena, &records, &count, &complete);
    assert_int_equal(count, 8);
    assert_false(complete);
    assert_string_equal(records[0].json, "{\"n\":19}");
    assert_string_equal(records[7].json, "{\"n\":12}");

    flush(f); /* after a restart: some from a batch, some from the local log */
    append_many(f, 20, 3);
    crash(f);
    open_log(f, NULL);
    append_log_recent(f->log, 100, arena, &records, &count, &complete);
    assert_int_equal(count, 8);
    assert_false(complete);
    assert_string_equal(records[0].json, "{\"n\":22}");
    assert_string_equal(records[7].json, "{\"n\":15}");
}

static void test_crash_loses_nothing(void **state) {
    struct fixture *f = *state;
    for (unsigned round = 0; round < 4; round++) {
        append_many(f, round * 3, 3);
        crash(f);
        open_log(f, NULL);
        expect_first(f, (round + 1) * 3);
    }
    assert_int_equal(flush(f), 12);
    expect_first(f, 12);
}

/* The crash between the batch and the end of its segment: the segment comes back. */
static void test_segment_flushed_twice(void **state) {
    struct fixture *f = *state;
    struct lh_err err;
    LH_AUTO(buf) struct buf segment = BUF_INIT;
    LH_AUTO(mem) char *path = lh_asprintf("%s/test/%020d.wal", f->dir, 1);
    append_many(f, 0, 6);
    ok(os_read_file(os_real(), AT_FDCWD, path, 1 << 20, &segment, &err), &err);
    flush(f);
    append_log_close(f->log);
    ok(os_write_file_atomic(os_real(), AT_FDCWD, path, segment.data, segment.len, 0600, &err), &err);
    open_log(f, NULL);
    expect_first(f, 6);
    flush(f);
    assert_int_equal(batch_count(f), 1);

    /* The same when its batch was merged with a later one meanwhile. */
    append_many(f, 6, 4);
    flush(f);
    struct append_log_compacted compacted;
    ok(append_log_compact(f->log, 0, &compacted, &err), &err);
    append_log_close(f->log);
    ok(os_write_file_atomic(os_real(), AT_FDCWD, path, segment.data, segment.len, 0600, &err), &err);
    open_log(f, NULL);
    flush(f);
    assert_int_equal(batch_count(f), 2);
    struct seen *seen = lh_calloc(1, sizeof *seen);
    ok(append_log_scan(f->log, 0, INT64_MAX, see, seen, NULL, &err), &err);
    assert_int_equal(seen->count, 10);
    lh_free(seen);
    ok(append_log_compact(f->log, 0, &compacted, &err), &err);
    assert_int_equal(batch_count(f), 1);
    expect_first(f, 10);
}

static void test_lost_reply_of_a_batch(void **state) {
    struct fixture *f = *state;
    struct lh_err err;
    struct append_log_flushed flushed;
    append_many(f, 0, 3);
    object_store_faulty_add(f->store, (struct faulty_rule){.op = FAULTY_PUT, .kind = FAULTY_LOSE_REPLY, .nth = 1});
    assert_int_equal(flush(f), 3);
    append_many(f, 3, 3);
    object_store_faulty_clear(f->store);
    object_store_faulty_add(f->store, (struct faulty_rule){.op = FAULTY_PUT, .kind = FAULTY_LOSE_REQUEST, .nth = 1});
    assert_int_equal(append_log_flush(f->log, &flushed, &err), LH_UNKNOWN_OUTCOME);
    expect_first(f, 6);
    assert_int_equal(flush(f), 3);
    assert_int_equal(batch_count(f), 2);
    expect_first(f, 6);
}

static void test_compact(void **state) {
    struct fixture *f = *state;
    struct lh_err err;
    struct append_log_compacted compacted;
    for (unsigned i = 0; i < 10; i++) {
        append_many(f, i * 2, 2);
        flush(f);
    }
    assert_int_equal(batch_count(f), 10);
    /* A crash after the merged batch stands, before the old ones are gone. */
    object_store_faulty_add(f->store,
                            (struct faulty_rule){.op = FAULTY_DELETE, .kind = FAULTY_FAIL, .nth = 3, .code = LH_IO});
    assert_int_equal(append_log_compact(f->log, 0, &compacted, &err), LH_IO);
    assert_int_equal(batch_count(f), 9);
    struct seen *seen = lh_calloc(1, sizeof *seen);
    ok(append_log_scan(f->log, 0, INT64_MAX, see, seen, NULL, &err), &err);
    assert_int_equal(seen->count, 20);
    lh_free(seen);
    object_store_faulty_clear(f->store);
    ok(append_log_compact(f->log, 0, &compacted, &err), &err);
    assert_int_equal(compacted.records, 20);
    assert_int_equal(batch_count(f), 1);
    expect_first(f, 20);
    ok(append_log_compact(f->log, 0, &compacted, &err), &err);
    assert_int_equal(compacted.written, 0);
    append_many(f, 20, 1);
    expect_first(f, 21);
}

static void test_scan_by_time(void **state) {
    struct fixture *f = *state;
    struct lh_err err;
    int64_t times[9];
    for (unsigned i = 0; i < 9; i++) {
        struct append_log_record record;
        char json[16];
        int len = snprintf(json, sizeof json, "{\"n\":%u}", i);
        ok(append_log_append(f->log, json, (size_t)len, &record, &err), &err);
        times[i] = record.time_us;
        if (i % 3 == 2 && i < 8)
            flush(f);
    }
    for (unsigned from = 0; from < 9; from++)
        for (unsigned to = from; to < 9; to++) {
            struct seen *seen = lh_calloc(1, sizeof *seen);
            ok(append_log_scan(f->log, times[from], times[to], see, seen, NULL, &err), &err);
            assert_int_equal(seen->count, to - from);
            for (unsigned i = 0; i < to - from; i++)
                assert_int_equal(seen->numbers[i], from + i);
            lh_free(seen);
        }
}

static void test_segments_are_sealed(void **state) {
    struct fixture *f = *state;
    append_log_close(f->log);
    f->options.segment_bytes = 200;
    open_log(f, NULL);
    append_many(f, 0, 20);
    expect_first(f, 20);
    crash(f);
    open_log(f, NULL);
    expect_first(f, 20);
    flush(f);
    assert_true(batch_count(f) >= 5);
    expect_first(f, 20);
}

static void test_full_log_refuses_and_recovers(void **state) {
    struct fixture *f = *state;
    struct lh_err err;
    struct append_log_flushed flushed;
    append_log_close(f->log);
    f->options.max_wal_bytes = 400;
    open_log(f, NULL);
    object_store_faulty_add(f->store,
                            (struct faulty_rule){.op = FAULTY_PUT, .kind = FAULTY_FAIL, .code = LH_UNAVAILABLE});
    unsigned taken = 0;
    while (append(f, taken, &err) == LH_OK)
        taken++;
    assert_int_equal(err.code, LH_NO_SPACE);
    assert_int_equal(append_log_flush(f->log, &flushed, &err), LH_UNAVAILABLE);
    assert_int_equal(append(f, 99, &err), LH_NO_SPACE);
    object_store_faulty_clear(f->store);
    assert_int_equal(flush(f), taken);
    append_many(f, taken, 2);
    expect_first(f, taken + 2);
}

/* ---- a disk that fails ---- */

static int failing_fdatasync(void *self, int fd) {
    (void)self, (void)fd;
    return -EIO;
}

static void test_failed_fsync_is_final(void **state) {
    struct fixture *f = *state;
    struct lh_err err;
    append_many(f, 0, 2);
    f->os.fdatasync = failing_fdatasync;
    assert_int_equal(append(f, 2, &err), LH_IO);
    f->os.fdatasync = os_real()->fdatasync;
    assert_int_equal(append(f, 3, &err), LH_IO);
    assert_non_null(strstr(err.message, "takes no more records"));
    crash(f);
    open_log(f, NULL);
    append_many(f, 3, 1);
    struct seen *seen = lh_calloc(1, sizeof *seen);
    ok(append_log_scan(f->log, 0, INT64_MAX, see, seen, NULL, &err), &err);
    assert_true(seen->count == 3 || seen->count == 4); /* A2: number 2 may be there, whole */
    assert_int_equal(seen->numbers[1], 1);
    assert_int_equal(seen->numbers[seen->count - 1], 3);
    lh_free(seen);
}

static ssize_t half_pwrite_then_full(void *self, int fd, const void *data, size_t len, off_t offset) {
    if (len <= 8)
        return -ENOSPC;
    return os_real()->pwrite(self, fd, data, len / 2, offset) < 0 ? -ENOSPC : (ssize_t)(len / 2);
}

static void test_full_disk_leaves_no_trace(void **state) {
    struct fixture *f = *state;
    struct lh_err err;
    append_many(f, 0, 2);
    f->os.pwrite = half_pwrite_then_full;
    assert_int_equal(append(f, 77, &err), LH_NO_SPACE);
    f->os.pwrite = os_real()->pwrite;
    append_many(f, 2, 2);
    expect_first(f, 4);
    crash(f);
    struct append_log_damage damage;
    open_log(f, &damage);
    assert_int_equal(damage.places, 0);
    assert_int_equal(damage.torn_bytes, 0);
    expect_first(f, 4);
}

/* ---- damage ---- */

/* The log's only segment, cut or changed by the caller and opened again. */
static void read_segment(struct fixture *f, struct buf *segment, char **ret_path) {
    struct lh_err err;
    *ret_path = lh_asprintf("%s/test/%020d.wal", f->dir, 1);
    append_many(f, 0, 3);
    crash(f);
    ok(os_read_file(os_real(), AT_FDCWD, *ret_path, 1 << 20, segment, &err), &err);
}

static void test_torn_at_every_byte(void **state) {
    struct fixture *f = *state;
    struct lh_err err;
    LH_AUTO(buf) struct buf segment = BUF_INIT;
    LH_AUTO(mem) char *path = NULL;
    read_segment(f, &segment, &path);
    const size_t header = 40;
    const size_t frame = (segment.len - header) / 3;
    assert_int_equal(header + 3 * frame, segment.len);
    for (size_t len = 0; len <= segment.len; len++) {
        ok(os_write_file_atomic(os_real(), AT_FDCWD, path, segment.data, len, 0600, &err), &err);
        struct append_log_damage damage;
        open_log(f, &damage);
        size_t whole = len < header ? 0 : (len - header) / frame;
        assert_int_equal(damage.places, 0);
        assert_int_equal(damage.torn_bytes, len <= header ? (len < header ? len : 0) : (len - header) % frame);
        expect_first(f, whole);
        crash(f);
    }
    open_log(f, NULL);
    expect_first(f, 3);
}

static void test_flip_at_every_byte(void **state) {
    struct fixture *f = *state;
    struct lh_err err;
    LH_AUTO(buf) struct buf segment = BUF_INIT;
    LH_AUTO(mem) char *path = NULL;
    read_segment(f, &segment, &path);
    const size_t frame = (segment.len - 40) / 3;
    const size_t used = 40 + strlen("{\"n\":0}"); /* of a frame; the rest is padding */
    for (size_t at = 40; at < segment.len; at++) {
        segment.data[at] ^= 0x04;
        ok(os_write_file_atomic(os_real(), AT_FDCWD, path, segment.data, segment.len, 0600, &err), &err);
        segment.data[at] ^= 0x04;
        struct append_log_damage damage;
        open_log(f, &damage);
        unsigned hit = (unsigned)((at - 40) / frame);
        bool padding = (at - 40) % frame >= used;
        struct seen *seen = lh_calloc(1, sizeof *seen);
        ok(append_log_scan(f->log, 0, INT64_MAX, see, seen, NULL, &err), &err);
        assert_int_equal(seen->count, padding ? 3 : 2);
        for (unsigned i = 0, n = 0; i < seen->count; i++, n++) {
            n += !padding && n == hit;
            assert_int_equal(seen->numbers[i], n);
        }
        if (!padding && hit < 2) {
            char offset[32];
            snprintf(offset, sizeof offset, "offset %zu ", 40 + hit * frame);
            assert_int_equal(damage.places, 1);
            assert_non_null(strstr(damage.first, offset));
        }
        lh_free(seen);
        crash(f);
    }
    open_log(f, NULL);
}

static void test_damaged_segment_is_kept_aside(void **state) {
    struct fixture *f = *state;
    struct lh_err err;
    LH_AUTO(buf) struct buf segment = BUF_INIT;
    LH_AUTO(mem) char *path = NULL;
    read_segment(f, &segment, &path);
    segment.data[90] ^= 1;
    ok(os_write_file_atomic(os_real(), AT_FDCWD, path, segment.data, segment.len, 0600, &err), &err);
    open_log(f, NULL);
    assert_int_equal(flush(f), 2);
    LH_AUTO(mem) char *aside = lh_asprintf("%s/test/%020d.damaged", f->dir, 1);
    struct os_stat st;
    ok(os_stat_at(os_real(), AT_FDCWD, aside, &st, &err), &err);
    assert_int_equal(flush(f), 0);
    assert_int_equal(batch_count(f), 1);
}

static void test_future_version_is_refused(void **state) {
    struct fixture *f = *state;
    struct lh_err err;
    LH_AUTO(buf) struct buf future = BUF_INIT;
    LH_AUTO(mem) char *golden = lh_asprintf("%s/tests/golden/wal/version-2.wal", LH_TEST_SOURCE_DIR);
    ok(os_read_file(os_real(), AT_FDCWD, golden, 1 << 20, &future, &err), &err);
    crash(f);
    LH_AUTO(mem) char *path = lh_asprintf("%s/test/%020d.wal", f->dir, 1);
    ok(os_write_file_atomic(os_real(), AT_FDCWD, path, future.data, future.len, 0600, &err), &err);
    assert_int_equal(append_log_open(&f->os, &f->options, &f->log, NULL, &err), LH_UNSUPPORTED);
    assert_non_null(strstr(err.message, "version 2"));
    assert_null(f->log);
}

static void test_damaged_batch(void **state) {
    struct fixture *f = *state;
    struct lh_err err;
    append_many(f, 0, 3);
    object_store_faulty_add(f->store, (struct faulty_rule){.op = FAULTY_PUT, .kind = FAULTY_FLIP_BIT, .nth = 1});
    flush(f);
    append_many(f, 3, 3);
    flush(f);
    append_many(f, 6, 3);
    flush(f);
    struct seen *seen = lh_calloc(1, sizeof *seen);
    struct append_log_damage damage;
    ok(append_log_scan(f->log, 0, INT64_MAX, see, seen, &damage, &err), &err);
    assert_int_equal(seen->count, 8);
    lh_free(seen);
    assert_int_equal(damage.places, 1);
    assert_non_null(strstr(damage.first, "_log/test/batch_"));
    assert_non_null(strstr(damage.first, "line 2"));
    struct append_log_compacted compacted;
    ok(append_log_compact(f->log, 0, &compacted, &err), &err);
    assert_int_equal(batch_count(f), 3); /* evidence is not merged away */
}

static void test_folder_is_locked(void **state) {
    struct fixture *f = *state;
    struct lh_err err;
    struct append_log *second = NULL;
    assert_int_equal(append_log_open(&f->os, &f->options, &second, NULL, &err), LH_LOCKED);
    assert_null(second);
}

/* ---- many at once ---- */

enum { THREADS = 16, EACH = 40 };

struct appender {
    struct fixture *f;
    unsigned first;
    unsigned failures;
};

static void *append_some(void *arg) {
    struct appender *a = arg;
    struct lh_err err;
    for (unsigned i = 0; i < EACH; i++)
        a->failures += append(a->f, a->first + i, &err) != LH_OK;
    return NULL;
}

static void test_many_threads(void **state) {
    struct fixture *f = *state;
    append_log_close(f->log);
    f->options.segment_bytes = 2000;
    f->options.flush_interval_ms = 5;
    open_log(f, NULL);
    pthread_t threads[THREADS];
    struct appender appenders[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        appenders[i] = (struct appender){.f = f, .first = i * EACH};
        assert_int_equal(pthread_create(&threads[i], NULL, append_some, &appenders[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(appenders[i].failures, 0);
    }
    struct lh_err err;
    struct seen *seen = lh_calloc(1, sizeof *seen);
    seen->rising = true;
    ok(append_log_scan(f->log, 0, INT64_MAX, see, seen, NULL, &err), &err);
    assert_int_equal(seen->count, THREADS * EACH);
    assert_true(seen->rising);
    bool had[THREADS * EACH] = {false};
    for (size_t i = 0; i < seen->count; i++) {
        assert_false(had[seen->numbers[i]]);
        had[seen->numbers[i]] = true;
    }
    lh_free(seen);
}

int main(void) {
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(test_append_scan_flush),
        CASE(test_refuses),
        CASE(test_recent),
        CASE(test_crash_loses_nothing),
        CASE(test_segment_flushed_twice),
        CASE(test_lost_reply_of_a_batch),
        CASE(test_compact),
        CASE(test_scan_by_time),
        CASE(test_segments_are_sealed),
        CASE(test_full_log_refuses_and_recovers),
        CASE(test_failed_fsync_is_final),
        CASE(test_full_disk_leaves_no_trace),
        CASE(test_torn_at_every_byte),
        CASE(test_flip_at_every_byte),
        CASE(test_damaged_segment_is_kept_aside),
        CASE(test_future_version_is_refused),
        CASE(test_damaged_batch),
        CASE(test_folder_is_locked),
        CASE(test_many_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
