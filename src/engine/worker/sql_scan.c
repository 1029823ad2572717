#include "engine/worker/sql_scan.h"

#include "base/arena.h"
#include "base/attr.h"
#include "base/hash.h"
#include "engine/sql_lexer.h"

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

/* Functions whose argument is a statement. */
static const char *const running_functions[] = {"query", "json_execute_serialized_sql"};

struct scanner {
    struct sql_lexer lexer;
    struct arena *arena;
    struct sql_scan *out;
    uint32_t *slots; /* open addressing over out->names: index + 1, 0 empty */
    bool in_statement;
    bool verb_found;
    int explain_depth; /* of EXPLAIN's option list */
};

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
    sql_lexer_skip_blank(&s->lexer);
    bool called = s->lexer.at < s->lexer.len && s->lexer.sql[s->lexer.at] == '(';
    if (!called)
        add_name(s, word);
    else if (one_of(word, stateful_functions, LH_ARRAY_LEN(stateful_functions)))
        s->out->stateful = word;
    s->out->runs_text |= called && one_of(word, running_functions, LH_ARRAY_LEN(running_functions));
}

static void begin_statement(struct scanner *s) {
    if (!s->in_statement)
        s->out->statement_count++;
    s->in_statement = true;
}

static void scan_symbol(struct scanner *s, char c) {
    if (s->out->explains && !s->verb_found && (c == '(' || c == ')'))
        s->explain_depth += c == '(' ? 1 : -1;
    else if (c == '(' && !s->verb_found && s->out->statement_count == 1)
        s->out->verb = "(";
}

static void scan_token(struct scanner *s, const struct sql_token *token) {
    char c = s->lexer.sql[token->start];
    if (token->kind == SQL_SYMBOL && c == ';') {
        s->in_statement = false;
        return;
    }
    begin_statement(s);
    if (token->kind == SQL_SYMBOL) {
        scan_symbol(s, c);
    } else if (token->kind == SQL_WORD || token->kind == SQL_QUOTED) {
        const char *text = token->end - token->start <= WORD_MAX ? sql_token_text(&s->lexer, token, s->arena) : "";
        if (*text)
            take_word(s, text, token->kind == SQL_QUOTED);
    }
}

void sql_scan(const char *sql, size_t len, struct arena *arena, struct sql_scan *ret_scan) {
    *ret_scan = (struct sql_scan){.verb = ""};
    ret_scan->names = arena_alloc(arena, SQL_SCAN_NAMES_MAX * sizeof *ret_scan->names);
    struct scanner s = {.lexer = {sql, len, 0}, .arena = arena, .out = ret_scan};
    s.slots = arena_alloc(arena, 2 * SQL_SCAN_NAMES_MAX * sizeof *s.slots);
    for (;;) {
        struct sql_token token = sql_lexer_next(&s.lexer);
        if (token.kind == SQL_END)
            return;
        scan_token(&s, &token);
    }
}
