#include "os/file.h"

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/hash.h"
#include "os/os.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define READ_CHUNK ((size_t)64 * 1024)

enum lh_code os_open(struct os *os, int dir, const char *path, int flags, mode_t mode, uint64_t resolve, int *ret_fd,
                     struct lh_err *err) {
    int fd = os->open(os->self, dir, path, flags, mode, resolve);
    if (fd < 0)
        return lh_fail_errno(err, -fd, "cannot open \"%s\"", path);
    *ret_fd = fd;
    return LH_OK;
}

void os_close(struct os *os, int fd) {
    if (fd >= 0)
        os->close(os->self, fd);
}

enum lh_code os_close_checked(struct os *os, int fd, const char *name, struct lh_err *err) {
    int result = os->close(os->self, fd);
    return result < 0 ? lh_fail_errno(err, -result, "cannot close \"%s\"", name) : LH_OK;
}

enum lh_code os_write_all(struct os *os, int fd, const void *data, size_t len, const char *name, struct lh_err *err) {
    const char *at = data;
    while (len > 0) {
        ssize_t put = os->write(os->self, fd, at, len);
        if (put < 0)
            return lh_fail_errno(err, (int)-put, "cannot write \"%s\"", name);
        if (put == 0)
            return lh_fail_errno(err, EIO, "cannot write \"%s\"", name);
        at += put;
        len -= (size_t)put;
    }
    return LH_OK;
}

enum lh_code os_pwrite_all(struct os *os, int fd, const void *data, size_t len, uint64_t offset, const char *name,
                           struct lh_err *err) {
    const char *at = data;
    while (len > 0) {
        ssize_t put = os->pwrite(os->self, fd, at, len, (off_t)offset);
        if (put < 0)
            return lh_fail_errno(err, (int)-put, "cannot write \"%s\" at byte %" PRIu64, name, offset);
        if (put == 0)
            return lh_fail_errno(err, EIO, "cannot write \"%s\" at byte %" PRIu64, name, offset);
        at += put;
        len -= (size_t)put;
        offset += (uint64_t)put;
    }
    return LH_OK;
}

enum lh_code os_pread_full(struct os *os, int fd, void *data, size_t len, uint64_t offset, const char *name,
                           size_t *ret_len, struct lh_err *err) {
    char *at = data;
    size_t done = 0;
    while (done < len) {
        ssize_t got = os->pread(os->self, fd, at + done, len - done, (off_t)(offset + done));
        if (got < 0)
            return lh_fail_errno(err, (int)-got, "cannot read \"%s\" at byte %" PRIu64, name, offset + done);
        if (got == 0)
            break;
        done += (size_t)got;
    }
    *ret_len = done;
    return LH_OK;
}

enum lh_code os_read_some(struct os *os, int fd, void *data, size_t len, const char *name, size_t *ret_len,
                          struct lh_err *err) {
    ssize_t got = os->read(os->self, fd, data, len);
    if (got < 0)
        return lh_fail_errno(err, (int)-got, "cannot read \"%s\"", name);
    *ret_len = (size_t)got;
    return LH_OK;
}

enum lh_code os_fsync(struct os *os, int fd, const char *name, struct lh_err *err) {
    int result = os->fsync(os->self, fd);
    return result < 0 ? lh_fail_errno(err, -result, "cannot flush \"%s\" to disk", name) : LH_OK;
}

enum lh_code os_fdatasync(struct os *os, int fd, const char *name, struct lh_err *err) {
    int result = os->fdatasync(os->self, fd);
    return result < 0 ? lh_fail_errno(err, -result, "cannot flush \"%s\" to disk", name) : LH_OK;
}

enum lh_code os_sync_fs(struct os *os, int fd, const char *name, struct lh_err *err) {
    int result = os->syncfs(os->self, fd);
    return result < 0 ? lh_fail_errno(err, -result, "cannot flush the file system of \"%s\" to disk", name) : LH_OK;
}

enum lh_code os_fsync_dir(struct os *os, int dir, const char *path, uint64_t resolve, struct lh_err *err) {
    int fd = -1;
    LH_TRY(os_open(os, dir, path, O_RDONLY | O_DIRECTORY, 0, resolve, &fd, err));
    enum lh_code code = os_fsync(os, fd, path, err);
    os_close(os, fd);
    return code;
}

