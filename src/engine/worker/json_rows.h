/* JSON records to rows.
 *
 * The file is one array (each element a row), one value, values one after another, or a value a line.  Of a line that is no JSON only
 * that line is rejected; a document that breaks off is an error that names line and column.
 *
 * Objects inside objects become columns a_b, to FLATTEN_DEPTH levels; what lies deeper, and an empty object, stays JSON text.
 * Arrays of only strings or only numbers become lists, other arrays JSON text.  An element that is no object goes to the
 * column "value".  Numbers keep their digits: an integer too large for any integer type becomes text. */
#ifndef LH_ENGINE_WORKER_JSON_ROWS_H
#define LH_ENGINE_WORKER_JSON_ROWS_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct row_file;
struct task;
struct text_source;

#define FLATTEN_DEPTH 8

struct json_rows_options {
    bool lines; /* a value a line */
    size_t max_depth, max_record_bytes, max_columns;
    uint64_t file_bytes; /* for progress */
};

/* *ret_duplicate_keys: members that a later one of the same name and object replaced.  LH_DATA, LH_LIMIT, LH_CANCELLED. */
LH_CHECKED enum lh_code json_rows_read(struct task *task, struct text_source *source,
                                       const struct json_rows_options *options, struct row_file *rows,
                                       uint64_t *ret_duplicate_keys, struct lh_err *err);

/* Is the text a value a line, rather than one document?  By its first line: one whole value, with another or nothing after it. */
bool json_looks_like_lines(const char *head, size_t len);

#endif
