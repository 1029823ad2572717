/* From rows to data.parquet, and what is said of the columns. */
#include "base/alloc.h"
#include "engine/worker/ingest_job.h"
#include "engine/worker/tasks.h"
#include "engine/worker/text_source.h"

#include <string.h>
#include <strings.h>

/* Read the whole text once, only for what its bytes are. */
static enum lh_code survey(struct ingest_job *job, struct text_source *source, struct lh_err *err) {
    LH_AUTO(buf) struct buf text = BUF_INIT;
    for (bool end = false; !end;) {
        buf_reset(&text);
        LH_TRY(text_source_read(source, &text, &end, err));
        if (task_cancelled(job->task))
            return lh_fail(err, LH_CANCELLED, "the ingest was cancelled");
    }
    if (text_decoder_doubts_utf8(text_source_decoder(source)))
        job->encoding = ENCODING_WINDOWS_1252;
    return text_source_rewind(source, job->encoding, err);
}

enum lh_code ingest_open_text(struct ingest_job *job, struct text_source **ret_source, struct lh_err *err) {
    struct text_source_options options = {
        .path = job->task->untrusted_input,
        .gzip = job->gzip,
        .encoding = job->encoding,
        .mark = job->mark,
        .max_bytes = (uint64_t)job->max_bytes,
    };
    LH_AUTO(text_source) struct text_source *source = NULL;
    LH_TRY(text_source_open(job->os, &options, &source, err));
    bool open = job->encoding == ENCODING_UTF8 && !job->head_is_all && !*job->encoding_name && job->mark == 0;
    if (open)
        LH_TRY(survey(job, source, err));
    *ret_source = LH_STEAL(source);
    return LH_OK;
}

void ingest_note_decoder(struct ingest_job *job, const struct text_source *source) {
    const struct text_decoder *d = text_source_decoder(source);
    if (d->nuls)
        ingest_warn(job, "%llu NUL characters were removed", (unsigned long long)d->nuls);
    if (d->bad)
        ingest_warn(job, "%llu bytes are no %s characters and became U+FFFD", (unsigned long long)d->bad,
                    text_encoding_name(d->encoding));
    if (d->encoding == ENCODING_WINDOWS_1252 && !*job->encoding_name)
        ingest_warn(job, "the text is not UTF-8 and was read as windows-1252");
}

/* DuckDB holds a row group of every column in memory before it writes it, so that a wide table's groups are shorter: about as many
 * values as 64 columns of full length have. */
static size_t row_group_rows(size_t columns) {
    const size_t full = 122880, vector = 2048;
    size_t rows = columns > 64 ? full * 64 / columns / vector * vector : full;
    return rows > vector ? rows : vector;
}

static enum lh_code count_superseded(struct ingest_job *job, const char *select_sql, struct lh_err *err) {
    int64_t all = (int64_t)job->rows.row_count;
    if (job->rows.path == NULL) { /* DuckDB read the input itself */
        LH_AUTO(buf) struct buf sql = BUF_INIT;
        buf_printf(&sql, "SELECT count(*) FROM (%s)", select_sql);
        LH_TRY(session_query_int64(job->task->session, buf_cstr(&sql), &all, err));
    }
    job->superseded = (uint64_t)all > job->row_count ? (uint64_t)all - job->row_count : 0;
    return LH_OK;
}

enum lh_code ingest_copy(struct ingest_job *job, const json_t *columns, const char *select_sql, struct lh_err *err) {
    LH_AUTO(buf) struct buf sql = BUF_INIT;
    LH_AUTO(buf) struct buf path = BUF_INIT;
    buf_printf(&path, "%s/data.parquet", job->task->output_dir);
    buf_append_str(&sql, "COPY (");
    LH_TRY(ingest_key_append_select(job, columns, select_sql, &sql, err));
    buf_append_str(&sql, ") TO ");
    buf_append_sql_string(&sql, buf_cstr(&path));
    buf_printf(&sql, " (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE %zu)", row_group_rows(job->rows.names.count));
    int64_t count;
    if (session_query_int64(job->task->session, buf_cstr(&sql), &count, err) != LH_OK)
        return ingest_key_explain(job, err);
    job->row_count = (uint64_t)count;
    return ingest_has_key(job) ? count_superseded(job, select_sql, err) : LH_OK;
}

