/* The task `vectors_read`: one column of a Parquet file as raw floats.
 *
 *     {"column"?: name}; untrusted_input: the file
 *
 * Leaves output_dir/vectors.f32 (docs: vector/rows_file.h) and answers {"column", "rows", "dimensions"}.  The column is a
 * list or array of FLOAT or DOUBLE; where none is named it must be the only one such.  Rows are streamed: what is held at
 * a time is what DuckDB's reader holds and one chunk. */
#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "engine/worker/streamed_query.h"
#include "engine/worker/tasks.h"
#include "os/file.h"
#include "os/os.h"

#include <fcntl.h>
#include <math.h>
#include <string.h>

#define MOST_DIMENSIONS 65536u /* VEC_MAX_DIM */

struct reading {
    const struct duckdb_api *db;
    struct task *task;
    struct streamed_query query;
    int fd;
    uint64_t rows;
    uint64_t dimensions; /* 0: no row yet */
};

static void reading_auto_release(struct reading *r) {
    streamed_query_auto_release(&r->query);
    os_close(os_real(), r->fd);
}

static bool is_number_list(const struct duckdb_api *db, duckdb_logical_type type) {
    duckdb_type id = db->get_type_id(type);
    if (id != DUCKDB_TYPE_LIST && id != DUCKDB_TYPE_ARRAY)
        return false;
    duckdb_logical_type child =
        id == DUCKDB_TYPE_LIST ? db->list_type_child_type(type) : db->array_type_child_type(type);
    duckdb_type of = db->get_type_id(child);
    db->destroy_logical_type(&child);
    return of == DUCKDB_TYPE_FLOAT || of == DUCKDB_TYPE_DOUBLE;
}

static void append_source(struct buf *sql, const char *path) {
    buf_append_str(sql, " FROM read_parquet(");
    buf_append_sql_path(sql, path);
    buf_append_str(sql, ", hive_partitioning = false)");
}

/* The column to read into *ret_name: the named one, or the only one of vectors. */
static enum lh_code find_column(struct task *t, const char *wanted, struct buf *ret_name, struct lh_err *err) {
    const struct duckdb_api *db = t->session->duckdb;
    LH_AUTO(buf) struct buf sql = BUF_INIT;
    LH_AUTO(query_result) struct query_result found = {0};
    size_t fitting = 0;
    bool there = false;
    buf_append_str(&sql, "SELECT *");
    append_source(&sql, t->untrusted_input);
    buf_append_str(&sql, " LIMIT 0");
    LH_TRY(session_query(t->session, buf_cstr(&sql), &found.result, err));
    found.duckdb = db;
    for (idx_t i = 0; i < db->column_count(&found.result); i++) {
        const char *name = db->column_name(&found.result, i);
        if (wanted && strcmp(name, wanted) != 0)
            continue;
        there = true;
        duckdb_logical_type type = db->column_logical_type(&found.result, i);
        if (is_number_list(db, type) && fitting++ == 0)
            buf_append_str(ret_name, name);
        db->destroy_logical_type(&type);
    }
    if (wanted && !there)
        return lh_fail(err, LH_INVALID, "the file has no column \"%s\"", wanted);
    if (wanted && !fitting)
        return lh_fail(err, LH_INVALID, "column \"%s\" holds no vectors: it must be a list or array of FLOAT or DOUBLE",
                       wanted);
    if (!fitting)
        return lh_fail(err, LH_DATA, "the file has no column of vectors (lists or arrays of FLOAT or DOUBLE)");
    if (fitting > 1)
        return lh_fail(err, LH_INVALID, "the file has %zu columns of vectors: say which", fitting);
    return LH_OK;
}

static enum lh_code start(struct reading *r, const char *column, struct lh_err *err) {
    LH_AUTO(buf) struct buf sql = BUF_INIT;
    buf_append_str(&sql, "SELECT CAST(");
    buf_append_sql_ident(&sql, column);
    buf_append_str(&sql, " AS FLOAT[])");
    append_source(&sql, r->task->untrusted_input);
    return streamed_query_start(&r->query, r->task->session, buf_cstr(&sql), err);
}

