/* The append log: one mechanism for every log of the server (errors; audit, trials and events later).
 *
 * A record is a JSON object.  append makes it durable in a local write-ahead log (docs/formats/wal.md; many threads
 * share one fdatasync); flush moves the records into write-once batches `PREFIX/batch_{epoch_us}.jsonl` of a bucket;
 * compact merges small batches.  The newest records are also kept in memory.  A log whose batches have another form (the
 * event journal's Parquet) brings a sink: flush hands it the records, and what it made durable is its own to read and merge.
 *
 *   A1  When append returns LH_OK the record survives power loss, and every later scan gives it exactly once.
 *   A2  A record that was not acknowledged may be there after a crash, whole; never in part.
 *   A3  Records of one log have strictly rising times and sequence numbers in the order of their acknowledgement;
 *       (writer, sequence) names a record for ever.
 *   A4  A batch is never changed.  Its name is not before the time of its last record, so a scan from a moment on reads
 *       only batches named at or after it.
 *   A5  A local segment is dropped only after its batch is durable; batches that were merged only after the merged one
 *       is.  A crash in between leaves records twice; readers drop the second by (writer, sequence), and the next
 *       compaction removes it.
 *   A6  An fsync of the local log that fails is final: the log takes no more records (LH_IO) until it is opened again.
 *   A7  Damage is reported with its place and skipped; it costs the records it hit and no others.
 *
 * Thread-safe. */
#ifndef LH_STORE_APPEND_LOG_H
#define LH_STORE_APPEND_LOG_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct append_log;
struct arena;
struct object_store;
struct os;

struct append_log_record {
    uint64_t writer;   /* the log's identity on the machine that took the record */
    uint64_t sequence; /* from 1, rising, with gaps where an append failed */
    int64_t time_us;
    const char *json; /* NUL-terminated */
    size_t len;
};

/* Where flushed records go, other than into JSON lines. */
struct append_log_sink {
    void *self;
    /* Make the records of one segment durable.  Called by one thread at a time, segments in their order.  LH_OK: the segment
     * goes.  Otherwise, and after a crash (A5), the same records come again, and the sink must know them.  Must not call
     * the log. */
    enum lh_code (*put)(void *self, const struct append_log_record *records, size_t count, struct lh_err *err);
};

struct append_log_options {
    const char *name;            /* of the folder below wal_dir: "errors" */
    const char *wal_dir;         /* DATA/wal; made where it is missing */
    struct object_store *store;  /* of the batches; outlives the log */
    const char *prefix;          /* "_errors/bucket_errors", without a slash at the end */
    struct append_log_sink sink; /* put NULL: none; else `store` is not used, and `prefix` stands in messages only */
    size_t ring_capacity;        /* newest records kept in memory; 0: 1,000 */
    size_t segment_bytes;        /* a local segment is sealed above it; 0: 4 MiB */
    size_t max_record_bytes;     /* 0: 64 KiB */
    uint64_t max_wal_bytes;      /* unflushed; append is LH_NO_SPACE above it; 0: 256 MiB */
    int64_t flush_interval_ms;   /* a thread of the log flushes that often; 0: no thread, only append_log_flush */
};

/* What opening or scanning met that was not whole (A7). */
struct append_log_damage {
    size_t places;     /* corrupt stretches, torn tails not counted */
    size_t torn_bytes; /* behind the last whole record: an append that was never acknowledged */
    char first[512];   /* where and what the first one was; "" for none */
};

/* Replays what is left in the local log and fills the ring from there and from the newest batches.  A bucket that cannot
 * be read then leaves the ring short, no more.  `ret_damage` may be NULL. */
LH_CHECKED enum lh_code append_log_open(struct os *os, const struct append_log_options *options,
                                        struct append_log **ret_log, struct append_log_damage *ret_damage,
                                        struct lh_err *err);
/* Flushes (failing that, the records wait in the local log), stops the thread.  NULL is fine. */
void append_log_close(struct append_log *log);

/* `json` must be the text of one object, without control characters (so on one line).  Blocks on the disk.
 * LH_INVALID, LH_TOO_LARGE, LH_NO_SPACE: nothing was written; LH_IO: see A2, A6.  `ret_record` (may be NULL) gets the
 * numbers, not the text. */
LH_CHECKED enum lh_code append_log_append(struct append_log *log, const char *json, size_t len,
                                          struct append_log_record *ret_record, struct lh_err *err);

/* The newest `limit` records, newest first, from memory; copied into the arena.  *ret_complete: the log never had more
 * than the ring still holds. */
void append_log_recent(struct append_log *log, size_t limit, struct arena *arena,
                       struct append_log_record **ret_records, size_t *ret_count, bool *ret_complete);

/* Called with each record, which is valid during the call; true to go on.  Must not call the log. */
typedef bool append_log_fn(const struct append_log_record *record, void *ctx);

/* Every record with from_us <= time < to_us, batches first, then what is not flushed; in order of time for a log that
 * one server writes, else in order of time batch by batch.  Flush and compact wait meanwhile; append does not.  A log with
 * a sink gives what is not flushed. */
LH_CHECKED enum lh_code append_log_scan(struct append_log *log, int64_t from_us, int64_t to_us, append_log_fn *fn,
                                        void *ctx, struct append_log_damage *ret_damage, struct lh_err *err);

struct append_log_flushed {
    size_t batches;
    size_t records;
};
/* Everything acknowledged before the call is in a batch when it returns LH_OK. */
LH_CHECKED enum lh_code append_log_flush(struct append_log *log, struct append_log_flushed *ret_flushed,
                                         struct lh_err *err);

struct append_log_compacted {
    size_t merged;  /* batches that went */
    size_t written; /* batches that took their place */
    size_t records;
};
/* Merges neighbouring batches up to `target_bytes` each (0: 8 MiB).  Damaged batches are left as they are.  LH_INTERNAL for a
 * log with a sink, whose batches are not the log's. */
LH_CHECKED enum lh_code append_log_compact(struct append_log *log, size_t target_bytes,
                                           struct append_log_compacted *ret_compacted, struct lh_err *err);

#endif
