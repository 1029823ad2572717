/* Rejected lines, page by page, straight from their objects: one JSON object a line. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/quantity.h"
#include "catalog/catalog.h"
#include "ingest/ingest_internal.h"
#include "store/buckets.h"
#include "store/object_store.h"

#include <stdio.h>
#include <string.h>

#define READ_BYTES ((size_t)256 * 1024)
#define LINE_MAX_BYTES ((size_t)64 * 1024)

/* A place: the ULID in the key of a rejects object, and a byte offset in it.  "" is the start. */
struct place {
    char object[LH_ULID_SIZE];
    uint64_t offset;
};

static enum lh_code parse_token(const char *token, struct place *ret_place, struct lh_err *err) {
    int64_t offset = 0;
    *ret_place = (struct place){.offset = 0};
    if (!token || !*token)
        return LH_OK;
    if (strlen(token) < LH_ULID_SIZE + 1 || token[LH_ULID_SIZE - 1] != '.' || !lh_ulid_valid(token, LH_ULID_SIZE - 1) ||
        !lh_int_parse(token + LH_ULID_SIZE, &offset) || offset < 0)
        return lh_fail(err, LH_INVALID, "page_token is not one that a page before gave");
    memcpy(ret_place->object, token, LH_ULID_SIZE - 1);
    ret_place->offset = (uint64_t)offset;
    return LH_OK;
}

/* The ULID at the end of "datasets/x/rejects/{ulid}.ndjson". */
static bool object_ulid(const char *key, char ret_ulid[LH_ULID_SIZE]) {
    const char *slash = strrchr(key, '/');
    if (!slash || strlen(slash + 1) < LH_ULID_SIZE - 1)
        return false;
    memcpy(ret_ulid, slash + 1, LH_ULID_SIZE - 1);
    ret_ulid[LH_ULID_SIZE - 1] = 0;
    return lh_ulid_valid(ret_ulid, LH_ULID_SIZE - 1);
}

/* Lines of one object from `offset` until the page is full; *ret_next is where the next line starts, 0 at the end. */
static enum lh_code read_lines(struct object_store *store, const char *key, uint64_t offset, size_t limit,
                               json_t *items, uint64_t *ret_next, struct lh_err *err) {
    LH_AUTO(buf) struct buf text = BUF_INIT;
    struct object_reader *reader = NULL;
    struct object_info info;
    LH_TRY(object_reader_open(store, key, (struct object_range){offset, UINT64_MAX}, &reader, &info, err));
    size_t got = 1;
    enum lh_code code = LH_OK;
    uint64_t at = offset;
    *ret_next = 0;
    while (code == LH_OK && got > 0) {
        buf_reserve(&text, READ_BYTES);
        code = object_reader_read(reader, text.data + text.len, READ_BYTES, &got, err);
        if (code != LH_OK)
            break;
        text.len += got;
        text.data[text.len] = 0;
        size_t used = 0;
        char *newline;
        while (code == LH_OK && (newline = memchr(text.data + used, '\n', text.len - used)) != NULL) {
            if (json_array_size(items) == limit) {
                *ret_next = at + used;
                object_reader_close(reader);
                return LH_OK;
            }
            json_t *line = NULL;
            code = lh_json_parse(text.data + used, (size_t)(newline - text.data) - used, NULL, &line, err);
            if (code == LH_OK)
                json_array_append_new(items, line);
            used = (size_t)(newline - text.data) + 1;
        }
        buf_consume(&text, used);
        at += used;
        if (text.len > LINE_MAX_BYTES)
            code = lh_fail(err, LH_CORRUPT, "%s holds a line that is too long", key);
    }
    object_reader_close(reader);
    return code == LH_OK ? LH_OK : (err->code = LH_CORRUPT, lh_err_context(err, "reading %s", key));
}

enum lh_code ingest_rejects_page(struct ingest *in, const char *dataset, size_t limit, const char *page_token,
                                 json_t **ret_page, struct lh_err *err) {
    struct place place;
    LH_TRY(parse_token(page_token, &place, err));
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *snapshot = catalog_snapshot(in->services.catalog);
    const struct manifest *m;
    LH_TRY(catalog_snapshot_require(snapshot, dataset, &m, err));
    LH_AUTO(json) json_t *items = json_array();
    char next[LH_ULID_SIZE + 24] = "";
    for (size_t i = 0; i < m->file_count && !*next; i++) {
        const struct manifest_file *file = &m->files[i];
        char ulid[LH_ULID_SIZE];
        if (file->role != FILE_REJECTS || !object_ulid(file->key, ulid) || strcmp(ulid, place.object) < 0)
            continue;
        uint64_t offset = strcmp(ulid, place.object) == 0 ? place.offset : 0, more;
        if (json_array_size(items) == limit) {
            snprintf(next, sizeof next, "%s.0", ulid);
            break;
        }
        LH_AUTO(bucket) struct bucket *bucket = NULL;
        LH_TRY(buckets_resolve(in->services.buckets, file->bucket, &bucket, err));
        LH_TRY(read_lines(bucket_store(bucket), file->key, offset, limit, items, &more, err));
        if (more)
            snprintf(next, sizeof next, "%s.%llu", ulid, (unsigned long long)more);
    }
    json_t *page = json_object();
    json_object_set(page, "items", items);
    json_object_set_new(page, "next_page_token", *next ? json_string(next) : json_null());
    *ret_page = page;
    return LH_OK;
}
