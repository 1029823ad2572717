#include "engine/worker/params.h"

#include "base/alloc.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define DEPTH_MAX 8 /* of arrays in a parameter */

enum kind { KIND_NULL, KIND_BOOL, KIND_INT, KIND_REAL, KIND_TEXT, KIND_LIST, KIND_NONE };

static enum kind kind_of(const json_t *v) {
    switch (json_typeof(v)) {
    case JSON_NULL: return KIND_NULL;
    case JSON_TRUE:
    case JSON_FALSE: return KIND_BOOL;
    case JSON_INTEGER: return KIND_INT;
    case JSON_REAL: return KIND_REAL;
    case JSON_STRING: return KIND_TEXT;
    case JSON_ARRAY: return KIND_LIST;
    case JSON_OBJECT: break;
    }
    return KIND_NONE;
}

/* The kind that all elements fit: null fits any, integers fit reals. */
static enum lh_code common_kind(const json_t *array, enum kind *ret_kind, struct lh_err *err) {
    enum kind common = KIND_NULL;
    size_t i;
    json_t *element;
    json_array_foreach(array, i, element) {
        enum kind kind = kind_of(element);
        if (kind == KIND_NONE)
            return lh_fail(err, LH_SQL, "an object cannot be a parameter; pass it as JSON text");
        if (kind == KIND_NULL || kind == common)
            continue;
        bool numbers = (kind == KIND_INT || kind == KIND_REAL) && (common == KIND_INT || common == KIND_REAL);
        if (common != KIND_NULL && !numbers)
            return lh_fail(err, LH_SQL, "the elements of an array parameter must be of one kind");
        common = numbers ? KIND_REAL : kind;
    }
    *ret_kind = common;
    return LH_OK;
}

/* The type of a value of `kind`; of a list, that of its first element that is one. */
static enum lh_code type_of(const struct duckdb_api *db, const json_t *v, enum kind kind, unsigned depth,
                            duckdb_logical_type *ret_type, struct lh_err *err) {
    static const duckdb_type ids[] = {
        [KIND_NULL] = DUCKDB_TYPE_SQLNULL, [KIND_BOOL] = DUCKDB_TYPE_BOOLEAN, [KIND_INT] = DUCKDB_TYPE_BIGINT,
        [KIND_REAL] = DUCKDB_TYPE_DOUBLE,  [KIND_TEXT] = DUCKDB_TYPE_VARCHAR,
    };
    if (kind != KIND_LIST) {
        *ret_type = db->create_logical_type(ids[kind]);
        return LH_OK;
    }
    if (depth > DEPTH_MAX)
        return lh_fail(err, LH_SQL, "arrays in a parameter are nested deeper than %d", DEPTH_MAX);
    enum kind inner = KIND_NULL;
    LH_TRY(common_kind(v, &inner, err));
    const json_t *sample = NULL;
    for (size_t i = 0; inner == KIND_LIST && i < json_array_size(v) && !sample; i++) {
        const json_t *element = json_array_get(v, i);
        sample = json_is_array(element) && json_array_size(element) > 0 ? element : NULL;
    }
    if (inner == KIND_LIST && !sample)
        sample = json_array_get(v, 0);
    duckdb_logical_type child = NULL;
    LH_TRY(
        type_of(db, sample, inner == KIND_LIST && !json_is_array(sample) ? KIND_NULL : inner, depth + 1, &child, err));
    *ret_type = db->create_list_type(child);
    db->destroy_logical_type(&child);
    return LH_OK;
}

static enum lh_code make_value(const struct duckdb_api *db, const json_t *v, enum kind as, unsigned depth,
                               duckdb_value *ret_value, struct lh_err *err);

static enum lh_code make_list(const struct duckdb_api *db, const json_t *array, unsigned depth, duckdb_value *ret_value,
                              struct lh_err *err) {
    enum kind inner = KIND_NULL;
    duckdb_logical_type list_type, type;
    LH_TRY(type_of(db, array, KIND_LIST, depth, &list_type, err));
    type = db->list_type_child_type(list_type);
    db->destroy_logical_type(&list_type);
    enum lh_code code = common_kind(array, &inner, err);
    size_t count = json_array_size(array), made = 0;
    duckdb_value *values = lh_calloc(count + 1, sizeof *values);
    for (; code == LH_OK && made < count; made++) {
        code = make_value(db, json_array_get(array, made), inner, depth + 1, &values[made], err);
        if (code != LH_OK)
            break;
    }
    if (code == LH_OK) {
        duckdb_value list = db->create_list_value(type, values, count);
        if (list)
            *ret_value = list;
        else
            code = lh_fail(err, LH_SQL, "the elements of an array parameter must be of one kind");
    }
    for (size_t i = 0; i < made; i++)
        db->destroy_value(&values[i]);
    lh_free(values);
    db->destroy_logical_type(&type);
    return code;
}

