/* HNSW: a navigable small-world graph for approximate nearest neighbours, walked on 4-bit codes.
 *
 *     LH_TRY(vec_hnsw_build(&config, &rows, threads, &graph, &err));
 *     struct vec_hnsw_cursor *cursor = vec_hnsw_cursor_new(graph);              // one a thread
 *     size_t found = vec_hnsw_search(cursor, query, &search, hits);             // hits[search.k]
 *
 * Source.  Y. Malkov, D. Yashunin, "Efficient and robust approximate nearest neighbor search using Hierarchical
 * Navigable Small World graphs", TPAMI 2020.  What differs from the paper, and why, is told at the top of
 * vector/hnsw_internal.h (memory, threads), hnsw_walk.c (search), hnsw_insert.c (construction) and hnsw_repair.c
 * (deletion, after FreshDiskANN: A. Singh et al., 2021).
 *
 * Rows.  The graph borrows the rows it was built on (they may be a memory map); rows inserted later are copied into its
 * own store.  A row's number is its id, for ever: ids are not used again after a deletion.  An update is an insert and a
 * delete in one step, so the row gets a new id.
 *
 * Equal rows share one node (hnsw_twins.c), so that copies cost an answer nothing: ef and patience count distinct vectors.
 *
 * Data that the codes are too coarse for is found out when a graph is built; its walks measure full rows, which takes several
 * times as long, and asks for the rows to be in memory.
 *
 * Threads.  Any number of threads may search, insert and delete at the same time, each with its own cursor.  Checking,
 * tuning and saving must not run beside inserts and deletions.  No call blocks on I/O but for page
 * faults in mapped rows.  The order of two threads' inserts is not determined, so a graph is a function of seed and input
 * only when built on one thread. */
#ifndef LH_VECTOR_HNSW_H
#define LH_VECTOR_HNSW_H

#include "base/error.h"
#include "vector/cancel.h"
#include "vector/metric.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vec_hnsw;
struct vec_hnsw_cursor;

#define VEC_HNSW_MAX_M 64u
#define VEC_HNSW_MAX_EF 65536u
#define VEC_HNSW_MAX_ROWS 0x7fffffffu

struct vec_hnsw_config {
    uint32_t d;
    enum vec_metric metric;
    uint32_t m;               /* links a node asks for; it holds 2m on level 0, m above.  2..64, 0: 16 */
    uint32_t ef_construction; /* window of the search before an insert.  0: 100 */
    uint64_t seed;            /* of the levels, of the codes' rotation, of the order of inserts */
    uint32_t capacity; /* ids that it can ever give out (address space, not memory); 0: twice the rows + 1 million */
    const struct vec_cancel *cancel; /* of a build; NULL: it runs to its end.  No setting: nothing keeps it */
};

/* Which ids may be returned.  Every given condition must hold. */
struct vec_filter {
    const uint64_t *bitmap;                /* bit i % 64 of word i / 64; NULL: no condition */
    size_t bitmap_ids;                     /* ids at or above this are refused */
    bool (*allow)(void *arg, uint32_t id); /* NULL: no condition; called from the searching thread */
    void *arg;
};

struct vec_hnsw_search {
    uint32_t k;
    uint32_t ef;       /* window of the walk; at least k is used.  0: 64 */
    uint32_t patience; /* stop after so many steps that left the k nearest unchanged; 0: only when the window is done */
    uint32_t rerank;   /* at most so many rows are read in full; 0: as many as the error bound asks for.  UINT32_MAX:
                          none, distances are estimates */
    bool on_disk; /* the full rows are a map whose pages are mostly not in memory: ask for many before reading one */
    const struct vec_filter *filter; /* NULL: every live row */
};

/* What a search did; a cursor keeps that of its last call. */
struct vec_hnsw_effort {
    uint32_t hops, estimates, reranked;
    bool scanned; /* the filter's matches were few, and read one by one */
};

struct vec_hnsw_stats {
    uint32_t rows, deleted; /* ids given out; of these, deleted */
    uint32_t twins;         /* rows equal to one inserted before, which share its node */
    uint32_t m, ef_construction, max_level;
    bool coarse;          /* codes do not tell near rows of this data apart: walks read full rows (hnsw_measure.c) */
    bool damaged;         /* a search met a damaged page of the file: all measure every row since then */
    uint64_t links;       /* on level 0 */
    uint64_t graph_bytes; /* codes and links: what must be in memory beside the full rows */
    uint64_t row_bytes;
};

