/* The life of a journal: open, append, flush, the thread.  Invariants: journal.h; locks: journal_internal.h. */
#include "journal/journal.h"

#include "base/alloc.h"
#include "base/cleanup.h"
#include "engine/engine.h"
#include "journal/event_json.h"
#include "journal/journal_internal.h"
#include "os/clock.h"
#include "os/ids.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define LOG_NAME "events"
#define SEGMENT_BYTES ((size_t)32 << 20)
#define RECORD_MAX_BYTES ((size_t)16 << 20)
#define WAL_MAX_BYTES ((uint64_t)512 << 20)
#define TIER_FILES 8
#define REFRESH_EVERY 6 /* rounds of the thread between two looks at the bucket */

void journal_notice(struct journal *j, enum lh_code code, const char *fmt, ...) {
    if (!j->options.notice)
        return;
    char text[2048];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    j->options.notice(j->options.notice_ctx, code, text);
}

/* ---- files ---- */

struct event_files *journal_files(struct journal *j) {
    pthread_mutex_lock(&j->lock);
    struct event_files *files = event_files_ref(j->files);
    pthread_mutex_unlock(&j->lock);
    return files;
}

static enum lh_code refresh_locked(struct journal *j, struct lh_err *err) {
    struct event_files *next = NULL;
    size_t odd = 0;
    struct lh_err why = LH_ERR_INIT;
    LH_TRY(event_files_list(j->options.store, j->files, &next, &odd, &why, err));
    if (odd > 0)
        journal_notice(j, why.code, "%zu event files have no index that can be read (%s); they are searched each time",
                       odd, why.message);
    pthread_mutex_lock(&j->lock);
    struct event_files *old = j->files;
    j->files = next;
    for (size_t i = 0; i < next->count; i++)
        if (next->items[i]->index.covered > j->covered)
            j->covered = next->items[i]->index.covered;
    pthread_mutex_unlock(&j->lock);
    event_files_unref(old);
    return LH_OK;
}

enum lh_code journal_refresh_files(struct journal *j, struct lh_err *err) {
    pthread_mutex_lock(&j->files_lock);
    enum lh_code code = refresh_locked(j, err);
    pthread_mutex_unlock(&j->files_lock);
    return code;
}

/* ---- the feed ---- */

void journal_set_feed(struct journal *j, journal_feed_fn *feed, void *ctx) {
    pthread_mutex_lock(&j->feed_lock);
    j->feed = feed;
    j->feed_ctx = ctx;
    pthread_mutex_unlock(&j->feed_lock);
}

enum lh_code journal_catch_up(struct journal *j, struct lh_err *err) {
    pthread_mutex_lock(&j->feed_lock);
    enum lh_code code = j->feed ? j->feed(j->feed_ctx, err) : LH_OK;
    pthread_mutex_unlock(&j->feed_lock);
    if (code != LH_OK)
        return lh_err_context(err, "the journal could not be brought up to date");
    return LH_OK;
}

uint64_t journal_covered(struct journal *j) {
    pthread_mutex_lock(&j->lock);
    uint64_t covered = j->covered;
    pthread_mutex_unlock(&j->lock);
    return covered;
}

/* ---- append ---- */

struct arrival {
    struct journal *journal;
    const struct append_log_record *record;
};

static void add_pending(const struct journal_event *event, const char *line, size_t len, void *ctx) {
    const struct arrival *a = ctx;
    pending_add(&a->journal->pending, a->record, event, line, len);
}

/* `j->lock` is held. */
static enum lh_code take_in(struct journal *j, const struct append_log_record *record, struct lh_err *err) {
    struct arrival arrival = {j, record};
    uint64_t covered = 0;
    enum lh_code code = event_record_read(record->json, record->len, add_pending, &arrival, &covered, err);
    if (covered > j->covered)
        j->covered = covered;
    return code;
}

/* Durable already: now it can be read.  Where a flush was faster it stands in a file. */
static void arrive(struct journal *j, const struct append_log_record *record, const struct journal_event *events,
                   size_t count, uint64_t covered) {
    LH_AUTO(buf) struct buf line = BUF_INIT;
    pthread_mutex_lock(&j->lock);
    bool flushed = record->writer == j->flushed_writer && record->sequence <= j->flushed_sequence;
    for (size_t i = 0; i < count && !flushed; i++) {
        buf_reset(&line);
        event_write(&events[i], &line);
        pending_add(&j->pending, record, &events[i], buf_cstr(&line), line.len);
    }
    if (covered > j->covered)
        j->covered = covered;
    pthread_mutex_unlock(&j->lock);
}

