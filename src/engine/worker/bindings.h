/* What the names in SQL text stand for in this session.
 *
 * A dataset is a view in the in-memory database, made when a statement first names it.  The server knows the
 * definitions; the worker asks for those it lacks (FRAME_NEED, FRAME_BIND) and remembers the answers, also "no dataset
 * of that name", together with the epoch they belong to.  Invariant: when a statement is bound, every view that exists
 * has the definition of that statement's epoch; views that have not been confirmed at it are gone.  So a statement can
 * never read through a stale view, whatever way it finds to name it. */
#ifndef LH_ENGINE_WORKER_BINDINGS_H
#define LH_ENGINE_WORKER_BINDINGS_H

#include "base/error.h"
#include "base/json.h"
#include "engine/worker/name_table.h"

#include <stdbool.h>
#include <stdint.h>

struct sql_scan;
struct worker;

struct bindings {
    struct name_table asked;    /* spelling -> struct answer */
    struct name_table views;    /* lower-case name -> struct view */
    uint64_t epoch;             /* of the answers; 0: they count for one statement only */
    struct name_table attached; /* database files by their names in SQL; no values */
    bool all_asked;             /* the whole catalog was bound at this epoch */
};

/* Bring the session to `epoch` for the names of `scan`.  LH_SQL where two spellings of one SQL name are different
 * datasets; what the server's resolver says; LH_CANCELLED. */
LH_CHECKED enum lh_code bindings_prepare(struct worker *w, const struct sql_scan *scan, uint64_t epoch,
                                         struct lh_err *err);

/* DuckDB missed the table `name`.  True: it was a dataset after all and is bound now, prepare again.  False: `err`
 * says in the hint what it may have meant, or, where the dataset exists but cannot be read, is that error. */
bool bindings_add_missing(struct worker *w, const char *name, struct lh_err *err);

/* The names of `scan` that stand for datasets, as a new array. */
json_t *bindings_reads(const struct bindings *b, const struct sql_scan *scan);

/* Forget what is true for one statement only: tables of the system, chunks of indexes, searches. */
void bindings_forget_momentary(struct worker *w);

void bindings_release(struct bindings *b);

#endif
