/* Files that a worker makes for a dataset, on their way to becoming objects that a commit names.
 *
 * Open one, let a task write into `out`, put what it left, commit; then tell the outcome.  What no commit names is deleted
 * again, unless its outcome is unknown.  One thread. */
#ifndef LH_LAKE_NEW_OBJECTS_H
#define LH_LAKE_NEW_OBJECTS_H

#include "base/error.h"
#include "catalog/manifest.h"

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct buf;
struct buckets;
struct bucket;
struct os;

/* "datasets/{name}/" with every byte of the name that is unusual in a path as %XX. */
void lake_object_prefix(const char *dataset, struct buf *ret_prefix);

struct new_objects {
    struct os *os;
    struct bucket *bucket;
    const char *dataset; /* the caller's */
    char *out;           /* the folder for a task's output, absolute */
    char **keys;
    size_t key_count;
    bool settled; /* objects stay */
};

/* `bucket` NULL: the primary one.  LH_NOT_FOUND, LH_UNAVAILABLE. */
LH_CHECKED enum lh_code new_objects_open(struct os *os, struct buckets *buckets, const char *tmp_dir,
                                         const char *dataset, const char *bucket, struct new_objects *ret_objects,
                                         struct lh_err *err);
/* `file` of the folder becomes a durable object datasets/{name}/{folder}/{ulid}.parquet.  Fills all of *ret_file but versions; its
 * strings live in `arena`. */
LH_CHECKED enum lh_code new_objects_put(struct new_objects *objects, const char *file, enum file_role role,
                                        uint64_t row_count, struct arena *arena, struct manifest_file *ret_file,
                                        struct lh_err *err);
/* The same of bytes in memory. */
LH_CHECKED enum lh_code new_objects_put_data(struct new_objects *objects, const void *data, size_t len,
                                             enum file_role role, uint64_t row_count, struct arena *arena,
                                             struct manifest_file *ret_file, struct lh_err *err);
/* An object of an earlier life, which is treated as one that was made here. */
void new_objects_adopt(struct new_objects *objects, const char *key);
/* What became of the commit that names them: kept on success and where the outcome is unknown. */
void new_objects_settle(struct new_objects *objects, enum lh_code outcome);
/* Forget what was made so far, for another try; objects go as by the release. */
void new_objects_drop(struct new_objects *objects);
void new_objects_release(struct new_objects *objects); /* a zeroed one is fine */

#endif
