/* The parts of an append log.  Invariants A1 to A7: append_log.h.
 *
 * Life of a record:  append -> group (memory) -> active segment (write, fdatasync: acknowledged) -> sealed segment
 *                    -> batch (put_if_absent) -> merged batch.
 *
 * Threads.  `lock` guards the fields below it and is never held over the disk.  The active segment belongs to whoever
 * has set `leader` (under `lock`): an appender that writes its group and all that joined it, or flush while it seals.
 * `flush_lock` is held by flush, compact and scan from end to end, so that no segment or batch of this process goes away
 * under them.  Order: flush_lock, then lock.
 *
 * Why a batch cannot come twice (A5): a sealed segment never changes, and the name of its batch follows from its last
 * record.  A flush that is repeated after a crash meets its own batch under that name, with the same bytes, and goes on to
 * drop the segment.  Another server's batch of the same microsecond has other bytes; the name is then counted up, the
 * same way at each repetition.  If another server has merged the batch away meanwhile, it is written again: its records
 * are then twice in the bucket, under one identity each, which scan and compact resolve. */
#ifndef LH_STORE_APPEND_LOG_INTERNAL_H
#define LH_STORE_APPEND_LOG_INTERNAL_H

#include "base/buf.h"
#include "os/thread.h"
#include "store/append_log.h"

#include <pthread.h>
#include <stdatomic.h>

struct record_ring;

struct log_segment {
    uint64_t number;
    uint64_t size_bytes;
};

/* Appends that share one fdatasync. */
struct log_group {
    struct buf frames;
    unsigned refs;
    bool done;
    struct lh_err result; /* code LH_OK: durable */
};

struct append_log {
    struct os *os;
    struct object_store *store;
    struct append_log_sink sink;
    char *prefix;
    char *folder;  /* WAL_DIR/NAME */
    int folder_fd; /* flock'ed */
    size_t segment_bytes;
    size_t max_record_bytes;
    uint64_t max_wal_bytes;
    int64_t flush_interval_ms;
    uint64_t writer; /* random, of this opening */

    pthread_mutex_t flush_lock;

    pthread_mutex_t lock;
    pthread_cond_t changed; /* a group is done, or the leader has gone */
    bool failed;            /* A6 */
    bool leader;
    struct log_group *pending; /* NULL: none */
    uint64_t next_sequence;
    int64_t last_time_us;
    uint64_t next_segment;
    struct log_segment active; /* number 0: none */
    struct log_segment *sealed;
    size_t sealed_count;
    struct record_ring *ring;

    int active_fd; /* the leader's */

    struct os_thread thread;
    pthread_cond_t wake; /* with `lock` */
    bool stop;
};

/* append_log_segment.c: the local files. */

/* Takes over the folder, makes every segment found there a sealed one, and tells their records to `fn`. */
LH_CHECKED enum lh_code log_recover(struct append_log *log, append_log_fn *fn, void *ctx,
                                    struct append_log_damage *damage, struct lh_err *err);
/* Write and sync a group.  The leader's.  *ret_final: nothing may be appended any more (A6). */
LH_CHECKED enum lh_code log_write_group(struct append_log *log, const struct buf *frames, bool *ret_final,
                                        struct lh_err *err);
/* The active segment becomes a sealed one. */
LH_CHECKED enum lh_code log_seal_active(struct append_log *log, struct lh_err *err);
/* The records of the first `segment.size_bytes` of a segment.  `json` of each is NUL-terminated. */
LH_CHECKED enum lh_code log_read_segment(struct append_log *log, struct log_segment segment, append_log_fn *fn,
                                         void *ctx, struct append_log_damage *damage, struct lh_err *err);
/* Remove the oldest sealed segment, durably; one with damage is put aside as NUMBER.damaged. */
LH_CHECKED enum lh_code log_drop_segment(struct append_log *log, bool damaged, struct lh_err *err);

/* append_log_batch.c: the objects. */

/* Puts `text` under the name of `time_us` or, where that is another's, the next free one (A4).  *ret_key is
 * lh_malloc'd. */
LH_CHECKED enum lh_code log_put_batch(struct append_log *log, int64_t time_us, const struct buf *text, char **ret_key,
                                      struct lh_err *err);
/* LH_NOT_FOUND where it was merged away.  `damage` counts its bad lines. */
LH_CHECKED enum lh_code log_read_batch(struct append_log *log, const char *key, append_log_fn *fn, void *ctx,
                                       struct append_log_damage *damage, struct lh_err *err);
struct log_batch {
    char *key;
    uint64_t size_bytes;
};
/* All batches that may have a record at or after `from_us`, in order of their names. */
LH_CHECKED enum lh_code log_list_batches(struct append_log *log, int64_t from_us, struct log_batch **ret_batches,
                                         size_t *ret_count, struct lh_err *err);
void log_free_batches(struct log_batch *batches, size_t count);

void log_note_damage(struct append_log_damage *damage, const char *fmt, ...) LH_PRINTF(2, 3);

#endif
