#include "base/json.h"

#include "base/alloc.h"
#include "base/suggest.h"
#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

#define DEFAULT_MAX_BYTES ((size_t)16 * 1024 * 1024)

/* Line and column (in bytes, both from 1) of an offset. */
static void place_of(const char *text, size_t offset, size_t *ret_line, size_t *ret_column) {
    size_t line = 1;
    size_t start = 0;
    for (size_t i = 0; i < offset; i++) {
        if (text[i] == '\n') {
            line++;
            start = i + 1;
        }
    }
    *ret_line = line;
    *ret_column = offset - start + 1;
}

static enum lh_code fail_at(const char *text, size_t offset, struct lh_err *err, const char *what) {
    size_t line;
    size_t column;
    place_of(text, offset, &line, &column);
    enum lh_code code =
        lh_fail(err, LH_INVALID, "the JSON is not valid at line %zu, column %zu: %s", line, column, what);
    err->position = (long)offset + 1;
    return code;
}

/* Brackets outside strings, counted without recursion.  What is no JSON at all is left to the parser. */
static enum lh_code check_depth(const char *text, size_t len, size_t max_depth, struct lh_err *err) {
    size_t depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '[' || c == '{') {
            if (++depth > max_depth) {
                char what[64];
                snprintf(what, sizeof what, "nested deeper than %zu levels", max_depth);
                return fail_at(text, i, err, what);
            }
        } else if ((c == ']' || c == '}') && depth > 0) {
            depth--;
        }
    }
    return LH_OK;
}

/* jansson ends its messages with "near '...'", which may quote a value: keep what comes before. */
static void cut_quote(char *text) {
    char *near = strstr(text, " near ");
    if (near)
        *near = '\0';
}

/* Valid JSON, but no number of ours. */
static enum lh_code fail_number(const char *text, size_t offset, struct lh_err *err) {
    size_t line;
    size_t column;
    place_of(text, offset, &line, &column);
    lh_ignore(lh_fail(err, LH_INVALID,
                      "the number at line %zu, column %zu of the JSON is too large: write it as a string, in quotes",
                      line, column));
    err->position = (long)offset + 1;
    return LH_INVALID;
}

enum lh_code lh_json_parse(const char *text, size_t len, const struct lh_json_limits *limits, json_t **ret_value,
                           struct lh_err *err) {
    size_t max_bytes = limits && limits->max_bytes ? limits->max_bytes : DEFAULT_MAX_BYTES;
    size_t max_depth = limits && limits->max_depth ? limits->max_depth : LH_JSON_MAX_DEPTH;
    if (max_depth > LH_JSON_MAX_DEPTH)
        max_depth = LH_JSON_MAX_DEPTH;
    if (len > max_bytes)
        return lh_fail(err, LH_TOO_LARGE, "the JSON has %zu bytes, at most %zu are accepted", len, max_bytes);
    if (len == 0)
        return lh_fail(err, LH_INVALID, "the JSON is empty");
    size_t bad = 0;
    if (!utf8_valid(text, len, &bad))
        return fail_at(text, bad, err, "the text is not UTF-8");
    LH_TRY(check_depth(text, len, max_depth, err));

    json_error_t problem;
    json_t *value = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &problem);
    if (!value) {
        cut_quote(problem.text);
        size_t offset = problem.position > 0 ? (size_t)problem.position - 1 : 0;
        if (json_error_code(&problem) == json_error_numeric_overflow)
            return fail_number(text, offset < len ? offset : len - 1, err);
        return fail_at(text, offset < len ? offset : len - 1, err, problem.text);
    }
    *ret_value = value;
    return LH_OK;
}

static int append_chunk(const char *data, size_t len, void *out) {
    buf_append(out, data, len);
    return 0;
}

void lh_json_write(const json_t *value, enum lh_json_style style, struct buf *out) {
    static const size_t flags[] = {
        [LH_JSON_COMPACT] = JSON_COMPACT,
        [LH_JSON_COMPACT_SORTED] = JSON_COMPACT | JSON_SORT_KEYS,
        [LH_JSON_PRETTY] = JSON_INDENT(2),
    };
    size_t before = out->len;
    if (json_dump_callback(value, append_chunk, out, flags[style] | JSON_ENCODE_ANY) < 0) {
        buf_truncate(out, before);
        buf_append_str(out, "null");
    }
}

/* "columns[2].name" of where "columns[2]" and key "name". */
static const char *field_path(const char *where, const char *key, char *space, size_t size) {
    snprintf(space, size, "%s%s%s", where, *where ? "." : "", key);
    return space;
}

static const char *type_name(const json_t *value) {
    switch (json_typeof(value)) {
    case JSON_OBJECT: return "an object";
    case JSON_ARRAY: return "an array";
    case JSON_STRING: return "a string";
    case JSON_INTEGER: return "an integer";
    case JSON_REAL: return "a number with a fraction";
    case JSON_TRUE:
    case JSON_FALSE: return "a boolean";
    case JSON_NULL: return "null";
    }
    return "something else";
}

/* A string with a NUL inside would be cut by every C caller. */
static bool is_c_string(const json_t *value) {
    return json_is_string(value) && strlen(json_string_value(value)) == json_string_length(value);
}

