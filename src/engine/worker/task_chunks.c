/* The task `chunks_parquet`: the chunks of an index (vector/chunk_file.h) as a Parquet file, for other programs and for SQL.
 *
 *     chunks_parquet   {"chunks": path of a chunk file}
 *
 * Leaves output_dir/chunks.parquet and answers {"rows"}; rows are in the chunk file's order.  They are gathered in a table of
 * the session first, which DuckDB spills to the worker's folder where it must.  Columns: docs/formats/index.md. */
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/hash.h"
#include "engine/worker/tasks.h"
#include "os/os.h"
#include "vector/chunk_file.h"

#include <inttypes.h>
#include <string.h>

enum column { DOC_ID, CHUNK_ID, CHUNK_TEXT, PAGE, BYTE_START, BYTE_END, HEADING, CONTENT_HASH, VECTOR, COLUMNS };

struct filler {
    const struct duckdb_api *db;
    const struct chunk_file *file;
    duckdb_appender appender;
    duckdb_data_chunk chunk;
};

static enum lh_code create_table(struct task *t, uint32_t d, struct lh_err *err) {
    LH_AUTO(buf) struct buf sql = BUF_INIT;
    buf_printf(&sql,
               "CREATE OR REPLACE TABLE chunks(doc_id VARCHAR, chunk_id INTEGER, chunk_text VARCHAR, page INTEGER, "
               "byte_start BIGINT, byte_end BIGINT, heading VARCHAR, content_hash VARCHAR, vector FLOAT[%" PRIu32 "])",
               d);
    return session_run(t->session, buf_cstr(&sql), err);
}

static duckdb_data_chunk create_chunk(const struct duckdb_api *db, uint32_t d) {
    static const duckdb_type plain[] = {
        [DOC_ID] = DUCKDB_TYPE_VARCHAR,  [CHUNK_ID] = DUCKDB_TYPE_INTEGER,     [CHUNK_TEXT] = DUCKDB_TYPE_VARCHAR,
        [PAGE] = DUCKDB_TYPE_INTEGER,    [BYTE_START] = DUCKDB_TYPE_BIGINT,    [BYTE_END] = DUCKDB_TYPE_BIGINT,
        [HEADING] = DUCKDB_TYPE_VARCHAR, [CONTENT_HASH] = DUCKDB_TYPE_VARCHAR,
    };
    duckdb_logical_type types[COLUMNS], element = db->create_logical_type(DUCKDB_TYPE_FLOAT);
    for (size_t i = 0; i < LH_ARRAY_LEN(plain); i++)
        types[i] = db->create_logical_type(plain[i]);
    types[VECTOR] = db->create_array_type(element, d);
    duckdb_data_chunk chunk = db->create_data_chunk(types, COLUMNS);
    for (size_t i = 0; i < COLUMNS; i++)
        db->destroy_logical_type(&types[i]);
    db->destroy_logical_type(&element);
    return chunk;
}

static void put_text(struct filler *f, enum column column, idx_t at, const char *text, size_t len) {
    f->db->vector_assign_string_element_len(f->db->data_chunk_get_vector(f->chunk, column), at, text, len);
}

static void put_int(struct filler *f, enum column column, idx_t at, uint32_t value) {
    int32_t *values = f->db->vector_get_data(f->db->data_chunk_get_vector(f->chunk, column));
    values[at] = (int32_t)value;
}

static void put_big(struct filler *f, enum column column, idx_t at, uint64_t value) {
    int64_t *values = f->db->vector_get_data(f->db->data_chunk_get_vector(f->chunk, column));
    values[at] = (int64_t)value;
}

static void put_null(struct filler *f, enum column column, idx_t at) {
    duckdb_vector vector = f->db->data_chunk_get_vector(f->chunk, column);
    f->db->vector_ensure_validity_writable(vector);
    f->db->validity_set_row_invalid(f->db->vector_get_validity(vector), at);
}

