/* Rows in a form that DuckDB reads without a doubt: what the readers of messy text write, and the one thing DuckDB is
 * given of such a file.
 *
 * Canonical CSV: fields are separated by commas and always quoted, NULL is an empty field, the line end is LF, there is no
 * header, and the first field is empty in every row (so that no row is an empty line).  Rows may end early where columns
 * turned up later in the file; the missing ones are NULL.
 *
 * Beside the rows stand the lines that could not be used, in rejects.ndjson (one object a line: line, reason, raw), and the facts of
 * each column. */
#ifndef LH_ENGINE_WORKER_ROW_FILE_H
#define LH_ENGINE_WORKER_ROW_FILE_H

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "engine/worker/column_names.h"
#include "engine/worker/value_kind.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct os;

#define REJECT_RAW_MAX ((size_t)2048)

struct row_value {
    const char *text; /* NULL: the value is NULL */
    size_t len;
    uint32_t kinds; /* value_kinds and its kin */
};

struct row_file {
    struct os *os;
    const char *output_dir; /* the caller's */
    char *path;             /* of the canonical file; NULL until the first row is written */
    int fd, reject_fd;
    struct buf out, rejects;
    uint64_t max_rejects;
    uint64_t row_count, reject_count, kept_rejects;
    bool grew;      /* columns were added after the first row */
    bool multiline; /* a value holds a line end */
    size_t longest_row;
    struct column_names names;
    struct column_facts *facts;
    size_t fact_capacity;
};

/* Nothing is created before there is something to write. */
void row_file_init(struct row_file *f, struct os *os, const char *output_dir, uint64_t max_rejects);
void row_file_deinit(struct row_file *f);

/* A new column; its index. */
size_t row_file_add_column(struct row_file *f, const char *name, size_t len);
/* A row of `count` <= names.count values from `line` of the source. */
LH_CHECKED enum lh_code row_file_write(struct row_file *f, const struct row_value *values, size_t count, uint64_t line,
                                       struct lh_err *err);
/* Keep a line aside.  Past max_rejects it is only counted. */
LH_CHECKED enum lh_code row_file_reject(struct row_file *f, uint64_t line, const char *reason, const char *raw,
                                        size_t raw_len, struct lh_err *err);
/* Everything is in the files. */
LH_CHECKED enum lh_code row_file_finish(struct row_file *f, struct lh_err *err);

/* `read_csv(...)` for the rows; columns are v0, v1, ...  */
void row_file_append_source(const struct row_file *f, struct buf *sql);

static inline void row_file_auto_release(struct row_file *f) {
    row_file_deinit(f);
}

#endif
