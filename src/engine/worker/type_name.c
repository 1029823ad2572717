#include "engine/worker/type_name.h"

#include "base/buf.h"
#include "engine/worker/column.h"

#include <string.h>

#define NESTING_MAX 64 /* deeper types end in "..."; nobody reads them */

static void append(const struct duckdb_api *db, duckdb_logical_type type, struct buf *out, unsigned depth);

static const char *simple_name(duckdb_type id) {
    switch ((int)id) {
    case DUCKDB_TYPE_BOOLEAN: return "BOOLEAN";
    case DUCKDB_TYPE_TINYINT: return "TINYINT";
    case DUCKDB_TYPE_SMALLINT: return "SMALLINT";
    case DUCKDB_TYPE_INTEGER: return "INTEGER";
    case DUCKDB_TYPE_BIGINT: return "BIGINT";
    case DUCKDB_TYPE_UTINYINT: return "UTINYINT";
    case DUCKDB_TYPE_USMALLINT: return "USMALLINT";
    case DUCKDB_TYPE_UINTEGER: return "UINTEGER";
    case DUCKDB_TYPE_UBIGINT: return "UBIGINT";
    case DUCKDB_TYPE_HUGEINT: return "HUGEINT";
    case DUCKDB_TYPE_UHUGEINT: return "UHUGEINT";
    case DUCKDB_TYPE_BIGNUM: return "BIGNUM";
    case DUCKDB_TYPE_FLOAT: return "FLOAT";
    case DUCKDB_TYPE_DOUBLE: return "DOUBLE";
    case DUCKDB_TYPE_TIMESTAMP: return "TIMESTAMP";
    case DUCKDB_TYPE_TIMESTAMP_S: return "TIMESTAMP_S";
    case DUCKDB_TYPE_TIMESTAMP_MS: return "TIMESTAMP_MS";
    case DUCKDB_TYPE_TIMESTAMP_NS: return "TIMESTAMP_NS";
    case DUCKDB_TYPE_TIMESTAMP_TZ: return "TIMESTAMP WITH TIME ZONE";
    case DUCKDB_TYPE_DATE: return "DATE";
    case DUCKDB_TYPE_TIME: return "TIME";
    case DUCKDB_TYPE_TIME_NS: return "TIME_NS";
    case DUCKDB_TYPE_TIME_TZ: return "TIME WITH TIME ZONE";
    case DUCKDB_TYPE_INTERVAL: return "INTERVAL";
    case DUCKDB_TYPE_VARCHAR: return "VARCHAR";
    case DUCKDB_TYPE_BLOB: return "BLOB";
    case DUCKDB_TYPE_BIT: return "BIT";
    case DUCKDB_TYPE_UUID: return "UUID";
    case DUCKDB_TYPE_ENUM: return "ENUM";
    case DUCKDB_TYPE_SQLNULL: return "\"NULL\"";
    case COLUMN_TYPE_GEOMETRY: return "GEOMETRY";
    case COLUMN_TYPE_VARIANT: return "VARIANT";
    default: return "UNKNOWN";
    }
}

/* A name as SQL needs it: quoted unless it is a plain lower-case word. */
static void append_member_name(struct buf *out, const char *name) {
    size_t plain = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");
    if (*name && !name[plain] && !(*name >= '0' && *name <= '9'))
        buf_append_str(out, name);
    else
        buf_append_sql_ident(out, name);
}

static void append_child(const struct duckdb_api *db, duckdb_logical_type child, struct buf *out, unsigned depth) {
    append(db, child, out, depth + 1);
    db->destroy_logical_type(&child);
}

static void append_members(const struct duckdb_api *db, duckdb_logical_type type, bool is_union, struct buf *out,
                           unsigned depth) {
    idx_t count = is_union ? db->union_type_member_count(type) : db->struct_type_child_count(type);
    buf_append_str(out, is_union ? "UNION(" : "STRUCT(");
    for (idx_t i = 0; i < count; i++) {
        char *name = is_union ? db->union_type_member_name(type, i) : db->struct_type_child_name(type, i);
        buf_append_str(out, i > 0 ? ", " : "");
        if (name && *name) {
            append_member_name(out, name);
            buf_append_char(out, ' ');
        }
        db->free(name);
        append_child(db, is_union ? db->union_type_member_type(type, i) : db->struct_type_child_type(type, i), out,
                     depth);
    }
    buf_append_char(out, ')');
}

static void append(const struct duckdb_api *db, duckdb_logical_type type, struct buf *out, unsigned depth) {
    if (depth > NESTING_MAX) {
        buf_append_str(out, "...");
        return;
    }
    char *alias = db->logical_type_get_alias(type);
    if (alias) {
        buf_append_str(out, alias);
        db->free(alias);
        return;
    }
    duckdb_type id = db->get_type_id(type);
    switch (id) {
    case DUCKDB_TYPE_DECIMAL:
        buf_printf(out, "DECIMAL(%u,%u)", (unsigned)db->decimal_width(type), (unsigned)db->decimal_scale(type));
        return;
    case DUCKDB_TYPE_LIST:
        append_child(db, db->list_type_child_type(type), out, depth);
        buf_append_str(out, "[]");
        return;
    case DUCKDB_TYPE_ARRAY:
        append_child(db, db->array_type_child_type(type), out, depth);
        buf_printf(out, "[%llu]", (unsigned long long)db->array_type_array_size(type));
        return;
    case DUCKDB_TYPE_MAP:
        buf_append_str(out, "MAP(");
        append_child(db, db->map_type_key_type(type), out, depth);
        buf_append_str(out, ", ");
        append_child(db, db->map_type_value_type(type), out, depth);
        buf_append_char(out, ')');
        return;
    case DUCKDB_TYPE_STRUCT:
    case DUCKDB_TYPE_UNION: append_members(db, type, id == DUCKDB_TYPE_UNION, out, depth); return;
    default: buf_append_str(out, simple_name(id)); return;
    }
}

void type_name_append(const struct duckdb_api *duckdb, duckdb_logical_type type, struct buf *out) {
    append(duckdb, type, out, 0);
}
