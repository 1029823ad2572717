/* The documents of a dataset, one after the other: id and text of every row of its read plan.
 *
 * The rows are spooled to a file first, as fast as a query process gives them, so that no query process waits for
 * embeddings; then the file is mapped and taken apart.  One thread's. */
#ifndef LH_INDEX_DOCUMENTS_H
#define LH_INDEX_DOCUMENTS_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buckets;
struct catalog_snapshot;
struct documents;
struct engine;
struct os;

struct documents_source {
    struct os *os;
    struct engine *engine;
    struct buckets *buckets;
    struct catalog_snapshot *snapshot;
    const char *dataset, *id_column;
    const char *text_column; /* NULL: ids alone */
    const char *condition;   /* SQL that index_condition_check lets pass; NULL: every row */
    const char *path;        /* of the spool file, which is made and removed */
    int cancel_fd;
    int64_t timeout_ms;
};

/* Returns when all rows are spooled.  What engine_query_start fails with; a column that is not there is LH_SQL.
 * A position of the error counts in the condition. */
LH_CHECKED enum lh_code documents_open(const struct documents_source *source, struct documents **ret_documents,
                                       struct lh_err *err);
void documents_close(struct documents *d); /* NULL is fine */

struct document {
    const char *id, *text; /* good until the next call */
    size_t id_len, text_len;
};
/* False at the end.  Rows without an id are left out. */
bool documents_next(struct documents *d, struct document *ret_document);
void documents_rewind(struct documents *d);

static inline void documents_auto_release(struct documents **d) {
    documents_close(*d);
}

#endif
