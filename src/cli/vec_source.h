/* Vectors in a file that the user named: those of vector/rows_file.h, and Parquet.
 *
 * Parquet is read where everything untrusted is: in a sandboxed worker of the engine, which streams the column to a file of
 * raw floats in a temporary folder.  That folder is gone when the call returns: the floats are mapped, and their memory is
 * the disk's. */
#ifndef LH_CLI_VEC_SOURCE_H
#define LH_CLI_VEC_SOURCE_H

#include "base/error.h"
#include "vector/rows_file.h"

struct os;

/* `d` 0: as the file says.  `column`: of a Parquet file; NULL: its only one of vectors.  As vec_rows_open; for Parquet also
 * the engine's codes. */
LH_CHECKED enum lh_code vec_source_open(struct os *os, const char *path, const char *column, uint32_t d,
                                        struct vec_rows_file *ret_file, struct lh_err *err);
/* Whether the name is one of a file of vectors. */
bool vec_source_is_one(const char *path);

#endif
