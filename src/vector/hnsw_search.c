/* Search: a walk on codes, then the full rows of the best.
 *
 * Re-ranking.  The walk leaves its window sorted by estimate.  Rows are read in that order, four at a time with the next
 * ones under way, until the lower bound of the next estimate (RaBitQ's error bound) is beyond the k-th exact distance: so
 * that an easy query reads a dozen rows and a close race reads more, and no fixed factor has to be chosen.
 *
 * Filters.  With a share s of the rows allowed, a window of ef / s holds ef allowed rows, if they are spread like all rows.
 * That costs about (ef / s) * FANOUT estimates; measuring the allowed rows one by one costs s * n.  The cheaper is taken:
 * at 100,000 rows the scan wins below some 10%.  Where the walk was taken and the window still holds fewer than k allowed
 * rows (they lie elsewhere), the scan follows: a filter never costs recall, only time.  Deleted rows are treated as
 * refused: the window grows by the share of the live.
 *
 * Equal rows.  A walk's candidates are nodes: each is measured once, and hands on its own row and its twins (hnsw_twins.c) as
 * far as they are allowed.  A scan's are rows.
 *
 * Damage.  A mapped graph that turns out to be damaged (vector/guard.h) is no guide any more.  The rows are, and whoever asks
 * is answered from all of them: 300 times slower, and right.
 *
 * Ranges.  The window doubles until its far end is beyond the radius by the bound. */
#include "vector/hnsw_internal.h"

#include "base/alloc.h"
#include "base/cleanup.h"
#include "vector/topk.h"

#include <math.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    DEFAULT_EF = 64,
    FANOUT = 12,   /* nodes first met at a hop, on level 0, for m = 16 */
    SCAN_GAIN = 2, /* a scan's estimate costs half of a walk's: its reads are known beforehand */
    SAMPLE = 512,  /* ids asked to learn how many a predicate allows */
    SCAN_BATCH = 32,
    RERANK_AHEAD = 4, /* rows under way before the one that is measured */
    REQUESTED = 3,    /* times k rows asked of the disk at first; most searches read no more */
};

/* Standard deviations, wider than a scan's: an estimate of 4 bits is so narrow that this reads 2 to 5 rows more, and at 1.9
 * the few true neighbours beyond the bound, not the walk, would decide above recall 0.998. */
#define BOUND_WIDTH 2.6f

static bool allowed(const struct vec_hnsw *graph, const struct vec_filter *filter, uint32_t id) {
    if (!vec_hnsw_is_live(graph, id))
        return false;
    if (!filter)
        return true;
    if (filter->bitmap && (id >= filter->bitmap_ids || !((filter->bitmap[id / 64] >> (id % 64)) & 1)))
        return false;
    return !filter->allow || filter->allow(filter->arg, id);
}

static double live_share(const struct vec_hnsw *graph, uint32_t limit) {
    uint32_t dead = __atomic_load_n(&graph->dead_count, __ATOMIC_RELAXED);
    return limit > dead ? (double)(limit - dead) / (double)limit : 1.0 / (double)(limit + 1);
}

/* The share of ids below `limit` that may be returned; counted for a bitmap, else from a sample. */
static double allowed_share(const struct vec_hnsw *graph, const struct vec_filter *filter, uint32_t limit) {
    double live = live_share(graph, limit);
    if (!filter || limit == 0)
        return live;
    if (filter->bitmap && !filter->allow) {
        size_t ids = filter->bitmap_ids < limit ? filter->bitmap_ids : limit;
        size_t set = 0;
        for (size_t i = 0; i < ids / 64; i++)
            set += (size_t)__builtin_popcountll(filter->bitmap[i]);
        if (ids % 64)
            set += (size_t)__builtin_popcountll(filter->bitmap[ids / 64] & (((uint64_t)1 << (ids % 64)) - 1));
        return live * (double)set / (double)limit;
    }
    uint32_t asked = limit < SAMPLE ? limit : SAMPLE;
    uint32_t yes = 0;
    for (uint32_t i = 0; i < asked; i++)
        yes += allowed(graph, filter, (uint32_t)((uint64_t)limit * i / asked));
    return ((double)yes + 0.5) / ((double)asked + 1.0);
}

