/* What moves records onward: flush (segments into batches), scan, compact (batches into larger ones). */
#include "base/alloc.h"
#include "base/cleanup.h"
#include "os/fault.h"
#include "store/append_log_internal.h"
#include "store/batch_format.h"
#include "store/object_store.h"
#include "store/record_set.h"

#include <stdlib.h>
#include <string.h>

#define COMPACT_TARGET ((size_t)8 << 20)
#define SCAN_ROUNDS 10 /* of listing again because another server merged batches under the scan */

/* ---- records in memory ---- */

/* Each identity once, in the order of reading. */
struct gathered {
    struct record_set seen;
    struct append_log_record *records; /* each json lh_malloc'd */
    size_t count;
    size_t cap;
};

static bool gather_one(const struct append_log_record *record, void *ctx) {
    struct gathered *gathered = ctx;
    if (!record_set_add(&gathered->seen, record->writer, record->sequence))
        return true;
    if (gathered->count == gathered->cap) {
        gathered->cap = gathered->cap ? gathered->cap * 2 : 256;
        gathered->records = lh_realloc(gathered->records, gathered->cap * sizeof *gathered->records);
    }
    gathered->records[gathered->count] = *record;
    gathered->records[gathered->count++].json = lh_strndup(record->json, record->len);
    return true;
}

static void gathered_release(struct gathered *gathered) {
    for (size_t i = 0; i < gathered->count; i++)
        lh_free((char *)gathered->records[i].json);
    lh_free(gathered->records);
    record_set_deinit(&gathered->seen);
}

/* ---- flush ---- */

struct batch_text {
    struct buf text;
    size_t records;
    int64_t last_us;
};

static bool add_line(const struct append_log_record *record, void *ctx) {
    struct batch_text *batch = ctx;
    batch_append_line(record, &batch->text);
    batch->records++;
    if (record->time_us > batch->last_us)
        batch->last_us = record->time_us;
    return true;
}

static enum lh_code sink_segment(struct append_log *log, struct log_segment segment, struct append_log_flushed *flushed,
                                 struct lh_err *err) {
    LH_CLEANUP(gathered_release) struct gathered gathered = {0};
    struct append_log_damage damage = {0};
    LH_TRY(log_read_segment(log, segment, gather_one, &gathered, &damage, err));
    LH_TRY(LH_FAULT("append_log.before_batch", err));
    if (gathered.count)
        LH_TRY(log->sink.put(log->sink.self, gathered.records, gathered.count, err));
    LH_TRY(LH_FAULT("append_log.after_batch", err));
    flushed->batches += gathered.count > 0;
    flushed->records += gathered.count;
    return log_drop_segment(log, damage.places > 0, err);
}

static enum lh_code flush_segment(struct append_log *log, struct log_segment segment,
                                  struct append_log_flushed *flushed, struct lh_err *err) {
    if (log->sink.put)
        return sink_segment(log, segment, flushed, err);
    struct batch_text batch = {0};
    struct append_log_damage damage = {0};
    LH_AUTO(mem) char *key = NULL;
    enum lh_code code = log_read_segment(log, segment, add_line, &batch, &damage, err);
    if (code == LH_OK)
        code = LH_FAULT("append_log.before_batch", err);
    if (code == LH_OK && batch.records)
        code = log_put_batch(log, batch.last_us, &batch.text, &key, err);
    buf_release(&batch.text);
    if (code != LH_OK)
        return code;
    LH_TRY(LH_FAULT("append_log.after_batch", err));
    flushed->batches += batch.records > 0;
    flushed->records += batch.records;
    return log_drop_segment(log, damage.places > 0, err);
}

/* Nobody else writes while we hold the leadership. */
static enum lh_code seal(struct append_log *log, struct lh_err *err) {
    pthread_mutex_lock(&log->lock);
    while (log->leader)
        pthread_cond_wait(&log->changed, &log->lock);
    log->leader = true;
    pthread_mutex_unlock(&log->lock);
    enum lh_code code = log_seal_active(log, err);
    pthread_mutex_lock(&log->lock);
    log->leader = false;
    pthread_cond_broadcast(&log->changed);
    pthread_mutex_unlock(&log->lock);
    return code;
}

static bool first_sealed(struct append_log *log, struct log_segment *ret_segment) {
    pthread_mutex_lock(&log->lock);
    bool any = log->sealed_count > 0;
    if (any)
        *ret_segment = log->sealed[0];
    pthread_mutex_unlock(&log->lock);
    return any;
}

