/* The lake about itself, in SQL: system.datasets, files, columns, events, errors, jobs, queries.
 *
 * A table is made for the statement that names it, of one moment: datasets, files and columns from the statement's own
 * catalog snapshot (so `as_of` holds for them too), the others as they are when it asks.  Its rows go into a file in a folder of the
 * statement's own, which workers may read and system_scope_release removes; the definition names that file, and the worker forgets it
 * when the statement ends, so that nothing stale can be read.  Events are the journal's Parquet files and what is in none yet, so
 * filters reach the files.  A statement that names no such table pays nothing.  Columns: docs/system-tables.md. */
#ifndef LH_SYSTEM_SYSTEM_H
#define LH_SYSTEM_SYSTEM_H

#include "base/error.h"
#include "lake/lake.h"

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct error_journal;
struct jobs;
struct journal;
struct os;
struct query_log;
struct system;

struct system_services {
    struct os *os;
    struct journal *journal;
    struct error_journal *errors;
    struct jobs *jobs;
    struct query_log *queries;
    const char *dir; /* absolute, exists, empty; workers may read below it.  Copied */
};
struct system *system_new(const struct system_services *services);
void system_free(struct system *system); /* no scope may be in use; NULL is fine */
struct os *system_os(const struct system *system);

/* What one statement sees.  Set `lake`, `system` and `allowed`, zero the rest. */
struct system_scope {
    struct lake_resolver lake;
    struct system *system; /* NULL: there are no such tables */
    bool allowed;          /* the caller is an administrator; otherwise LH_FORBIDDEN */
    char *dir;             /* of its files, once there are some */
    bool scanning;         /* the journal's files are held */
};
/* An engine_resolve_fn: tables of the system here, every other name by lake_resolve. */
enum lh_code system_resolve(void *scope, const char *const *names, size_t count, struct arena *arena,
                            struct engine_binding **ret_bindings, size_t *ret_count, const char **ret_suggestions,
                            struct lh_err *err);
/* The statement's own folder, below the service's: made when first asked for, removed at the end. */
LH_CHECKED enum lh_code system_scope_folder(struct system_scope *scope, const char **ret_dir, struct lh_err *err);
/* When the statement has ended.  `lake` is the caller's. */
void system_scope_release(struct system_scope *scope);

#endif
