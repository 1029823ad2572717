#include "engine/worker/sql_rewrite.h"

#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "engine/qualified_name.h"
#include "engine/sql_lexer.h"
#include "engine/worker/sql_calls.h"

#include <string.h>
#include <strings.h>

#define NAMES_MAX 256 /* of one statement */
#define DEPTH_MAX 64  /* of brackets; further in a comma begins no table */
#define SYSTEM "system"
#define MAIN "main" /* the schema of datasets */
#define CHUNKS "chunks"

_Static_assert(sizeof SYSTEM == sizeof SQL_SYSTEM_SCHEMA, "positions in the text must not move");

struct rewriter {
    struct sql_lexer lexer;
    struct arena *arena;
    char *text; /* the new text; NULL: as it was */
    struct sql_rewritten *out;
    unsigned depth;
    bool in_from[DEPTH_MAX]; /* at that depth: between FROM and the next clause */
    unsigned system_tables;  /* bits of those that the statement reads */
    struct sql_calls calls;
};

static enum lh_code add_name(struct rewriter *r, const char *name, size_t position, struct lh_err *err) {
    for (size_t i = 0; i < r->out->name_count; i++)
        if (strcmp(r->out->names[i], name) == 0)
            return LH_OK;
    if (!r->out->names)
        r->out->names = arena_alloc(r->arena, NAMES_MAX * sizeof *r->out->names);
    if (r->out->name_count == NAMES_MAX) {
        lh_ignore(lh_fail(err, LH_SQL, "the statement names more than %d past versions and system tables", NAMES_MAX));
        err->position = (long)position + 1;
        return err->code;
    }
    r->out->names[r->out->name_count++] = name;
    return LH_OK;
}

static char *writable(struct rewriter *r) {
    if (!r->text) {
        r->text = arena_strndup(r->arena, r->lexer.sql, r->lexer.len);
        r->out->sql = r->text;
    }
    return r->text;
}

/* ---- name AT (VERSION => 3) ---- */

static enum lh_code refuse_at(const struct sql_token *token, const char *what, struct lh_err *err) {
    lh_ignore(lh_fail(err, LH_SQL, "AT (%s => ...) takes %s", what,
                      strcmp(what, "VERSION") == 0 ? "the number of a catalog version" : "a time as text"));
    err->position = (long)token->start + 1;
    return lh_err_hint(err,
                       "for example: FROM candidates AT (VERSION => 42), or AT (TIMESTAMP => '2026-11-21T01:25:47Z'); "
                       "it must be a literal");
}

/* The literal behind `=>`: its qualifier ("v3", "t2026-11-21"). */
static enum lh_code read_moment(struct rewriter *r, bool version, const char **ret_qualifier, struct lh_err *err) {
    struct sql_token token = sql_lexer_next(&r->lexer);
    if (version) {
        char *digits = sql_token_text(&r->lexer, &token, r->arena);
        if (token.kind != SQL_NUMBER || strspn(digits, "0123456789") != strlen(digits) || strlen(digits) > 18)
            return refuse_at(&token, "VERSION", err);
        *ret_qualifier = arena_printf(r->arena, "v%s", digits);
        return LH_OK;
    }
    if (sql_token_is(&r->lexer, &token, "timestamp") || sql_token_is(&r->lexer, &token, "timestamptz"))
        token = sql_lexer_next(&r->lexer);
    if (token.kind != SQL_STRING || r->lexer.sql[token.start] != '\'')
        return refuse_at(&token, "TIMESTAMP", err);
    char *time = sql_token_text(&r->lexer, &token, r->arena);
    if (strchr(time, '"') || strchr(time, QUALIFIED_SEPARATOR))
        return refuse_at(&token, "TIMESTAMP", err);
    *ret_qualifier = arena_printf(r->arena, "t%s", time);
    return LH_OK;
}

