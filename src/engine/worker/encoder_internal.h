/* What the encoders share: one table of four functions a format, and the columns of the result. */
#ifndef LH_ENGINE_WORKER_ENCODER_INTERNAL_H
#define LH_ENGINE_WORKER_ENCODER_INTERNAL_H

#include "engine/worker/column.h"
#include "engine/worker/encoder.h"

/* Each format embeds this as its first member. */
struct encoder {
    const struct encoder_ops *ops;
    struct encoder_env env;
    struct column *columns;
    size_t column_count;
};

struct encoder_ops {
    size_t size; /* of the format's struct, which starts zeroed */
    /* The columns have been read into e->columns; `given` are the session's. */
    enum lh_code (*begin)(struct encoder *e, const struct encoder_column *given, struct lh_err *err);
    /* The columns have been bound to the chunk; rows > 0. */
    enum lh_code (*chunk)(struct encoder *e, duckdb_data_chunk chunk, size_t rows, struct lh_err *err);
    enum lh_code (*end)(struct encoder *e, const struct encoder_stats *stats, struct lh_err *err);
    void (*deinit)(struct encoder *e); /* what the format added; NULL: nothing */
    bool takes_any_type;               /* the format does without e->columns: DuckDB writes the values itself */
};

extern const struct encoder_ops encode_json_ops;
extern const struct encoder_ops encode_ndjson_ops;
extern const struct encoder_ops encode_csv_ops;
extern const struct encoder_ops encode_arrow_ops;
extern const struct encoder_ops encode_parquet_ops;

#endif
