/* Do two bucket roots share files?  Thread-safe; touches the disk. */
#ifndef LH_STORE_BUCKET_ROOTS_H
#define LH_STORE_BUCKET_ROOTS_H

#include "base/error.h"

#include <stdbool.h>

struct os;

/* True where the folders are one, or one lies in the other: by what the paths lead to, so that links, mounts and ".." do
 * not hide it.  A root that does not exist yet is judged by the nearest folder above it that does. */
LH_CHECKED enum lh_code bucket_roots_overlap(struct os *os, const char *a, const char *b, bool *ret_overlap,
                                             struct lh_err *err);

#endif
