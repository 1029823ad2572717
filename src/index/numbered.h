/* Things that change, on a store whose one comparison is "not there yet": a row of immutable JSON objects,
 * PREFIX/{number:020}.json.  The newest one is the thing; a change puts the next number if that is absent, so of two writers
 * that read number n one wins (docs/adr/0011).  A prefix has no slash at its end.  Thread-safe; calls block on the store. */
#ifndef LH_INDEX_NUMBERED_H
#define LH_INDEX_NUMBERED_H

#include "base/error.h"
#include "base/json.h"

#include <stddef.h>
#include <stdint.h>

struct arena;
struct object_store;

#define NUMBERED_MAX_BYTES ((size_t)16 * 1024 * 1024) /* of one object */

/* *ret_number 0 and *ret_json NULL where there is none. */
LH_CHECKED enum lh_code numbered_newest(struct object_store *s, const char *prefix, uint64_t *ret_number,
                                        json_t **ret_json, struct lh_err *err);
/* LH_NOT_FOUND. */
LH_CHECKED enum lh_code numbered_get(struct object_store *s, const char *prefix, uint64_t number, json_t **ret_json,
                                     struct lh_err *err);
/* The numbers that there are, rising, at most the newest `most`; in the arena. */
LH_CHECKED enum lh_code numbered_list(struct object_store *s, const char *prefix, size_t most, struct arena *arena,
                                      uint64_t **ret_numbers, size_t *ret_count, struct lh_err *err);
/* Durable when it returns; its "number" is set.  LH_EXISTS: that number is taken; LH_TOO_LARGE. */
LH_CHECKED enum lh_code numbered_put(struct object_store *s, const char *prefix, uint64_t number, json_t *json,
                                     struct lh_err *err);
/* Only the newest `keep` stay; 0: none.  What cannot be removed is left for the next time. */
void numbered_prune(struct object_store *s, const char *prefix, size_t keep);
/* The same over several stores, where a thing may have moved from one to another: a number is in one of them. */
struct numbered_stores {
    struct object_store *const *stores; /* [0]: where new ones go */
    size_t count;
};
struct numbered_entry {
    uint64_t number;
    struct object_store *store;
};
LH_CHECKED enum lh_code numbered_list_all(const struct numbered_stores *at, const char *prefix, size_t most,
                                          struct arena *arena, struct numbered_entry **ret_entries, size_t *ret_count,
                                          struct lh_err *err);

/* The names one step below `root` ("a/b/"), sorted, in the arena. */
LH_CHECKED enum lh_code numbered_names(struct object_store *s, const char *root, struct arena *arena,
                                       const char ***ret_names, size_t *ret_count, struct lh_err *err);

#endif
