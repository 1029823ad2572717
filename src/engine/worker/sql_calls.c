#include "engine/worker/sql_calls.h"

#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "engine/qualified_name.h"
#include "engine/sql_lexer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALL_BYTES_MAX ((size_t)256 * 1024) /* what one search may be called with */

static const char *const functions[] = {
#define FUNCTION_TEXT(name) #name,
    SEARCH_FUNCTIONS(FUNCTION_TEXT)
#undef FUNCTION_TEXT
};

/* One call while it is read. */
struct call {
    struct sql_calls *calls;
    struct sql_lexer *l;
    const char *function;
    json_t *list; /* what the qualifier holds */
    size_t argument;
    size_t *place;
};

static const char *function_of(const struct sql_lexer *l, const struct sql_token *name) {
    for (size_t i = 0; i < LH_ARRAY_LEN(functions); i++)
        if (sql_token_is(l, name, functions[i]))
            return functions[i];
    return NULL;
}

bool sql_call_follows(const struct sql_lexer *l, const struct sql_token *name) {
    struct sql_lexer ahead = *l;
    if (!function_of(l, name))
        return false;
    struct sql_token open = sql_lexer_next(&ahead);
    return sql_token_is_symbol(&ahead, &open, '(');
}

static enum lh_code refuse(struct call *c, size_t place, struct lh_err *err) {
    *c->place = place;
    lh_ignore(lh_fail(err, LH_SQL, "argument %zu of %s must be a literal or a parameter", c->argument, c->function));
    return lh_err_hint(err,
                       "it searches before the statement runs, so no column or expression can be an argument; for "
                       "example: FROM %s('resumes', 'night nurse', 20)",
                       c->function);
}

/* ---- parameters ---- */

/* `name`: digits, or the name behind the dollar. */
static enum lh_code take_parameter(struct call *c, const char *name, size_t place, json_t **ret_value,
                                   struct lh_err *err) {
    const json_t *params = c->calls->params;
    const json_t *value = json_is_object(params)  ? json_object_get(params, name)
                          : json_is_array(params) ? json_array_get(params, strtoul(name, NULL, 10) - 1)
                                                  : NULL;
    if (!value) {
        *c->place = place;
        return lh_fail(err, LH_SQL, "argument %zu of %s is parameter $%s, for which no value was given", c->argument,
                       c->function, name);
    }
    if (!c->calls->taken)
        c->calls->taken = json_object();
    json_object_set_new(c->calls->taken, name, json_true());
    *ret_value = json_incref((json_t *)(uintptr_t)value);
    return LH_OK;
}

/* $name, $1, or $tag$text$tag$. */
static enum lh_code read_dollar(struct call *c, const struct sql_token *token, json_t **ret_value, struct lh_err *err) {
    const char *text = c->l->sql + token->start + 1;
    size_t len = token->end - token->start - 1;
    const char *tag_end = memchr(text, '$', len);
    if (!tag_end)
        return take_parameter(c, arena_strndup(c->calls->arena, text, len), token->start, ret_value, err);
    size_t tag = (size_t)(tag_end - text) + 1;
    if (len < 2 * tag + 1)
        return refuse(c, token->start, err);
    *ret_value = json_stringn(text + tag, len - 2 * tag - 1);
    return *ret_value ? LH_OK : refuse(c, token->start, err);
}

/* ---- literals ---- */

static enum lh_code read_number(struct call *c, size_t start, json_t **ret_value, struct lh_err *err) {
    const char *text = c->l->sql + start;
    size_t len = 0;
    while (start + len < c->l->len && text[len] && strchr("0123456789.eE+-", text[len]))
        len++;
    if (lh_json_parse(text, len, NULL, ret_value, err) != LH_OK || !json_is_number(*ret_value))
        return refuse(c, start, err);
    c->l->at = start + len;
    return LH_OK;
}

