#include "engine/worker/arrow_schema.h"

#include "base/alloc.h"
#include "base/cleanup.h"

#include <stdio.h>

/* enum Type of Schema.fbs: the tag of the union that is a field's type. */
enum arrow_type {
    TYPE_NULL = 1,
    TYPE_INT = 2,
    TYPE_FLOATING_POINT = 3,
    TYPE_BINARY = 4,
    TYPE_UTF8 = 5,
    TYPE_BOOL = 6,
    TYPE_DECIMAL = 7,
    TYPE_DATE = 8,
    TYPE_TIME = 9,
    TYPE_TIMESTAMP = 10,
    TYPE_INTERVAL = 11,
    TYPE_LIST = 12,
    TYPE_STRUCT = 13,
    TYPE_UNION = 14,
    TYPE_FIXED_SIZE_BINARY = 15,
    TYPE_FIXED_SIZE_LIST = 16,
    TYPE_MAP = 17,
};

enum { UNIT_SECOND, UNIT_MILLISECOND, UNIT_MICROSECOND, UNIT_NANOSECOND };
enum { PRECISION_SINGLE = 1, PRECISION_DOUBLE = 2 };
enum { DATE_DAY = 0 };
enum { INTERVAL_MONTH_DAY_NANO = 2 };
enum { UNION_SPARSE = 0 };

struct type_ref {
    enum arrow_type tag;
    flatbuffer_ref table;
};

static struct type_ref put_plain(struct flatbuffer *fb, enum arrow_type tag) {
    flatbuffer_begin(fb);
    return (struct type_ref){tag, flatbuffer_end(fb)};
}

static flatbuffer_ref put_int_table(struct flatbuffer *fb, int32_t bits, bool is_signed) {
    flatbuffer_begin(fb);
    flatbuffer_add_int32(fb, 0, bits);
    flatbuffer_add_int8(fb, 1, is_signed);
    return flatbuffer_end(fb);
}

static struct type_ref put_int(struct flatbuffer *fb, int32_t bits, bool is_signed) {
    return (struct type_ref){TYPE_INT, put_int_table(fb, bits, is_signed)};
}

/* The tables whose first field is an enum of 16 bits. */
static struct type_ref put_enum(struct flatbuffer *fb, enum arrow_type tag, int16_t v) {
    flatbuffer_begin(fb);
    flatbuffer_add_int16(fb, 0, v);
    return (struct type_ref){tag, flatbuffer_end(fb)};
}

static struct type_ref put_decimal(struct flatbuffer *fb, int32_t precision, int32_t scale) {
    flatbuffer_begin(fb);
    flatbuffer_add_int32(fb, 0, precision);
    flatbuffer_add_int32(fb, 1, scale);
    flatbuffer_add_int32(fb, 2, 128);
    return (struct type_ref){TYPE_DECIMAL, flatbuffer_end(fb)};
}

static struct type_ref put_time(struct flatbuffer *fb, int16_t unit) {
    flatbuffer_begin(fb);
    flatbuffer_add_int16(fb, 0, unit);
    flatbuffer_add_int32(fb, 1, 64);
    return (struct type_ref){TYPE_TIME, flatbuffer_end(fb)};
}

static struct type_ref put_timestamp(struct flatbuffer *fb, int16_t unit, const char *zone) {
    flatbuffer_ref zone_ref = zone ? flatbuffer_string(fb, zone) : 0;
    flatbuffer_begin(fb);
    flatbuffer_add_int16(fb, 0, unit);
    if (zone)
        flatbuffer_add_ref(fb, 1, zone_ref);
    return (struct type_ref){TYPE_TIMESTAMP, flatbuffer_end(fb)};
}

static struct type_ref put_sized(struct flatbuffer *fb, enum arrow_type tag, int32_t size) {
    flatbuffer_begin(fb);
    flatbuffer_add_int32(fb, 0, size);
    return (struct type_ref){tag, flatbuffer_end(fb)};
}

static struct type_ref put_union(struct flatbuffer *fb, size_t members) {
    LH_AUTO(mem) int32_t *ids = lh_calloc(members, sizeof *ids);
    for (size_t i = 0; i < members; i++)
        ids[i] = (int32_t)i;
    flatbuffer_ref ids_ref = flatbuffer_int32s(fb, ids, members);
    flatbuffer_begin(fb);
    flatbuffer_add_int16(fb, 0, UNION_SPARSE);
    flatbuffer_add_ref(fb, 1, ids_ref);
    return (struct type_ref){TYPE_UNION, flatbuffer_end(fb)};
}