static enum lh_code flush_all(struct append_log *log, struct append_log_flushed *flushed, struct lh_err *err) {
    LH_TRY(seal(log, err));
    pthread_mutex_lock(&log->lock);
    size_t rest = log->sealed_count; /* not those that are sealed meanwhile: flush must end */
    pthread_mutex_unlock(&log->lock);
    struct log_segment segment;
    for (; rest > 0 && first_sealed(log, &segment); rest--)
        LH_TRY(flush_segment(log, segment, flushed, err));
    return LH_OK;
}

enum lh_code append_log_flush(struct append_log *log, struct append_log_flushed *ret_flushed, struct lh_err *err) {
    struct append_log_flushed flushed = {0};
    pthread_mutex_lock(&log->flush_lock);
    enum lh_code code = flush_all(log, &flushed, err);
    pthread_mutex_unlock(&log->flush_lock);
    if (code != LH_OK)
        return lh_err_context(err, "the log \"%s\" could not be flushed", log->prefix);
    *ret_flushed = flushed;
    return LH_OK;
}

/* ---- scan ---- */

struct scan {
    int64_t from_us;
    int64_t to_us;
    append_log_fn *fn;
    void *ctx;
    struct record_set seen;
    bool stopped;
};

static bool scan_one(const struct append_log_record *record, void *ctx) {
    struct scan *scan = ctx;
    if (record->time_us < scan->from_us || record->time_us >= scan->to_us ||
        !record_set_add(&scan->seen, record->writer, record->sequence))
        return true;
    scan->stopped = !scan->fn(record, scan->ctx);
    return !scan->stopped;
}

/* *ret_again: a batch went away between list and read; what it held stands in another one now. */
static enum lh_code scan_batches(struct append_log *log, struct scan *scan, struct append_log_damage *damage,
                                 bool *ret_again, struct lh_err *err) {
    struct log_batch *batches = NULL;
    size_t count = 0;
    LH_TRY(log_list_batches(log, scan->from_us, &batches, &count, err));
    *ret_again = false;
    enum lh_code code = LH_OK;
    for (size_t i = 0; i < count && code == LH_OK && !scan->stopped; i++) {
        code = log_read_batch(log, batches[i].key, scan_one, scan, damage, err);
        if (code == LH_NOT_FOUND) {
            *ret_again = true;
            code = LH_OK;
        }
    }
    log_free_batches(batches, count);
    return code;
}

static enum lh_code scan_segments(struct append_log *log, struct scan *scan, struct append_log_damage *damage,
                                  struct lh_err *err) {
    pthread_mutex_lock(&log->lock);
    size_t count = log->sealed_count;
    struct log_segment *segments = lh_calloc(count + 1, sizeof *segments);
    if (count)
        memcpy(segments, log->sealed, count * sizeof *segments);
    if (log->active.number)
        segments[count++] = log->active; /* as far as it is durable */
    pthread_mutex_unlock(&log->lock);
    enum lh_code code = LH_OK;
    for (size_t i = 0; i < count && code == LH_OK && !scan->stopped; i++)
        code = log_read_segment(log, segments[i], scan_one, scan, damage, err);
    lh_free(segments);
    return code;
}

static enum lh_code scan_all(struct append_log *log, struct scan *scan, struct append_log_damage *damage,
                             struct lh_err *err) {
    bool again = true;
    for (int round = 0; again && !scan->stopped; round++) {
        if (round == SCAN_ROUNDS)
            return lh_fail(err, LH_BUSY, "the batches of \"%s\" are being merged again and again", log->prefix);
        *damage = (struct append_log_damage){0};
        again = false;
        if (!log->sink.put)
            LH_TRY(scan_batches(log, scan, damage, &again, err));
    }
    return scan->stopped ? LH_OK : scan_segments(log, scan, damage, err);
}

enum lh_code append_log_scan(struct append_log *log, int64_t from_us, int64_t to_us, append_log_fn *fn, void *ctx,
                             struct append_log_damage *ret_damage, struct lh_err *err) {
    struct scan scan = {.from_us = from_us, .to_us = to_us, .fn = fn, .ctx = ctx};
    struct append_log_damage damage = {0};
    pthread_mutex_lock(&log->flush_lock);
    enum lh_code code = scan_all(log, &scan, &damage, err);
    pthread_mutex_unlock(&log->flush_lock);
    record_set_deinit(&scan.seen);
    if (code == LH_OK && ret_damage)
        *ret_damage = damage;
    return code;
}