static float exact(const struct vec_hnsw *graph, uint32_t id, float product) {
    if (graph->code.metric == VEC_COSINE)
        return 1.0f - product * vec_node_tail_const(&graph->code, vec_hnsw_node(graph, id))->inverse_norm;
    return graph->code.metric == VEC_DOT ? -product : product;
}

static void fetch_row(const float *row, uint32_t d) {
    uint32_t most = d < 256 ? d : 256; /* the hardware follows a stream that has begun */
    for (uint32_t i = 0; i < most; i += 16)
        __builtin_prefetch(row + i, 0, 3);
}

/* Have the kernel read the pages of rows that are about to be measured, all at once.  A system call a row: too much where the
 * rows are in memory, nothing beside a read from the disk. */
static void request_rows(const struct vec_hnsw *graph, const struct vec_hit *candidates, size_t n) {
    uintptr_t page_bytes = (uintptr_t)sysconf(_SC_PAGESIZE);
    for (size_t i = 0; i < n; i++) {
        uintptr_t row = (uintptr_t)vec_hnsw_row_of(graph, candidates[i].id);
        uintptr_t page = row & ~(page_bytes - 1);
        madvise((void *)page, row + graph->code.d * sizeof(float) - page, MADV_WILLNEED);
    }
}

static struct vec_twins twins_of(const struct vec_hnsw_cursor *cursor, uint32_t candidate) {
    if (cursor->nodes && __atomic_load_n(&cursor->graph->twin_count, __ATOMIC_RELAXED))
        return vec_twins_of(cursor->graph, candidate);
    return (struct vec_twins){.next = VEC_NO_ID};
}

/* How many rows a candidate stands for, allowed or not. */
static size_t rows_at(const struct vec_hnsw_cursor *cursor, uint32_t candidate) {
    size_t n = 1;
    struct vec_twins twins = twins_of(cursor, candidate);
    while (vec_twins_next(&twins) != VEC_NO_ID)
        n++;
    return n;
}

/* The rows of a candidate, whose distance is known, into `top`: of a node with many no more than could come in. */
static void push_rows(const struct vec_hnsw_cursor *cursor, const struct vec_filter *filter, uint32_t candidate,
                      float dist, struct vec_topk *top) {
    if (!(dist <= vec_topk_worst(top)))
        return;
    struct vec_twins twins = twins_of(cursor, candidate);
    if (twins.next == VEC_NO_ID) { /* the walk's end has seen that it is allowed, unless it has twins now */
        vec_topk_push(top, dist, candidate);
        return;
    }
    size_t pushed = 0;
    for (uint32_t id = candidate; id != VEC_NO_ID && pushed < top->k; id = vec_twins_next(&twins)) {
        if (!allowed(cursor->graph, filter, id))
            continue;
        vec_topk_push(top, dist, id);
        pushed++;
    }
}

/* Exact distances of four (or fewer) candidates into `top`. */
static void measure_rows(struct vec_hnsw_cursor *cursor, const float *query, float query_scale,
                         const struct vec_filter *filter, const struct vec_hit *four, size_t n, struct vec_topk *top) {
    const struct vec_hnsw *graph = cursor->graph;
    const struct vec_kernels *kernels = graph->code.kernels;
    bool l2 = graph->code.metric == VEC_L2;
    const float *rows[4];
    float product[4];
    for (size_t i = 0; i < 4; i++)
        rows[i] = vec_hnsw_row_of(graph, four[i < n ? i : 0].id);
    (l2 ? kernels->l2_f32_x4 : kernels->dot_f32_x4)(query, rows, graph->code.d, product);
    for (size_t i = 0; i < n; i++) {
        float dist = exact(graph, four[i].id, product[i] * query_scale);
        push_rows(cursor, filter, four[i].id, dist, top);
    }
    cursor->effort.reranked += (uint32_t)n;
}

