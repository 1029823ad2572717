/* Operations on the catalog that people ask for by HTTP or on the command line: JSON in, JSON out.
 *
 * Each parses its request strictly (an unknown field is LH_INVALID with a suggestion), does slow work (footers) before it commits, and
 * commits once.  *ret_answer is a new reference.  All functions block and are thread-safe. */
#ifndef LH_LAKE_CATALOG_OPS_H
#define LH_LAKE_CATALOG_OPS_H

#include "base/error.h"
#include "base/json.h"

#include <stdint.h>

struct buckets;
struct catalog;
struct catalog_change;
struct engine;
struct os;
struct row_history;

struct catalog_ops {
    struct catalog *catalog;
    struct buckets *buckets;
    struct engine *engine;
    struct os *os; /* these two only for what writes rows */
    const char *tmp_dir;
    struct row_history *history; /* in which tombstones wait for their turn; NULL: they do not */
};

/* Who asks. */
struct catalog_caller {
    const char *actor;
    const char *idempotency_key; /* or NULL; with another operation or request than before: LH_CONFLICT */
    int cancel_fd;               /* readable when the client has gone; -1: none */
};

/* catalog_snapshot_find_key against the newest snapshot: asked before slow work, and again by the commit. */
LH_CHECKED enum lh_code catalog_ops_find_key(const struct catalog_ops *ops, const struct catalog_change *change,
                                             uint64_t *ret_version, struct lh_err *err);

/* Make a dataset of Parquet objects that stand in a bucket already; nothing is copied.
 *     {"name", "keys": ["..."], "bucket"?, and any field of a metadata patch}
 *     -> {"name", "id", "version", "created": true, "row_count", "size_bytes", "file_count", "columns": [{name, type}]}
 * LH_EXISTS, LH_NOT_FOUND (an object, a bucket), LH_DATA (no Parquet file), LH_CONFLICT (columns of two files do not fit), LH_INVALID. */
LH_CHECKED enum lh_code catalog_ops_register(const struct catalog_ops *ops, const struct catalog_caller *caller,
                                             const json_t *request, json_t **ret_answer, struct lh_err *err);

/* Change what people say about a dataset.  Absent: unchanged; null: cleared.  The fields are listed in metadata_patch.h.
 *     -> the manifest, as GET answers it
 * LH_NOT_FOUND, LH_INVALID.  Another primary key is first held against all rows: LH_CONFLICT with an example where one has no value in
 * it or two share it, and while deltas or tombstones are merged by the old one. */
LH_CHECKED enum lh_code catalog_ops_patch(const struct catalog_ops *ops, const struct catalog_caller *caller,
                                          const char *dataset, const json_t *request, json_t **ret_answer,
                                          struct lh_err *err);

/* Read the footers of a dataset's files again and set row counts, sizes and columns right; notes and flags of columns stay.
 *     -> {"dataset", "version", "changed", "row_count_before", "row_count", "column_count"}
 * LH_NOT_FOUND, LH_CORRUPT (an object is gone), LH_DATA (no Parquet file any more), LH_CONFLICT (it kept changing meanwhile). */
LH_CHECKED enum lh_code catalog_ops_resync(const struct catalog_ops *ops, const struct catalog_caller *caller,
                                           const char *dataset, json_t **ret_answer, struct lh_err *err);

/* Resync every dataset that has files but no rows or no columns in its manifest.
 *     -> {"checked", "resynced": [answers of resync, where it changed something], "failed": [{"dataset", "code", "error"}]} */
LH_CHECKED enum lh_code catalog_ops_resync_missing(const struct catalog_ops *ops, const struct catalog_caller *caller,
                                                   json_t **ret_answer, struct lh_err *err);

/* Give every object reference the name of a bucket there is: none becomes the primary one, another case or white space around it goes.
 * What names no bucket even so is left and counted.  A second run changes nothing.
 *     -> {"datasets", "files", "changed_datasets", "changed_files", "unresolved_files", "unresolved_buckets": [...], "version"} */
LH_CHECKED enum lh_code catalog_ops_migrate_buckets(const struct catalog_ops *ops, const struct catalog_caller *caller,
                                                    json_t **ret_answer, struct lh_err *err);

/* Take rows away by their keys.  A key that names no row is reported and is no error; where none names one nothing is written.
 *     {"row_keys": [...] (lake/row_keys.h), "reason"?, "actor"?, "erase"?} -> {"dataset", "version", "tombstoned", "missing": [keys],
 *     "replayed"}
 * With `erase` the event names neither the row nor its values, and the journal forgets both (docs/adr/0008).
 * LH_NOT_FOUND, LH_CONFLICT (no primary key), LH_BUSY (the dataset kept changing: nothing was written), LH_INVALID
 * names the first bad key. */
LH_CHECKED enum lh_code catalog_ops_tombstone(const struct catalog_ops *ops, const struct catalog_caller *caller,
                                              const char *dataset, const json_t *request, json_t **ret_answer,
                                              struct lh_err *err);
/* Bring tombstoned rows back, as long as compaction has not removed them.
 *     {"row_keys", "actor"?} -> {"dataset", "version", "untombstoned", "missing": [keys without a tombstone in force],
 *     "replayed"}
 * As above; LH_CONFLICT also where no key has one (any more). */
LH_CHECKED enum lh_code catalog_ops_untombstone(const struct catalog_ops *ops, const struct catalog_caller *caller,
                                                const char *dataset, const json_t *request, json_t **ret_answer,
                                                struct lh_err *err);
/* The tombstones in force, oldest first, without those whose key has a row again: [{"key", "reason", "actor", "at"}], at most `limit` from the `*position`th on, as of
 * *version (0: now, which is set).  *position becomes where the next page begins, 0 at the end. */
LH_CHECKED enum lh_code catalog_ops_tombstones(const struct catalog_ops *ops, const struct catalog_caller *caller,
                                               const char *dataset, uint64_t *version, uint64_t *position,
                                               uint64_t limit, json_t **ret_items, struct lh_err *err);

#endif
