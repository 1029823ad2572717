/* How a merged dataset is said in SQL: what read plans write (lake) and workers understand (engine/worker/merge_filter.h).
 *
 *     merge_settled(ID)                        is it known by now, row by row, which rows count?
 *     merge_row(ID, file, row)                 does this row count?  Asked where it is known
 *     merge_key(SPEC, file, row, key, ...)     does the row of this key count?  Asked where it is not
 *
 * `file` and `row` are DuckDB's file_index and file_row_number in a scan of the spec's files in their order.  ID is the SHA-256 of
 * SPEC in hexadecimal, and SPEC this JSON:
 *
 *     {"key": [[NAME, TYPE], ...],         the primary key's columns
 *      "files": [[PATH, AGE], ...],        with rows, in the order of the scan
 *      "rows": N,                          of all files together, or 0 where that is not known
 *      "on_top": N,                        files[N] and those behind it override older ones
 *      "tombstones": [[PATH, AGE], ...]}   hide older rows of their keys
 *
 * A row counts where no file that is on top, and no tombstone file, of a higher age has its key: docs/formats/merge-on-read.md. */
#ifndef LH_ENGINE_MERGE_KEY_H
#define LH_ENGINE_MERGE_KEY_H

#include <stdbool.h>

#define MERGE_SETTLED "lh_merge_settled"
#define MERGE_ROW "lh_merge_row"
#define MERGE_KEY "lh_merge_key"

/* Where there is more a join is planned, which can spill. */
#define MERGE_TOUCHED_MAX 1000000 /* rows in files on top and tombstones */
#define MERGE_KEY_COLUMNS_MAX 16

/* May a column of this type, by the name that manifests have for it, be part of the key?  Types whose values are equal exactly where
 * their bytes are.  Not among them: DOUBLE and FLOAT (0.0 = -0.0), INTERVAL (30 days = 1 month), TIME WITH TIME ZONE, ENUM (its bytes
 * belong to one file), JSON, nested types. */
bool merge_key_type(const char *type);

#endif
