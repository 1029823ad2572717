/* Parquet in, Parquet out: every page is decoded once, so that a damaged file is found now and not by a query. */
#include "base/alloc.h"
#include "engine/worker/column_names.h"
#include "engine/worker/ingest_job.h"
#include "engine/worker/tasks.h"
#include "os/file.h"

#include <string.h>
#include <strings.h>

#define PARQUET_FOOTER_MAX ((uint32_t)256 << 20)

/* The frame of the file: PAR1 | data | metadata | u32 length of it | PAR1. */
static enum lh_code check_frame(const struct ingest_job *job, struct lh_err *err) {
    const char *path = job->task->untrusted_input;
    unsigned char tail[8];
    size_t got = 0;
    int fd;
    if (job->file_bytes < 12)
        return lh_fail(err, LH_DATA, "the Parquet file is cut short: it has only %llu bytes",
                       (unsigned long long)job->file_bytes);
    LH_TRY(os_open(job->os, AT_FDCWD, path, O_RDONLY, 0, 0, &fd, err));
    enum lh_code code =
        os_pread_full(job->os, fd, tail, sizeof tail, job->file_bytes - 8, "the Parquet file", &got, err);
    os_close(job->os, fd);
    LH_TRY(code);
    if (got < sizeof tail || memcmp(tail + 4, "PAR1", 4) != 0)
        return lh_fail(err, LH_DATA, "the Parquet file is cut short or damaged: it does not end in PAR1 at byte %llu",
                       (unsigned long long)job->file_bytes);
    uint32_t metadata = (uint32_t)tail[0] | (uint32_t)tail[1] << 8 | (uint32_t)tail[2] << 16 | (uint32_t)tail[3] << 24;
    if (metadata > PARQUET_FOOTER_MAX || (uint64_t)metadata + 12 > job->file_bytes)
        return lh_fail(err, LH_DATA, "the Parquet file is damaged: its footer claims %lu bytes of metadata",
                       (unsigned long)metadata);
    return LH_OK;
}

/* A column of the file on its way into ours. */
struct parquet_column {
    struct buf ident; /* quoted, as the file calls it */
    char *type;
    struct ingest_misfit *misfit; /* NULL: of the type that is wanted, or none is */
};

static struct parquet_column *columns_new(size_t count) {
    return lh_calloc(count + 1, sizeof(struct parquet_column));
}

static void columns_free(struct parquet_column *columns, size_t count) {
    for (size_t i = 0; i < count; i++) {
        buf_release(&columns[i].ident);
        lh_free(columns[i].type);
    }
    lh_free(columns);
}

static enum lh_code describe_file(struct ingest_job *job, const char *source, struct query_result *ret_result,
                                  struct lh_err *err) {
    LH_AUTO(buf) struct buf describe = BUF_INIT;
    struct session *session = job->task->session;
    buf_printf(&describe, "DESCRIBE FROM %s", source);
    LH_TRY(session_query(session, buf_cstr(&describe), &ret_result->result, err));
    ret_result->duckdb = session->duckdb;
    uint64_t count = session->duckdb->row_count(&ret_result->result);
    if (count > (uint64_t)job->max_columns) {
        (void)lh_fail(err, LH_LIMIT, "the file has %llu columns, more than %lld", (unsigned long long)count,
                      (long long)job->max_columns);
        return lh_err_hint(err, "the limit is ingest.max_columns");
    }
    return LH_OK;
}

/* Types whose values are cast one by one, without a doubt about what their text is. */
static bool is_plain(const char *type) {
    return !strpbrk(type, "[") && strncmp(type, "STRUCT(", 7) != 0 && strncmp(type, "MAP(", 4) != 0 &&
           strcmp(type, "BLOB") != 0 && strcmp(type, "BIT") != 0;
}

/* The files of a dataset are read together, in the type that DuckDB finds for all of theirs: a FLOAT would make INTEGERs inexact that the
 * dataset has as DOUBLE.  So each file is written in the dataset's types where they hold its values. */
