/* The graph's memory and locks, shared by the hnsw_*.c files.
 *
 * Memory, for n = 100,000 rows of d = 768 and m = 16:
 *     nodes    n * stride            44.8 MB   4-bit code + floats (vector/graph_code.h), one contiguous read a distance
 *     links    n * 2m * 4            12.8 MB   level 0: two cache lines a node, unused places hold VEC_NO_ID at the end
 *     upper    ~ n/15 * m * 4         0.4 MB   levels above 0: node.upper is the first of node.level lists of m ids
 *     live     n / 8                  a bit each: complete and not deleted
 *     twins    n * 4                  rows equal to others (hnsw_twins.c); not touched where there are none
 *     rows     borrowed, then own     the full vectors, read only to re-rank
 * Codes apart from links, because most nodes that are measured are never expanded.  Everything is reserved as address
 * space up to the capacity and touched as it fills, so nothing ever moves under a reader; huge pages are asked for, since
 * a walk is nothing but TLB misses otherwise.
 *
 * Rejected: neighbours' 1-bit codes beside each node, which makes a hop one read (SymphonyQG): 32 of them are 3 KB a node,
 * 300 MB here.  Renumbering nodes for locality: a node's lines are its own, so neighbours side by side save only TLB
 * misses, which the huge pages already took.
 *
 * Threads.  One writer per list at a time (its node's byte in `locks`), any number of readers, who take no lock:
 *  1. A list's places are read and written one by one as atomics.  A reader beside a writer may see some old and some
 *     new places: each is a node that was there before or after, and a walk asks no more than that.
 *  2. A node is complete before any link to it is stored and before its bit in `live` is set (release; readers acquire).
 *  3. A node's list on a level is written before any link to it on a level above is stored: who comes down through it finds
 *     the way on.
 *  4. Readers skip ids at or above the `count` that they read at their start, so that ids in a damaged file, and nodes
 *     newer than the reader's visited set, are out of its way by the same comparison.
 *  5. `entry` (level and id in one word) changes under `entry_lock` only.  An insert above the top level holds it to its
 *     end; they are few.
 *  6. No thread holds two node locks, so there is no order to get wrong.
 *  7. Nothing is freed before vec_hnsw_free: ids are not reused, so a reader cannot hold a node that became another. */
#ifndef LH_VECTOR_HNSW_INTERNAL_H
#define LH_VECTOR_HNSW_INTERNAL_H

#include "vector/graph_code.h"
#include "vector/guard.h"
#include "vector/hnsw.h"

#include <pthread.h>

#define VEC_HNSW_TOP_LEVEL 24u /* 16^24 nodes would be needed to use it */
#define VEC_HNSW_NO_ENTRY UINT64_MAX
#define VEC_HNSW_SHOWN 0x80000000u /* queue: this candidate was expanded; no id reaches so far (VEC_HNSW_MAX_ROWS) */

#define VEC_TWIN 0x80000000u /* twins: this row is no node */

#define VEC_HNSW_BATCH 4u /* lists whose ids a cursor's batch holds */

struct vec_file;

struct vec_hnsw {
    struct vec_graph_code code;
    uint32_t m, degree; /* degree = 2m */
    bool coarse;        /* codes do not tell near rows apart (hnsw_measure.c), */
    bool exact;         /* so walks measure full rows; not where they are not at hand */
    uint32_t ef_construction;
    uint64_t seed;
    uint32_t capacity;
    double level_scale; /* 1 / ln m */

    uint8_t *nodes;
    uint32_t *links;
    uint32_t *upper; /* lists of m */
    uint32_t *live;  /* bits */
    uint32_t *twins; /* hnsw_twins.c; NULL: a mapped graph that has none */
    uint8_t *locks;
    uint32_t upper_capacity; /* lists */

    uint32_t count;       /* atomic: ids given out */
    uint32_t upper_count; /* atomic: lists given out */
    uint32_t dead_count;  /* atomic */
    uint32_t twin_count;  /* atomic */
    uint64_t entry;       /* atomic: level << 32 | id, or VEC_HNSW_NO_ENTRY */
    pthread_mutex_t entry_lock;

    const float *borrowed; /* rows [0, borrowed_count); NULL where only the codes are at hand */
    uint32_t borrowed_count;
    float *own; /* rows from borrowed_count on */

    struct vec_file *file; /* nodes, links, upper, live and perhaps rows lie in this map, read-only; NULL: in memory */
    bool mapped;
    struct vec_guard *node_guard, *link_guard; /* of a mapped graph */
};

struct vec_hnsw_cursor {
    struct vec_hnsw *graph;
    struct vec_probe probe; /* of the query or of the row being inserted */
    struct vec_probe pair;  /* of a node, for selection */

