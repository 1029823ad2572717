/* Files and folders with errors that name the path.  Thread-safe; everything may block on the disk.
 *
 * Durability in one place: a file is durable after os_fsync on it AND os_fsync_dir on the folder that got its name.
 * An fsync that fails is final: the caller must stop acknowledging and never retry it (the kernel may have dropped the
 * dirty pages).  os_write_file_atomic does the whole dance for small files. */
#ifndef LH_OS_FILE_H
#define LH_OS_FILE_H

#include "base/buf.h"
#include "base/error.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct os;

/* Names that a client chose are opened beneath their folder, with no symbolic link and no magic link on the way. */
#define OS_BENEATH (0x08 | 0x04 | 0x02) /* RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS */

struct os_stat {
    uint64_t size_bytes;
    int64_t mtime_us;
    uint64_t inode;
    uint64_t device;
    bool is_dir;
    bool is_file;
};

/* O_CLOEXEC is added.  `dir` may be AT_FDCWD.  LH_NOT_FOUND, LH_EXISTS, LH_NO_SPACE, LH_IO. */
LH_CHECKED enum lh_code os_open(struct os *os, int dir, const char *path, int flags, mode_t mode, uint64_t resolve,
                                int *ret_fd, struct lh_err *err);
void os_close(struct os *os, int fd); /* a negative fd is ignored */
/* As os_close, but tells a failed close (needed after writing). */
LH_CHECKED enum lh_code os_close_checked(struct os *os, int fd, const char *name, struct lh_err *err);

/* Whole transfers: loop over short reads and writes.  `name` is for the message. */
LH_CHECKED enum lh_code os_write_all(struct os *os, int fd, const void *data, size_t len, const char *name,
                                     struct lh_err *err);
LH_CHECKED enum lh_code os_pwrite_all(struct os *os, int fd, const void *data, size_t len, uint64_t offset,
                                      const char *name, struct lh_err *err);
/* Fewer bytes than asked for only at the end of the file. */
LH_CHECKED enum lh_code os_pread_full(struct os *os, int fd, void *data, size_t len, uint64_t offset, const char *name,
                                      size_t *ret_len, struct lh_err *err);
/* One read(2); 0 at the end. */
LH_CHECKED enum lh_code os_read_some(struct os *os, int fd, void *data, size_t len, const char *name, size_t *ret_len,
                                     struct lh_err *err);

LH_CHECKED enum lh_code os_fsync(struct os *os, int fd, const char *name, struct lh_err *err);
LH_CHECKED enum lh_code os_fdatasync(struct os *os, int fd, const char *name, struct lh_err *err);
/* Everything on the file system of `fd`, whoever wrote it: for a program that takes over what another one left unsynced when it
 * died.  Final like fsync. */
LH_CHECKED enum lh_code os_sync_fs(struct os *os, int fd, const char *name, struct lh_err *err);
/* Open the folder `path` (relative to `dir`), fsync it, close it. */
LH_CHECKED enum lh_code os_fsync_dir(struct os *os, int dir, const char *path, uint64_t resolve, struct lh_err *err);

LH_CHECKED enum lh_code os_fstat(struct os *os, int fd, const char *name, struct os_stat *ret_stat, struct lh_err *err);
/* lstat semantics. */
LH_CHECKED enum lh_code os_stat_at(struct os *os, int dir, const char *path, struct os_stat *ret_stat,
                                   struct lh_err *err);

/* mkdir -p of `path` below `dir`; each new folder's parent is fsynced.  Existing folders are fine. */
LH_CHECKED enum lh_code os_mkdir_all(struct os *os, int dir, const char *path, mode_t mode, struct lh_err *err);
LH_CHECKED enum lh_code os_unlink(struct os *os, int dir, const char *path, struct lh_err *err);
/* Remove a tree; what is gone already is fine. */
LH_CHECKED enum lh_code os_remove_all(struct os *os, int dir, const char *path, struct lh_err *err);

/* The names in a folder (without . and ..), in byte order, each an lh_malloc'd string in an lh_malloc'd array. */
LH_CHECKED enum lh_code os_list_dir(struct os *os, int dir, const char *path, uint64_t resolve, char ***ret_names,
                                    size_t *ret_count, struct lh_err *err);
void os_list_free(char **names, size_t count);

/* Read a whole file of at most `max_bytes` (LH_TOO_LARGE above it) into an empty buffer. */
LH_CHECKED enum lh_code os_read_file(struct os *os, int dir, const char *path, size_t max_bytes, struct buf *ret_data,
                                     struct lh_err *err);
/* Write a temporary sibling, fsync, rename over `path`, fsync the folder: after a crash the old or the new file stands
 * whole. */
LH_CHECKED enum lh_code os_write_file_atomic(struct os *os, int dir, const char *path, const void *data, size_t len,
                                             mode_t mode, struct lh_err *err);

/* The SHA-256 of a whole file in hex, and how many bytes it has. */
LH_CHECKED enum lh_code os_sha256_file(struct os *os, const char *path, char ret_hex[65], uint64_t *ret_bytes,
                                       struct lh_err *err);

/* Bytes that an unprivileged writer may still use on the file system of `fd`. */
LH_CHECKED enum lh_code os_free_bytes(struct os *os, int fd, uint64_t *ret_bytes, struct lh_err *err);

#endif
