/* One run of the task `ingest`: what its parts share.  See task_ingest.c. */
#ifndef LH_ENGINE_WORKER_INGEST_JOB_H
#define LH_ENGINE_WORKER_INGEST_JOB_H

#include "base/buf.h"
#include "base/json.h"
#include "engine/worker/input_kind.h"
#include "engine/worker/row_file.h"
#include "engine/worker/text_encoding.h"
#include "engine/worker/text_source.h"
#include "engine/worker/value_kind.h"

#include <stdbool.h>
#include <stdint.h>

struct os;
struct task;

struct ingest_job {
    struct task *task;
    struct os *os;
    const json_t *request;
    const char *file_name, *format, *delimiter, *quote, *header, *encoding_name; /* "" where not given */
    int64_t max_bytes, max_columns, max_line_bytes, max_depth, max_rejects, sample_rows, sample_bytes;

    uint64_t file_bytes;
    bool gzip;
    enum text_encoding encoding;
    size_t mark;
    struct buf head; /* the first sample_bytes, unpacked and decoded */
    bool head_is_all;
    struct row_file rows;

    /* The answer. */
    enum input_kind kind;
    uint64_t row_count, superseded;
    json_t *columns, *warnings;
};

void ingest_warn(struct ingest_job *job, const char *fmt, ...) LH_PRINTF(2, 3);

/* Each turns the input into data.parquet in the output folder and fills the answer. */
LH_CHECKED enum lh_code ingest_csv(struct ingest_job *job, struct lh_err *err);
LH_CHECKED enum lh_code ingest_lines(struct ingest_job *job, struct lh_err *err);
LH_CHECKED enum lh_code ingest_json(struct ingest_job *job, struct lh_err *err);
LH_CHECKED enum lh_code ingest_parquet(struct ingest_job *job, struct lh_err *err);

/* Is the text a table with a delimiter that all its lines agree on?  For files whose name does not say. */
LH_CHECKED enum lh_code ingest_csv_fits(const struct ingest_job *job, bool *ret_fits, struct lh_err *err);

/* Open the input as text from its start; decide its encoding by the whole file where the head left it open. */
LH_CHECKED enum lh_code ingest_open_text(struct ingest_job *job, struct text_source **ret_source, struct lh_err *err);
/* Warnings for what the decoder met. */
void ingest_note_decoder(struct ingest_job *job, const struct text_source *source);

/* The type that the request wants of a column ({"types": {name: type}}), or NULL. */
const char *ingest_wanted_type(const struct ingest_job *job, const char *name);
#define INGEST_FITTED_WHY "the dataset's type, which holds every value"
/* What a column becomes by its facts, its name, and the type that the request wants of it; the reason in words to ret_why. */
enum value_kind ingest_column_kind(const struct ingest_job *job, size_t column, struct buf *ret_why);

struct ingest_source {
    const char *sql;   /* a table function with the columns v0, v1, ... */
    bool sampled;      /* the columns' facts are a sample's */
    const bool *typed; /* the columns that are of their type already; the others are text.  NULL: none */
};
/* Columns and their SQL from job->rows' facts; then COPY from the source to data.parquet. */
LH_CHECKED enum lh_code ingest_write_parquet(struct ingest_job *job, const struct ingest_source *source,
                                             struct lh_err *err);
/* The same for rows that are all in job->rows; refuses files of which every record was rejected. */
LH_CHECKED enum lh_code ingest_write_rows(struct ingest_job *job, struct lh_err *err);
/* COPY (select) TO data.parquet; the count of rows written.  `columns`, an array of {name}, are the select's.  Where the request names a
 * key, of the rows of one key only the last is written (ingest_key_append_select). */
LH_CHECKED enum lh_code ingest_copy(struct ingest_job *job, const json_t *columns, const char *select_sql,
                                    struct lh_err *err);

/* ---- ingest_key.c: files for a dataset with a primary key, and columns of a dataset that exists ---- */

/* The rows of `select_sql` (columns as in `columns`, an array of {name}) with each key once: of several the last in the order of the
 * file.  Sorted by key.  Without a key in the request, `select_sql` as it is.  LH_DATA: no such column. */
LH_CHECKED enum lh_code ingest_key_append_select(const struct ingest_job *job, const json_t *columns,
                                                 const char *select_sql, struct buf *sql, struct lh_err *err);
/* What the COPY of it failed with, for people: a NULL in the key names row and column. */
enum lh_code ingest_key_explain(const struct ingest_job *job, struct lh_err *err);
bool ingest_has_key(const struct ingest_job *job);

/* One column whose values would get another type than its dataset has. */
struct ingest_misfit {
    const char *expression; /* its value in its own type */
    const char *own_type, *wanted;
    const char *
        digits; /* its number as text, where `wanted` is a decimal: no double stands between the two; NULL: use the expression */
    bool fits;    /* every value is one of `wanted` too, and keeps its meaning */
    uint64_t row; /* the first that does not; 0: not known */
};
/* Look at all values of the columns, in one pass over `source_sql`. */
LH_CHECKED enum lh_code ingest_judge_misfits(struct ingest_job *job, const char *source_sql,
                                             struct ingest_misfit *misfits, size_t count, struct lh_err *err);
bool ingest_type_is_decimal(const char *type);
/* The value cast to the wanted type. */
void ingest_append_fitted(const struct ingest_misfit *misfit, struct buf *sql);

/* Count, on a sample of each text column, how many values match each pattern of the request; adds "sampled" and "matches"
 * to the columns. */
LH_CHECKED enum lh_code ingest_sample_patterns(struct ingest_job *job, struct lh_err *err);

#endif
