/* What the parts of the search for an erased row share; for erased.c and erased_places.c alone. */
#ifndef LH_LAKE_ERASED_INTERNAL_H
#define LH_LAKE_ERASED_INTERNAL_H

#include "base/buf.h"
#include "base/json.h"
#include "catalog/manifest.h"
#include "lake/erased.h"
#include "lake/erased_keys.h"
#include "lake/past_files.h"

struct arena;
struct object_store;

#define ERASED_TEXT_MAX_BYTES ((size_t)1 << 30)

/* One search. */
struct hunt {
    const struct erased_search *search;
    struct arena *arena;
    struct past_files past;
    struct erased_keys keys;
    const char *dataset; /* as the catalog writes it; NULL: any */
    struct erased_totals totals;
    uint64_t total; /* objects that are known beforehand */
};

/* A finding of this kind, told and counted. */
void erased_tell(struct hunt *h, enum erased_kind kind, struct erased_finding finding);
void erased_tell_unreadable(struct hunt *h, const struct erased_finding *place, const struct lh_err *err);
void erased_count(struct hunt *h); /* one more object was searched */

/* Counts, one of each condition; a condition's name is what is told of it. */
struct erased_conditions {
    struct buf sql; /* ", count_if(...)" of each */
    const char **names;
    size_t count;
};
void erased_conditions_release(struct erased_conditions *c);
void erased_add_condition(struct erased_conditions *c, const char *name, const char *sql);
/* 'form', 'form', ...: each name of the key as SQL text, between `before` and `after`. */
void erased_append_forms(const struct hunt *h, const char *before, const char *after, const char *between,
                         struct buf *sql);
/* How many rows of `from` (" FROM ...") satisfy each; an array. */
LH_CHECKED enum lh_code erased_count_rows(struct hunt *h, const struct erased_conditions *c, const char *from,
                                          json_t **ret_counts, struct lh_err *err);
/* A row where the condition has no name and counted any, a mention in the columns of those that have one. */
void erased_tell_counts(struct hunt *h, const struct erased_finding *place, const struct manifest *m,
                        const struct erased_conditions *c, const json_t *counts);

/* The texts of its key's columns as the dataset of `m` has them; NULL where the key cannot be one of its. */
const json_t *erased_texts_of(const struct hunt *h, const struct manifest *m);

/* An object that holds rows of `m` (NULL: of nobody knows whom), changes, or lines of text. */
LH_CHECKED enum lh_code erased_search_object(struct hunt *h, const struct erased_finding *place,
                                             struct object_store *store, enum file_role role, const struct manifest *m,
                                             struct lh_err *err);
/* Events, or changes: about the row, or with the key in a value. */
LH_CHECKED enum lh_code erased_search_events(struct hunt *h, const struct erased_finding *place, const char *path,
                                             bool changes, struct lh_err *err);
/* Lines that hold the key as a word are told as `kind`. */
void erased_search_text(struct hunt *h, struct erased_finding place, const struct buf *text, enum erased_kind kind);

/* erased_places.c: what no version names: orphans, indexes, the journal, local logs. */
LH_CHECKED enum lh_code erased_search_rest(struct hunt *h, struct lh_err *err);

#endif
