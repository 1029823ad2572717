/* The key of `lakehouse check --erased` as each dataset understands it: typed to the columns of its primary key as a tombstone's
 * (lake/row_keys.h), and brought to the name that the journal has for the row (engine/worker/row_text.h).  What is compared as text
 * is compared with all of these. */
#ifndef LH_LAKE_ERASED_KEYS_H
#define LH_LAKE_ERASED_KEYS_H

#include "base/error.h"
#include "base/json.h"

#include <stddef.h>

struct engine;
struct manifest;
struct past_files;

struct erased_keys {
    json_t *forms; /* the key as it was given, then each other name that a dataset has for it */
    json_t *
        *texts; /* of each dataset of `past`: the texts of its key's columns; NULL where the key cannot be one of its */
    size_t count;
};

/* `dataset`: only those of this name, the last of which must take the key; NULL: all.  LH_CONFLICT where that has no primary key,
 * LH_INVALID, with the key's columns, where the key is none of its.  Blocks on the engine. */
LH_CHECKED enum lh_code erased_keys_read(struct engine *engine, const struct past_files *past, const char *key,
                                         const char *dataset, struct erased_keys *ret_keys, struct lh_err *err);
void erased_keys_release(struct erased_keys *keys); /* a zeroed one is fine */

#endif
