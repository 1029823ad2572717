/* The local store: opening and closing, reading.  Invariants: local_internal.h. */
#include "store/local.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "base/cleanup.h"
#include "os/clock.h"
#include "os/dir.h"
#include "os/fault.h"
#include "os/os.h"
#include "store/local_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define STALE_US ((int64_t)3600 * 1000 * 1000)

struct local_reader {
    struct object_reader base;
    int fd;
    uint64_t offset; /* of the part */
    uint64_t length;
    uint64_t done; /* bytes of it read */
    char key[];
};

static struct local_reader *reader_of(struct object_reader *r) {
    return (struct local_reader *)r;
}

enum lh_code local_fail(const struct local_store *s, const char *verb, const char *key, struct lh_err *err) {
    const struct lh_err from = *err;
    if (from.os_errno) {
        lh_fail_errno(err, from.os_errno, "cannot %s object \"%s\"", verb, key);
        err->code = from.code;
    }
    lh_err_detail(err, "%s%s%s, in %s", from.message, from.detail[0] ? "; " : "", from.detail, s->root);
    if (from.os_errno == EACCES || from.os_errno == EPERM || from.os_errno == EROFS)
        lh_err_hint(err, "the folder of the bucket must be writable by the server");
    return err->code;
}

void local_fill_info(const char *key, const struct os_stat *st, struct object_info *ret_info) {
    memcpy(ret_info->key, key, strlen(key) + 1);
    ret_info->size_bytes = st->size_bytes;
    ret_info->mtime_us = st->mtime_us;
    snprintf(ret_info->etag, sizeof ret_info->etag, "%" PRIx64 "-%" PRIx64 "-%" PRIx64, st->inode,
             (uint64_t)st->mtime_us, st->size_bytes);
}

enum lh_code local_check_writable(struct local_store *s, struct lh_err *err) {
    if (!s->broken)
        return LH_OK;
    lh_fail(err, LH_IO, "the bucket takes no more writes: its disk could not confirm an earlier one");
    lh_err_detail(err, "an fsync failed in %s", s->root);
    return lh_err_hint(err, "check the disk, then restart the server");
}

enum lh_code local_check_known(struct local_store *s, const char *key, struct lh_err *err) {
    if (!s->broken)
        return LH_OK;
    bool unknown = false;
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < s->unknown_count && !unknown; i++)
        unknown = strcmp(s->unknown[i], key) == 0;
    pthread_mutex_unlock(&s->lock);
    if (!unknown)
        return LH_OK;
    lh_fail(err, LH_IO, "object \"%s\" cannot be read: the disk could not confirm its last change", key);
    return lh_err_hint(err, "check the disk, then restart the server");
}

void local_break(struct local_store *s, const char *key) {
    pthread_mutex_lock(&s->lock);
    if (key) {
        s->unknown = lh_realloc(s->unknown, (s->unknown_count + 1) * sizeof *s->unknown);
        s->unknown[s->unknown_count++] = lh_strdup(key);
    }
    s->broken = true;
    pthread_mutex_unlock(&s->lock);
}

/* ---- reading ---- */

/* O_NONBLOCK: a pipe planted under a key must not hang the server; it means nothing for files. */
static enum lh_code open_object(struct local_store *s, const char *key, int *ret_fd, struct os_stat *ret_stat,
                                struct lh_err *err) {
    LH_TRY(local_check_known(s, key, err));
    int fd = -1;
    if (LH_FAULT("store.before_open", err) != LH_OK)
        return local_fail(s, "read", key, err);
    if (os_open(s->os, s->root_fd, key, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, OS_BENEATH, &fd, err) != LH_OK) {
        if (err->os_errno == ENOENT || err->os_errno == ENOTDIR || err->os_errno == ENXIO)
            return object_fail_not_found(key, err);
        if (err->os_errno == ELOOP)
            return lh_fail(err, LH_FORBIDDEN,
                           "object \"%s\" is a symbolic link or lies behind one; links are not followed", key);
        return local_fail(s, "read", key, err);
    }
    struct os_stat st = {0};
    enum lh_code code = os_fstat(s->os, fd, key, &st, err);
    if (code != LH_OK)
        code = local_fail(s, "read", key, err);
    else if (!st.is_file)
        code = object_fail_not_found(key, err);
    if (code != LH_OK) {
        os_close(s->os, fd);
        return code;
    }
    *ret_fd = fd;
    *ret_stat = st;
    return LH_OK;
}

