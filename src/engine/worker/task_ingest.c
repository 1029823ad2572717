/* The task `ingest`: one untrusted file in, data.parquet, rejects.ndjson and a report out.
 *
 *     bytes -> what is it?  (input_kind)     Parquet, JSON, lines or a delimited table; gzip is unpacked on the way
 *           -> text in UTF-8 (text_source)   whatever the encoding was
 *           -> rows          (csv_reader, json_rows -> row_file)   one unmistakable CSV, rejects, and the facts of each column
 *           -> types         (value_kind)    text where in doubt
 *           -> data.parquet  (DuckDB)        conversion and compression
 *
 * DuckDB sees of a messy file only our canonical rows.  A large clean CSV file takes the fast path (task_ingest_csv.c): DuckDB's
 * own strict reader on the file itself, with types from a sample and a check on every value; whatever it complains about sends
 * the file through the readers above, which look at every value before they decide.  So both paths give the same rows.
 *
 * Request: {name, format?, delimiter?, quote?, header?, encoding?, limits..., patterns: [{kind, pattern}],
 *           types?: {column: type of the dataset}, key?: [column], sample_new_only?: bool (only columns that types lacks)}
 * Answer: {format, encoding?, rows, superseded?, rejects, kept_rejects, warnings: [text],
 *          columns: [{name, type, why, renamed_from?, misfit_row?, sampled?, matches?}]}
 * With a key, of the rows of one key the last is written and the others are counted as superseded. */
#include "base/alloc.h"
#include "engine/worker/ingest_job.h"
#include "engine/worker/tasks.h"
#include "os/file.h"
#include "os/os.h"

#include <stdarg.h>
#include <string.h>

void ingest_warn(struct ingest_job *job, const char *fmt, ...) {
    LH_AUTO(buf) struct buf text = BUF_INIT;
    va_list args;
    va_start(args, fmt);
    buf_vprintf(&text, fmt, args);
    va_end(args);
    json_array_append_new(job->warnings, json_string(buf_cstr(&text)));
}

static enum lh_code read_request(struct ingest_job *job, struct lh_err *err) {
    const json_t *r = job->request;
    LH_TRY(lh_json_get_string_or(r, "", "name", "", &job->file_name, err));
    LH_TRY(lh_json_get_string_or(r, "", "format", "", &job->format, err));
    LH_TRY(lh_json_get_string_or(r, "", "delimiter", "", &job->delimiter, err));
    LH_TRY(lh_json_get_string_or(r, "", "quote", "", &job->quote, err));
    LH_TRY(lh_json_get_string_or(r, "", "header", "", &job->header, err));
    LH_TRY(lh_json_get_string_or(r, "", "encoding", "", &job->encoding_name, err));
    LH_TRY(lh_json_get_int_or(r, "", "max_bytes", INT64_MAX, &job->max_bytes, err));
    LH_TRY(lh_json_get_int_or(r, "", "max_columns", 2000, &job->max_columns, err));
    LH_TRY(lh_json_get_int_or(r, "", "max_line_bytes", (int64_t)16 << 20, &job->max_line_bytes, err));
    LH_TRY(lh_json_get_int_or(r, "", "json_max_depth", 64, &job->max_depth, err));
    LH_TRY(lh_json_get_int_or(r, "", "max_rejects", 10000, &job->max_rejects, err));
    LH_TRY(lh_json_get_int_or(r, "", "sample_rows", 2000, &job->sample_rows, err));
    return lh_json_get_int_or(r, "", "sample_bytes", (int64_t)1 << 20, &job->sample_bytes, err);
}

static enum lh_code read_head(struct ingest_job *job, struct lh_err *err) {
    const char *path = job->task->untrusted_input;
    struct os_stat stat;
    LH_TRY(os_stat_at(job->os, AT_FDCWD, path, &stat, err));
    job->file_bytes = stat.size_bytes;
    size_t max = (size_t)job->sample_bytes;
    LH_AUTO(buf) struct buf raw = BUF_INIT;
    LH_TRY(text_source_head(job->os, path, false, max, &raw, err));
    job->head_is_all = job->file_bytes <= max;
    job->gzip = input_is_gzip(raw.data, raw.len);
    if (job->gzip) {
        buf_reset(&raw);
        LH_TRY(text_source_head(job->os, path, true, max, &raw, err));
        job->head_is_all = raw.len < max;
        if (input_is_gzip(raw.data, raw.len) || input_is_parquet(raw.data, raw.len)) {
            (void)lh_fail(err, LH_UNSUPPORTED, "the gzip file holds another packed file");
            return lh_err_hint(err, "unpack the outer one first");
        }
    }
    if (raw.len == 0)
        return lh_fail(err, LH_DATA, "the file is empty");
    LH_TRY(input_refuse_foreign(raw.data, raw.len, err));
    if (!job->gzip && input_is_parquet(raw.data, raw.len)) {
        job->kind = INPUT_PARQUET;
        return LH_OK;
    }
    job->encoding = text_encoding_guess(raw.data, raw.len, &job->mark);
    if (*job->encoding_name && !text_encoding_from_name(job->encoding_name, &job->encoding))
        return lh_fail(
            err, LH_INVALID,
            "encoding \"%.40s\" is not known; there are utf-8, utf-16le, utf-16be and windows-1252 (latin-1)",
            job->encoding_name);
    struct text_decoder decoder;
    text_decoder_init(&decoder, job->encoding);
    text_decode(&decoder, raw.data + job->mark, raw.len - job->mark, job->head_is_all, &job->head);
    if (!*job->encoding_name && text_decoder_doubts_utf8(&decoder)) {
        job->encoding = ENCODING_WINDOWS_1252;
        text_decoder_init(&decoder, job->encoding);
        buf_reset(&job->head);
        text_decode(&decoder, raw.data + job->mark, raw.len - job->mark, true, &job->head);
    }
    return input_refuse_binary(buf_cstr(&job->head), job->head.len, err);
}

