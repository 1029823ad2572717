#include "lake/row_keys.h"

#include "base/attr.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "catalog/manifest.h"
#include "lake/key_text.h"

#include <string.h>
#include <strings.h>

enum key_form { KEY_INTEGER, KEY_NUMBER, KEY_BOOLEAN, KEY_NESTED, KEY_TEXT };

static enum key_form form_of(const char *type) {
    static const char *const integers[] = {"TINYINT",  "SMALLINT",  "INTEGER",  "BIGINT",  "HUGEINT",
                                           "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"};
    for (size_t i = 0; i < LH_ARRAY_LEN(integers); i++)
        if (strcasecmp(type, integers[i]) == 0)
            return KEY_INTEGER;
    if (strcasecmp(type, "FLOAT") == 0 || strcasecmp(type, "DOUBLE") == 0 || strncasecmp(type, "DECIMAL", 7) == 0)
        return KEY_NUMBER;
    if (type[strlen(type) - 1] == ']' || strncasecmp(type, "STRUCT(", 7) == 0 || strncasecmp(type, "MAP(", 4) == 0)
        return KEY_NESTED;
    return strcasecmp(type, "BOOLEAN") == 0 ? KEY_BOOLEAN : KEY_TEXT;
}

static bool is_digits(const char *text) {
    text += *text == '-';
    return *text != '\0' && text[strspn(text, "0123456789")] == '\0';
}

static bool is_word(const json_t *value, const char *word) {
    return json_is_string(value) && strcmp(json_string_value(value), word) == 0;
}

static bool fits(enum key_form form, const json_t *value) {
    switch (form) {
    case KEY_INTEGER: return json_is_integer(value) || (json_is_string(value) && is_digits(json_string_value(value)));
    case KEY_NUMBER: return json_is_number(value) || json_is_string(value);
    case KEY_BOOLEAN: return json_is_boolean(value) || is_word(value, "true") || is_word(value, "false");
    case KEY_NESTED: return json_is_array(value) || json_is_object(value) || json_is_string(value);
    case KEY_TEXT: break;
    }
    return json_is_string(value);
}

static const char *wanted(enum key_form form) {
    static const char *const words[] = {[KEY_INTEGER] = "a whole number",
                                        [KEY_NUMBER] = "a number",
                                        [KEY_BOOLEAN] = "true or false",
                                        [KEY_NESTED] = "a list or an object",
                                        [KEY_TEXT] = "a string"};
    return words[form];
}

static enum lh_code refuse_long_number(const struct manifest_column *column, size_t at, struct lh_err *err) {
    lh_ignore(lh_fail(err, LH_INVALID,
                      "row_keys[%zu]: the key column \"%s\" is %s, and a JSON number keeps only 15 digits for sure", at,
                      column->name, column->type));
    return lh_err_hint(err, "write the key as a string, whose digits are all kept: \"123456789012345678.5\"");
}

static enum lh_code add_text(const struct manifest_column *column, size_t at, const json_t *value, json_t *texts,
                             struct lh_err *err) {
    enum key_form form = form_of(column->type);
    LH_AUTO(buf) struct buf given = BUF_INIT, text = BUF_INIT;
    if (!fits(form, value))
        return lh_fail(err, LH_INVALID, "row_keys[%zu]: the key column \"%s\" is %s and takes %s", at, column->name,
                       column->type, wanted(form));
    if (json_is_string(value) && strlen(json_string_value(value)) != json_string_length(value))
        return lh_fail(err, LH_INVALID, "row_keys[%zu]: the value of the key column \"%s\" has NUL in it", at,
                       column->name);
    if (json_is_string(value))
        buf_append_str(&given, json_string_value(value));
    else if (!json_is_real(value) || strncasecmp(column->type, "DECIMAL", 7) != 0)
        lh_json_write(value, LH_JSON_COMPACT, &given);
    else if (!key_text_of_double(json_real_value(value), &given))
        return refuse_long_number(column, at, err);
    if (!key_text_exact(column->type, buf_cstr(&given), &text))
        return lh_fail(err, LH_INVALID,
                       "row_keys[%zu]: \"%.100s\" is not exactly a %s, which the key column \"%s\" is; rounded, it may "
                       "name another row",
                       at, buf_cstr(&given), column->type, column->name);
    json_array_append_new(texts, json_stringn(buf_cstr(&text), text.len));
    return LH_OK;
}