static struct type_ref put_map(struct flatbuffer *fb) {
    flatbuffer_begin(fb);
    flatbuffer_add_int8(fb, 0, false); /* keys in no order */
    return (struct type_ref){TYPE_MAP, flatbuffer_end(fb)};
}

static struct type_ref put_type(struct flatbuffer *fb, const struct column *c) {
    switch (c->type) {
    case DUCKDB_TYPE_SQLNULL: return put_plain(fb, TYPE_NULL);
    case DUCKDB_TYPE_BOOLEAN: return put_plain(fb, TYPE_BOOL);
    case DUCKDB_TYPE_TINYINT: return put_int(fb, 8, true);
    case DUCKDB_TYPE_SMALLINT: return put_int(fb, 16, true);
    case DUCKDB_TYPE_INTEGER: return put_int(fb, 32, true);
    case DUCKDB_TYPE_BIGINT: return put_int(fb, 64, true);
    case DUCKDB_TYPE_UTINYINT: return put_int(fb, 8, false);
    case DUCKDB_TYPE_USMALLINT: return put_int(fb, 16, false);
    case DUCKDB_TYPE_UINTEGER: return put_int(fb, 32, false);
    case DUCKDB_TYPE_UBIGINT: return put_int(fb, 64, false);
    case DUCKDB_TYPE_HUGEINT:
    case DUCKDB_TYPE_UHUGEINT: return put_decimal(fb, 38, 0);
    case DUCKDB_TYPE_DECIMAL: return put_decimal(fb, c->width, c->scale);
    case DUCKDB_TYPE_FLOAT: return put_enum(fb, TYPE_FLOATING_POINT, PRECISION_SINGLE);
    case DUCKDB_TYPE_DOUBLE: return put_enum(fb, TYPE_FLOATING_POINT, PRECISION_DOUBLE);
    case DUCKDB_TYPE_DATE: return put_enum(fb, TYPE_DATE, DATE_DAY);
    case DUCKDB_TYPE_TIME: return put_time(fb, UNIT_MICROSECOND);
    case DUCKDB_TYPE_TIME_NS: return put_time(fb, UNIT_NANOSECOND);
    case DUCKDB_TYPE_TIMESTAMP_S: return put_timestamp(fb, UNIT_SECOND, NULL);
    case DUCKDB_TYPE_TIMESTAMP_MS: return put_timestamp(fb, UNIT_MILLISECOND, NULL);
    case DUCKDB_TYPE_TIMESTAMP: return put_timestamp(fb, UNIT_MICROSECOND, NULL);
    case DUCKDB_TYPE_TIMESTAMP_NS: return put_timestamp(fb, UNIT_NANOSECOND, NULL);
    case DUCKDB_TYPE_TIMESTAMP_TZ: return put_timestamp(fb, UNIT_MICROSECOND, "UTC");
    case DUCKDB_TYPE_INTERVAL: return put_enum(fb, TYPE_INTERVAL, INTERVAL_MONTH_DAY_NANO);
    case DUCKDB_TYPE_UUID: return put_sized(fb, TYPE_FIXED_SIZE_BINARY, 16);
    case DUCKDB_TYPE_BLOB:
    case COLUMN_TYPE_GEOMETRY: return put_plain(fb, TYPE_BINARY);
    case DUCKDB_TYPE_LIST: return put_plain(fb, TYPE_LIST);
    case DUCKDB_TYPE_ARRAY: return put_sized(fb, TYPE_FIXED_SIZE_LIST, (int32_t)c->array_size);
    case DUCKDB_TYPE_STRUCT: return put_plain(fb, TYPE_STRUCT);
    case DUCKDB_TYPE_MAP: return put_map(fb);
    case DUCKDB_TYPE_UNION: return put_union(fb, c->child_count - 1);
    default: return put_plain(fb, TYPE_UTF8); /* VARCHAR, ENUM's labels, BIT, BIGNUM, TIMETZ */
    }
}

