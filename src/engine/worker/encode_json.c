/* JSON:    {"columns":[{"name":"a","type":"INTEGER"}],"rows":[
 *          [1],
 *          [2]
 *          ],"row_count":2,"truncated":false,"elapsed_ms":0.512}
 * The columns come first, so that a reader of the stream knows how to read each value; what is only known at the end
 * comes last.  One row a line, for people.
 *
 * NDJSON:  {"a":1}
 *          {"a":2}
 * One object a row.  Readers of JSON keep the last of two equal keys, so column names are made unique here. */
#include "engine/worker/encoder_internal.h"
#include "engine/worker/json_text.h"
#include "engine/worker/out_room.h"
#include "engine/worker/type_name.h"
#include "engine/worker/unique_names.h"

#include "base/alloc.h"
#include "base/cleanup.h"

struct json_encoder {
    struct encoder base;
    bool any_row;
};

static enum lh_code begin_json(struct encoder *e, const struct encoder_column *given, struct lh_err *err) {
    struct buf *out = &e->env.out->bytes;
    LH_AUTO(buf) struct buf type = BUF_INIT;
    buf_append_str(out, "{\"columns\":[");
    for (size_t i = 0; i < e->column_count; i++) {
        buf_append_str(out, i ? ",{\"name\":" : "{\"name\":");
        json_append_string(out, given[i].name, strlen(given[i].name));
        buf_append_str(out, ",\"type\":");
        buf_reset(&type);
        type_name_append(e->env.duckdb, given[i].type, &type);
        json_append_string(out, buf_cstr(&type), type.len);
        buf_append_char(out, '}');
    }
    buf_append_str(out, "],\"rows\":[");
    return encoder_out_flush(e->env.out, err);
}

static enum lh_code chunk_json(struct encoder *e, duckdb_data_chunk chunk, size_t rows, struct lh_err *err) {
    (void)chunk;
    struct json_encoder *json = (struct json_encoder *)e;
    struct buf *out = &e->env.out->bytes;
    for (size_t row = 0; row < rows; row++) {
        buf_append_str(out, json->any_row ? ",\n[" : "\n[");
        json->any_row = true;
        for (size_t i = 0; i < e->column_count; i++) {
            if (i)
                buf_append_char(out, ',');
            LH_TRY(json_append_value(out, &e->columns[i], row, err));
        }
        buf_append_char(out, ']');
        LH_TRY(encoder_out_flush(e->env.out, err));
    }
    return LH_OK;
}

static enum lh_code end_json(struct encoder *e, const struct encoder_stats *stats, struct lh_err *err) {
    const struct json_encoder *json = (const struct json_encoder *)e;
    buf_printf(&e->env.out->bytes, "%s],\"row_count\":%llu,\"truncated\":%s,\"elapsed_ms\":%.3f}\n",
               json->any_row ? "\n" : "", (unsigned long long)stats->row_count, stats->truncated ? "true" : "false",
               stats->elapsed_ms);
    return encoder_out_flush(e->env.out, err);
}

const struct encoder_ops encode_json_ops = {
    .size = sizeof(struct json_encoder),
    .begin = begin_json,
    .chunk = chunk_json,
    .end = end_json,
};

struct ndjson_encoder {
    struct encoder base;
    struct buf *keys; /* one a column: what stands before its value, from the brace or comma to the colon */
};

static enum lh_code begin_ndjson(struct encoder *e, const struct encoder_column *given, struct lh_err *err) {
    (void)err;
    struct ndjson_encoder *ndjson = (struct ndjson_encoder *)e;
    ndjson->keys = lh_calloc(e->column_count, sizeof *ndjson->keys);
    const char **given_names = lh_calloc(e->column_count, sizeof *given_names);
    for (size_t i = 0; i < e->column_count; i++)
        given_names[i] = given[i].name;
    char **names = unique_names_new(given_names, e->column_count);
    for (size_t i = 0; i < e->column_count; i++) {
        buf_append_char(&ndjson->keys[i], i ? ',' : '{');
        json_append_string(&ndjson->keys[i], names[i], strlen(names[i]));
        buf_append_char(&ndjson->keys[i], ':');
    }
    unique_names_free(names, e->column_count);
    lh_free(given_names);
    return LH_OK;
}

static enum lh_code chunk_ndjson(struct encoder *e, duckdb_data_chunk chunk, size_t rows, struct lh_err *err) {
    (void)chunk;
    const struct ndjson_encoder *ndjson = (const struct ndjson_encoder *)e;
    struct buf *out = &e->env.out->bytes;
    for (size_t row = 0; row < rows; row++) {
        for (size_t i = 0; i < e->column_count; i++) {
            buf_append(out, ndjson->keys[i].data, ndjson->keys[i].len);
            LH_TRY(json_append_value(out, &e->columns[i], row, err));
        }
        buf_append(out, "}\n", 2);
        LH_TRY(encoder_out_flush(e->env.out, err));
    }
    return LH_OK;
}

static enum lh_code end_ndjson(struct encoder *e, const struct encoder_stats *stats, struct lh_err *err) {
    (void)stats;
    return encoder_out_flush(e->env.out, err);
}

static void deinit_ndjson(struct encoder *e) {
    struct ndjson_encoder *ndjson = (struct ndjson_encoder *)e;
    if (ndjson->keys)
        for (size_t i = 0; i < e->column_count; i++)
            buf_release(&ndjson->keys[i]);
    lh_free(ndjson->keys);
}

const struct encoder_ops encode_ndjson_ops = {
    .size = sizeof(struct ndjson_encoder),
    .begin = begin_ndjson,
    .chunk = chunk_ndjson,
    .end = end_ndjson,
    .deinit = deinit_ndjson,
};
