/* Construction: inserts, the choice of links, and building on several threads.
 *
 * A row equal to one that is there becomes its twin and no node (hnsw_twins.c).
 *
 * Insert (the paper's algorithm 1).  A node's top level is drawn from a hash of seed and id, so it is the same whatever
 * the order of threads.  From the entry walk down to that level, then on each level: walk with a window of
 * ef_construction and select m of what was found.  Then, from level 0 up, link and answer each link; an answered list that
 * is full is selected anew from its old links and the new one.  The order matters beside other threads: a walk that comes
 * down to a node from above begins there with the node's list below, and were that still empty, everything inserted near
 * it meanwhile would link to it and to each other alone (measured with a thread held up by others at such a moment: a
 * hundred rows that no walk finds but by luck, and recall 0.999 at five times the window).
 *
 * Many rows at once go in shuffled, by the seed; ids are those of their places all the same.  In the order of a time or a
 * path each row would find only those just before it, be selected out of their lists by those just after, and stay behind
 * where no walk leads (measured, 4,000 rows along a line, in its order: 190 of 300 do not find themselves at ef 64, 105 at
 * ef 1000; shuffled 37 and 5).
 *
 * Selection (the paper's algorithm 4, without its extensions).  Candidates from near to far; one is kept when it is nearer
 * to the node than to every one kept before.  So links lead in different directions, and a cluster is not a trap.  The loop
 * is turned inside out: whoever is kept strikes out the candidates nearer to it than they are to the node, in one batch of
 * distances, so that a code is unpacked once for each node kept and not once for each pair.  Ties are broken by a hash of
 * the pair: among many equal rows, order by id would leave the last ones with no link to them.
 *
 * Not taken: the paper's filling-up with struck-out candidates (measured: more links, slower walks, no recall at the same
 * time). */
#include "vector/hnsw_internal.h"

#include "base/alloc.h"
#include "base/cleanup.h"
#include "vector/random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static uint64_t mix(uint64_t x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static uint32_t level_of(const struct vec_hnsw *graph, uint32_t id) {
    double unit = ((double)(mix(graph->seed + (id + 1) * 0x9e3779b97f4a7c15u) >> 11) + 0.5) * 0x1.0p-53;
    double level = -log(unit) * graph->level_scale;
    return level < VEC_HNSW_TOP_LEVEL ? (uint32_t)level : VEC_HNSW_TOP_LEVEL;
}

struct tie {
    uint32_t id;
};

static int by_distance(const void *left, const void *right, void *arg) {
    const struct vec_hit *a = left;
    const struct vec_hit *b = right;
    const struct tie *tie = arg;
    if (a->dist != b->dist)
        return a->dist < b->dist ? -1 : 1;
    uint64_t key_a = mix(((uint64_t)tie->id << 32) | a->id);
    uint64_t key_b = mix(((uint64_t)tie->id << 32) | b->id);
    return key_a < key_b ? -1 : key_a > key_b;
}

/* cursor->candidates[0..n): measure all from cursor->pair, in batches. */
static void measure_pair(struct vec_hnsw_cursor *cursor, struct vec_hit *hits, size_t n, float *ret_dist) {
    const struct vec_hnsw *graph = cursor->graph;
    for (size_t at = 0; at < n; at += graph->degree) {
        size_t share = n - at < graph->degree ? n - at : graph->degree;
        for (size_t i = 0; i < share; i++)
            cursor->batch[i] = hits[at + i].id;
        vec_hnsw_measure(graph, &cursor->pair, cursor->batch, share, ret_dist + at);
    }
}

size_t vec_hnsw_select(struct vec_hnsw_cursor *cursor, uint32_t id, size_t n, size_t most) {
    const struct vec_hnsw *graph = cursor->graph;
    struct vec_hit *hits = cursor->candidates;
    float *dist = cursor->candidate_dist;
    vec_hnsw_probe_node(graph, &cursor->pair, id);
    measure_pair(cursor, hits, n, dist);
    for (size_t i = 0; i < n; i++)
        hits[i].dist = dist[i];
    struct tie tie = {.id = id};
    qsort_r(hits, n, sizeof *hits, by_distance, &tie);

    size_t kept = 0;
    while (kept < n && kept < most) {
        struct vec_hit *chosen = &hits[kept++];
        if (kept == n || kept == most)
            break;
        vec_hnsw_probe_node(graph, &cursor->pair, chosen->id);
        measure_pair(cursor, hits + kept, n - kept, dist);
        size_t left = kept;
        for (size_t i = kept; i < n; i++)
            if (!(dist[i - kept] < hits[i].dist))
                hits[left++] = hits[i];
        n = left;
    }
    return kept;
}

