/* Run a statement on the real DuckDB and put its rows through an encoder, as a session does, without a worker
 * around it. */
#ifndef TESTS_ENGINE_WORKER_ENCODE_RIG_H
#define TESTS_ENGINE_WORKER_ENCODE_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "engine/worker/encoder.h"

struct encode_rig {
    struct duckdb_api duckdb;
    duckdb_database database;
    duckdb_connection connection;
    char temp_dir[64];
    uint64_t row_limit;   /* rows given to the encoder; 0: all */
    struct buf delivered; /* what was flushed */
    size_t flushes;
    size_t largest_flush;
};

static enum lh_code rig_flush(struct encoder_out *out, struct lh_err *err) {
    (void)err;
    struct encode_rig *rig = out->ctx;
    rig->flushes++;
    if (out->bytes.len > rig->largest_flush)
        rig->largest_flush = out->bytes.len;
    buf_append(&rig->delivered, out->bytes.data, out->bytes.len);
    buf_reset(&out->bytes);
    return LH_OK;
}

static inline int rig_open(void **state) {
    struct encode_rig *rig = lh_calloc(1, sizeof *rig);
    struct lh_err err = LH_ERR_INIT;
    if (duckdb_api_open(&rig->duckdb, &err) != LH_OK)
        fail_msg("%s", err.message);
    char *message = NULL;
    assert_int_equal(rig->duckdb.open_ext(NULL, &rig->database, NULL, &message), DuckDBSuccess);
    assert_int_equal(rig->duckdb.connect(rig->database, &rig->connection), DuckDBSuccess);
    strcpy(rig->temp_dir, "/tmp/lakehouse-encode-XXXXXX");
    assert_non_null(mkdtemp(rig->temp_dir));
    *state = rig;
    return 0;
}

static inline int rig_close(void **state) {
    struct encode_rig *rig = *state;
    rig->duckdb.disconnect(&rig->connection);
    rig->duckdb.close(&rig->database);
    assert_int_equal(rmdir(rig->temp_dir), 0); /* encoders leave nothing behind */
    buf_release(&rig->delivered);
    lh_free(rig);
    return 0;
}

static inline void rig_run(struct encode_rig *rig, const char *sql) {
    duckdb_result result;
    if (rig->duckdb.query(rig->connection, sql, &result) != DuckDBSuccess)
        fail_msg("%s: %s", sql, rig->duckdb.result_error(&result));
    rig->duckdb.destroy_result(&result);
}

static enum lh_code rig_encode_result(struct encode_rig *rig, struct encoder *e, duckdb_result *result,
                                      struct lh_err *err) {
    struct encoder_column columns[64];
    idx_t count = rig->duckdb.column_count(result);
    assert_true(count <= LH_ARRAY_LEN(columns));
    for (idx_t i = 0; i < count; i++)
        columns[i] =
            (struct encoder_column){rig->duckdb.column_name(result, i), rig->duckdb.column_logical_type(result, i)};
    enum lh_code code = encoder_begin(e, columns, count, err);
    struct encoder_stats stats = {.elapsed_ms = 1.5};
    while (code == LH_OK && !stats.truncated) {
        duckdb_data_chunk chunk = rig->duckdb.fetch_chunk(*result);
        if (!chunk) {
            const char *message = rig->duckdb.result_error(result);
            if (message && *message)
                fail_msg("%s", message);
            break;
        }
        idx_t rows = rig->duckdb.data_chunk_get_size(chunk);
        if (rig->row_limit && stats.row_count + rows > rig->row_limit) {
            rows = rig->row_limit - stats.row_count;
            stats.truncated = true;
        }
        stats.row_count += rows;
        code = encoder_chunk(e, chunk, rows, err);
        rig->duckdb.destroy_data_chunk(&chunk);
    }
    if (code == LH_OK)
        code = encoder_end(e, &stats, err);
    for (idx_t i = 0; i < count; i++)
        rig->duckdb.destroy_logical_type(&columns[i].type);
    return code;
}

/* The encoded bytes are in rig->delivered afterwards. */
static inline enum lh_code rig_encode(struct encode_rig *rig, enum engine_format format, const char *sql,
                                      struct lh_err *err) {
    const struct duckdb_api *duckdb = &rig->duckdb;
    struct encoder_out out = {.bytes = BUF_INIT, .flush = rig_flush, .ctx = rig};
    struct encoder_env env = {duckdb, rig->connection, rig->database, rig->temp_dir, &out};
    buf_reset(&rig->delivered);
    rig->flushes = rig->largest_flush = 0;

    duckdb_prepared_statement statement;
    if (duckdb->prepare(rig->connection, sql, &statement) != DuckDBSuccess)
        fail_msg("%s: %s", sql, duckdb->prepare_error(statement));
    duckdb_pending_result pending;
    duckdb_result result;
    assert_int_equal(duckdb->pending_prepared_streaming(statement, &pending), DuckDBSuccess);
    if (duckdb->execute_pending(pending, &result) != DuckDBSuccess)
        fail_msg("%s: %s", sql, duckdb->result_error(&result));
    struct encoder *e = encoder_new(format, &env);
    enum lh_code code = rig_encode_result(rig, e, &result, err);
    if (code == LH_OK && out.bytes.len > 0)
        lh_ignore(rig_flush(&out, err));
    encoder_free(e);
    buf_release(&out.bytes);
    duckdb->destroy_result(&result);
    duckdb->destroy_pending(&pending);
    duckdb->destroy_prepare(&statement);
    return code;
}

/* As rig_encode where nothing may fail; the bytes as a string. */
static inline const char *rig_text(struct encode_rig *rig, enum engine_format format, const char *sql) {
    struct lh_err err = LH_ERR_INIT;
    if (rig_encode(rig, format, sql, &err) != LH_OK)
        fail_msg("%s: %s", sql, err.message);
    return buf_cstr(&rig->delivered);
}

#endif
