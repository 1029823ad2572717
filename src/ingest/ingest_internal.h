/* What the parts of ingest share; not for other folders. */
#ifndef LH_INGEST_INTERNAL_H
#define LH_INGEST_INTERNAL_H

#include "base/error.h"
#include "base/id.h"
#include "base/json.h"
#include "ingest/ingest.h"
#include "ingest/pii.h"
#include "lake/catalog_ops.h"
#include "lake/lake.h"

#define INGEST_OPERATION "ingest" /* in the commit log */

struct catalog_snapshot;
struct manifest;
struct manifest_lineage;

struct ingest {
    struct ingest_services services;
    struct lh_ulid_source ulids;
    struct pii_rules *pii;
    struct catalog_ops ops;
    struct row_history *history;
};

/* An object that the commit will name. */
struct ingest_object {
    bool there;
    char key[512];
    uint64_t size_bytes;
    char sha256[LH_SHA256_HEX];
};

/* One ingest between the worker and the commit. */
struct ingest_commit {
    struct ingest *in;
    const struct ingest_request *request;
    const char *dataset; /* its name */
    const char *asked;   /* what an idempotency key stands for */
    const char *bucket;
    const char *sha256;
    uint64_t source_bytes;
    const char *job_id;
    const char *const *key; /* the primary key that the rows were written for */
    size_t key_count;
    const struct ingest_report *report; /* columns, row_count, reject_count */
    struct ingest_object data, rejects;

    /* Set by the commit. */
    bool deduplicated, created, replayed;
    struct lake_row_counts counts;
    uint64_t version;
    char dataset_id[LH_ULID_SIZE];
};

/* Does the dataset already consist of these bytes, in the sense of ingest_file? */
const struct manifest_lineage *ingest_known_source(const struct manifest *m, const char *sha256, enum ingest_mode mode);
/* The primary key for rows of this request: the dataset's own, or the one that the request gives a new one.  LH_INVALID, LH_CONFLICT. */
LH_CHECKED enum lh_code ingest_choose_key(const struct manifest *existing, const char *dataset, enum ingest_mode mode,
                                          const char *asked, struct arena *arena, const char *const **ret_key,
                                          size_t *ret_count, struct lh_err *err);
/* What every worker that reads rows is told: limits, patterns, the key, and the types of the columns that are there. */
json_t *ingest_task_request(const struct ingest *in, const struct manifest *existing, const char *const *key,
                            size_t key_count);
/* Would the mode be refused as the catalog stands?  Asked before any work, and again by the commit. */
LH_CHECKED enum lh_code ingest_check_mode(const struct manifest *existing, const char *dataset, enum ingest_mode mode,
                                          struct lh_err *err);
/* Do the columns of rows that a worker read fit those of the dataset (the commit judges again; here the first row that does not can be
 * named: LH_CONFLICT)?  With text_for_misfits, *ret_reread: the dataset with those columns as VARCHAR that cannot take the rows
 * otherwise; the rows are to be read again for it, so that they are written as text.  NULL: they are fine as they are. */
LH_CHECKED enum lh_code ingest_fit_columns(const struct ingest *in, const struct manifest *existing,
                                           const struct ingest_report *report, bool text_for_misfits, int cancel_fd,
                                           struct manifest **ret_reread, struct lh_err *err);
/* "inserted", "updated" and "unchanged" of an answer: null where they are not known. */
void ingest_counts_to_json(const struct lake_row_counts *counts, json_t *answer);
/* The report's columns, with their flags. */
void ingest_draft_columns(struct manifest *m, const struct ingest_report *report);
LH_CHECKED enum lh_code ingest_commit_run(struct ingest_commit *c, struct lh_err *err);

/* Fill the report's columns, counts and warnings from a worker's answer, and judge its columns.  LH_CORRUPT: no such answer. */
LH_CHECKED enum lh_code ingest_report_read(struct ingest *in, const json_t *answer, struct arena *arena,
                                           struct ingest_report *report, struct lh_err *err);

#endif
