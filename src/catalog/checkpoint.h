/* Checkpoints: all manifests and idempotency keys of one version in one object, so that a start need not read the whole log.
 *
 * In between stands a text of rows, each a kind, a space, one line of JSON, the same for every encoding:
 *     manifest {...}
 *     key {"key","version","time"}
 *     summary {"format","version","time","record_sha256","manifests","keys","sha256"}     the last one
 * The summary's sha256, its last member, covers every other body in order, each with a newline, and the summary up to the
 * checksum itself.  A codec turns the rows into the bytes of the object
 * and back: Parquet by the engine, the bare text in tests. */
#ifndef LH_CATALOG_CHECKPOINT_H
#define LH_CATALOG_CHECKPOINT_H

#include "base/buf.h"
#include "base/error.h"

#include <stdint.h>

struct catalog_snapshot;
struct engine;
struct object_store;
struct os;

struct checkpoint_codec {
    void *self;
    /* Encode the rows and put them at `key`.  LH_EXISTS where it is taken (another server was quicker: just as good). */
    enum lh_code (*write)(void *self, struct object_store *store, const char *key, const struct buf *rows,
                          struct lh_err *err);
    /* Append the rows of the object at `key`: LH_NOT_FOUND, LH_CORRUPT or LH_DATA, ... */
    enum lh_code (*read)(void *self, struct object_store *store, const char *key, struct buf *ret_rows,
                         struct lh_err *err);
};

#define CHECKPOINT_FORMAT 1

/* Pure: a snapshot as rows, and back.  LH_CORRUPT names what does not fit; LH_UNSUPPORTED a newer format. */
void checkpoint_rows_write(const struct catalog_snapshot *s, struct buf *out);
LH_CHECKED enum lh_code checkpoint_rows_read(const char *rows, size_t len, struct catalog_snapshot **ret_snapshot,
                                             struct lh_err *err);

LH_CHECKED enum lh_code checkpoint_write(const struct checkpoint_codec *codec, struct object_store *store,
                                         const struct catalog_snapshot *s, struct lh_err *err);
LH_CHECKED enum lh_code checkpoint_read(const struct checkpoint_codec *codec, struct object_store *store,
                                        uint64_t version, struct catalog_snapshot **ret_snapshot, struct lh_err *err);

/* The versions of all checkpoints there are, ascending, lh_malloc'd. */
LH_CHECKED enum lh_code checkpoint_list(struct object_store *store, uint64_t **ret_versions, size_t *ret_count,
                                        struct lh_err *err);

/* The codec that stands in production: Parquet, written and read by the engine's tasks checkpoint_write and
 * checkpoint_read in fresh, fenced workers.  `tmp_dir` is absolute.  All outlive the codec. */
struct checkpoint_engine {
    struct os *os;
    struct engine *engine;
    const char *tmp_dir;
};
struct checkpoint_codec checkpoint_engine_codec(struct checkpoint_engine *self);

#endif