static void put_record(struct filler *f, idx_t at, const struct chunk_record *r, const float *row, uint32_t d) {
    char hash[2 * CHUNK_HASH_BYTES + 1];
    lh_hex_encode(r->sha, CHUNK_HASH_BYTES, hash);
    put_text(f, DOC_ID, at, r->doc_id, r->doc_id_len);
    put_int(f, CHUNK_ID, at, r->number);
    put_text(f, CHUNK_TEXT, at, r->text, r->text_len);
    put_int(f, PAGE, at, r->page);
    if (r->page == 0)
        put_null(f, PAGE, at);
    put_big(f, BYTE_START, at, r->begin);
    put_big(f, BYTE_END, at, r->end);
    put_text(f, HEADING, at, r->heading, r->heading_len);
    if (r->heading_len == 0)
        put_null(f, HEADING, at);
    put_text(f, CONTENT_HASH, at, hash, sizeof hash - 1);
    float *floats =
        f->db->vector_get_data(f->db->array_vector_get_child(f->db->data_chunk_get_vector(f->chunk, VECTOR)));
    memcpy(floats + at * d, row, d * sizeof *row);
}

static enum lh_code fail_append(struct filler *f, struct lh_err *err) {
    return session_fail(err, f->db->appender_error(f->appender));
}

static enum lh_code fill(struct task *t, struct filler *f, struct lh_err *err) {
    const struct vec_rows *rows = chunk_file_rows(f->file);
    idx_t room = f->db->vector_size();
    for (size_t from = 0; from < rows->n; from += room) {
        idx_t count = rows->n - from < room ? rows->n - from : room;
        if (task_cancelled(t))
            return lh_fail(err, LH_CANCELLED, "cancelled");
        f->db->data_chunk_reset(f->chunk);
        for (idx_t i = 0; i < count; i++) {
            struct chunk_record record;
            LH_TRY(chunk_file_record(f->file, (uint32_t)(from + i), &record, err));
            put_record(f, i, &record, vec_row(rows, from + i), rows->d);
        }
        f->db->data_chunk_set_size(f->chunk, count);
        if (f->db->append_data_chunk(f->appender, f->chunk) != DuckDBSuccess)
            return fail_append(f, err);
    }
    return f->db->appender_close(f->appender) == DuckDBSuccess ? LH_OK : fail_append(f, err);
}

static enum lh_code copy_out(struct task *t, struct lh_err *err) {
    LH_AUTO(buf) struct buf sql = BUF_INIT, path = BUF_INIT;
    int64_t rows;
    buf_printf(&path, "%s/chunks.parquet", t->output_dir);
    buf_append_str(&sql, "COPY chunks TO ");
    buf_append_sql_string(&sql, buf_cstr(&path));
    buf_append_str(&sql, " (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 20480)");
    LH_TRY(session_query_int64(t->session, buf_cstr(&sql), &rows, err));
    return session_run(t->session, "DROP TABLE chunks", err);
}

enum lh_code task_chunks_parquet(struct task *t, const json_t *request, json_t **ret_answer, struct lh_err *err) {
    LH_AUTO(chunk_file) struct chunk_file *file = NULL;
    const char *path;
    if (!t->output_dir)
        return lh_fail(err, LH_INTERNAL, "chunks_parquet needs an output folder");
    LH_TRY(lh_json_get_string(request, "", "chunks", &path, err));
    LH_TRY(chunk_file_open(os_real(), path, &file, err));
    const struct vec_rows *rows = chunk_file_rows(file);
    LH_TRY(create_table(t, rows->d, err));
    struct filler f = {.db = t->session->duckdb, .file = file};
    if (f.db->appender_create(t->session->connection, NULL, "chunks", &f.appender) != DuckDBSuccess) {
        lh_ignore(fail_append(&f, err));
        f.db->appender_destroy(&f.appender);
        return err->code;
    }
    f.chunk = create_chunk(f.db, rows->d);
    enum lh_code code = fill(t, &f, err);
    f.db->destroy_data_chunk(&f.chunk);
    f.db->appender_destroy(&f.appender);
    LH_TRY(code);
    LH_TRY(copy_out(t, err));
    *ret_answer = json_pack("{s:I}", "rows", (json_int_t)rows->n);
    return LH_OK;
}