static struct os_stat stat_of(const struct stat *st) {
    return (struct os_stat){
        .size_bytes = (uint64_t)st->st_size,
        .mtime_us = (int64_t)st->st_mtim.tv_sec * 1000000 + st->st_mtim.tv_nsec / 1000,
        .inode = st->st_ino,
        .device = st->st_dev,
        .is_dir = S_ISDIR(st->st_mode),
        .is_file = S_ISREG(st->st_mode),
    };
}

enum lh_code os_fstat(struct os *os, int fd, const char *name, struct os_stat *ret_stat, struct lh_err *err) {
    struct stat st;
    int result = os->fstat(os->self, fd, &st);
    if (result < 0)
        return lh_fail_errno(err, -result, "cannot look at \"%s\"", name);
    *ret_stat = stat_of(&st);
    return LH_OK;
}

enum lh_code os_stat_at(struct os *os, int dir, const char *path, struct os_stat *ret_stat, struct lh_err *err) {
    struct stat st;
    int result = os->fstatat(os->self, dir, path, &st, AT_SYMLINK_NOFOLLOW);
    if (result < 0)
        return lh_fail_errno(err, -result, "cannot look at \"%s\"", path);
    *ret_stat = stat_of(&st);
    return LH_OK;
}

/* The folder part of a path: "." where there is none, "/" for a child of the root. */
static char *parent_of(const char *path) {
    const char *slash = strrchr(path, '/');
    if (!slash)
        return lh_strdup(".");
    return slash == path ? lh_strdup("/") : lh_strndup(path, (size_t)(slash - path));
}

static enum lh_code make_one_dir(struct os *os, int dir, const char *path, mode_t mode, struct lh_err *err) {
    int result = os->mkdir(os->self, dir, path, mode);
    if (result == -EEXIST) {
        struct stat st;
        if (os->fstatat(os->self, dir, path, &st, 0) == 0 && !S_ISDIR(st.st_mode))
            return lh_fail_errno(err, ENOTDIR, "cannot make the folder \"%s\"", path);
        return LH_OK;
    }
    if (result < 0)
        return lh_fail_errno(err, -result, "cannot make the folder \"%s\"", path);
    LH_AUTO(mem) char *parent = parent_of(path);
    return os_fsync_dir(os, dir, parent, 0, err);
}

enum lh_code os_mkdir_all(struct os *os, int dir, const char *path, mode_t mode, struct lh_err *err) {
    LH_AUTO(mem) char *partial = lh_strdup(path);
    size_t len = strlen(partial);
    while (len > 1 && partial[len - 1] == '/')
        partial[--len] = '\0';
    for (char *at = partial + (partial[0] == '/'); *at; at++) {
        if (*at != '/' || at[-1] == '/')
            continue;
        *at = '\0';
        LH_TRY(make_one_dir(os, dir, partial, mode, err));
        *at = '/';
    }
    return make_one_dir(os, dir, partial, mode, err);
}

enum lh_code os_unlink(struct os *os, int dir, const char *path, struct lh_err *err) {
    int result = os->unlink(os->self, dir, path, 0);
    return result < 0 ? lh_fail_errno(err, -result, "cannot remove \"%s\"", path) : LH_OK;
}

static enum lh_code remove_children(struct os *os, int dir, const char *path, struct lh_err *err);

static enum lh_code remove_entry(struct os *os, int dir, const char *path, struct lh_err *err) {
    int result = os->unlink(os->self, dir, path, 0);
    if (result == -EISDIR || result == -EPERM) {
        LH_TRY(remove_children(os, dir, path, err));
        result = os->unlink(os->self, dir, path, AT_REMOVEDIR);
    }
    if (result < 0 && result != -ENOENT)
        return lh_fail_errno(err, -result, "cannot remove \"%s\"", path);
    return LH_OK;
}

/* Goes down by descriptors and follows no link, so nothing outside the tree can be hit. */
static enum lh_code remove_children(struct os *os, int dir, const char *path, struct lh_err *err) {
    int fd = os->open(os->self, dir, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, 0);
    if (fd == -ENOENT)
        return LH_OK;
    if (fd < 0)
        return lh_fail_errno(err, -fd, "cannot remove \"%s\"", path);
    char **names = NULL;
    size_t count = 0;
    enum lh_code code = os_list_dir(os, fd, ".", 0, &names, &count, err);
    for (size_t i = 0; code == LH_OK && i < count; i++)
        code = remove_entry(os, fd, names[i], err);
    os_list_free(names, count);
    os_close(os, fd);
    return code;
}

