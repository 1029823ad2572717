/* The bucket registry: which buckets there are, by name.
 *
 * Buckets come from the configuration ([[storage.buckets]]; an empty list makes one, `primary`) and are added at run
 * time.  Those added at run time are kept in the primary bucket, as `_catalog/buckets/{version}.json`, and come back at the next
 * start; each change is a new version, put if absent, so that of two servers that change them in one instant neither takes the
 * other's back.  Another server on the same storage learns of a change when it is first asked for an unknown name, or for the
 * list.
 * The primary bucket is the one named "primary", else the first of the list; it must be usable when the registry is
 * opened.  Any other may be unreachable then: it is tried again each time it is resolved.
 * Thread-safe.  A handle stays usable after its bucket was removed, until its last reference goes. */
#ifndef LH_STORE_BUCKETS_H
#define LH_STORE_BUCKETS_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct bucket;
struct buckets;
struct object_store;
struct os;

#define BUCKET_NAME_MAX 63

struct bucket_spec {
    const char *name;    /* 1 to 63 of a-z 0-9 - _ . , starting with a letter or digit */
    const char *backend; /* "local"; NULL or "": local */
    const char *root;    /* local: the absolute path of its folder, made where it is missing */
};

struct buckets_options {
    struct os *os;
    const struct bucket_spec *specs; /* of the configuration */
    size_t spec_count;
    const char *primary_root; /* of `primary` where there are no specs */
    const char *rescue;       /* name of the rescue bucket; NULL or "": none */
};

/* LH_INVALID names the bucket that is wrong: a name twice, an unknown backend, two roots in one another. */
LH_CHECKED enum lh_code buckets_open(const struct buckets_options *options, struct buckets **ret_buckets,
                                     struct lh_err *err);
void buckets_close(struct buckets *b); /* NULL is fine; handles may outlive it */

/* Call `changed` after a bucket was added, removed, learned of from another server, or reached for the first time: on the
 * thread that brought it about, with no lock held.  One at a time; set it while no other thread uses the registry. */
void buckets_watch(struct buckets *b, void (*changed)(void *ctx), void *ctx);

/* The bucket of that name, with a reference for the caller; NULL or "" is the primary one.
 * LH_NOT_FOUND with the valid names in the hint; LH_UNAVAILABLE where its backend cannot be reached. */
LH_CHECKED enum lh_code buckets_resolve(struct buckets *b, const char *name, struct bucket **ret_bucket,
                                        struct lh_err *err);
struct bucket *bucket_ref(struct bucket *bucket);
void bucket_unref(struct bucket *bucket); /* NULL is fine */

const char *bucket_name(const struct bucket *bucket);
struct object_store *bucket_store(const struct bucket *bucket); /* as long as the handle is held */
bool bucket_is_primary(const struct bucket *bucket);

/* The primary bucket's name and store, as long as the registry is open. */
const char *buckets_primary_name(const struct buckets *b);
struct object_store *buckets_primary(const struct buckets *b);

/* Durable when it returns.  LH_INVALID (name, backend, root), LH_EXISTS (the name), LH_CONFLICT (the root is inside that
 * of another bucket, or around it), LH_IO. */
LH_CHECKED enum lh_code buckets_add(struct buckets *b, const struct bucket_spec *spec, struct lh_err *err);
/* Forgets the bucket; its objects stay where they are.  LH_FORBIDDEN for the primary and the rescue bucket, LH_NOT_FOUND.
 * One of the configuration is back at the next start. */
LH_CHECKED enum lh_code buckets_remove(struct buckets *b, const char *name, struct lh_err *err);

struct bucket_info {
    const char *name;
    const char *backend;
    const char *root;
    bool opened;    /* its folder was there: what it holds can be read, also while nothing can be written */
    bool reachable; /* it can be read and written now */
    bool primary;
    bool rescue;
    bool configured;    /* of the configuration, not added at run time */
    const char *reason; /* why it is not reachable; NULL where it is */
};

/* Every bucket, primary first, then by name; asks each backend whether it can be reached.  In the arena. */
void buckets_list(struct buckets *b, struct arena *arena, struct bucket_info **ret_infos, size_t *ret_count);

static inline void bucket_auto_release(struct bucket **bucket) {
    bucket_unref(*bucket);
}

#endif
