/* The open journal, seen from inside the module.
 *
 * Locks, in the order in which they may be taken:
 *   feed_lock     held while the feed derives events.
 *   compact_lock  held by compact from end to end.
 *   (the log's own: flush calls the sink under them)
 *   files_lock    held by whoever makes a new set of files, also over the listing of the bucket.
 *   lock          guards the members below it; held for no input or output.
 * A reader takes the pending events and the set of files under one hold of `lock`; the sink swaps both under one hold too, so
 * that no event is in neither or, but for a crash, in both. */
#ifndef LH_JOURNAL_JOURNAL_INTERNAL_H
#define LH_JOURNAL_JOURNAL_INTERNAL_H

#include "base/json.h"
#include "journal/event_files.h"
#include "journal/journal.h"
#include "journal/pending.h"
#include "os/thread.h"
#include "store/append_log.h"

#include <pthread.h>

struct journal {
    struct journal_options options;
    char *tmp_dir;
    char *damage; /* of the local log, as it was found when it was opened; NULL: none */
    struct append_log *log;
    struct lh_ulid_source ulids;

    pthread_mutex_t feed_lock;
    journal_feed_fn *feed;
    void *feed_ctx;

    pthread_mutex_t compact_lock;
    pthread_mutex_t files_lock;

    pthread_mutex_t lock;
    struct pending pending;
    struct event_files *files;
    unsigned scans; /* begun and not ended: files that were replaced stay */
    uint64_t covered;
    uint64_t flushed_writer, flushed_sequence; /* the last record that the sink took */

    struct os_thread thread;
    pthread_cond_t wake; /* with `lock` */
    bool stop;
};

void journal_notice(struct journal *j, enum lh_code code, const char *fmt, ...) LH_PRINTF(3, 4);

/* The set of files, with a reference. */
struct event_files *journal_files(struct journal *j);
/* Look at the bucket again: other servers write and merge there too. */
LH_CHECKED enum lh_code journal_refresh_files(struct journal *j, struct lh_err *err);

/* As journal_flush, without the feed. */
LH_CHECKED enum lh_code journal_flush_log(struct journal *j, struct journal_flushed *ret_flushed, struct lh_err *err);

/* compact.c.  The file counts from now on; takes over the reference. */
void journal_begin_counting(struct journal *j, struct event_file *file);
/* What other files replace goes from the bucket; adds to *gone. */
LH_CHECKED enum lh_code journal_delete_replaced(struct journal *j, size_t *gone, struct lh_err *err);

/* redact.c: do what journal_redact was asked for.  compact_lock is held. */
LH_CHECKED enum lh_code journal_work_off_redactions(struct journal *j, size_t *gone, struct lh_err *err);

/* event_sink.c: what the log flushes into. */
LH_CHECKED enum lh_code journal_sink_put(void *journal, const struct append_log_record *records, size_t count,
                                         struct lh_err *err);

/* event_build.c: one Parquet file by an engine worker. */
struct event_build {
    struct journal *journal;
    char *dir;  /* its folder below tmp_dir; goes with event_build_release */
    char *path; /* of the finished file */
};
void event_build_release(struct event_build *build);
LH_CHECKED enum lh_code event_build_open(struct journal *j, struct event_build *ret_build, struct lh_err *err);
/* From NDJSON rows, the longest of `longest` bytes; sets the file's index but for `covered` and `replaces`. */
LH_CHECKED enum lh_code event_build_write(struct event_build *build, const struct buf *rows, size_t longest,
                                          struct event_file *file, struct lh_err *err);
/* From other files. */
LH_CHECKED enum lh_code event_build_merge(struct event_build *build, struct event_file *const *sources, size_t count,
                                          struct event_file *file, struct lh_err *err);
/* From one other file; `redactions` as the task events_merge takes them. */
LH_CHECKED enum lh_code event_build_redact(struct event_build *build, struct event_file *source,
                                           const json_t *redactions, struct event_file *file, struct lh_err *err);
/* A name that follows from what is in the file: the same again after a crash, and from another server. */
void event_build_name(struct event_file *file, int64_t max_us, const struct buf *identity);

#endif
