/* Writing and deleting in a local store: temporary file, fsync, move, fsync of the folder (L1 to L3 of
 * local_internal.h). */
#include "base/alloc.h"
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

#define FILE_MODE 0666 /* the umask decides */
#define TEMPORARY_SIZE (sizeof LOCAL_TEMPORARY "/" + 32)
#define PUBLISH_TRIES 100 /* of a put whose folder is removed under it again and again */
#define COPY_BYTES ((size_t)256 * 1024)

struct local_writer {
    struct object_writer base;
    int fd;
    char temporary[TEMPORARY_SIZE]; /* "" once it has its final name */
};

static struct local_writer *writer_of(struct object_writer *w) {
    return (struct local_writer *)w;
}

static void make_temporary_name(struct local_store *s, char ret_name[TEMPORARY_SIZE]) {
    uint64_t random[2];
    os_random(s->os, random, sizeof random);
    snprintf(ret_name, TEMPORARY_SIZE, LOCAL_TEMPORARY "/%016" PRIx64 "%016" PRIx64, random[0], random[1]);
}

/* Somebody may have tidied `.tmp` away. */
static enum lh_code open_temporary(struct local_store *s, const char *name, int *ret_fd, struct lh_err *err) {
    const int flags = O_RDWR | O_CREAT | O_EXCL;
    enum lh_code code = os_open(s->os, s->root_fd, name, flags, FILE_MODE, OS_BENEATH, ret_fd, err);
    if (code != LH_NOT_FOUND)
        return code;
    code = os_mkdir(s->os, s->root_fd, LOCAL_TEMPORARY, 0777, err);
    if (code != LH_OK && code != LH_EXISTS)
        return code;
    return os_open(s->os, s->root_fd, name, flags, FILE_MODE, OS_BENEATH, ret_fd, err);
}

enum lh_code local_writer_open(struct object_store *base, const char *key, struct object_writer **ret_writer,
                               struct lh_err *err) {
    struct local_store *s = local_of(base);
    LH_TRY(local_check_writable(s, err));
    struct local_writer *w = lh_calloc(1, sizeof *w);
    make_temporary_name(s, w->temporary);
    enum lh_code code = LH_FAULT("store.before_create", err);
    if (code == LH_OK)
        code = open_temporary(s, w->temporary, &w->fd, err);
    if (code != LH_OK) {
        lh_free(w);
        local_fail(s, "write", key, err);
        if (err->code == LH_NOT_FOUND) /* the root itself is gone */
            err->code = LH_UNAVAILABLE;
        return err->code;
    }
    *ret_writer = &w->base;
    return LH_OK;
}

enum lh_code local_writer_write(struct object_writer *base, const void *data, size_t len, struct lh_err *err) {
    struct local_store *s = local_of(base->store);
    struct local_writer *w = writer_of(base);
    if (LH_FAULT("store.before_write", err) != LH_OK || os_write_all(s->os, w->fd, data, len, base->key, err) != LH_OK)
        return local_fail(s, "write", base->key, err);
    return LH_OK;
}

void local_writer_free(struct object_writer *base) {
    struct local_store *s = local_of(base->store);
    struct local_writer *w = writer_of(base);
    os_close(s->os, w->fd);
    if (w->temporary[0])
        s->os->unlink(s->os->self, s->root_fd, w->temporary, 0);
    lh_free(w);
}

/* A modification time that no other object of this process got (L6). */
static int64_t next_mtime(struct local_store *s) {
    int64_t now = os_realtime_us(s->os);
    pthread_mutex_lock(&s->lock);
    if (now <= s->last_mtime_us)
        now = s->last_mtime_us + 1;
    s->last_mtime_us = now;
    pthread_mutex_unlock(&s->lock);
    return now;
}

static bool is_folder(struct local_store *s, int dir, const char *name) {
    struct os_stat st;
    struct lh_err ignored;
    return os_stat_at(s->os, dir, name, &st, &ignored) == LH_OK && st.is_dir;
}

