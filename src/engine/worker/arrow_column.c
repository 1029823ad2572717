#include "engine/worker/arrow_column.h"

#include "base/alloc.h"
#include "engine/worker/arrow_bits.h"
#include "engine/worker/out_room.h"
#include "engine/worker/value_text.h"

static enum arrow_layout layout_of(int type) {
    switch (type) {
    case DUCKDB_TYPE_SQLNULL: return ARROW_NULL;
    case DUCKDB_TYPE_BOOLEAN: return ARROW_BITS;
    case DUCKDB_TYPE_VARCHAR:
    case DUCKDB_TYPE_BLOB:
    case COLUMN_TYPE_GEOMETRY:
    case DUCKDB_TYPE_BIT:
    case DUCKDB_TYPE_BIGNUM:
    case DUCKDB_TYPE_TIME_TZ: return ARROW_BYTES;
    case DUCKDB_TYPE_LIST:
    case DUCKDB_TYPE_MAP: return ARROW_LIST;
    case DUCKDB_TYPE_ARRAY: return ARROW_FIXED_LIST;
    case DUCKDB_TYPE_STRUCT: return ARROW_STRUCT;
    case DUCKDB_TYPE_UNION: return ARROW_UNION;
    default: return ARROW_FIXED;
    }
}

static size_t storage_width(int storage) {
    switch (storage) {
    case DUCKDB_TYPE_TINYINT:
    case DUCKDB_TYPE_UTINYINT: return 1;
    case DUCKDB_TYPE_SMALLINT:
    case DUCKDB_TYPE_USMALLINT: return 2;
    case DUCKDB_TYPE_INTEGER:
    case DUCKDB_TYPE_UINTEGER:
    case DUCKDB_TYPE_FLOAT:
    case DUCKDB_TYPE_DATE: return 4;
    case DUCKDB_TYPE_HUGEINT:
    case DUCKDB_TYPE_UHUGEINT:
    case DUCKDB_TYPE_UUID:
    case DUCKDB_TYPE_INTERVAL: return 16;
    default: return 8;
    }
}

static bool is_verbatim(const struct column *c) {
    switch (c->type) {
    case DUCKDB_TYPE_HUGEINT:
    case DUCKDB_TYPE_UHUGEINT:
    case DUCKDB_TYPE_UUID:
    case DUCKDB_TYPE_INTERVAL: return false;
    case DUCKDB_TYPE_DECIMAL: return c->storage == DUCKDB_TYPE_HUGEINT;
    default: return true;
    }
}

void arrow_column_init(struct arrow_column *a, const struct column *source, int64_t *next_dictionary) {
    *a = (struct arrow_column){.source = source, .layout = layout_of(source->type), .dictionary_id = -1};
    a->verbatim = is_verbatim(source);
    a->width = source->type == DUCKDB_TYPE_DECIMAL ? 16 : storage_width(source->storage);
    a->sized = a->layout == ARROW_BYTES || a->layout == ARROW_LIST;
    if (source->type == DUCKDB_TYPE_ENUM)
        a->dictionary_id = (*next_dictionary)++;
    size_t skipped = a->layout == ARROW_UNION; /* a UNION's tags are its values, not a child */
    if (source->child_count > 0) {
        a->child_count = source->child_count - skipped;
        a->children = lh_calloc(a->child_count, sizeof *a->children);
    }
    for (size_t i = 0; i < a->child_count; i++) {
        arrow_column_init(&a->children[i], &source->children[skipped + i], next_dictionary);
        a->sized |= a->children[i].sized;
    }
    arrow_column_reset(a);
}

void arrow_column_deinit(struct arrow_column *a) {
    for (size_t i = 0; i < a->child_count; i++)
        arrow_column_deinit(&a->children[i]);
    lh_free(a->children);
    buf_release(&a->validity);
    buf_release(&a->offsets);
    buf_release(&a->values);
}

void arrow_column_reset(struct arrow_column *a) {
    a->length = 0;
    a->null_count = 0;
    buf_reset(&a->validity);
    buf_reset(&a->offsets);
    buf_reset(&a->values);
    if (a->layout == ARROW_BYTES || a->layout == ARROW_LIST)
        buf_append(&a->offsets, &(int32_t){0}, sizeof(int32_t));
    for (size_t i = 0; i < a->child_count; i++)
        arrow_column_reset(&a->children[i]);
}

size_t arrow_column_bytes(const struct arrow_column *a) {
    size_t bytes = a->validity.len + a->offsets.len + a->values.len;
    for (size_t i = 0; i < a->child_count; i++)
        bytes += arrow_column_bytes(&a->children[i]);
    return bytes;
}

