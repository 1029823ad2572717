/* Which rows of a merged dataset count: the functions that its read plan calls (engine/merge_key.h), and what they remember.
 *
 * The first statement that names a dataset with deltas or tombstones has their keys read into a key_set (on top of a copy of an earlier
 * version's, where there is one); merge_key() then looks each row's key up.  That costs reading the key's column.  Once as many rows
 * have been looked up as the dataset has, all of them are looked up once more and the answers kept, a bit a row; from then on
 * merge_settled() is true, DuckDB folds the plan's CASE to merge_row(), and neither key nor set is touched any more.  So what is never
 * asked twice never pays for the second step, and what is asked often pays it once.
 *
 * Files are immutable and a spec names all of them, so nothing remembered can become wrong.  Remembered things are dropped, the
 * longest unused first, at MERGE_FILTER_KEPT of them or where they hold more than an eighth of the session's memory limit; those of
 * running statements may hold twice that, then LH_LIMIT.
 *
 * On the session's main thread, except for merge_filter_interrupt; the functions themselves run on DuckDB's threads. */
#ifndef LH_ENGINE_WORKER_MERGE_FILTER_H
#define LH_ENGINE_WORKER_MERGE_FILTER_H

#include "base/error.h"
#include "engine/worker/duckdb_api.h"

#include <stdbool.h>
#include <stdint.h>

#define MERGE_FILTER_KEPT 32

struct merge_filter;

/* Register the functions.  `memory_limit_bytes` is the session's; `seed` is random. */
LH_CHECKED enum lh_code merge_filter_open(const struct duckdb_api *duckdb, duckdb_database database,
                                          duckdb_connection connection, uint64_t memory_limit_bytes, uint64_t seed,
                                          struct merge_filter **ret_filter, struct lh_err *err);
/* After the session's own connection was closed, before the database is.  NULL is fine. */
void merge_filter_close(struct merge_filter *f);

/* Stop what it reads for the statement that is being bound.  Any thread. */
void merge_filter_interrupt(struct merge_filter *f);

/* DuckDB refused a statement with this text (possibly NULL): was it because of what merge_key() met?  Then `err` is that. */
bool merge_filter_failure(const struct merge_filter *f, const char *duckdb_error, struct lh_err *err);

#endif
