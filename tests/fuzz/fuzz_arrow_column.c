/* Arrow arrays in the making: columns of any shape and validity, appended in any slices, must read back by the rules of the format as
 * what DuckDB's vectors held.  The input is the shape, the rows and the slices; the oracle prints both sides row by row. */
#include "base/alloc.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "engine/worker/arrow_column.h"
#include "fuzz/fuzz.h"

#include <string.h>

#define ROWS_MAX 150
#define DEPTH_MAX 3

struct input {
    const uint8_t *data;
    size_t size, at;
};

/* The next byte, again from the start where there are no more. */
static unsigned next(struct input *in) {
    unsigned byte = in->size ? in->data[in->at % in->size] + (unsigned)(in->at / in->size) : 0;
    in->at++;
    return byte & 255;
}

/* ---- the source: vectors as DuckDB lays them out ---- */

static void make_column(struct input *in, struct arena *arena, size_t rows, int depth, struct column *c);

static void make_children(struct input *in, struct arena *arena, size_t count, size_t rows, int depth,
                          struct column *c) {
    c->child_count = count;
    c->children = arena_alloc(arena, count * sizeof *c->children);
    for (size_t i = 0; i < count; i++)
        make_column(in, arena, rows, depth + 1, &c->children[i]);
}

static void make_strings(struct input *in, struct arena *arena, size_t rows, struct column *c) {
    duckdb_string_t *strings = arena_alloc(arena, (rows + 1) * sizeof *strings);
    for (size_t row = 0; row < rows; row++) {
        uint32_t len = next(in) % 20;
        char *text = arena_alloc(arena, len + 1);
        for (uint32_t i = 0; i < len; i++)
            text[i] = (char)('a' + next(in) % 26);
        strings[row].value.inlined.length = len;
        if (len <= sizeof strings->value.inlined.inlined)
            memcpy(strings[row].value.inlined.inlined, text, len);
        else
            strings[row].value.pointer.ptr = text;
    }
    c->data = strings;
}

/* Lists that follow each other, overlap, or leave gaps. */
static void make_lists(struct input *in, struct arena *arena, size_t rows, int depth, struct column *c) {
    duckdb_list_entry *entries = arena_alloc(arena, (rows + 1) * sizeof *entries);
    uint64_t end = 0, most = 1;
    for (size_t row = 0; row < rows; row++) {
        unsigned kind = next(in);
        uint64_t start = kind % 4 == 0 ? end / 2 : kind % 4 == 1 ? end + 1 : end;
        entries[row] = (duckdb_list_entry){start, kind / 4 % 4};
        end = start + entries[row].length;
        most = end > most ? end : most;
    }
    c->data = entries;
    make_children(in, arena, 1, (size_t)most, depth, c);
}

static void make_validity(struct input *in, struct arena *arena, size_t rows, struct column *c) {
    unsigned kind = next(in) % 4;
    if (kind == 0)
        return;
    uint64_t *mask = arena_alloc(arena, (rows / 64 + 1) * sizeof *mask);
    for (size_t row = 0; row < rows; row++)
        if (kind == 1 ? next(in) % 2 : kind == 2)
            mask[row / 64] |= UINT64_C(1) << row % 64;
    c->validity = mask;
}

static void make_column(struct input *in, struct arena *arena, size_t rows, int depth, struct column *c) {
    static const int types[] = {DUCKDB_TYPE_INTEGER, DUCKDB_TYPE_BOOLEAN, DUCKDB_TYPE_VARCHAR, DUCKDB_TYPE_UUID,
                                DUCKDB_TYPE_LIST,    DUCKDB_TYPE_STRUCT,  DUCKDB_TYPE_ARRAY};
    *c = (struct column){.type = types[next(in) % (depth < DEPTH_MAX ? 7 : 4)], .name = (char *)(uintptr_t) "c"};
    c->storage = c->type;
    make_validity(in, arena, rows, c);
    size_t bytes = c->type == DUCKDB_TYPE_INTEGER ? 4 : c->type == DUCKDB_TYPE_UUID ? 16 : 1;
    switch (c->type) {
    case DUCKDB_TYPE_VARCHAR: make_strings(in, arena, rows, c); return;
    case DUCKDB_TYPE_LIST: make_lists(in, arena, rows, depth, c); return;
    case DUCKDB_TYPE_STRUCT: make_children(in, arena, 1 + next(in) % 2, rows, depth, c); return;
    case DUCKDB_TYPE_ARRAY:
        c->array_size = 1 + next(in) % 3;
        make_children(in, arena, 1, rows * c->array_size, depth, c);
        return;
    default: break;
    }
    unsigned char *data = arena_alloc(arena, (rows + 1) * 16);
    for (size_t i = 0; i < rows * bytes; i++)
        data[i] = (unsigned char)(c->type == DUCKDB_TYPE_BOOLEAN ? next(in) % 2 : next(in));
    c->data = data;
}

/* ---- both sides as text ---- */

