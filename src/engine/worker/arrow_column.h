/* Arrow arrays in the making: chunks of DuckDB rows are appended until a record batch is full.
 *
 * A tree that mirrors the column's.  What each type becomes stands in docs/formats/arrow-types.md. */
#ifndef LH_ENGINE_WORKER_ARROW_COLUMN_H
#define LH_ENGINE_WORKER_ARROW_COLUMN_H

#include "base/buf.h"
#include "engine/worker/column.h"

/* How a column's values lie in memory. */
enum arrow_layout {
    ARROW_NULL,       /* nothing */
    ARROW_BITS,       /* one bit a value */
    ARROW_FIXED,      /* `width` bytes a value */
    ARROW_BYTES,      /* int32 offsets, bytes: strings of every kind */
    ARROW_LIST,       /* int32 offsets, one child; a MAP too */
    ARROW_FIXED_LIST, /* one child, array_size times as long */
    ARROW_STRUCT,     /* children of equal length */
    ARROW_UNION,      /* int8 tags, children of equal length (a sparse union); no validity of its own */
};

struct arrow_column {
    const struct column *source;
    enum arrow_layout layout;
    size_t width;
    bool verbatim;         /* ARROW_FIXED: DuckDB's bytes are Arrow's */
    bool sized;            /* somewhere below are int32 offsets, which can run out */
    int64_t dictionary_id; /* ENUM: its labels were sent under this number; otherwise -1 */

    size_t length;
    size_t null_count;
    struct buf validity; /* one bit a row, 1: valid; empty while nothing is NULL.  Zeros follow the last bit. */
    struct buf offsets;  /* length + 1 of them */
    struct buf values;
    size_t incoming; /* bytes or child rows that a slice about to be appended brings (arrow_column_fits) */
    struct arrow_column *children;
    size_t child_count;
};

/* `source` outlives it.  Dictionary ids are taken from *next_dictionary. */
void arrow_column_init(struct arrow_column *a, const struct column *source, int64_t *next_dictionary);
void arrow_column_deinit(struct arrow_column *a);
void arrow_column_reset(struct arrow_column *a); /* no rows; memory kept */

/* Append rows first .. first + count of the chunk that the source is bound to.  LH_DATA where a value has no place
 * in its Arrow type; the message names the column. */
LH_CHECKED enum lh_code arrow_column_append(struct arrow_column *a, size_t first, size_t count, struct lh_err *err);

/* Whether those rows fit: offsets are 31-bit numbers, so a batch holds at most 2 GiB of text a column. */
bool arrow_column_fits(struct arrow_column *a, size_t first, size_t count);

size_t arrow_column_bytes(const struct arrow_column *a); /* of all its buffers */

#endif
