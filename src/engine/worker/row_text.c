#include "engine/worker/row_text.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "engine/row_name.h"
#include "engine/worker/session.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

#define VALUE_MAX_BYTES INT64_C(65536) /* JOURNAL_VALUE_MAX */

enum lh_code row_text_define(struct session *session, int64_t rows, struct lh_err *err) {
    LH_AUTO(buf) struct buf sql = BUF_INIT;
    int64_t max_bytes = rows > 0 ? ROW_TEXTS_MAX_BYTES / rows : VALUE_MAX_BYTES;
    if (max_bytes > VALUE_MAX_BYTES)
        max_bytes = VALUE_MAX_BYTES;
    buf_printf(&sql,
               "CREATE OR REPLACE TEMP MACRO row_value(t) AS CASE WHEN strlen(t) > %" PRId64
               " THEN '{\"omitted_bytes\":' || strlen(t) || '}' ELSE t END; "
               "CREATE OR REPLACE TEMP MACRO row_name(t) AS " ROW_NAME_SQL("t") ";",
               max_bytes);
    return session_run(session, buf_cstr(&sql), err);
}

/* ---- the shape ---- */

static enum lh_code read_columns(const json_t *request, struct row_shape *shape, struct lh_err *err) {
    json_t *columns, *column;
    size_t i;
    LH_TRY(lh_json_get_array(request, "", "columns", &columns, err));
    shape->columns = lh_calloc(json_array_size(columns) + 1, sizeof *shape->columns);
    json_array_foreach(columns, i, column) {
        LH_TRY(lh_json_get_string(column, "columns", "name", &shape->columns[i].name, err));
        LH_TRY(lh_json_get_string(column, "columns", "type", &shape->columns[i].type, err));
        shape->column_count++;
    }
    return LH_OK;
}

static enum lh_code read_key(const json_t *request, struct row_shape *shape, struct lh_err *err) {
    json_t *key, *name;
    size_t i;
    LH_TRY(lh_json_get_array(request, "", "key", &key, err));
    shape->key = lh_calloc(json_array_size(key) + 1, sizeof *shape->key);
    json_array_foreach(key, i, name) {
        size_t at = 0;
        while (at < shape->column_count &&
               (!json_is_string(name) || strcasecmp(shape->columns[at].name, json_string_value(name)) != 0))
            at++;
        if (at == shape->column_count)
            return lh_fail(err, LH_INTERNAL, "key[%zu] names no column", i);
        shape->columns[at].is_key = true;
        shape->key[shape->key_count++] = at;
    }
    return shape->key_count > 0 ? LH_OK : lh_fail(err, LH_INTERNAL, "a task on rows needs a key");
}

enum lh_code row_shape_read(const json_t *request, struct row_shape *ret_shape, struct lh_err *err) {
    struct row_shape shape = {0};
    enum lh_code code = read_columns(request, &shape, err);
    if (code == LH_OK)
        code = read_key(request, &shape, err);
    if (code != LH_OK) {
        row_shape_release(&shape);
        return code;
    }
    *ret_shape = shape;
    return LH_OK;
}

void row_shape_release(struct row_shape *shape) {
    lh_free(shape->columns);
    lh_free(shape->key);
    *shape = (struct row_shape){0};
}

/* ---- values ---- */

enum form {
    FORM_PLAIN,   /* its text is JSON */
    FORM_INTEGER, /* a number up to 2^53 - 1, else a string of digits */
    FORM_FLOAT,
    FORM_TIMESTAMP,
    FORM_TIMESTAMPTZ,
    FORM_BLOB,
    FORM_NESTED,
    FORM_TEXT, /* its text as a JSON string */
};

static enum form form_of(const char *type) {
    static const struct {
        const char *type;
        enum form form;
    } FORMS[] = {
        {"BOOLEAN", FORM_PLAIN},       {"TINYINT", FORM_PLAIN},    {"SMALLINT", FORM_PLAIN},
        {"INTEGER", FORM_PLAIN},       {"UTINYINT", FORM_PLAIN},   {"USMALLINT", FORM_PLAIN},
        {"UINTEGER", FORM_PLAIN},      {"BIGINT", FORM_INTEGER},   {"UBIGINT", FORM_INTEGER},
        {"HUGEINT", FORM_INTEGER},     {"UHUGEINT", FORM_INTEGER}, {"FLOAT", FORM_FLOAT},
        {"DOUBLE", FORM_FLOAT},        {"BLOB", FORM_BLOB},        {"TIMESTAMP WITH TIME ZONE", FORM_TIMESTAMPTZ},
        {"TIMESTAMP", FORM_TIMESTAMP},
    };
    for (size_t i = 0; i < LH_ARRAY_LEN(FORMS); i++)
        if (strcasecmp(type, FORMS[i].type) == 0)
            return FORMS[i].form;
    bool nested = type[strlen(type) - 1] == ']' || strncasecmp(type, "STRUCT(", 7) == 0 ||
                  strncasecmp(type, "MAP(", 4) == 0 || strncasecmp(type, "UNION(", 6) == 0;
    return nested ? FORM_NESTED : FORM_TEXT;
}

