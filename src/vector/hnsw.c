#include "vector/hnsw.h"

#include "base/alloc.h"
#include "vector/file.h"
#include "vector/hnsw_internal.h"
#include "vector/parallel.h"

#include <math.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>

enum { DEFAULT_M = 16, DEFAULT_EF_CONSTRUCTION = 100, SPARE_ROWS = 1000000, LOCK_SPINS = 200 };

void *vec_reserve(size_t bytes) {
    void *address =
        mmap(NULL, bytes ? bytes : 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (address == MAP_FAILED)
        return NULL;
    madvise(address, bytes, MADV_HUGEPAGE);
    return address;
}

void vec_unreserve(void *address, size_t bytes) {
    if (address)
        munmap(address, bytes ? bytes : 1);
}

void vec_hnsw_lock(struct vec_hnsw *graph, uint32_t id) {
    for (unsigned spins = 0; __atomic_exchange_n(&graph->locks[id], 1, __ATOMIC_ACQUIRE); spins++)
        if (spins >= LOCK_SPINS)
            sched_yield();
}

void vec_hnsw_unlock(struct vec_hnsw *graph, uint32_t id) {
    __atomic_store_n(&graph->locks[id], 0, __ATOMIC_RELEASE);
}

struct sizes {
    size_t nodes, links, upper, live, twins, locks, own;
};

static struct sizes sizes_of(const struct vec_hnsw *graph) {
    size_t n = graph->capacity;
    return (struct sizes){
        .nodes = n * graph->code.stride,
        .links = n * graph->degree * sizeof(uint32_t),
        .upper = (size_t)graph->upper_capacity * graph->m * sizeof(uint32_t),
        .live = (n + 31) / 32 * sizeof(uint32_t),
        .twins = n * sizeof(uint32_t),
        .locks = n,
        .own = (n - graph->borrowed_count) * graph->code.d * sizeof(float),
    };
}

enum lh_code vec_hnsw_check_config(const struct vec_hnsw_config *config, struct lh_err *err) {
    if (config->d == 0 || config->d > VEC_MAX_DIM)
        return lh_fail(err, LH_INVALID, "a graph of %u dimensions: there must be 1 to %u", config->d, VEC_MAX_DIM);
    if (!vec_metric_name(config->metric))
        return lh_fail(err, LH_INVALID, "metric number %d is none", (int)config->metric);
    if (config->m == 1 || config->m > VEC_HNSW_MAX_M)
        return lh_fail(err, LH_INVALID, "m is %u: it must be 2 to %u", config->m, VEC_HNSW_MAX_M);
    if (config->ef_construction > VEC_HNSW_MAX_EF)
        return lh_fail(err, LH_INVALID, "ef_construction is %u: it must be at most %u", config->ef_construction,
                       VEC_HNSW_MAX_EF);
    if (config->capacity > VEC_HNSW_MAX_ROWS)
        return lh_fail(err, LH_INVALID, "a graph holds at most %u rows", VEC_HNSW_MAX_ROWS);
    return LH_OK;
}

static uint32_t capacity_for(const struct vec_hnsw_config *config, size_t rows) {
    uint64_t capacity = config->capacity ? config->capacity : 2 * (uint64_t)rows + SPARE_ROWS;
    if (capacity < rows)
        capacity = rows;
    return (uint32_t)(capacity < VEC_HNSW_MAX_ROWS ? capacity : VEC_HNSW_MAX_ROWS);
}

static bool reserve(struct vec_hnsw *graph) {
    struct sizes sizes = sizes_of(graph);
    graph->nodes = vec_reserve(sizes.nodes);
    graph->links = vec_reserve(sizes.links);
    graph->upper = vec_reserve(sizes.upper);
    graph->live = vec_reserve(sizes.live);
    graph->twins = vec_reserve(sizes.twins);
    graph->locks = vec_reserve(sizes.locks);
    graph->own = vec_reserve(sizes.own);
    return graph->nodes && graph->links && graph->upper && graph->live && graph->twins && graph->locks && graph->own;
}

static void unreserve(struct vec_hnsw *graph) {
    struct sizes sizes = sizes_of(graph);
    vec_unreserve(graph->nodes, sizes.nodes);
    vec_unreserve(graph->links, sizes.links);
    vec_unreserve(graph->upper, sizes.upper);
    vec_unreserve(graph->live, sizes.live);
    vec_unreserve(graph->twins, sizes.twins);
    vec_unreserve(graph->locks, sizes.locks);
    vec_unreserve(graph->own, sizes.own);
}

enum lh_code vec_hnsw_new(const struct vec_hnsw_config *config, const struct vec_graph_code *code,
                          const struct vec_rows *rows, bool writable, struct vec_hnsw **ret_graph, struct lh_err *err) {
    LH_TRY(vec_hnsw_check_config(config, err));
    if (rows->n > VEC_HNSW_MAX_ROWS)
        return lh_fail(err, LH_INVALID, "a graph holds at most %u rows", VEC_HNSW_MAX_ROWS);
    struct vec_hnsw *graph = lh_calloc(1, sizeof *graph);
    graph->code = *code;
    graph->m = config->m ? config->m : DEFAULT_M;
    graph->degree = 2 * graph->m;
    graph->ef_construction = config->ef_construction ? config->ef_construction : DEFAULT_EF_CONSTRUCTION;
    graph->seed = config->seed;
    graph->capacity = writable ? capacity_for(config, rows->n) : (uint32_t)rows->n;
    graph->level_scale = 1.0 / log((double)graph->m);
    graph->upper_capacity = 2 * graph->capacity + 64; /* the mean is capacity / (m - 1); address space only */
    graph->borrowed = rows->data;
    graph->borrowed_count = (uint32_t)rows->n;
    graph->entry = VEC_HNSW_NO_ENTRY;
    if (writable && !reserve(graph)) {
        unreserve(graph);
        lh_free(graph);
        return lh_fail(err, LH_NO_MEMORY, "no address space for a graph of this capacity");
    }
    pthread_mutex_init(&graph->entry_lock, NULL);
    *ret_graph = graph;
    return LH_OK;
}

void vec_hnsw_free(struct vec_hnsw *graph) {
    if (!graph)
        return;
    if (!graph->mapped)
        unreserve(graph);
    vec_guard_free(graph->node_guard);
    vec_guard_free(graph->link_guard);
    vec_file_close(graph->file);
    vec_graph_code_deinit(&graph->code);
    pthread_mutex_destroy(&graph->entry_lock);
    lh_free(graph);
}

struct vec_hnsw_cursor *vec_hnsw_cursor_new(struct vec_hnsw *graph) {
    struct vec_hnsw_cursor *cursor = lh_calloc(1, sizeof *cursor);
    cursor->graph = graph;
    cursor->skip = VEC_NO_ID;
    vec_probe_init(&cursor->probe, &graph->code);
    vec_probe_init(&cursor->pair, &graph->code);
    cursor->visited_words = (graph->capacity + 63) / 64;
    cursor->visited = vec_reserve((size_t)cursor->visited_words * sizeof(uint64_t));
    cursor->batch = lh_calloc(VEC_HNSW_BATCH * graph->degree, sizeof(uint32_t));
    cursor->batch_dist = lh_calloc(VEC_HNSW_BATCH * graph->degree, sizeof(float));
    cursor->fresh = lh_calloc(VEC_HNSW_BATCH * graph->degree + 1, sizeof *cursor->fresh);
    cursor->places = lh_calloc(VEC_HNSW_BATCH * graph->degree, sizeof *cursor->places);
    cursor->chosen = lh_calloc(graph->degree, sizeof *cursor->chosen);
    cursor->links = lh_calloc((VEC_HNSW_TOP_LEVEL + 1) * (size_t)graph->m, sizeof *cursor->links);
    cursor->scratch = lh_malloc_aligned(64, (size_t)VEC_GRAPH_SCRATCH * graph->code.padded * sizeof(float));
    vec_cursor_reserve(cursor, 256);
    return cursor;
}

/* Room for `candidates` in the queue, and in selection's input with a full list on top. */
void vec_cursor_reserve(struct vec_hnsw_cursor *cursor, uint32_t candidates) {
    if (candidates <= cursor->queue_capacity)
        return;
    size_t more = candidates + cursor->graph->degree + 1;
    cursor->queue = lh_realloc(cursor->queue, (candidates + 1) * sizeof *cursor->queue);
    cursor->candidates = lh_realloc(cursor->candidates, more * sizeof *cursor->candidates);
    cursor->queue_capacity = candidates;
    cursor->candidate_dist = lh_realloc(cursor->candidate_dist, more * sizeof *cursor->candidate_dist);
}

void vec_hnsw_cursor_free(struct vec_hnsw_cursor *cursor) {
    if (!cursor)
        return;
    vec_probe_deinit(&cursor->probe);
    vec_probe_deinit(&cursor->pair);
    vec_unreserve(cursor->visited, (size_t)cursor->visited_words * sizeof(uint64_t));
    lh_free(cursor->batch);
    lh_free(cursor->batch_dist);
    lh_free(cursor->fresh);
    lh_free(cursor->places);
    lh_free(cursor->scratch);
    lh_free(cursor->queue);
    lh_free(cursor->candidates);
    lh_free(cursor->candidate_dist);
    lh_free(cursor->chosen);
    lh_free(cursor->links);
    lh_free(cursor);
}

void vec_hnsw_effort(const struct vec_hnsw_cursor *cursor, struct vec_hnsw_effort *ret_effort) {
    *ret_effort = cursor->effort;
}

void vec_hnsw_config(const struct vec_hnsw *graph, struct vec_hnsw_config *ret_config) {
    *ret_config = (struct vec_hnsw_config){.d = graph->code.d,
                                           .metric = graph->code.metric,
                                           .m = graph->m,
                                           .ef_construction = graph->ef_construction,
                                           .seed = graph->seed,
                                           .capacity = graph->capacity};
}

uint32_t vec_hnsw_count(const struct vec_hnsw *graph) {
    return __atomic_load_n(&graph->count, __ATOMIC_ACQUIRE);
}

bool vec_hnsw_holds_rows(const struct vec_hnsw *graph) {
    return vec_hnsw_has_rows(graph);
}

bool vec_hnsw_live(const struct vec_hnsw *graph, uint32_t id) {
    return id < __atomic_load_n(&graph->count, __ATOMIC_ACQUIRE) && vec_hnsw_is_live(graph, id);
}

const float *vec_hnsw_row(const struct vec_hnsw *graph, uint32_t id) {
    return vec_hnsw_has_rows(graph) && vec_hnsw_live(graph, id) ? vec_hnsw_row_of(graph, id) : NULL;
}

void vec_hnsw_stats(const struct vec_hnsw *graph, struct vec_hnsw_stats *ret_stats) {
    uint32_t count = __atomic_load_n(&graph->count, __ATOMIC_ACQUIRE);
    uint64_t entry = __atomic_load_n(&graph->entry, __ATOMIC_ACQUIRE);
    uint64_t upper = __atomic_load_n(&graph->upper_count, __ATOMIC_ACQUIRE);
    uint32_t twins = __atomic_load_n(&graph->twin_count, __ATOMIC_ACQUIRE);
    uint64_t links = 0;
    for (uint32_t id = 0; id < count; id++) {
        const uint32_t *list = graph->links + (size_t)id * graph->degree;
        for (uint32_t i = 0; i < graph->degree && vec_link_load(&list[i]) != VEC_NO_ID; i++)
            links++;
    }
    *ret_stats = (struct vec_hnsw_stats){
        .rows = count,
        .deleted = __atomic_load_n(&graph->dead_count, __ATOMIC_ACQUIRE),
        .twins = twins,
        .coarse = graph->coarse,
        .damaged = vec_guard_damaged(graph->node_guard) || vec_guard_damaged(graph->link_guard),
        .m = graph->m,
        .ef_construction = graph->ef_construction,
        .max_level = entry == VEC_HNSW_NO_ENTRY ? 0 : vec_entry_level(entry),
        .links = links,
        .graph_bytes = (uint64_t)count * (graph->code.stride + graph->degree * sizeof(uint32_t) + 1) +
                       ((uint64_t)count + 31) / 32 * sizeof(uint32_t) + upper * graph->m * sizeof(uint32_t) +
                       (twins ? (uint64_t)count * sizeof(uint32_t) : 0),
        .row_bytes = (uint64_t)count * graph->code.d * sizeof(float),
    };
}

struct share {
    struct vec_hnsw *graph;
    struct vec_hnsw_cursor *cursors[VEC_MAX_THREADS]; /* each made by the worker that uses it */
    vec_share_fn *fn;
    void *arg;
};

static void share_piece(void *ctx, unsigned worker, size_t begin, size_t end) {
    struct share *share = ctx;
    if (!share->cursors[worker])
        share->cursors[worker] = vec_hnsw_cursor_new(share->graph);
    share->fn(share->arg, share->cursors[worker], (uint32_t)begin, (uint32_t)end);
}

void vec_hnsw_share(struct vec_hnsw *graph, unsigned threads, uint32_t n, uint32_t step, vec_share_fn *fn, void *arg) {
    struct share share = {.graph = graph, .fn = fn, .arg = arg};
    vec_parallel_for(threads, n, step, share_piece, &share);
    for (size_t i = 0; i < VEC_MAX_THREADS; i++)
        vec_hnsw_cursor_free(share.cursors[i]);
}
