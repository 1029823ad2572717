/* A result column, resolved once so that the encoders' inner loops touch plain memory only.
 *
 * A `struct column` is a tree: its type is read at the start of a result (column_init), its pointers are set anew
 * for every chunk (column_bind).  Between the two nothing of DuckDB's API is called, so encoding a value is
 * arithmetic on arrays.
 *
 * Layout of a vector, by type (DuckDB's; streamed results are always flat, nested ones too):
 *     fixed width      data[row]
 *     VARCHAR, BLOB..  16-byte duckdb_string_t: up to 12 bytes inline, else a pointer
 *     LIST, MAP        duckdb_list_entry {offset, length} into children[0]; a MAP's entries are STRUCT(key, value)
 *     ARRAY            row r is rows r * array_size .. of children[0]; no data of its own
 *     STRUCT           children[i][row]; no data of its own
 *     UNION            children[0] is the tag (UTINYINT), children[1 + tag][row] the value
 * A NULL in a parent says nothing about its children's validity. */
#ifndef LH_ENGINE_WORKER_COLUMN_H
#define LH_ENGINE_WORKER_COLUMN_H

#include "base/error.h"
#include "engine/worker/duckdb_api.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Types that DuckDB 1.5 has and the duckdb.h of 1.4 does not name. */
#define COLUMN_TYPE_GEOMETRY 40 /* WKB in a string */
#define COLUMN_TYPE_VARIANT 41

__extension__ typedef __int128 column_int128;
__extension__ typedef unsigned __int128 column_uint128;

struct column {
    int type;             /* enum DUCKDB_TYPE, or one of the numbers above */
    int storage;          /* what `data` holds: differs from `type` for DECIMAL (an integer type) and ENUM (unsigned) */
    bool is_json;         /* a VARCHAR under the name JSON */
    bool unnamed;         /* a STRUCT made by row(...): its fields have no names */
    uint8_t width, scale; /* DECIMAL */
    uint64_t array_size;  /* ARRAY */
    char *name;           /* of the column, field or union member; a list's elements have the list's; "" for none */
    struct column *children;
    size_t child_count;
    char **labels; /* ENUM */
    size_t *label_lens;
    size_t label_count;

    /* Of the current chunk. */
    const void *data;
    const uint64_t *validity; /* NULL: nothing is NULL */
};

/* Read `type` into *ret_column, which column_deinit() frees.  LH_DATA names the column and a cast where the type
 * has no form outside DuckDB (VARIANT) or is unknown to this code. */
LH_CHECKED enum lh_code column_init(struct column *ret_column, const struct duckdb_api *duckdb, const char *name,
                                    duckdb_logical_type type, struct lh_err *err);
void column_deinit(struct column *c); /* a zeroed one is fine */

/* Point the tree at a chunk's vector.  The vector stays DuckDB's. */
void column_bind(struct column *c, const struct duckdb_api *duckdb, duckdb_vector vector);

static inline bool column_is_null(const struct column *c, size_t row) {
    return c->validity && !(c->validity[row >> 6] >> (row & 63) & 1);
}

/* The bytes of a string value; they live as long as the chunk. */
static inline const char *column_string(const struct column *c, size_t row, size_t *ret_len) {
    const duckdb_string_t *s = (const duckdb_string_t *)c->data + row;
    *ret_len = s->value.inlined.length;
    return s->value.inlined.length <= sizeof s->value.inlined.inlined ? s->value.inlined.inlined : s->value.pointer.ptr;
}

/* The label index of an ENUM value. */
static inline size_t column_enum_index(const struct column *c, size_t row) {
    switch (c->storage) {
    case DUCKDB_TYPE_UTINYINT: return ((const uint8_t *)c->data)[row];
    case DUCKDB_TYPE_USMALLINT: return ((const uint16_t *)c->data)[row];
    default: return ((const uint32_t *)c->data)[row];
    }
}

/* An integer of up to 64 bits, signed by its storage. */
static inline int64_t column_int64(const struct column *c, size_t row) {
    switch (c->storage) {
    case DUCKDB_TYPE_TINYINT: return ((const int8_t *)c->data)[row];
    case DUCKDB_TYPE_SMALLINT: return ((const int16_t *)c->data)[row];
    case DUCKDB_TYPE_INTEGER: return ((const int32_t *)c->data)[row];
    default: return ((const int64_t *)c->data)[row];
    }
}

static inline uint64_t column_uint64(const struct column *c, size_t row) {
    switch (c->storage) {
    case DUCKDB_TYPE_UTINYINT: return ((const uint8_t *)c->data)[row];
    case DUCKDB_TYPE_USMALLINT: return ((const uint16_t *)c->data)[row];
    case DUCKDB_TYPE_UINTEGER: return ((const uint32_t *)c->data)[row];
    default: return ((const uint64_t *)c->data)[row];
    }
}

/* HUGEINT, UHUGEINT, UUID and wide DECIMALs: two's complement, the lower half first. */
static inline column_uint128 column_bits128(const struct column *c, size_t row) {
    const duckdb_uhugeint *v = (const duckdb_uhugeint *)c->data + row;
    return (column_uint128)v->upper << 64 | v->lower;
}

/* A DECIMAL's unscaled integer, or a HUGEINT. */
static inline column_int128 column_int128_at(const struct column *c, size_t row) {
    return c->storage == DUCKDB_TYPE_HUGEINT ? (column_int128)column_bits128(c, row) : column_int64(c, row);
}

/* The error for a column that a format cannot carry: LH_DATA with its name, and a hint with the cast that helps. */
enum lh_code column_fail(const struct column *c, struct lh_err *err, const char *why, const char *cast_to);

#endif
