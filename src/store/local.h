/* A bucket in a local folder: the object `a/b` is the file ROOT/a/b.  How it keeps the promises of object_store.h:
 * local_internal.h. */
#ifndef LH_STORE_LOCAL_H
#define LH_STORE_LOCAL_H

#include "base/error.h"

struct object_store;
struct os;

/* Opens the folder `root`, making it (and its parents) where it is missing, and removes temporary files older than an
 * hour.  `root` may be relative to the working folder.  LH_IO, LH_NO_SPACE; the message names the root. */
LH_CHECKED enum lh_code object_store_open_local(struct os *os, const char *root, struct object_store **ret_store,
                                                struct lh_err *err);

#endif
