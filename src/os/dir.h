/* Names and folders, one step each: what os/file.h's whole dances are made of.  For code that keeps its own folder
 * descriptors (the object store, the write-ahead log).  Thread-safe; everything may block on the disk.  Nothing here
 * is durable before the folder is fsynced. */
#ifndef LH_OS_DIR_H
#define LH_OS_DIR_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct os;

/* A hard link.  LH_EXISTS where the new name is taken; err->os_errno is EXDEV across file systems. */
LH_CHECKED enum lh_code os_link(struct os *os, int old_dir, const char *old_path, int new_dir, const char *new_path,
                                struct lh_err *err);
/* Moves over an existing file, atomically. */
LH_CHECKED enum lh_code os_rename(struct os *os, int old_dir, const char *old_path, int new_dir, const char *new_path,
                                  struct lh_err *err);
/* LH_EXISTS where the new name is taken.  File systems without RENAME_NOREPLACE get a link and an unlink: the new name
 * is still taken by exactly one caller. */
LH_CHECKED enum lh_code os_rename_noreplace(struct os *os, int old_dir, const char *old_path, int new_dir,
                                            const char *new_path, struct lh_err *err);
/* One folder, its parent not fsynced.  LH_EXISTS. */
LH_CHECKED enum lh_code os_mkdir(struct os *os, int dir, const char *path, mode_t mode, struct lh_err *err);
/* An empty folder; err->os_errno is ENOTEMPTY otherwise. */
LH_CHECKED enum lh_code os_rmdir(struct os *os, int dir, const char *path, struct lh_err *err);
LH_CHECKED enum lh_code os_truncate(struct os *os, int fd, uint64_t size_bytes, const char *name, struct lh_err *err);
/* Access and modification time of an open file. */
LH_CHECKED enum lh_code os_set_mtime(struct os *os, int fd, int64_t mtime_us, const char *name, struct lh_err *err);

struct os_entry {
    char *name;
    bool is_dir; /* links are neither folder nor file */
    bool is_file;
};

/* What is in a folder (without . and ..), in no order, in an lh_malloc'd array. */
LH_CHECKED enum lh_code os_list_entries(struct os *os, int dir, const char *path, uint64_t resolve,
                                        struct os_entry **ret_entries, size_t *ret_count, struct lh_err *err);
void os_entries_free(struct os_entry *entries, size_t count);

#endif