/* LH_INVALID naming the setting that cannot be; every call that takes one asks it first. */
LH_CHECKED enum lh_code vec_hnsw_check_config(const struct vec_hnsw_config *config, struct lh_err *err);
/* Build over rows [0, rows->n), on `threads` threads (0: one a processor).  config->d must be rows->d.
 * LH_INVALID, LH_NO_MEMORY; LH_DATA for a row that is not finite or too long; LH_CANCELLED. */
LH_CHECKED enum lh_code vec_hnsw_build(const struct vec_hnsw_config *config, const struct vec_rows *rows,
                                       unsigned threads, struct vec_hnsw **ret_graph, struct lh_err *err);
void vec_hnsw_free(struct vec_hnsw *graph);

struct vec_hnsw_cursor *vec_hnsw_cursor_new(struct vec_hnsw *graph);
void vec_hnsw_cursor_free(struct vec_hnsw_cursor *cursor);

/* Nearest first, ties by id.  Returns how many were found (fewer than k only where fewer rows are allowed, or where the
 * window was too narrow for the filter).  `query` is d floats; one that is not finite or too long finds nothing.  Distances are exact unless rerank says not. */
size_t vec_hnsw_search(struct vec_hnsw_cursor *cursor, const float *query, const struct vec_hnsw_search *search,
                       struct vec_hit *ret_hits);
/* Every row found with distance <= radius, nearest first, at most `max`: the walk goes on while it meets such rows. */
size_t vec_hnsw_search_range(struct vec_hnsw_cursor *cursor, const float *query, float radius,
                             const struct vec_hnsw_search *search, struct vec_hit *ret_hits, size_t max);
/* queries->n searches on `threads` threads (0: one a processor).  Query i's hits are at ret_hits + i * search->k, and
 * ret_found[i] of them are set.  LH_INVALID; LH_DATA for a query that is not finite or too long. */
LH_CHECKED enum lh_code vec_hnsw_search_batch(struct vec_hnsw *graph, const struct vec_rows *queries, unsigned threads,
                                              const struct vec_hnsw_search *search, struct vec_hit *ret_hits,
                                              size_t *ret_found, struct lh_err *err);
void vec_hnsw_effort(const struct vec_hnsw_cursor *cursor, struct vec_hnsw_effort *ret_effort);

/* LH_LIMIT when the capacity is used up; LH_DATA where the vector is not finite or too long; LH_UNSUPPORTED on a mapped file. */
LH_CHECKED enum lh_code vec_hnsw_insert(struct vec_hnsw_cursor *cursor, const float *vector, uint32_t *ret_id,
                                        struct lh_err *err);
/* Insert all of `rows` on `threads` threads (0: one a processor); they get the next ids in their order.
 * LH_DATA as above, with the row's number among these; LH_LIMIT, LH_INVALID, LH_UNSUPPORTED. */
LH_CHECKED enum lh_code vec_hnsw_extend(struct vec_hnsw *graph, const struct vec_rows *rows, unsigned threads,
                                        struct lh_err *err);
/* As insert, then deletes `old_id`: a search meanwhile finds one of the two, or both, never neither. */
LH_CHECKED enum lh_code vec_hnsw_update(struct vec_hnsw_cursor *cursor, uint32_t old_id, const float *vector,
                                        uint32_t *ret_id, struct lh_err *err);
/* From now on no search returns the id; walks still pass through it until the next repair.  LH_NOT_FOUND where there is
 * no such live row. */
LH_CHECKED enum lh_code vec_hnsw_delete(struct vec_hnsw *graph, uint32_t id, struct lh_err *err);
/* Take deleted nodes out of every list and link around them; worth it from about one deleted row in five.  Searches and
 * inserts may go on.  Returns the nodes whose lists changed. */
size_t vec_hnsw_repair(struct vec_hnsw *graph, unsigned threads);