    struct vec_hit *queue; /* nearest first */
    uint32_t queue_capacity, queue_used;
    uint64_t *visited;
    uint32_t visited_words;
    uint32_t limit; /* ids at or above are not looked at */
    uint32_t skip;  /* nor is this one (VEC_NO_ID: none): a row that stands in for a query never seen */

    uint32_t *batch; /* a list's unvisited ids and their distances */
    float *batch_dist;
    struct vec_hit *fresh; /* those that come into the queue, and where */
    uint32_t *places;
    struct vec_hit *candidates; /* selection's input; a search's, and a scan's matches */
    bool nodes;                 /* a search's candidates are nodes, each of which stands for its twins too */
    float *candidate_dist;
    struct vec_hit *chosen; /* `degree` of them: a repair's links */
    struct vec_hit *links;  /* an insert's links, m a level */
    uint32_t link_counts[VEC_HNSW_TOP_LEVEL + 1];
    float *scratch; /* of vec_graph_encode */

    struct vec_hnsw_effort effort;
};

static inline uint32_t vec_entry_id(uint64_t entry) {
    return (uint32_t)entry;
}

static inline uint32_t vec_entry_level(uint64_t entry) {
    return (uint32_t)(entry >> 32);
}

static inline uint8_t *vec_hnsw_node(const struct vec_hnsw *graph, uint32_t id) {
    return graph->nodes + (size_t)id * graph->code.stride;
}

static inline struct vec_node_tail *vec_hnsw_tail(const struct vec_hnsw *graph, uint32_t id) {
    return vec_node_tail(&graph->code, vec_hnsw_node(graph, id));
}

/* A node's list on a level and how many places it has; NULL where the node does not reach so high. */
static inline uint32_t *vec_hnsw_list(const struct vec_hnsw *graph, uint32_t id, uint32_t level, uint32_t *ret_places) {
    if (level == 0) {
        *ret_places = graph->degree;
        return graph->links + (size_t)id * graph->degree;
    }
    const struct vec_node_tail *tail = vec_hnsw_tail(graph, id);
    uint64_t list = (uint64_t)tail->upper + level - 1;
    if (level > tail->level || list >= graph->upper_capacity)
        return NULL;
    *ret_places = graph->m;
    return graph->upper + list * graph->m;
}

static inline bool vec_hnsw_has_rows(const struct vec_hnsw *graph) {
    return graph->borrowed || graph->borrowed_count == 0;
}

/* The row of an id that was given out; vec_hnsw_has_rows. */
static inline const float *vec_hnsw_row_of(const struct vec_hnsw *graph, uint32_t id) {
    size_t d = graph->code.d;
    return id < graph->borrowed_count ? graph->borrowed + id * d : graph->own + (id - graph->borrowed_count) * d;
}

static inline uint32_t vec_link_load(const uint32_t *place) {
    return __atomic_load_n(place, __ATOMIC_ACQUIRE);
}

static inline void vec_link_store(uint32_t *place, uint32_t id) {
    __atomic_store_n(place, id, __ATOMIC_RELEASE);
}

static inline bool vec_hnsw_is_live(const struct vec_hnsw *graph, uint32_t id) {
    return (__atomic_load_n(&graph->live[id / 32], __ATOMIC_ACQUIRE) >> (id % 32)) & 1;
}

/* hnsw_twins.c: the rows that a node stands for beside its own, oldest first. */
struct vec_twins {
    const struct vec_hnsw *graph;
    uint32_t next, newest, left;
    bool broken; /* a damaged ring: it left the graph, or did not end */
};

static inline struct vec_twins vec_twins_of(const struct vec_hnsw *graph, uint32_t node) {
    struct vec_twins twins = {.graph = graph, .next = VEC_NO_ID, .left = graph->capacity};
    uint32_t newest = graph->twins ? vec_link_load(&graph->twins[node]) : 0;
    if (newest == 0 || newest > graph->capacity)
        return twins;
    twins.newest = newest - 1;
    twins.next = vec_link_load(&graph->twins[newest - 1]) & ~VEC_TWIN;
    return twins;
}

/* VEC_NO_ID: no more. */
static inline uint32_t vec_twins_next(struct vec_twins *twins) {
    uint32_t id = twins->next;
    if (id == VEC_NO_ID)
        return id;
    if (id >= twins->graph->capacity || twins->left-- == 0) {
        twins->broken = true;
        return VEC_NO_ID;
    }
    twins->next = id == twins->newest ? VEC_NO_ID : vec_link_load(&twins->graph->twins[id]) & ~VEC_TWIN;
    return id;
}

