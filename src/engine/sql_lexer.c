#include "engine/sql_lexer.h"

#include "base/arena.h"

#include <string.h>
#include <strings.h>

static bool is_word_start(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static bool is_word(char c) {
    return is_word_start(c) || (c >= '0' && c <= '9') || c == '$';
}

/* Past a comment that begins with the two bytes before `at`; they nest. */
static void skip_block_comment(struct sql_lexer *l) {
    size_t depth = 1;
    while (l->at < l->len && depth > 0) {
        bool pair = l->at + 1 < l->len;
        if (pair && l->sql[l->at] == '*' && l->sql[l->at + 1] == '/') {
            depth--;
            l->at += 2;
        } else if (pair && l->sql[l->at] == '/' && l->sql[l->at + 1] == '*') {
            depth++;
            l->at += 2;
        } else {
            l->at++;
        }
    }
}

void sql_lexer_skip_blank(struct sql_lexer *l) {
    while (l->at < l->len) {
        const char *p = l->sql + l->at;
        size_t left = l->len - l->at;
        if (strchr(" \t\r\n\f\v", *p)) {
            l->at++;
        } else if (left >= 2 && p[0] == '-' && p[1] == '-') {
            while (l->at < l->len && l->sql[l->at] != '\n' && l->sql[l->at] != '\r')
                l->at++;
        } else if (left >= 2 && p[0] == '/' && p[1] == '*') {
            l->at += 2;
            skip_block_comment(l);
        } else {
            return;
        }
    }
}

/* From an opening quote past the closing one; a doubled quote stands for itself.  With `backslashes` (E'...') one
 * escapes the next byte. */
static void skip_quoted(struct sql_lexer *l, char quote, bool backslashes) {
    for (l->at++; l->at < l->len;) {
        if (backslashes && l->sql[l->at] == '\\' && l->at + 1 < l->len) {
            l->at += 2;
        } else if (l->sql[l->at] != quote) {
            l->at++;
        } else if (l->at + 1 < l->len && l->sql[l->at + 1] == quote) {
            l->at += 2;
        } else {
            l->at++;
            return;
        }
    }
}

/* $tag$ ... $tag$; `$1` and `$name` are parameters. */
static void skip_dollar(struct sql_lexer *l) {
    size_t tag = l->at + 1;
    while (tag < l->len && is_word(l->sql[tag]) && l->sql[tag] != '$')
        tag++;
    if (tag >= l->len || l->sql[tag] != '$') {
        l->at = tag;
        return;
    }
    const char *opening = l->sql + l->at;
    size_t size = tag + 1 - l->at;
    const char *body = opening + size;
    const char *end = memmem(body, l->len - (size_t)(body - l->sql), opening, size);
    l->at = end ? (size_t)(end - l->sql) + size : l->len;
}

static enum sql_token_kind skip_token(struct sql_lexer *l) {
    char c = l->sql[l->at];
    if (c == '\'') {
        skip_quoted(l, '\'', false);
        return SQL_STRING;
    }
    if (c == '"') {
        skip_quoted(l, '"', false);
        return SQL_QUOTED;
    }
    if (c == '$') {
        skip_dollar(l);
        return SQL_DOLLAR;
    }
    if ((c == 'e' || c == 'E') && l->at + 1 < l->len && l->sql[l->at + 1] == '\'') {
        l->at++;
        skip_quoted(l, '\'', true);
        return SQL_STRING;
    }
    if (is_word_start(c)) {
        while (l->at < l->len && is_word(l->sql[l->at]))
            l->at++;
        return SQL_WORD;
    }
    if (c >= '0' && c <= '9') {
        while (l->at < l->len && (is_word(l->sql[l->at]) || l->sql[l->at] == '.'))
            l->at++;
        return SQL_NUMBER;
    }
    l->at++;
    return SQL_SYMBOL;
}

struct sql_token sql_lexer_next(struct sql_lexer *l) {
    sql_lexer_skip_blank(l);
    struct sql_token token = {SQL_END, l->at, l->at};
    if (l->at < l->len) {
        token.kind = skip_token(l);
        token.end = l->at;
    }
    return token;
}

char *sql_token_text(const struct sql_lexer *l, const struct sql_token *token, struct arena *arena) {
    const char *text = l->sql + token->start;
    size_t len = token->end - token->start;
    if (token->kind != SQL_QUOTED && token->kind != SQL_STRING)
        return arena_strndup(arena, text, len);
    char quote = *text++;
    len--;
    /* The closing quote, where there is one: of quotes at the end an odd number is one that closes. */
    size_t run = 0;
    while (run < len && text[len - 1 - run] == quote)
        run++;
    len -= run % 2;
    char *plain = arena_alloc(arena, len + 1);
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        plain[n++] = text[i];
        if (text[i] == quote)
            i++;
    }
    return plain;
}

bool sql_token_is(const struct sql_lexer *l, const struct sql_token *token, const char *word) {
    size_t len = strlen(word);
    return token->kind == SQL_WORD && token->end - token->start == len &&
           strncasecmp(l->sql + token->start, word, len) == 0;
}

bool sql_token_is_symbol(const struct sql_lexer *l, const struct sql_token *token, char symbol) {
    return token->kind == SQL_SYMBOL && l->sql[token->start] == symbol;
}