void vec_hnsw_stats(const struct vec_hnsw *graph, struct vec_hnsw_stats *ret_stats);
/* What it was made with; `capacity` is what it can hold. */
void vec_hnsw_config(const struct vec_hnsw *graph, struct vec_hnsw_config *ret_config);
uint32_t vec_hnsw_count(const struct vec_hnsw *graph);  /* ids given out */
bool vec_hnsw_holds_rows(const struct vec_hnsw *graph); /* false: opened without them, distances are estimates */
bool vec_hnsw_live(const struct vec_hnsw *graph, uint32_t id);
/* The full row, d floats; NULL where there is no such row or the rows are not at hand. */
const float *vec_hnsw_row(const struct vec_hnsw *graph, uint32_t id);

/* Files (docs/formats/vector-file.md).  With `with_rows` the file holds the full vectors too and stands alone; without,
 * whoever opens it brings them or does with estimates.  LH_IO, LH_NO_SPACE. */
struct os;
struct vec_file;
LH_CHECKED enum lh_code vec_hnsw_save(const struct vec_hnsw *graph, struct os *os, const char *path, bool with_rows,
                                      struct lh_err *err);

struct vec_hnsw_open {
    const float *rows; /* borrowed; NULL: those in the file, if it has them */
    bool writable;     /* copy codes and links to memory, after checking all of the file, so that inserts can go on */
    uint32_t capacity; /* as in vec_hnsw_config, for a writable one */
};

/* Maps the file, and reads next to nothing of links, codes and rows.  LH_CORRUPT where it is no graph or is damaged.  Damage in
 * links and codes is met later: searches then measure every row, or find nothing where the rows are not at hand
 * (vec_hnsw_stats.damaged). */
LH_CHECKED enum lh_code vec_hnsw_open(struct os *os, const char *path, const struct vec_hnsw_open *how,
                                      struct vec_hnsw **ret_graph, struct lh_err *err);
/* The same from a file at hand, which becomes the graph's on success. */
LH_CHECKED enum lh_code vec_hnsw_open_file(struct vec_file *file, const struct vec_hnsw_open *how,
                                           struct vec_hnsw **ret_graph, struct lh_err *err);

/* The validator: what must hold of every graph, and figures of what makes a good one. */
struct vec_hnsw_report {
    uint64_t live, reachable; /* live rows, and those whose node a walk from the entry can reach on level 0 */
    uint64_t twins;           /* rows that share the node of an equal one; what follows is of nodes */
    uint64_t links, mutual;   /* links between live nodes on level 0, and those that are answered */
    uint64_t isolated;        /* live nodes with no link out */
    uint32_t degree_min, degree_max, in_degree_min, in_degree_max;
    double degree_mean;
    uint64_t levels[32]; /* nodes whose top level is i */
};

/* LH_CORRUPT naming the first broken rule: a link out of range, to itself, twice, to a level that its end lacks; an
 * entry that is not on the top level; a float that is not finite. */
LH_CHECKED enum lh_code vec_hnsw_check(const struct vec_hnsw *graph, struct vec_hnsw_report *ret_report,
                                       struct lh_err *err);
/* Reads every full row, where they are at hand: LH_CORRUPT naming the first whose length is not what its node says. */
LH_CHECKED enum lh_code vec_hnsw_check_rows(const struct vec_hnsw *graph, struct lh_err *err);

/* Target recall.  Takes up to 256 of the graph's own distinct vectors as held-out queries (or `queries`), finds their exact
 * neighbours, and returns the cheapest search (ef, patience) whose mean recall at k reaches `target` (0..1) on them.  All
 * rows equal to a held-out one are held out with it; what is found counts by its distance (vector/recall.h). */
struct vec_hnsw_tuning {
    struct vec_hnsw_search search;
    double recall;    /* measured */
    double estimates; /* distances a query, mean */
    uint32_t queries;
    bool reached; /* false: the widest window tried fell short */
};
LH_CHECKED enum lh_code vec_hnsw_tune(struct vec_hnsw *graph, const struct vec_rows *queries, uint32_t k, double target,
                                      unsigned threads, struct vec_hnsw_tuning *ret_tuning, struct lh_err *err);
/* What a search's mean recall is likely to be, measured in the same way on 64 of the graph's own vectors: 0.1 s and less for
 * 100,000 x 768, to be told after a build.  LH_INVALID for a k that is 0 or above 2,048, or without the rows. */
LH_CHECKED enum lh_code vec_hnsw_expect(struct vec_hnsw *graph, const struct vec_hnsw_search *search, unsigned threads,
                                        double *ret_recall, struct lh_err *err);

#ifdef __cplusplus
}
#endif

#endif
