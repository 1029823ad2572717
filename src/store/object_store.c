/* The dispatcher: checks what every store would have to check, then calls the backend's table. */
#include "store/object_store.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "store/object_store_ops.h"

#include <inttypes.h>
#include <string.h>

static enum lh_code check_key(const char *key, struct lh_err *err) {
    return object_key_check(key, strlen(key), err);
}

enum lh_code object_range_resolve(const char *key, uint64_t size_bytes, struct object_range range, uint64_t *ret_offset,
                                  uint64_t *ret_length, struct lh_err *err) {
    if (range.offset > size_bytes)
        return lh_fail(err, LH_RANGE, "object \"%s\" has %" PRIu64 " bytes; there is nothing at offset %" PRIu64, key,
                       size_bytes, range.offset);
    uint64_t rest = size_bytes - range.offset;
    *ret_offset = range.offset;
    *ret_length = range.length < rest ? range.length : rest;
    return LH_OK;
}

enum lh_code object_fail_not_found(const char *key, struct lh_err *err) {
    return lh_fail(err, LH_NOT_FOUND, "there is no object \"%s\"", key);
}

enum lh_code object_fail_exists(const char *key, struct lh_err *err) {
    return lh_fail(err, LH_EXISTS, "there is already an object \"%s\"", key);
}

enum lh_code object_fail_folder(const char *key, struct lh_err *err) {
    lh_fail(err, LH_INVALID,
            "object \"%s\" cannot be stored: it, or a part of its key, is already the other of object and folder", key);
    return lh_err_hint(err, "\"a\" and \"a/b\" cannot both be objects; choose another key");
}

enum lh_code object_put(struct object_store *s, const char *key, const void *data, size_t len,
                        enum object_put_mode mode, struct object_info *ret_info, struct lh_err *err) {
    struct object_writer *w = NULL;
    LH_TRY(object_writer_open(s, key, &w, err));
    enum lh_code code = object_writer_write(w, data, len, err);
    if (code != LH_OK) {
        object_writer_abort(w);
        return code;
    }
    return object_writer_commit(w, mode, ret_info, err);
}

/* A reader gives exactly the bytes that its info promised, or an error. */
static enum lh_code read_whole(struct object_reader *r, size_t size_bytes, struct buf *data, struct lh_err *err) {
    buf_reserve(data, size_bytes);
    while (data->len < size_bytes) {
        size_t got = 0;
        LH_TRY(object_reader_read(r, data->data + data->len, size_bytes - data->len, &got, err));
        data->len += got;
    }
    data->data[data->len] = '\0';
    return LH_OK;
}

enum lh_code object_get(struct object_store *s, const char *key, size_t max_bytes, struct buf *ret_data,
                        struct object_info *ret_info, struct lh_err *err) {
    struct object_info info;
    struct object_reader *r = NULL;
    LH_TRY(object_reader_open(s, key, OBJECT_WHOLE, &r, &info, err));
    LH_AUTO(buf) struct buf data = BUF_INIT;
    enum lh_code code = LH_OK;
    if (info.size_bytes > max_bytes)
        code = lh_fail(err, LH_TOO_LARGE, "object \"%s\" has %" PRIu64 " bytes; at most %zu are read here", key,
                       info.size_bytes, max_bytes);
    if (code == LH_OK)
        code = read_whole(r, (size_t)info.size_bytes, &data, err);
    object_reader_close(r);
    if (code != LH_OK)
        return code;
    *ret_data = data;
    data = (struct buf)BUF_INIT;
    if (ret_info)
        *ret_info = info;
    return LH_OK;
}

enum lh_code object_writer_open(struct object_store *s, const char *key, struct object_writer **ret_writer,
                                struct lh_err *err) {
    LH_TRY(check_key(key, err));
    struct object_writer *w = NULL;
    LH_TRY(s->ops->writer_open(s, key, &w, err));
    w->store = s;
    w->failure.code = LH_OK;
    memcpy(w->key, key, strlen(key) + 1);
    *ret_writer = w;
    return LH_OK;
}

enum lh_code object_writer_write(struct object_writer *w, const void *data, size_t len, struct lh_err *err) {
    if (w->failure.code == LH_OK && (len == 0 || w->store->ops->writer_write(w, data, len, &w->failure) == LH_OK))
        return LH_OK;
    *err = w->failure;
    return err->code;
}