enum lh_code journal_append(struct journal *j, const struct journal_event *events, size_t count, uint64_t covered,
                            char (*ret_ids)[LH_ULID_SIZE], struct lh_err *err) {
    if (count > JOURNAL_APPEND_MAX || (count == 0 && covered == 0))
        return lh_fail(err, LH_INVALID, "one call takes 1 to %zu events, not %zu", JOURNAL_APPEND_MAX, count);
    for (size_t i = 0; i < count; i++)
        LH_TRY(event_check(&events[i], err));
    LH_AUTO(mem) struct journal_event *stamped = lh_calloc(count + 1, sizeof *stamped);
    LH_AUTO(mem) char(*ids)[LH_ULID_SIZE] = lh_calloc(count + 1, sizeof *ids);
    int64_t now_us = os_realtime_us(j->options.os);
    for (size_t i = 0; i < count; i++) {
        stamped[i] = events[i];
        if (stamped[i].id)
            memcpy(ids[i], stamped[i].id, sizeof ids[i]);
        else
            os_ulid(j->options.os, &j->ulids, ids[i]);
        stamped[i].id = ids[i];
        if (stamped[i].ts_us <= 0)
            stamped[i].ts_us = now_us;
    }
    LH_AUTO(buf) struct buf json = BUF_INIT;
    event_record_write(stamped, count, covered, &json);
    struct append_log_record record;
    LH_TRY(append_log_append(j->log, json.data, json.len, &record, err));
    arrive(j, &record, stamped, count, covered);
    if (ret_ids)
        memcpy(ret_ids, ids, count * sizeof *ids);
    return LH_OK;
}

/* ---- flush ---- */

static size_t pending_count(struct journal *j) {
    pthread_mutex_lock(&j->lock);
    size_t count = j->pending.count;
    pthread_mutex_unlock(&j->lock);
    return count;
}

enum lh_code journal_flush_log(struct journal *j, struct journal_flushed *ret_flushed, struct lh_err *err) {
    struct append_log_flushed flushed = {0};
    size_t events = pending_count(j);
    LH_TRY(append_log_flush(j->log, &flushed, err));
    if (ret_flushed)
        *ret_flushed = (struct journal_flushed){.files = flushed.batches, .events = events};
    return LH_OK;
}

enum lh_code journal_flush(struct journal *j, struct journal_flushed *ret_flushed, struct lh_err *err) {
    LH_TRY(journal_catch_up(j, err));
    return journal_flush_log(j, ret_flushed, err);
}

/* ---- the thread ---- */

/* Until the interval is over; false when the journal is being closed. */
static bool wait_interval(struct journal *j) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += j->options.flush_interval_ms / 1000;
    until.tv_nsec += j->options.flush_interval_ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&j->lock);
    while (!j->stop && pthread_cond_timedwait(&j->wake, &j->lock, &until) != ETIMEDOUT)
        ;
    bool stop = j->stop;
    pthread_mutex_unlock(&j->lock);
    return !stop;
}

static enum lh_code keep_once(struct journal *j, unsigned round, struct lh_err *err) {
    struct journal_compacted compacted;
    LH_TRY(journal_catch_up(j, err));
    if (pending_count(j) > 0)
        LH_TRY(journal_flush_log(j, NULL, err));
    if (round % REFRESH_EVERY == 0)
        LH_TRY(journal_refresh_files(j, err));
    return journal_compact(j, &compacted, err);
}

/* What fails is tried again: the events are safe in the local log.  One notice for as long as it lasts. */
static void keep(void *arg) {
    struct journal *j = arg;
    enum lh_code said = LH_OK;
    for (unsigned round = 1; wait_interval(j); round++) {
        struct lh_err err = LH_ERR_INIT;
        enum lh_code code = keep_once(j, round, &err);
        if (code != LH_OK && code != said)
            journal_notice(j, code, "events wait in the local log: %s", err.message);
        said = code;
    }
}

/* ---- open and close ---- */

