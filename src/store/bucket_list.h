/* The list of the buckets that were added at run time, as it stands in an object: {"format":1,"buckets":[{name, backend, root}]}.
 * Pure functions. */
#ifndef LH_STORE_BUCKET_LIST_H
#define LH_STORE_BUCKET_LIST_H

#include "store/buckets.h"

struct arena;
struct buf;

/* The specifications and their texts lie in the arena; whether they make sense is for their reader to say.  LH_INVALID names the
 * field; LH_UNSUPPORTED: a newer format. */
LH_CHECKED enum lh_code bucket_list_parse(const char *text, size_t len, struct arena *arena,
                                          struct bucket_spec **ret_specs, size_t *ret_count, struct lh_err *err);
void bucket_list_write(const struct bucket_spec *specs, size_t count, struct buf *out);

#endif
