/* Rows as text, in SQL: the JSON of a value and of a row as the event journal keeps it, and the text that names a row by its key.
 *
 * The forms are those of docs/formats/json-values.md, so that a value reads the same in a result and in a history; nested
 * values are as to_json writes them.  Pure functions that append SQL. */
#ifndef LH_ENGINE_WORKER_ROW_TEXT_H
#define LH_ENGINE_WORKER_ROW_TEXT_H

#include "base/error.h"
#include "base/json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct session;

#define ROW_TEXTS_MAX_BYTES (INT64_C(256) * 1024 * 1024) /* of one file of changes: the server takes it in at once */

struct row_column {
    const char *name;
    const char *type;
    bool is_key;
};

/* A dataset's columns, as a task's request has them. */
struct row_shape {
    struct row_column *columns;
    size_t column_count;
    size_t *key; /* positions in `columns`, in the order of the key */
    size_t key_count;
};

/* {"columns": [{"name", "type"}], "key": [names]}; texts are those of `request`.  LH_INTERNAL. */
LH_CHECKED enum lh_code row_shape_read(const json_t *request, struct row_shape *ret_shape, struct lh_err *err);
void row_shape_release(struct row_shape *shape);

/* Before any other text of this module runs: its macros.  `rows`: how many will be told together (0: not known yet); where they
 * are many, each value's size is limited the more. */
LH_CHECKED enum lh_code row_text_define(struct session *session, int64_t rows, struct lh_err *err);

/* A column of the relation `relation`: relation."name". */
void row_text_append_column(struct buf *sql, const char *relation, const char *name);
/* The JSON text of the SQL expression `expr` of type `type`; NULL for NULL. */
void row_text_append_value(struct buf *sql, const char *expr, const char *type);
/* row_value() of a JSON text: itself where it is small enough, else {"omitted_bytes": n}. */
/* The JSON object of a row of `relation`, as row_value(). */
void row_text_append_row(struct buf *sql, const char *relation, const struct row_shape *shape);
/* The name of the row: the key as text; of several columns a JSON array of texts.  A text that cannot stand as an entity of the
 * journal is given as a JSON string (control characters, nothing at all, one that looks like such a form) or as "sha256:" and
 * its hash (too long). */
void row_text_append_key(struct buf *sql, const char *relation, const struct row_shape *shape);
/* a."k1" = b."k1" AND ... */
void row_text_append_key_match(struct buf *sql, const char *a, const char *b, const struct row_shape *shape);

#endif
