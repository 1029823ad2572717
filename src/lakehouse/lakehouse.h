/* One open lakehouse: the services on a data folder, put together in one place.
 *
 * `lakehouse serve` opens one and hands it to the gateway; the command line opens one for `--data DIR`; tests open one on a
 * temporary folder.  Opening takes the folder's lock (LH_LOCKED names the holder), creates what is missing, empties tmp/, starts the
 * engine host, and brings the catalog up from checkpoint and log.
 *
 * The data folder:
 *     lock        flock'ed; holds the pid and the command of its holder
 *     identity    a ULID that names this folder where several share a bucket
 *     objects/    the primary bucket, unless storage.root or [[storage.buckets]] say otherwise
 *     wal/        local write-ahead logs of the append logs
 *     cache/      datasets kept hot, made again at a start; pins.json lasts
 *     tmp/        upload spools, worker folders, rows of system tables; nothing in it outlives a restart
 *
 * The members are set before lakehouse_open returns and do not change until lakehouse_close; each service is thread-safe. */
#ifndef LH_LAKEHOUSE_LAKEHOUSE_H
#define LH_LAKEHOUSE_LAKEHOUSE_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct ai;
struct buckets;
struct catalog;
struct engine;
struct error_journal;
struct hot;
struct index_service;
struct ingest;
struct jobs;
struct journal;
struct keys;
struct lh_config;
struct lh_log;
struct lh_metrics;
struct lh_tracer;
struct os;
struct os_lockfile;
struct profiles;
struct query_log;
struct system;
struct upkeep;

struct lakehouse {
    struct os *os;
    const struct lh_config *config;
    struct lh_log *log;
    struct lh_metrics *metrics;
    struct lh_tracer *tracer;
    char *data_dir; /* absolute */
    char *tmp_dir;  /* absolute; same file system as the default bucket */
    struct os_lockfile *lock;
    struct buckets *buckets;
    struct error_journal *errors;
    struct engine *engine;
    struct journal *journal;
    struct catalog *catalog;
    struct ingest *ingest;
    struct index_service *indexes;
    struct profiles *profiles; /* what an assistant works with */
    struct keys *keys;
    struct ai *ai;
    struct jobs *jobs;
    struct query_log *queries; /* recent statements of clients */
    struct hot *hot;           /* datasets kept as DuckDB files */
    struct system *system;     /* tables about the lake itself */
    struct upkeep *upkeep;     /* compaction and vacuum */
    int64_t started_ns;        /* os_monotonic_ns at open */
};

struct lakehouse_options {
    struct os *os;
    const struct lh_config *config; /* outlives the lakehouse */
    struct lh_log *log;             /* outlives the lakehouse */
    struct lh_metrics *metrics;     /* outlives the lakehouse */
    struct lh_tracer *tracer;       /* outlives the lakehouse */
    const char *data_dir;
    const char *command; /* for the lock's holder line, e.g. "lakehouse serve" */
    bool must_exist;     /* LH_NOT_FOUND instead of creating the folder */
    bool no_upkeep;      /* nothing is flushed or merged in the background, no job runs: for looking at a lake */
    bool passing;        /* opened for one command: jobs that an earlier life left unfinished wait for the next one */
};

LH_CHECKED enum lh_code lakehouse_open(const struct lakehouse_options *options, struct lakehouse **ret_lakehouse,
                                       struct lh_err *err);
/* Flushes the append logs, stops the workers and releases the lock.  NULL is fine. */
void lakehouse_close(struct lakehouse *lh);

#endif