static void print_source(const struct column *c, size_t row, struct buf *out) {
    size_t len;
    if (column_is_null(c, row)) {
        buf_append_str(out, "null ");
        return;
    }
    switch (c->type) {
    case DUCKDB_TYPE_INTEGER: buf_printf(out, "%d ", ((const int32_t *)c->data)[row]); return;
    case DUCKDB_TYPE_BOOLEAN: buf_printf(out, "%d ", ((const uint8_t *)c->data)[row]); return;
    case DUCKDB_TYPE_VARCHAR: {
        const char *text = column_string(c, row, &len);
        buf_printf(out, "'%.*s' ", (int)len, text);
        return;
    }
    case DUCKDB_TYPE_UUID: {
        column_uint128 bits = column_bits128(c, row) ^ (column_uint128)1 << 127;
        for (int i = 15; i >= 0; i--)
            buf_printf(out, "%02x", (unsigned)(bits >> 8 * i) & 255);
        buf_append_char(out, ' ');
        return;
    }
    default: break;
    }
    FUZZ_CHECK(c->children);
    buf_append_char(out, '[');
    const duckdb_list_entry *entry = (const duckdb_list_entry *)c->data + row;
    if (c->type == DUCKDB_TYPE_STRUCT)
        for (size_t i = 0; i < c->child_count; i++)
            print_source(&c->children[i], row, out);
    else if (c->type == DUCKDB_TYPE_ARRAY)
        for (size_t i = 0; i < c->array_size; i++)
            print_source(&c->children[0], row * c->array_size + i, out);
    else
        for (size_t i = 0; i < entry->length; i++)
            print_source(&c->children[0], (size_t)entry->offset + i, out);
    buf_append_str(out, "] ");
}

static bool bit(const struct buf *bits, size_t i) {
    FUZZ_CHECK(i / 8 < bits->len);
    return bits->data[i / 8] >> i % 8 & 1;
}

static void offsets_of(const struct arrow_column *a, size_t row, size_t limit, size_t *ret_from, size_t *ret_to) {
    int32_t pair[2];
    FUZZ_CHECK(a->offsets.len == (a->length + 1) * sizeof(int32_t));
    memcpy(pair, a->offsets.data + row * sizeof(int32_t), sizeof pair);
    FUZZ_CHECK(pair[0] >= 0 && pair[0] <= pair[1] && (size_t)pair[1] <= limit);
    *ret_from = (size_t)pair[0];
    *ret_to = (size_t)pair[1];
}

static void print_arrow(const struct arrow_column *a, size_t row, struct buf *out) {
    size_t from, to;
    FUZZ_CHECK(row < a->length);
    if (a->null_count > 0 && !bit(&a->validity, row)) {
        buf_append_str(out, "null ");
        return;
    }
    switch (a->layout) {
    case ARROW_FIXED:
        FUZZ_CHECK(a->values.len == a->length * a->width);
        if (a->width == 4) {
            int32_t value;
            memcpy(&value, a->values.data + row * 4, sizeof value);
            buf_printf(out, "%d ", value);
            return;
        }
        for (size_t i = 0; i < 16; i++)
            buf_printf(out, "%02x", (unsigned char)a->values.data[row * 16 + i]);
        buf_append_char(out, ' ');
        return;
    case ARROW_BITS: buf_printf(out, "%d ", bit(&a->values, row)); return;
    case ARROW_BYTES:
        offsets_of(a, row, a->values.len, &from, &to);
        buf_printf(out, "'%.*s' ", (int)(to - from), a->values.len ? a->values.data + from : "");
        return;
    default: break;
    }
    buf_append_char(out, '[');
    if (a->layout == ARROW_STRUCT) {
        for (size_t i = 0; i < a->child_count; i++) {
            FUZZ_CHECK(a->children[i].length == a->length);
            print_arrow(&a->children[i], row, out);
        }
    } else {
        from = row * a->source->array_size;
        to = from + a->source->array_size;
        if (a->layout == ARROW_LIST)
            offsets_of(a, row, a->children[0].length, &from, &to);
        for (size_t i = from; i < to; i++)
            print_arrow(&a->children[0], i, out);
    }
    buf_append_str(out, "] ");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size > 4096)
        return 0;
    struct input in = {data, size, 0};
    struct lh_err err = LH_ERR_INIT;
    LH_AUTO(arena) struct arena *arena = arena_new();
    LH_AUTO(buf) struct buf wanted = BUF_INIT;
    LH_AUTO(buf) struct buf got = BUF_INIT;
    struct column source;
    struct arrow_column column;
    int64_t dictionary = 0;
    size_t rows = 1 + next(&in) % ROWS_MAX;
    make_column(&in, arena, rows, 0, &source);
    arrow_column_init(&column, &source, &dictionary);
    for (unsigned slices = 1 + next(&in) % 6; slices > 0; slices--) {
        size_t first = next(&in) % rows, count = next(&in) % (rows - first + 1);
        FUZZ_CHECK(arrow_column_fits(&column, first, count));
        FUZZ_CHECK(arrow_column_append(&column, first, count, &err) == LH_OK);
        for (size_t row = first; row < first + count; row++)
            print_source(&source, row, &wanted);
    }
    for (size_t row = 0; row < column.length; row++)
        print_arrow(&column, row, &got);
    FUZZ_CHECK(wanted.len == got.len && memcmp(buf_cstr(&wanted), buf_cstr(&got), got.len) == 0);
    arrow_column_deinit(&column);
    return 0;
}