static float lower_bound(const struct vec_hnsw_cursor *cursor, const struct vec_hit *hit) {
    if (cursor->graph->exact)
        return hit->dist;
    const struct vec_graph_code *code = &cursor->graph->code;
    const struct vec_node_tail *tail = vec_node_tail_const(code, vec_hnsw_node(cursor->graph, hit->id));
    return hit->dist - BOUND_WIDTH * tail->error * cursor->probe.norm;
}

/* candidates[0..n), nearest estimate first, to exact hits. */
static size_t rerank(struct vec_hnsw_cursor *cursor, const float *query, const struct vec_hnsw_search *search,
                     const struct vec_hit *candidates, size_t n, struct vec_hit *ret_hits) {
    const struct vec_hnsw *graph = cursor->graph;
    struct vec_topk top;
    vec_topk_init(&top, ret_hits, search->k);
    if (search->rerank == UINT32_MAX || !vec_hnsw_has_rows(graph)) {
        for (size_t i = 0; i < n && i < search->k; i++)
            push_rows(cursor, search->filter, candidates[i].id, candidates[i].dist, &top);
        return vec_topk_sort(&top);
    }
    float query_scale = 1.0f;
    if (graph->code.metric == VEC_COSINE) {
        float norm2 = graph->code.kernels->dot_f32(query, query, graph->code.d);
        query_scale = norm2 > 0.0f ? 1.0f / sqrtf(norm2) : 0.0f;
    }
    size_t most = search->rerank && search->rerank < n ? search->rerank : n;
    size_t requested = !search->on_disk ? most : most < REQUESTED * search->k ? most : REQUESTED * search->k;
    if (search->on_disk)
        request_rows(graph, candidates, requested);
    for (size_t i = 0; i < most && i < RERANK_AHEAD && !search->on_disk; i++)
        fetch_row(vec_hnsw_row_of(graph, candidates[i].id), graph->code.d);
    for (size_t i = 0; i < most; i += 4) {
        if (search->rerank == 0 && lower_bound(cursor, &candidates[i]) > vec_topk_worst(&top))
            break;
        size_t share = most - i < 4 ? most - i : 4;
        if (i + share > requested) {
            size_t wanted = search->k > share ? search->k : share;
            size_t more = most - requested < wanted ? most - requested : wanted;
            request_rows(graph, candidates + requested, more);
            requested += more;
        }
        for (size_t j = i + RERANK_AHEAD; j < i + RERANK_AHEAD + 4 && j < most && !search->on_disk; j++)
            fetch_row(vec_hnsw_row_of(graph, candidates[j].id), graph->code.d);
        measure_rows(cursor, query, query_scale, search->filter, candidates + i, share, &top);
    }
    return vec_topk_sort(&top);
}

/* Measure every allowed row; candidates[0..): the `ef` nearest by estimate, sorted. */
static size_t scan(struct vec_hnsw_cursor *cursor, const struct vec_filter *filter, uint32_t ef) {
    struct vec_hnsw *graph = cursor->graph;
    uint32_t ids[SCAN_BATCH];
    float dist[SCAN_BATCH];
    struct vec_topk top;
    vec_cursor_reserve(cursor, ef);
    vec_topk_init(&top, cursor->candidates, ef);
    uint32_t held = 0;
    for (uint32_t id = 0; id <= cursor->limit; id++) {
        if (id < cursor->limit) {
            if (filter && filter->bitmap && id % 64 == 0 &&
                (id >= filter->bitmap_ids || filter->bitmap[id / 64] == 0)) {
                id += id + 63 < cursor->limit ? 63 : cursor->limit - 1 - id;
                continue;
            }
            if (allowed(graph, filter, id))
                ids[held++] = id;
        }
        if (held == SCAN_BATCH || (id == cursor->limit && held)) {
            vec_hnsw_measure(graph, &cursor->probe, ids, held, dist);
            cursor->effort.estimates += held;
            for (uint32_t i = 0; i < held; i++)
                if (dist[i] <= vec_topk_worst(&top))
                    vec_topk_push(&top, dist[i], ids[i]);
            held = 0;
        }
    }
    cursor->effort.scanned = true;
    cursor->nodes = false;
    return vec_topk_sort(&top);
}

