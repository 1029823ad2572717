/* The object store interface: named, immutable byte sequences in a bucket.
 *
 * A seam with real implementations behind it (local folder: store/local.c; S3 later) and a faulty in-memory twin in
 * tests.  What every implementation promises:
 *   S1  An object appears whole or not at all; a reader that has it open keeps reading the bytes it opened.
 *   S2  When a put or delete returns LH_OK the change survives power loss.
 *   S3  put with `if_absent` succeeds for exactly one of any number of concurrent callers; the others get LH_EXISTS.
 *   S4  When a put returns LH_UNKNOWN_OUTCOME the object may or may not be there: read it back before deciding.  Any
 *       other failure means that nothing changed.
 *   S5  list returns keys in byte order and reflects every put acknowledged before the call.
 *   S6  Keys are checked here: 1 to 1,024 bytes of UTF-8, no control character, no empty, "." or ".." segment, none above
 *       255 bytes, no leading or trailing slash, not below ".tmp/" (LH_INVALID otherwise); nothing outside the bucket's
 *       root can be reached.
 *   S7  An object cannot be the folder of another: while "a/b" is there, putting "a" is LH_INVALID, and the other way
 *       round.  (A folder of files cannot hold both; so no store does, and objects can move between backends.)
 *   S8  When durability fails once (an fsync), the store takes no more writes (LH_IO), and the objects whose outcome is
 *       unknown cannot be read through it (LH_IO): reading one back must not make it look committed.
 * All calls block and are thread-safe; one writer or reader object belongs to one thread at a time.
 */
#ifndef LH_STORE_OBJECT_STORE_H
#define LH_STORE_OBJECT_STORE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct buf;
struct object_store;
struct object_reader;
struct object_writer;

#define OBJECT_KEY_MAX 1024
#define OBJECT_ETAG_MAX 72

/* `ret_info` may be NULL in every call below. */
struct object_info {
    char key[OBJECT_KEY_MAX + 1];
    uint64_t size_bytes;
    int64_t mtime_us;           /* Unix epoch, UTC */
    char etag[OBJECT_ETAG_MAX]; /* opaque, without quotes; changes whenever the bytes may have */
};

/* The part of an object that a read wants.  `length` UINT64_MAX: to the end.  LH_RANGE where offset > size. */
struct object_range {
    uint64_t offset;
    uint64_t length;
};
#define OBJECT_WHOLE ((struct object_range){0, UINT64_MAX})

enum object_put_mode {
    OBJECT_PUT_REPLACE,   /* the last writer wins */
    OBJECT_PUT_IF_ABSENT, /* LH_EXISTS where the key is taken */
};

LH_CHECKED enum lh_code object_key_check(const char *key, size_t len, struct lh_err *err);
/* The first segment starts with '_' : ours, not writable through the storage routes. */
bool object_key_is_reserved(const char *key);
/* The prefix of a list: "" or the beginning of a key, with or without a trailing slash. */
LH_CHECKED enum lh_code object_prefix_check(const char *prefix, struct lh_err *err);

/* Small objects in one call. */
LH_CHECKED enum lh_code object_put(struct object_store *s, const char *key, const void *data, size_t len,
                                   enum object_put_mode mode, struct object_info *ret_info, struct lh_err *err);
/* LH_NOT_FOUND; LH_TOO_LARGE above max_bytes.  `ret_data` must be empty. */
LH_CHECKED enum lh_code object_get(struct object_store *s, const char *key, size_t max_bytes, struct buf *ret_data,
                                   struct object_info *ret_info, struct lh_err *err);

/* Streaming write.  Nothing is visible before commit; commit consumes the writer whatever it returns, abort too. */
LH_CHECKED enum lh_code object_writer_open(struct object_store *s, const char *key, struct object_writer **ret_writer,
                                           struct lh_err *err);
LH_CHECKED enum lh_code object_writer_write(struct object_writer *w, const void *data, size_t len, struct lh_err *err);
LH_CHECKED enum lh_code object_writer_commit(struct object_writer *w, enum object_put_mode mode,
                                             struct object_info *ret_info, struct lh_err *err);
void object_writer_abort(struct object_writer *w); /* NULL is fine */

/* Take over a finished local file (an engine worker's output): moved by link where the store can (same file system), copied
 * otherwise; fsynced either way; the file at `path` is gone on LH_OK and left alone on failure. */
LH_CHECKED enum lh_code object_put_file(struct object_store *s, const char *key, const char *path,
                                        enum object_put_mode mode, struct object_info *ret_info, struct lh_err *err);

/* Streaming read. */
LH_CHECKED enum lh_code object_reader_open(struct object_store *s, const char *key, struct object_range range,
                                           struct object_reader **ret_reader, struct object_info *ret_info,
                                           struct lh_err *err);
LH_CHECKED enum lh_code object_reader_read(struct object_reader *r, void *data, size_t cap, size_t *ret_len,
                                           struct lh_err *err); /* 0 at the end */
/* A descriptor to sendfile() from, positioned nowhere in particular: *ret_offset and *ret_length tell the part.  Owned by the
 * reader.  -1 where the store has none (then use object_reader_read). */
int object_reader_fd(struct object_reader *r, uint64_t *ret_offset, uint64_t *ret_length);
void object_reader_close(struct object_reader *r); /* NULL is fine */

LH_CHECKED enum lh_code object_head(struct object_store *s, const char *key, struct object_info *ret_info,
                                    struct lh_err *err);

#define OBJECT_LIST_MAX 10000

/* Up to `limit` (1 to OBJECT_LIST_MAX) objects whose key starts with `prefix` and is greater than `after` ("" : from the start), in byte order, in the
 * arena.  *ret_more tells that another page follows (continue after the last key). */
LH_CHECKED enum lh_code object_list(struct object_store *s, const char *prefix, const char *after, size_t limit,
                                    struct arena *arena, struct object_info **ret_items, size_t *ret_count,
                                    bool *ret_more, struct lh_err *err);

/* Deleting what is not there is LH_NOT_FOUND. */
LH_CHECKED enum lh_code object_delete(struct object_store *s, const char *key, struct lh_err *err);

/* The absolute path of a local file with the object's bytes, for DuckDB: the object itself in a local store, a copy in the
 * cache of immutable files for a remote one.  In `arena`. */
LH_CHECKED enum lh_code object_local_path(struct object_store *s, const char *key, struct arena *arena,
                                          const char **ret_path, struct lh_err *err);
/* The folder below which all local paths lie; workers may read there. */
const char *object_store_local_root(struct object_store *s);

const char *object_store_backend(struct object_store *s); /* "local" */
/* Can the bucket be used now?  A cheap call that reaches the backend.  LH_IO: never again, since a write could not be confirmed (S8);
 * any other code: not now. */
LH_CHECKED enum lh_code object_store_ping(struct object_store *s, struct lh_err *err);
/* As ping, and would a write be let in: not on a file system mounted read-only, nor in a folder of somebody else's.  Leaves no
 * trace.  LH_UNAVAILABLE. */
LH_CHECKED enum lh_code object_store_check_writable(struct object_store *s, struct lh_err *err);
void object_store_free(struct object_store *s); /* NULL is fine; no call may be in flight */

#endif
