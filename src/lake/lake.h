/* The lake: how names in a statement become datasets, and how files become part of one (a commit).
 * All functions are thread-safe. */
#ifndef LH_LAKE_LAKE_H
#define LH_LAKE_LAKE_H

#include "base/error.h"
#include "catalog/catalog.h"
#include "engine/engine.h"

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct buckets;
struct row_change_beside;

/* ---- names in a statement (the SELECT behind each: lake/read_plan.h) ---- */

/* The context of lake_resolve: one statement sees one snapshot. */
struct lake_resolver {
    struct catalog_snapshot *snapshot; /* held by the caller */
    struct buckets *buckets;
    const char *bucket;      /* only datasets of this bucket; NULL: of any */
    struct catalog *catalog; /* for names with a version or time of their own; NULL: there are none */
};
/* The snapshot of a moment as clients write it: digits are a catalog version, anything else is a time (RFC 3339; without a zone it
 * is UTC).  LH_INVALID, or what the catalog says. */
LH_CHECKED enum lh_code lake_snapshot_as_of(struct catalog *c, const char *moment,
                                            struct catalog_snapshot **ret_snapshot, struct lh_err *err);

/* An engine_resolve_fn over datasets.  Where a name is none but has near neighbours, the suggestion names them.  Of a catalog
 * listing (names NULL) datasets that cannot be read are left out; a statement that names one gets the error.  A name with a version or
 * time (engine/qualified_name.h) is a dataset as it was then, or LH_NOT_FOUND. */
enum lh_code lake_resolve(void *resolver, const char *const *names, size_t count, struct arena *arena,
                          struct engine_binding **ret_bindings, size_t *ret_count, const char **ret_suggestions,
                          struct lh_err *err);

/* ---- writing ---- */

enum lake_mode {
    LAKE_CREATE,  /* LH_EXISTS where there is a dataset of that name */
    LAKE_APPEND,  /* more rows for an existing dataset; creates it where there is none */
    LAKE_REPLACE, /* the dataset consists of these files alone from now on; creates it where there is none */
    LAKE_UPSERT,  /* as append, but only for a dataset with a primary key; creates it where the draft names one */
};

/* A dataset with a primary key takes rows on top of what it has as a delta (docs/formats/merge-on-read.md), whatever the mode and the
 * draft call them: appending is upserting there.  Who writes the files makes sure that in each every key stands once and none is
 * NULL, and says so by naming the key in the draft: rows that were written for another key (it was changed meanwhile) are
 * refused with LH_CONFLICT. */

/* What may be done about a column whose type in the draft is none that widens to or from the dataset's (lake_type_merge);
 * zeroed: nothing, the commit is refused. */
struct lake_fit {
    /* For each column of the draft: what is there may become DOUBLE (lake/exact_doubles.h); NULL: none. */
    const bool *doubles;
    /* A column that prints as text becomes VARCHAR where the draft has that, whose files hold text already. */
    bool text;
};

/* Objects that stand in their buckets, about to become (part of) a dataset. */
struct lake_commit {
    enum lake_mode mode;
    const char *operation; /* "ingest", "register", ... */
    const char *actor;
    const char *idempotency_key; /* or NULL */
    const char *request;         /* what the key stands for (catalog/catalog.h); NULL where there is no key */
    /* Where the dataset already has the draft's (last) source (lake_find_source), write nothing (all modes but replace).  Judged
     * inside the commit, so that of two equal uploads at one time one is kept. */
    bool deduplicate;
    struct lake_fit fit;
    /* Name, bucket, columns, files and lineage of what is new.  Description, owner, tags and the like count only where the
     * dataset is created.  Lineage without a time gets the commit's.  It is only read. */
    const struct manifest *draft;
    /* The dataset that the draft was made for: LH_CONFLICT, and *ret_stale, where its rows are others by now.  NULL: whatever it is. */
    const struct manifest *seen;
    const struct row_change_beside *beside; /* what may have come to `seen`; NULL: nothing (lake/row_change.h) */
    bool *ret_stale;
    bool told; /* the draft's FILE_CHANGES says all that happens to rows; without such a file: nothing does */
};

/* What rows that came did to those that were there. */
struct lake_row_counts {
    bool known; /* false: nobody looked at the old rows, or the counts were not kept */
    uint64_t inserted;
    uint64_t updated;   /* rows of keys that were there, with another value somewhere */
    uint64_t unchanged; /* and those that have the same values as before */
};

struct lake_committed {
    struct catalog_commit commit;
    bool created; /* by this commit; of a replayed one: by the first */
    bool
        deduplicated; /* nothing was written, and neither where the commit was replayed: the files are the caller's to delete */
    /* Known where there were no rows that the new ones could take the place of; of others row_history_commit may know. */
    struct lake_row_counts counts;
    char dataset_id[27]; /* "" where the dataset was deleted meanwhile */
};

/* One commit.  On append the columns are fitted together by name (lake_merge_columns); flags that a person confirmed or dismissed stay.
 * LH_EXISTS; LH_CONFLICT names the column that does not fit; what catalog_commit returns.  After LH_UNKNOWN_OUTCOME, and only
 * then, the files must not be deleted. */
LH_CHECKED enum lh_code lake_commit_files(struct catalog *c, const struct lake_commit *commit,
                                          struct lake_committed *ret_committed, struct lh_err *err);

/* The source_system of rows that came in the body of a request. */
#define LAKE_SOURCE_DELTA "delta"

/* The edge of the source with these bytes, where writing them again would change nothing: any edge; with a primary key only the
 * newest one (rows of other sources may have overridden an older one's), and none while there are tombstones.  Or NULL. */
const struct manifest_lineage *lake_find_source(const struct manifest *m, const char *sha256);

/* ---- types ---- */

/* Is this one type's name as DuckDB writes it, and nothing more?  What stands in a manifest goes into SQL text. */
bool lake_type_valid(const char *type);
/* Do its values have a text that VARCHAR can hold in their place? */
bool lake_type_prints(const char *type);
/* The type that holds every value of both, losslessly: the wider of two integers, VARCHAR for VARCHAR and any plain type, ...
 * `old` or `added` themselves, a constant, or in the arena; NULL where there is none. */
const char *lake_type_merge(const char *old, const char *added, struct arena *arena);
/* The type that holds both where the values of `old` are small enough (lake/exact_doubles.h); NULL where there is none. */
const char *lake_type_if_exact(const char *old, const char *added);

/* Fit the columns of `added` to those of `m` (an edit of ours): a column of both gets the merged type, one that only one side has reads
 * NULL in the rows of the other.  LH_CONFLICT names a column whose types do not fit, and for which `fit` has no remedy. */
LH_CHECKED enum lh_code lake_merge_columns(struct manifest *m, const struct manifest *added, struct lake_fit fit,
                                           struct lh_err *err);

#endif
