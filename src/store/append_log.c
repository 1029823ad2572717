/* Opening, appending in groups, the ring, the thread.  Invariants: append_log.h; threads: append_log_internal.h. */
#include "store/append_log.h"

#include "base/alloc.h"
#include "base/cleanup.h"
#include "os/clock.h"
#include "os/file.h"
#include "store/append_log_internal.h"
#include "store/record_ring.h"
#include "store/record_set.h"
#include "store/wal_format.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define COMPACT_EVERY 64 /* batches written by the thread between two compactions */
#define RING_CAPACITY ((size_t)1000)

/* ---- groups ---- */

static struct log_group *join_group(struct append_log *log) {
    if (!log->pending)
        log->pending = lh_calloc(1, sizeof *log->pending);
    log->pending->refs++;
    return log->pending;
}

static void leave_group(struct log_group *group) {
    if (--group->refs > 0)
        return;
    buf_release(&group->frames);
    lh_free(group);
}

static bool push_record(const struct append_log_record *record, void *ctx) {
    record_ring_push(ctx, record);
    return true;
}

/* The records of a durable group, from its own frames. */
static void push_group(struct append_log *log, const struct buf *frames) {
    struct wal_reader reader = {.data = (const unsigned char *)frames->data, .len = frames->len, .at = 0};
    struct append_log_record record;
    size_t offset = 0;
    size_t bytes = 0;
    while (wal_reader_next(&reader, &record, &offset, &bytes) == WAL_RECORD)
        push_record(&record, log->ring);
}

/* Write the waiting group for all that joined it.  Called and left with the lock held. */
static void lead(struct append_log *log) {
    struct log_group *group = log->pending;
    log->pending = NULL;
    log->leader = true;
    group->refs++;
    pthread_mutex_unlock(&log->lock);

    struct lh_err err = LH_ERR_INIT;
    bool final = false;
    enum lh_code code = log_write_group(log, &group->frames, &final, &err);

    pthread_mutex_lock(&log->lock);
    if (code == LH_OK)
        push_group(log, &group->frames);
    if (final)
        log->failed = true;
    group->result = err;
    group->result.code = code;
    group->done = true;
    log->leader = false;
    leave_group(group);
    pthread_cond_broadcast(&log->changed);
}

static uint64_t wal_size(const struct append_log *log) {
    uint64_t size = log->active.size_bytes + (log->pending ? log->pending->frames.len : 0);
    for (size_t i = 0; i < log->sealed_count; i++)
        size += log->sealed[i].size_bytes;
    return size;
}

static enum lh_code check_open(const struct append_log *log, size_t len, struct lh_err *err) {
    if (log->failed) {
        lh_fail(err, LH_IO, "the log takes no more records: its disk could not confirm an earlier one");
        lh_err_detail(err, "%s", log->folder);
        return lh_err_hint(err, "check the disk, then restart the server");
    }
    if (wal_size(log) + wal_frame_size(len) > log->max_wal_bytes) {
        lh_fail(err, LH_NO_SPACE, "the local log is full; its records cannot be written to \"%s\"", log->prefix);
        return lh_err_hint(err, "make the primary bucket writable again; the log then empties itself");
    }
    return LH_OK;
}

/* The next identity; times rise strictly (A3). */
static void number_record(struct append_log *log, struct append_log_record *record) {
    int64_t now = os_realtime_us(log->os);
    log->last_time_us = now > log->last_time_us ? now : log->last_time_us + 1;
    record->writer = log->writer;
    record->sequence = log->next_sequence++;
    record->time_us = log->last_time_us;
}

enum lh_code append_log_append(struct append_log *log, const char *json, size_t len,
                               struct append_log_record *ret_record, struct lh_err *err) {
    if (len > log->max_record_bytes)
        return lh_fail(err, LH_TOO_LARGE, "the log record has %zu bytes; at most %zu are allowed", len,
                       log->max_record_bytes);
    LH_TRY(wal_check_payload(json, len, err));
    struct append_log_record record = {.json = json, .len = len};
    pthread_mutex_lock(&log->lock);
    enum lh_code code = check_open(log, len, err);
    if (code == LH_OK) {
        struct log_group *group = join_group(log);
        number_record(log, &record);
        wal_append_frame(&record, &group->frames);
        while (!group->done) {
            if (log->leader)
                pthread_cond_wait(&log->changed, &log->lock);
            else
                lead(log);
        }
        code = group->result.code;
        if (code != LH_OK)
            *err = group->result;
        leave_group(group);
    }
    pthread_mutex_unlock(&log->lock);
    if (code == LH_OK && ret_record) {
        *ret_record = record;
        ret_record->json = NULL;
    }
    return code;
}

void append_log_recent(struct append_log *log, size_t limit, struct arena *arena,
                       struct append_log_record **ret_records, size_t *ret_count, bool *ret_complete) {
    pthread_mutex_lock(&log->lock);
    record_ring_recent(log->ring, limit, arena, ret_records, ret_count, ret_complete);
    pthread_mutex_unlock(&log->lock);
}

/* ---- the thread ---- */

/* Until the interval is over; false when the log is being closed. */
static bool wait_interval(struct append_log *log) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += log->flush_interval_ms / 1000;
    until.tv_nsec += log->flush_interval_ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&log->lock);
    while (!log->stop && pthread_cond_timedwait(&log->wake, &log->lock, &until) != ETIMEDOUT)
        ;
    bool stop = log->stop;
    pthread_mutex_unlock(&log->lock);
    return !stop;
}