static inline bool vec_hnsw_is_twin(const struct vec_hnsw *graph, uint32_t id) {
    return graph->twins && (vec_link_load(&graph->twins[id]) & VEC_TWIN);
}

/* Of the nodes in the cursor's queue the one whose row equals that of `id`, VEC_NO_ID where there is none. */
uint32_t vec_twin_node(const struct vec_hnsw_cursor *cursor, uint32_t id);
void vec_twin_append(struct vec_hnsw *graph, uint32_t node, uint32_t id);
/* Whether a live row is found at the node: its own or a twin's. */
bool vec_hnsw_stands(const struct vec_hnsw *graph, uint32_t id);
/* Every twin in one ring; marks them in seen[count], which begins as zeroes. */
LH_CHECKED enum lh_code vec_hnsw_check_twins(const struct vec_hnsw *graph, uint8_t *seen, struct lh_err *err);

void vec_hnsw_lock(struct vec_hnsw *graph, uint32_t id);
void vec_hnsw_unlock(struct vec_hnsw *graph, uint32_t id);

/* An empty graph over `code`, which is its own on success; without memory for nodes where not `writable`. */
LH_CHECKED enum lh_code vec_hnsw_new(const struct vec_hnsw_config *config, const struct vec_graph_code *code,
                                     const struct vec_rows *rows, bool writable, struct vec_hnsw **ret_graph,
                                     struct lh_err *err);

/* hnsw_measure.c: what walks and selection go by.  Set a probe to a query or a node, then measure n nodes from it. */
void vec_hnsw_probe_query(const struct vec_hnsw *graph, struct vec_probe *probe, const float *query);
void vec_hnsw_probe_node(const struct vec_hnsw *graph, struct vec_probe *probe, uint32_t id);
void vec_hnsw_measure(const struct vec_hnsw *graph, const struct vec_probe *probe, const uint32_t *ids, size_t n,
                      float *ret_dist);
/* Whether codes are too coarse for these rows. */
bool vec_hnsw_needs_rows(const struct vec_graph_code *code, const struct vec_rows *rows);

/* hnsw_walk.c: fill cursor->queue, nearest first, from cursor->probe. */
void vec_walk_start(struct vec_hnsw_cursor *cursor, uint32_t ef);
/* Put ids into the queue as starting points. */
void vec_walk_enter(struct vec_hnsw_cursor *cursor, const uint32_t *ids, size_t n);
/* Expand until `ef` candidates are expanded or none is left, on one level.  patience, k: see vec_hnsw_search. */
void vec_walk(struct vec_hnsw_cursor *cursor, uint32_t level, uint32_t ef, uint32_t patience, uint32_t k);
/* From the entry down to `level` + 1, one nearest node a level; returns it, VEC_NO_ID in an empty graph. */
uint32_t vec_walk_descend(struct vec_hnsw_cursor *cursor, uint64_t entry, uint32_t level);

/* hnsw_insert.c: of cursor->candidates[0..n) (nodes other than `id`) keep at most `most` that lead in different
 * directions from `id`, at the front, nearest first; returns how many. */
size_t vec_hnsw_select(struct vec_hnsw_cursor *cursor, uint32_t id, size_t n, size_t most);
void vec_cursor_reserve(struct vec_hnsw_cursor *cursor, uint32_t candidates);
/* Write `n` ids into a list of `places` that its writer has locked. */
void vec_list_write(uint32_t *list, uint32_t places, const struct vec_hit *ids, size_t n);
void vec_hnsw_add(struct vec_hnsw_cursor *cursor, uint32_t id, const float *row);

/* hnsw_check.c: breadth-first from `from` over level 0 and ids below `count`, through deleted nodes too, as walks go: marks
 * who is reached in seen[count] and lists them in order[count]; returns how many are new. */
uint32_t vec_hnsw_flood(const struct vec_hnsw *graph, uint32_t count, uint8_t *seen, uint32_t *order, uint32_t from);

/* hnsw_repair.c: give every live node that no walk can reach a link from a near one that can; returns how many. */
size_t vec_hnsw_connect(struct vec_hnsw *graph);

/* Address space for `bytes` zeroes, given memory as it is touched, in huge pages where the kernel will; NULL without. */
void *vec_reserve(size_t bytes);
void vec_unreserve(void *address, size_t bytes);

/* Run fn(arg, cursor, first, last) over [0, n) in shares of `step`, each thread with its own cursor. */
typedef void vec_share_fn(void *arg, struct vec_hnsw_cursor *cursor, uint32_t first, uint32_t last);
void vec_hnsw_share(struct vec_hnsw *graph, unsigned threads, uint32_t n, uint32_t step, vec_share_fn *fn, void *arg);

#endif
