/* What a statement of a client sees: the one place where names become definitions.
 *
 *     datasets, also of another moment     lake (read from the hot cache where they are in it)
 *     system.files                         system
 *     chunks.resumes                       an index's chunks: searched texts with their vectors, from its Parquet files
 *     vector_search('resumes', 'nurse')    a search, run by this process; its rows go into the statement's own folder
 *
 * A search with a condition, and one over a dataset that lost rows, asks a query process, and words may have to be embedded elsewhere.
 * A statement that holds a query process must not wait for another (all could be held by such statements), so searches are put off:
 * the resolver fails, the engine takes the process back, statement_search_later searches, and the statement begins anew with
 * the rows at hand.
 *
 * An index has no past: with `past` both are refused, as they are to all but administrators.  One statement's, one thread's. */
#ifndef LH_STATEMENT_STATEMENT_H
#define LH_STATEMENT_STATEMENT_H

#include "base/error.h"
#include "hot/hot.h"
#include "system/system.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct index_service;
struct statement_search;

/* Set the members down to cancel_fd (of `names` what system.h says), zero the rest. */
struct statement_scope {
    struct system_scope names;
    struct hot *hot;
    struct index_service *indexes;
    bool past; /* the snapshot is not the newest one */
    bool dry;  /* the statement is only bound: searches are checked and find nothing, so no row is looked at */
    int cancel_fd;

    struct hot_lease lease;
    struct statement_search *searches;
    size_t search_count;
};

/* An engine_resolve_fn. */
enum lh_code statement_resolve(void *scope, const char *const *names, size_t count, struct arena *arena,
                               struct engine_binding **ret_bindings, size_t *ret_count, const char **ret_suggestions,
                               struct lh_err *err);
/* engine_query.resolve_later: runs the searches that the resolver was asked for.  LH_CANCELLED; what else fails is told by the
 * resolver, with the place in the statement. */
enum lh_code statement_search_later(void *scope, bool *ret_again, struct lh_err *err);

/* engine_query.epoch of such a resolver. */
uint64_t statement_epoch(const struct statement_scope *scope);

/* When the statement has ended.  The snapshot is the caller's. */
void statement_scope_release(struct statement_scope *scope);

#endif