static enum lh_code fail_type(const json_t *value, const char *where, const char *key, const char *wanted,
                              struct lh_err *err) {
    char path[256];
    field_path(where, key, path, sizeof path);
    if (!value || json_is_null(value))
        return lh_fail(err, LH_INVALID, "the field \"%s\" is missing: it must be %s", path, wanted);
    return lh_fail(err, LH_INVALID, "the field \"%s\" must be %s, not %s", path, wanted,
                   json_is_string(value) && !is_c_string(value) ? "one with NUL in it" : type_name(value));
}

/* The member, or NULL where it is absent or null; fails where `object` is no object. */
static enum lh_code find_member(const json_t *object, const char *where, const char *key, json_t **ret_member,
                                struct lh_err *err) {
    if (!json_is_object(object)) {
        if (!*where)
            return lh_fail(err, LH_INVALID, "the JSON must be an object");
        return lh_fail(err, LH_INVALID, "the field \"%s\" must be an object", where);
    }
    json_t *member = json_object_get(object, key);
    *ret_member = member && !json_is_null(member) ? member : NULL;
    return LH_OK;
}

/* Both forms of each getter: (is it the right type, its value). */
#define DEFINE_GETTER(suffix, type, is_right, value_of, wanted)                                                  \
    enum lh_code lh_json_get_##suffix(const json_t *object, const char *where, const char *key, type *ret_value, \
                                      struct lh_err *err) {                                                      \
        json_t *member = NULL;                                                                                   \
        LH_TRY(find_member(object, where, key, &member, err));                                                   \
        if (!member || !is_right(member))                                                                        \
            return fail_type(member, where, key, wanted, err);                                                   \
        *ret_value = value_of(member);                                                                           \
        return LH_OK;                                                                                            \
    }

#define DEFINE_GETTER_OR(suffix, type, is_right, value_of, wanted)                                                  \
    enum lh_code lh_json_get_##suffix##_or(const json_t *object, const char *where, const char *key, type fallback, \
                                           type *ret_value, struct lh_err *err) {                                   \
        json_t *member = NULL;                                                                                      \
        LH_TRY(find_member(object, where, key, &member, err));                                                      \
        if (member && !is_right(member))                                                                            \
            return fail_type(member, where, key, wanted, err);                                                      \
        *ret_value = member ? value_of(member) : fallback;                                                          \
        return LH_OK;                                                                                               \
    }

#define DEFINE_GETTER_OR_NULL(suffix, is_right, wanted)                                                   \
    enum lh_code lh_json_get_##suffix##_or_null(const json_t *object, const char *where, const char *key, \
                                                json_t **ret_value, struct lh_err *err) {                 \
        json_t *member = NULL;                                                                            \
        LH_TRY(find_member(object, where, key, &member, err));                                            \
        if (member && !is_right(member))                                                                  \
            return fail_type(member, where, key, wanted, err);                                            \
        *ret_value = member;                                                                              \
        return LH_OK;                                                                                     \
    }

static bool is_integer(const json_t *value) {
    return json_is_integer(value);
}

static bool is_number(const json_t *value) {
    return json_is_number(value);
}

static bool is_boolean(const json_t *value) {
    return json_is_boolean(value);
}

static bool is_array(const json_t *value) {
    return json_is_array(value);
}

static bool is_object(const json_t *value) {
    return json_is_object(value);
}

static bool truth_of(const json_t *value) {
    return json_is_true(value);
}

static json_t *itself(json_t *value) {
    return value;
}

#define STRING_WANTED "a string without NUL characters"
DEFINE_GETTER(string, const char *, is_c_string, json_string_value, STRING_WANTED)
DEFINE_GETTER(int, int64_t, is_integer, json_integer_value, "an integer")
DEFINE_GETTER(double, double, is_number, json_number_value, "a number")
DEFINE_GETTER(bool, bool, is_boolean, truth_of, "true or false")
DEFINE_GETTER(array, json_t *, is_array, itself, "an array")
DEFINE_GETTER(object, json_t *, is_object, itself, "an object")
DEFINE_GETTER_OR(string, const char *, is_c_string, json_string_value, STRING_WANTED)
DEFINE_GETTER_OR(int, int64_t, is_integer, json_integer_value, "an integer")
DEFINE_GETTER_OR(double, double, is_number, json_number_value, "a number")
DEFINE_GETTER_OR(bool, bool, is_boolean, truth_of, "true or false")
DEFINE_GETTER_OR_NULL(array, is_array, "an array")
DEFINE_GETTER_OR_NULL(object, is_object, "an object")

static size_t count_names(const char *const *names) {
    size_t count = 0;
    while (names[count])
        count++;
    return count;
}

enum lh_code lh_json_only_keys(const json_t *object, const char *where, const char *const *keys, struct lh_err *err) {
    json_t *unused = NULL;
    LH_TRY(find_member(object, where, "", &unused, err));
    size_t count = count_names(keys);
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value) {
        size_t i = 0;
        while (i < count && strcmp(keys[i], key) != 0)
            i++;
        if (i < count)
            continue;
        char path[256];
        field_path(where, key, path, sizeof path);
        enum lh_code code = lh_fail(err, LH_INVALID, "there is no field \"%s\"", path);
        const char *near = lh_suggest(key, keys, count);
        if (near)
            return lh_err_hint(err, "did you mean \"%s\"?", near);
        LH_AUTO(buf) struct buf known = BUF_INIT;
        for (size_t k = 0; k < count; k++)
            buf_printf(&known, "%s%s", k ? ", " : "", keys[k]);
        return count ? lh_err_hint(err, "the fields are: %s", buf_cstr(&known)) : code;
    }
    return LH_OK;
}