/* [0.1, 2e-3] and what may follow: ::FLOAT[384]. */
static enum lh_code read_list(struct call *c, size_t start, json_t **ret_value, struct lh_err *err) {
    const char *text = c->l->sql + start, *end = memchr(text, ']', c->l->len - start);
    size_t i;
    json_t *one;
    if (!end || lh_json_parse(text, (size_t)(end - text) + 1, NULL, ret_value, err) != LH_OK)
        return refuse(c, start, err);
    json_array_foreach(*ret_value, i, one) if (!json_is_number(one)) return refuse(c, start, err);
    c->l->at = start + (size_t)(end - text) + 1;
    struct sql_lexer ahead = *c->l;
    struct sql_token token = sql_lexer_next(&ahead), second = sql_lexer_next(&ahead);
    if (!sql_token_is_symbol(&ahead, &token, ':') || !sql_token_is_symbol(&ahead, &second, ':'))
        return LH_OK;
    token = sql_lexer_next(&ahead);
    bool cast = sql_token_is(&ahead, &token, "float") || sql_token_is(&ahead, &token, "double");
    token = sql_lexer_next(&ahead);
    cast = cast && sql_token_is_symbol(&ahead, &token, '[');
    token = sql_lexer_next(&ahead);
    if (token.kind == SQL_NUMBER)
        token = sql_lexer_next(&ahead);
    if (!cast || !sql_token_is_symbol(&ahead, &token, ']'))
        return refuse(c, start, err);
    c->l->at = ahead.at;
    return LH_OK;
}

static enum lh_code read_value(struct call *c, const struct sql_token *token, json_t **ret_value, struct lh_err *err) {
    const struct sql_lexer *l = c->l;
    if (token->kind == SQL_STRING && l->sql[token->start] == '\'') {
        *ret_value = json_string(sql_token_text(l, token, c->calls->arena));
        return *ret_value ? LH_OK : refuse(c, token->start, err);
    }
    if (token->kind == SQL_DOLLAR)
        return read_dollar(c, token, ret_value, err);
    if (sql_token_is_symbol(l, token, '?')) {
        char number[24];
        snprintf(number, sizeof number, "%zu", ++c->calls->marks);
        return take_parameter(c, number, token->start, ret_value, err);
    }
    if (token->kind == SQL_NUMBER || sql_token_is_symbol(l, token, '-'))
        return read_number(c, token->start, ret_value, err);
    if (sql_token_is_symbol(l, token, '['))
        return read_list(c, token->start, ret_value, err);
    if (sql_token_is(l, token, "true") || sql_token_is(l, token, "false")) {
        *ret_value = json_boolean(sql_token_is(l, token, "true"));
        return LH_OK;
    }
    if (sql_token_is(l, token, "null")) {
        *ret_value = json_null();
        return LH_OK;
    }
    return refuse(c, token->start, err);
}

/* ---- arguments ---- */

/* `name :=` or `name =>`, if that comes next: the name.  NULL: nothing was read. */
static const char *read_name(struct call *c, struct sql_token *token) {
    struct sql_lexer ahead = *c->l;
    if (token->kind != SQL_WORD)
        return NULL;
    struct sql_token first = sql_lexer_next(&ahead), second = sql_lexer_next(&ahead);
    bool colon = sql_token_is_symbol(&ahead, &first, ':') && sql_token_is_symbol(&ahead, &second, '=');
    bool arrow = sql_token_is_symbol(&ahead, &first, '=') && sql_token_is_symbol(&ahead, &second, '>');
    if (!colon && !arrow)
        return NULL;
    const char *name = sql_token_text(c->l, token, c->calls->arena);
    c->l->at = ahead.at;
    *token = sql_lexer_next(c->l);
    return name;
}

/* The argument that `token` begins, and the sign behind it: *ret_last where that is the closing bracket. */
static enum lh_code read_argument(struct call *c, struct sql_token token, bool *ret_last, struct lh_err *err) {
    LH_AUTO(json) json_t *value = NULL;
    const char *name = read_name(c, &token);
    c->argument++;
    LH_TRY(read_value(c, &token, &value, err));
    struct sql_token end = sql_lexer_next(c->l);
    *ret_last = sql_token_is_symbol(c->l, &end, ')');
    if (!*ret_last && !sql_token_is_symbol(c->l, &end, ','))
        return refuse(c, token.start, err);
    json_array_append_new(c->list, json_pack("[s?, I, O]", name, (json_int_t)token.start + 1, value));
    return LH_OK;
}

static enum lh_code finish(struct call *c, size_t place, const char **ret_name, struct lh_err *err) {
    LH_AUTO(buf) struct buf text = BUF_INIT;
    lh_json_write(c->list, LH_JSON_COMPACT, &text);
    *c->place = place;
    if (c->argument < 2) {
        lh_ignore(lh_fail(err, LH_SQL, "%s takes an index, what to search for, and k", c->function));
        return lh_err_hint(err, "for example: FROM %s('resumes', 'night nurse', 20)", c->function);
    }
    if (text.len > CALL_BYTES_MAX)
        return lh_fail(err, LH_SQL, "the arguments of %s are longer than %zu bytes", c->function, CALL_BYTES_MAX);
    *ret_name = arena_printf(c->calls->arena, "f%u%s%c%s", c->calls->count++, buf_cstr(&text), QUALIFIED_SEPARATOR,
                             c->function);
    return LH_OK;
}