enum lh_code os_remove_all(struct os *os, int dir, const char *path, struct lh_err *err) {
    return remove_entry(os, dir, path, err);
}

enum lh_code os_read_file(struct os *os, int dir, const char *path, size_t max_bytes, struct buf *ret_data,
                          struct lh_err *err) {
    int fd = -1;
    LH_TRY(os_open(os, dir, path, O_RDONLY, 0, 0, &fd, err));
    LH_AUTO(buf) struct buf data = BUF_INIT;
    enum lh_code code = LH_OK;
    for (;;) {
        buf_reserve(&data, READ_CHUNK);
        size_t got = 0;
        code = os_read_some(os, fd, data.data + data.len, READ_CHUNK, path, &got, err);
        if (code != LH_OK || got == 0)
            break;
        data.len += got;
        if (data.len > max_bytes) {
            code = lh_fail(err, LH_TOO_LARGE, "\"%s\" is larger than %zu bytes", path, max_bytes);
            break;
        }
    }
    os_close(os, fd);
    if (code != LH_OK)
        return code;
    buf_truncate(&data, data.len);
    *ret_data = data;
    data = (struct buf)BUF_INIT;
    return LH_OK;
}

static enum lh_code write_and_sync(struct os *os, int fd, const void *data, size_t len, const char *name,
                                   struct lh_err *err) {
    enum lh_code code = os_write_all(os, fd, data, len, name, err);
    if (code == LH_OK)
        code = os_fsync(os, fd, name, err);
    if (code != LH_OK) {
        os_close(os, fd);
        return code;
    }
    return os_close_checked(os, fd, name, err);
}

enum lh_code os_write_file_atomic(struct os *os, int dir, const char *path, const void *data, size_t len, mode_t mode,
                                  struct lh_err *err) {
    uint64_t salt;
    os->random(os->self, &salt, sizeof salt);
    LH_AUTO(mem) char *temporary = lh_asprintf("%s.%016" PRIx64 ".tmp", path, salt);
    int fd = -1;
    LH_TRY(os_open(os, dir, temporary, O_WRONLY | O_CREAT | O_EXCL, mode, 0, &fd, err));
    enum lh_code code = write_and_sync(os, fd, data, len, temporary, err);
    if (code == LH_OK) {
        int result = os->rename(os->self, dir, temporary, dir, path, 0);
        if (result < 0)
            code = lh_fail_errno(err, -result, "cannot rename \"%s\" to \"%s\"", temporary, path);
    }
    if (code != LH_OK) {
        os->unlink(os->self, dir, temporary, 0);
        return code;
    }
    LH_AUTO(mem) char *parent = parent_of(path);
    return os_fsync_dir(os, dir, parent, 0, err);
}

enum lh_code os_sha256_file(struct os *os, const char *path, char ret_hex[LH_SHA256_HEX], uint64_t *ret_bytes,
                            struct lh_err *err) {
    const size_t piece = (size_t)1 << 18;
    LH_AUTO(mem) unsigned char *data = lh_malloc(piece);
    struct lh_sha256 hash;
    unsigned char digest[LH_SHA256_BYTES];
    int fd;
    LH_TRY(os_open(os, AT_FDCWD, path, O_RDONLY, 0, 0, &fd, err));
    lh_sha256_init(&hash);
    uint64_t total = 0;
    size_t len = 1;
    enum lh_code code = LH_OK;
    while (code == LH_OK && len > 0) {
        code = os_read_some(os, fd, data, piece, path, &len, err);
        if (code == LH_OK) {
            lh_sha256_update(&hash, data, len);
            total += len;
        }
    }
    os_close(os, fd);
    LH_TRY(code);
    lh_sha256_final(&hash, digest);
    lh_hex_encode(digest, sizeof digest, ret_hex);
    *ret_bytes = total;
    return LH_OK;
}

enum lh_code os_free_bytes(struct os *os, int fd, uint64_t *ret_bytes, struct lh_err *err) {
    struct statvfs st;
    int result = os->fstatvfs(os->self, fd, &st);
    if (result < 0)
        return lh_fail_errno(err, -result, "cannot ask for the free space");
    *ret_bytes = (uint64_t)st.f_bavail * st.f_frsize;
    return LH_OK;
}