static enum lh_code make_value(const struct duckdb_api *db, const json_t *v, enum kind as, unsigned depth,
                               duckdb_value *ret_value, struct lh_err *err) {
    enum kind kind = kind_of(v);
    switch (kind) {
    case KIND_NULL: *ret_value = db->create_null_value(); return LH_OK;
    case KIND_BOOL: *ret_value = db->create_bool(json_is_true(v)); return LH_OK;
    case KIND_INT:
        *ret_value = as == KIND_REAL ? db->create_double((double)json_integer_value(v))
                                     : db->create_int64(json_integer_value(v));
        return LH_OK;
    case KIND_REAL: *ret_value = db->create_double(json_real_value(v)); return LH_OK;
    case KIND_TEXT: *ret_value = db->create_varchar_length(json_string_value(v), json_string_length(v)); return LH_OK;
    case KIND_LIST: return make_list(db, v, depth, ret_value, err);
    case KIND_NONE: break;
    }
    return lh_fail(err, LH_SQL, "an object cannot be a parameter; pass it as JSON text");
}

static enum lh_code bind_one(const struct duckdb_api *db, duckdb_prepared_statement statement, idx_t index,
                             const char *name, const json_t *v, struct lh_err *err) {
    duckdb_value value = NULL;
    if (make_value(db, v, kind_of(v), 0, &value, err) != LH_OK)
        return lh_err_context(err, "parameter $%s", name);
    duckdb_state bound = db->bind_value(statement, index, value);
    db->destroy_value(&value);
    if (bound != DuckDBSuccess)
        return lh_fail(err, LH_SQL, "parameter $%s cannot take this value", name);
    return LH_OK;
}

static enum lh_code bind_positional(const struct duckdb_api *db, duckdb_prepared_statement statement, idx_t count,
                                    const json_t *params, struct lh_err *err) {
    size_t given = json_array_size(params);
    for (idx_t i = 1; i <= count; i++) {
        const char *name = db->parameter_name(statement, i);
        bool numbered = name && isdigit((unsigned char)name[0]);
        char named[64];
        snprintf(named, sizeof named, "%s", name ? name : "");
        db->free((void *)(uintptr_t)name);
        if (!*named)
            return lh_fail(err, LH_SQL, "the statement skips parameter $%llu; number them from $1 without gaps",
                           (unsigned long long)i);
        if (!numbered) {
            lh_ignore(lh_fail(err, LH_SQL, "the statement has the named parameter $%s, but an array was given", named));
            return lh_err_hint(err, "send \"params\" as an object: {\"%s\": ...}", named);
        }
    }
    if (given != count) {
        lh_ignore(lh_fail(err, LH_SQL, "the statement has %llu parameter%s, but %zu %s given",
                          (unsigned long long)count, count == 1 ? "" : "s", given, given == 1 ? "was" : "were"));
        return lh_err_hint(err, "\"params\" must hold one value for each of $1, $2, ... or ?");
    }
    for (idx_t i = 1; i <= count; i++) {
        char name[24];
        snprintf(name, sizeof name, "%llu", (unsigned long long)i);
        LH_TRY(bind_one(db, statement, i, name, json_array_get(params, i - 1), err));
    }
    return LH_OK;
}

static enum lh_code bind_named(const struct duckdb_api *db, duckdb_prepared_statement statement, idx_t count,
                               const json_t *params, struct lh_err *err) {
    for (idx_t i = 1; i <= count; i++) {
        const char *found = db->parameter_name(statement, i);
        char name[256];
        snprintf(name, sizeof name, "%s", found ? found : "");
        db->free((void *)(uintptr_t)found);
        const json_t *v = json_object_get(params, name);
        if (!v) {
            lh_ignore(lh_fail(err, LH_SQL, "no value was given for parameter $%s", name));
            return isdigit((unsigned char)name[0])
                       ? lh_err_hint(err, "send \"params\" as an array for numbered parameters")
                       : lh_err_hint(err, "add \"%s\" to \"params\"; null is a value", name);
        }
        LH_TRY(bind_one(db, statement, i, name, v, err));
    }
    if (json_object_size(params) == count)
        return LH_OK;
    const char *key;
    json_t *unused;
    json_object_foreach((json_t *)(uintptr_t)params, key, unused) {
        idx_t index;
        if (db->bind_parameter_index(statement, &index, key) != DuckDBSuccess)
            return lh_fail(err, LH_SQL, "a value was given for $%s, which the statement does not have", key);
    }
    return LH_OK;
}

enum lh_code params_bind(const struct duckdb_api *duckdb, duckdb_prepared_statement statement, const json_t *params,
                         struct lh_err *err) {
    idx_t count = duckdb->nparams(statement);
    if (json_is_object(params))
        return bind_named(duckdb, statement, count, params, err);
    if (params && !json_is_null(params) && !json_is_array(params))
        return lh_fail(err, LH_SQL, "\"params\" must be an array or an object");
    return bind_positional(duckdb, statement, count, params, err);
}