static enum lh_code local_reader_open(struct object_store *base, const char *key, struct object_range range,
                                      struct object_reader **ret_reader, struct object_info *ret_info,
                                      struct lh_err *err) {
    struct local_store *s = local_of(base);
    int fd = -1;
    struct os_stat st = {0};
    LH_TRY(open_object(s, key, &fd, &st, err));
    uint64_t offset = 0;
    uint64_t length = 0;
    enum lh_code code = object_range_resolve(key, st.size_bytes, range, &offset, &length, err);
    if (code != LH_OK) {
        os_close(s->os, fd);
        return code;
    }
    size_t key_size = strlen(key) + 1;
    struct local_reader *r = lh_calloc(1, sizeof *r + key_size);
    r->fd = fd;
    r->offset = offset;
    r->length = length;
    memcpy(r->key, key, key_size);
    local_fill_info(key, &st, ret_info);
    *ret_reader = &r->base;
    return LH_OK;
}

static enum lh_code local_reader_read(struct object_reader *base, void *data, size_t cap, size_t *ret_len,
                                      struct lh_err *err) {
    struct local_store *s = local_of(base->store);
    struct local_reader *r = reader_of(base);
    uint64_t rest = r->length - r->done;
    size_t want = rest < cap ? (size_t)rest : cap;
    size_t got = 0;
    if (LH_FAULT("store.before_read", err) != LH_OK)
        return local_fail(s, "read", r->key, err);
    if (os_pread_full(s->os, r->fd, data, want, r->offset + r->done, r->key, &got, err) != LH_OK)
        return local_fail(s, "read", r->key, err);
    if (got < want) /* L1: files do not shrink, except by damage */
        return lh_fail(err, LH_CORRUPT, "object \"%s\" ends at byte %" PRIu64 ", though it had %" PRIu64 " more",
                       r->key, r->offset + r->done + got, rest - got);
    r->done += got;
    *ret_len = got;
    return LH_OK;
}

static int local_reader_fd(struct object_reader *base, uint64_t *ret_offset, uint64_t *ret_length) {
    struct local_reader *r = reader_of(base);
    *ret_offset = r->offset;
    *ret_length = r->length;
    return r->fd;
}

static void local_reader_close(struct object_reader *base) {
    struct local_reader *r = reader_of(base);
    os_close(local_of(base->store)->os, r->fd);
    lh_free(r);
}

static enum lh_code local_head(struct object_store *base, const char *key, struct object_info *ret_info,
                               struct lh_err *err) {
    struct local_store *s = local_of(base);
    int fd = -1;
    struct os_stat st = {0};
    LH_TRY(open_object(s, key, &fd, &st, err));
    os_close(s->os, fd);
    local_fill_info(key, &st, ret_info);
    return LH_OK;
}

static enum lh_code local_path(struct object_store *base, const char *key, struct arena *arena, const char **ret_path,
                               struct lh_err *err) {
    struct object_info info;
    LH_TRY(local_head(base, key, &info, err));
    *ret_path = arena_printf(arena, "%s/%s", local_of(base)->root, key);
    return LH_OK;
}

static const char *local_root(struct object_store *base) {
    return local_of(base)->root;
}

/* ---- opening and closing ---- */

/* The folder that the path names now must still be the one that was opened: not removed, not hidden by a mount. */
static enum lh_code local_ping(struct object_store *base, struct lh_err *err) {
    struct local_store *s = local_of(base);
    struct os_stat st = {0};
    int fd = -1;
    enum lh_code code = os_open(s->os, AT_FDCWD, s->root, O_RDONLY | O_DIRECTORY, 0, 0, &fd, err);
    if (code == LH_OK)
        code = os_fstat(s->os, fd, s->root, &st, err);
    os_close(s->os, fd);
    if (code == LH_OK && st.inode == s->root_inode && st.device == s->root_device)
        return local_check_writable(s, err);
    const struct lh_err from = *err;
    lh_fail(err, LH_UNAVAILABLE, "the folder of the bucket cannot be reached");
    return lh_err_detail(err, "%s: %s", s->root, code == LH_OK ? "another folder is there now" : from.message);
}

/* A file without a name, gone when it is closed.  What the file system cannot do says nothing about writing. */
static enum lh_code local_let_in(struct object_store *base, struct lh_err *err) {
    struct local_store *s = local_of(base);
    int fd = s->os->open(s->os->self, s->root_fd, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600, 0);
    if (fd >= 0) {
        os_close(s->os, fd);
        return LH_OK;
    }
    if (fd == -EOPNOTSUPP || fd == -EISDIR)
        return LH_OK;
    struct lh_err reason = LH_ERR_INIT;
    lh_ignore(lh_fail_errno(&reason, -fd, "nothing can be written to the folder of the bucket"));
    lh_fail(err, LH_UNAVAILABLE, "%s", reason.message);
    return lh_err_detail(err, "%s", s->root);
}