static void walk_level0(struct vec_hnsw_cursor *cursor, uint32_t ef, uint32_t patience, uint32_t k) {
    uint64_t entry = __atomic_load_n(&cursor->graph->entry, __ATOMIC_ACQUIRE);
    vec_walk_start(cursor, ef);
    uint32_t nearest = vec_walk_descend(cursor, entry, 0);
    vec_walk_enter(cursor, &nearest, nearest != VEC_NO_ID);
    vec_walk(cursor, 0, ef, patience, k);
}

/* How many rows of a node are allowed, as far as `most`. */
static size_t allowed_at(const struct vec_hnsw_cursor *cursor, const struct vec_filter *filter, uint32_t node,
                         size_t most) {
    size_t n = 0;
    struct vec_twins twins = twins_of(cursor, node);
    for (uint32_t id = node; id != VEC_NO_ID && n < most; id = vec_twins_next(&twins))
        n += allowed(cursor->graph, filter, id);
    return n;
}

/* The nodes of the queue that have an allowed row, to the candidates; *ret_rows: of how many rows, as far as k matters. */
static size_t keep_allowed(struct vec_hnsw_cursor *cursor, const struct vec_filter *filter, size_t k,
                           size_t *ret_rows) {
    size_t n = 0;
    size_t rows = 0;
    cursor->nodes = true;
    for (uint32_t i = 0; i < cursor->queue_used; i++) {
        size_t at = allowed_at(cursor, filter, cursor->queue[i].id, rows < k ? k - rows : 1);
        rows += at;
        if (at)
            cursor->candidates[n++] = cursor->queue[i];
    }
    *ret_rows = rows;
    return n;
}

static uint32_t window(const struct vec_hnsw_search *search) {
    uint32_t ef = search->ef ? search->ef : DEFAULT_EF;
    if (ef < search->k)
        ef = search->k;
    return ef < VEC_HNSW_MAX_EF ? ef : VEC_HNSW_MAX_EF;
}

/* Candidates for the query in cursor->probe, sorted by estimate; returns how many. */
static size_t find(struct vec_hnsw_cursor *cursor, const struct vec_hnsw_search *search, uint32_t ef) {
    struct vec_hnsw *graph = cursor->graph;
    uint32_t limit = __atomic_load_n(&graph->count, __ATOMIC_ACQUIRE);
    size_t rows = 0;
    cursor->limit = limit;
    if (!search->filter && !__atomic_load_n(&graph->dead_count, __ATOMIC_RELAXED)) {
        walk_level0(cursor, ef, search->patience, search->k);
        return keep_allowed(cursor, NULL, 0, &rows);
    }
    double share = allowed_share(graph, search->filter, limit);
    double wide = (double)ef / (share > 0.0 ? share : 1e-9);
    if (search->filter && (share * limit <= wide * FANOUT * SCAN_GAIN || wide > VEC_HNSW_MAX_EF))
        return scan(cursor, search->filter, ef);
    uint32_t wider = wide < VEC_HNSW_MAX_EF ? (uint32_t)ceil(wide) : VEC_HNSW_MAX_EF;
    walk_level0(cursor, wider, search->filter ? 0 : search->patience, search->k);
    size_t found = keep_allowed(cursor, search->filter, search->k, &rows);
    if (rows < search->k && (double)rows < share * limit)
        return scan(cursor, search->filter, ef);
    return found;
}

static bool is_damaged(const struct vec_hnsw *graph) {
    return vec_guard_damaged(graph->node_guard) || vec_guard_damaged(graph->link_guard);
}

/* The k nearest of those within the radius, from rows alone. */
static size_t read_all(struct vec_hnsw_cursor *cursor, const float *query, float radius,
                       const struct vec_filter *filter, struct vec_hit *ret_hits, size_t k) {
    const struct vec_hnsw *graph = cursor->graph;
    struct vec_topk top;
    vec_topk_init(&top, ret_hits, k);
    for (uint32_t id = 0; vec_hnsw_has_rows(graph) && id < graph->count; id++) {
        if (!allowed(graph, filter, id))
            continue;
        float dist = vec_distance(graph->code.metric, query, vec_hnsw_row_of(graph, id), graph->code.d);
        if (dist <= radius && dist <= vec_topk_worst(&top))
            vec_topk_push(&top, dist, id);
    }
    return vec_topk_sort(&top);
}