/* A flush that fails is tried again: the records are safe in the local log, and append tells when that is full. */
static void flush_again_and_again(void *arg) {
    struct append_log *log = arg;
    size_t batches = 0;
    while (wait_interval(log)) {
        struct append_log_flushed flushed = {0};
        struct append_log_compacted compacted;
        struct lh_err err;
        if (append_log_flush(log, &flushed, &err) == LH_OK)
            batches += flushed.batches;
        if (batches >= COMPACT_EVERY && append_log_compact(log, 0, &compacted, &err) == LH_OK)
            batches = 0;
    }
}

static void stop_thread(struct append_log *log) {
    pthread_mutex_lock(&log->lock);
    log->stop = true;
    pthread_cond_broadcast(&log->wake);
    pthread_mutex_unlock(&log->lock);
    os_thread_join(&log->thread);
}

/* ---- opening and closing ---- */

struct refill {
    struct append_log *log;
    struct record_set seen;
    struct append_log_damage damage;
};

static bool refill_one(const struct append_log_record *record, void *ctx) {
    struct refill *refill = ctx;
    if (record_set_add(&refill->seen, record->writer, record->sequence))
        record_ring_push(refill->log->ring, record);
    return true;
}

static bool count_one(const struct append_log_record *record, void *ctx) {
    (void)record;
    ++*(size_t *)ctx;
    return true;
}

/* The newest batches that fill the ring, from old to new; older ones are left unread. */
static void refill_from_batches(struct refill *refill, size_t capacity) {
    struct append_log *log = refill->log;
    struct log_batch *batches = NULL;
    size_t count = 0;
    size_t records = 0;
    bool whole = true;
    struct lh_err err;
    if (log->sink.put || log_list_batches(log, 0, &batches, &count, &err) != LH_OK) {
        record_ring_mark_incomplete(log->ring);
        return;
    }
    size_t first = count;
    while (first > 0 && records < capacity) {
        struct append_log_damage told_below = {0};
        whole &= log_read_batch(log, batches[--first].key, count_one, &records, &told_below, &err) == LH_OK;
    }
    for (size_t i = first; i < count; i++)
        whole &= log_read_batch(log, batches[i].key, refill_one, refill, &refill->damage, &err) == LH_OK;
    if (!whole || first > 0)
        record_ring_mark_incomplete(log->ring);
    log_free_batches(batches, count);
}

static bool recover_one(const struct append_log_record *record, void *ctx) {
    struct refill *refill = ctx;
    if (record->time_us > refill->log->last_time_us)
        refill->log->last_time_us = record->time_us;
    return refill_one(record, ctx);
}

static enum lh_code recover(struct append_log *log, size_t ring_capacity, struct append_log_damage *ret_damage,
                            struct lh_err *err) {
    struct refill refill = {.log = log};
    refill_from_batches(&refill, ring_capacity);
    enum lh_code code = log_recover(log, recover_one, &refill, &refill.damage, err);
    record_set_deinit(&refill.seen);
    if (code == LH_OK && ret_damage)
        *ret_damage = refill.damage;
    return code;
}

static size_t or_default(size_t value, size_t fallback) {
    return value ? value : fallback;
}

static struct append_log *log_new(struct os *os, const struct append_log_options *options) {
    struct append_log *log = lh_calloc(1, sizeof *log);
    log->os = os;
    log->store = options->store;
    log->sink = options->sink;
    log->prefix = lh_strdup(options->prefix);
    log->folder = lh_asprintf("%s/%s", options->wal_dir, options->name);
    log->folder_fd = -1;
    log->active_fd = -1;
    log->segment_bytes = or_default(options->segment_bytes, (size_t)4 << 20);
    log->max_record_bytes = or_default(options->max_record_bytes, (size_t)64 << 10);
    log->max_wal_bytes = options->max_wal_bytes ? options->max_wal_bytes : (uint64_t)256 << 20;
    log->flush_interval_ms = options->flush_interval_ms;
    os_random(os, &log->writer, sizeof log->writer);
    log->next_sequence = 1;
    log->next_segment = 1;
    log->ring = record_ring_new(or_default(options->ring_capacity, RING_CAPACITY));
    pthread_mutex_init(&log->flush_lock, NULL);
    pthread_mutex_init(&log->lock, NULL);
    pthread_cond_init(&log->changed, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&log->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return log;
}

static void log_free(struct append_log *log) {
    os_close(log->os, log->active_fd);
    os_close(log->os, log->folder_fd); /* drops the flock */
    pthread_cond_destroy(&log->wake);
    pthread_cond_destroy(&log->changed);
    pthread_mutex_destroy(&log->lock);
    pthread_mutex_destroy(&log->flush_lock);
    record_ring_free(log->ring);
    lh_free(log->sealed);
    lh_free(log->folder);
    lh_free(log->prefix);
    lh_free(log);
}

enum lh_code append_log_open(struct os *os, const struct append_log_options *options, struct append_log **ret_log,
                             struct append_log_damage *ret_damage, struct lh_err *err) {
    struct append_log *log = log_new(os, options);
    enum lh_code code = recover(log, or_default(options->ring_capacity, RING_CAPACITY), ret_damage, err);
    if (code == LH_OK && log->flush_interval_ms > 0)
        code = os_thread_start(&log->thread, options->name, 0, flush_again_and_again, log, err);
    if (code != LH_OK) {
        lh_err_context(err, "the log \"%s\"", options->name);
        log_free(log);
        return code;
    }
    *ret_log = log;
    return LH_OK;
}

void append_log_close(struct append_log *log) {
    if (!log)
        return;
    stop_thread(log);
    struct append_log_flushed flushed;
    struct lh_err err;
    lh_ignore(append_log_flush(log, &flushed, &err));
    log_free(log);
}
