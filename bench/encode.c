/* Bytes per second of each result encoder, in one process and without sockets: one statement's rows are fetched
 * into memory, then encoded again and again, so that only the encoder is measured.
 *
 *     bench_encode [ROWS]        1,000,000 rows of a table like the demo's timesheets, and other mixes of types */
#include "base/alloc.h"
#include "base/cleanup.h"
#include "engine/worker/encoder.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

struct table {
    const char *name;
    const char *columns; /* of rows numbered i */
};

static const struct table tables[] = {
    {"timesheets",
     "SELECT i::BIGINT AS timesheet_id, (i * 7919 % 100000)::BIGINT AS candidate_id, (i % 30000)::INTEGER AS job_id, "
     "DATE '2024-01-01' + (i % 700)::INTEGER AS work_date, (i % 17 / 2)::DECIMAL(5,2) AS hours, "
     "(20 + i % 8000 / 100.0)::DECIMAL(9,2) AS bill_rate, ['approved', 'pending', 'rejected'][i % 3 + 1] AS status, "
     "TIMESTAMP '2024-01-01 08:00:00' + to_seconds(i * 37) AS submitted_at, "
     "CASE WHEN i % 5 = 0 THEN 'overtime agreed by phone, see mail' END AS note"},
    {"doubles", "SELECT random() * 1e6 AS a, random() AS b, (i / 100)::DOUBLE AS c"},
    {"text", "SELECT 'Resume of candidate ' || i || ': ' || repeat('ten years of \"C\" and SQL, ', 8) AS a"},
    {"integers", "SELECT i AS a, i * 31 AS b, (i % 1000)::INTEGER AS c, -i AS d"},
};

struct format {
    const char *name;
    enum engine_format format;
};

static const struct format formats[] = {
    {"json", ENGINE_JSON},   {"ndjson", ENGINE_NDJSON},   {"csv", ENGINE_CSV},
    {"arrow", ENGINE_ARROW}, {"parquet", ENGINE_PARQUET},
};

struct rows {
    duckdb_result result;
    duckdb_data_chunk *chunks;
    size_t chunk_count;
    struct encoder_column *columns;
    size_t column_count;
};

struct bench {
    struct duckdb_api duckdb;
    duckdb_database database;
    duckdb_connection connection;
    char temp_dir[64];
    uint64_t bytes;
};

static double now_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void stop(const char *what, const char *why) {
    fprintf(stderr, "bench_encode: %s: %s\n", what, why ? why : "failed");
    exit(1);
}

static enum lh_code count_bytes(struct encoder_out *out, struct lh_err *err) {
    (void)err;
    ((struct bench *)out->ctx)->bytes += out->bytes.len;
    buf_reset(&out->bytes);
    return LH_OK;
}

static void fetch_rows(struct bench *b, const char *sql, struct rows *rows) {
    const struct duckdb_api *duckdb = &b->duckdb;
    *rows = (struct rows){.chunk_count = 0};
    if (duckdb->query(b->connection, sql, &rows->result) != DuckDBSuccess)
        stop(sql, duckdb->result_error(&rows->result));
    for (;;) {
        duckdb_data_chunk chunk = duckdb->fetch_chunk(rows->result);
        if (!chunk)
            break;
        rows->chunks = lh_realloc(rows->chunks, (rows->chunk_count + 1) * sizeof(duckdb_data_chunk));
        rows->chunks[rows->chunk_count++] = chunk;
    }
    rows->column_count = duckdb->column_count(&rows->result);
    rows->columns = lh_calloc(rows->column_count, sizeof *rows->columns);
    for (size_t i = 0; i < rows->column_count; i++)
        rows->columns[i] = (struct encoder_column){duckdb->column_name(&rows->result, i),
                                                   duckdb->column_logical_type(&rows->result, i)};
}

static void free_rows(struct bench *b, struct rows *rows) {
    for (size_t i = 0; i < rows->chunk_count; i++)
        b->duckdb.destroy_data_chunk(&rows->chunks[i]);
    for (size_t i = 0; i < rows->column_count; i++)
        b->duckdb.destroy_logical_type(&rows->columns[i].type);
    lh_free(rows->chunks);
    lh_free(rows->columns);
    b->duckdb.destroy_result(&rows->result);
}

static void encode(struct bench *b, const struct rows *rows, enum engine_format format) {
    struct lh_err err = LH_ERR_INIT;
    struct encoder_out out = {.bytes = BUF_INIT, .flush = count_bytes, .ctx = b};
    struct encoder_env env = {&b->duckdb, b->connection, b->database, b->temp_dir, &out};
    struct encoder *e = encoder_new(format, &env);
    struct encoder_stats stats = {.row_count = 0};
    enum lh_code code = encoder_begin(e, rows->columns, rows->column_count, &err);
    for (size_t i = 0; i < rows->chunk_count && code == LH_OK; i++)
        code = encoder_chunk(e, rows->chunks[i], b->duckdb.data_chunk_get_size(rows->chunks[i]), &err);
    if (code == LH_OK)
        code = encoder_end(e, &stats, &err);
    if (code != LH_OK)
        stop("encoder", err.message);
    b->bytes += out.bytes.len;
    encoder_free(e);
    buf_release(&out.bytes);
}

/* The best of three. */
static void measure(struct bench *b, const struct table *table, const struct rows *rows, const struct format *format) {
    double best = 1e9;
    for (int round = 0; round < 3; round++) {
        b->bytes = 0;
        double started = now_seconds();
        encode(b, rows, format->format);
        double seconds = now_seconds() - started;
        best = seconds < best ? seconds : best;
    }
    printf("| %-10s | %-7s | %8.1f | %8.0f | %8.0f |\n", table->name, format->name, (double)b->bytes / 1e6, best * 1e3,
           (double)b->bytes / 1e6 / best);
    fflush(stdout);
}

int main(int argc, char **argv) {
    unsigned long long row_count = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
    struct bench b = {.temp_dir = "/tmp/lakehouse-bench-XXXXXX"};
    struct lh_err err = LH_ERR_INIT;
    if (duckdb_api_open(&b.duckdb, &err) != LH_OK)
        stop("DuckDB", err.message);
    char *message = NULL;
    if (b.duckdb.open_ext(NULL, &b.database, NULL, &message) != DuckDBSuccess)
        stop("open", message);
    if (b.duckdb.connect(b.database, &b.connection) != DuckDBSuccess || !mkdtemp(b.temp_dir))
        stop("start", NULL);

    printf("| table      | format  |       MB |       ms |     MB/s |\n|---|---|---|---|---|\n");
    for (size_t t = 0; t < LH_ARRAY_LEN(tables); t++) {
        char sql[2048];
        struct rows rows;
        snprintf(sql, sizeof sql, "%s FROM range(%llu) t(i)", tables[t].columns, row_count);
        fetch_rows(&b, sql, &rows);
        for (size_t f = 0; f < LH_ARRAY_LEN(formats); f++)
            measure(&b, &tables[t], &rows, &formats[f]);
        free_rows(&b, &rows);
    }
    b.duckdb.disconnect(&b.connection);
    b.duckdb.close(&b.database);
    rmdir(b.temp_dir);
    return 0;
}