/* ---- validity ---- */

static void append_validity(struct arrow_column *a, const uint64_t *mask, size_t first, size_t count) {
    for (size_t done = 0; mask && done < count;) {
        size_t step = count - done < 64 ? count - done : 64;
        uint64_t bits = bits_get(mask, first + done, step);
        size_t valid = (size_t)__builtin_popcountll(bits);
        if (valid < step && a->null_count == 0)
            bits_fill(&a->validity, 0, a->length);
        a->null_count += step - valid;
        if (a->null_count > 0)
            bits_put(&a->validity, a->length, bits, step);
        a->length += step;
        done += step;
    }
    if (mask)
        return;
    if (a->null_count > 0)
        bits_fill(&a->validity, a->length, count);
    a->length += count;
}

static void put_zero_bits(struct buf *out, size_t at, size_t count) {
    for (size_t step; count > 0; at += step, count -= step) {
        step = count < 64 ? count : 64;
        bits_put(out, at, 0, step);
    }
}

static void append_null_validity(struct arrow_column *a, size_t count) {
    if (a->null_count == 0)
        bits_fill(&a->validity, 0, a->length);
    put_zero_bits(&a->validity, a->length, count);
    a->null_count += count;
    a->length += count;
}

/* ---- rows that have no value, though a parent's row needs a place ---- */

static void append_zeros(struct buf *out, size_t size) {
    memset(out_room(out, size), 0, size);
    out_advance(out, out->data + out->len + size);
}

static void append_nulls(struct arrow_column *a, size_t count) {
    if (count == 0)
        return;
    switch (a->layout) {
    case ARROW_NULL: break;
    case ARROW_BITS: put_zero_bits(&a->values, a->length, count); break;
    case ARROW_FIXED: append_zeros(&a->values, count * a->width); break;
    case ARROW_BYTES:
    case ARROW_LIST: {
        int32_t last;
        memcpy(&last, a->offsets.data + a->offsets.len - sizeof last, sizeof last);
        for (size_t i = 0; i < count; i++)
            buf_append(&a->offsets, &last, sizeof last);
        break;
    }
    case ARROW_FIXED_LIST: append_nulls(&a->children[0], count * a->source->array_size); break;
    case ARROW_UNION: append_zeros(&a->values, count); __attribute__((fallthrough));
    case ARROW_STRUCT:
        for (size_t i = 0; i < a->child_count; i++)
            append_nulls(&a->children[i], count);
        break;
    }
    if (a->layout == ARROW_UNION) /* tag 0, whose child is NULL there */
        a->length += count;
    else
        append_null_validity(a, count);
}

/* ---- values ---- */

static void append_bits(struct arrow_column *a, size_t first, size_t count) {
    const uint8_t *bytes = (const uint8_t *)a->source->data + first;
    for (size_t done = 0, step; done < count; done += step) {
        step = count - done < 64 ? count - done : 64;
        uint64_t bits = 0;
        for (size_t i = 0; i < step; i++)
            bits |= (uint64_t)(bytes[done + i] & 1) << i;
        if (a->source->validity)
            bits &= bits_get(a->source->validity, first + done, step);
        bits_put(&a->values, a->length + done, bits, step);
    }
}

/* A decimal128(38, 0) holds every HUGEINT below 10^38 in size. */
static bool has_38_digits(column_int128 v) {
    const column_int128 ten_to_38 = (column_int128)UINT64_C(10000000000000000000) * UINT64_C(10000000000000000000);
    return v < ten_to_38 && v > -ten_to_38;
}

/* One value in Arrow's form, 16 bytes. */
static enum lh_code convert(const struct column *c, size_t row, char *at, struct lh_err *err) {
    switch (c->type) {
    case DUCKDB_TYPE_HUGEINT:
    case DUCKDB_TYPE_UHUGEINT: {
        column_int128 v = (column_int128)column_bits128(c, row);
        if (!has_38_digits(v) || (c->type == DUCKDB_TYPE_UHUGEINT && v < 0))
            return column_fail(c, err, "it has an integer of 39 digits, and Arrow's decimal128 ends at 38", "VARCHAR");
        memcpy(at, &v, sizeof v);
        return LH_OK;
    }
    case DUCKDB_TYPE_UUID: { /* big-endian; DuckDB flips the top bit */
        column_uint128 bits = column_bits128(c, row) ^ (column_uint128)1 << 127;
        for (int i = 15; i >= 0; i--, bits >>= 8)
            at[i] = (char)(unsigned char)bits;
        return LH_OK;
    }
    case DUCKDB_TYPE_INTERVAL: {
        const duckdb_interval *v = (const duckdb_interval *)c->data + row;
        int64_t nanos;
        if (__builtin_mul_overflow(v->micros, 1000, &nanos))
            return column_fail(
                c, err, "it has an INTERVAL of more than 2,562,047 hours, too long for Arrow's nanoseconds", "VARCHAR");
        memcpy(at, &v->months, sizeof v->months);
        memcpy(at + 4, &v->days, sizeof v->days);
        memcpy(at + 8, &nanos, sizeof nanos);
        return LH_OK;
    }
    default: { /* DECIMAL of up to 64 bits */
        column_int128 v = column_int64(c, row);
        memcpy(at, &v, sizeof v);
        return LH_OK;
    }
    }
}

