/* The objects of an append log: naming, writing, reading and listing batches. */
#include "base/alloc.h"
#include "base/arena.h"
#include "base/cleanup.h"
#include "store/append_log_internal.h"
#include "store/batch_format.h"
#include "store/object_store.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define BATCH_READ_MAX ((size_t)1 << 30)
#define BATCH_NAME_TRIES 10000
#define LIST_PAGE 1000

static char *batch_key(const struct append_log *log, int64_t time_us) {
    return lh_asprintf("%s/batch_%016" PRId64 ".jsonl", log->prefix, time_us);
}

/* What stands under the key: the same bytes (*ret_same), other bytes, or LH_NOT_FOUND. */
static enum lh_code compare(struct append_log *log, const char *key, const struct buf *text, bool *ret_same,
                            struct lh_err *err) {
    LH_AUTO(buf) struct buf there = BUF_INIT;
    enum lh_code code = object_get(log->store, key, text->len, &there, NULL, err);
    if (code != LH_OK && code != LH_TOO_LARGE)
        return code;
    *ret_same = code == LH_OK && there.len == text->len && memcmp(buf_cstr(&there), buf_cstr(text), text->len) == 0;
    return LH_OK;
}

/* Under one name.  *ret_taken: another batch has it. */
static enum lh_code put_named(struct append_log *log, const char *key, const struct buf *text, bool *ret_taken,
                              struct lh_err *err) {
    *ret_taken = false;
    enum lh_code code = object_put(log->store, key, buf_cstr(text), text->len, OBJECT_PUT_IF_ABSENT, NULL, err);
    if (code != LH_EXISTS && code != LH_UNKNOWN_OUTCOME)
        return code;
    bool same = false;
    struct lh_err why = *err;
    code = compare(log, key, text, &same, err);
    if (code == LH_NOT_FOUND) { /* the request was lost, or the batch merged away since: the caller comes again */
        *err = why;
        return err->code = LH_UNKNOWN_OUTCOME;
    }
    *ret_taken = code == LH_OK && !same;
    return code;
}

enum lh_code log_put_batch(struct append_log *log, int64_t time_us, const struct buf *text, char **ret_key,
                           struct lh_err *err) {
    for (int64_t tries = 0; tries < BATCH_NAME_TRIES; tries++) {
        LH_AUTO(mem) char *key = batch_key(log, time_us + tries);
        bool taken = false;
        LH_TRY(put_named(log, key, text, &taken, err));
        if (!taken) {
            *ret_key = LH_STEAL(key);
            return LH_OK;
        }
    }
    return lh_fail(err, LH_CONFLICT, "there is no free name for a batch at %" PRId64 " in \"%s\"", time_us,
                   log->prefix);
}

enum lh_code log_read_batch(struct append_log *log, const char *key, append_log_fn *fn, void *ctx,
                            struct append_log_damage *damage, struct lh_err *err) {
    LH_AUTO(buf) struct buf data = BUF_INIT;
    LH_TRY(object_get(log->store, key, BATCH_READ_MAX, &data, NULL, err));
    struct batch_reader reader;
    struct append_log_record record;
    bool good = false;
    bool go_on = true;
    batch_reader_init(&reader, buf_cstr(&data), data.len);
    while (go_on && batch_reader_next(&reader, &record, &good)) {
        if (good)
            go_on = fn(&record, ctx);
        else
            log_note_damage(damage, "object \"%s\": line %zu is damaged", key, reader.line);
    }
    batch_reader_deinit(&reader);
    return LH_OK;
}

/* PREFIX/batch_<16 digits>.jsonl: other objects below the prefix are not ours to read. */
static bool is_batch(const struct append_log *log, const char *key) {
    size_t head = strlen(log->prefix) + strlen("/batch_");
    return strlen(key) == head + 16 + strlen(".jsonl") && strspn(key + head, "0123456789") == 16 &&
           strcmp(key + head + 16, ".jsonl") == 0;
}

static void add_page(const struct append_log *log, const struct object_info *items, size_t item_count,
                     struct log_batch **batches, size_t *count) {
    *batches = lh_realloc(*batches, (*count + item_count + 1) * sizeof **batches);
    for (size_t i = 0; i < item_count; i++)
        if (is_batch(log, items[i].key))
            (*batches)[(*count)++] =
                (struct log_batch){.key = lh_strdup(items[i].key), .size_bytes = items[i].size_bytes};
}

enum lh_code log_list_batches(struct append_log *log, int64_t from_us, struct log_batch **ret_batches,
                              size_t *ret_count, struct lh_err *err) {
    LH_AUTO(mem) char *prefix = lh_asprintf("%s/batch_", log->prefix);
    LH_AUTO(mem) char *after = from_us > 0 ? batch_key(log, from_us - 1) : lh_strdup("");
    struct log_batch *batches = NULL;
    size_t count = 0;
    bool more = true;
    while (more) {
        LH_AUTO(arena) struct arena *arena = arena_new();
        struct object_info *items = NULL;
        size_t item_count = 0;
        enum lh_code code = object_list(log->store, prefix, after, LIST_PAGE, arena, &items, &item_count, &more, err);
        if (code != LH_OK) {
            log_free_batches(batches, count);
            return code;
        }
        add_page(log, items, item_count, &batches, &count);
        lh_free(LH_STEAL(after));
        after = lh_strdup(item_count ? items[item_count - 1].key : "");
    }
    *ret_batches = batches;
    *ret_count = count;
    return LH_OK;
}

void log_free_batches(struct log_batch *batches, size_t count) {
    for (size_t i = 0; i < count; i++)
        lh_free(batches[i].key);
    lh_free(batches);
}
