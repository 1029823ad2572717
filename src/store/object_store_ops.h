/* What an object store implementation provides; object_store.c is the only caller.
 *
 * The dispatcher has already checked keys, prefixes and limits (S6), `ret_info` is never NULL here, and a writer or
 * reader is used by one thread at a time.  Every slot is set unless it says optional; each keeps the promises S1 to S5
 * of object_store.h.  Implementations embed the three structs below as their first member.
 *
 * Adding a backend: a file <backend>.c with the table and a constructor, a row in the backend table of buckets.c, and a
 * row in the fixture table of tests/unit/store/test_conformance.c. */
#ifndef LH_STORE_OBJECT_STORE_OPS_H
#define LH_STORE_OBJECT_STORE_OPS_H

#include "store/object_store.h"

struct object_store {
    const struct object_store_ops *ops;
};

struct object_writer {
    struct object_store *store;
    char key[OBJECT_KEY_MAX + 1];
    struct lh_err failure; /* of the first write that failed; commit then gives it again */
};

struct object_reader {
    struct object_store *store;
};

struct object_store_ops {
    const char *backend;

    /* Allocates a writer; the dispatcher fills in the embedded struct.  Nothing is visible yet. */
    enum lh_code (*writer_open)(struct object_store *s, const char *key, struct object_writer **ret_writer,
                                struct lh_err *err);
    enum lh_code (*writer_write)(struct object_writer *w, const void *data, size_t len, struct lh_err *err);
    /* Publishes.  The writer stays allocated; writer_free follows. */
    enum lh_code (*writer_commit)(struct object_writer *w, enum object_put_mode mode, struct object_info *ret_info,
                                  struct lh_err *err);
    /* Releases the writer, and what was written where it was not committed. */
    void (*writer_free)(struct object_writer *w);

    enum lh_code (*put_file)(struct object_store *s, const char *key, const char *path, enum object_put_mode mode,
                             struct object_info *ret_info, struct lh_err *err);

    enum lh_code (*reader_open)(struct object_store *s, const char *key, struct object_range range,
                                struct object_reader **ret_reader, struct object_info *ret_info, struct lh_err *err);
    enum lh_code (*reader_read)(struct object_reader *r, void *data, size_t cap, size_t *ret_len, struct lh_err *err);
    int (*reader_fd)(struct object_reader *r, uint64_t *ret_offset, uint64_t *ret_length); /* optional */
    void (*reader_close)(struct object_reader *r);

    enum lh_code (*head)(struct object_store *s, const char *key, struct object_info *ret_info, struct lh_err *err);
    /* `ret_items` has room for `limit`. */
    enum lh_code (*list)(struct object_store *s, const char *prefix, const char *after, size_t limit,
                         struct object_info *ret_items, size_t *ret_count, bool *ret_more, struct lh_err *err);
    enum lh_code (*delete)(struct object_store *s, const char *key, struct lh_err *err);

    enum lh_code (*local_path)(struct object_store *s, const char *key, struct arena *arena, const char **ret_path,
                               struct lh_err *err);
    const char *(*local_root)(struct object_store *s);
    enum lh_code (*ping)(struct object_store *s, struct lh_err *err);
    enum lh_code (*check_writable)(struct object_store *s, struct lh_err *err); /* after a ping */
    void (*free)(struct object_store *s);
};

/* The part of an object of `size_bytes` that `range` names. */
LH_CHECKED enum lh_code object_range_resolve(const char *key, uint64_t size_bytes, struct object_range range,
                                             uint64_t *ret_offset, uint64_t *ret_length, struct lh_err *err);

/* The one text for "no such object". */
enum lh_code object_fail_not_found(const char *key, struct lh_err *err);
enum lh_code object_fail_exists(const char *key, struct lh_err *err);
/* `part` of `key` is an object, or `key` is the folder of others: `a` and `a/b` cannot both be objects. */
enum lh_code object_fail_folder(const char *key, struct lh_err *err);

#endif
