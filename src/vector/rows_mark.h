/* Telling whether rows that a caller brings are those an index was made of.
 *
 * An index file without the full vectors (docs/formats/vector-file.md) is of use only with the very rows it was built on:
 * with others of the same shape it would answer, and wrongly.  So it keeps a mark of them: the CRC-32C over up to
 * VEC_MARK_ROWS whole rows that lie evenly from the first to the last.  Taking it reads 32 rows and no more, so an index of
 * any size still opens at once.  It finds another file, another order, rows put in or taken out; it does not find a change
 * to a few rows that happen not to be looked at. */
#ifndef LH_VECTOR_ROWS_MARK_H
#define LH_VECTOR_ROWS_MARK_H

#include "base/error.h"
#include "vector/metric.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vec_file;
struct vec_file_writer;

#define VEC_MARK_ROWS 32u

/* The number of row i of those looked at, i < min(n, VEC_MARK_ROWS). */
static inline size_t vec_mark_row(size_t n, size_t i) {
    size_t looked = n < VEC_MARK_ROWS ? n : VEC_MARK_ROWS;
    return looked < 2 ? 0 : (size_t)((uint64_t)i * (n - 1) / (looked - 1));
}

/* Section MARK, for a file without ROWS.  `row` gives row i of ctx, d floats. */
LH_CHECKED enum lh_code vec_mark_append(struct vec_file_writer *writer, size_t n, uint32_t d,
                                        const float *(*row)(const void *ctx, size_t i), const void *ctx,
                                        struct lh_err *err);
LH_CHECKED enum lh_code vec_mark_append_rows(struct vec_file_writer *writer, const struct vec_rows *rows,
                                             struct lh_err *err);
/* Whether `rows` (as many as the file's head says, of its dimensions) are those of the file: compared with its ROWS, or else
 * with its MARK; a file of neither says nothing.  LH_INVALID where they are others. */
LH_CHECKED enum lh_code vec_mark_check(const struct vec_file *file, const float *rows, struct lh_err *err);

#ifdef __cplusplus
}
#endif

#endif