static flatbuffer_ref put_pair(struct flatbuffer *fb, const char *key, const char *value) {
    flatbuffer_ref value_ref = flatbuffer_string(fb, value), key_ref = flatbuffer_string(fb, key);
    flatbuffer_begin(fb);
    flatbuffer_add_ref(fb, 0, key_ref);
    flatbuffer_add_ref(fb, 1, value_ref);
    return flatbuffer_end(fb);
}

static const char *extension_of(const struct column *c) {
    if (c->type == DUCKDB_TYPE_UUID)
        return "arrow.uuid";
    if (c->type == COLUMN_TYPE_GEOMETRY)
        return "geoarrow.wkb";
    return c->is_json ? "arrow.json" : NULL;
}

/* 0 where there is nothing to say. */
static flatbuffer_ref put_metadata(struct flatbuffer *fb, const struct column *c, const char *sql_type) {
    flatbuffer_ref pairs[3];
    size_t count = 0;
    const char *extension = extension_of(c);
    if (extension) {
        pairs[count++] = put_pair(fb, "ARROW:extension:name", extension);
        pairs[count++] = put_pair(fb, "ARROW:extension:metadata", c->type == COLUMN_TYPE_GEOMETRY ? "{}" : "");
    }
    if (sql_type)
        pairs[count++] = put_pair(fb, "sql_type", sql_type);
    return count ? flatbuffer_refs(fb, pairs, count) : 0;
}

static flatbuffer_ref put_dictionary(struct flatbuffer *fb, const struct arrow_column *a) {
    flatbuffer_ref index = put_int_table(fb, (int32_t)a->width * 8, false);
    flatbuffer_begin(fb);
    flatbuffer_add_int64(fb, 0, a->dictionary_id);
    flatbuffer_add_ref(fb, 1, index);
    return flatbuffer_end(fb);
}

static flatbuffer_ref put_field(struct flatbuffer *fb, const struct arrow_column *a, const char *name, bool nullable,
                                const char *sql_type) {
    const struct column *c = a->source;
    LH_AUTO(mem) flatbuffer_ref *children = lh_calloc(a->child_count, sizeof *children);
    bool in_list = c->type == DUCKDB_TYPE_LIST || c->type == DUCKDB_TYPE_ARRAY;
    bool is_map = c->type == DUCKDB_TYPE_MAP, is_entries = c->type == DUCKDB_TYPE_STRUCT && !nullable;
    for (size_t i = 0; i < a->child_count; i++) {
        char position[24];
        snprintf(position, sizeof position, "%zu", i + 1);
        const char *child_name = in_list ? "item" : c->unnamed ? position : a->children[i].source->name;
        children[i] = put_field(fb, &a->children[i], child_name, !is_map && !(is_entries && i == 0), NULL);
    }
    flatbuffer_ref metadata = put_metadata(fb, c, sql_type);
    flatbuffer_ref children_ref = flatbuffer_refs(fb, children, a->child_count);
    flatbuffer_ref dictionary = a->dictionary_id >= 0 ? put_dictionary(fb, a) : 0;
    struct type_ref type = put_type(fb, c);
    flatbuffer_ref name_ref = flatbuffer_string(fb, name);

    flatbuffer_begin(fb);
    flatbuffer_add_ref(fb, 0, name_ref);
    flatbuffer_add_int8(fb, 1, nullable);
    flatbuffer_add_int8(fb, 2, (int8_t)type.tag);
    flatbuffer_add_ref(fb, 3, type.table);
    if (dictionary)
        flatbuffer_add_ref(fb, 4, dictionary);
    flatbuffer_add_ref(fb, 5, children_ref);
    if (metadata)
        flatbuffer_add_ref(fb, 6, metadata);
    return flatbuffer_end(fb);
}

flatbuffer_ref arrow_schema_put(struct flatbuffer *fb, const struct arrow_column *columns, const char *const *sql_types,
                                size_t count) {
    LH_AUTO(mem) flatbuffer_ref *fields = lh_calloc(count, sizeof *fields);
    for (size_t i = 0; i < count; i++)
        fields[i] = put_field(fb, &columns[i], columns[i].source->name, true, sql_types[i]);
    flatbuffer_ref fields_ref = flatbuffer_refs(fb, fields, count);
    flatbuffer_begin(fb);
    flatbuffer_add_int16(fb, 0, 0); /* little-endian */
    flatbuffer_add_ref(fb, 1, fields_ref);
    return flatbuffer_end(fb);
}
