/* Ingest: one file in, one catalogued dataset out.
 *
 * The bytes are hashed while they are spooled; a file whose bytes a dataset already holds is recognised and nothing is written.
 * Otherwise a fresh, fenced `ingest` worker, which sees this one file and an output folder and nothing else, turns the
 * file into one Parquet file (zstd, row groups of 122,880 rows), a file of the lines that it could not use, and a
 * report on each column.  The Parquet file becomes an object under datasets/{name}/base/, the columns are judged for personal
 * data (ingest/pii.h), and one commit makes all of it visible with its lineage: source system -> job -> dataset.
 *
 * Promises:
 *   I1  No row is dropped silently: rows + superseded + rejects = records in the file.  Rejected lines are kept with their number,
 *       reason and text.
 *   I2  What the file said is what the dataset says: a column becomes a number, a date or a truth value only where every value
 *       prints back as it was written; whatever is ambiguous stays text (docs/adr/0004-string-when-ambiguous.md).
 *   I3  A failure leaves nothing behind, except where the outcome of the commit is not known: then the files stay.
 *
 * All functions are thread-safe and block; the server limits how many run at one time (LH_BUSY above the queue's length). */
#ifndef LH_INGEST_INGEST_H
#define LH_INGEST_INGEST_H

#include "base/error.h"
#include "base/hash.h"
#include "base/json.h"
#include "lake/lake.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct buckets;
struct buf;
struct catalog;
struct engine;
struct ingest;
struct ingest_spool;
struct lh_config;
struct os;
struct row_history;

/* Services that an ingest uses; all outlive it. */
struct ingest_services {
    struct os *os;
    const struct lh_config *config;
    struct buckets *buckets;
    struct catalog *catalog;
    struct engine *engine;
    const char *tmp_dir; /* absolute; same file system as the default bucket */
};

LH_CHECKED enum lh_code ingest_new(const struct ingest_services *services, struct ingest **ret_ingest,
                                   struct lh_err *err);
void ingest_free(struct ingest *in); /* NULL is fine; no call may be in flight */
/* In which upserts wait for one another (lake/row_history.h); as long as the ingest. */
struct row_history *ingest_row_history(struct ingest *in);

/* ---- spooling an upload ---- */

/* A file in tmp_dir that takes the bytes of an upload and hashes them on the way.  One thread's. */
LH_CHECKED enum lh_code ingest_spool_open(struct ingest *in, struct ingest_spool **ret_spool, struct lh_err *err);
/* LH_TOO_LARGE above ingest.max_upload_bytes, LH_NO_SPACE. */
LH_CHECKED enum lh_code ingest_spool_write(struct ingest_spool *s, const void *data, size_t len, struct lh_err *err);
/* Valid until ingest_spool_free; the hash is that of the bytes so far. */
const char *ingest_spool_path(const struct ingest_spool *s);
uint64_t ingest_spool_size(const struct ingest_spool *s);
void ingest_spool_sha256(const struct ingest_spool *s, char ret_hex[LH_SHA256_HEX]);
void ingest_spool_free(struct ingest_spool *s); /* removes the file; NULL is fine */

/* ---- one file ---- */

enum ingest_mode {
    INGEST_CREATE,  /* LH_EXISTS where the dataset is there already (with other bytes) */
    INGEST_APPEND,  /* rows on top of an existing dataset of the same columns; creates it where there is none */
    INGEST_REPLACE, /* the dataset consists of this file alone from now on; creates it where there is none */
    INGEST_UPSERT,  /* as append, for a dataset with a primary key: the newest row of a key wins */
};
/* "create", "append", "replace", "upsert"; LH_INVALID names what is allowed. */
LH_CHECKED enum lh_code ingest_mode_parse(const char *text, enum ingest_mode *ret_mode, struct lh_err *err);

struct ingest_request {
    const char *path;          /* absolute path of the finished local file; it is only read */
    const char *original_name; /* the name that the client gave it, or NULL; never used as a path */
    const char *sha256;        /* hex of its bytes where known (a spool knows), or NULL */
    const char *dataset;       /* NULL or "": derived from original_name */
    enum ingest_mode mode;
    /* Columns, "id" or "region,id" or a JSON array of names; NULL or "": the dataset's, or none.  With a primary key every row must have a
     * value in each of them (LH_INVALID names row and column), and of the rows of one key in the file the last counts. */
    const char *primary_key;
    bool
        text_for_misfits; /* on top of rows: a column whose new values do not fit its type becomes VARCHAR; else LH_CONFLICT */
    const char *bucket;          /* NULL: the dataset's, or the default one */
    const char *actor;           /* the principal's name */
    const char *idempotency_key; /* or NULL; with another file, target or option than before: LH_CONFLICT */
    const char *source_system;   /* "upload", "cli", "inbox", "demo" */

    /* Overrides of what is found out by looking; NULL or "": look. */
    const char *format;    /* "csv", "tsv", "json", "ndjson", "parquet", "text" */
    const char *delimiter; /* one character, "\t" or "tab" */
    const char *quote;     /* one character, or "none" */
    const char *header;    /* "true" or "false" */
    const char *encoding;  /* "utf-8", "utf-16le", "utf-16be", "windows-1252" */

    int cancel_fd;                                               /* readable when the client has gone; -1: none */
    void (*progress)(void *ctx, double fraction, uint64_t rows); /* NULL: none; on the calling thread */
    void *progress_ctx;
};