static enum lh_code find_kind(struct ingest_job *job, struct lh_err *err) {
    enum input_kind by_name = *job->file_name ? input_kind_of_name(job->file_name) : INPUT_UNKNOWN;
    if (*job->format) {
        enum input_kind wanted;
        LH_TRY(input_kind_from_name(job->format, &wanted, err));
        if (wanted == INPUT_PARQUET || job->kind == INPUT_PARQUET) {
            if (wanted != job->kind)
                return lh_fail(err, LH_DATA, "the file is %s Parquet file", wanted == INPUT_PARQUET ? "no" : "a");
        }
        job->kind = wanted;
        return LH_OK;
    }
    if (job->kind == INPUT_PARQUET)
        return LH_OK;
    if (by_name == INPUT_PARQUET)
        return lh_fail(err, LH_DATA, "the file is no Parquet file: it does not start with PAR1");
    job->kind = input_kind_of_text(buf_cstr(&job->head), job->head.len, by_name);
    if (job->kind != INPUT_UNKNOWN)
        return LH_OK;
    if (by_name == INPUT_CSV || by_name == INPUT_TSV) {
        job->kind = by_name;
        return LH_OK;
    }
    bool fits;
    LH_TRY(ingest_csv_fits(job, &fits, err));
    job->kind = fits ? INPUT_CSV : INPUT_TEXT;
    return LH_OK;
}

static enum lh_code run(struct ingest_job *job, struct lh_err *err) {
    LH_TRY(read_request(job, err));
    job->kind = INPUT_UNKNOWN;
    LH_TRY(read_head(job, err));
    LH_TRY(find_kind(job, err));
    row_file_deinit(&job->rows);
    row_file_init(&job->rows, job->os, job->task->output_dir, (uint64_t)job->max_rejects);
    switch (job->kind) {
    case INPUT_PARQUET: LH_TRY(ingest_parquet(job, err)); break;
    case INPUT_JSON:
    case INPUT_NDJSON: LH_TRY(ingest_json(job, err)); break;
    case INPUT_CSV:
    case INPUT_TSV: LH_TRY(ingest_csv(job, err)); break;
    case INPUT_TEXT:
    case INPUT_UNKNOWN: LH_TRY(ingest_lines(job, err)); break;
    }
    task_progress(job->task, 0.95, job->row_count);
    return ingest_sample_patterns(job, err);
}

static json_t *answer_of(struct ingest_job *job) {
    json_t *answer = json_object();
    json_object_set_new(answer, "format", json_string(input_kind_name(job->kind)));
    if (job->kind != INPUT_PARQUET)
        json_object_set_new(answer, "encoding", json_string(text_encoding_name(job->encoding)));
    json_object_set_new(answer, "rows", json_integer((json_int_t)job->row_count));
    if (ingest_has_key(job))
        json_object_set_new(answer, "superseded", json_integer((json_int_t)job->superseded));
    json_object_set_new(answer, "rejects", json_integer((json_int_t)job->rows.reject_count));
    json_object_set_new(answer, "kept_rejects", json_integer((json_int_t)job->rows.kept_rejects));
    json_object_set(answer, "columns", job->columns);
    json_object_set(answer, "warnings", job->warnings);
    return answer;
}

/* DuckDB names files in its messages.  The client knows neither the spool nor the output folder, and need not. */
static void hide_path(struct lh_err *err, const char *path, const char *instead) {
    size_t path_len = strlen(path), instead_len = strlen(instead);
    if (path_len < instead_len)
        return;
    for (char *at = strstr(err->message, path); at; at = strstr(at, path)) {
        memcpy(at, instead, instead_len);
        memmove(at + instead_len, at + path_len, strlen(at + path_len) + 1);
        at += instead_len;
    }
}

enum lh_code task_ingest(struct task *t, const json_t *request, json_t **ret_answer, struct lh_err *err) {
    if (!t->untrusted_input || !t->output_dir)
        return lh_fail(err, LH_INTERNAL, "the task ingest needs an input and an output folder");
    struct ingest_job job = {
        .task = t, .os = os_real(), .request = request, .columns = json_array(), .warnings = json_array()};
    row_file_init(&job.rows, job.os, t->output_dir, 0);
    enum lh_code code = run(&job, err);
    if (code == LH_OK) {
        *ret_answer = answer_of(&job);
    } else {
        hide_path(err, t->untrusted_input, "upload");
        hide_path(err, t->output_dir, "output");
    }
    row_file_deinit(&job.rows);
    buf_release(&job.head);
    json_decref(job.columns);
    json_decref(job.warnings);
    return code;
}
