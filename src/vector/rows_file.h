/* Vectors in files that others write: raw floats, fvecs, NumPy.
 *
 *     .f32    little-endian float32, rows one after the other, nothing else; the dimensions must be told
 *     .fvecs  each row: its dimensions as int32, then so many float32 (TEXMEX)
 *     .npy    NumPy's format 1 to 3, '<f4', C order, of two axes (or one: a single row)
 *
 * Raw files and aligned NumPy ones are mapped in place; fvecs rows are copied.  Nothing is trusted: sizes are checked
 * before use, and every value for being finite.  Blocks on the disk. */
#ifndef LH_VECTOR_ROWS_FILE_H
#define LH_VECTOR_ROWS_FILE_H

#include "base/error.h"
#include "vector/metric.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct os;

enum vec_rows_format { VEC_ROWS_F32, VEC_ROWS_FVECS, VEC_ROWS_NPY };

struct vec_rows_file {
    struct vec_rows rows;
    void *map; /* NULL: none */
    size_t map_bytes;
    float *copy; /* NULL: the rows lie in the map */
};

/* By the end of the name; LH_UNSUPPORTED for any other. */
LH_CHECKED enum lh_code vec_rows_format_of(const char *path, enum vec_rows_format *ret_format, struct lh_err *err);
/* `d` 0: as the file says (LH_INVALID for a .f32, which says nothing); else it must be that.  LH_DATA where the bytes are
 * not of the format. */
LH_CHECKED enum lh_code vec_rows_open(struct os *os, const char *path, uint32_t d, struct vec_rows_file *ret_file,
                                      struct lh_err *err);
void vec_rows_close(struct vec_rows_file *file);

/* The same over bytes at hand, which must stay.  *ret_copy is the caller's (lh_free), NULL where the rows lie in `data`. */
LH_CHECKED enum lh_code vec_rows_parse(enum vec_rows_format format, const void *data, size_t size, uint32_t d,
                                       struct vec_rows *ret_rows, float **ret_copy, struct lh_err *err);

static inline void vec_rows_file_auto_release(struct vec_rows_file *file) {
    vec_rows_close(file);
}

#ifdef __cplusplus
}
#endif

#endif