/* ---- compact ---- */

static int by_time(const void *a, const void *b) {
    const struct append_log_record *x = a;
    const struct append_log_record *y = b;
    if (x->time_us != y->time_us)
        return x->time_us < y->time_us ? -1 : 1;
    if (x->writer != y->writer)
        return x->writer < y->writer ? -1 : 1;
    return (x->sequence > y->sequence) - (x->sequence < y->sequence);
}

/* Read the batches; *ret_whole tells that none is damaged or gone. */
static enum lh_code collect(struct append_log *log, const struct log_batch *batches, size_t count,
                            struct gathered *merge, bool *ret_whole, struct lh_err *err) {
    struct append_log_damage damage = {0};
    for (size_t i = 0; i < count; i++) {
        enum lh_code code = log_read_batch(log, batches[i].key, gather_one, merge, &damage, err);
        if (code == LH_NOT_FOUND || damage.places) {
            *ret_whole = false;
            return LH_OK;
        }
        LH_TRY(code);
    }
    *ret_whole = true;
    return LH_OK;
}

static enum lh_code write_merged(struct append_log *log, const struct gathered *merge, char **ret_key,
                                 struct lh_err *err) {
    LH_AUTO(buf) struct buf text = BUF_INIT;
    for (size_t i = 0; i < merge->count; i++)
        batch_append_line(&merge->records[i], &text);
    return log_put_batch(log, merge->records[merge->count - 1].time_us, &text, ret_key, err);
}

/* Merge `count` neighbours into one.  The new batch stands before an old one goes (A5). */
static enum lh_code merge_batches(struct append_log *log, const struct log_batch *batches, size_t count,
                                  struct gathered *merge, struct append_log_compacted *compacted, struct lh_err *err) {
    bool whole = false;
    LH_TRY(collect(log, batches, count, merge, &whole, err));
    if (!whole || merge->count == 0)
        return LH_OK;
    if (merge->count > 1)
        qsort(merge->records, merge->count, sizeof *merge->records, by_time);
    LH_AUTO(mem) char *key = NULL;
    LH_TRY(LH_FAULT("append_log.before_compact", err));
    LH_TRY(write_merged(log, merge, &key, err));
    compacted->written++;
    compacted->records += merge->count;
    LH_TRY(LH_FAULT("append_log.after_compact", err));
    for (size_t i = 0; i < count; i++) {
        if (strcmp(batches[i].key, key) == 0)
            continue; /* it held all of them already */
        LH_TRY(LH_FAULT("append_log.before_delete_merged", err));
        enum lh_code code = object_delete(log->store, batches[i].key, err);
        if (code != LH_OK && code != LH_NOT_FOUND)
            return code;
        compacted->merged++;
    }
    return LH_OK;
}

/* How many batches from `first` on go into one of at most `target` bytes. */
static size_t group_size(const struct log_batch *batches, size_t first, size_t count, uint64_t target) {
    uint64_t sum = 0;
    size_t end = first;
    while (end < count && sum + batches[end].size_bytes <= target)
        sum += batches[end++].size_bytes;
    return end - first;
}

static enum lh_code compact_all(struct append_log *log, uint64_t target, struct append_log_compacted *compacted,
                                struct lh_err *err) {
    struct log_batch *batches = NULL;
    size_t count = 0;
    LH_TRY(log_list_batches(log, 0, &batches, &count, err));
    enum lh_code code = LH_OK;
    for (size_t first = 0; first < count && code == LH_OK;) {
        size_t size = group_size(batches, first, count, target);
        if (size > 1) {
            struct gathered merge = {0};
            code = merge_batches(log, batches + first, size, &merge, compacted, err);
            gathered_release(&merge);
        }
        first += size ? size : 1;
    }
    log_free_batches(batches, count);
    return code;
}

enum lh_code append_log_compact(struct append_log *log, size_t target_bytes, struct append_log_compacted *ret_compacted,
                                struct lh_err *err) {
    struct append_log_compacted compacted = {0};
    if (log->sink.put)
        return lh_fail(err, LH_INTERNAL, "the batches of \"%s\" are not the log's to merge", log->prefix);
    pthread_mutex_lock(&log->flush_lock);
    enum lh_code code = compact_all(log, target_bytes ? target_bytes : COMPACT_TARGET, &compacted, err);
    pthread_mutex_unlock(&log->flush_lock);
    if (code == LH_OK)
        *ret_compacted = compacted;
    return code;
}