void row_text_append_value(struct buf *sql, const char *expr, const char *type) {
    switch (form_of(type)) {
    case FORM_PLAIN: buf_printf(sql, "CAST(%s AS VARCHAR)", expr); return;
    case FORM_INTEGER:
        buf_printf(sql,
                   "CASE WHEN %s BETWEEN -9007199254740991 AND 9007199254740991 THEN CAST(%s AS VARCHAR) "
                   "ELSE '\"' || CAST(%s AS VARCHAR) || '\"' END",
                   expr, expr, expr);
        return;
    case FORM_FLOAT:
        buf_printf(sql,
                   "CASE WHEN isfinite(%s) THEN CAST(%s AS VARCHAR) WHEN isnan(%s) THEN '\"NaN\"' "
                   "WHEN %s > 0 THEN '\"Infinity\"' WHEN %s < 0 THEN '\"-Infinity\"' END",
                   expr, expr, expr, expr, expr);
        return;
    case FORM_TIMESTAMP:
    case FORM_TIMESTAMPTZ:
        buf_printf(sql,
                   "CASE WHEN isfinite(%s) THEN strftime(%s, '\"%%Y-%%m-%%dT%%H:%%M:%%S.%%f%s\"') "
                   "ELSE '\"' || CAST(%s AS VARCHAR) || '\"' END",
                   expr, expr, form_of(type) == FORM_TIMESTAMPTZ ? "Z" : "", expr);
        return;
    case FORM_BLOB: buf_printf(sql, "'\"' || base64(%s) || '\"'", expr); return;
    case FORM_NESTED: buf_printf(sql, "CAST(to_json(%s) AS VARCHAR)", expr); return;
    case FORM_TEXT: break;
    }
    buf_printf(sql, "CAST(to_json(CAST(%s AS VARCHAR)) AS VARCHAR)", expr);
}

void row_text_append_column(struct buf *sql, const char *relation, const char *name) {
    buf_printf(sql, "%s.", relation);
    buf_append_sql_ident(sql, name);
}

void row_text_append_row(struct buf *sql, const char *relation, const struct row_shape *shape) {
    LH_AUTO(buf) struct buf row = BUF_INIT;
    buf_append_str(&row, "'{' || concat_ws(','");
    for (size_t i = 0; i < shape->column_count; i++) {
        LH_AUTO(buf) struct buf name = BUF_INIT;
        LH_AUTO(buf) struct buf column = BUF_INIT;
        buf_append_json_string(&name, shape->columns[i].name, strlen(shape->columns[i].name));
        buf_append_char(&name, ':');
        row_text_append_column(&column, relation, shape->columns[i].name);
        buf_append_str(&row, ", ");
        buf_append_sql_string(&row, buf_cstr(&name));
        buf_append_str(&row, " || coalesce(");
        row_text_append_value(&row, buf_cstr(&column), shape->columns[i].type);
        buf_append_str(&row, ", 'null')");
    }
    buf_append_str(&row, ") || '}'");
    buf_append_str(sql, "row_value(");
    buf_append(sql, buf_cstr(&row), row.len);
    buf_append_char(sql, ')');
}

/* ---- keys ---- */

void row_text_append_key(struct buf *sql, const char *relation, const struct row_shape *shape) {
    LH_AUTO(buf) struct buf text = BUF_INIT;
    if (shape->key_count > 1)
        buf_append_str(&text, "CAST(to_json([");
    for (size_t i = 0; i < shape->key_count; i++) {
        buf_append_str(&text, i > 0 ? ", CAST(" : "CAST(");
        row_text_append_column(&text, relation, shape->columns[shape->key[i]].name);
        buf_append_str(&text, " AS VARCHAR)");
    }
    if (shape->key_count > 1)
        buf_append_str(&text, "]) AS VARCHAR)");
    buf_append_str(sql, "row_name(");
    buf_append(sql, buf_cstr(&text), text.len);
    buf_append_char(sql, ')');
}

void row_text_append_key_match(struct buf *sql, const char *a, const char *b, const struct row_shape *shape) {
    for (size_t i = 0; i < shape->key_count; i++) {
        const char *name = shape->columns[shape->key[i]].name;
        if (i > 0)
            buf_append_str(sql, " AND ");
        row_text_append_column(sql, a, name);
        buf_append_str(sql, " = ");
        row_text_append_column(sql, b, name);
    }
}
