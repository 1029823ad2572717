/* Delimited tables and plain lines. */
#include "base/alloc.h"
#include "base/cleanup.h"
#include "engine/worker/csv_reader.h"
#include "engine/worker/csv_scan.h"
#include "engine/worker/csv_sniff.h"
#include "engine/worker/ingest_job.h"
#include "engine/worker/tasks.h"
#include "os/thread.h"

#include <string.h>
#include <strings.h>

/* "tab", "\t" or the character itself; CSV_LOOK where nothing is said. */
static enum lh_code one_character(const char *name, const char *text, int *ret_character, struct lh_err *err) {
    *ret_character = CSV_LOOK;
    if (!*text)
        return LH_OK;
    if (strcasecmp(text, "tab") == 0 || strcmp(text, "\\t") == 0)
        *ret_character = '\t';
    else if (strcasecmp(text, "none") == 0)
        *ret_character = -1;
    else if (strlen(text) == 1 && (unsigned char)*text < 0x80 && *text != '\n' && *text != '\r')
        *ret_character = (unsigned char)*text;
    else
        return lh_fail(err, LH_INVALID, "%s has to be one ASCII character, \"tab\" or \"none\"", name);
    return LH_OK;
}

static enum lh_code sniff(const struct ingest_job *job, struct csv_format *ret_format, struct lh_err *err) {
    struct csv_sniff_options options = {
        .header = CSV_LOOK,
        .truncated = !job->head_is_all,
        .max_record_bytes = (size_t)job->max_line_bytes,
        .max_fields = (size_t)job->max_columns,
        .named_csv = job->kind == INPUT_CSV || job->kind == INPUT_TSV,
    };
    LH_TRY(one_character("delimiter", job->delimiter, &options.delimiter, err));
    LH_TRY(one_character("quote", job->quote, &options.quote, err));
    if (options.delimiter == CSV_LOOK && job->kind == INPUT_TSV)
        options.delimiter = '\t';
    if (*job->header) {
        if (strcmp(job->header, "true") != 0 && strcmp(job->header, "false") != 0)
            return lh_fail(err, LH_INVALID, "header has to be true or false");
        options.header = strcmp(job->header, "true") == 0;
    }
    return csv_sniff(buf_cstr(&job->head), job->head.len, &options, ret_format, err);
}

enum lh_code ingest_csv_fits(const struct ingest_job *job, bool *ret_fits, struct lh_err *err) {
    struct csv_format format;
    *ret_fits = false;
    struct lh_err ignored = LH_ERR_INIT;
    if (sniff(job, &format, &ignored) != LH_OK)
        return ignored.code == LH_INVALID ? (*err = ignored, ignored.code) : LH_OK;
    /* Commas occur in prose; other delimiters hardly. */
    bool prose = format.dialect.delimiter == ',' && format.columns < 3;
    bool many = memchr(buf_cstr(&job->head), '\n', job->head.len ? job->head.len - 1 : 0) != NULL;
    *ret_fits = format.dialect.delimiter >= 0 && format.agreement >= (prose ? 0.99 : 0.9) && many;
    return LH_OK;
}

static void add_columns(struct ingest_job *job, const struct csv_format *format, const struct csv_record *header) {
    for (size_t i = 0; i < format->columns; i++) {
        bool named = header && i < header->count;
        (void)row_file_add_column(&job->rows, named ? header->fields[i].text : "", named ? header->fields[i].len : 0);
    }
}

struct csv_run {
    struct ingest_job *job;
    const struct csv_format *format;
    struct row_value *values; /* format->columns of them */
    bool named;
    uint64_t short_rows;
};

static enum lh_code reject(struct csv_run *run, const struct csv_record *record, struct lh_err *err) {
    LH_AUTO(buf) struct buf why = BUF_INIT;
    if (record->bad)
        buf_append_str(&why, record->bad);
    else
        buf_printf(&why, "%zu fields where %zu were expected", record->count, run->format->columns);
    return row_file_reject(&run->job->rows, record->line, buf_cstr(&why), record->raw, record->raw_len, err);
}

static enum lh_code take_record(struct csv_run *run, const struct csv_record *record, struct lh_err *err) {
    const struct csv_format *format = run->format;
    if (record->line <= format->preamble_lines) {
        if (record->blank || (format->separator_line && record->line == 1))
            return LH_OK;
        return row_file_reject(&run->job->rows, record->line, "stands before the table", record->raw, record->raw_len,
                               err);
    }
    if (record->blank && (format->columns > 1 || !run->named))
        return LH_OK; /* in a table of one column a blank line is a missing value */
    if (!run->named) {
        if (record->bad)
            return reject(run, record, err);
        run->named = true;
        add_columns(run->job, format, format->header ? record : NULL);
        if (format->header)
            return LH_OK;
    }
    size_t count = record->count;
    while (count > format->columns && record->fields[count - 1].len == 0)
        count--; /* delimiters too many at the end of a line hold nothing */
    if (record->bad || count > format->columns || count < format->min_fields)
        return reject(run, record, err);
    run->short_rows += count < format->columns;
    for (size_t i = 0; i < count; i++) {
        const struct csv_field *f = &record->fields[i];
        run->values[i] = (struct row_value){.text = f->len ? f->text : NULL, .len = f->len};
        if (f->len)
            run->values[i].kinds = value_kinds(f->text, f->len);
    }
    return row_file_write(&run->job->rows, run->values, count, record->line, err);
}