static bool is_valid(const struct duckdb_api *db, uint64_t *validity, idx_t i) {
    return !validity || db->validity_row_is_valid(validity, i);
}

/* One row's vector to the file. */
static enum lh_code write_row(struct reading *r, duckdb_vector child, duckdb_list_entry entry, struct lh_err *err) {
    const float *values = (const float *)r->db->vector_get_data(child) + entry.offset;
    uint64_t *validity = r->db->vector_get_validity(child);
    if (r->dimensions == 0)
        r->dimensions = entry.length;
    if (entry.length == 0 || entry.length > MOST_DIMENSIONS)
        return lh_fail(err, LH_DATA, "vector %llu has %llu dimensions; 1 to %u are possible",
                       (unsigned long long)r->rows, (unsigned long long)entry.length, MOST_DIMENSIONS);
    if (entry.length != r->dimensions)
        return lh_fail(err, LH_DATA, "vector %llu has %llu dimensions, the first %llu", (unsigned long long)r->rows,
                       (unsigned long long)entry.length, (unsigned long long)r->dimensions);
    for (uint64_t j = 0; j < entry.length; j++)
        if (!is_valid(r->db, validity, entry.offset + j) || !isfinite(values[j]))
            return lh_fail(err, LH_DATA, "vector %llu holds no number in dimension %llu", (unsigned long long)r->rows,
                           (unsigned long long)j);
    r->rows++;
    return os_write_all(os_real(), r->fd, values, entry.length * sizeof *values, "vectors.f32", err);
}

static enum lh_code write_chunk(struct reading *r, duckdb_data_chunk chunk, struct lh_err *err) {
    const struct duckdb_api *db = r->db;
    duckdb_vector lists = db->data_chunk_get_vector(chunk, 0);
    duckdb_vector child = db->list_vector_get_child(lists);
    const duckdb_list_entry *entries = db->vector_get_data(lists);
    uint64_t *validity = db->vector_get_validity(lists);
    idx_t count = db->data_chunk_get_size(chunk);
    for (idx_t i = 0; i < count; i++) {
        if (!is_valid(db, validity, i))
            return lh_fail(err, LH_DATA, "vector %llu is NULL", (unsigned long long)r->rows);
        LH_TRY(write_row(r, child, entries[i], err));
    }
    task_progress(r->task, -1, r->rows);
    return task_cancelled(r->task) ? lh_fail(err, LH_CANCELLED, "cancelled") : LH_OK;
}

static enum lh_code copy(struct reading *r, struct lh_err *err) {
    for (duckdb_data_chunk chunk;;) {
        LH_TRY(streamed_query_next(&r->query, &chunk, err));
        if (!chunk)
            return LH_OK;
        LH_TRY(write_chunk(r, chunk, err));
    }
}

enum lh_code task_vectors_read(struct task *t, const json_t *request, json_t **ret_answer, struct lh_err *err) {
    if (!t->untrusted_input || !t->output_dir)
        return lh_fail(err, LH_INTERNAL, "vectors_read needs an input and an output folder");
    LH_AUTO(buf) struct buf column = BUF_INIT;
    LH_AUTO(mem) char *path = lh_asprintf("%s/vectors.f32", t->output_dir);
    LH_AUTO(reading) struct reading r = {.db = t->session->duckdb, .task = t, .fd = -1};
    LH_TRY(find_column(t, json_string_value(json_object_get(request, "column")), &column, err));
    LH_TRY(os_open(os_real(), AT_FDCWD, path, O_WRONLY | O_CREAT | O_EXCL, 0600, 0, &r.fd, err));
    LH_TRY(start(&r, buf_cstr(&column), err));
    LH_TRY(copy(&r, err));
    int fd = r.fd;
    r.fd = -1;
    LH_TRY(os_close_checked(os_real(), fd, path, err));
    json_t *answer = json_object();
    json_object_set_new(answer, "column", json_string(buf_cstr(&column)));
    json_object_set_new(answer, "rows", json_integer((json_int_t)r.rows));
    json_object_set_new(answer, "dimensions", json_integer((json_int_t)r.dimensions));
    *ret_answer = answer;
    return LH_OK;
}
