#include "engine/worker/json_text.h"

#include "base/buf.h"
#include "engine/worker/out_room.h"
#include "engine/worker/value_text.h"

#include <math.h>

#define EACH_BYTE(b) (UINT64_C(0x0101010101010101) * (b))
#define ESCAPE_MAX 6 /* \u001f */

/* The high bit of every byte of `word` that is zero.  Bytes above the first such one may be marked wrongly. */
static inline uint64_t zero_bytes(uint64_t word) {
    return (word - EACH_BYTE(0x01)) & ~word & EACH_BYTE(0x80);
}

/* As zero_bytes, for bytes that JSON wants escaped: below 0x20, quote, backslash. */
static inline uint64_t special_bytes(uint64_t word) {
    uint64_t control = (word - EACH_BYTE(0x20)) & ~word & EACH_BYTE(0x80);
    return control | zero_bytes(word ^ EACH_BYTE('"')) | zero_bytes(word ^ EACH_BYTE('\\'));
}

static char *put_escaped(char *at, unsigned char c) {
    static const char hex[] = "0123456789abcdef";
    *at++ = '\\';
    switch (c) {
    case '"':
    case '\\': *at++ = (char)c; return at;
    case '\b': *at++ = 'b'; return at;
    case '\f': *at++ = 'f'; return at;
    case '\n': *at++ = 'n'; return at;
    case '\r': *at++ = 'r'; return at;
    case '\t': *at++ = 't'; return at;
    default:
        memcpy(at, "u00", 3);
        at[3] = hex[c >> 4];
        at[4] = hex[c & 15];
        return at + 5;
    }
}

/* Eight bytes are copied before they are looked at: most texts have nothing to escape, and what lies behind a
 * special byte is written again. */
void json_append_string(struct buf *out, const char *text, size_t len) {
    char *at = out_room(out, len + ESCAPE_MAX + 2 + sizeof(uint64_t));
    *at++ = '"';
    size_t i = 0;
    while (i < len) {
        uint64_t word = EACH_BYTE(' ');
        size_t step = len - i < sizeof word ? len - i : sizeof word;
        if (step == sizeof word)
            memcpy(&word, text + i, sizeof word);
        else
            for (size_t k = 0; k < step; k++)
                ((unsigned char *)&word)[k] = (unsigned char)text[i + k];
        memcpy(at, &word, sizeof word);
        uint64_t special = special_bytes(word);
        if (!special) {
            i += step;
            at += step;
            continue;
        }
        size_t plain = (size_t)__builtin_ctzll(special) / 8;
        i += plain;
        at = put_escaped(at + plain, (unsigned char)text[i++]);
        out_advance(out, at);
        at = out_room(out, len - i + ESCAPE_MAX + 2 + sizeof(uint64_t));
    }
    *at++ = '"';
    out_advance(out, at);
}

/* Whether a fixed-size value stands without quotes: numbers that every reader's double holds exactly. */
static bool is_bare(const struct column *c, size_t row) {
    switch (c->type) {
    case DUCKDB_TYPE_BOOLEAN:
    case DUCKDB_TYPE_TINYINT:
    case DUCKDB_TYPE_SMALLINT:
    case DUCKDB_TYPE_INTEGER:
    case DUCKDB_TYPE_UTINYINT:
    case DUCKDB_TYPE_USMALLINT:
    case DUCKDB_TYPE_UINTEGER: return true;
    case DUCKDB_TYPE_BIGINT: return value_is_exact_in_double(column_int64(c, row));
    case DUCKDB_TYPE_UBIGINT: {
        uint64_t v = column_uint64(c, row);
        return v <= INT64_MAX && value_is_exact_in_double((int64_t)v);
    }
    case DUCKDB_TYPE_HUGEINT: {
        column_int128 v = column_int128_at(c, row);
        return v == (int64_t)v && value_is_exact_in_double((int64_t)v);
    }
    case DUCKDB_TYPE_UHUGEINT: {
        column_uint128 v = column_bits128(c, row);
        return v <= INT64_MAX && value_is_exact_in_double((int64_t)v);
    }
    case DUCKDB_TYPE_FLOAT: return isfinite(((const float *)c->data)[row]);
    case DUCKDB_TYPE_DOUBLE: return isfinite(((const double *)c->data)[row]);
    default: return false;
    }
}

static void append_fixed(struct buf *out, const struct column *c, size_t row) {
    char *at = out_room(out, VALUE_TEXT_MAX + 2);
    if (is_bare(c, row)) {
        out_advance(out, value_put_fixed(at, c, row));
        return;
    }
    *at++ = '"';
    at = value_put_fixed(at, c, row);
    *at++ = '"';
    out_advance(out, at);
}

static enum lh_code append_rows(struct buf *out, const struct column *child, size_t first, size_t count,
                                struct lh_err *err) {
    buf_append_char(out, '[');
    for (size_t i = 0; i < count; i++) {
        if (i)
            buf_append_char(out, ',');
        LH_TRY(json_append_value(out, child, first + i, err));
    }
    buf_append_char(out, ']');
    return LH_OK;
}

static enum lh_code append_struct(struct buf *out, const struct column *c, size_t row, struct lh_err *err) {
    buf_append_char(out, c->unnamed ? '[' : '{');
    for (size_t i = 0; i < c->child_count; i++) {
        const struct column *field = &c->children[i];
        if (i)
            buf_append_char(out, ',');
        if (!c->unnamed) {
            json_append_string(out, field->name, strlen(field->name));
            buf_append_char(out, ':');
        }
        LH_TRY(json_append_value(out, field, row, err));
    }
    buf_append_char(out, c->unnamed ? ']' : '}');
    return LH_OK;
}

static enum lh_code append_union(struct buf *out, const struct column *c, size_t row, struct lh_err *err) {
    const struct column *member = &c->children[1 + ((const uint8_t *)c->children[0].data)[row]];
    buf_append_char(out, '{');
    json_append_string(out, member->name, strlen(member->name));
    buf_append_char(out, ':');
    LH_TRY(json_append_value(out, member, row, err));
    buf_append_char(out, '}');
    return LH_OK;
}

enum lh_code json_append_value(struct buf *out, const struct column *c, size_t row, struct lh_err *err) {
    if (column_is_null(c, row)) {
        buf_append(out, "null", 4);
        return LH_OK;
    }
    switch (c->type) {
    case DUCKDB_TYPE_VARCHAR:
    case DUCKDB_TYPE_ENUM: {
        size_t len;
        const char *text = value_string(c, row, &len);
        json_append_string(out, text, len);
        return LH_OK;
    }
    case DUCKDB_TYPE_LIST:
    case DUCKDB_TYPE_MAP: {
        const duckdb_list_entry *entry = (const duckdb_list_entry *)c->data + row;
        return append_rows(out, c->children, entry->offset, entry->length, err);
    }
    case DUCKDB_TYPE_ARRAY: return append_rows(out, c->children, row * c->array_size, c->array_size, err);
    case DUCKDB_TYPE_STRUCT: return append_struct(out, c, row, err);
    case DUCKDB_TYPE_UNION: return append_union(out, c, row, err);
    case DUCKDB_TYPE_BLOB:
    case DUCKDB_TYPE_BIT:
    case DUCKDB_TYPE_BIGNUM:
    case COLUMN_TYPE_GEOMETRY:
        buf_append_char(out, '"');
        LH_TRY(value_append_bytes(out, c, row, err));
        buf_append_char(out, '"');
        return LH_OK;
    default: append_fixed(out, c, row); return LH_OK;
    }
}
