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

struct arena;
struct catalog;
struct catalog_snapshot;
struct catalog_txn;
struct checkpoint_codec;
struct lh_metrics;
struct object_store;
struct os;

/* ---- life ---- */

struct catalog_options {
    struct os *os;
    struct object_store *store;           /* the primary bucket; outlives the catalog */
    const struct checkpoint_codec *codec; /* catalog/checkpoint.h; NULL: checkpoints are neither read nor written */
    uint64_t checkpoint_every;            /* commits between two checkpoints; 0: 100 */
    int64_t poll_interval_ms;             /* how often others' commits are looked for; 0: never by itself */
    unsigned max_retries;                 /* of a commit that lost to another writer; 0: 20 */
    /* Told what a person should know and no caller's error tells: a checkpoint that could not be read or written, a
     * damaged record.  Called from any thread, also during catalog_open.  NULL: nobody. */
    void (*notice)(void *ctx, enum lh_code code, const char *text);
    void *notice_ctx;
    struct lh_metrics *metrics; /* NULL: none; outlives the catalog */
};

/* Brings the newest snapshot up: the newest checkpoint that is whole, then the log behind it.
 * A damaged checkpoint is a notice, and the one before it (or the log from its start) is used.  A damaged or missing record leaves the
 * catalog open for reading at the last good version: catalog_damage tells, every commit fails with LH_CORRUPT, and
 * the catalog goes on by itself once the record was restored (docs/adr/0002).
 * LH_UNSUPPORTED: the log was written by a newer release. */
LH_CHECKED enum lh_code catalog_open(const struct catalog_options *options, struct catalog **ret_catalog,
                                     struct lh_err *err);
void catalog_close(struct catalog *c); /* NULL is fine; no call may be in flight */

/* Look for others' commits now; blocks on the store. */
LH_CHECKED enum lh_code catalog_refresh(struct catalog *c, struct lh_err *err);
/* LH_OK, or LH_CORRUPT naming the object at which the log ends for us and how to repair it. */
LH_CHECKED enum lh_code catalog_damage(struct catalog *c, struct lh_err *err);

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
/* Sorted by name (manifest_name_compare); no two names are equal in that order.  Valid as long as the snapshot is held. */
const struct manifest *catalog_snapshot_get(const struct catalog_snapshot *s, size_t i);
/* The first position whose name is not before `name`: where a page of a listing goes on.  O(log n). */
size_t catalog_snapshot_lower_bound(const struct catalog_snapshot *s, const char *name);
/* Names compare as SQL identifiers do: ASCII letters without case.  NULL where there is none.  O(log n). */
const struct manifest *catalog_snapshot_find(const struct catalog_snapshot *s, const char *name);
const struct manifest *catalog_snapshot_find_id(const struct catalog_snapshot *s, const char *id);
struct catalog_change;
/* The version that a commit with the change's idempotency key made; 0 where the change has none or it is not known (any more).
 * LH_CONFLICT where the key was used for another operation or request. */
LH_CHECKED enum lh_code catalog_snapshot_find_key(const struct catalog_snapshot *s, const struct catalog_change *change,
                                                  uint64_t *ret_version, struct lh_err *err);
/* As find, but LH_NOT_FOUND names what was looked for and hints at near names. */
LH_CHECKED enum lh_code catalog_snapshot_require(const struct catalog_snapshot *s, const char *name,
                                                 const struct manifest **ret_manifest, struct lh_err *err);
/* The dataset whose lineage already holds a source with this SHA-256 (dedup); NULL where none does. */
const struct manifest *catalog_snapshot_find_source(const struct catalog_snapshot *s, const char *source_sha256,
                                                    const struct manifest_lineage **ret_lineage);

/* The nearest name to a mistyped one, for a hint; NULL where none is near. */
const char *catalog_snapshot_suggest(const struct catalog_snapshot *s, const char *name);

static inline void catalog_snapshot_auto_release(struct catalog_snapshot **s) {
    catalog_snapshot_unref(*s);
}

/* ---- commits ---- */

/* Idempotency keys are kept for at least this long and this many, whichever is less. */
#define CATALOG_KEYS_MAX ((size_t)10000)
#define CATALOG_KEYS_MAX_AGE_US (INT64_C(24) * 3600 * 1000000)
#define CATALOG_KEY_MAX_BYTES ((size_t)255)

/* Judges and describes one change against the snapshot it is called with; may be called again with a newer one.  Runs on whichever
 * thread leads the group commit: it must not block and must not take locks of its caller.  Fails to refuse the change (the code
 * and message reach the caller of catalog_commit). */
typedef enum lh_code catalog_txn_fn(struct catalog_txn *txn, const struct catalog_snapshot *base, void *ctx,
                                    struct lh_err *err);

/* Takes over the caller's reference, which must be the only one: the commit stamps version, previous_version, schema_version,
 * updated_us, created_us and id (where unset), added_version and sequence of new files, and the sums of the files; FILE_CHANGES of
 * earlier commits it drops. */
void catalog_txn_put(struct catalog_txn *txn, struct manifest *m);
/* As of which moment the change is judged: the commit's time. */
int64_t catalog_txn_time(const struct catalog_txn *txn);
void catalog_txn_delete(struct catalog_txn *txn, const char *dataset_id);

struct catalog_change {
    const char *operation; /* "ingest", "register", "patch", "delete", "resync", ... */
    const char *actor;     /* principal's name */
    /* NULL: none.  Seen before with the same operation and request: LH_OK with the earlier version and `replayed`, nothing is
     * written.  Seen before with others: LH_CONFLICT. */
    const char *idempotency_key;
    const char *request; /* what is asked, as text: all that must not differ where the key is the same.  NULL: "" */
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
    const char *operation, *actor; /* never NULL */
    uint64_t row_count, size_bytes, schema_version;
    size_t file_count;
    bool deleted;
};

/* The versions of one dataset, newest first, at most `limit` older than `before` (UINT64_MAX: from the newest).  Of a deleted
 * one too, as long as its deletion is among the newest 1,000 commits.  Strings in `arena`.  LH_NOT_FOUND. */
LH_CHECKED enum lh_code catalog_history(struct catalog *c, const char *dataset, uint64_t before, size_t limit,
                                        struct arena *arena, struct catalog_version **ret_versions, size_t *ret_count,
                                        struct lh_err *err);

#endif