void vec_list_write(uint32_t *list, uint32_t places, const struct vec_hit *ids, size_t n) {
    for (uint32_t i = 0; i < places; i++) {
        uint32_t id = i < n ? ids[i].id : VEC_NO_ID;
        if (vec_link_load(&list[i]) != id)
            vec_link_store(&list[i], id);
    }
}

/* Let `from` link to `to` on a level. */
static void answer(struct vec_hnsw_cursor *cursor, uint32_t from, uint32_t to, uint32_t level) {
    struct vec_hnsw *graph = cursor->graph;
    uint32_t places = 0;
    uint32_t *list = vec_hnsw_list(graph, from, level, &places);
    if (!list)
        return;
    vec_hnsw_lock(graph, from);
    uint32_t used = 0;
    bool there = false;
    for (; used < places; used++) {
        uint32_t other = vec_link_load(&list[used]);
        if (other == VEC_NO_ID)
            break;
        there |= other == to;
        cursor->candidates[used].id = other;
    }
    if (there) {
        /* linked by an insert on another thread */
    } else if (used < places) {
        vec_link_store(&list[used], to);
    } else {
        cursor->candidates[used].id = to;
        size_t kept = vec_hnsw_select(cursor, from, used + 1, places);
        vec_list_write(list, places, cursor->candidates, kept);
    }
    vec_hnsw_unlock(graph, from);
}

/* Of what the walk left in the queue, the links of `id` on a level: to the cursor, nothing is written yet. */
static void choose_links(struct vec_hnsw_cursor *cursor, uint32_t id, uint32_t level) {
    uint32_t m = cursor->graph->m;
    size_t n = 0;
    for (uint32_t i = 0; i < cursor->queue_used; i++)
        if (cursor->queue[i].id != id)
            cursor->candidates[n++] = cursor->queue[i];
    size_t kept = vec_hnsw_select(cursor, id, n, m);
    memcpy(cursor->links + (size_t)level * m, cursor->candidates, kept * sizeof *cursor->links);
    cursor->link_counts[level] = (uint32_t)kept;
}

/* Write the chosen links of a level, then answer them. */
static void link_level(struct vec_hnsw_cursor *cursor, uint32_t id, uint32_t level) {
    struct vec_hnsw *graph = cursor->graph;
    const struct vec_hit *links = cursor->links + (size_t)level * graph->m;
    uint32_t n = cursor->link_counts[level];
    uint32_t places = 0;
    uint32_t *list = vec_hnsw_list(graph, id, level, &places);
    vec_hnsw_lock(graph, id);
    uint32_t used = 0; /* a node of another thread may have linked here already */
    while (used < places && vec_link_load(&list[used]) != VEC_NO_ID)
        used++;
    for (size_t i = 0; i < n && used < places; i++) {
        bool there = false;
        for (uint32_t j = 0; j < used; j++)
            there |= vec_link_load(&list[j]) == links[i].id;
        if (!there)
            vec_link_store(&list[used++], links[i].id);
    }
    vec_hnsw_unlock(graph, id);
    for (size_t i = 0; i < n; i++)
        answer(cursor, links[i].id, id, level);
}

/* The code and an empty list; no level above 0 yet. */
static void prepare_node(struct vec_hnsw_cursor *cursor, uint32_t id, const float *row) {
    struct vec_hnsw *graph = cursor->graph;
    struct vec_node_tail *tail = vec_hnsw_tail(graph, id);
    vec_graph_encode(&graph->code, row, cursor->scratch, vec_hnsw_node(graph, id));
    tail->upper = 0;
    tail->level = 0;
    for (uint32_t i = 0; i < graph->degree; i++)
        vec_link_store(&graph->links[(size_t)id * graph->degree + i], VEC_NO_ID);
}

/* Empty lists for the levels above 0. */
static void take_lists(struct vec_hnsw *graph, uint32_t id, uint32_t level) {
    if (level == 0)
        return;
    struct vec_node_tail *tail = vec_hnsw_tail(graph, id);
    uint32_t upper = __atomic_fetch_add(&graph->upper_count, level, __ATOMIC_RELAXED);
    if ((uint64_t)upper + level > graph->upper_capacity) /* cannot be, but by a seed made for it */
        return;
    tail->upper = upper;
    tail->level = level;
    for (size_t i = 0; i < (size_t)level * graph->m; i++)
        vec_link_store(&graph->upper[(size_t)upper * graph->m + i], VEC_NO_ID);
}

