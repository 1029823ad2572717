/* The event journal: what changed, when, by whom; append-only.
 *
 * An event is durable in a local write-ahead log before it is acknowledged (store/append_log.h, shared fdatasync).  A thread
 * moves events into Parquet files in the primary bucket, `_journal/events/{yyyy-mm-dd}/{ulid}.parquet`, sorted by entity,
 * and merges small files into larger ones (docs/formats/journal.md).
 *
 *   J1  When journal_append returns LH_OK all its events survive power loss; after a crash they are there together or,
 *       where it had not returned, perhaps not at all.
 *   J2  An event is never changed and never given twice by one read; its id names it for ever.  Erasure alone takes an entity's name
 *       and values out of its events (journal_redact); that they happened, when and by whom, stays.
 *   J3  A file is never changed.  A merged one stands, and says what it replaces, before what it replaces goes.
 *   J4  Events that follow from another log (the catalog's commits) have ids that follow from it too, so deriving them
 *       again does no harm; journal_covered tells how far they were derived.  A feed brings the journal up to date
 *       before every flush and every read, so a commit's events can be read as soon as the commit is acknowledged, and
 *       a failing journal delays them and cannot lose them (docs/adr/0007).
 *
 * Thread-safe; every call blocks on the disk or on the engine. */
#ifndef LH_JOURNAL_JOURNAL_H
#define LH_JOURNAL_JOURNAL_H

#include "base/error.h"
#include "base/id.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct engine;
struct journal;
struct object_store;
struct os;

#define JOURNAL_NAME_MAX ((size_t)255)        /* bytes of entity_type, action, actor, source, workspace_id */
#define JOURNAL_ENTITY_MAX ((size_t)1024)     /* of entity_id and field */
#define JOURNAL_VALUE_MAX ((size_t)64 * 1024) /* of a value's JSON text */
#define JOURNAL_APPEND_MAX ((size_t)1000)     /* events of one call */
#define JOURNAL_READ_MAX ((size_t)10000)      /* events of one answer */

struct journal_event {
    const char *id;          /* ULID; NULL in journal_append: made */
    int64_t ts_us;           /* 0 in journal_append: now */
    const char *entity_type; /* "dataset", "bucket", "key", "row", ... */
    const char *entity_id;
    const char *field;                 /* NULL: the entity as a whole */
    const char *action;                /* "create", "update", "delete", "ingest", ... */
    const char *old_value, *new_value; /* JSON texts; NULL: none */
    const char *actor;
    const char *source;       /* "catalog", "api", ... */
    const char *workspace_id; /* NULL: none */
};

struct journal_options {
    struct os *os;
    struct object_store *store; /* the primary bucket; outlives the journal, as do the others */
    struct engine *engine;
    const char *wal_dir;       /* DATA/wal */
    const char *tmp_dir;       /* for files in the making, in the bucket's file system where that can be */
    int64_t flush_interval_ms; /* a thread flushes and merges that often; 0: no thread */
    size_t tier_files;         /* files of one day and size class that are merged into one; 0: 8 */
    /* Told what no caller's error tells: a flush or merge that failed, a damaged index.  Any thread.  NULL: nobody. */
    void (*notice)(void *ctx, enum lh_code code, const char *text);
    void *notice_ctx;
};

/* LH_LOCKED, LH_IO, ...  A bucket that cannot be listed fails the opening. */
LH_CHECKED enum lh_code journal_open(const struct journal_options *options, struct journal **ret_journal,
                                     struct lh_err *err);
/* Flushes what waits (failing that, it waits in the local log).  NULL is fine. */
void journal_close(struct journal *j);

/* What of the local log could not be read when it was opened; NULL: all of it could.  Borrowed. */
const char *journal_damage(const struct journal *j);

/* Derives what is missing from the log it follows and appends it.  One call at a time; it may call journal_append and
 * journal_covered, and nothing else of the journal. */
typedef enum lh_code journal_feed_fn(void *ctx, struct lh_err *err);
/* NULL: none.  When this returns the old feed is not running and will not run. */
void journal_set_feed(struct journal *j, journal_feed_fn *feed, void *ctx);
/* Let the feed append what is missing: afterwards what it reads of commits until now may go (a vacuum asks for this). */
LH_CHECKED enum lh_code journal_catch_up(struct journal *j, struct lh_err *err);

