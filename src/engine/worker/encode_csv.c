/* CSV by RFC 4180: comma, CRLF, a header line; quotes only where the text needs them.  NULL is nothing at all
 * between the commas, the empty string is "".  Values have the text of their JSON form without its quotes; LIST,
 * STRUCT, MAP and UNION are that JSON itself. */
#include "engine/worker/encoder_internal.h"
#include "engine/worker/json_text.h"
#include "engine/worker/out_room.h"
#include "engine/worker/value_text.h"

#include "base/cleanup.h"

struct csv_encoder {
    struct encoder base;
    struct buf nested; /* a nested value's JSON, before it is quoted */
};

static bool needs_quotes(const char *text, size_t len) {
    if (len == 0)
        return true;
    for (size_t i = 0; i < len; i++)
        if (text[i] == ',' || text[i] == '"' || text[i] == '\n' || text[i] == '\r')
            return true;
    return false;
}

static void append_text(struct buf *out, const char *text, size_t len) {
    if (!needs_quotes(text, len)) {
        char *plain = out_room(out, len);
        memcpy(plain, text, len);
        out_advance(out, plain + len);
        return;
    }
    char *at = out_room(out, 2 * len + 2);
    *at++ = '"';
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '"')
            *at++ = '"';
        *at++ = text[i];
    }
    *at++ = '"';
    out_advance(out, at);
}

static enum lh_code append_value(struct csv_encoder *csv, const struct column *c, size_t row, struct lh_err *err) {
    struct buf *out = &csv->base.env.out->bytes;
    if (column_is_null(c, row))
        return LH_OK;
    if (value_is_string(c->type)) {
        size_t len;
        const char *text = value_string(c, row, &len);
        append_text(out, text, len);
        return LH_OK;
    }
    if (value_is_fixed(c->type)) {
        out_advance(out, value_put_fixed(out_room(out, VALUE_TEXT_MAX), c, row));
        return LH_OK;
    }
    buf_reset(&csv->nested);
    if (value_is_bytes(c->type))
        LH_TRY(value_append_bytes(&csv->nested, c, row, err));
    else
        LH_TRY(json_append_value(&csv->nested, c, row, err));
    append_text(out, buf_cstr(&csv->nested), csv->nested.len);
    return LH_OK;
}

static enum lh_code begin_csv(struct encoder *e, const struct encoder_column *given, struct lh_err *err) {
    struct buf *out = &e->env.out->bytes;
    for (size_t i = 0; i < e->column_count; i++) {
        if (i)
            buf_append_char(out, ',');
        append_text(out, given[i].name, strlen(given[i].name));
    }
    buf_append(out, "\r\n", 2);
    return encoder_out_flush(e->env.out, err);
}

static enum lh_code chunk_csv(struct encoder *e, duckdb_data_chunk chunk, size_t rows, struct lh_err *err) {
    (void)chunk;
    struct csv_encoder *csv = (struct csv_encoder *)e;
    struct buf *out = &e->env.out->bytes;
    for (size_t row = 0; row < rows; row++) {
        for (size_t i = 0; i < e->column_count; i++) {
            if (i)
                buf_append_char(out, ',');
            LH_TRY(append_value(csv, &e->columns[i], row, err));
        }
        buf_append(out, "\r\n", 2);
        LH_TRY(encoder_out_flush(e->env.out, err));
    }
    return LH_OK;
}

static enum lh_code end_csv(struct encoder *e, const struct encoder_stats *stats, struct lh_err *err) {
    (void)stats;
    return encoder_out_flush(e->env.out, err);
}

static void deinit_csv(struct encoder *e) {
    struct csv_encoder *csv = (struct csv_encoder *)e;
    buf_release(&csv->nested);
}

const struct encoder_ops encode_csv_ops = {
    .size = sizeof(struct csv_encoder),
    .begin = begin_csv,
    .chunk = chunk_csv,
    .end = end_csv,
    .deinit = deinit_csv,
};