/* Every record of the file through our own reader. */
static enum lh_code read_all(struct ingest_job *job, const struct csv_format *format, struct lh_err *err) {
    LH_AUTO(text_source) struct text_source *source = NULL;
    LH_TRY(ingest_open_text(job, &source, err));
    LH_AUTO(csv_reader) struct csv_reader reader;
    csv_reader_init(&reader, &format->dialect, source, (size_t)job->max_line_bytes, (size_t)job->max_columns);
    LH_AUTO(mem) struct row_value *values = lh_calloc(format->columns, sizeof *values);
    struct csv_run run = {.job = job, .format = format, .values = values};
    const struct csv_record *record;
    for (uint64_t n = 0;; n++) {
        LH_TRY(csv_reader_next(&reader, &record, err));
        if (!record)
            break;
        LH_TRY(take_record(&run, record, err));
        if (n % 4096 == 0) {
            if (task_cancelled(job->task))
                return lh_fail(err, LH_CANCELLED, "the ingest was cancelled");
            task_progress(job->task, 0.6 * (double)text_source_bytes_read(source) / (double)(job->file_bytes + 1),
                          job->rows.row_count);
        }
    }
    if (run.short_rows)
        ingest_warn(job, "%llu rows are shorter than the header; their missing values are NULL",
                    (unsigned long long)run.short_rows);
    ingest_note_decoder(job, source);
    return LH_OK;
}

/* ---- the fast path ---- */

/* Columns and facts from the head alone.  *ret_clean: nothing in it speaks against the fast path. */
static enum lh_code judge_head(struct ingest_job *job, const struct csv_format *format, bool *ret_clean,
                               struct lh_err *err) {
    LH_AUTO(csv_reader) struct csv_reader reader;
    csv_reader_init_text(&reader, &format->dialect, buf_cstr(&job->head), job->head.len, (size_t)job->max_line_bytes,
                         (size_t)job->max_columns);
    const struct csv_record *record;
    bool clean = true, named = false;
    while (clean) {
        LH_TRY(csv_reader_next(&reader, &record, err));
        if (!record || reader.at == reader.text.len)
            break; /* the last one may be cut */
        if (record->blank)
            continue;
        clean = !record->bad && record->count == format->columns;
        if (clean && !named) {
            named = true;
            add_columns(job, format, format->header ? record : NULL);
            if (format->header)
                continue;
        }
        for (size_t i = 0; clean && i < record->count; i++) {
            const struct csv_field *f = &record->fields[i];
            if (f->len)
                column_note(&job->rows.facts[i], value_kinds(f->text, f->len), f->text, f->len, record->line);
            else
                column_note_null(&job->rows.facts[i]);
        }
    }
    for (size_t i = 0; clean && i < job->rows.names.count; i++)
        clean = !column_undecided(&job->rows.facts[i]);
    *ret_clean = clean && named;
    return LH_OK;
}

static void append_character(struct buf *sql, const char *name, int character) {
    char text[2] = {character < 0 ? 0 : (char)character, 0};
    buf_printf(sql, ", %s=", name);
    buf_append_sql_string(sql, text);
}

/* DuckDB's strict reader on the file itself, where numbers and dates are read as such. */
static void append_strict_reader(const struct ingest_job *job, const struct csv_format *format,
                                 const enum value_kind *kinds, struct buf *sql) {
    buf_append_str(sql, "read_csv(");
    buf_append_sql_string(sql, job->task->untrusted_input);
    buf_printf(sql, ", auto_detect=false, strict_mode=true, comment='', nullstr='', header=%s",
               format->header ? "true" : "false");
    append_character(sql, "delim", format->dialect.delimiter);
    append_character(sql, "quote", format->dialect.quote);
    append_character(sql, "escape", format->dialect.escape);
    buf_append_str(sql, ", columns={");
    for (size_t i = 0; i < format->columns; i++)
        buf_printf(sql, "%s'v%zu': '%s'", i ? ", " : "", i, value_kind_type(kinds[i]));
    buf_append_str(sql, "})");
}

/* The pass that checks what DuckDB reads, in its own thread. */
struct checking {
    struct csv_scan scan;
    struct ingest_job *job;
    struct lh_err err;
    struct os_thread thread;
};

static void check_file(void *arg) {
    struct checking *c = arg;
    lh_ignore(csv_scan_file(&c->scan, c->job->os, c->job->task->untrusted_input, &c->err));
}

