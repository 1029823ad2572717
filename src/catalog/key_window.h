/* The idempotency keys that are still known: an immutable, reference-counted set, sorted by key.
 * Snapshots share one as long as no commit brings a key.  Bounded by count and age (CATALOG_KEYS_MAX...). */
#ifndef LH_CATALOG_KEY_WINDOW_H
#define LH_CATALOG_KEY_WINDOW_H

#include "base/hash.h"

#include <stddef.h>
#include <stdint.h>

struct commit_key {
    _Atomic unsigned refs;
    uint64_t version; /* of the commit that bore it */
    int64_t time_us;
    char request_sha256[LH_SHA256_HEX]; /* of what was asked with it: catalog_key_digest */
    char text[];
};

struct key_window {
    _Atomic unsigned refs;
    struct commit_key **keys; /* sorted by text */
    size_t count;
};

/* A key to be learned; the texts are copied. */
struct key_fact {
    const char *text;
    const char *request_sha256; /* 64 hexadecimal digits */
    uint64_t version;
    int64_t time_us;
};

struct key_window *key_window_new(void);
struct key_window *key_window_ref(struct key_window *w);
void key_window_unref(struct key_window *w); /* NULL is fine */

/* `w` with more keys, less those that are too old at `now_us` or too many (the oldest go).  A key that is there already
 * keeps its first version. */
struct key_window *key_window_with(const struct key_window *w, const struct key_fact *facts, size_t count,
                                   int64_t now_us);
const struct commit_key *key_window_find(const struct key_window *w, const char *text); /* NULL where there is none */

#endif
