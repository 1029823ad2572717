/* Objects of a bucket: /storage/objects (the primary bucket) and /storage/buckets/{bucket}/objects. */
#include "gateway/request.h"
#include "gateway/routes.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/config.h"
#include "base/timefmt.h"
#include "gateway/conditional.h"
#include "gateway/page.h"
#include "lake/owner.h"
#include "lakehouse/lakehouse.h"
#include "os/file.h"
#include "policy/principal.h"
#include "store/buckets.h"
#include "store/object_store.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PIECE_BYTES ((size_t)64 * 1024)

static void object_reader_auto_release(struct object_reader **r) {
    object_reader_close(*r);
}

static void object_writer_auto_release(struct object_writer **w) {
    object_writer_abort(*w);
}

/* An unknown bucket is 404 for reading, 503 for writing: a write must not look as if it could never succeed elsewhere. */
static enum lh_code resolve(struct request *rq, bool write, struct bucket **ret_bucket, struct lh_err *err) {
    enum lh_code code =
        buckets_resolve(request_lakehouse(rq)->buckets, request_path_param(rq, "bucket"), ret_bucket, err);
    if (code == LH_NOT_FOUND && write)
        code = err->code = LH_UNAVAILABLE;
    return code;
}

static void add_etag(struct request *rq, const struct object_info *info) {
    char quoted[OBJECT_ETAG_MAX + 2];
    snprintf(quoted, sizeof quoted, "\"%s\"", info->etag);
    response_header(rq, "ETag", quoted);
}

static json_t *object_json(const struct object_info *info) {
    char time[LH_TIME_SIZE];
    lh_time_format(info->mtime_us, time);
    json_t *json = json_object();
    json_object_set_new(json, "key", json_string(info->key));
    json_object_set_new(json, "size_bytes", json_integer((json_int_t)info->size_bytes));
    json_object_set_new(json, "etag", json_string(info->etag));
    json_object_set_new(json, "last_modified", json_string(time));
    return json;
}

/* What the lakehouse itself consists of is not changed through these routes. */
static enum lh_code refuse_ours(struct request *rq, const struct bucket *bucket, const char *key, struct lh_err *err) {
    LH_TRY(object_key_check(key, strlen(key), err));
    if (!object_key_is_reserved(key))
        return lake_refuse_owned(request_lakehouse(rq)->catalog, bucket_name(bucket), key, err);
    lh_fail(err, LH_FORBIDDEN, "keys below \"%.*s/\" belong to the lakehouse and are read-only here",
            (int)strcspn(key, "/"), key);
    return lh_err_hint(err, "choose a key whose first part does not start with \"_\"");
}

/* ---- put ---- */

static enum lh_code fail_match(const struct object_info *info, struct lh_err *err) {
    lh_fail(err, LH_PRECONDITION, "the object's ETag is \"%s\", which If-Match does not name", info->etag);
    return lh_err_hint(err, "the object changed since you read it: read it again, and send the ETag of that answer");
}

/* If-None-Match kept an object from being overwritten. */
static enum lh_code fail_there(struct lh_err *err) {
    return lh_err_hint(err, "choose another key, leave If-None-Match out to replace the object, or send If-Match with "
                            "its ETag to replace exactly this one");
}

/* If-Match and If-None-Match with tags are judged against what is there now; only `If-None-Match: *` is atomic, by
 * put-if-absent, because the stores promise nothing finer. */
static enum lh_code check_put(struct request *rq, struct object_store *store, const char *key,
                              enum object_put_mode *ret_mode, struct lh_err *err) {
    const char *none_match = request_header(rq, "If-None-Match");
    const char *match = request_header(rq, "If-Match");
    *ret_mode = none_match && strcmp(none_match, "*") == 0 ? OBJECT_PUT_IF_ABSENT : OBJECT_PUT_REPLACE;
    if (!none_match && !match)
        return LH_OK;
    struct object_info info;
    enum lh_code code = object_head(store, key, &info, err);
    bool exists = code == LH_OK;
    if (code != LH_OK && code != LH_NOT_FOUND)
        return code;
    if (match && !exists) {
        lh_fail(err, LH_PRECONDITION, "If-Match was given, but there is no object");
        return lh_err_hint(err,
                           "leave If-Match out to make the object; If-None-Match: * makes it only where it is not");
    }
    if (match && !etag_list_matches(match, info.etag, true))
        return fail_match(&info, err);
    if (none_match && exists && etag_list_matches(none_match, info.etag, false)) {
        lh_fail(err, LH_PRECONDITION, "the object is there already, with ETag \"%s\"", info.etag);
        return fail_there(err);
    }
    *err = (struct lh_err)LH_ERR_INIT;
    return LH_OK;
}

