/* Parquet in, Parquet out: every page is decoded once, so that a damaged file is found now and not by a query. */
#include "engine/worker/column_names.h"
#include "engine/worker/ingest_job.h"
#include "engine/worker/tasks.h"
#include "os/file.h"

#include <string.h>

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

static enum lh_code select_columns(struct ingest_job *job, struct column_names *names, struct buf *sql,
                                   struct lh_err *err) {
    LH_AUTO(buf) struct buf describe = BUF_INIT;
    buf_append_str(&describe, "DESCRIBE FROM read_parquet(");
    buf_append_sql_string(&describe, job->task->untrusted_input);
    buf_append_char(&describe, ')');
    struct session *session = job->task->session;
    const struct duckdb_api *db = session->duckdb;
    LH_AUTO(query_result) struct query_result result = {.duckdb = NULL};
    LH_TRY(session_query(session, buf_cstr(&describe), &result.result, err));
    result.duckdb = db;
    uint64_t count = db->row_count(&result.result);
    if (count > (uint64_t)job->max_columns) {
        (void)lh_fail(err, LH_LIMIT, "the file has %llu columns, more than %lld", (unsigned long long)count,
                      (long long)job->max_columns);
        return lh_err_hint(err, "the limit is ingest.max_columns");
    }
    buf_append_str(sql, "SELECT ");
    for (uint64_t i = 0; i < count; i++) {
        char *name = db->value_varchar(&result.result, 0, i), *type = db->value_varchar(&result.result, 1, i);
        size_t index = column_names_add(names, name ? name : "", name ? strlen(name) : 0);
        buf_append_str(sql, i ? ", " : "");
        buf_append_sql_ident(sql, name ? name : "");
        buf_append_str(sql, " AS ");
        buf_append_sql_ident(sql, names->items[index]);
        json_t *column = json_object();
        json_object_set_new(column, "name", json_string(names->items[index]));
        if (names->original[index])
            json_object_set_new(column, "renamed_from", json_string(names->original[index]));
        json_object_set_new(column, "type", json_string(type ? type : ""));
        json_object_set_new(column, "why", json_string("as the Parquet file declares it"));
        json_array_append_new(job->columns, column);
        db->free(name);
        db->free(type);
    }
    buf_append_str(sql, " FROM read_parquet(");
    buf_append_sql_string(sql, job->task->untrusted_input);
    buf_append_char(sql, ')');
    return LH_OK;
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