/* Past `AT (VERSION =>`; false where something else stands there. */
static bool read_at(struct rewriter *r, bool *ret_version) {
    struct sql_token token = sql_lexer_next(&r->lexer);
    if (!sql_token_is(&r->lexer, &token, "at"))
        return false;
    token = sql_lexer_next(&r->lexer);
    if (!sql_token_is_symbol(&r->lexer, &token, '('))
        return false;
    token = sql_lexer_next(&r->lexer);
    *ret_version = sql_token_is(&r->lexer, &token, "version");
    if (!*ret_version && !sql_token_is(&r->lexer, &token, "timestamp"))
        return false;
    token = sql_lexer_next(&r->lexer);
    if (!sql_token_is_symbol(&r->lexer, &token, '='))
        return false;
    token = sql_lexer_next(&r->lexer);
    return sql_token_is_symbol(&r->lexer, &token, '>');
}

static bool is_name(const struct sql_lexer *l, const struct sql_token *token, const char *name) {
    size_t quote = token->kind == SQL_QUOTED;
    return (token->kind == SQL_WORD || token->kind == SQL_QUOTED) &&
           token->end - token->start == strlen(name) + 2 * quote &&
           strncasecmp(l->sql + token->start + quote, name, strlen(name)) == 0;
}

/* `first` has been read: a dataset's name, or `main`, a dot and the name. */
static struct sql_token read_dataset(struct rewriter *r, const struct sql_token *first) {
    size_t back = r->lexer.at;
    if (is_name(&r->lexer, first, MAIN)) {
        struct sql_token dot = sql_lexer_next(&r->lexer), name = sql_lexer_next(&r->lexer);
        if (sql_token_is_symbol(&r->lexer, &dot, '.') && (name.kind == SQL_WORD || name.kind == SQL_QUOTED))
            return name;
    }
    r->lexer.at = back;
    return *first;
}

/* `first` has been read, perhaps the rest of a name and its AT follow.  *ret_done false: they do not, and nothing was read. */
static enum lh_code rewrite_at(struct rewriter *r, const struct sql_token *first, bool *ret_done, struct lh_err *err) {
    size_t back = r->lexer.at;
    bool version = false;
    const struct sql_token name = read_dataset(r, first);
    *ret_done = read_at(r, &version);
    if (!*ret_done) {
        r->lexer.at = back;
        return LH_OK;
    }
    const char *qualifier = NULL;
    LH_TRY(read_moment(r, version, &qualifier, err));
    struct sql_token close = sql_lexer_next(&r->lexer);
    if (!sql_token_is_symbol(&r->lexer, &close, ')'))
        return refuse_at(&close, version ? "VERSION" : "TIMESTAMP", err);
    LH_AUTO(buf) struct buf view = BUF_INIT;
    buf_append_sql_ident(&view, qualifier);
    buf_append_char(&view, '.');
    buf_append(&view, r->lexer.sql + name.start, name.end - name.start);
    if (view.len > close.end - first->start) /* cannot be: a quote alone makes it longer, and it holds none */
        return refuse_at(&close, version ? "VERSION" : "TIMESTAMP", err);
    char *text = writable(r);
    memset(text + first->start, ' ', close.end - first->start);
    memcpy(text + first->start, view.data, view.len);
    return add_name(
        r, arena_printf(r->arena, "%s%c%s", qualifier, QUALIFIED_SEPARATOR, sql_token_text(&r->lexer, &name, r->arena)),
        first->start, err);
}

/* ---- system.files ---- */

static const char *const system_tables[] = {
#define SYSTEM_TABLE_TEXT(name) #name,
    SYSTEM_TABLES(SYSTEM_TABLE_TEXT)
#undef SYSTEM_TABLE_TEXT
};

/* Which table `system` is followed by, as an index; LH_ARRAY_LEN: by none.  Nothing is read where it is none. */
static size_t read_system_table(struct rewriter *r) {
    size_t back = r->lexer.at;
    struct sql_token dot = sql_lexer_next(&r->lexer), name = sql_lexer_next(&r->lexer);
    if (sql_token_is_symbol(&r->lexer, &dot, '.') && (name.kind == SQL_WORD || name.kind == SQL_QUOTED)) {
        const char *text = sql_token_text(&r->lexer, &name, r->arena);
        for (size_t i = 0; i < LH_ARRAY_LEN(system_tables); i++)
            if (strcasecmp(text, system_tables[i]) == 0)
                return i;
    }
    r->lexer.at = back;
    return LH_ARRAY_LEN(system_tables);
}

