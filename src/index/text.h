/* The text side of an index: which chunks hold these words, best first by BM25.
 *
 * One SQLite file a generation, a contentless FTS5 table: rowid = a chunk's row in the generation, terms by
 * index/text_tokens.h; the texts themselves are in the chunk files.  It is written once (a builder; an append begins with a
 * copy of the last generation's file), then only opened read-only and immutable, mapped, without locks.  Rows that are gone
 * are left out by the caller's bitmap; the next merge of the index writes the file anew without them.
 *
 * Why SQLite may run in the server, where DuckDB may not: it gets no SQL from outside (all statements are constants), no files
 * from outside (only those that this module wrote), and of a query only quoted
 * strings (index/text_query.h), bound as a parameter.  What a damaged file can do is limited to an error: defensive mode,
 * no schema is trusted, no extensions are loaded.
 *
 * SQLite does its own input and output (not through struct os). */
#ifndef LH_INDEX_TEXT_H
#define LH_INDEX_TEXT_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text_builder;
struct text_index;

/* ---- writing: one thread's ---- */

/* A new file at `path`, which must not exist.  `base`: begin with a copy of that one, LH_UNSUPPORTED where it is old; NULL:
 * empty. */
LH_CHECKED enum lh_code text_builder_new(const char *path, const char *base, struct text_builder **ret_builder,
                                         struct lh_err *err);
/* Rows must rise. */
LH_CHECKED enum lh_code text_builder_add(struct text_builder *b, uint32_t row, const char *text, size_t len,
                                         struct lh_err *err);
/* Everything is in the file, which whoever keeps it has to sync.  The builder is spent either way: free it. */
LH_CHECKED enum lh_code text_builder_finish(struct text_builder *b, struct lh_err *err);
void text_builder_free(struct text_builder *b); /* NULL is fine */

/* ---- searching: any number of threads ---- */

/* LH_UNSUPPORTED: written by a later version of this program. */
LH_CHECKED enum lh_code text_index_open(const char *path, struct text_index **ret_index, struct lh_err *err);
void text_index_close(struct text_index *t); /* NULL is fine; no search may be running */
/* Was it written when texts became other terms (TEXT_TOKENS_VERSION)?  It is searched as it was written, but takes no more
 * rows: whoever keeps it writes it anew from the texts. */
bool text_index_is_old(const struct text_index *t);

struct text_hit {
    uint32_t row;
    float score; /* BM25 (k1 1.2, b 0.75), above 0, higher is better */
};

struct text_search {
    const char *words; /* as people type them: index/text_query.h */
    size_t k;
    size_t enough;           /* chunks with all the words that make those with any needless; 0: k */
    const uint64_t *allowed; /* bit row % 64 of word row / 64; NULL: every row */
    size_t rows;             /* of `allowed` */
};

/* The best k chunks that hold all the words; where there are fewer than `enough` of those, the best k
 * that hold any.
 * ret_hits[k].  LH_INVALID (no words), LH_TOO_LARGE, LH_CORRUPT. */
LH_CHECKED enum lh_code text_index_search(struct text_index *t, const struct text_search *search,
                                          struct text_hit *ret_hits, size_t *ret_found, struct lh_err *err);

static inline void text_builder_auto_release(struct text_builder **b) {
    text_builder_free(*b);
}
static inline void text_index_auto_release(struct text_index **t) {
    text_index_close(*t);
}

#endif