/* One column, as found.  Strings live in the report's arena. */
struct ingest_flag {
    const char *kind, *reason;
    double confidence;
};
struct ingest_column {
    const char *name;
    const char *type;         /* DuckDB's name of it */
    const char *why;          /* "every one of 1,200 values is a whole number" */
    const char *renamed_from; /* the header's own text where it had to change, or NULL */
    bool nullable;
    uint64_t misfit_row; /* the first row whose value the dataset's type does not have; 0: none */
    struct ingest_flag *flags;
    size_t flag_count;
};

struct ingest_report {
    const char *dataset;
    const char *dataset_id;
    const char *job_id;
    const char *bucket;
    const char *format;   /* as in ingest_request.format */
    const char *encoding; /* "utf-8", ...; NULL for Parquet */
    const char *sha256;
    uint64_t source_bytes;
    uint64_t version; /* catalog version that shows the rows */
    uint64_t row_count;
    uint64_t superseded_count; /* rows that a later one of the same key in the file replaced; in neither count */
    struct lake_row_counts counts;
    uint64_t reject_count;
    bool deduplicated; /* the same bytes were there already: nothing was written */
    bool created;      /* the dataset is new */
    bool
        replayed; /* the idempotency key was known: this is what its first use made.  Format, encoding and warnings are not kept */
    struct ingest_column *columns;
    size_t column_count;
    const char **warnings; /* "12 NUL bytes were removed", ... */
    size_t warning_count;
};

/* LH_DATA: the file is not what it claims to be (the message names file and place).  LH_UNSUPPORTED: a format that is not read
 * (what to do is in the hint).  LH_TOO_LARGE and LH_LIMIT: over a limit, which the hint names.  LH_EXISTS, LH_CONFLICT (columns do not
 * fit), LH_BUSY, LH_TIMEOUT, LH_CANCELLED, LH_CRASH, LH_NO_SPACE, LH_UNKNOWN_OUTCOME.
 * Same bytes: where the target dataset already holds a source with this hash the answer is LH_OK with `deduplicated`; where
 * no dataset was named and another one holds it, the report tells that other dataset.  A named dataset that lacks these bytes
 * gets its own copy.  INGEST_REPLACE deduplicates only when these bytes are all that the dataset consists of. */
LH_CHECKED enum lh_code ingest_file(struct ingest *in, const struct ingest_request *request, struct arena *arena,
                                    struct ingest_report *ret_report, struct lh_err *err);

/* The report as the HTTP answer and `lakehouse ingest --json` show it; a new reference. */
json_t *ingest_report_to_json(const struct ingest_report *report);

/* ---- rows in a request ---- */

struct ingest_delta {
    const char *dataset; /* an existing one */
    const char *text;    /* JSON: an array of objects, one object, or one a line */
    size_t text_len;
    bool lines;            /* one a line: a bad line is named by its number */
    bool text_for_misfits; /* a column whose new values do not fit its type becomes VARCHAR; otherwise LH_CONFLICT */
    const char *actor;
    const char *idempotency_key; /* or NULL */
    int cancel_fd;
};

struct ingest_delta_report {
    const char *dataset, *dataset_id;
    uint64_t version;
    bool replayed;             /* the idempotency key was known; the counts are what its commit left */
    bool upsert;               /* the dataset has a primary key: rows of keys that it had already were updated */
    uint64_t row_count;        /* rows that the commit holds */
    uint64_t superseded_count; /* rows that a later one of the same key in the request replaced */
    struct lake_row_counts counts;
    const char **added_columns;
    size_t added_column_count;
};

/* Rows into a dataset, on top of what it has, by one commit; for few rows at once and little time.  They are typed as the dataset's columns;
 * a column that it lacks is added, one that the rows lack is NULL in them, and a type is widened where it can be.  With a primary
 * key the newest row of a key wins, also within the request.  Text becomes rows in a warm, fenced worker (docs/adr/0010).
 * LH_NOT_FOUND, LH_DATA (no JSON; nothing is written), LH_INVALID (no row, a key without a value), LH_CONFLICT (names the column and the
 * first row that do not fit), LH_TOO_LARGE, LH_BUSY, LH_TIMEOUT, LH_UNKNOWN_OUTCOME. */
LH_CHECKED enum lh_code ingest_delta(struct ingest *in, const struct ingest_delta *delta, struct arena *arena,
                                     struct ingest_delta_report *ret_report, struct lh_err *err);
json_t *ingest_delta_report_to_json(const struct ingest_delta_report *report); /* a new reference */

/* ---- what was rejected ---- */

/* One page of a dataset's rejected lines, oldest ingest first, as {"items":[{"line","reason","raw"}...],
 * "next_page_token":...}.  `page_token` is that of the page before or NULL.  LH_NOT_FOUND, LH_INVALID (a bad token). */
LH_CHECKED enum lh_code ingest_rejects_page(struct ingest *in, const char *dataset, size_t limit,
                                            const char *page_token, json_t **ret_page, struct lh_err *err);

/* ---- names ---- */

/* The dataset name that a file name gives: the last path segment without its extensions (.csv, .csv.gz, ...), ASCII in lower case,
 * runs of anything but letters and digits becoming one '_' ; "data" where nothing is left. */
void ingest_dataset_name(const char *file_name, struct buf *ret_name);

static inline void ingest_spool_auto_release(struct ingest_spool **s) {
    ingest_spool_free(*s);
}

#endif