static bool is_system(const struct sql_lexer *l, const struct sql_token *token) {
    return is_name(l, token, SYSTEM);
}

static void put_schema(struct rewriter *r, const struct sql_token *token) {
    memcpy(writable(r) + token->start + (token->kind == SQL_QUOTED), SQL_SYSTEM_SCHEMA, strlen(SQL_SYSTEM_SCHEMA));
}

static enum lh_code rewrite_system(struct rewriter *r, const struct sql_token *token, struct lh_err *err) {
    size_t table = read_system_table(r);
    if (table == LH_ARRAY_LEN(system_tables))
        return LH_OK;
    size_t back = r->lexer.at;
    bool version;
    if (read_at(r, &version)) {
        lh_ignore(lh_fail(err, LH_SQL, "system.%s tells what is now and has no past versions", system_tables[table]));
        err->position = (long)token->start + 1;
        return lh_err_hint(err, "leave AT away; datasets have past versions, and system.events tells what was");
    }
    r->lexer.at = back;
    put_schema(r, token);
    r->system_tables |= 1u << table;
    return add_name(r, arena_printf(r->arena, QUALIFIED_SYSTEM "%s", system_tables[table]), token->start, err);
}

/* Columns by their full names: SELECT system.files.key FROM system.files. */
static void rewrite_columns(struct rewriter *r) {
    bool behind_dot = false;
    r->lexer.at = 0;
    for (struct sql_token t = sql_lexer_next(&r->lexer); t.kind != SQL_END; t = sql_lexer_next(&r->lexer)) {
        if (!behind_dot && is_system(&r->lexer, &t)) {
            size_t table = read_system_table(r), back = r->lexer.at;
            struct sql_token dot = sql_lexer_next(&r->lexer);
            r->lexer.at = back;
            if (table < LH_ARRAY_LEN(system_tables) && (r->system_tables & 1u << table) &&
                sql_token_is_symbol(&r->lexer, &dot, '.'))
                put_schema(r, &t);
        }
        behind_dot = sql_token_is_symbol(&r->lexer, &t, '.');
    }
}

/* ---- chunks.resumes ---- */