/* Move the temporary file to `name`.  An empty folder that a crash left under the name is no object and makes way. */
static enum lh_code move_into_place(struct local_store *s, const char *temporary, int dir, const char *name,
                                    const char *key, enum object_put_mode mode, struct lh_err *err) {
    for (int tries = 0; tries < 2; tries++) {
        enum lh_code code = mode == OBJECT_PUT_IF_ABSENT
                                ? os_rename_noreplace(s->os, s->root_fd, temporary, dir, name, err)
                                : os_rename(s->os, s->root_fd, temporary, dir, name, err);
        if (code == LH_OK || code == LH_NOT_FOUND)
            return code;
        if (code != LH_EXISTS && err->os_errno != EISDIR)
            return local_fail(s, "write", key, err);
        if (!is_folder(s, dir, name))
            return object_fail_exists(key, err);
        if (os_rmdir(s->os, dir, name, err) != LH_OK)
            return object_fail_folder(key, err);
    }
    return object_fail_folder(key, err);
}

/* Give a complete, fsynced temporary file its name and make that durable. */
static enum lh_code publish(struct local_store *s, const char *temporary, const char *key, enum object_put_mode mode,
                            struct lh_err *err) {
    LH_TRY(LH_FAULT("store.before_publish", err));
    for (int tries = 0; tries < PUBLISH_TRIES; tries++) {
        int dir = -1;
        const char *name = NULL;
        enum lh_code code = local_make_parent(s, key, &dir, &name, err);
        if (code == LH_OK)
            code = local_check_writable(s, err);
        if (code == LH_OK)
            code = LH_FAULT("store.before_rename", err);
        if (code == LH_OK)
            code = move_into_place(s, temporary, dir, name, key, mode, err);
        if (code == LH_OK) {
            code = LH_FAULT("store.after_publish", err);
            if (code == LH_OK)
                code = os_fsync(s->os, dir, key, err);
            if (code != LH_OK) {
                local_break(s, key);
                local_fail(s, "make durable", key, err);
                err->code = LH_UNKNOWN_OUTCOME;
                code = err->code;
            }
        }
        os_close(s->os, dir);
        if (code != LH_NOT_FOUND) /* else a delete removed the folder as it became empty (L5) */
            return code;
    }
    return lh_fail(err, LH_BUSY, "cannot write object \"%s\": its folder is removed again and again", key);
}

/* Stamp and fsync the file itself. */
static enum lh_code seal(struct local_store *s, int fd, const char *key, struct object_info *ret_info,
                         struct lh_err *err) {
    struct os_stat st;
    enum lh_code code = LH_FAULT("store.before_fsync", err);
    if (code == LH_OK)
        code = os_set_mtime(s->os, fd, next_mtime(s), key, err);
    if (code == LH_OK)
        code = os_fsync(s->os, fd, key, err);
    if (code == LH_OK)
        code = LH_FAULT("store.after_fsync", err);
    if (code == LH_OK)
        code = os_fstat(s->os, fd, key, &st, err);
    if (code != LH_OK)
        return local_fail(s, "write", key, err);
    local_fill_info(key, &st, ret_info);
    return LH_OK;
}

enum lh_code local_writer_commit(struct object_writer *base, enum object_put_mode mode, struct object_info *ret_info,
                                 struct lh_err *err) {
    struct local_store *s = local_of(base->store);
    struct local_writer *w = writer_of(base);
    LH_TRY(seal(s, w->fd, base->key, ret_info, err));
    enum lh_code code = publish(s, w->temporary, base->key, mode, err);
    if (code == LH_OK || code == LH_UNKNOWN_OUTCOME)
        w->temporary[0] = '\0';
    return code;
}

/* ---- taking over a file ---- */

static enum lh_code copy_file(struct local_store *s, int from, int to, const char *key, struct lh_err *err) {
    LH_AUTO(mem) char *chunk = lh_malloc(COPY_BYTES);
    for (;;) {
        size_t got = 0;
        LH_TRY(os_read_some(s->os, from, chunk, COPY_BYTES, key, &got, err));
        if (got == 0)
            return LH_OK;
        LH_TRY(os_write_all(s->os, to, chunk, got, key, err));
    }
}

