/* May these columns be a dataset's primary key?  Asked before a key is set: all that reads and writes relies on it afterwards. */
#ifndef LH_LAKE_KEY_CHECK_H
#define LH_LAKE_KEY_CHECK_H

#include "base/error.h"

#include <stddef.h>

struct buckets;
struct engine;
struct manifest;

/* Looks at every row of `m` (whose files are to be read as its present primary key says) for a NULL in the columns and for two rows of one
 * key.  LH_CONFLICT gives an example; LH_INVALID: no such column.  Blocks on the engine. */
LH_CHECKED enum lh_code lake_check_key(struct engine *engine, struct buckets *buckets, int cancel_fd,
                                       const struct manifest *m, const char *const *key, size_t key_count,
                                       struct lh_err *err);

#endif