size_t vec_hnsw_search(struct vec_hnsw_cursor *cursor, const float *query, const struct vec_hnsw_search *search,
                       struct vec_hit *ret_hits) {
    cursor->effort = (struct vec_hnsw_effort){0};
    if (search->k == 0 || !vec_is_sound(query, cursor->graph->code.d))
        return 0;
    vec_hnsw_probe_query(cursor->graph, &cursor->probe, query);
    size_t n = is_damaged(cursor->graph) ? 0 : find(cursor, search, window(search));
    if (is_damaged(cursor->graph))
        return read_all(cursor, query, INFINITY, search->filter, ret_hits, search->k);
    return rerank(cursor, query, search, cursor->candidates, n, ret_hits);
}

size_t vec_hnsw_search_range(struct vec_hnsw_cursor *cursor, const float *query, float radius,
                             const struct vec_hnsw_search *search, struct vec_hit *ret_hits, size_t max) {
    cursor->effort = (struct vec_hnsw_effort){0};
    if (max == 0 || !vec_is_sound(query, cursor->graph->code.d))
        return 0;
    vec_hnsw_probe_query(cursor->graph, &cursor->probe, query);
    uint32_t ef = window(search);
    struct vec_hnsw_search wide = *search;
    size_t n = 0;
    for (;; ef *= 2) {
        n = find(cursor, &wide, ef);
        bool beyond = n < ef || lower_bound(cursor, &cursor->candidates[n - 1]) > radius;
        if (beyond || n >= cursor->limit || ef > VEC_HNSW_MAX_EF / 2)
            break;
    }
    if (is_damaged(cursor->graph))
        return read_all(cursor, query, radius, search->filter, ret_hits, max);
    size_t rows = 0;
    for (size_t i = 0; i < n; i++)
        rows += rows_at(cursor, cursor->candidates[i].id);
    LH_AUTO(mem) struct vec_hit *hits = lh_calloc(rows + 1, sizeof *hits);
    wide.k = (uint32_t)rows;
    if (wide.rerank != UINT32_MAX)
        wide.rerank = (uint32_t)n;
    size_t found = n ? rerank(cursor, query, &wide, cursor->candidates, n, hits) : 0;
    size_t inside = 0;
    while (inside < found && inside < max && hits[inside].dist <= radius)
        inside++;
    memcpy(ret_hits, hits, inside * sizeof *hits);
    return inside;
}

struct batch {
    const struct vec_rows *queries;
    const struct vec_hnsw_search *search;
    struct vec_hit *hits;
    size_t *found;
};

static void search_share(void *arg, struct vec_hnsw_cursor *cursor, uint32_t first, uint32_t last) {
    struct batch *batch = arg;
    for (uint32_t i = first; i < last; i++)
        batch->found[i] = vec_hnsw_search(cursor, vec_row(batch->queries, i), batch->search,
                                          batch->hits + (size_t)i * batch->search->k);
}

enum lh_code vec_hnsw_search_batch(struct vec_hnsw *graph, const struct vec_rows *queries, unsigned threads,
                                   const struct vec_hnsw_search *search, struct vec_hit *ret_hits, size_t *ret_found,
                                   struct lh_err *err) {
    if (queries->d != graph->code.d)
        return lh_fail(err, LH_INVALID, "queries of %u dimensions for a graph of %u", queries->d, graph->code.d);
    if (queries->n > UINT32_MAX / 2)
        return lh_fail(err, LH_INVALID, "a batch holds at most %u queries", UINT32_MAX / 2);
    LH_TRY(vec_check_rows(queries, 0, err));
    struct batch batch = {.queries = queries, .search = search, .hits = ret_hits, .found = ret_found};
    vec_hnsw_share(graph, threads, (uint32_t)queries->n, 8, search_share, &batch);
    return LH_OK;
}
