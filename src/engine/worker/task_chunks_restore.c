/* The task `chunks_restore`: chunks out of the Parquet file that was written beside them (task_chunks.c), where their own file
 * (vector/chunk_file.h) is damaged or gone.
 *
 *     chunks_restore   {"parquet": path, "dimensions"}
 *
 * Leaves output_dir/part-0, part-1, ... (chunk files, of some megabytes each, a document never in two) and answers {"parts", "rows"};
 * rows are in the order of the Parquet file. */
#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/hash.h"
#include "engine/worker/streamed_query.h"
#include "engine/worker/tasks.h"
#include "os/os.h"
#include "vector/chunk_file.h"

#include <string.h>

#define PART_BYTES ((size_t)32 * 1024 * 1024)

enum column { DOC_ID, CHUNK_ID, CHUNK_TEXT, PAGE, BYTE_START, BYTE_END, HEADING, CONTENT_HASH, VECTOR, COLUMNS };

struct restoring {
    const struct duckdb_api *db;
    struct task *task;
    struct streamed_query query;
    struct chunk_writer *writer;
    struct buf last_document; /* id of the row before */
    uint32_t d;
    uint64_t parts, rows;
};

static void restoring_auto_release(struct restoring *r) {
    streamed_query_auto_release(&r->query);
    chunk_writer_free(r->writer);
    buf_release(&r->last_document);
}

static const char *text_at(struct restoring *r, duckdb_data_chunk chunk, enum column column, idx_t i,
                           uint32_t *ret_len) {
    duckdb_string_t *texts = r->db->vector_get_data(r->db->data_chunk_get_vector(chunk, column));
    *ret_len = r->db->string_t_length(texts[i]);
    return r->db->string_t_data(&texts[i]);
}

static int64_t number_at(struct restoring *r, duckdb_data_chunk chunk, enum column column, idx_t i) {
    const int64_t *numbers = r->db->vector_get_data(r->db->data_chunk_get_vector(chunk, column));
    return numbers[i];
}

static enum lh_code finish_part(struct restoring *r, struct lh_err *err) {
    LH_AUTO(mem) char *path = lh_asprintf("%s/part-%llu", r->task->output_dir, (unsigned long long)r->parts);
    LH_TRY(chunk_writer_finish(r->writer, os_real(), path, err));
    chunk_writer_free(r->writer);
    r->writer = chunk_writer_new(r->d);
    r->parts++;
    return LH_OK;
}

static enum lh_code take_row(struct restoring *r, duckdb_data_chunk chunk, idx_t i, struct lh_err *err) {
    struct chunk_record record = {0};
    unsigned char sha[CHUNK_HASH_BYTES];
    uint32_t hash_len;
    record.doc_id = text_at(r, chunk, DOC_ID, i, &record.doc_id_len);
    record.text = text_at(r, chunk, CHUNK_TEXT, i, &record.text_len);
    record.heading = text_at(r, chunk, HEADING, i, &record.heading_len);
    const char *hash = text_at(r, chunk, CONTENT_HASH, i, &hash_len);
    if (hash_len != 2 * CHUNK_HASH_BYTES || !lh_hex_decode(hash, hash_len, sha, sizeof sha))
        return lh_fail(err, LH_CORRUPT, "row %llu of the Parquet file has no SHA-256 as its content_hash",
                       (unsigned long long)r->rows);
    record.number = (uint32_t)number_at(r, chunk, CHUNK_ID, i);
    record.page = (uint32_t)number_at(r, chunk, PAGE, i);
    record.begin = (uint64_t)number_at(r, chunk, BYTE_START, i);
    record.end = (uint64_t)number_at(r, chunk, BYTE_END, i);
    record.sha = sha;
    bool same = r->rows > 0 && r->last_document.len == record.doc_id_len &&
                memcmp(buf_cstr(&r->last_document), record.doc_id, record.doc_id_len) == 0;
    if (!same && chunk_writer_bytes(r->writer) >= PART_BYTES)
        LH_TRY(finish_part(r, err));
    buf_reset(&r->last_document);
    buf_append(&r->last_document, record.doc_id, record.doc_id_len);
    const float *floats =
        r->db->vector_get_data(r->db->array_vector_get_child(r->db->data_chunk_get_vector(chunk, VECTOR)));
    chunk_writer_add(r->writer, &record, floats + i * r->d);
    r->rows++;
    return LH_OK;
}

/* Rows are streamed: what is held is a part, and what DuckDB's reader holds. */
static enum lh_code start(struct restoring *r, const char *parquet, struct lh_err *err) {
    LH_AUTO(buf) struct buf sql = BUF_INIT;
    buf_append_str(&sql,
                   "SELECT doc_id, chunk_id::BIGINT, chunk_text, coalesce(page, 0)::BIGINT, byte_start, byte_end, "
                   "coalesce(heading, ''), content_hash, ");
    buf_printf(&sql, "vector::FLOAT[%u] FROM read_parquet(", (unsigned)r->d);
    buf_append_sql_path(&sql, parquet);
    buf_append_str(&sql, ", hive_partitioning = false)");
    return streamed_query_start(&r->query, r->task->session, buf_cstr(&sql), err);
}

static enum lh_code take_all(struct restoring *r, struct lh_err *err) {
    for (duckdb_data_chunk chunk;;) {
        LH_TRY(streamed_query_next(&r->query, &chunk, err));
        if (!chunk)
            return r->rows > 0 ? finish_part(r, err) : LH_OK;
        if (task_cancelled(r->task))
            return lh_fail(err, LH_CANCELLED, "cancelled");
        idx_t count = r->db->data_chunk_get_size(chunk);
        for (idx_t i = 0; i < count; i++)
            LH_TRY(take_row(r, chunk, i, err));
    }
}

enum lh_code task_chunks_restore(struct task *t, const json_t *request, json_t **ret_answer, struct lh_err *err) {
    const char *parquet;
    int64_t dimensions;
    if (!t->output_dir)
        return lh_fail(err, LH_INTERNAL, "chunks_restore needs an output folder");
    LH_TRY(lh_json_get_string(request, "", "parquet", &parquet, err));
    LH_TRY(lh_json_get_int(request, "", "dimensions", &dimensions, err));
    LH_AUTO(restoring) struct restoring r = {
        .db = t->session->duckdb, .task = t, .last_document = BUF_INIT, .d = (uint32_t)dimensions};
    r.writer = chunk_writer_new(r.d);
    LH_TRY(start(&r, parquet, err));
    LH_TRY(take_all(&r, err));
    *ret_answer = json_pack("{s:I, s:I}", "parts", (json_int_t)r.parts, "rows", (json_int_t)r.rows);
    return LH_OK;
}
