#include "store/error_journal.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/json.h"

#include <string.h>

#define PREFIX "_errors/bucket_errors"
#define RING_CAPACITY 1000

struct error_journal {
    struct append_log *log;
};

enum lh_code error_journal_open(struct os *os, struct object_store *primary, const char *wal_dir,
                                int64_t flush_interval_ms, struct error_journal **ret_journal,
                                struct append_log_damage *ret_damage, struct lh_err *err) {
    const struct append_log_options options = {
        .name = "errors",
        .wal_dir = wal_dir,
        .store = primary,
        .prefix = PREFIX,
        .ring_capacity = RING_CAPACITY,
        .flush_interval_ms = flush_interval_ms,
    };
    struct append_log *log = NULL;
    LH_TRY(append_log_open(os, &options, &log, ret_damage, err));
    struct error_journal *j = lh_calloc(1, sizeof *j);
    j->log = log;
    *ret_journal = j;
    return LH_OK;
}

void error_journal_close(struct error_journal *j) {
    if (!j)
        return;
    append_log_close(j->log);
    lh_free(j);
}

static void append_member(struct buf *out, const char *name, const char *value) {
    buf_append_char(out, out->len ? ',' : '{');
    buf_append_json_string(out, name, strlen(name));
    buf_append_char(out, ':');
    buf_append_json_string(out, value ? value : "", value ? strlen(value) : 0);
}

enum lh_code error_journal_record(struct error_journal *j, const char *bucket, const char *operation, const char *key,
                                  const char *request_id, const struct lh_err *failure, struct lh_err *err) {
    LH_AUTO(buf) struct buf json = BUF_INIT;
    append_member(&json, "bucket", bucket);
    append_member(&json, "operation", operation);
    append_member(&json, "key", key);
    append_member(&json, "code", lh_code_name(failure->code));
    append_member(&json, "message", failure->message);
    append_member(&json, "request_id", request_id);
    buf_append_char(&json, '}');
    return append_log_append(j->log, json.data, json.len, NULL, err);
}

static const char *member(const json_t *object, const char *name, struct arena *arena) {
    const char *text = json_string_value(json_object_get(object, name));
    return arena_strdup(arena, text ? text : "");
}

/* false for a record that is not one of ours. */
static bool entry_of_record(const struct append_log_record *record, struct arena *arena,
                            struct error_entry *ret_entry) {
    LH_AUTO(json) json_t *object = NULL;
    struct lh_err ignored;
    if (lh_json_parse(record->json, record->len, NULL, &object, &ignored) != LH_OK || !json_is_object(object))
        return false;
    *ret_entry = (struct error_entry){
        .bucket = member(object, "bucket", arena),
        .operation = member(object, "operation", arena),
        .key = member(object, "key", arena),
        .code = member(object, "code", arena),
        .message = member(object, "message", arena),
        .request_id = member(object, "request_id", arena),
        .time_us = record->time_us,
    };
    return true;
}

static bool passes(const struct error_filter *filter, const struct error_entry *entry) {
    return entry->time_us >= filter->since_us &&
           (!filter->bucket || !filter->bucket[0] || strcmp(filter->bucket, entry->bucket) == 0);
}

/* The newest `limit` entries of a scan that goes from old to new: a ring of their own, each with its own arena so that
 * what is pushed out is freed. */
struct newest {
    const struct error_filter *filter;
    struct error_entry *entries;
    struct arena **arenas;
    size_t seen;
};

static bool keep_newest(const struct append_log_record *record, void *ctx) {
    struct newest *newest = ctx;
    struct arena *arena = arena_new();
    struct error_entry entry;
    if (!entry_of_record(record, arena, &entry) || !passes(newest->filter, &entry)) {
        arena_free(arena);
        return true;
    }
    size_t slot = newest->seen++ % newest->filter->limit;
    arena_free(newest->arenas[slot]);
    newest->arenas[slot] = arena;
    newest->entries[slot] = entry;
    return true;
}

static void copy_entry(const struct error_entry *from, struct arena *arena, struct error_entry *ret_entry) {
    *ret_entry = (struct error_entry){
        .bucket = arena_strdup(arena, from->bucket),
        .operation = arena_strdup(arena, from->operation),
        .key = arena_strdup(arena, from->key),
        .code = arena_strdup(arena, from->code),
        .message = arena_strdup(arena, from->message),
        .request_id = arena_strdup(arena, from->request_id),
        .time_us = from->time_us,
    };
}

static enum lh_code recent_by_scan(struct error_journal *j, const struct error_filter *filter, struct arena *arena,
                                   struct error_entry *ret_entries, size_t *ret_count, struct lh_err *err) {
    struct newest newest = {.filter = filter};
    newest.entries = lh_calloc(filter->limit, sizeof *newest.entries);
    newest.arenas = lh_calloc(filter->limit, sizeof(struct arena *));
    enum lh_code code = append_log_scan(j->log, filter->since_us, INT64_MAX, keep_newest, &newest, NULL, err);
    size_t count = newest.seen < filter->limit ? newest.seen : filter->limit;
    if (code == LH_OK) {
        for (size_t i = 0; i < count; i++)
            copy_entry(&newest.entries[(newest.seen - 1 - i) % filter->limit], arena, &ret_entries[i]);
        *ret_count = count;
    }
    for (size_t i = 0; i < count; i++)
        arena_free(newest.arenas[i]);
    lh_free(newest.arenas);
    lh_free(newest.entries);
    return code;
}

/* *ret_enough: the log's memory reaches back far enough to answer. */
static size_t recent_in_memory(struct error_journal *j, const struct error_filter *filter, struct arena *arena,
                               struct error_entry *ret_entries, bool *ret_enough) {
    struct append_log_record *records = NULL;
    size_t record_count = 0;
    bool complete = false;
    append_log_recent(j->log, RING_CAPACITY, arena, &records, &record_count, &complete);
    size_t count = 0;
    for (size_t i = 0; i < record_count && count < filter->limit; i++)
        if (entry_of_record(&records[i], arena, &ret_entries[count]))
            count += passes(filter, &ret_entries[count]);
    bool reaches = record_count && records[record_count - 1].time_us < filter->since_us;
    *ret_enough = complete || reaches || count == filter->limit;
    return count;
}

enum lh_code error_journal_recent(struct error_journal *j, const struct error_filter *filter, struct arena *arena,
                                  struct error_entry **ret_entries, size_t *ret_count, struct lh_err *err) {
    if (filter->limit < 1 || filter->limit > ERROR_JOURNAL_LIMIT_MAX)
        return lh_fail(err, LH_INVALID, "the limit must be 1 to %d, not %zu", ERROR_JOURNAL_LIMIT_MAX, filter->limit);
    struct error_entry *entries = arena_alloc(arena, filter->limit * sizeof *entries);
    bool enough = false;
    size_t count = recent_in_memory(j, filter, arena, entries, &enough);
    if (!enough)
        LH_TRY(recent_by_scan(j, filter, arena, entries, &count, err));
    *ret_entries = entries;
    *ret_count = count;
    return LH_OK;
}

enum lh_code error_journal_flush(struct error_journal *j, struct append_log_flushed *ret_flushed, struct lh_err *err) {
    return append_log_flush(j->log, ret_flushed, err);
}

enum lh_code error_journal_compact(struct error_journal *j, struct append_log_compacted *ret_compacted,
                                   struct lh_err *err) {
    return append_log_compact(j->log, 0, ret_compacted, err);
}