static enum lh_code copy_body(struct request *rq, struct object_writer *w, struct lh_err *err) {
    char *piece = arena_alloc(request_arena(rq), PIECE_BYTES);
    for (;;) {
        size_t len;
        LH_TRY(request_body_read(rq, piece, PIECE_BYTES, &len, err));
        if (len == 0)
            return LH_OK;
        LH_TRY(object_writer_write(w, piece, len, err));
    }
}

static enum lh_code put(struct request *rq, const struct bucket *bucket, const char *key, struct object_info *ret_info,
                        struct lh_err *err) {
    struct object_store *store = bucket_store(bucket);
    LH_TRY(refuse_ours(rq, bucket, key, err));
    enum object_put_mode mode;
    LH_TRY(check_put(rq, store, key, &mode, err));
    LH_AUTO(object_writer) struct object_writer *w = NULL;
    LH_TRY(object_writer_open(store, key, &w, err));
    LH_TRY(copy_body(rq, w, err));
    enum lh_code code = object_writer_commit(LH_STEAL(w), mode, ret_info, err);
    if (code != LH_EXISTS || mode != OBJECT_PUT_IF_ABSENT)
        return code;
    lh_fail(err, LH_PRECONDITION, "the object is there already, and If-None-Match: * was given");
    return fail_there(err);
}

enum lh_code handle_object_put(struct request *rq, struct lh_err *err) {
    LH_AUTO(bucket) struct bucket *bucket = NULL;
    LH_TRY(resolve(rq, true, &bucket, err));
    struct object_info info;
    LH_TRY(put(rq, bucket, request_path_param(rq, "key"), &info, err));
    add_etag(rq, &info);
    LH_AUTO(json) json_t *answer = object_json(&info);
    return response_json(rq, 201, answer, err);
}

/* ---- get ---- */

static const char *media_type(const char *key) {
    static const struct {
        const char *ending, *type;
    } types[] = {
        {".parquet", "application/vnd.apache.parquet"},
        {".json", "application/json"},
        {".jsonl", "application/x-ndjson"},
        {".ndjson", "application/x-ndjson"},
        {".csv", "text/csv"},
    };
    size_t len = strlen(key);
    for (size_t i = 0; i < LH_ARRAY_LEN(types); i++) {
        size_t n = strlen(types[i].ending);
        if (len > n && strcmp(key + len - n, types[i].ending) == 0)
            return types[i].type;
    }
    return "application/octet-stream"; /* never text/html: stored bytes must not become a page of ours */
}

static enum lh_code send_object(struct request *rq, struct object_reader *r, int status, const char *type,
                                uint64_t length, struct lh_err *err) {
    uint64_t fd_offset, fd_length;
    int fd = object_reader_fd(r, &fd_offset, &fd_length);
    int own = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 3) : -1;
    if (own >= 0)
        return response_file(rq, status, type, own, fd_offset, fd_length, err);
    LH_TRY(response_begin(rq, status, type, (int64_t)length, err));
    if (request_is_head(rq))
        return response_end(rq, err);
    char *piece = arena_alloc(request_arena(rq), PIECE_BYTES);
    for (;;) {
        size_t len;
        LH_TRY(object_reader_read(r, piece, PIECE_BYTES, &len, err));
        if (len == 0)
            return response_end(rq, err);
        LH_TRY(response_write(rq, piece, len, err));
    }
}

/* Is the answer 304 or 412 rather than the object? */
static enum lh_code check_get(struct request *rq, const struct object_info *info, bool *ret_not_modified,
                              struct lh_err *err) {
    const char *match = request_header(rq, "If-Match");
    if (match && !etag_list_matches(match, info->etag, true))
        return fail_match(info, err);
    const char *none_match = request_header(rq, "If-None-Match");
    *ret_not_modified = none_match && etag_list_matches(none_match, info->etag, false);
    return LH_OK;
}

static enum range_result wanted_range(struct request *rq, const struct object_info *info, struct object_range *range) {
    const char *header = request_header(rq, "Range");
    const char *if_range = request_header(rq, "If-Range");
    if (!header || (if_range && !etag_list_matches(if_range, info->etag, true)))
        return RANGE_NONE;
    return range_parse(header, info->size_bytes, &range->offset, &range->length);
}

