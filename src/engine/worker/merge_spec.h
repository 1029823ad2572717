/* What a merged dataset consists of, as its read plan says it to the worker: SPEC of engine/merge_key.h, read and said as SQL.
 *
 * A client may write one in a statement of its own.  So nothing of it is trusted: names and paths are quoted, types are of a fixed
 * list, and files are read through DuckDB, under the same fences as `read_parquet` in that statement. */
#ifndef LH_ENGINE_WORKER_MERGE_SPEC_H
#define LH_ENGINE_WORKER_MERGE_SPEC_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct buf;

struct merge_files {
    const char **paths;
    uint32_t *ages; /* below UINT32_MAX */
    size_t count;
};

struct merge_spec {
    const char **key, **types;
    size_t key_count;
    struct merge_files files, tombstones;
    size_t on_top;
    uint64_t rows; /* 0: not known */
};

/* Files on top and tombstones from these on: all of them, or those that a newer version has added. */
struct merge_part {
    size_t file, tombstone;
};

/* Everything in `ret_spec` lives in `arena`.  LH_INVALID. */
LH_CHECKED enum lh_code merge_spec_parse(const char *text, struct arena *arena, struct merge_spec *ret_spec,
                                         struct lh_err *err);

struct merge_part merge_spec_all(const struct merge_spec *s);
/* Is `newer` what `older` was, with files added on top and nothing else that bears on keys?  Then `ret_added` are those. */
bool merge_spec_extends(const struct merge_spec *newer, const struct merge_spec *older, struct merge_part *ret_added);

/* The keys of a part: the key's columns, and the place of the row's file in merge_spec_age.  false: the part has no files. */
bool merge_spec_append_keys(const struct merge_spec *s, struct merge_part part, struct buf *sql);
uint32_t merge_spec_age(const struct merge_spec *s, struct merge_part part, size_t place);
/* Rows of file_index and the number of rows of that file. */
void merge_spec_append_counts(const struct merge_spec *s, struct buf *sql);
/* A scan of all rows through merge_key(). */
void merge_spec_append_filtered(const struct merge_spec *s, const char *text, struct buf *sql);

#endif
