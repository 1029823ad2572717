/* Tokens of SQL text, as DuckDB's lexer cuts them: where strings, quoted names, dollar quotes, comments and numbers begin and
 * end, and nothing more.  Never fails: what never ends ends with the text. */
#ifndef LH_ENGINE_SQL_LEXER_H
#define LH_ENGINE_SQL_LEXER_H

#include <stdbool.h>
#include <stddef.h>

struct arena;

enum sql_token_kind {
    SQL_END,
    SQL_WORD,   /* a name or key word without quotes */
    SQL_QUOTED, /* "a name" */
    SQL_STRING, /* 'text', E'text' */
    SQL_DOLLAR, /* $tag$text$tag$, or a parameter */
    SQL_NUMBER,
    SQL_SYMBOL, /* one byte of anything else */
};

struct sql_token {
    enum sql_token_kind kind;
    size_t start, end; /* in the text, quotes included */
};

struct sql_lexer {
    const char *sql;
    size_t len, at;
};

/* Past white space and comments. */
void sql_lexer_skip_blank(struct sql_lexer *l);
struct sql_token sql_lexer_next(struct sql_lexer *l);

/* What a word, a quoted name or a plain string means: quotes gone, doubled ones single. */
char *sql_token_text(const struct sql_lexer *l, const struct sql_token *token, struct arena *arena);
/* Is it this key word? */
bool sql_token_is(const struct sql_lexer *l, const struct sql_token *token, const char *word);
bool sql_token_is_symbol(const struct sql_lexer *l, const struct sql_token *token, char symbol);

#endif
