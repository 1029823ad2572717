/* A set of keys, each with a number: "these rows are none of its keys; those are, and this is their number".
 *
 * Made for large columns of which few rows are in the set.  A block's keys are hashed column by column, a small Bloom filter (it
 * stays in the processor's cache) puts nearly all rows aside without a branch, and the rest is looked up exactly.
 *
 * Keys are equal where their bytes are: that is what SQL's `=` says of every type that merge_key_type() (engine/merge_key.h)
 * admits.  A key with a NULL in it is never in the set.  Hashes are seeded, so that nobody who chooses keys can choose collisions.
 * Filled by one thread; then read by any number of them. */
#ifndef LH_ENGINE_WORKER_KEY_SET_H
#define LH_ENGINE_WORKER_KEY_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEY_SET_BLOCK 2048 /* rows looked at in one call: a DuckDB vector */
#define KEY_SET_TEXT 0     /* the width of VARCHAR and BLOB */

/* One column of some rows' keys, in DuckDB's layout. */
struct key_column {
    const void *data;         /* values of the column's width, or duckdb_string_t */
    const uint64_t *validity; /* a bit a row; NULL: nothing is NULL */
};

struct key_hit {
    uint32_t row;    /* of the block */
    uint32_t number; /* of its key */
};

struct key_set;

/* `widths`: 1, 2, 4, 8, 16 or KEY_SET_TEXT, a column each.  Room for `key_count` keys.  NULL: there is not so much memory. */
struct key_set *key_set_new(const unsigned *widths, size_t column_count, size_t key_count, uint64_t seed);
/* A copy with room for `more` more keys.  NULL: there is not so much memory. */
struct key_set *key_set_extend(const struct key_set *s, size_t more);
void key_set_free(struct key_set *s);
/* What key_set_new would take, without the bytes of texts and of several columns. */
size_t key_set_estimate(size_t key_count);
size_t key_set_count(const struct key_set *s);
size_t key_set_bytes(const struct key_set *s);

/* Add up to KEY_SET_BLOCK keys; of one that comes again the highest number counts.  Numbers are below UINT32_MAX.
 * false: more keys than there is room for, or more than 4 GiB of texts. */
bool key_set_add(struct key_set *s, const struct key_column *columns, size_t rows, const uint32_t *numbers);

/* Which of up to KEY_SET_BLOCK rows have a key of the set, in their order.  `hits` has room for one a row. */
size_t key_set_find(const struct key_set *s, const struct key_column *columns, size_t rows, struct key_hit *hits);

#endif
