/* The kinds of names: private to the module. */
#ifndef LH_STATEMENT_STATEMENT_INTERNAL_H
#define LH_STATEMENT_STATEMENT_INTERNAL_H

#include "base/error.h"
#include "statement/statement.h"

#include <stdbool.h>

struct arena;
struct buf;
struct generation;
struct manifest;

/* May the caller read indexes now?  `what` for the message. */
LH_CHECKED enum lh_code statement_check_index(const struct statement_scope *scope, const char *what,
                                              struct lh_err *err);
/* The generation of an index whose dataset the statement may see.  LH_NOT_FOUND. */
LH_CHECKED enum lh_code statement_open_index(const struct statement_scope *scope, const char *index,
                                             struct generation **ret_generation, const struct manifest **ret_dataset,
                                             struct lh_err *err);
/* The SQL type of `doc_id`: that of the dataset's id column, where its values can be told from their text; "VARCHAR". */
const char *statement_id_type(const struct generation *g, const struct manifest *dataset);

/* searches.c: the SELECT of a search that ran.  LH_BUSY: it has to run first, see statement_search_later. */
LH_CHECKED enum lh_code statement_search(struct statement_scope *scope, const char *name, const char **ret_definition,
                                         struct lh_err *err);
void statement_searches_free(struct statement_scope *scope);

/* chunks.c: the SELECT of an index's chunks. */
LH_CHECKED enum lh_code statement_chunks(struct statement_scope *scope, const char *index, struct arena *arena,
                                         const char **ret_definition, struct lh_err *err);

#endif