/* The file under a temporary name of ours: a link to it, or a copy where a link cannot be.  *ret_fd is open on it. */
static enum lh_code adopt(struct local_store *s, int from, const char *path, const char *key, const char *temporary,
                          int *ret_fd, struct lh_err *err) {
    int to = -1;
    if (os_link(s->os, AT_FDCWD, path, s->root_fd, temporary, err) == LH_OK) {
        struct os_stat opened;
        struct os_stat linked = {0};
        LH_TRY(os_fstat(s->os, from, path, &opened, err));
        LH_TRY(os_open(s->os, s->root_fd, temporary, O_RDONLY, 0, OS_BENEATH, &to, err));
        enum lh_code code = os_fstat(s->os, to, path, &linked, err);
        if (code == LH_OK && (linked.inode != opened.inode || linked.device != opened.device))
            code = lh_fail(err, LH_CONFLICT, "the file for object \"%s\" was exchanged while it was taken over", key);
        if (code != LH_OK) {
            os_close(s->os, to);
            return code;
        }
        *ret_fd = to;
        return LH_OK;
    }
    if (err->code == LH_NO_SPACE)
        return err->code;
    /* EXDEV mostly; also file systems without links, and files at their limit of links. */
    LH_TRY(open_temporary(s, temporary, &to, err));
    enum lh_code code = copy_file(s, from, to, key, err);
    if (code != LH_OK) {
        os_close(s->os, to);
        return code;
    }
    *ret_fd = to;
    return LH_OK;
}

static enum lh_code open_source(struct local_store *s, const char *path, const char *key, int *ret_fd,
                                struct lh_err *err) {
    int fd = -1;
    struct os_stat st = {0};
    LH_TRY(os_open(s->os, AT_FDCWD, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, 0, &fd, err));
    enum lh_code code = os_fstat(s->os, fd, path, &st, err);
    if (code == LH_OK && !st.is_file)
        code = lh_fail(err, LH_INVALID, "what is to become object \"%s\" is not a file", key);
    if (code != LH_OK) {
        os_close(s->os, fd);
        return code;
    }
    *ret_fd = fd;
    return LH_OK;
}

enum lh_code local_put_file(struct object_store *base, const char *key, const char *path, enum object_put_mode mode,
                            struct object_info *ret_info, struct lh_err *err) {
    struct local_store *s = local_of(base);
    LH_TRY(local_check_writable(s, err));
    int from = -1;
    LH_TRY(open_source(s, path, key, &from, err));
    char temporary[TEMPORARY_SIZE];
    make_temporary_name(s, temporary);
    int fd = -1;
    enum lh_code code = LH_FAULT("store.before_adopt", err);
    if (code == LH_OK)
        code = adopt(s, from, path, key, temporary, &fd, err);
    os_close(s->os, from);
    if (code != LH_OK)
        local_fail(s, "write", key, err);
    if (code == LH_OK)
        code = seal(s, fd, key, ret_info, err);
    if (code == LH_OK)
        code = publish(s, temporary, key, mode, err);
    os_close(s->os, fd);
    if (code == LH_OK)
        s->os->unlink(s->os->self, AT_FDCWD, path, 0); /* a second name of the object, or a copy: no harm if it stays */
    else if (code != LH_UNKNOWN_OUTCOME)
        s->os->unlink(s->os->self, s->root_fd, temporary, 0);
    return code;
}

/* ---- deleting ---- */

enum lh_code local_delete(struct object_store *base, const char *key, struct lh_err *err) {
    struct local_store *s = local_of(base);
    LH_TRY(local_check_writable(s, err));
    int dir = -1;
    const char *name = NULL;
    LH_TRY(LH_FAULT("store.before_delete", err));
    LH_TRY(local_open_parent(s, key, &dir, &name, err));
    enum lh_code code = os_unlink(s->os, dir, name, err);
    if (code == LH_NOT_FOUND || (code != LH_OK && is_folder(s, dir, name))) {
        code = object_fail_not_found(key, err);
    } else if (code != LH_OK) {
        code = local_fail(s, "delete", key, err);
    } else if (LH_FAULT("store.after_delete", err) != LH_OK || os_fsync(s->os, dir, key, err) != LH_OK) {
        local_break(s, key);
        local_fail(s, "make durable the deletion of", key, err);
        err->code = LH_UNKNOWN_OUTCOME;
        code = err->code;
    }
    os_close(s->os, dir);
    if (code == LH_OK)
        local_prune_parents(s, key);
    return code;
}