enum lh_code sql_call_read(struct sql_calls *calls, struct sql_lexer *l, const struct sql_token *name,
                           const char **ret_name, size_t *ret_place, struct lh_err *err) {
    LH_AUTO(json) json_t *list = json_array();
    struct call c = {.calls = calls, .l = l, .function = function_of(l, name), .list = list, .place = ret_place};
    *ret_place = name->start;
    if (calls->count == SEARCHES_MAX)
        return lh_fail(err, LH_SQL, "the statement has more than %d searches", SEARCHES_MAX);
    (void)sql_lexer_next(l); /* the opening bracket */
    json_array_append_new(list, json_integer((json_int_t)name->start + 1));
    struct sql_token token = sql_lexer_next(l);
    bool last = sql_token_is_symbol(l, &token, ')');
    while (!last) {
        LH_TRY(read_argument(&c, token, &last, err));
        if (!last)
            token = sql_lexer_next(l);
    }
    return finish(&c, name->start, ret_name, err);
}

/* ---- what is left of the parameters ---- */

static const char *number_of(const struct sql_lexer *l, const struct sql_token *token, struct arena *arena) {
    const char *name = arena_strndup(arena, l->sql + token->start + 1, token->end - token->start - 1);
    return strspn(name, "0123456789") == strlen(name) ? name : NULL;
}

static bool is_parameter(const struct sql_lexer *l, const struct sql_token *token) {
    return token->kind == SQL_DOLLAR && !memchr(l->sql + token->start + 1, '$', token->end - token->start - 1);
}

/* Which names the text itself uses. */
static json_t *names_in(const struct sql_calls *c, const char *text, size_t len) {
    struct sql_lexer l = {text, len, 0};
    json_t *names = json_object();
    for (struct sql_token t = sql_lexer_next(&l); t.kind != SQL_END; t = sql_lexer_next(&l))
        if (is_parameter(&l, &t))
            json_object_set_new(names, arena_strndup(c->arena, text + t.start + 1, t.end - t.start - 1), json_true());
    return names;
}

static bool is_left(const struct sql_calls *c, const json_t *used, const char *name) {
    return !json_object_get(c->taken, name) || json_object_get(used, name);
}

/* $3 becomes $2 where one of the first two is gone: never longer than it was. */
static void renumber(const struct sql_calls *c, const json_t *numbers, char *text, size_t len) {
    struct sql_lexer l = {text, len, 0};
    for (struct sql_token t = sql_lexer_next(&l); t.kind != SQL_END; t = sql_lexer_next(&l)) {
        const char *number = is_parameter(&l, &t) ? number_of(&l, &t, c->arena) : NULL;
        const json_t *now = number ? json_object_get(numbers, number) : NULL;
        if (!now)
            continue;
        char written[32];
        int size = snprintf(written, sizeof written, "$%lld", (long long)json_integer_value(now));
        if (size < 0 || (size_t)size > t.end - t.start)
            continue;
        memset(text + t.start, ' ', t.end - t.start);
        memcpy(text + t.start, written, (size_t)size);
    }
}

json_t *sql_calls_rest(const struct sql_calls *c, char *text, size_t len) {
    LH_AUTO(json) json_t *used = names_in(c, text, len);
    LH_AUTO(json) json_t *numbers = json_object();
    json_t *rest = json_is_object(c->params) ? json_object() : json_array(), *value;
    const char *key;
    size_t i;
    json_object_foreach((json_t *)(uintptr_t)c->params, key, value) if (is_left(c, used, key))
        json_object_set(rest, key, value);
    json_array_foreach(c->params, i, value) {
        char name[24];
        snprintf(name, sizeof name, "%zu", i + 1);
        if (!is_left(c, used, name))
            continue;
        json_array_append(rest, value);
        json_object_set_new(numbers, name, json_integer((json_int_t)json_array_size(rest)));
    }
    if (json_is_array(rest))
        renumber(c, numbers, text, len);
    return rest;
}

void sql_calls_release(struct sql_calls *c) {
    json_decref(c->taken);
    c->taken = NULL;
}
