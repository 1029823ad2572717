/* A vector index that grows: rows are searchable as soon as they are appended, and merged into a graph later.
 *
 *     LH_TRY(vec_index_create(os, folder, &config, &rows, &index, &err));       // or vec_index_open
 *     struct vec_index_reader *reader = vec_index_reader_new(index);              // one a thread
 *     size_t found = vec_index_search(reader, query, &search, hits);              // hits[search.k]
 *     LH_TRY(vec_index_append(index, &more, &first_id, &err));                    // found from here on
 *     LH_TRY(vec_index_save(index, &err));                                        // durable from here on
 *     LH_TRY(vec_index_merge(index, &err));                                       // when vec_index_wants_merge
 *
 * Idea (the log-structured merge tree's: P. O'Neil et al., 1996).  An index is a list of segments, each a run of ids.
 * The first may be a graph (vector/hnsw.h); the others are flats (vector/flat.h), whose codes are made at 1 us a row, so
 * an append is one more flat.  Small neighbours are combined as they come, so that there are never more than a few.  A
 * search asks the graph first; then a flat has only to find what is nearer than the k-th so far, which is a scan of its
 * 1-bit codes and next to no full row.  A merge makes one segment of all, beside everything else that goes on.
 *
 * Ids.  Rows are numbered from 0 in the order of appending, for ever: a deleted row's id is not used again.  To renumber,
 * create a new index.
 *
 * Files (docs/formats/vector-file.md): `index.vec` in the folder names the segments' files and the deleted rows, and is
 * replaced atomically; a segment's file never changes and holds its rows, mapped.  One process writes; others may open the
 * folder meanwhile and keep what they opened.  After a crash the index is that of the last save or merge.
 *
 * Threads.  Every call may be made at any time from any thread, but a reader is one thread's.  Appends wait for one
 * another, so do saves and merges; searches, fetches and deletions wait for nobody. */
#ifndef LH_VECTOR_INDEX_H
#define LH_VECTOR_INDEX_H

#include "base/error.h"
#include "vector/metric.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct os;
struct vec_index;
struct vec_index_reader;

/* Below so many rows a flat answers within 1.5 times of a graph's time, and needs no build (bench/README.md). */
#define VEC_INDEX_FLAT_BELOW 10000u

enum vec_index_kind { VEC_INDEX_AUTO = 0, VEC_INDEX_FLAT = 1, VEC_INDEX_GRAPH = 2 }; /* AUTO: by VEC_INDEX_FLAT_BELOW */

struct vec_index_config {
    uint32_t d;
    enum vec_metric metric;
    enum vec_index_kind kind;    /* of what a build or merge makes */
    uint32_t m, ef_construction; /* of a graph; 0: the defaults of vector/hnsw.h */
    uint64_t seed;
    unsigned threads; /* for building, merging and encoding; 0: one a processor */
};

struct vec_index_search {
    uint32_t k;
    uint32_t ef, patience;  /* of a graph, as in struct vec_hnsw_search; 0: the defaults */
    float epsilon;          /* width of a flat's error bound in deviations; 0: 2.4, 1.9 beside a graph */
    const uint64_t *bitmap; /* bit id % 64 of word id / 64: rows that may be returned; NULL: all */
    size_t bitmap_ids;      /* ids at or above this are refused by the bitmap */
};

struct vec_index_stats {
    uint32_t rows, deleted;         /* ids given out; of these, deleted */
    uint32_t graph_rows, flat_rows; /* rows of segments of each kind, deleted ones included */
    uint32_t segments, unsaved_rows;
    uint64_t index_bytes; /* codes, links and whatever else is beside the full vectors */
};

/* Build an index of `rows` (n may be 0) in a folder, which is made where it is missing, and save it.  LH_EXISTS where the
 * folder holds one already; LH_INVALID for settings that cannot be, whether these rows need them or not; LH_DATA for a row that
 * is not finite or too long; LH_NO_MEMORY, LH_IO, LH_NO_SPACE. */
