/* FILE_CHANGES: what one commit changed, row by row and field by field, as Parquet beside its data.
 *
 * Columns, all VARCHAR: entity_id (the row's key as text), field (NULL: the row as a whole), action, old_value and new_value (JSON
 * texts; NULL: none), erases (NULL, or the name of a row that the journal is to forget, entity_id standing in its place); in the
 * order in which they are to be told.  The file belongs to its commit's manifest alone, from which
 * the event feed makes the rows' events (lake/catalog_events.h). */
#ifndef LH_LAKE_ROW_CHANGES_H
#define LH_LAKE_ROW_CHANGES_H

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "lake/lake.h"

#include <stdbool.h>
#include <stdint.h>

struct buckets;
struct catalog_ops;
struct engine;
struct manifest;
struct manifest_file;
struct new_objects;

/* One line: an object of the columns.  It is only read. */
typedef enum lh_code row_change_fn(const json_t *line, void *ctx, struct lh_err *err);
/* Calls `fn` for each line in order.  LH_NOT_FOUND where the object is gone.  Blocks on the engine. */
LH_CHECKED enum lh_code row_changes_read(struct engine *engine, struct buckets *buckets,
                                         const struct manifest_file *file, row_change_fn *fn, void *ctx,
                                         struct lh_err *err);

/* An upsert that is about to be committed. */
struct row_upsert {
    const struct manifest *draft; /* the columns of what comes */
    const char *delta_path;       /* its rows as a local Parquet file in a bucket, keys unique */
    uint64_t row_count;           /* of it */
    struct lake_fit fit;          /* as in lake_commit */
};
/* May upserts be told together with others?  Only where the dataset `seen` has its columns after this one too. */
bool row_changes_join(const struct manifest *seen, const struct manifest *draft, struct lake_fit fit);

/* What one changes. */
struct row_changes {
    bool later;     /* not looked at: it has a key of one before it, see row_changes_find */
    bool too_many;  /* to be told one by one */
    bool too_large; /* ask again, alone, by row_changes_write_large */
    struct lake_row_counts counts;
    uint64_t count;     /* lines in `parquet`; 0: none, or too many */
    struct buf parquet; /* a file of changes */
};
void row_changes_release(struct row_changes *changes); /* a zeroed one is fine */

/* What each of `count` upserts of the dataset `seen` changes, by one pass over it in a warm worker; several must all join.  One that
 * has a key of another before it is not looked at: its old rows are those that the other writes.  Fills the zeroed
 * `ret_changes`.  Each commit that bears such a file must be judged by row_change_check against `seen`, and be computed again
 * where that refuses.  LH_CONFLICT as lake_merge_columns.  Blocks on the engine. */
LH_CHECKED enum lh_code row_changes_find(const struct catalog_ops *ops, const struct manifest *seen,
                                         const struct row_upsert *upserts, size_t count, int cancel_fd,
                                         struct row_changes *ret_changes, struct lh_err *err);
/* The same of one whose changes are too large for an answer, in a fresh worker: objects->out/changes.parquet. */
LH_CHECKED enum lh_code row_changes_write_large(const struct catalog_ops *ops, const struct manifest *seen,
                                                const struct row_upsert *upsert, struct new_objects *objects,
                                                int cancel_fd, struct lh_err *err);

#endif