/* LH_DATA: the file is not what its head promised, and goes the slow way. */
static enum lh_code copy_checked(struct ingest_job *job, const struct ingest_source *source, struct checking *c,
                                 struct lh_err *err) {
    LH_TRY(os_thread_start(&c->thread, "lh-csv-check", 0, check_file, c, err));
    enum lh_code code = ingest_write_parquet(job, source, err);
    if (code != LH_OK)
        atomic_store(&c->scan.stop, true);
    os_thread_join(&c->thread);
    LH_TRY(code);
    if (c->err.code != LH_OK) {
        *err = c->err;
        return err->code;
    }
    return c->scan.fits && c->scan.rows == job->row_count + job->superseded
               ? LH_OK
               : lh_fail(err, LH_DATA, "some value is not what the head of the file promises");
}

static enum lh_code copy_directly(struct ingest_job *job, const struct csv_format *format, struct lh_err *err) {
    LH_AUTO(buf) struct buf sql = BUF_INIT;
    LH_AUTO(mem) enum value_kind *kinds = lh_malloc(format->columns * sizeof *kinds);
    LH_AUTO(mem) bool *typed = lh_calloc(format->columns, sizeof *typed);
    size_t typed_count = 0;
    for (size_t i = 0; i < format->columns; i++) {
        LH_AUTO(buf) struct buf unused = BUF_INIT;
        enum value_kind kind = ingest_column_kind(job, i, &unused);
        const char *wanted = ingest_wanted_type(job, job->rows.names.items[i]);
        bool digits = kind == KIND_DOUBLE && wanted && ingest_type_is_decimal(wanted);
        typed[i] = csv_scan_knows(kind) && !digits;
        kinds[i] = typed[i] ? kind : KIND_TEXT;
        typed_count += typed[i];
    }
    append_strict_reader(job, format, kinds, &sql);
    const struct ingest_source source = {.sql = buf_cstr(&sql), .sampled = true, .typed = typed};
    if (typed_count == 0)
        return ingest_write_parquet(job, &source, err);
    struct checking c = {
        .job = job,
        .err = LH_ERR_INIT,
        .scan = {.dialect = format->dialect, .kinds = kinds, .columns = format->columns, .header = format->header}};
    return copy_checked(job, &source, &c, err);
}

static bool may_go_directly(const struct ingest_job *job, const struct csv_format *format) {
    return !job->head_is_all && !job->gzip && job->encoding == ENCODING_UTF8 && !format->irregular &&
           !format->multiline_header && format->columns > 1 && format->dialect.delimiter >= 0 &&
           format->dialect.escape == format->dialect.quote;
}

enum lh_code ingest_csv(struct ingest_job *job, struct lh_err *err) {
    struct csv_format format;
    LH_TRY(sniff(job, &format, err));
    if (format.columns > (size_t)job->max_columns)
        return lh_fail(err, LH_LIMIT, "the file has more than %lld columns", (long long)job->max_columns);
    if (may_go_directly(job, &format)) {
        bool clean;
        LH_TRY(judge_head(job, &format, &clean, err));
        if (clean) {
            enum lh_code code = copy_directly(job, &format, err);
            if (code != LH_DATA)
                return code;
            *err = (struct lh_err)LH_ERR_INIT;
        }
        row_file_deinit(&job->rows);
        row_file_init(&job->rows, job->os, job->task->output_dir, (uint64_t)job->max_rejects);
    }
    if (format.dialect.blanks)
        ingest_warn(job, "a blank follows each delimiter and was taken as part of it");
    LH_TRY(read_all(job, &format, err));
    return ingest_write_rows(job, err);
}

/* ---- plain text ---- */

/* A line a row: its number and its text.  Blank lines are rows too. */
enum lh_code ingest_lines(struct ingest_job *job, struct lh_err *err) {
    LH_AUTO(text_source) struct text_source *source = NULL;
    LH_TRY(ingest_open_text(job, &source, err));
    const struct csv_dialect lines = {.delimiter = -1, .quote = -1, .escape = -1};
    LH_AUTO(csv_reader) struct csv_reader reader;
    csv_reader_init(&reader, &lines, source, (size_t)job->max_line_bytes, 1);
    (void)row_file_add_column(&job->rows, "line_number", strlen("line_number"));
    (void)row_file_add_column(&job->rows, "line", strlen("line"));
    const struct csv_record *record;
    for (;;) {
        LH_TRY(csv_reader_next(&reader, &record, err));
        if (!record)
            break;
        if (record->line % 4096 == 0 && task_cancelled(job->task))
            return lh_fail(err, LH_CANCELLED, "the ingest was cancelled");
        LH_AUTO(buf) struct buf number = BUF_INIT;
        buf_printf(&number, "%llu", (unsigned long long)record->line);
        const struct row_value values[] = {
            {.text = buf_cstr(&number), .len = number.len, .kinds = KIND_BIT(KIND_TEXT) | KIND_BIT(KIND_BIGINT)},
            {.text = record->raw, .len = record->raw_len, .kinds = KIND_BIT(KIND_TEXT)},
        };
        LH_TRY(row_file_write(&job->rows, values, 2, record->line, err));
    }
    ingest_note_decoder(job, source);
    return ingest_write_rows(job, err);
}
