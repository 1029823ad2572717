/* The Arrow IPC stream: https://arrow.apache.org/docs/format/Columnar.html, metadata version 5.
 *
 *     schema message, one dictionary message an ENUM column, record batch messages, end mark
 *
 * A message:
 *     ff ff ff ff          continuation mark
 *     int32                size of the metadata, padding included
 *     metadata             a FlatBuffer: table Message {version, header, bodyLength}; the header is a Schema, a
 *                          DictionaryBatch or a RecordBatch
 *     padding              to a multiple of 64
 *     body                 the batch's buffers, each padded to a multiple of 64
 * The end mark is ff ff ff ff 00 00 00 00.  As every part is a multiple of 64 long, every buffer is 64-byte aligned in
 * a file that the stream is saved to, which can be mapped and used as it is.
 *
 * A RecordBatch lists, in the order of a walk through the columns (a column, then its children): one node {length,
 * nulls} a column, and its buffers {offset into the body, size}: validity (size 0 where nothing is NULL; none for
 * unions and the null type), then offsets, tags or values.
 *
 * DuckDB's own conversion (duckdb_data_chunk_to_arrow) was not taken: it makes arrays of 2,048 rows, too small for
 * readers, copies twice, loses the upper half of UHUGEINT, the offset of TIMETZ and the length of BIT. */
#include "engine/worker/arrow_schema.h"
#include "engine/worker/encoder_internal.h"
#include "engine/worker/type_name.h"

#include "base/alloc.h"
#include "base/cleanup.h"

#define BATCH_ROWS ((size_t)64 * 1024)
#define BATCH_BYTES ((size_t)4 * 1024 * 1024)
#define ALIGNMENT 64

enum { HEADER_SCHEMA = 1, HEADER_DICTIONARY_BATCH = 2, HEADER_RECORD_BATCH = 3 };
enum { METADATA_V5 = 4 };

struct node {
    int64_t length, null_count;
};

struct extent {
    int64_t offset, size;
};

/* One buffer of a body. */
struct piece {
    const char *data;
    size_t size;
};

struct arrow_encoder {
    struct encoder base;
    struct arrow_column *columns;
    size_t rows; /* in the batch under way */
    struct flatbuffer metadata;
    struct buf nodes, extents, pieces; /* arrays of the structs above, for one batch */
    int64_t body_size;
};

static struct arrow_encoder *arrow_of(struct encoder *e) {
    return (struct arrow_encoder *)e;
}

