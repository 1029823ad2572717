#include "engine/worker/json_flatten.h"

#include "base/alloc.h"
#include "engine/worker/json_rows.h"
#include "engine/worker/json_scan.h"
#include "engine/worker/row_file.h"

#include <string.h>

/* Between the keys of a path; raw control characters cannot stand in a JSON key, and an escaped one becomes '_'. */
#define PATH_SEPARATOR '\x1F'

void json_flatten_init(struct json_flatten *f, struct row_file *rows, size_t max_columns) {
    *f = (struct json_flatten){
        .rows = rows, .max_columns = max_columns, .columns = json_object(), .null_paths = json_object()};
}

void json_flatten_deinit(struct json_flatten *f) {
    json_decref(f->columns);
    json_decref(f->null_paths);
    lh_free(f->values);
    buf_release(&f->path);
    buf_release(&f->text);
}

static unsigned hex4(const char *p) {
    unsigned value = 0;
    for (int i = 0; i < 4; i++) {
        unsigned char c = (unsigned char)p[i];
        value = value << 4 | (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return value;
}

static void append_point(struct buf *out, unsigned point) {
    if (point == 0 || (point >= 0xD800 && point <= 0xDFFF))
        point = 0xFFFD;
    char bytes[4];
    size_t len = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = len; i-- > 1; point >>= 6)
        bytes[i] = (char)(0x80 | (point & 0x3F));
    bytes[0] = (char)(lead[len] | point);
    buf_append(out, bytes, len);
}

/* The contents of a string whose opening quote is at `p`; returns what is behind the closing one.  Never longer than its source. */
static const char *unescape(const char *p, struct buf *out) {
    p++;
    for (;;) {
        size_t run = strcspn(p, "\\\"");
        buf_append(out, p, run);
        p += run;
        if (*p != '\\')
            return *p ? p + 1 : p;
        p++;
        switch (*p) {
        case 'n': buf_append_char(out, '\n'); break;
        case 't': buf_append_char(out, '\t'); break;
        case 'r': buf_append_char(out, '\r'); break;
        case 'b': buf_append_char(out, '\b'); break;
        case 'f': buf_append_char(out, '\f'); break;
        case 'u': {
            unsigned point = hex4(p + 1);
            p += 4;
            if (point >= 0xD800 && point < 0xDC00 && p[1] == '\\' && p[2] == 'u') {
                unsigned low = hex4(p + 3);
                if (low >= 0xDC00 && low <= 0xDFFF) {
                    point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
                    p += 6;
                }
            }
            append_point(out, point);
            break;
        }
        default: buf_append_char(out, *p); break;
        }
        p++;
    }
}

static const char *skip_space(const char *p) {
    return p + strspn(p, " \t\r\n");
}

/* Behind the value at `p`.  The text is known to be well formed, so that brackets and quotes are enough to go by. */
static const char *skip_value(const char *p) {
    size_t depth = 0;
    do {
        if (*p == '"') {
            for (p++; *p && *p != '"'; p++)
                p += *p == '\\' && p[1];
            p += *p != 0;
        } else if (*p == '{' || *p == '[') {
            depth++;
            p++;
        } else if (*p == '}' || *p == ']') {
            depth--;
            p++;
        } else if (*p == ',' || *p == ':' || *p == ' ' || *p == '\n' || *p == '\t' || *p == '\r') {
            p++;
        } else {
            p += strcspn(p, ",:]} \t\r\n");
        }
    } while (depth > 0 && *p);
    return p;
}

static uint32_t array_kinds(const char *p) {
    uint32_t kinds =
        KIND_BIT(KIND_TEXT) | KIND_BIT(KIND_LIST_TEXT) | KIND_BIT(KIND_LIST_BIGINT) | KIND_BIT(KIND_LIST_DOUBLE);
    for (p = skip_space(p + 1); *p && *p != ']'; p = skip_space(p)) {
        const char *end = skip_value(p);
        if (*p == '"') {
            kinds &= ~(KIND_BIT(KIND_LIST_BIGINT) | KIND_BIT(KIND_LIST_DOUBLE));
        } else if (*p == '-' || (*p >= '0' && *p <= '9')) {
            uint32_t number = value_kinds_of_json_number(p, (size_t)(end - p));
            kinds &= ~KIND_BIT(KIND_LIST_TEXT);
            if (!(number & KIND_BIT(KIND_BIGINT)))
                kinds &= ~KIND_BIT(KIND_LIST_BIGINT);
            if (!(number & KIND_BIT(KIND_JSON_DOUBLE)))
                kinds &= ~KIND_BIT(KIND_LIST_DOUBLE);
        } else if (*p != 'n') {
            return KIND_BIT(KIND_TEXT);
        }
        p = skip_space(end);
        p += *p == ',';
    }
    return kinds;
}

/* The column of f->path, made where it is new; the name is the path with '_' between its keys. */
static enum lh_code column_of_path(struct json_flatten *f, size_t *ret_index, struct lh_err *err) {
    const char *path = buf_cstr(&f->path);
    const json_t *known = json_object_get(f->columns, path);
    if (known) {
        *ret_index = (size_t)json_integer_value(known);
        return LH_OK;
    }
    if (f->rows->names.count == f->max_columns) {
        (void)lh_fail(err, LH_LIMIT, "the records have more than %zu different members", f->max_columns);
        return lh_err_hint(err, "are keys used for data?  The limit is ingest.max_columns");
    }
    LH_AUTO(buf) struct buf name = BUF_INIT;
    buf_append_str(&name, path);
    for (size_t i = 0; i < name.len; i++)
        if (name.data[i] == PATH_SEPARATOR)
            name.data[i] = '_';
    size_t index = row_file_add_column(f->rows, buf_cstr(&name), name.len);
    if (index >= f->value_capacity) {
        f->value_capacity = index < 32 ? 64 : index * 2;
        f->values = lh_realloc(f->values, f->value_capacity * sizeof *f->values);
    }
    f->values[index] = (struct row_value){.text = NULL};
    if (json_object_set_new(f->columns, path, json_integer((json_int_t)index)) != 0)
        return lh_fail(err, LH_DATA, "the member name \"%s\" cannot be used", buf_cstr(&name));
    *ret_index = index;
    return LH_OK;
}

static enum lh_code put(struct json_flatten *f, const char *text, size_t len, uint32_t kinds, struct lh_err *err) {
    size_t index;
    LH_TRY(column_of_path(f, &index, err));
    f->duplicate_keys += f->values[index].text != NULL;
    f->values[index] = (struct row_value){.text = text, .len = len, .kinds = kinds};
    return LH_OK;
}

static enum lh_code put_scalar(struct json_flatten *f, const char *p, struct lh_err *err) {
    if (*p == '"') {
        size_t at = f->text.len;
        (void)unescape(p, &f->text);
        const char *text = buf_cstr(&f->text) + at;
        return put(f, text, f->text.len - at, value_kinds_of_json_string(text, f->text.len - at), err);
    }
    if (*p == 'n') {
        if (!json_object_get(f->columns, buf_cstr(&f->path)))
            (void)json_object_set_new(f->null_paths, buf_cstr(&f->path), json_true());
        return LH_OK;
    }
    size_t len = (size_t)(skip_value(p) - p);
    if (*p == 't' || *p == 'f')
        return put(f, p, len, KIND_BIT(KIND_TEXT) | KIND_BIT(KIND_BOOL), err);
    return put(f, p, len, value_kinds_of_json_number(p, len), err);
}

static enum lh_code put_value(struct json_flatten *f, const char *p, int depth, struct lh_err *err);

static enum lh_code put_members(struct json_flatten *f, const char *p, int depth, struct lh_err *err) {
    size_t base = f->path.len;
    for (p = skip_space(p + 1); *p && *p != '}'; p = skip_space(p)) {
        if (depth > 0)
            buf_append_char(&f->path, PATH_SEPARATOR);
        size_t key_at = f->path.len;
        p = skip_space(unescape(p, &f->path));
        for (size_t i = key_at; i < f->path.len; i++)
            if ((unsigned char)f->path.data[i] < 0x20)
                f->path.data[i] = '_';
        p += *p == ':';
        p = skip_space(p);
        LH_TRY(put_value(f, p, depth + 1, err));
        p = skip_space(skip_value(p));
        p += *p == ',';
        buf_truncate(&f->path, base);
    }
    return LH_OK;
}

static enum lh_code put_value(struct json_flatten *f, const char *p, int depth, struct lh_err *err) {
    if (*p == '{' && depth <= FLATTEN_DEPTH && *skip_space(p + 1) != '}')
        return put_members(f, p, depth, err);
    if (*p == '{')
        return put(f, p, (size_t)(skip_value(p) - p), KIND_BIT(KIND_TEXT), err);
    if (*p == '[')
        return put(f, p, (size_t)(skip_value(p) - p), array_kinds(p), err);
    return put_scalar(f, p, err);
}

enum lh_code json_flatten_row(struct json_flatten *f, const char *text, size_t len, uint64_t line, struct lh_err *err) {
    buf_reset(&f->text);
    buf_reserve(&f->text, len + 1);
    buf_reset(&f->path);
    for (size_t i = 0; i < f->rows->names.count; i++)
        f->values[i].text = NULL;
    if (*text == '{') {
        LH_TRY(put_members(f, text, 0, err));
    } else {
        buf_append_str(&f->path, "value");
        LH_TRY(put_value(f, text, FLATTEN_DEPTH + 1, err));
    }
    return row_file_write(f->rows, f->values, f->rows->names.count, line, err);
}

/* Does some column lie below the path? */
static bool has_children(const struct json_flatten *f, const char *path) {
    size_t len = strlen(path);
    const char *key;
    json_t *index;
    json_object_foreach(f->columns, key, index) {
        (void)index;
        if (strncmp(key, path, len) == 0 && key[len] == PATH_SEPARATOR)
            return true;
    }
    return false;
}

void json_flatten_finish(struct json_flatten *f) {
    const char *path;
    json_t *ignored;
    json_object_foreach(f->null_paths, path, ignored) {
        (void)ignored;
        if (json_object_get(f->columns, path) || has_children(f, path) || f->rows->names.count >= f->max_columns)
            continue;
        buf_reset(&f->path);
        buf_append_str(&f->path, path);
        size_t index;
        struct lh_err err = LH_ERR_INIT;
        lh_ignore(column_of_path(f, &index, &err));
    }
}
