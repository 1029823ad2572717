/* What DuckDB has no tables for, said in a way that it has.
 *
 *     people AT (VERSION => 3)                  "v3".people
 *     people AT (TIMESTAMP => '2026-11-21')     "t2026-11-21".people
 *     system.files                              lh_sys.files
 *     vector_search('resumes', $1, 20)          f0.vector_search
 *     chunks.resumes                            as it stands, but asked for
 *
 * The right-hand sides are views in schemas that bindings makes, so aliases and columns come out as DuckDB's own syntax would have
 * them.  The new text is as long as the old one (blanks fill it up), so a position in it is a position in the client's text. Only
 * tokens count: nothing inside strings, quoted names and comments is touched.  `system.x` is a table only where a table can stand
 * (behind FROM, JOIN, their commas, DESCRIBE and the like): in an expression it stays the field of a column "system", unless the
 * statement has that table and a third part follows (system.files.key); so with `chunks.x` and the searches (sql_calls.h). */
#ifndef LH_ENGINE_WORKER_SQL_REWRITE_H
#define LH_ENGINE_WORKER_SQL_REWRITE_H

#include "base/error.h"
#include "base/json.h"

#include <stddef.h>

struct arena;

#define SQL_SYSTEM_SCHEMA "lh_sys"

struct sql_rewritten {
    const char *sql;    /* the text itself where there was nothing to do */
    const char **names; /* engine/qualified_name.h; may repeat */
    size_t name_count;
    json_t *params; /* those that are left where searches took some, a reference of the caller's; NULL: all */
};

/* `params`: the client's, or NULL.  LH_SQL with a position: AT with something else than a literal, a search with something else than
 * literals and parameters, or where no table can stand. */
LH_CHECKED enum lh_code sql_rewrite(const char *sql, size_t len, const json_t *params, struct arena *arena,
                                    struct sql_rewritten *ret_rewritten, struct lh_err *err);

#endif