static const json_t *find_member(const json_t *object, const char *name) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value) {
        if (manifest_name_compare(key, name) == 0)
            return value;
    }
    return NULL;
}

static bool has_nested_key(const struct manifest *m) {
    for (size_t k = 0; k < m->primary_key_count; k++) {
        const struct manifest_column *column = manifest_find_column(m, m->primary_key[k]);
        if (column && form_of(column->type) == KEY_NESTED)
            return true;
    }
    return false;
}

static enum lh_code parse_key(const struct manifest *m, size_t at, const json_t *key, json_t *texts,
                              struct lh_err *err) {
    size_t given = json_is_object(key) ? json_object_size(key) : json_is_array(key) ? json_array_size(key) : 1;
    if (given != m->primary_key_count) {
        lh_ignore(lh_fail(err, LH_INVALID, "row_keys[%zu] has %zu values; the primary key of \"%s\" has %zu columns",
                          at, given, m->name, m->primary_key_count));
        return has_nested_key(m)
                   ? lh_err_hint(err, "a key is a list of its columns' values, also where a value is a list itself: "
                                      "[[\"a\", \"b\"]]")
                   : err->code;
    }
    for (size_t k = 0; k < m->primary_key_count; k++) {
        const struct manifest_column *column = manifest_find_column(m, m->primary_key[k]);
        const json_t *value = json_is_object(key)  ? find_member(key, m->primary_key[k])
                              : json_is_array(key) ? json_array_get(key, k)
                                                   : key;
        if (!column)
            return lh_fail(err, LH_CORRUPT, "\"%s\" has no column \"%s\", which is in its primary key", m->name,
                           m->primary_key[k]);
        if (!value)
            return lh_fail(err, LH_INVALID, "row_keys[%zu] has no \"%s\", which is in the primary key of \"%s\"", at,
                           column->name, m->name);
        LH_TRY(add_text(column, at, value, texts, err));
    }
    return LH_OK;
}

enum lh_code row_keys_require(const struct manifest *m, const char *what, struct lh_err *err) {
    if (m->primary_key_count > 0)
        return LH_OK;
    lh_ignore(lh_fail(err, LH_CONFLICT, "%s needs a primary key, and \"%s\" has none", what, m->name));
    return lh_err_hint(err, "set one: PATCH /catalog/datasets/by-name/{name}/metadata {\"primary_key\": [\"column\"]}");
}

json_t *row_key_of_text(const char *text) {
    json_t *key = NULL;
    struct lh_err ignored = LH_ERR_INIT;
    if ((text[0] == '[' || text[0] == '{') && lh_json_parse(text, strlen(text), NULL, &key, &ignored) == LH_OK)
        return key;
    return json_string(text);
}

enum lh_code row_keys_parse(const struct manifest *m, const json_t *row_keys, json_t **ret_texts, struct lh_err *err) {
    size_t count = json_array_size(row_keys);
    if (count < 1 || count > ROW_KEYS_MAX)
        return lh_fail(err, LH_INVALID, "row_keys must hold 1 to %zu keys, not %zu", ROW_KEYS_MAX, count);
    LH_AUTO(json) json_t *all = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *texts = json_array();
        json_array_append_new(all, texts);
        LH_TRY(parse_key(m, i, json_array_get(row_keys, i), texts, err));
    }
    *ret_texts = LH_STEAL(all);
    return LH_OK;
}
