/* The list of the buckets that were added at run time: an object a version, _catalog/buckets/{version:020}.json, of the form
 * {"format":1,"buckets":[{name, backend, root}]}.  No version is ever deleted, since one that went could be written a second time
 * by a server that has not heard of those after it. */
#ifndef LH_STORE_BUCKET_LIST_H
#define LH_STORE_BUCKET_LIST_H

#include "store/buckets.h"

#include <stdint.h>

struct arena;
struct buf;

/* The specifications and their texts lie in the arena; whether they make sense is for their reader to say.  LH_INVALID names the
 * field; LH_UNSUPPORTED: a newer format. */
LH_CHECKED enum lh_code bucket_list_parse(const char *text, size_t len, struct arena *arena,
                                          struct bucket_spec **ret_specs, size_t *ret_count, struct lh_err *err);
void bucket_list_write(const struct bucket_spec *specs, size_t count, struct buf *out);

#define BUCKET_LIST_KEY_SIZE 48
void bucket_list_key(uint64_t version, char ret_key[BUCKET_LIST_KEY_SIZE]);
/* The newest version in the store, 0 where there is none behind `known`. */
LH_CHECKED enum lh_code bucket_list_newest(struct object_store *store, uint64_t known, uint64_t *ret_version,
                                           struct lh_err *err);

#endif