static size_t padded(size_t size) {
    return (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
}

static void append_zeros(struct buf *out, size_t size) {
    static const char zeros[ALIGNMENT] = {0};
    buf_append(out, zeros, size);
}

/* ---- messages ---- */

/* Copy in slices, so that a large buffer does not double in `out`. */
static enum lh_code append_sliced(struct encoder_out *out, const char *data, size_t size, struct lh_err *err) {
    while (size > 0) {
        size_t step = size < ENCODER_FLUSH_BYTES ? size : ENCODER_FLUSH_BYTES;
        buf_append(&out->bytes, data, step);
        data += step;
        size -= step;
        LH_TRY(encoder_out_flush(out, err));
    }
    return LH_OK;
}

/* The message around `header`, then the body that `pieces` lists; both are spent. */
static enum lh_code send_message(struct arrow_encoder *arrow, int8_t header_type, flatbuffer_ref header,
                                 struct lh_err *err) {
    struct flatbuffer *fb = &arrow->metadata;
    flatbuffer_begin(fb);
    flatbuffer_add_int64(fb, 3, arrow->body_size);
    flatbuffer_add_ref(fb, 2, header);
    flatbuffer_add_int16(fb, 0, METADATA_V5);
    flatbuffer_add_int8(fb, 1, header_type);
    flatbuffer_ref message = flatbuffer_end(fb);
    size_t len;
    const void *metadata = flatbuffer_finish(fb, message, &len);

    struct encoder_out *out = arrow->base.env.out;
    const uint32_t mark[2] = {UINT32_MAX, (uint32_t)(padded(len + sizeof mark) - sizeof mark)};
    buf_append(&out->bytes, mark, sizeof mark);
    buf_append(&out->bytes, metadata, len);
    append_zeros(&out->bytes, mark[1] - len);
    flatbuffer_reset(fb);

    const struct piece *pieces = (const struct piece *)(const void *)arrow->pieces.data;
    for (size_t i = 0; i < arrow->pieces.len / sizeof *pieces; i++) {
        LH_TRY(append_sliced(out, pieces[i].data, pieces[i].size, err));
        append_zeros(&out->bytes, padded(pieces[i].size) - pieces[i].size);
    }
    buf_reset(&arrow->nodes);
    buf_reset(&arrow->extents);
    buf_reset(&arrow->pieces);
    arrow->body_size = 0;
    return encoder_out_flush(out, err);
}

/* ---- the parts of a record batch ---- */

static void add_piece(struct arrow_encoder *arrow, const char *data, size_t size) {
    struct extent extent = {arrow->body_size, (int64_t)size};
    struct piece piece = {data, size};
    buf_append(&arrow->extents, &extent, sizeof extent);
    buf_append(&arrow->pieces, &piece, sizeof piece);
    arrow->body_size += (int64_t)padded(size);
}

static void add_node(struct arrow_encoder *arrow, size_t length, size_t null_count) {
    struct node node = {(int64_t)length, (int64_t)null_count};
    buf_append(&arrow->nodes, &node, sizeof node);
}

static void add_column(struct arrow_encoder *arrow, const struct arrow_column *a) {
    add_node(arrow, a->length, a->null_count);
    if (a->layout != ARROW_NULL && a->layout != ARROW_UNION)
        add_piece(arrow, a->validity.data, a->null_count ? a->validity.len : 0);
    if (a->layout == ARROW_BYTES || a->layout == ARROW_LIST)
        add_piece(arrow, a->offsets.data, a->offsets.len);
    if (a->layout == ARROW_BITS || a->layout == ARROW_FIXED || a->layout == ARROW_BYTES || a->layout == ARROW_UNION)
        add_piece(arrow, a->values.data, a->values.len);
    for (size_t i = 0; i < a->child_count; i++)
        add_column(arrow, &a->children[i]);
}

static flatbuffer_ref put_record_batch(struct arrow_encoder *arrow, size_t length) {
    struct flatbuffer *fb = &arrow->metadata;
    flatbuffer_ref extents =
        flatbuffer_structs(fb, arrow->extents.data, arrow->extents.len / sizeof(struct extent), sizeof(struct extent));
    flatbuffer_ref nodes =
        flatbuffer_structs(fb, arrow->nodes.data, arrow->nodes.len / sizeof(struct node), sizeof(struct node));
    flatbuffer_begin(fb);
    flatbuffer_add_int64(fb, 0, (int64_t)length);
    flatbuffer_add_ref(fb, 1, nodes);
    flatbuffer_add_ref(fb, 2, extents);
    return flatbuffer_end(fb);
}

static enum lh_code send_batch(struct arrow_encoder *arrow, struct lh_err *err) {
    if (arrow->rows == 0)
        return LH_OK;
    for (size_t i = 0; i < arrow->base.column_count; i++)
        add_column(arrow, &arrow->columns[i]);
    flatbuffer_ref batch = put_record_batch(arrow, arrow->rows);
    LH_TRY(send_message(arrow, HEADER_RECORD_BATCH, batch, err));
    for (size_t i = 0; i < arrow->base.column_count; i++)
        arrow_column_reset(&arrow->columns[i]);
    arrow->rows = 0;
    return LH_OK;
}

/* An ENUM's labels, as a batch of one utf8 column. */
static enum lh_code send_labels(struct arrow_encoder *arrow, const struct arrow_column *a, struct lh_err *err) {
    const struct column *c = a->source;
    LH_AUTO(buf) struct buf offsets = BUF_INIT;
    LH_AUTO(buf) struct buf values = BUF_INIT;
    buf_append(&offsets, &(int32_t){0}, sizeof(int32_t));
    for (size_t i = 0; i < c->label_count; i++) {
        buf_append(&values, c->labels[i], c->label_lens[i]);
        buf_append(&offsets, &(int32_t){(int32_t)values.len}, sizeof(int32_t));
    }
    add_node(arrow, c->label_count, 0);
    add_piece(arrow, NULL, 0);
    add_piece(arrow, offsets.data, offsets.len);
    add_piece(arrow, values.data, values.len);
    flatbuffer_ref batch = put_record_batch(arrow, c->label_count);

    struct flatbuffer *fb = &arrow->metadata;
    flatbuffer_begin(fb);
    flatbuffer_add_int64(fb, 0, a->dictionary_id);
    flatbuffer_add_ref(fb, 1, batch);
    return send_message(arrow, HEADER_DICTIONARY_BATCH, flatbuffer_end(fb), err);
}

static enum lh_code send_dictionaries(struct arrow_encoder *arrow, const struct arrow_column *columns, size_t count,
                                      struct lh_err *err) {
    for (size_t i = 0; i < count; i++) {
        if (columns[i].dictionary_id >= 0)
            LH_TRY(send_labels(arrow, &columns[i], err));
        LH_TRY(send_dictionaries(arrow, columns[i].children, columns[i].child_count, err));
    }
    return LH_OK;
}

/* ---- the encoder ---- */

static enum lh_code begin_arrow(struct encoder *e, const struct encoder_column *given, struct lh_err *err) {
    struct arrow_encoder *arrow = arrow_of(e);
    int64_t next_dictionary = 0;
    arrow->columns = lh_calloc(e->column_count, sizeof *arrow->columns);
    for (size_t i = 0; i < e->column_count; i++)
        arrow_column_init(&arrow->columns[i], &e->columns[i], &next_dictionary);

    char **types = lh_calloc(e->column_count, sizeof *types);
    for (size_t i = 0; i < e->column_count; i++) {
        LH_AUTO(buf) struct buf type = BUF_INIT;
        type_name_append(e->env.duckdb, given[i].type, &type);
        types[i] = buf_detach(&type);
    }
    flatbuffer_ref schema =
        arrow_schema_put(&arrow->metadata, arrow->columns, (const char *const *)types, e->column_count);
    for (size_t i = 0; i < e->column_count; i++)
        lh_free(types[i]);
    lh_free(types);
    LH_TRY(send_message(arrow, HEADER_SCHEMA, schema, err));
    return send_dictionaries(arrow, arrow->columns, e->column_count, err);
}

static bool all_fit(struct arrow_encoder *arrow, size_t first, size_t count) {
    bool fit = true;
    for (size_t i = 0; i < arrow->base.column_count; i++)
        fit &= arrow_column_fits(&arrow->columns[i], first, count);
    return fit;
}

/* Append the rows; where their text or elements would overrun an offset, end the batch before them, or halve them. */
static enum lh_code append_rows(struct arrow_encoder *arrow, size_t first, size_t count, struct lh_err *err) {
    if (!all_fit(arrow, first, count)) {
        if (arrow->rows > 0) {
            LH_TRY(send_batch(arrow, err));
            return append_rows(arrow, first, count, err);
        }
        if (count == 1)
            return lh_fail(err, LH_DATA, "one value is larger than 2 GiB, which an Arrow stream cannot carry");
        LH_TRY(append_rows(arrow, first, count / 2, err));
        return append_rows(arrow, first + count / 2, count - count / 2, err);
    }
    for (size_t i = 0; i < arrow->base.column_count; i++)
        LH_TRY(arrow_column_append(&arrow->columns[i], first, count, err));
    arrow->rows += count;
    return LH_OK;
}

static enum lh_code chunk_arrow(struct encoder *e, duckdb_data_chunk chunk, size_t rows, struct lh_err *err) {
    (void)chunk;
    struct arrow_encoder *arrow = arrow_of(e);
    LH_TRY(append_rows(arrow, 0, rows, err));
    size_t bytes = 0;
    for (size_t i = 0; i < e->column_count; i++)
        bytes += arrow_column_bytes(&arrow->columns[i]);
    return arrow->rows >= BATCH_ROWS || bytes >= BATCH_BYTES ? send_batch(arrow, err) : LH_OK;
}

static enum lh_code end_arrow(struct encoder *e, const struct encoder_stats *stats, struct lh_err *err) {
    (void)stats;
    LH_TRY(send_batch(arrow_of(e), err));
    const uint32_t end_mark[2] = {UINT32_MAX, 0};
    buf_append(&e->env.out->bytes, end_mark, sizeof end_mark);
    return encoder_out_flush(e->env.out, err);
}

static void deinit_arrow(struct encoder *e) {
    struct arrow_encoder *arrow = arrow_of(e);
    if (arrow->columns)
        for (size_t i = 0; i < e->column_count; i++)
            arrow_column_deinit(&arrow->columns[i]);
    lh_free(arrow->columns);
    flatbuffer_release(&arrow->metadata);
    buf_release(&arrow->nodes);
    buf_release(&arrow->extents);
    buf_release(&arrow->pieces);
}

const struct encoder_ops encode_arrow_ops = {
    .size = sizeof(struct arrow_encoder),
    .begin = begin_arrow,
    .chunk = chunk_arrow,
    .end = end_arrow,
    .deinit = deinit_arrow,
};
