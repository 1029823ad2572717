#include "engine/worker/sql_scan.h"

#include "base/arena.h"
#include "base/attr.h"
#include "base/hash.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

#define WORD_MAX 512 /* a longer one names no dataset */

/* The tables that list tables; a dataset must be bound before they show it. */
static const char *const catalog_words[] = {
    "show",          "information_schema", "pg_catalog",     "sqlite_master", "sqlite_schema",
    "duckdb_tables", "duckdb_views",       "duckdb_columns", "pg_tables",     "pg_views",
    "pragma_show",   "pragma_table_info",  "show_tables",    "table_info",
};

/* Functions that a SELECT may call and that change what later statements of the same session do. */
static const char *const stateful_functions[] = {
    "enable_logging",      "disable_logging",      "set_log_level",        "enable_profiling",
    "disable_profiling",   "enable_profile",       "truncate_duckdb_logs", "write_log",
    "enable_peg_parser",   "disable_peg_parser",   "set_peg_parser",       "force_checkpoint",
    "checkpoint",          "add_parquet_key",      "enable_verification",  "disable_verification",
    "enable_object_cache", "disable_object_cache",
};

struct scanner {
    const char *sql;
    size_t len, at;
    struct arena *arena;
    struct sql_scan *out;
    uint32_t *slots; /* open addressing over out->names: index + 1, 0 empty */
    bool in_statement;
    bool verb_found;
    int explain_depth; /* of EXPLAIN's option list */
};

static bool is_word_start(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static bool is_word(char c) {
    return is_word_start(c) || (c >= '0' && c <= '9') || c == '$';
}

static bool one_of(const char *word, const char *const *list, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (strcasecmp(word, list[i]) == 0)
            return true;
    }
    return false;
}

static void add_name(struct scanner *s, const char *name) {
    if (s->out->name_count == SQL_SCAN_NAMES_MAX)
        return;
    const size_t mask = 2 * SQL_SCAN_NAMES_MAX - 1;
    size_t slot = lh_fnv64(name, strlen(name)) & mask;
    while (s->slots[slot]) {
        if (strcmp(s->out->names[s->slots[slot] - 1], name) == 0)
            return;
        slot = (slot + 1) & mask;
    }
    s->out->names[s->out->name_count++] = name;
    s->slots[slot] = (uint32_t)s->out->name_count;
}

/* Past white space and comments; a comment that never ends ends with the text. */
static void skip_blank(struct scanner *s) {
    while (s->at < s->len) {
        const char *p = s->sql + s->at;
        size_t left = s->len - s->at;
        if (strchr(" \t\r\n\f\v", *p)) {
            s->at++;
        } else if (left >= 2 && p[0] == '-' && p[1] == '-') {
            const char *end = memchr(p, '\n', left);
            s->at = end ? (size_t)(end - s->sql) + 1 : s->len;
        } else if (left >= 2 && p[0] == '/' && p[1] == '*') {
            size_t depth = 1;
            s->at += 2;
            while (s->at < s->len && depth > 0) {
                bool pair = s->at + 1 < s->len;
                if (pair && s->sql[s->at] == '*' && s->sql[s->at + 1] == '/') {
                    depth--;
                    s->at += 2;
                } else if (pair && s->sql[s->at] == '/' && s->sql[s->at + 1] == '*') {
                    depth++;
                    s->at += 2;
                } else {
                    s->at++;
                }
            }
        } else {
            return;
        }
    }
}

/* From an opening quote past the closing one; a doubled quote stands for itself.  With `backslashes` (E'...') one
 * escapes the next byte. */
static size_t skip_quoted(struct scanner *s, char quote, bool backslashes) {
    size_t start = ++s->at;
    while (s->at < s->len) {
        if (backslashes && s->sql[s->at] == '\\' && s->at + 1 < s->len) {
            s->at += 2;
        } else if (s->sql[s->at] != quote) {
            s->at++;
        } else if (s->at + 1 < s->len && s->sql[s->at + 1] == quote) {
            s->at += 2;
        } else {
            return s->at++ - start;
        }
    }
    return s->at - start;
}

static char *unquote(struct arena *arena, const char *text, size_t len) {
    char *name = arena_alloc(arena, len + 1);
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        name[n++] = text[i];
        if (text[i] == '"')
            i++;
    }
    return name;
}

