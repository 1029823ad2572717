/* A question in words to a statement in SQL.
 *
 * The generator is shown the question and of each dataset that the caller may read its name, columns, types, descriptions and
 * how personal a column is: no value of any row.  What it writes is not trusted: it must be one statement that begins with SELECT,
 * WITH or FROM, and a query process must be able to bind it, under the caller's own scope and nothing more.  Where it cannot, the
 * generator is told why and may correct it once.  Nothing is run here. */
#ifndef LH_STATEMENT_NL2SQL_H
#define LH_STATEMENT_NL2SQL_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ai_provider;
struct arena;
struct buf;
struct engine;
struct engine_query;
struct statement_scope;

#define NL2SQL_QUESTION_MAX ((size_t)4096)
#define NL2SQL_ATTEMPTS 2

struct nl2sql_request {
    const char *question;
    const char *const *datasets; /* only these may be read; NULL: all that the scope has */
    size_t dataset_count;
    const struct ai_provider *provider;
    const char *model; /* NULL: the provider's default */
    struct engine *engine;
    struct statement_scope *scope;
    const struct engine_query
        *query; /* with the scope as its resolver, and the statement's limits; its text is set here */
    size_t max_sql_bytes;
    int64_t deadline_ns; /* of the generator; 0: none */
};

struct nl2sql_answer {
    const char *sql; /* the last one; NULL: the generator wrote none */
    const char *explanation;
    unsigned attempts;
    bool valid;
    struct lh_err problem; /* where it is not valid */
    const char *model;     /* who wrote */
};

/* In the arena.  A statement that is wrong to the end is no failure: see `valid`.  LH_INVALID, LH_NOT_FOUND (a dataset),
 * LH_UPSTREAM (the generator), LH_CANCELLED, and what keeps a query process from looking at it (LH_BUSY...). */
LH_CHECKED enum lh_code nl2sql(const struct nl2sql_request *request, struct arena *arena,
                               struct nl2sql_answer *ret_answer, struct lh_err *err);

/* What the generator is told of the datasets; those that share words with the question first, and where there is no room for all,
 * the others by name. */
LH_CHECKED enum lh_code nl2sql_schema(const struct nl2sql_request *request, struct arena *arena, struct buf *out,
                                      struct lh_err *err);

#endif
