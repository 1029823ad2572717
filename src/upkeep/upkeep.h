/* The upkeep of datasets: compaction, vacuum, and the thread that starts them by itself.
 *
 * Compaction merges files and applies deltas and tombstones; each step is one commit that replaces exactly the files it read, so
 * what is written meanwhile stays (upkeep/compact.c).  Vacuum removes what no version within the retention names
 * (upkeep/vacuum.c).  Both are jobs (jobs/jobs.h) of the kinds UPKEEP_COMPACT (subject: the dataset) and UPKEEP_VACUUM.
 * docs/maintenance.md tells users what happens when, and what it costs.  Thread-safe. */
#ifndef LH_UPKEEP_UPKEEP_H
#define LH_UPKEEP_UPKEEP_H

#include "base/error.h"
#include "base/id.h"
#include "base/json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buckets;
struct catalog;
struct engine;
struct jobs;
struct journal;
struct lh_config;
struct os;
struct upkeep;

#define UPKEEP_COMPACT "compact"
#define UPKEEP_VACUUM "vacuum"
#define UPKEEP_VACUUM_SUBJECT "catalog"

/* All outlive the upkeep. */
struct upkeep_services {
    struct os *os;
    const struct lh_config *config;
    struct buckets *buckets;
    struct catalog *catalog;
    struct engine *engine;
    struct journal *journal; /* NULL: none follows the catalog */
    struct jobs *jobs;
    const char *tmp_dir;
    /* Told what no caller's error tells.  Any thread.  NULL: nobody. */
    void (*notice)(void *ctx, enum lh_code code, const char *text);
    void *notice_ctx;
};

/* Registers the kinds: before jobs_start. */
struct upkeep *upkeep_new(const struct upkeep_services *services);
/* Starts the thread that looks for what is due (maintenance.interval). */
LH_CHECKED enum lh_code upkeep_start(struct upkeep *u, struct lh_err *err);
/* The jobs have stopped before.  NULL is fine. */
void upkeep_free(struct upkeep *u);

struct upkeep_compaction {
    const char *dataset;
    const char *sort_by; /* a column; NULL: the primary key, or as the rows come */
    bool full;           /* also what is in order already */
    const char *actor;
};
/* LH_NOT_FOUND (the dataset), LH_INVALID (the column), and what jobs_submit returns. */
LH_CHECKED enum lh_code upkeep_submit_compaction(struct upkeep *u, const struct upkeep_compaction *compaction,
                                                 char ret_id[LH_ULID_SIZE], bool *ret_joined, struct lh_err *err);

/* `retention_ms` -1: that of the configuration. */
LH_CHECKED enum lh_code upkeep_submit_vacuum(struct upkeep *u, int64_t retention_ms, const char *actor,
                                             char ret_id[LH_ULID_SIZE], bool *ret_joined, struct lh_err *err);
/* What a vacuum would do now; nothing is changed.
 *     {"horizon_version", "files", "bytes", "orphans", "orphan_bytes", "kept_foreign", "items": [{"bucket", "key",
 *      "size_bytes", "orphan"}], "truncated"} */
LH_CHECKED enum lh_code upkeep_dry_vacuum(struct upkeep *u, int64_t retention_ms, json_t **ret_answer,
                                          struct lh_err *err);

/* {"automatic", "retention_ms", "horizon": {...} or null, "last_vacuum": a job or null}; a new reference. */
LH_CHECKED enum lh_code upkeep_describe(struct upkeep *u, json_t **ret_answer, struct lh_err *err);
struct manifest;
/* One dataset: its files by role, shares, the last compaction, what is next and why; a new reference. */
json_t *upkeep_describe_dataset(struct upkeep *u, const struct manifest *m);

static inline void upkeep_auto_release(struct upkeep **u) {
    upkeep_free(*u);
}

#endif