static void local_free(struct object_store *base) {
    struct local_store *s = local_of(base);
    for (size_t i = 0; i < LOCAL_PINNED_MAX; i++)
        os_close(s->os, s->pinned[i].fd);
    for (size_t i = 0; i < s->unknown_count; i++)
        lh_free(s->unknown[i]);
    lh_free(s->unknown);
    os_close(s->os, s->root_fd);
    pthread_mutex_destroy(&s->lock);
    lh_free(s->root);
    lh_free(s);
}

/* What crashed writers left behind.  A living writer's file is younger: each write moves its time. */
static void remove_stale(struct local_store *s) {
    struct os_entry *entries = NULL;
    size_t count = 0;
    struct lh_err ignored;
    if (os_list_entries(s->os, s->root_fd, LOCAL_TEMPORARY, OS_BENEATH, &entries, &count, &ignored) != LH_OK)
        return;
    int64_t before = os_realtime_us(s->os) - STALE_US;
    for (size_t i = 0; i < count; i++) {
        LH_AUTO(mem) char *path = lh_asprintf(LOCAL_TEMPORARY "/%s", entries[i].name);
        struct os_stat st = {0};
        if (entries[i].is_file && os_stat_at(s->os, s->root_fd, path, &st, &ignored) == LH_OK && st.mtime_us < before)
            lh_ignore(os_unlink(s->os, s->root_fd, path, &ignored));
    }
    os_entries_free(entries, count);
}

static const struct object_store_ops local_ops = {
    .backend = "local",
    .writer_open = local_writer_open,
    .writer_write = local_writer_write,
    .writer_commit = local_writer_commit,
    .writer_free = local_writer_free,
    .put_file = local_put_file,
    .reader_open = local_reader_open,
    .reader_read = local_reader_read,
    .reader_fd = local_reader_fd,
    .reader_close = local_reader_close,
    .head = local_head,
    .list = local_list,
    .delete = local_delete,
    .local_path = local_path,
    .local_root = local_root,
    .ping = local_ping,
    .check_writable = local_let_in,
    .free = local_free,
};

static enum lh_code absolute_path(const char *path, char **ret_path, struct lh_err *err) {
    if (path[0] == '/') {
        size_t len = strlen(path);
        while (len > 1 && path[len - 1] == '/')
            len--;
        *ret_path = lh_strndup(path, len);
        return LH_OK;
    }
    char here[4096];
    if (!getcwd(here, sizeof here))
        return lh_fail_errno(err, errno, "cannot tell the working folder");
    *ret_path = lh_asprintf("%s/%s", here, path);
    return LH_OK;
}

static enum lh_code open_root(struct local_store *s, struct lh_err *err) {
    struct os_stat st = {0};
    LH_TRY(os_mkdir_all(s->os, AT_FDCWD, s->root, 0777, err));
    LH_TRY(os_open(s->os, AT_FDCWD, s->root, O_RDONLY | O_DIRECTORY, 0, 0, &s->root_fd, err));
    LH_TRY(os_fstat(s->os, s->root_fd, s->root, &st, err));
    s->root_device = st.device;
    s->root_inode = st.inode;
    LH_TRY(LH_FAULT("store.before_opening_sync", err));
    return os_sync_fs(s->os, s->root_fd, s->root, err);
}

enum lh_code object_store_open_local(struct os *os, const char *root, struct object_store **ret_store,
                                     struct lh_err *err) {
    LH_AUTO(mem) char *path = NULL;
    LH_TRY(absolute_path(root, &path, err));
    struct local_store *s = lh_calloc(1, sizeof *s);
    s->base.ops = &local_ops;
    s->os = os;
    s->root = LH_STEAL(path);
    s->root_fd = -1;
    pthread_mutex_init(&s->lock, NULL);
    for (size_t i = 0; i < LOCAL_PINNED_MAX; i++)
        s->pinned[i].fd = -1;
    enum lh_code code = open_root(s, err);
    if (code != LH_OK) {
        lh_err_context(err, "the bucket's folder \"%s\" cannot be used", s->root);
        local_free(&s->base);
        return code;
    }
    remove_stale(s);
    *ret_store = &s->base;
    return LH_OK;
}