/* Where the keys are listed that there are, for one that asked for another. */
static enum lh_code hint_at_list(struct request *rq, const char *key, struct lh_err *err) {
    if (err->code != LH_NOT_FOUND || err->hint[0])
        return err->code;
    const char *bucket = request_path_param(rq, "bucket");
    const char *slash = strrchr(key, '/');
    int folder = slash ? (int)(slash + 1 - key) : 0;
    return lh_err_hint(err, "keys are exact, case counts; GET /storage/%s%s%sobjects%s%.*s lists those that there are",
                       bucket[0] ? "buckets/" : "", bucket, bucket[0] ? "/" : "", folder ? "?prefix=" : "", folder,
                       key);
}

static enum lh_code get(struct request *rq, struct object_store *store, const char *key, struct lh_err *err) {
    struct object_info info;
    if (object_head(store, key, &info, err) != LH_OK)
        return hint_at_list(rq, key, err);
    bool not_modified = false;
    LH_TRY(check_get(rq, &info, &not_modified, err));
    struct object_range range = OBJECT_WHOLE;
    enum range_result wanted = wanted_range(rq, &info, &range);
    char text[96];
    if (wanted == RANGE_UNSATISFIABLE) {
        snprintf(text, sizeof text, "bytes */%" PRIu64, info.size_bytes);
        response_header(rq, "Content-Range", text);
        lh_fail(err, LH_RANGE, "the object has %" PRIu64 " bytes; the range begins behind its end", info.size_bytes);
        return info.size_bytes == 0
                   ? lh_err_hint(err, "leave Range out: the object is empty")
                   : lh_err_hint(err, "ask for bytes 0 to %" PRIu64 ", or for the last ones with bytes=-N",
                                 info.size_bytes - 1);
    }
    struct object_info opened;
    LH_AUTO(object_reader) struct object_reader *r = NULL;
    LH_TRY(object_reader_open(store, key, range, &r, &opened, err));
    if (wanted == RANGE_PART && strcmp(opened.etag, info.etag) != 0)
        return lh_fail(err, LH_CONFLICT, "the object was replaced while it was being opened; ask again");
    char date[LH_HTTP_DATE_SIZE];
    lh_http_date_format(opened.mtime_us, date);
    add_etag(rq, &opened);
    response_header(rq, "Last-Modified", date);
    response_header(rq, "Accept-Ranges", "bytes");
    response_header(rq, "Content-Security-Policy", "sandbox");
    if (not_modified)
        return response_bytes(rq, 304, NULL, NULL, 0, err);
    if (wanted == RANGE_PART) {
        snprintf(text, sizeof text, "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, range.offset,
                 range.offset + range.length - 1, opened.size_bytes);
        response_header(rq, "Content-Range", text);
    }
    return send_object(rq, r, wanted == RANGE_PART ? 206 : 200, media_type(key),
                       wanted == RANGE_PART ? range.length : opened.size_bytes, err);
}

/* The stored hashes of keys are nobody's reading. */
static enum lh_code refuse_secret(const char *key, struct lh_err *err) {
    if (strncmp(key, "_access/", 8) != 0)
        return LH_OK;
    return lh_fail(err, LH_FORBIDDEN, "objects below _access/ are not readable here; use /access/keys");
}

enum lh_code handle_object_get(struct request *rq, struct lh_err *err) {
    LH_AUTO(bucket) struct bucket *bucket = NULL;
    LH_TRY(resolve(rq, false, &bucket, err));
    const char *key = request_path_param(rq, "key");
    LH_TRY(refuse_secret(key, err));
    return get(rq, bucket_store(bucket), key, err);
}

/* ---- delete and list ---- */

enum lh_code handle_object_delete(struct request *rq, struct lh_err *err) {
    LH_AUTO(bucket) struct bucket *bucket = NULL;
    LH_TRY(resolve(rq, true, &bucket, err));
    const char *key = request_path_param(rq, "key");
    LH_TRY(refuse_ours(rq, bucket, key, err));
    if (object_delete(bucket_store(bucket), key, err) != LH_OK)
        return hint_at_list(rq, key, err);
    return response_bytes(rq, 204, NULL, NULL, 0, err);
}

enum lh_code handle_object_list(struct request *rq, struct lh_err *err) {
    LH_AUTO(bucket) struct bucket *bucket = NULL;
    LH_TRY(resolve(rq, false, &bucket, err));
    struct page page;
    LH_TRY(page_parse(rq, (uint64_t)request_lakehouse(rq)->config->storage.list_page, 10000, &page, err));
    const char *prefix = request_query_param(rq, "prefix");
    struct object_info *items;
    size_t count;
    bool more;
    LH_TRY(object_list(bucket_store(bucket), prefix ? prefix : "", page.after, (size_t)page.limit, request_arena(rq),
                       &items, &count, &more, err));
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, object_json(&items[i]));
    return page_respond(rq, list, more && count > 0 ? items[count - 1].key : NULL, err);
}
