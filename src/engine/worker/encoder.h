/* Result encoders: chunks of DuckDB rows in, bytes of one format out.
 *
 * The session makes one encoder a query and calls begin, chunk (any number), end, in that order, on one thread, then
 * free at any point.  An encoder appends bytes to `out->bytes`; the session sends them off whenever
 * ENCODER_FLUSH_BYTES have come together, between chunks.  An encoder that makes much more than that in one call (the
 * end of a Parquet file, a wide chunk) calls encoder_out_flush() on the way, so that memory stays constant however
 * large the result is. */
#ifndef LH_ENGINE_WORKER_ENCODER_H
#define LH_ENGINE_WORKER_ENCODER_H

#include "base/buf.h"
#include "base/error.h"
#include "engine/engine.h"
#include "engine/worker/duckdb_api.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ENCODER_FLUSH_BYTES ((size_t)128 * 1024)

struct encoder;

/* Where encoded bytes go.  `flush` sends all of `bytes` and leaves it empty; it blocks while the client is slow and
 * fails with LH_CANCELLED when nobody wants the rest. */
struct encoder_out {
    struct buf bytes;
    enum lh_code (*flush)(struct encoder_out *out, struct lh_err *err);
    void *ctx; /* the session's, for flush */
};

/* Send what has come together once it is worth a frame. */
LH_CHECKED static inline enum lh_code encoder_out_flush(struct encoder_out *out, struct lh_err *err) {
    return out->bytes.len < ENCODER_FLUSH_BYTES ? LH_OK : out->flush(out, err);
}

/* `name` and `type` are the session's and live until the encoder is freed. */
struct encoder_column {
    const char *name;
    duckdb_logical_type type;
};

/* What is known at the end; the JSON format writes it. */
struct encoder_stats {
    uint64_t row_count;
    bool truncated;
    double elapsed_ms;
};

/* What an encoder may use.  All of it outlives the encoder. */
struct encoder_env {
    const struct duckdb_api *duckdb;
    duckdb_connection connection; /* busy with the result; for options only (Arrow), never for a statement */
    duckdb_database database;     /* an encoder that runs statements opens its own connection here */
    const char *temp_dir; /* absolute path of the worker's own folder: DuckDB may write here; files that an encoder
                                     makes are its own to remove */
    struct encoder_out *out;
};

/* Never NULL. */
struct encoder *encoder_new(enum engine_format format, const struct encoder_env *env);
LH_CHECKED enum lh_code encoder_begin(struct encoder *e, const struct encoder_column *columns, size_t count,
                                      struct lh_err *err);
/* The first `rows` rows of the chunk (the row limit may cut it). */
LH_CHECKED enum lh_code encoder_chunk(struct encoder *e, duckdb_data_chunk chunk, idx_t rows, struct lh_err *err);
LH_CHECKED enum lh_code encoder_end(struct encoder *e, const struct encoder_stats *stats, struct lh_err *err);
void encoder_free(struct encoder *e); /* NULL is fine */

#endif