/* All of the events or none; `covered` 0, or the catalog version up to which events are in the journal with these.
 * `ret_ids`: an array of `count`, or NULL.  LH_INVALID names a field that is missing or too long. */
LH_CHECKED enum lh_code journal_append(struct journal *j, const struct journal_event *events, size_t count,
                                       uint64_t covered, char (*ret_ids)[LH_ULID_SIZE], struct lh_err *err);
uint64_t journal_covered(struct journal *j);

struct journal_query {
    const char *entity_id;
    const char *entity_type; /* NULL: entities of that id of any type */
    int64_t as_of_us;        /* no later events; INT64_MAX: all */
    size_t limit;            /* 1 to JOURNAL_READ_MAX */
};
/* The newest `limit` events of an entity, oldest first, in the arena.  *ret_more: there are older ones.  None at all: LH_OK with
 * count 0. */
LH_CHECKED enum lh_code journal_history(struct journal *j, const struct journal_query *query, struct arena *arena,
                                        struct journal_event **ret_events, size_t *ret_count, bool *ret_more,
                                        struct lh_err *err);
/* The newest `limit` events of all, newest first. */
LH_CHECKED enum lh_code journal_recent(struct journal *j, size_t limit, struct arena *arena,
                                       struct journal_event **ret_events, size_t *ret_count, struct lh_err *err);

/* All events, as files and as what is in no file yet, of one moment: for SQL over the journal.  The files stay until
 * journal_scan_end.  After a crash an event may stand both in a file and among the others until the next flush. */
struct journal_scan {
    const char **paths; /* Parquet; docs/formats/journal.md tells the columns */
    size_t path_count;
    struct journal_event *events;
    size_t event_count;
};
LH_CHECKED enum lh_code journal_scan_begin(struct journal *j, struct arena *arena, struct journal_scan *ret_scan,
                                           struct lh_err *err);
void journal_scan_end(struct journal *j); /* of a scan that began with LH_OK */

struct journal_flushed {
    size_t files;
    size_t events;
};
/* Everything acknowledged before the call is in Parquet when it returns LH_OK. */
LH_CHECKED enum lh_code journal_flush(struct journal *j, struct journal_flushed *ret_flushed, struct lh_err *err);

struct journal_compacted {
    size_t merged;  /* files that went */
    size_t written; /* files that took their place */
};
/* Works off redactions, and merges what is due.  An event is so rewritten at most once a size class: log8 of its day's number of events. */
LH_CHECKED enum lh_code journal_compact(struct journal *j, struct journal_compacted *ret_compacted, struct lh_err *err);

/* What people may demand to be forgotten (docs/adr/0008): an entity's events lose their values, and `replacement` takes the place
 * of its name. */
struct journal_redaction {
    const char *entity_type, *entity_id;
    const char *replacement;
    int64_t until_us; /* its events up to this time; later ones are left alone */
};
/* Durable when it returns; done by the next journal_compact, and by that alone, whatever crashes in between.  The events must have
 * been appended before. */
LH_CHECKED enum lh_code journal_redact(struct journal *j, const struct journal_redaction *redactions, size_t count,
                                       struct lh_err *err);

struct journal_stats {
    uint64_t events;              /* in files and pending; while servers share a bucket some may count twice */
    uint64_t pending;             /* not in a file yet */
    uint64_t files, bytes;        /* Parquet */
    uint64_t unindexed;           /* files whose index is missing or damaged: searched always, counted as empty */
    uint64_t covered;             /* journal_covered */
    int64_t oldest_us, newest_us; /* 0: no events */
};
LH_CHECKED enum lh_code journal_get_stats(struct journal *j, struct journal_stats *ret_stats, struct lh_err *err);

struct journal_check {
    bool deep; /* read every value, not only what the footers say */
    /* `damage`: events cannot be read; else they can, but something should be done. */
    void (*finding)(void *ctx, bool damage, const char *object, const char *message);
    void *ctx;
};
/* Looks at every file that counts.  LH_OK however much is found. */
LH_CHECKED enum lh_code journal_check(struct journal *j, const struct journal_check *check, uint64_t *ret_files,
                                      struct lh_err *err);

static inline void journal_auto_release(struct journal **j) {
    journal_close(*j);
}

#endif
