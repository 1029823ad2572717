/* One JSON value, checked by json_scan, spread over the columns of a row. */
#ifndef LH_ENGINE_WORKER_JSON_FLATTEN_H
#define LH_ENGINE_WORKER_JSON_FLATTEN_H

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/json.h"

#include <stddef.h>
#include <stdint.h>

struct row_file;
struct row_value;

struct json_flatten {
    struct row_file *rows;
    size_t max_columns;
    json_t *columns;    /* path of keys -> index of its column */
    json_t *null_paths; /* paths that so far only were null */
    struct row_value *values;
    size_t value_capacity;
    struct buf path, text; /* `text` never grows while a record is read: its pointers are handed out */
    uint64_t duplicate_keys;
};

void json_flatten_init(struct json_flatten *f, struct row_file *rows, size_t max_columns);
void json_flatten_deinit(struct json_flatten *f);

/* Write the value as a row.  LH_LIMIT: too many columns. */
LH_CHECKED enum lh_code json_flatten_row(struct json_flatten *f, const char *text, size_t len, uint64_t line,
                                         struct lh_err *err);
/* Columns for members that were null in every record. */
void json_flatten_finish(struct json_flatten *f);

static inline void json_flatten_auto_release(struct json_flatten *f) {
    json_flatten_deinit(f);
}

#endif
