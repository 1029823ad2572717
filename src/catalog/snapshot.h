/* How a snapshot is made: private to the module (readers use catalog.h).
 *
 * A snapshot is immutable but for its reference count.  It holds the manifests in three orders (name, id, source hash); the next
 * one is the old arrays merged with a few changes, so that a commit costs one pass over pointers and shares every manifest
 * that did not change. */
#ifndef LH_CATALOG_SNAPSHOT_H
#define LH_CATALOG_SNAPSHOT_H

#include "base/error.h"
#include "base/hash.h"
#include "catalog/key_window.h"
#include "catalog/manifest.h"

#include <stddef.h>
#include <stdint.h>

struct source_entry {
    const char *sha256; /* of the lineage below */
    const struct manifest *manifest;
    const struct manifest_lineage *lineage;
};

struct catalog_snapshot {
    _Atomic unsigned refs;
    uint64_t version;
    int64_t time_us;
    char record_sha256[LH_SHA256_HEX]; /* of the commit record that made it: the next one's parent; "" at version 0 */
    struct manifest **by_name;         /* these hold the references */
    struct manifest **by_id;
    size_t count;
    struct source_entry *sources; /* sorted by sha256 */
    size_t source_count;
    struct key_window *keys;
};

/* One change.  `manifest` is NULL for a deletion. */
struct snapshot_change {
    const char *id;
    struct manifest *manifest; /* borrowed; the snapshot takes a reference of its own */
};

struct catalog_change;
/* What an idempotency key stands for: the SHA-256 of operation, NUL, request. */
void catalog_key_digest(const struct catalog_change *change, char ret_hex[LH_SHA256_HEX]);
/* LH_CONFLICT where a key that stands for `request_sha256` comes with a change that asks for something else. */
LH_CHECKED enum lh_code catalog_key_same(const char *request_sha256, const struct catalog_change *change,
                                         struct lh_err *err);

struct catalog_snapshot *snapshot_new_empty(void);

/* `base` with the changes in order (the last one of an id wins), as of version and time, with one reference.  Keys and
 * record_sha256 are those of `base`; the maker may set them while it is the only holder.
 * LH_EXISTS where two datasets would have equal names, LH_NOT_FOUND where a deletion names an id that is not there. */
LH_CHECKED enum lh_code snapshot_apply(const struct catalog_snapshot *base, const struct snapshot_change *changes,
                                       size_t count, uint64_t version, int64_t time_us,
                                       struct catalog_snapshot **ret_snapshot, struct lh_err *err);

#endif