/* From the entry down to level 0, choosing links on the levels that the node is on; level 0 stays in the queue. */
static void walk_down(struct vec_hnsw_cursor *cursor, uint32_t id, const float *row, uint64_t entry, uint32_t top) {
    struct vec_hnsw *graph = cursor->graph;
    uint32_t ef = graph->ef_construction;
    vec_hnsw_probe_query(graph, &cursor->probe, row);
    vec_walk_start(cursor, ef);
    uint32_t nearest = vec_walk_descend(cursor, entry, top);
    for (uint32_t at = top + 1; at-- > 0;) {
        vec_walk_start(cursor, ef);
        vec_walk_enter(cursor, &nearest, 1);
        vec_walk(cursor, at, ef, 0, 0);
        if (cursor->queue_used)
            nearest = cursor->queue[0].id;
        if (at > 0)
            choose_links(cursor, id, at);
    }
}

/* Make `id` a node with links, or the twin of one. */
static void place(struct vec_hnsw_cursor *cursor, uint32_t id, const float *row, uint64_t entry, uint32_t level,
                  bool *ret_is_node) {
    struct vec_hnsw *graph = cursor->graph;
    uint32_t twin = VEC_NO_ID;
    *ret_is_node = true;
    if (entry == VEC_HNSW_NO_ENTRY) {
        take_lists(graph, id, level);
        return;
    }
    uint32_t top = level < vec_entry_level(entry) ? level : vec_entry_level(entry);
    walk_down(cursor, id, row, entry, top);
    twin = vec_twin_node(cursor, id);
    if (twin != VEC_NO_ID) {
        vec_twin_append(graph, twin, id);
        *ret_is_node = false;
        return;
    }
    choose_links(cursor, id, 0);
    take_lists(graph, id, level);
    for (uint32_t at = 0; at <= top; at++)
        link_level(cursor, id, at);
}

void vec_hnsw_add(struct vec_hnsw_cursor *cursor, uint32_t id, const float *row) {
    struct vec_hnsw *graph = cursor->graph;
    prepare_node(cursor, id, row);
    uint32_t level = level_of(graph, id);
    uint64_t entry = __atomic_load_n(&graph->entry, __ATOMIC_ACQUIRE);
    bool rises = entry == VEC_HNSW_NO_ENTRY || level > vec_entry_level(entry);
    if (rises) {
        pthread_mutex_lock(&graph->entry_lock);
        entry = __atomic_load_n(&graph->entry, __ATOMIC_ACQUIRE);
    }
    bool is_node = true;
    place(cursor, id, row, entry, level, &is_node);
    if (rises) {
        level = vec_hnsw_tail(graph, id)->level;
        if (is_node && (entry == VEC_HNSW_NO_ENTRY || level > vec_entry_level(entry)))
            __atomic_store_n(&graph->entry, (uint64_t)level << 32 | id, __ATOMIC_RELEASE);
        pthread_mutex_unlock(&graph->entry_lock);
    }
    __atomic_fetch_or(&graph->live[id / 32], (uint32_t)1 << (id % 32), __ATOMIC_RELEASE);
}

/* The numbers [0, n) shuffled (Fisher and Yates). */
static uint32_t *shuffled(uint32_t n, uint64_t seed) {
    uint32_t *order = lh_calloc((size_t)n + 1, sizeof *order);
    struct vec_random random;
    vec_random_init(&random, seed);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t other = vec_random_below(&random, i + 1);
        order[i] = order[other];
        order[other] = i;
    }
    return order;
}

/* Rows that get the ids from `first` on, in an order of their own. */
struct bulk {
    const struct vec_rows *rows;
    const uint32_t *order;
    uint32_t first;
    const struct vec_cancel *cancel;
    _Atomic bool cancelled;
};

static void add_share(void *arg, struct vec_hnsw_cursor *cursor, uint32_t first, uint32_t last) {
    struct bulk *bulk = arg;
    if (bulk->cancelled)
        return;
    if (vec_cancelled(bulk->cancel)) {
        bulk->cancelled = true;
        return;
    }
    for (uint32_t i = first; i < last; i++)
        vec_hnsw_add(cursor, bulk->order[i], vec_row(bulk->rows, bulk->order[i]));
}

