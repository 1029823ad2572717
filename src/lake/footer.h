/* What a Parquet object says of itself: read by the engine's task parquet_info in a fresh, fenced worker, because a registered object
 * may be anything. */
#ifndef LH_LAKE_FOOTER_H
#define LH_LAKE_FOOTER_H

#include "base/error.h"

#include <stdint.h>

struct buckets;
struct engine;
struct manifest;
struct manifest_file;

/* Add the columns of the object that `file` names to `m` (fitted to those that are there) and fill file->row_count and size_bytes.
 * LH_NOT_FOUND (the object or its bucket), LH_DATA (not a Parquet file; the message names the object), LH_CONFLICT. */
LH_CHECKED enum lh_code footer_read(struct engine *engine, struct buckets *buckets, int cancel_fd, struct manifest *m,
                                    struct manifest_file *file, struct lh_err *err);

#endif
