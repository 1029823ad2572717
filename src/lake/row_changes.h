/* FILE_CHANGES: what one commit changed, row by row and field by field, as Parquet beside its data.
 *
 * Columns, all VARCHAR: entity_id (the row's key as text), field (NULL: the row as a whole), action, old_value and new_value (JSON
 * texts; NULL: none), erases (NULL, or the name of a row that the journal is to forget, entity_id standing in its place); in the
 * order in which they are to be told.  The file belongs to its commit's manifest alone, from which
 * the event feed makes the rows' events (lake/catalog_events.h). */
#ifndef LH_LAKE_ROW_CHANGES_H
#define LH_LAKE_ROW_CHANGES_H

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
    const struct manifest *seen;  /* the dataset that the old rows are read from; it has a primary key */
    const struct manifest *draft; /* the columns of what comes */
    const char *delta_path;       /* its rows as a local Parquet file, keys unique; in a bucket or in objects->out */
    uint64_t row_count;           /* of it */
    struct lake_fit fit;          /* as in lake_commit */
    uint64_t max_rows;            /* journal.row_history_max_rows; 0: no history */
    int cancel_fd;
};
/* Writes what it changes as an object and fills *ret_file (strings in the arena of `owner`); ret_file->key stays NULL where there
 * is nothing to tell one by one: more rows than max_rows, too many or too large changes, or none; *ret_counts of those is known but for the
 * first.  The commit that bears it must
 * be judged by row_change_check against `seen` and be computed again where that refuses.  LH_CONFLICT as lake_merge_columns. */
LH_CHECKED enum lh_code row_changes_write(const struct catalog_ops *ops, const struct row_upsert *upsert,
                                          struct new_objects *objects, struct manifest *owner,
                                          struct manifest_file *ret_file, struct lake_row_counts *ret_counts,
                                          struct lh_err *err);

#endif
