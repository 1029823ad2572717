#include "engine/worker/value_text.h"

#include "base/buf.h"
#include "engine/worker/out_room.h"

/* Turning a BIGNUM into decimal takes time that grows with the square of its length; this much takes about 20 ms. */
#define BIGNUM_MAX_BYTES ((size_t)16 * 1024)

bool value_is_fixed(int type) {
    switch (type) {
    case DUCKDB_TYPE_VARCHAR:
    case DUCKDB_TYPE_ENUM:
    case DUCKDB_TYPE_BLOB:
    case DUCKDB_TYPE_BIT:
    case DUCKDB_TYPE_BIGNUM:
    case COLUMN_TYPE_GEOMETRY:
    case DUCKDB_TYPE_LIST:
    case DUCKDB_TYPE_ARRAY:
    case DUCKDB_TYPE_STRUCT:
    case DUCKDB_TYPE_MAP:
    case DUCKDB_TYPE_UNION: return false;
    default: return true;
    }
}

bool value_is_string(int type) {
    return type == DUCKDB_TYPE_VARCHAR || type == DUCKDB_TYPE_ENUM;
}

bool value_is_bytes(int type) {
    return type == DUCKDB_TYPE_BLOB || type == DUCKDB_TYPE_BIT || type == DUCKDB_TYPE_BIGNUM ||
           type == COLUMN_TYPE_GEOMETRY;
}

static char *put_bool(char *at, bool v) {
    size_t len = v ? 4 : 5;
    memcpy(at, v ? "true" : "false", len);
    return at + len;
}

char *value_put_fixed(char *at, const struct column *c, size_t row) {
    switch (c->type) {
    case DUCKDB_TYPE_BOOLEAN: return put_bool(at, ((const bool *)c->data)[row]);
    case DUCKDB_TYPE_TINYINT:
    case DUCKDB_TYPE_SMALLINT:
    case DUCKDB_TYPE_INTEGER:
    case DUCKDB_TYPE_BIGINT: return value_put_int64(at, column_int64(c, row));
    case DUCKDB_TYPE_UTINYINT:
    case DUCKDB_TYPE_USMALLINT:
    case DUCKDB_TYPE_UINTEGER:
    case DUCKDB_TYPE_UBIGINT: return value_put_uint64(at, column_uint64(c, row));
    case DUCKDB_TYPE_HUGEINT: return value_put_int128(at, column_int128_at(c, row));
    case DUCKDB_TYPE_UHUGEINT: return value_put_uint128(at, column_bits128(c, row));
    case DUCKDB_TYPE_FLOAT: return value_put_float(at, ((const float *)c->data)[row]);
    case DUCKDB_TYPE_DOUBLE: return value_put_double(at, ((const double *)c->data)[row]);
    case DUCKDB_TYPE_DECIMAL: return value_put_decimal(at, column_int128_at(c, row), c->scale);
    case DUCKDB_TYPE_DATE: return value_put_date(at, ((const int32_t *)c->data)[row]);
    case DUCKDB_TYPE_TIME: return value_put_time(at, ((const int64_t *)c->data)[row], 6);
    case DUCKDB_TYPE_TIME_NS: return value_put_time(at, ((const int64_t *)c->data)[row], 9);
    case DUCKDB_TYPE_TIME_TZ: return value_put_time_tz(at, ((const uint64_t *)c->data)[row]);
    case DUCKDB_TYPE_TIMESTAMP_S: return value_put_timestamp(at, ((const int64_t *)c->data)[row], 0);
    case DUCKDB_TYPE_TIMESTAMP_MS: return value_put_timestamp(at, ((const int64_t *)c->data)[row], 3);
    case DUCKDB_TYPE_TIMESTAMP: return value_put_timestamp(at, ((const int64_t *)c->data)[row], 6);
    case DUCKDB_TYPE_TIMESTAMP_NS: return value_put_timestamp(at, ((const int64_t *)c->data)[row], 9);
    case DUCKDB_TYPE_TIMESTAMP_TZ:
        at = value_put_timestamp(at, ((const int64_t *)c->data)[row], 6);
        if (at[-1] != 'y') /* infinity has no zone */
            *at++ = 'Z';
        return at;
    case DUCKDB_TYPE_INTERVAL: return value_put_interval(at, (const duckdb_interval *)c->data + row);
    case DUCKDB_TYPE_UUID: return value_put_uuid(at, column_bits128(c, row));
    default: return at; /* SQLNULL: never a value */
    }
}

const char *value_string(const struct column *c, size_t row, size_t *ret_len) {
    if (c->type != DUCKDB_TYPE_ENUM)
        return column_string(c, row, ret_len);
    size_t index = column_enum_index(c, row);
    *ret_len = c->label_lens[index];
    return c->labels[index];
}

enum lh_code value_append_bytes(struct buf *out, const struct column *c, size_t row, struct lh_err *err) {
    size_t len;
    const uint8_t *data = (const uint8_t *)column_string(c, row, &len);
    char *at;
    switch (c->type) {
    case DUCKDB_TYPE_BIT:
        at = out_room(out, value_bit_len(data, len));
        out_advance(out, value_put_bit(at, data, len));
        return LH_OK;
    case DUCKDB_TYPE_BIGNUM:
        if (len > BIGNUM_MAX_BYTES)
            return column_fail(c, err, "it has a BIGNUM of more than 39,000 digits", "VARCHAR");
        at = out_room(out, value_bignum_room(len));
        out_advance(out, value_put_bignum(at, data, len));
        return LH_OK;
    default:
        at = out_room(out, value_base64_len(len));
        out_advance(out, value_put_base64(at, data, len));
        return LH_OK;
    }
}
