/* The local store: the object `a/b` is the file ROOT/a/b, an ordinary file that any tool can read.
 *
 * Layout      ROOT/<key>            an object
 *             ROOT/.tmp/<32 hex>    an object being written; nothing refers to it
 *
 * Invariants
 *   L1  A key's file is only ever made by moving a complete, fsynced file there (rename; rename-noreplace for
 *       put_if_absent) and never written again.  Hence S1 and S3.
 *   L2  A put is acknowledged when the file, the folder that holds its name, and every folder above it that is not
 *       known to be durable are fsynced.  Hence S2.  A folder counts as durable only while its inode is pinned by an
 *       open descriptor in `pinned` (so that its number cannot come back for another folder): another thread or process
 *       may have made the folder a moment ago and not fsynced it yet.
 *       A process that is killed between a rename or an unlink and its fsync leaves a change that everyone sees and the
 *       disk does not have; opening the store therefore syncs the file system before anybody builds on what stands there.
 *   L3  A folder fsync that fails is final: `broken` is set and no put or delete is accepted again (S8).  The keys whose
 *       rename had happened are kept in `unknown` and cannot be read.  A failed fsync of a temporary file costs only
 *       that put: nothing refers to the file.
 *   L4  Names from keys are resolved below the root's descriptor by openat2 with RESOLVE_BENEATH, NO_SYMLINKS and
 *       NO_MAGICLINKS; then one step (rename, unlink, rmdir) is taken in the parent's descriptor.
 *   L5  Empty folders are removed behind a delete, never `.tmp` or the root.  rmdir fails on a folder that has got a new
 *       name meanwhile; a put whose folder was removed before its rename gets ENOENT and makes the folder again.
 *   L6  ETag = inode, modification time in microseconds, size.  The store sets the modification time itself, strictly
 *       rising inside a process: the kernel's own stamps stand still for up to 4 ms, in which an inode number can be
 *       freed and used again, so that two contents of one size would share a tag.
 *
 * Threads: all functions may be called from any thread; `lock` guards what its comment says and is not held while the
 * disk works.
 * Rejected: O_TMPFILE (cannot replace an existing name, and not every file system has it); a checksum beside each object
 * (Parquet and the logs carry their own). */
#ifndef LH_STORE_LOCAL_INTERNAL_H
#define LH_STORE_LOCAL_INTERNAL_H

#include "os/file.h"
#include "store/object_store_ops.h"

#include <pthread.h>
#include <stdatomic.h>

#define LOCAL_TEMPORARY ".tmp"
#define LOCAL_PINNED_MAX 64

struct local_pin {
    int fd; /* O_PATH; -1: free */
    uint64_t device;
    uint64_t inode;
};

struct local_store {
    struct object_store base;
    struct os *os;
    char *root; /* absolute */
    int root_fd;
    uint64_t root_device;
    uint64_t root_inode;

    _Atomic bool broken; /* L3 */

    pthread_mutex_t lock; /* guards all below */
    struct local_pin pinned[LOCAL_PINNED_MAX];
    size_t next_pin; /* round robin */
    int64_t last_mtime_us;
    char **unknown;
    size_t unknown_count;
};

static inline struct local_store *local_of(struct object_store *s) {
    return (struct local_store *)s;
}

/* Gives an error from os/ the object's name: "cannot VERB object "KEY": reason".  Keeps the code; the original text goes
 * to the detail. */
enum lh_code local_fail(const struct local_store *s, const char *verb, const char *key, struct lh_err *err);

void local_fill_info(const char *key, const struct os_stat *st, struct object_info *ret_info);

/* L3. */
LH_CHECKED enum lh_code local_check_writable(struct local_store *s, struct lh_err *err);
LH_CHECKED enum lh_code local_check_known(struct local_store *s, const char *key, struct lh_err *err);
void local_break(struct local_store *s, const char *key); /* `key` NULL: nothing was renamed */

/* The folder of `key`, opened (L4), and the last segment.  LH_NOT_FOUND where a folder is missing. */
LH_CHECKED enum lh_code local_open_parent(struct local_store *s, const char *key, int *ret_fd, const char **ret_name,
                                          struct lh_err *err);
/* The same, making missing folders, and durable up to the root (L2). */
LH_CHECKED enum lh_code local_make_parent(struct local_store *s, const char *key, int *ret_fd, const char **ret_name,
                                          struct lh_err *err);
/* L5. */
void local_prune_parents(struct local_store *s, const char *key);

/* local_put.c, local_list.c: the slots of the table. */
enum lh_code local_writer_open(struct object_store *s, const char *key, struct object_writer **ret_writer,
                               struct lh_err *err);
enum lh_code local_writer_write(struct object_writer *w, const void *data, size_t len, struct lh_err *err);
enum lh_code local_writer_commit(struct object_writer *w, enum object_put_mode mode, struct object_info *ret_info,
                                 struct lh_err *err);
void local_writer_free(struct object_writer *w);
enum lh_code local_put_file(struct object_store *s, const char *key, const char *path, enum object_put_mode mode,
                            struct object_info *ret_info, struct lh_err *err);
enum lh_code local_delete(struct object_store *s, const char *key, struct lh_err *err);
enum lh_code local_list(struct object_store *s, const char *prefix, const char *after, size_t limit,
                        struct object_info *ret_items, size_t *ret_count, bool *ret_more, struct lh_err *err);

#endif
