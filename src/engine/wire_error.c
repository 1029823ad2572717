#include "engine/wire_error.h"

#include "base/utf8.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

/* jansson refuses text that is not UTF-8; a message cut in the middle of a character ends before it. */
static json_t *text_json(const char *text) {
    size_t len = strlen(text), bad = len;
    if (!utf8_valid(text, len, &bad))
        len = bad;
    return json_stringn(text, len);
}

json_t *wire_error_to_json(const struct lh_err *err) {
    json_t *object = json_object();
    json_object_set_new(object, "code", json_string(lh_code_name(err->code)));
    json_object_set_new(object, "message", text_json(err->message));
    if (err->detail[0])
        json_object_set_new(object, "detail", text_json(err->detail));
    if (err->hint[0])
        json_object_set_new(object, "hint", text_json(err->hint));
    if (err->position > 0)
        json_object_set_new(object, "position", json_integer(err->position));
    if (err->os_errno)
        json_object_set_new(object, "errno", json_integer(err->os_errno));
    return object;
}

static void copy_text(const json_t *object, const char *key, char *ret_text, size_t cap) {
    const char *text = json_string_value(json_object_get(object, key));
    snprintf(ret_text, cap, "%s", text ? text : "");
}

enum lh_code wire_error_from_json(const json_t *object, struct lh_err *err) {
    const char *name = json_string_value(json_object_get(object, "code"));
    enum lh_code code = name ? lh_code_from_name(name) : LH_INTERNAL;
    if (code == LH_OK)
        code = LH_INTERNAL;
    lh_ignore(lh_fail(err, code, "the worker gave no reason"));
    copy_text(object, "message", err->message, sizeof err->message);
    copy_text(object, "detail", err->detail, sizeof err->detail);
    copy_text(object, "hint", err->hint, sizeof err->hint);
    json_int_t position = json_integer_value(json_object_get(object, "position"));
    err->position = position > 0 && position < INT_MAX ? (long)position : 0;
    json_int_t os_errno = json_integer_value(json_object_get(object, "errno"));
    err->os_errno = os_errno > 0 && os_errno < 4096 ? (int)os_errno : 0;
    return code;
}
