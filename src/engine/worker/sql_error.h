/* DuckDB's errors as ours: code by kind, position, the line with a caret under the place, a hint.
 *
 * Sessions run with errors_as_json, so an error is `{"exception_type":..., "exception_message":..., "position":...}`,
 * sometimes behind a "Parser Error: "; parts of DuckDB still give plain text, and the text may be NULL. */
#ifndef LH_ENGINE_WORKER_SQL_ERROR_H
#define LH_ENGINE_WORKER_SQL_ERROR_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

/* Fill `err` from DuckDB's text and return its code.  `sql` is the statement that the position speaks of; NULL: the
 * client did not write it, and gets neither position nor caret. */
enum lh_code sql_error_fill(struct lh_err *err, const char *duckdb_error, const char *sql);

/* Is it "there is no table NAME"?  Then the name as DuckDB saw it, cut to `cap`. */
bool sql_error_missing_table(const char *duckdb_error, char *ret_name, size_t cap);

/* Put "\n\nLINE 3: the line\n          ^" behind the message and set err->position (1-based) from a 0-based byte
 * offset. */
void sql_error_point(struct lh_err *err, const char *sql, long offset);

#endif