enum lh_code vec_hnsw_build(const struct vec_hnsw_config *config, const struct vec_rows *rows, unsigned threads,
                            struct vec_hnsw **ret_graph, struct lh_err *err) {
    if (rows->d != config->d)
        return lh_fail(err, LH_INVALID, "rows of %u dimensions for a graph of %u", rows->d, config->d);
    LH_TRY(vec_check_shape(rows, err));
    LH_TRY(vec_hnsw_check_config(config, err));
    LH_TRY(vec_check_rows(rows, 0, err));
    struct vec_graph_code code;
    struct vec_hnsw *graph = NULL;
    LH_TRY(vec_graph_code_init(&code, rows, config->metric, config->seed, err));
    enum lh_code made = vec_hnsw_new(config, &code, rows, true, &graph, err);
    if (made != LH_OK) {
        vec_graph_code_deinit(&code);
        return made;
    }
    graph->count = (uint32_t)rows->n;
    graph->coarse = graph->exact = vec_hnsw_needs_rows(&graph->code, rows);
    LH_AUTO(mem) uint32_t *order = shuffled(graph->count, config->seed);
    struct bulk bulk = {.rows = rows, .order = order, .cancel = config->cancel};
    vec_hnsw_share(graph, threads, graph->count, 16, add_share, &bulk);
    if (bulk.cancelled) {
        vec_hnsw_free(graph);
        return lh_fail(err, LH_CANCELLED, "the build of the graph was cancelled");
    }
    vec_hnsw_connect(graph);
    *ret_graph = graph;
    return LH_OK;
}

/* `n` ids in a row, for vectors that are not there yet. */
static enum lh_code take_ids(struct vec_hnsw *graph, size_t n, uint32_t *ret_first, struct lh_err *err) {
    if (graph->mapped)
        return lh_fail(err, LH_UNSUPPORTED, "a mapped graph cannot change: open the file for writing");
    uint32_t first = __atomic_load_n(&graph->count, __ATOMIC_RELAXED);
    do {
        if (n > graph->capacity - first)
            return lh_fail(err, LH_LIMIT, "the graph's capacity of %u rows is used up", graph->capacity);
    } while (!__atomic_compare_exchange_n(&graph->count, &first, first + (uint32_t)n, true, __ATOMIC_ACQ_REL,
                                          __ATOMIC_RELAXED));
    *ret_first = first;
    return LH_OK;
}

static void add_copied(struct vec_hnsw_cursor *cursor, uint32_t id, const float *vector) {
    struct vec_hnsw *graph = cursor->graph;
    float *row = graph->own + (size_t)(id - graph->borrowed_count) * graph->code.d;
    memcpy(row, vector, graph->code.d * sizeof *row);
    vec_hnsw_add(cursor, id, row);
}

enum lh_code vec_hnsw_insert(struct vec_hnsw_cursor *cursor, const float *vector, uint32_t *ret_id,
                             struct lh_err *err) {
    const struct vec_rows one = {.data = vector, .n = 1, .d = cursor->graph->code.d};
    uint32_t id = 0;
    LH_TRY(vec_check_finite(&one, err));
    LH_TRY(take_ids(cursor->graph, 1, &id, err));
    add_copied(cursor, id, vector);
    *ret_id = id;
    return LH_OK;
}

static void extend_share(void *arg, struct vec_hnsw_cursor *cursor, uint32_t first, uint32_t last) {
    const struct bulk *bulk = arg;
    for (uint32_t i = first; i < last; i++)
        add_copied(cursor, bulk->first + bulk->order[i], vec_row(bulk->rows, bulk->order[i]));
}

enum lh_code vec_hnsw_extend(struct vec_hnsw *graph, const struct vec_rows *rows, unsigned threads,
                             struct lh_err *err) {
    struct bulk bulk = {.rows = rows};
    if (rows->d != graph->code.d)
        return lh_fail(err, LH_INVALID, "rows of %u dimensions for a graph of %u", rows->d, graph->code.d);
    LH_TRY(vec_check_rows(rows, 0, err));
    LH_TRY(take_ids(graph, rows->n, &bulk.first, err));
    LH_AUTO(mem) uint32_t *order = shuffled((uint32_t)rows->n, graph->seed);
    bulk.order = order;
    vec_hnsw_share(graph, threads, (uint32_t)rows->n, 16, extend_share, &bulk);
    return LH_OK;
}
