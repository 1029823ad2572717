/* The catalog: which datasets there are, and of which files each consists.
 *
 * The truth is the commit log in the primary bucket (`_catalog/log/{version:020}.json`, put-if-absent, docs/formats/commit-log.md);
 * in memory stands an immutable, reference-counted snapshot that is swapped at each commit.  Readers take a snapshot and hold it as
 * long as they need; they never block and never see half a commit.  Writers describe their change as a function of a
 * snapshot; concurrent ones are written together in one record (group commit), each judged alone.
 * Several processes may share the storage: a lost race reloads and retries; a poll brings in others' commits.
 * All functions are thread-safe. */
#ifndef LH_CATALOG_CATALOG_H
#define LH_CATALOG_CATALOG_H

#include "base/error.h"
#include "catalog/manifest.h"

#include <stddef.h>
#include <stdint.h>

struct catalog;
struct catalog_snapshot;
struct catalog_txn;
struct object_store;

/* ---- snapshots ---- */

struct catalog_snapshot *catalog_snapshot(struct catalog *c); /* the newest, with a reference for the caller */
struct catalog_snapshot *catalog_snapshot_ref(struct catalog_snapshot *s);
void catalog_snapshot_unref(struct catalog_snapshot *s); /* NULL is fine */

/* As of a past version or moment, rebuilt from checkpoint and log (the last few are kept).  LH_NOT_FOUND where there was none. */
LH_CHECKED enum lh_code catalog_snapshot_at_version(struct catalog *c, uint64_t version, struct catalog_snapshot **ret,
                                                    struct lh_err *err);
LH_CHECKED enum lh_code catalog_snapshot_at_time(struct catalog *c, int64_t time_us, struct catalog_snapshot **ret,
                                                 struct lh_err *err);

uint64_t catalog_snapshot_version(const struct catalog_snapshot *s); /* 0: no commit yet */
int64_t catalog_snapshot_time(const struct catalog_snapshot *s);
size_t catalog_snapshot_count(const struct catalog_snapshot *s);
/* Sorted by name in byte order.  Valid as long as the snapshot is held. */
const struct manifest *catalog_snapshot_get(const struct catalog_snapshot *s, size_t i);
/* Names compare as SQL identifiers do: ASCII case-insensitively, an exact match first.  NULL where there is none. */
const struct manifest *catalog_snapshot_find(const struct catalog_snapshot *s, const char *name);
/* As find, but LH_NOT_FOUND names what was looked for and hints at near names. */
LH_CHECKED enum lh_code catalog_snapshot_require(const struct catalog_snapshot *s, const char *name,
                                                 const struct manifest **ret_manifest, struct lh_err *err);
/* The dataset whose lineage already holds a source with this SHA-256 (dedup); NULL where none does. */
const struct manifest *catalog_snapshot_find_source(const struct catalog_snapshot *s, const char *source_sha256,
                                                    const struct manifest_lineage **ret_lineage);

static inline void catalog_snapshot_auto_release(struct catalog_snapshot **s) {
    catalog_snapshot_unref(*s);
}

/* ---- commits ---- */

/* Judges and describes one change against the snapshot it is called with; may be called again with a newer one.  Runs on whichever
 * thread leads the group commit: it must not block and must not take locks of its caller.  Fails to refuse the change (the code
 * and message reach the caller of catalog_commit). */
typedef enum lh_code catalog_txn_fn(struct catalog_txn *txn, const struct catalog_snapshot *base, void *ctx,
                                    struct lh_err *err);

void catalog_txn_put(struct catalog_txn *txn, struct manifest *m); /* takes over the caller's reference */
void catalog_txn_delete(struct catalog_txn *txn, const char *dataset_id);

struct catalog_change {
    const char *operation;       /* "ingest", "register", "patch", "delete", "resync", ... */
    const char *actor;           /* principal's name */
    const char *idempotency_key; /* NULL: none.  Seen before: LH_OK with the earlier version and `replayed`, nothing is written. */
    catalog_txn_fn *fn;
    void *ctx;
};

struct catalog_commit {
    uint64_t version; /* the commit's catalog version */
    bool replayed;    /* the idempotency key was known */
};

/* Returns when the change is durable.  A transaction that puts and deletes nothing writes nothing and returns the base's version.
 * LH_UNKNOWN_OUTCOME: could not even be read back; nothing may be deleted, the caller may retry with the same key. */
LH_CHECKED enum lh_code catalog_commit(struct catalog *c, const struct catalog_change *change,
                                       struct catalog_commit *ret_commit, struct lh_err *err);

/* ---- history ---- */

struct catalog_version {
    uint64_t version;
    int64_t at_us;
    const char *operation, *actor;
    uint64_t row_count, size_bytes, schema_version;
    size_t file_count;
    bool deleted;
};

/* The versions of one dataset, newest first, at most `limit` older than `before` (UINT64_MAX: from the newest). */
LH_CHECKED enum lh_code catalog_history(struct catalog *c, const char *dataset, uint64_t before, size_t limit,
                                        struct arena *arena, struct catalog_version **ret_versions, size_t *ret_count,
                                        struct lh_err *err);

#endif
