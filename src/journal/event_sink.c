/* What the local log flushes into: one file for each day that the events of a segment fall on. */
#include "base/alloc.h"
#include "base/cleanup.h"
#include "journal/event_json.h"
#include "journal/journal_internal.h"
#include "os/fault.h"

#include <inttypes.h>
#include <string.h>

struct day {
    char name[EVENT_DAY_SIZE];
    int64_t max_us;
    struct buf rows;
    size_t longest;
    struct event_file *file;
};

struct batch {
    struct day *days;
    size_t count;
    uint64_t covered;
};

static void batch_release(struct batch *b) {
    for (size_t i = 0; i < b->count; i++) {
        buf_release(&b->days[i].rows);
        event_file_unref(b->days[i].file);
    }
    lh_free(b->days);
}

static struct day *day_of(struct batch *b, const char *name) {
    for (size_t i = b->count; i-- > 0;)
        if (strcmp(b->days[i].name, name) == 0)
            return &b->days[i];
    b->days = lh_realloc(b->days, (b->count + 1) * sizeof *b->days);
    struct day *day = &b->days[b->count++];
    *day = (struct day){0};
    memcpy(day->name, name, sizeof day->name);
    return day;
}

static void add_event(const struct journal_event *event, const char *line, size_t len, void *ctx) {
    char name[EVENT_DAY_SIZE];
    event_day_of(event->ts_us, name);
    struct day *day = day_of(ctx, name);
    buf_append(&day->rows, line, len);
    buf_append_char(&day->rows, '\n');
    day->longest = len + 1 > day->longest ? len + 1 : day->longest;
    day->max_us = event->ts_us > day->max_us ? event->ts_us : day->max_us;
}

/* A record that cannot be read (its check sum was good) is reported and costs nothing else. */
static void split_days(struct journal *j, const struct append_log_record *records, size_t count, struct batch *b,
                       struct buf *identity) {
    for (size_t i = 0; i < count; i++) {
        struct lh_err bad = LH_ERR_INIT;
        uint64_t covered = 0;
        if (event_record_read(records[i].json, records[i].len, add_event, b, &covered, &bad) != LH_OK)
            journal_notice(j, bad.code, "a record of the journal's local log is not one of events: %s", bad.message);
        b->covered = covered > b->covered ? covered : b->covered;
        buf_printf(identity, "%016" PRIx64 "-%" PRIu64 "\n", records[i].writer, records[i].sequence);
    }
}

static enum lh_code write_day(struct journal *j, struct day *day, uint64_t covered, const struct buf *identity,
                              struct lh_err *err) {
    LH_CLEANUP(event_build_release) struct event_build build = {0};
    LH_TRY(LH_FAULT("journal.before_build", err));
    day->file = lh_calloc(1, sizeof *day->file);
    day->file->refs = 1;
    memcpy(day->file->day, day->name, sizeof day->name);
    event_build_name(day->file, day->max_us, identity);
    LH_TRY(event_build_open(j, &build, err));
    LH_TRY(event_build_write(&build, &day->rows, day->longest, day->file, err));
    day->file->index.covered = covered;
    return event_file_publish(j->options.store, day->file, build.path, err);
}

/* The files begin to count and the events stop waiting in one step. */
static void take_over(struct journal *j, struct batch *b, const struct append_log_record *records, size_t count) {
    pthread_mutex_lock(&j->files_lock);
    pthread_mutex_lock(&j->lock);
    for (size_t i = 0; i < b->count; i++) {
        struct event_files *next = event_files_with(j->files, LH_STEAL(b->days[i].file));
        event_files_unref(j->files);
        j->files = next;
    }
    pending_drop(&j->pending, records, count);
    j->flushed_writer = records[count - 1].writer;
    j->flushed_sequence = records[count - 1].sequence;
    pthread_mutex_unlock(&j->lock);
    pthread_mutex_unlock(&j->files_lock);
}

enum lh_code journal_sink_put(void *journal, const struct append_log_record *records, size_t count,
                              struct lh_err *err) {
    struct journal *j = journal;
    LH_CLEANUP(batch_release) struct batch b = {0};
    LH_AUTO(buf) struct buf identity = BUF_INIT;
    split_days(j, records, count, &b, &identity);
    /* The last file alone says how far the segment covers: when it stands, all of them do. */
    for (size_t i = 0; i < b.count; i++)
        LH_TRY(write_day(j, &b.days[i], i + 1 == b.count ? b.covered : 0, &identity, err));
    take_over(j, &b, records, count);
    return LH_OK;
}