static bool recover_one(const struct append_log_record *record, void *ctx) {
    struct journal *j = ctx;
    struct lh_err bad = LH_ERR_INIT;
    if (take_in(j, record, &bad) != LH_OK)
        journal_notice(j, bad.code, "a record of the journal's local log is not one of events: %s", bad.message);
    return true;
}

static enum lh_code open_log(struct journal *j, struct lh_err *err) {
    struct append_log_damage damage = {0};
    const struct append_log_options options = {
        .name = LOG_NAME,
        .wal_dir = j->options.wal_dir,
        .prefix = "_journal/events",
        .sink = {.self = j, .put = journal_sink_put},
        .ring_capacity = 1,
        .segment_bytes = SEGMENT_BYTES,
        .max_record_bytes = RECORD_MAX_BYTES,
        .max_wal_bytes = WAL_MAX_BYTES,
    };
    LH_TRY(append_log_open(j->options.os, &options, &j->log, &damage, err));
    if (damage.places > 0) {
        j->damage = lh_asprintf("the journal's local log is damaged in %zu places: %s", damage.places, damage.first);
        journal_notice(j, LH_CORRUPT, "%s", j->damage);
    }
    return append_log_scan(j->log, 0, INT64_MAX, recover_one, j, NULL, err);
}

const char *journal_damage(const struct journal *j) {
    return j->damage;
}

static struct journal *journal_new(const struct journal_options *options) {
    struct journal *j = lh_calloc(1, sizeof *j);
    j->options = *options;
    j->tmp_dir = lh_strdup(options->tmp_dir);
    if (j->options.tier_files == 0)
        j->options.tier_files = TIER_FILES;
    lh_ulid_source_init(&j->ulids);
    pthread_mutex_init(&j->feed_lock, NULL);
    pthread_mutex_init(&j->compact_lock, NULL);
    pthread_mutex_init(&j->files_lock, NULL);
    pthread_mutex_init(&j->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&j->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return j;
}

enum lh_code journal_open(const struct journal_options *options, struct journal **ret_journal, struct lh_err *err) {
    LH_AUTO(journal) struct journal *j = journal_new(options);
    LH_TRY(journal_refresh_files(j, err));
    LH_TRY(open_log(j, err));
    if (options->flush_interval_ms > 0)
        LH_TRY(os_thread_start(&j->thread, "lh-journal", 0, keep, j, err));
    *ret_journal = LH_STEAL(j);
    return LH_OK;
}

void journal_close(struct journal *j) {
    if (!j)
        return;
    pthread_mutex_lock(&j->lock);
    j->stop = true;
    pthread_cond_broadcast(&j->wake);
    pthread_mutex_unlock(&j->lock);
    os_thread_join(&j->thread);
    append_log_close(j->log);
    pending_deinit(&j->pending);
    event_files_unref(j->files);
    lh_ulid_source_deinit(&j->ulids);
    pthread_cond_destroy(&j->wake);
    pthread_mutex_destroy(&j->lock);
    pthread_mutex_destroy(&j->files_lock);
    pthread_mutex_destroy(&j->compact_lock);
    pthread_mutex_destroy(&j->feed_lock);
    lh_free(j->damage);
    lh_free(j->tmp_dir);
    lh_free(j);
}

/* ---- figures ---- */

static void span(struct journal_stats *stats, int64_t from_us, int64_t to_us) {
    if (stats->oldest_us == 0 || from_us < stats->oldest_us)
        stats->oldest_us = from_us;
    if (to_us > stats->newest_us)
        stats->newest_us = to_us;
}

enum lh_code journal_get_stats(struct journal *j, struct journal_stats *ret_stats, struct lh_err *err) {
    LH_TRY(journal_catch_up(j, err));
    struct journal_stats stats = {0};
    pthread_mutex_lock(&j->lock);
    stats.pending = stats.events = j->pending.count;
    stats.covered = j->covered;
    for (size_t i = 0; i < j->pending.count; i++)
        span(&stats, j->pending.items[i].ts_us, j->pending.items[i].ts_us);
    for (size_t i = 0; i < j->files->count; i++) {
        const struct event_file *file = j->files->items[i];
        stats.files++;
        stats.bytes += file->size_bytes;
        stats.unindexed += !file->indexed;
        stats.events += file->index.events;
        if (file->indexed)
            span(&stats, file->index.min_us, file->index.max_us);
    }
    pthread_mutex_unlock(&j->lock);
    *ret_stats = stats;
    return LH_OK;
}