enum lh_code object_writer_commit(struct object_writer *w, enum object_put_mode mode, struct object_info *ret_info,
                                  struct lh_err *err) {
    struct object_info info;
    enum lh_code code = w->failure.code;
    if (code != LH_OK)
        *err = w->failure;
    else
        code = w->store->ops->writer_commit(w, mode, &info, err);
    w->store->ops->writer_free(w);
    if (code == LH_OK && ret_info)
        *ret_info = info;
    return code;
}

void object_writer_abort(struct object_writer *w) {
    if (w)
        w->store->ops->writer_free(w);
}

enum lh_code object_put_file(struct object_store *s, const char *key, const char *path, enum object_put_mode mode,
                             struct object_info *ret_info, struct lh_err *err) {
    struct object_info info;
    LH_TRY(check_key(key, err));
    LH_TRY(s->ops->put_file(s, key, path, mode, &info, err));
    if (ret_info)
        *ret_info = info;
    return LH_OK;
}

enum lh_code object_reader_open(struct object_store *s, const char *key, struct object_range range,
                                struct object_reader **ret_reader, struct object_info *ret_info, struct lh_err *err) {
    struct object_info info;
    struct object_reader *r = NULL;
    LH_TRY(check_key(key, err));
    LH_TRY(s->ops->reader_open(s, key, range, &r, &info, err));
    r->store = s;
    *ret_reader = r;
    if (ret_info)
        *ret_info = info;
    return LH_OK;
}

enum lh_code object_reader_read(struct object_reader *r, void *data, size_t cap, size_t *ret_len, struct lh_err *err) {
    return r->store->ops->reader_read(r, data, cap, ret_len, err);
}

int object_reader_fd(struct object_reader *r, uint64_t *ret_offset, uint64_t *ret_length) {
    return r->store->ops->reader_fd ? r->store->ops->reader_fd(r, ret_offset, ret_length) : -1;
}

void object_reader_close(struct object_reader *r) {
    if (r)
        r->store->ops->reader_close(r);
}

enum lh_code object_head(struct object_store *s, const char *key, struct object_info *ret_info, struct lh_err *err) {
    struct object_info info;
    LH_TRY(check_key(key, err));
    LH_TRY(s->ops->head(s, key, &info, err));
    if (ret_info)
        *ret_info = info;
    return LH_OK;
}

enum lh_code object_list(struct object_store *s, const char *prefix, const char *after, size_t limit,
                         struct arena *arena, struct object_info **ret_items, size_t *ret_count, bool *ret_more,
                         struct lh_err *err) {
    LH_TRY(object_prefix_check(prefix, err));
    if (limit < 1 || limit > OBJECT_LIST_MAX)
        return lh_fail(err, LH_INVALID, "a list of objects takes a limit of 1 to %d, not %zu", OBJECT_LIST_MAX, limit);
    struct object_info *items = lh_malloc(limit * sizeof *items);
    size_t count = 0;
    bool more = false;
    enum lh_code code = s->ops->list(s, prefix, after, limit, items, &count, &more, err);
    if (code == LH_OK) {
        struct object_info *kept = arena_alloc(arena, count * sizeof *kept + 1);
        memcpy(kept, items, count * sizeof *kept);
        *ret_items = kept;
        *ret_count = count;
        *ret_more = more;
    }
    lh_free(items);
    return code;
}

enum lh_code object_delete(struct object_store *s, const char *key, struct lh_err *err) {
    LH_TRY(check_key(key, err));
    return s->ops->delete (s, key, err);
}

enum lh_code object_local_path(struct object_store *s, const char *key, struct arena *arena, const char **ret_path,
                               struct lh_err *err) {
    LH_TRY(check_key(key, err));
    return s->ops->local_path(s, key, arena, ret_path, err);
}

const char *object_store_local_root(struct object_store *s) {
    return s->ops->local_root(s);
}

const char *object_store_backend(struct object_store *s) {
    return s->ops->backend;
}

enum lh_code object_store_ping(struct object_store *s, struct lh_err *err) {
    return s->ops->ping(s, err);
}

enum lh_code object_store_check_writable(struct object_store *s, struct lh_err *err) {
    LH_TRY(s->ops->ping(s, err));
    return s->ops->check_writable(s, err);
}

void object_store_free(struct object_store *s) {
    if (s)
        s->ops->free(s);
}
