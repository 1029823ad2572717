/* Searches in SQL text: `vector_search('resumes', $1, 20)` where a table stands.
 *
 * The server searches, before the statement runs; so the arguments are literals and parameters.  A parameter that only searches
 * take is none of the statement that DuckDB gets: what is left is numbered anew. */
#ifndef LH_ENGINE_WORKER_SQL_CALLS_H
#define LH_ENGINE_WORKER_SQL_CALLS_H

#include "base/error.h"
#include "base/json.h"

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct sql_lexer;
struct sql_token;

/* Set `params` (the client's, or NULL) and `arena`, zero the rest. */
struct sql_calls {
    const json_t *params;
    struct arena *arena;
    unsigned count; /* of searches */
    size_t marks;   /* of "?" that were passed: the caller counts those outside searches */
    json_t *taken;  /* names of the parameters that searches took; NULL: none */
};

/* Is it the name of a search, with its arguments behind it? */
bool sql_call_follows(const struct sql_lexer *l, const struct sql_token *name);

/* The arguments behind `name`, to past the closing bracket: *ret_name is the search as engine/qualified_name.h has it, in the
 * arena.  LH_SQL with a 0-based place in *ret_place. */
LH_CHECKED enum lh_code sql_call_read(struct sql_calls *c, struct sql_lexer *l, const struct sql_token *name,
                                      const char **ret_name, size_t *ret_place, struct lh_err *err);

/* The parameters that are left for `text`, in which the searches are blanked; numbers in it are changed in place.  A new
 * reference. */
json_t *sql_calls_rest(const struct sql_calls *c, char *text, size_t len);

void sql_calls_release(struct sql_calls *c);

#endif