const char *ingest_wanted_type(const struct ingest_job *job, const char *name) {
    json_t *types = json_object_get(job->request, "types"), *type;
    const char *key;
    json_object_foreach(types, key, type) {
        if (strcasecmp(key, name) == 0)
            return json_string_value(type);
    }
    return NULL;
}

static json_t *describe(const struct ingest_job *job, size_t i, const char *type, const char *why, bool sampled) {
    json_t *column = json_object();
    json_object_set_new(column, "name", json_string(job->rows.names.items[i]));
    if (job->rows.names.original[i])
        json_object_set_new(column, "renamed_from", json_string(job->rows.names.original[i]));
    json_object_set_new(column, "type", json_string(type));
    json_object_set_new(
        column, "why",
        json_sprintf("%s%s", why,
                     sampled && strcmp(type, "VARCHAR") != 0 ? " (by a sample; all others were checked)" : ""));
    return column;
}

enum value_kind ingest_column_kind(const struct ingest_job *job, size_t column, struct buf *ret_why) {
    const struct column_facts *facts = &job->rows.facts[column];
    const char *name = job->rows.names.items[column], *wanted = ingest_wanted_type(job, name);
    enum value_kind kind = column_decide(facts, name, ret_why);
    if (wanted && kind == KIND_TEXT && strcasecmp(wanted, "FLOAT") == 0)
        wanted = "DOUBLE"; /* from where it is cast */
    return wanted ? column_fit(facts, kind, wanted) : kind;
}

/* What a column is going to be. */
struct column_plan {
    struct buf why;
    struct buf expression; /* its value in the type that its values have */
    struct buf digits;     /* its number as text; empty: of no use */
    const char *type;
    const char *wanted; /* what the dataset has; NULL: nothing */
    bool only_wanted;   /* no value speaks for or against it */
    struct ingest_misfit *misfit;
};

static void plan_column(const struct ingest_job *job, const struct ingest_source *source, size_t i,
                        struct column_plan *plan) {
    enum value_kind kind = ingest_column_kind(job, i, &plan->why);
    plan->wanted = ingest_wanted_type(job, job->rows.names.items[i]);
    plan->only_wanted = plan->wanted && job->rows.facts[i].values == 0;
    plan->type = plan->only_wanted ? plan->wanted : value_kind_type(kind);
    LH_AUTO(buf) struct buf ident = BUF_INIT;
    buf_printf(&ident, "v%zu", i);
    if (source->typed && source->typed[i])
        buf_append_str(&plan->expression, buf_cstr(&ident));
    else if (plan->only_wanted)
        buf_printf(&plan->expression, "CAST(v%zu AS %s)", i, plan->wanted);
    else
        value_kind_append_sql(kind, buf_cstr(&ident), &plan->expression);
    if (plan->wanted && ingest_type_is_decimal(plan->wanted) && !(source->typed && source->typed[i]))
        (void)value_kind_append_digits(kind, buf_cstr(&ident), &plan->digits);
}

/* Columns whose values have another type than the dataset: keep its type where every value has a place there. */
static enum lh_code settle_misfits(struct ingest_job *job, const struct ingest_source *source,
                                   struct column_plan *plans, struct ingest_misfit *misfits, struct lh_err *err) {
    size_t count = 0;
    for (size_t i = 0; i < job->rows.names.count; i++) {
        struct column_plan *p = &plans[i];
        if (!p->wanted || p->only_wanted || strcasecmp(p->wanted, p->type) == 0)
            continue;
        misfits[count] = (struct ingest_misfit){.expression = buf_cstr(&p->expression),
                                                .own_type = p->type,
                                                .wanted = p->wanted,
                                                .digits = p->digits.len ? buf_cstr(&p->digits) : NULL};
        p->misfit = &misfits[count++];
    }
    return ingest_judge_misfits(job, source->sql, misfits, count, err);
}