/* What DuckDB leaves in the place of a NULL may be the very value that a policy's mask took away. */
static void wipe_nulls(const struct arrow_column *a, char *at, size_t first, size_t count) {
    for (size_t done = 0, step; done < count; done += step) {
        step = count - done < 64 ? count - done : 64;
        size_t valid = (size_t)__builtin_popcountll(bits_get(a->source->validity, first + done, step));
        for (size_t i = done; valid < step && i < done + step; i++)
            if (column_is_null(a->source, first + i))
                memset(at + i * a->width, 0, a->width);
    }
}

static enum lh_code append_fixed(struct arrow_column *a, size_t first, size_t count, struct lh_err *err) {
    char *at = out_room(&a->values, count * a->width);
    char *end = at + count * a->width;
    if (a->verbatim) {
        memcpy(at, (const char *)a->source->data + first * a->width, count * a->width);
        if (a->source->validity)
            wipe_nulls(a, at, first, count);
        out_advance(&a->values, end);
        return LH_OK;
    }
    for (size_t row = first; at < end; row++, at += a->width) {
        if (column_is_null(a->source, row))
            memset(at, 0, a->width);
        else
            LH_TRY(convert(a->source, row, at, err));
    }
    out_advance(&a->values, end);
    return LH_OK;
}

static enum lh_code append_text(struct buf *out, const struct column *c, size_t row, struct lh_err *err) {
    if (c->type == DUCKDB_TYPE_TIME_TZ) {
        out_advance(out, value_put_fixed(out_room(out, VALUE_TEXT_MAX), c, row));
        return LH_OK;
    }
    if (c->type == DUCKDB_TYPE_BIT || c->type == DUCKDB_TYPE_BIGNUM)
        return value_append_bytes(out, c, row, err);
    size_t len;
    const char *text = column_string(c, row, &len);
    char *at = out_room(out, len);
    memcpy(at, text, len);
    out_advance(out, at + len);
    return LH_OK;
}

static enum lh_code append_bytes(struct arrow_column *a, size_t first, size_t count, struct lh_err *err) {
    char *offset = out_room(&a->offsets, count * sizeof(int32_t));
    for (size_t row = first; row < first + count; row++, offset += sizeof(int32_t)) {
        if (!column_is_null(a->source, row))
            LH_TRY(append_text(&a->values, a->source, row, err));
        memcpy(offset, &(int32_t){(int32_t)a->values.len}, sizeof(int32_t));
    }
    out_advance(&a->offsets, offset);
    return LH_OK;
}

/* Entries that follow each other in the child are appended together. */
static enum lh_code append_list(struct arrow_column *a, size_t first, size_t count, struct lh_err *err) {
    const duckdb_list_entry *entries = a->source->data;
    struct arrow_column *child = &a->children[0];
    char *offset = out_room(&a->offsets, count * sizeof(int32_t));
    uint64_t run_first = 0, run_count = 0;
    for (size_t row = first; row < first + count; row++, offset += sizeof(int32_t)) {
        if (!column_is_null(a->source, row)) {
            if (entries[row].offset != run_first + run_count) {
                LH_TRY(arrow_column_append(child, run_first, run_count, err));
                run_first = entries[row].offset;
                run_count = 0;
            }
            run_count += entries[row].length;
        }
        memcpy(offset, &(int32_t){(int32_t)(child->length + run_count)}, sizeof(int32_t));
    }
    out_advance(&a->offsets, offset);
    return arrow_column_append(child, run_first, run_count, err);
}

