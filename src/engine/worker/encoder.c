#include "engine/worker/encoder.h"

#include "base/alloc.h"
#include "engine/worker/encoder_internal.h"

static const struct encoder_ops *ops_of(enum engine_format format) {
    switch (format) {
    case ENGINE_JSON: return &encode_json_ops;
    case ENGINE_NDJSON: return &encode_ndjson_ops;
    case ENGINE_CSV: return &encode_csv_ops;
    case ENGINE_ARROW: return &encode_arrow_ops;
    case ENGINE_PARQUET: return &encode_parquet_ops;
    }
    return &encode_json_ops;
}

struct encoder *encoder_new(enum engine_format format, const struct encoder_env *env) {
    const struct encoder_ops *ops = ops_of(format);
    struct encoder *e = lh_calloc(1, ops->size);
    e->ops = ops;
    e->env = *env;
    return e;
}

enum lh_code encoder_begin(struct encoder *e, const struct encoder_column *columns, size_t count, struct lh_err *err) {
    if (!e->ops->takes_any_type) {
        e->columns = lh_calloc(count, sizeof *e->columns);
        for (; e->column_count < count; e->column_count++) {
            const struct encoder_column *given = &columns[e->column_count];
            LH_TRY(column_init(&e->columns[e->column_count], e->env.duckdb, given->name, given->type, err));
        }
    }
    e->column_count = count;
    return e->ops->begin(e, columns, err);
}

enum lh_code encoder_chunk(struct encoder *e, duckdb_data_chunk chunk, idx_t rows, struct lh_err *err) {
    if (rows == 0)
        return LH_OK;
    if (e->columns)
        for (size_t i = 0; i < e->column_count; i++)
            column_bind(&e->columns[i], e->env.duckdb, e->env.duckdb->data_chunk_get_vector(chunk, i));
    return e->ops->chunk(e, chunk, rows, err);
}

enum lh_code encoder_end(struct encoder *e, const struct encoder_stats *stats, struct lh_err *err) {
    return e->ops->end(e, stats, err);
}

void encoder_free(struct encoder *e) {
    if (!e)
        return;
    if (e->ops->deinit)
        e->ops->deinit(e);
    if (e->columns)
        for (size_t i = 0; i < e->column_count; i++)
            column_deinit(&e->columns[i]);
    lh_free(e->columns);
    lh_free(e);
}
