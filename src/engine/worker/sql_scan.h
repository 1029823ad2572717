/* A look at SQL text without a parser: how many statements, which words could name a table.
 *
 * It knows where strings, quoted names, dollar quotes and comments begin and end (as DuckDB's lexer does), nothing
 * more.  The words are a superset of the tables that the text names outside strings: the session asks what they stand
 * for before DuckDB binds the statement, and DuckDB's own "table does not exist" finds the rest.  Nothing is decided
 * for safety here. */
#ifndef LH_ENGINE_WORKER_SQL_SCAN_H
#define LH_ENGINE_WORKER_SQL_SCAN_H

#include <stdbool.h>
#include <stddef.h>

struct arena;

#define SQL_SCAN_NAMES_MAX 1024 /* a power of two; what is beyond is found when DuckDB misses it */

struct sql_scan {
    const char **names; /* distinct words and quoted names (unescaped), not those before a "(" */
    size_t name_count;
    size_t statement_count; /* between semicolons, empty ones not counted */
    const char *verb;       /* first word of the first statement, lower case, "" where there is none; of EXPLAIN the
                                first word of what it explains */
    bool explains;          /* it began with EXPLAIN */
    bool pivots;            /* the word PIVOT or PIVOT_WIDER stands somewhere */
    bool reads_catalog;     /* words that list tables: SHOW, information_schema, duckdb_tables, ... */
    const char *stateful;   /* a function that changes the session for others (enable_logging, ...); NULL: none */
    bool runs_text;         /* calls a function that runs a text as a statement, whose words are not seen here */
};

/* Everything in `ret_scan` lives in `arena`. */
void sql_scan(const char *sql, size_t len, struct arena *arena, struct sql_scan *ret_scan);

#endif