/* How many rows from `row` on are alike: all of them values for the child, or none. */
static size_t run_length(const struct arrow_column *a, size_t row, size_t end, int tag, bool *ret_wanted) {
    const struct column *c = a->source;
    const uint8_t *tags = tag >= 0 ? c->children[0].data : NULL;
    if (!c->validity && !tags) {
        *ret_wanted = true;
        return end - row;
    }
    size_t start = row;
    *ret_wanted = !column_is_null(c, row) && (!tags || tags[row] == tag);
    do
        row++;
    while (row < end && (!column_is_null(c, row) && (!tags || tags[row] == tag)) == *ret_wanted);
    return row - start;
}

/* The rows of one child: its own values where the parent has one (and, for a union, the tag is the child's), else
 * NULL. What lies in the child's vector elsewhere is undefined.  `size` child rows belong to one row. */
static enum lh_code append_child(struct arrow_column *a, size_t i, size_t size, size_t first, size_t count,
                                 struct lh_err *err) {
    int tag = a->layout == ARROW_UNION ? (int)i : -1;
    for (size_t row = first, step; row < first + count; row += step) {
        bool wanted;
        step = run_length(a, row, first + count, tag, &wanted);
        if (wanted)
            LH_TRY(arrow_column_append(&a->children[i], row * size, step * size, err));
        else
            append_nulls(&a->children[i], step * size);
    }
    return LH_OK;
}

static void append_tags(struct arrow_column *a, size_t first, size_t count) {
    const uint8_t *tags = a->source->children[0].data;
    for (size_t row = first; row < first + count; row++)
        buf_append_char(&a->values, column_is_null(a->source, row) ? '\0' : (char)tags[row]);
}

enum lh_code arrow_column_append(struct arrow_column *a, size_t first, size_t count, struct lh_err *err) {
    if (count == 0)
        return LH_OK;
    enum lh_code code = LH_OK;
    switch (a->layout) {
    case ARROW_NULL: append_null_validity(a, count); return LH_OK;
    case ARROW_BITS: append_bits(a, first, count); break;
    case ARROW_FIXED: code = append_fixed(a, first, count, err); break;
    case ARROW_BYTES: code = append_bytes(a, first, count, err); break;
    case ARROW_LIST: code = append_list(a, first, count, err); break;
    case ARROW_FIXED_LIST: code = append_child(a, 0, a->source->array_size, first, count, err); break;
    case ARROW_UNION: append_tags(a, first, count); __attribute__((fallthrough));
    case ARROW_STRUCT:
        for (size_t i = 0; i < a->child_count && code == LH_OK; i++)
            code = append_child(a, i, 1, first, count, err);
        break;
    }
    LH_TRY(code);
    append_validity(a, a->layout == ARROW_UNION ? NULL : a->source->validity, first, count);
    return LH_OK;
}

/* ---- room ---- */

static size_t text_size(const struct column *c, size_t row) {
    if (c->type == DUCKDB_TYPE_TIME_TZ)
        return VALUE_TEXT_MAX;
    size_t len;
    const uint8_t *data = (const uint8_t *)column_string(c, row, &len);
    if (c->type == DUCKDB_TYPE_BIT)
        return value_bit_len(data, len);
    return c->type == DUCKDB_TYPE_BIGNUM ? value_bignum_room(len) : len;
}

static void measure(struct arrow_column *a, size_t first, size_t count) {
    const struct column *c = a->source;
    if (!a->sized)
        return;
    if (a->layout == ARROW_FIXED_LIST) {
        measure(&a->children[0], first * c->array_size, count * c->array_size);
        return;
    }
    for (size_t row = first; row < first + count; row++) {
        if (column_is_null(c, row))
            continue;
        if (a->layout == ARROW_BYTES) {
            a->incoming += text_size(c, row);
        } else if (a->layout == ARROW_LIST) {
            const duckdb_list_entry *entry = (const duckdb_list_entry *)c->data + row;
            a->incoming += entry->length;
            measure(&a->children[0], entry->offset, entry->length);
        } else if (a->layout == ARROW_UNION) {
            measure(&a->children[((const uint8_t *)c->children[0].data)[row]], row, 1);
        } else {
            for (size_t i = 0; i < a->child_count; i++)
                measure(&a->children[i], row, 1);
        }
    }
}

static bool take_measure(struct arrow_column *a) {
    size_t held = a->layout == ARROW_LIST ? a->children[0].length : a->values.len;
    bool fits = held + a->incoming <= INT32_MAX;
    a->incoming = 0;
    for (size_t i = 0; i < a->child_count; i++)
        fits &= take_measure(&a->children[i]);
    return fits;
}

bool arrow_column_fits(struct arrow_column *a, size_t first, size_t count) {
    if (!a->sized)
        return true;
    measure(a, first, count);
    return take_measure(a);
}