/* Only asked for: DuckDB finds the view by the name that the client wrote. */
static enum lh_code add_chunks(struct rewriter *r, const struct sql_token *token, struct lh_err *err) {
    struct sql_lexer ahead = r->lexer;
    struct sql_token dot = sql_lexer_next(&ahead), name = sql_lexer_next(&ahead);
    if (!sql_token_is_symbol(&ahead, &dot, '.') || (name.kind != SQL_WORD && name.kind != SQL_QUOTED))
        return LH_OK;
    char *index = sql_token_text(&ahead, &name, r->arena);
    for (char *c = index; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    return add_name(r, arena_printf(r->arena, QUALIFIED_CHUNKS "%s", index), token->start, err);
}

/* ---- vector_search(...) ---- */

static enum lh_code rewrite_call(struct rewriter *r, const struct sql_token *name, bool table_place,
                                 struct lh_err *err) {
    const char *search;
    size_t place = name->start;
    char *function = sql_token_text(&r->lexer, name, r->arena);
    enum lh_code code;
    if (table_place) {
        code = sql_call_read(&r->calls, &r->lexer, name, &search, &place, err);
    } else {
        lh_ignore(lh_fail(err, LH_SQL, "%s() is a table: it stands behind FROM or JOIN", function));
        code = lh_err_hint(err, "for example: FROM %s('resumes', 'night nurse', 20)", function);
    }
    if (code == LH_OK) {
        struct sql_lexer ahead = r->lexer;
        struct sql_token at = sql_lexer_next(&ahead), open = sql_lexer_next(&ahead);
        if (sql_token_is(&ahead, &at, "at") && sql_token_is_symbol(&ahead, &open, '(')) {
            place = at.start;
            code = lh_fail(err, LH_SQL, "an index has no past: %s cannot be read AT another moment", function);
        }
    }
    if (code != LH_OK) {
        err->position = (long)place + 1;
        return code;
    }
    /* The call, with two arguments at the least, is longer by one byte or more. */
    LH_AUTO(buf) struct buf view = BUF_INIT;
    buf_append(&view, search, strcspn(search, "["));
    buf_printf(&view, ".%s", function);
    char *text = writable(r);
    size_t room = r->lexer.at - name->start;
    memset(text + name->start, ' ', room);
    memcpy(text + name->start, view.data, view.len);
    return add_name(r, search, name->start, err);
}

/* ---- where a table can stand ---- */

static bool is_any(const struct sql_lexer *l, const struct sql_token *token, const char *const *words, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (sql_token_is(l, token, words[i]))
            return true;
    return false;
}

/* Keeps account of the clause that we are in; true: a table may stand behind this token. */
static bool table_follows(struct rewriter *r, const struct sql_token *token) {
    static const char *const openers[] = {"from", "join"};
    static const char *const tables[] = {"describe", "desc",    "summarize",   "show",         "table",
                                         "pivot",    "unpivot", "pivot_wider", "pivot_longer", "lateral"};
    static const char *const enders[] = {"select", "where",   "group", "having", "order",     "limit",
                                         "window", "qualify", "union", "except", "intersect", "values"};
    bool *in_from = r->depth < DEPTH_MAX ? &r->in_from[r->depth] : NULL;
    if (sql_token_is_symbol(&r->lexer, token, '(')) {
        bool inherited = in_from && *in_from; /* FROM (a JOIN b) */
        if (++r->depth < DEPTH_MAX)
            r->in_from[r->depth] = inherited;
        return inherited;
    }
    if (sql_token_is_symbol(&r->lexer, token, ')')) {
        r->depth -= r->depth > 0;
        return false;
    }
    if (sql_token_is_symbol(&r->lexer, token, ','))
        return in_from && *in_from;
    bool opens = is_any(&r->lexer, token, openers, LH_ARRAY_LEN(openers));
    if (in_from && (opens || is_any(&r->lexer, token, enders, LH_ARRAY_LEN(enders))))
        *in_from = opens;
    return opens || is_any(&r->lexer, token, tables, LH_ARRAY_LEN(tables));
}

/* *ret_table: may a table stand behind this token? */
static enum lh_code rewrite_token(struct rewriter *r, const struct sql_token *t, bool table_place, bool behind_dot,
                                  bool *ret_table, struct lh_err *err) {
    bool done = false;
    *ret_table = false;
    if (table_place && is_system(&r->lexer, t)) {
        LH_TRY(rewrite_system(r, t, err));
    } else if (!behind_dot && sql_call_follows(&r->lexer, t)) {
        return rewrite_call(r, t, table_place, err);
    } else if (!behind_dot && (t->kind == SQL_WORD || t->kind == SQL_QUOTED)) {
        LH_TRY(rewrite_at(r, t, &done, err));
        if (!done && table_place && is_name(&r->lexer, t, CHUNKS))
            LH_TRY(add_chunks(r, t, err));
    }
    r->calls.marks += sql_token_is_symbol(&r->lexer, t, '?');
    *ret_table = !done && table_follows(r, t);
    return LH_OK;
}

static enum lh_code rewrite(struct rewriter *r, struct lh_err *err) {
    bool table_place = false, behind_dot = false;
    for (struct sql_token t = sql_lexer_next(&r->lexer); t.kind != SQL_END; t = sql_lexer_next(&r->lexer)) {
        LH_TRY(rewrite_token(r, &t, table_place, behind_dot, &table_place, err));
        behind_dot = sql_token_is_symbol(&r->lexer, &t, '.');
    }
    if (r->system_tables)
        rewrite_columns(r);
    if (r->calls.taken)
        r->out->params = sql_calls_rest(&r->calls, r->text, r->lexer.len);
    return LH_OK;
}

enum lh_code sql_rewrite(const char *sql, size_t len, const json_t *params, struct arena *arena,
                         struct sql_rewritten *ret_rewritten, struct lh_err *err) {
    *ret_rewritten = (struct sql_rewritten){.sql = sql};
    struct rewriter r = {
        .lexer = {sql, len, 0}, .arena = arena, .out = ret_rewritten, .calls = {.params = params, .arena = arena}};
    enum lh_code code = rewrite(&r, err);
    sql_calls_release(&r.calls);
    return code;
}
