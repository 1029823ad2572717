/* The journal of operational errors: which operation failed on which bucket, when and why; served at /storage/errors.
 * An append log (store/append_log.h) below `_errors/bucket_errors` of the primary bucket.  Thread-safe. */
#ifndef LH_STORE_ERROR_JOURNAL_H
#define LH_STORE_ERROR_JOURNAL_H

#include "base/error.h"
#include "store/append_log.h"

struct error_journal;

struct error_entry {
    const char *bucket;
    const char *operation; /* what was asked for: "PUT /storage/objects/{*key}", "POST /ingest/file" */
    const char *key;       /* "" where there is none */
    const char *code;      /* lh_code_name */
    const char *message;
    const char *request_id; /* "" where there is none */
    int64_t time_us;        /* set by the journal */
};

LH_CHECKED enum lh_code error_journal_open(struct os *os, struct object_store *primary, const char *wal_dir,
                                           int64_t flush_interval_ms, struct error_journal **ret_journal,
                                           struct append_log_damage *ret_damage, struct lh_err *err);
void error_journal_close(struct error_journal *j); /* NULL is fine */

/* Record that `failure` met an operation.  Blocks on the disk; a failure to record is returned and must not replace the
 * one being recorded.  `key` and `request_id` may be NULL. */
LH_CHECKED enum lh_code error_journal_record(struct error_journal *j, const char *bucket, const char *operation,
                                             const char *key, const char *request_id, const struct lh_err *failure,
                                             struct lh_err *err);

struct error_filter {
    const char *bucket; /* NULL or "": every bucket */
    int64_t since_us;   /* at or after; 0: from the beginning */
    size_t limit;       /* 1 to ERROR_JOURNAL_LIMIT_MAX */
};
#define ERROR_JOURNAL_LIMIT_MAX 10000

/* The newest entries that pass the filter, newest first, in the arena. */
LH_CHECKED enum lh_code error_journal_recent(struct error_journal *j, const struct error_filter *filter,
                                             struct arena *arena, struct error_entry **ret_entries, size_t *ret_count,
                                             struct lh_err *err);

LH_CHECKED enum lh_code error_journal_flush(struct error_journal *j, struct append_log_flushed *ret_flushed,
                                            struct lh_err *err);
LH_CHECKED enum lh_code error_journal_compact(struct error_journal *j, struct append_log_compacted *ret_compacted,
                                              struct lh_err *err);

#endif