static enum lh_code fit_columns(struct ingest_job *job, const char *source, const struct column_names *names,
                                struct parquet_column *columns, struct ingest_misfit *misfits, struct lh_err *err) {
    size_t count = 0;
    for (size_t i = 0; i < names->count; i++) {
        const char *wanted = ingest_wanted_type(job, names->items[i]);
        if (!wanted || strcasecmp(wanted, columns[i].type) == 0 || !is_plain(columns[i].type) || !is_plain(wanted))
            continue;
        misfits[count] = (struct ingest_misfit){
            .expression = buf_cstr(&columns[i].ident), .own_type = columns[i].type, .wanted = wanted};
        columns[i].misfit = &misfits[count++];
    }
    return ingest_judge_misfits(job, source, misfits, count, err);
}

static void append_column(struct ingest_job *job, const struct column_names *names, size_t i,
                          const struct parquet_column *c, struct buf *sql) {
    bool fitted = c->misfit && c->misfit->fits;
    json_t *column = json_object();
    buf_append_str(sql, i ? ", " : "");
    if (fitted)
        ingest_append_fitted(c->misfit, sql);
    else
        buf_append_str(sql, buf_cstr(&c->ident));
    buf_append_str(sql, " AS ");
    buf_append_sql_ident(sql, names->items[i]);
    json_object_set_new(column, "name", json_string(names->items[i]));
    if (names->original[i])
        json_object_set_new(column, "renamed_from", json_string(names->original[i]));
    json_object_set_new(column, "type", json_string(fitted ? c->misfit->wanted : c->type));
    json_object_set_new(column, "why", json_string(fitted ? INGEST_FITTED_WHY : "as the Parquet file declares it"));
    if (c->misfit && !fitted)
        json_object_set_new(column, "misfit_row", json_integer((json_int_t)c->misfit->row));
    json_array_append_new(job->columns, column);
}

static enum lh_code select_fitted(struct ingest_job *job, const char *source, const struct column_names *names,
                                  struct parquet_column *columns, struct buf *sql, struct lh_err *err) {
    LH_AUTO(mem) struct ingest_misfit *misfits = lh_calloc(names->count + 1, sizeof *misfits);
    LH_TRY(fit_columns(job, source, names, columns, misfits, err));
    buf_append_str(sql, "SELECT ");
    for (size_t i = 0; i < names->count; i++)
        append_column(job, names, i, &columns[i], sql);
    buf_printf(sql, " FROM %s", source);
    return LH_OK;
}

static enum lh_code select_columns(struct ingest_job *job, struct column_names *names, struct buf *sql,
                                   struct lh_err *err) {
    LH_AUTO(buf) struct buf source = BUF_INIT;
    LH_AUTO(query_result) struct query_result result = {.duckdb = NULL};
    buf_append_str(&source, "read_parquet(");
    buf_append_sql_string(&source, job->task->untrusted_input);
    buf_append_char(&source, ')');
    LH_TRY(describe_file(job, buf_cstr(&source), &result, err));
    const struct duckdb_api *db = result.duckdb;
    uint64_t count = db->row_count(&result.result);
    struct parquet_column *columns = columns_new(count);
    for (uint64_t i = 0; i < count; i++) {
        char *name = db->value_varchar(&result.result, 0, i), *type = db->value_varchar(&result.result, 1, i);
        column_names_add(names, name ? name : "", name ? strlen(name) : 0);
        buf_append_sql_ident(&columns[i].ident, name ? name : "");
        columns[i].type = lh_strdup(type ? type : "");
        db->free(name);
        db->free(type);
    }
    enum lh_code code = select_fitted(job, buf_cstr(&source), names, columns, sql, err);
    columns_free(columns, count);
    return code;
}

enum lh_code ingest_parquet(struct ingest_job *job, struct lh_err *err) {
    LH_TRY(check_frame(job, err));
    LH_AUTO(column_names) struct column_names names = {.items = NULL};
    LH_AUTO(buf) struct buf sql = BUF_INIT;
    enum lh_code code = select_columns(job, &names, &sql, err);
    if (code == LH_OK)
        code = ingest_copy(job, job->columns, buf_cstr(&sql), err);
    if (code == LH_OK || (code != LH_DATA && code != LH_CORRUPT && code != LH_IO && code != LH_INTERNAL))
        return code;
    err->code = LH_DATA; /* whatever DuckDB calls it: the client's bytes are at fault */
    (void)lh_err_context(err, "the Parquet file is damaged");
    return lh_err_hint(err, "compare its size and checksum with the original, and upload it again");
}