/* $tag$ ... $tag$; `$1` and `$name` are parameters. */
static void skip_dollar(struct scanner *s) {
    size_t tag = s->at + 1;
    while (tag < s->len && is_word(s->sql[tag]) && s->sql[tag] != '$')
        tag++;
    if (tag >= s->len || s->sql[tag] != '$') {
        s->at = tag;
        return;
    }
    const char *opening = s->sql + s->at;
    size_t size = tag + 1 - s->at;
    const char *body = opening + size;
    const char *end = memmem(body, s->len - (size_t)(body - s->sql), opening, size);
    s->at = end ? (size_t)(end - s->sql) + size : s->len;
}

static void take_verb(struct scanner *s, const char *word) {
    static const char *const query_words[] = {"select", "with", "from", "values"};
    if (s->verb_found || s->out->statement_count > 1)
        return;
    if (s->explain_depth > 0 && !one_of(word, query_words, LH_ARRAY_LEN(query_words)))
        return; /* an option: EXPLAIN (FORMAT json) */
    if (strcasecmp(word, "explain") == 0 && !s->out->explains) {
        s->out->explains = true;
        return;
    }
    if (s->out->explains && strcasecmp(word, "analyze") == 0)
        return;
    char *verb = arena_strdup(s->arena, word);
    for (char *c = verb; *c; c++) {
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    }
    s->out->verb = verb;
    s->verb_found = true;
}

static void take_word(struct scanner *s, const char *word, bool quoted) {
    if (!quoted) {
        take_verb(s, word);
        s->out->pivots |= strcasecmp(word, "pivot") == 0 || strcasecmp(word, "pivot_wider") == 0;
    }
    s->out->reads_catalog |= one_of(word, catalog_words, LH_ARRAY_LEN(catalog_words));
    skip_blank(s);
    bool called = s->at < s->len && s->sql[s->at] == '(';
    if (!called)
        add_name(s, word);
    else if (one_of(word, stateful_functions, LH_ARRAY_LEN(stateful_functions)))
        s->out->stateful = word;
}

static void begin_statement(struct scanner *s) {
    if (!s->in_statement)
        s->out->statement_count++;
    s->in_statement = true;
}

static void scan_token(struct scanner *s) {
    char c = s->sql[s->at];
    size_t start = s->at;
    if (c == ';') {
        s->in_statement = false;
        s->at++;
        return;
    }
    begin_statement(s);
    if (c == '\'') {
        skip_quoted(s, '\'', false);
    } else if (c == '"') {
        size_t len = skip_quoted(s, '"', false);
        if (len > 0 && len <= WORD_MAX)
            take_word(s, unquote(s->arena, s->sql + start + 1, len), true);
    } else if (c == '$') {
        skip_dollar(s);
    } else if ((c == 'e' || c == 'E') && s->at + 1 < s->len && s->sql[s->at + 1] == '\'') {
        s->at++;
        skip_quoted(s, '\'', true);
    } else if (is_word_start(c)) {
        while (s->at < s->len && is_word(s->sql[s->at]))
            s->at++;
        if (s->at - start <= WORD_MAX)
            take_word(s, arena_strndup(s->arena, s->sql + start, s->at - start), false);
    } else if (c >= '0' && c <= '9') {
        while (s->at < s->len && (is_word(s->sql[s->at]) || s->sql[s->at] == '.'))
            s->at++;
    } else {
        if (s->out->explains && !s->verb_found && (c == '(' || c == ')')) {
            s->explain_depth += c == '(' ? 1 : -1;
        } else if (c == '(' && !s->verb_found && s->out->statement_count == 1) {
            s->out->verb = "(";
        }
        s->at++;
    }
}

void sql_scan(const char *sql, size_t len, struct arena *arena, struct sql_scan *ret_scan) {
    *ret_scan = (struct sql_scan){.verb = ""};
    ret_scan->names = arena_alloc(arena, SQL_SCAN_NAMES_MAX * sizeof *ret_scan->names);
    struct scanner s = {.sql = sql, .len = len, .arena = arena, .out = ret_scan};
    s.slots = arena_alloc(arena, 2 * SQL_SCAN_NAMES_MAX * sizeof *s.slots);
    for (skip_blank(&s); s.at < s.len; skip_blank(&s))
        scan_token(&s);
}
