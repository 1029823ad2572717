/* What the files of the growing index share: index.c (views, search), index_grow.c (append, merge), index_file.c (files).
 *
 * Invariants
 *  1. A view is an immutable list of segments whose ids follow one another from 0.  The index holds the newest, every reader
 *     the one it used last; a segment lives as long as a view that lists it.
 *  2. Of a segment only `dead` changes, bit by bit and never back, and `number`.  A segment that replaces others takes over
 *     their dead bits in the moment it is published, under `view_lock`, as deletions are: none is lost between.
 *  3. Only segments from `frozen` on are combined by an append: a running merge replaces those before it.
 *  4. Locks in this order: files_lock, append_lock, view_lock.  view_lock is held for the copying of a few words only. */
#ifndef LH_VECTOR_INDEX_INTERNAL_H
#define LH_VECTOR_INDEX_INTERNAL_H

#include "vector/flat.h"
#include "vector/hnsw.h"
#include "vector/index.h"

#include <pthread.h>

struct segment {
    unsigned refs; /* views that list it; view_lock */
    uint32_t first, n;
    struct vec_flat *flat; /* or */
    struct vec_hnsw *graph;
    float *rows;         /* owned; NULL: in the file's map */
    uint64_t number;     /* of its file; 0: not saved.  files_lock */
    uint32_t identity;   /* of its file (vec_file_identity).  files_lock */
    uint64_t *dead;      /* atomic words: deleted since the flat or graph was made */
    uint32_t dead_count; /* atomic */
    struct segment *next_unused;
};

struct view {
    unsigned refs; /* view_lock */
    uint64_t number;
    size_t n;
    struct segment *segments[];
};

struct vec_index {
    struct os *os;
    char *folder;
    struct vec_index_config config;
    struct vec_flat *empty; /* whose rotation every flat shares: what searchers are made of */

    pthread_mutex_t files_lock;
    uint64_t next_number;
    pthread_mutex_t append_lock;
    size_t frozen;
    pthread_mutex_t view_lock;
    struct view *view;
    uint64_t view_number; /* atomic: view->number, to be asked without the lock */
};

/* index.c */
struct segment *vec_segment_new(uint32_t first, uint32_t n);
void vec_segment_free(struct segment *segment); /* one that no view lists */
bool vec_segment_live(const struct segment *segment, uint32_t i);
struct view *vec_view_take(struct vec_index *index);
void vec_view_release(struct vec_index *index, struct view *view);
/* Replace segments [begin, end) of the newest view by one; append_lock is held. */
void vec_view_publish(struct vec_index *index, size_t begin, size_t end, struct segment *segment);
uint32_t vec_view_rows(const struct view *view);
/* An index of no rows, not yet in any folder. */
LH_CHECKED enum lh_code vec_index_new(struct os *os, const char *folder, const struct vec_index_config *config,
                                      struct vec_index **ret_index, struct lh_err *err);

/* index_grow.c: whether a merge of so many rows is to make a graph. */
bool vec_index_wants_graph(const struct vec_index *index, size_t rows);

/* index_file.c; files_lock is held, but for vec_index_claim: the folder, made where it is missing; LH_EXISTS where it holds an
 * index already. */
LH_CHECKED enum lh_code vec_index_claim(struct os *os, const char *folder, struct lh_err *err);
LH_CHECKED enum lh_code vec_index_save_view(struct vec_index *index, const struct view *view, struct lh_err *err);
char *vec_index_path(const struct vec_index *index, uint64_t number);
/* The segment that a file holds.  LH_CORRUPT where it has another shape. */
LH_CHECKED enum lh_code vec_segment_open(const struct vec_index *index, uint64_t number, uint32_t first, uint32_t n,
                                         bool graph, struct segment **ret_segment, struct lh_err *err);

#endif