LH_CHECKED enum lh_code vec_index_create(struct os *os, const char *folder, const struct vec_index_config *config,
                                         const struct vec_rows *rows, struct vec_index **ret_index, struct lh_err *err);
/* LH_NOT_FOUND; LH_CORRUPT, LH_UNSUPPORTED as in vector/file.h.  Graphs and rows are mapped, not read. */
LH_CHECKED enum lh_code vec_index_open(struct os *os, const char *folder, unsigned threads,
                                       struct vec_index **ret_index, struct lh_err *err);
/* Readers go first.  What was not saved is lost. */
void vec_index_close(struct vec_index *index);

/* Copy the rows in; every search that begins after the return finds them.  They get the ids from *ret_first on, in order.
 * Durable after the next save.  LH_DATA, LH_INVALID, LH_LIMIT, LH_NO_MEMORY. */
LH_CHECKED enum lh_code vec_index_append(struct vec_index *index, const struct vec_rows *rows, uint32_t *ret_first,
                                         struct lh_err *err);
/* No search that begins after the return finds the row.  Durable after the next save.  LH_NOT_FOUND. */
LH_CHECKED enum lh_code vec_index_delete(struct vec_index *index, uint32_t id, struct lh_err *err);

/* Write what is new: appended rows as segment files of their own, then index.vec.  Everything that returned before the call
 * is durable after it. */
LH_CHECKED enum lh_code vec_index_save(struct vec_index *index, struct lh_err *err);
/* Make one segment of all rows there are now and save: a graph is extended and repaired, small ones become a flat.  Takes
 * long (some 50 us a row and thread for a graph) while everything else goes on. */
LH_CHECKED enum lh_code vec_index_merge(struct vec_index *index, struct lh_err *err);
/* Whether searches would gain enough: many rows outside the graph, or many deleted. */
bool vec_index_wants_merge(struct vec_index *index);

/* Finds on the index's own rows the cheapest search that reaches a mean recall of `target` at k (vector/hnsw.h,
 * vector/scan_tune.h).  Looks at the first segment, where most rows are.  *ret_recall: what was measured. */
LH_CHECKED enum lh_code vec_index_tune(struct vec_index *index, uint32_t k, double target,
                                       struct vec_index_search *ret_search, double *ret_recall, struct lh_err *err);

/* A segment, by its number from 0 on; false past the last.  Counts its deleted rows one by one. */
struct vec_index_segment {
    uint32_t first, rows, deleted;
    bool graph;           /* else a flat */
    uint64_t file;        /* its number; 0: not saved yet */
    uint64_t index_bytes; /* beside the full vectors */
};
bool vec_index_segment(struct vec_index *index, size_t i, struct vec_index_segment *ret_segment);
/* The validator: of graphs every rule of vec_hnsw_check.  With `verify` also the checksums of all saved segments and
 * vec_flat_check, which reads everything.  *ret_graph (may be NULL): of the graph; all zero where there is none.
 * LH_CORRUPT naming the segment and what is wrong with it.  Must not run beside a merge. */
struct vec_hnsw_report;
LH_CHECKED enum lh_code vec_index_check(struct vec_index *index, bool verify, struct vec_hnsw_report *ret_graph,
                                        struct lh_err *err);

void vec_index_stats(struct vec_index *index, struct vec_index_stats *ret_stats);
void vec_index_config(const struct vec_index *index, struct vec_index_config *ret_config);

struct vec_index_reader *vec_index_reader_new(struct vec_index *index);
void vec_index_reader_free(struct vec_index_reader *reader);
/* The k nearest rows, nearest first, ties by id, with exact distances.  Returns how many.  `query`: d floats; one that is not
 * finite or too long finds nothing. */
size_t vec_index_search(struct vec_index_reader *reader, const float *query, const struct vec_index_search *search,
                        struct vec_hit *ret_hits);
/* A row by its id, d floats, valid until the reader's next call; NULL where there is none or it was deleted. */
const float *vec_index_row(struct vec_index_reader *reader, uint32_t id);

#ifdef __cplusplus
}
#endif

#endif
