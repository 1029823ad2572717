#include "index/condition.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "engine/sql_lexer.h"

#include <stdbool.h>
#include <string.h>

static enum lh_code refuse(const struct sql_token *token, const char *dataset, const char *why, struct lh_err *err) {
    lh_ignore(lh_fail(err, LH_SQL, "the filter %s", why));
    err->position = (long)token->start + 1;
    return lh_err_hint(err, "a filter is one condition of SQL over the columns of \"%s\"", dataset);
}

/* Spaces beyond ASCII, which DuckDB takes for spaces and the lexer for letters. */
static bool has_wide_space(const struct sql_lexer *l, const struct sql_token *token) {
    static const char *const spaces[] = {"\xc2\xa0", "\xc2\x85",     "\xe1\x9a\x80", "\xe2\x80",
                                         "\xe2\x81", "\xe3\x80\x80", "\xef\xbb\xbf"};
    for (size_t i = 0; i < LH_ARRAY_LEN(spaces); i++)
        if (memmem(l->sql + token->start, token->end - token->start, spaces[i], strlen(spaces[i])))
            return true;
    return false;
}

/* The lexer and DuckDB's could differ on what these begin. */
static bool is_doubtful(const struct sql_lexer *l, const struct sql_token *token, const struct sql_token *before) {
    switch (token->kind) {
    case SQL_DOLLAR: return true;
    case SQL_NUMBER: return has_wide_space(l, token) || memchr(l->sql + token->start, '$', token->end - token->start);
    case SQL_WORD: return has_wide_space(l, token);
    case SQL_STRING: /* side by side they can go on as one; 1e'...' can be 1 and E'...' */
        return before->kind == SQL_STRING || (before->kind == SQL_NUMBER && before->end == token->start);
    default: return false;
    }
}

/* A subquery begins with one of these behind a parenthesis. */
static bool begins_query(const struct sql_lexer *l, const struct sql_token *token, const struct sql_token *before) {
    static const char *const words[] = {"FROM",        "WITH", "VALUES",   "TABLE", "PIVOT",     "UNPIVOT",
                                        "PIVOT_WIDER", "DESC", "DESCRIBE", "SHOW",  "SUMMARIZE", "PIVOT_LONGER"};
    if (sql_token_is(l, token, "SELECT"))
        return true;
    for (size_t i = 0; sql_token_is_symbol(l, before, '(') && i < LH_ARRAY_LEN(words); i++)
        if (sql_token_is(l, token, words[i]))
            return true;
    return false;
}

enum lh_code index_condition_check(const char *text, const char *dataset, struct lh_err *err) {
    /* As it will stand in the statement: the parenthesis that is ours has to be the one that closes. */
    LH_AUTO(mem) char *closed = lh_asprintf("%s\n)", text);
    size_t ours = strlen(text) + 1, depth = 1, tokens = 0;
    struct sql_lexer l = {.sql = closed, .len = ours + 1};
    struct sql_token before = {SQL_END, 0, 0}, token;
    for (token = sql_lexer_next(&l); token.kind != SQL_END; before = token, token = sql_lexer_next(&l), tokens++) {
        if (sql_token_is_symbol(&l, &token, ';'))
            return refuse(&token, dataset, "is more than one expression", err);
        if (is_doubtful(&l, &token, &before))
            return refuse(&token, dataset, "holds what cannot stand in one", err);
        if (begins_query(&l, &token, &before))
            return refuse(&token, dataset, "holds a query of its own", err);
        depth += sql_token_is_symbol(&l, &token, '(');
        depth -= sql_token_is_symbol(&l, &token, ')');
        if (depth == 0 && token.start != ours)
            return refuse(&token, dataset, "closes a parenthesis that it did not open", err);
    }
    if (depth > 0 || before.start != ours) {
        before.start = ours - 1;
        return refuse(&before, dataset, "ends within a parenthesis, a string or a comment", err);
    }
    before.start = 0;
    return tokens > 1 ? LH_OK : refuse(&before, dataset, "is empty", err);
}
