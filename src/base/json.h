/* JSON through jansson, with limits and with errors that name the place.
 *
 * Texts are checked before jansson sees them: size, nesting depth (a linear scan, so that no recursion is driven by a
 * client) and UTF-8.  Duplicate keys are refused.  Numbers: integers of 64 bits and doubles; a larger integer is an
 * error.  Values are jansson's json_t, reference counted; LH_AUTO(json) drops one at scope end.  A json_t is one
 * thread's at a time.  Getters never allocate; strings they return live as long as the value. */
#ifndef LH_BASE_JSON_H
#define LH_BASE_JSON_H

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/error.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#define LH_JSON_MAX_DEPTH 128

struct lh_json_limits {
    size_t max_bytes; /* 0: 16 MiB */
    size_t max_depth; /* 0: LH_JSON_MAX_DEPTH, which is also the most allowed */
};

/* LH_INVALID with line and column (and err->position), LH_TOO_LARGE.  Any value may be the top one.  `limits` may be
 * NULL. */
LH_CHECKED enum lh_code lh_json_parse(const char *text, size_t len, const struct lh_json_limits *limits,
                                      json_t **ret_value, struct lh_err *err);

enum lh_json_style {
    LH_JSON_COMPACT,        /* members in insertion order */
    LH_JSON_COMPACT_SORTED, /* members sorted by key: equal values give equal bytes */
    LH_JSON_PRETTY,         /* two spaces, for people */
};

/* Append the text of `value`; never fails for values made by this module (a NaN inside is written as null). */
void lh_json_write(const json_t *value, enum lh_json_style style, struct buf *out);

/* Typed getters: `key` of `object`.  LH_INVALID names the field and what it should have been.  `where` is the path of
 * `object` for the message ("" at the top, "columns[2]", ...).
 * The plain forms demand the field; the _or forms take `fallback` where it is absent or null. */
LH_CHECKED enum lh_code lh_json_get_string(const json_t *object, const char *where, const char *key,
                                           const char **ret_text, struct lh_err *err);
LH_CHECKED enum lh_code lh_json_get_int(const json_t *object, const char *where, const char *key, int64_t *ret_value,
                                        struct lh_err *err);
LH_CHECKED enum lh_code lh_json_get_double(const json_t *object, const char *where, const char *key, double *ret_value,
                                           struct lh_err *err); /* an integer will do */
LH_CHECKED enum lh_code lh_json_get_bool(const json_t *object, const char *where, const char *key, bool *ret_value,
                                         struct lh_err *err);
LH_CHECKED enum lh_code lh_json_get_array(const json_t *object, const char *where, const char *key, json_t **ret_array,
                                          struct lh_err *err); /* borrowed */
LH_CHECKED enum lh_code lh_json_get_object(const json_t *object, const char *where, const char *key,
                                           json_t **ret_object, struct lh_err *err); /* borrowed */

LH_CHECKED enum lh_code lh_json_get_string_or(const json_t *object, const char *where, const char *key,
                                              const char *fallback, const char **ret_text, struct lh_err *err);
LH_CHECKED enum lh_code lh_json_get_int_or(const json_t *object, const char *where, const char *key, int64_t fallback,
                                           int64_t *ret_value, struct lh_err *err);
LH_CHECKED enum lh_code lh_json_get_double_or(const json_t *object, const char *where, const char *key, double fallback,
                                              double *ret_value, struct lh_err *err);
LH_CHECKED enum lh_code lh_json_get_bool_or(const json_t *object, const char *where, const char *key, bool fallback,
                                            bool *ret_value, struct lh_err *err);
/* NULL where the field is absent or null. */
LH_CHECKED enum lh_code lh_json_get_array_or_null(const json_t *object, const char *where, const char *key,
                                                  json_t **ret_array, struct lh_err *err);
LH_CHECKED enum lh_code lh_json_get_object_or_null(const json_t *object, const char *where, const char *key,
                                                   json_t **ret_object, struct lh_err *err);

/* `value` must be an object with no other members than `keys` (a NULL-terminated array): LH_INVALID names the odd one
 * and suggests the nearest. */
LH_CHECKED enum lh_code lh_json_only_keys(const json_t *object, const char *where, const char *const *keys,
                                          struct lh_err *err);

static inline void json_auto_release(json_t **value) {
    json_decref(*value);
}

#endif
