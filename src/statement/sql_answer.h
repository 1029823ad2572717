/* The statement in what a generator wrote.  Pure; any text will do. */
#ifndef LH_STATEMENT_SQL_ANSWER_H
#define LH_STATEMENT_SQL_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

struct arena;

struct sql_answer {
    const char *sql;         /* without the semicolon at its end; NULL: there is none */
    const char *explanation; /* the words around it; "" where there are none */
};

/* What stands in the first block between ``` lines; without one, what begins at the first line that begins with SELECT, WITH or
 * FROM (else with a word that changes something, so that it can be refused as a statement), to its last semicolon or, where it has
 * none or another statement follows it, to the next empty line.  Thoughts before </think> are left out.  In the arena. */
void sql_answer_parse(const char *text, size_t len, struct arena *arena, struct sql_answer *ret_answer);

/* Does it begin, behind comments, with SELECT, WITH or FROM? */
bool sql_answer_selects(const char *sql);

#endif
