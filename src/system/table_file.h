/* Rows of a system table on their way to DuckDB: one JSON object a line, and the SELECT that reads them back with their types. */
#ifndef LH_SYSTEM_TABLE_FILE_H
#define LH_SYSTEM_TABLE_FILE_H

#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct os;

enum table_type { TABLE_TEXT, TABLE_TEXTS, TABLE_INTEGER, TABLE_REAL, TABLE_FLAG, TABLE_TIME };

struct table_column {
    const char *name;
    enum table_type type;
};

struct table_file {
    struct os *os;
    const char *path; /* the caller's */
    const struct table_column *columns;
    size_t column_count, at; /* the column that the next value is for */
    int fd;
    struct buf out;
    size_t row_start, longest_row;
    enum lh_code code; /* the first failure; what is put afterwards is dropped */
    struct lh_err failure;
};

void table_file_open(struct table_file *f, struct os *os, const char *path, const struct table_column *columns,
                     size_t column_count);
/* One value for each column, in their order: a row is done when its last column is.  NULL texts are NULLs, so are times of 0. */
void table_put_text(struct table_file *f, const char *text);
void table_put_texts(struct table_file *f, const char *const *texts, size_t count);
void table_put_integer(struct table_file *f, uint64_t value);
void table_put_real(struct table_file *f, double value);
void table_put_flag(struct table_file *f, bool value);
void table_put_time(struct table_file *f, int64_t time_us);
void table_put_null(struct table_file *f);
/* Closes the file and appends "SELECT ... FROM read_json(...)" to `select`.  Here failures of the values before are told. */
LH_CHECKED enum lh_code table_file_finish(struct table_file *f, struct buf *select, struct lh_err *err);
void table_file_deinit(struct table_file *f);

#endif