static void append_column(const struct ingest_job *job, const struct ingest_source *source, size_t i,
                          const struct column_plan *p, json_t *columns, struct buf *sql) {
    bool fitted = p->misfit && p->misfit->fits;
    buf_append_str(sql, i ? ", " : "");
    if (fitted)
        ingest_append_fitted(p->misfit, sql);
    else
        buf_append_str(sql, buf_cstr(&p->expression));
    buf_append_str(sql, " AS ");
    buf_append_sql_ident(sql, job->rows.names.items[i]);
    json_t *column = fitted ? describe(job, i, p->wanted, INGEST_FITTED_WHY, false)
                            : describe(job, i, p->type, buf_cstr(&p->why), source->sampled);
    if (p->misfit && !fitted)
        json_object_set_new(column, "misfit_row", json_integer((json_int_t)p->misfit->row));
    json_array_append_new(columns, column);
}

static enum lh_code write_columns(struct ingest_job *job, const struct ingest_source *source, struct column_plan *plans,
                                  struct lh_err *err) {
    size_t count = job->rows.names.count;
    LH_AUTO(mem) struct ingest_misfit *misfits = lh_calloc(count + 1, sizeof *misfits);
    LH_AUTO(buf) struct buf sql = BUF_INIT;
    LH_AUTO(json) json_t *columns = json_array();
    for (size_t i = 0; i < count; i++)
        plan_column(job, source, i, &plans[i]);
    LH_TRY(settle_misfits(job, source, plans, misfits, err));
    buf_append_str(&sql, "SELECT ");
    for (size_t i = 0; i < count; i++)
        append_column(job, source, i, &plans[i], columns, &sql);
    buf_printf(&sql, " FROM %s", source->sql);
    LH_TRY(ingest_copy(job, columns, buf_cstr(&sql), err));
    json_array_clear(job->columns);
    json_array_extend(job->columns, columns);
    return LH_OK;
}

enum lh_code ingest_write_parquet(struct ingest_job *job, const struct ingest_source *source, struct lh_err *err) {
    size_t count = job->rows.names.count;
    LH_AUTO(mem) struct column_plan *plans = lh_calloc(count + 1, sizeof *plans);
    enum lh_code code = write_columns(job, source, plans, err);
    for (size_t i = 0; i < count; i++) {
        buf_release(&plans[i].why);
        buf_release(&plans[i].expression);
        buf_release(&plans[i].digits);
    }
    return code;
}

enum lh_code ingest_write_rows(struct ingest_job *job, struct lh_err *err) {
    struct row_file *rows = &job->rows;
    LH_TRY(row_file_finish(rows, err));
    if (rows->row_count == 0 && rows->reject_count > 0) {
        (void)lh_fail(err, LH_DATA, "none of the file's %llu records could be read as %s",
                      (unsigned long long)rows->reject_count, input_kind_name(job->kind));
        return lh_err_hint(err,
                           "name the format (format=csv|tsv|json|ndjson|text), and for CSV the delimiter and quote");
    }
    if (rows->names.count == 0)
        return lh_fail(err, LH_DATA, "there is no record and no column in it");
    if (rows->kept_rejects < rows->reject_count)
        ingest_warn(job, "only the first %llu rejected lines are kept (ingest.max_rejects)",
                    (unsigned long long)rows->kept_rejects);
    LH_AUTO(buf) struct buf sql = BUF_INIT;
    row_file_append_source(rows, &sql);
    const struct ingest_source source = {.sql = buf_cstr(&sql)};
    enum lh_code code = ingest_write_parquet(job, &source, err);
    if (code == LH_DATA) {
        /* Every value was looked at, so that DuckDB has nothing to complain of. */
        err->code = LH_INTERNAL;
        return lh_err_context(err, "writing checked rows");
    }
    LH_TRY(code);
    if (job->row_count + job->superseded != rows->row_count)
        return lh_fail(err, LH_INTERNAL, "%llu rows went into the Parquet file that should hold %llu",
                       (unsigned long long)(job->row_count + job->superseded), (unsigned long long)rows->row_count);
    return LH_OK;
}
