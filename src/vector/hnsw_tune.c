/* Target recall: which search is the cheapest that finds a given share of the true neighbours.
 *
 * The measure is the oracle's: exact neighbours of a few hundred held-out queries, by one pass over the rows (each piece
 * of rows is measured against all queries while it is in the cache).  The graph's own rows serve where the caller has no
 * queries; a row is then no neighbour of itself, and its node is closed to the walk: its links lead straight to the answer,
 * and with them a window seemed to do that is a fifth too narrow for queries from outside.  Rows equal to it are held out
 * with it: found at distance 0 by any search, they would make every recall look like 1.
 *
 * A found row counts where it is as near as the k-th true one, whichever of equally near rows it is.
 *
 * Two knobs.  ef: the smallest window that reaches the target, by bisection.  patience: most queries have their answer long
 * before the window is done, so a wider window that stops after some idle steps gives hard queries more and easy ones
 * less; for a few widths the smallest patience is found that still reaches the target, and the cheapest pair by distances
 * measured wins. */
#include "vector/hnsw_internal.h"

#include "base/alloc.h"
#include "base/cleanup.h"
#include "vector/parallel.h"
#include "vector/recall.h"
#include "vector/topk.h"

#include <math.h>
#include <string.h>

enum { MOST_QUERIES = 256, FEW_QUERIES = 64, PIECE = 64 /* rows, 200 kB of 768 dimensions */, WIDEST = 4096 };

struct sample {
    struct vec_hnsw *graph;
    const struct vec_rows *queries;
    const uint32_t *self;    /* each query's own node, VEC_NO_ID where it is none */
    const uint32_t *node_of; /* each row's */
    uint32_t k;
    struct vec_topk *tops; /* the truth so far, one a query */
    pthread_mutex_t *locks;
    float *scales; /* 1 / |query| for cosine */
};

static void measure_piece(struct sample *sample, size_t query, const uint32_t *ids, const float *const *rows,
                          size_t n) {
    const struct vec_hnsw *graph = sample->graph;
    const struct vec_graph_code *code = &graph->code;
    struct vec_topk *top = &sample->tops[query];
    float dist[PIECE];
    for (size_t i = 0; i < n; i += 4)
        (code->metric == VEC_L2 ? code->kernels->l2_f32_x4 : code->kernels->dot_f32_x4)(vec_row(sample->queries, query),
                                                                                        rows + i, code->d, dist + i);
    pthread_mutex_lock(&sample->locks[query]);
    for (size_t i = 0; i < n; i++) {
        float value = dist[i];
        if (sample->node_of[ids[i]] == sample->self[query])
            continue;
        if (code->metric == VEC_COSINE)
            value = 1.0f - value * sample->scales[query] * vec_hnsw_tail(graph, ids[i])->inverse_norm;
        else if (code->metric == VEC_DOT)
            value = -value;
        if (value <= vec_topk_worst(top))
            vec_topk_push(top, value, ids[i]);
    }
    pthread_mutex_unlock(&sample->locks[query]);
}

static void truth_piece(void *ctx, unsigned worker, size_t begin, size_t end) {
    struct sample *sample = ctx;
    const struct vec_hnsw *graph = sample->graph;
    uint32_t ids[PIECE];
    const float *rows[PIECE];
    size_t n = 0;
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        if (!vec_hnsw_is_live(graph, (uint32_t)i))
            continue;
        ids[n] = (uint32_t)i;
        rows[n++] = vec_hnsw_row_of(graph, (uint32_t)i);
    }
    for (size_t i = n; i < PIECE && n; i++)
        rows[i] = rows[0]; /* the kernels take four */
    for (size_t query = 0; n && query < sample->queries->n; query++)
        measure_piece(sample, query, ids, rows, n);
}

struct outcome {
    double recall, estimates;
};

struct trial {
    const struct sample *sample;
    const struct vec_hnsw_search *search;
    uint64_t found, wanted, estimates; /* atomic */
};

static void try_share(void *arg, struct vec_hnsw_cursor *cursor, uint32_t first, uint32_t last) {
    struct trial *trial = arg;
    const struct sample *sample = trial->sample;
    struct vec_hnsw_search search = *trial->search;
    search.k = sample->k;
    LH_AUTO(mem) struct vec_hit *hits = lh_calloc(search.k, sizeof *hits);
    for (uint32_t query = first; query < last; query++) {
        const struct vec_topk *top = &sample->tops[query];
        cursor->skip = sample->self[query];
        size_t n = vec_hnsw_search(cursor, vec_row(sample->queries, query), &search, hits);
        size_t found = vec_recalled(sample->graph->code.metric, top->hits, top->used, hits, n);
        __atomic_fetch_add(&trial->found, found, __ATOMIC_RELAXED);
        __atomic_fetch_add(&trial->wanted, top->used, __ATOMIC_RELAXED);
        __atomic_fetch_add(&trial->estimates, cursor->effort.estimates, __ATOMIC_RELAXED);
    }
    cursor->skip = VEC_NO_ID;
}

static struct outcome attempt(const struct sample *sample, unsigned threads, uint32_t ef, uint32_t patience) {
    const struct vec_hnsw_search search = {.ef = ef, .patience = patience};
    struct trial trial = {.sample = sample, .search = &search};
    uint32_t n = (uint32_t)sample->queries->n;
    vec_hnsw_share(sample->graph, threads, n, 8, try_share, &trial);
    return (struct outcome){
        .recall = trial.wanted ? (double)trial.found / (double)trial.wanted : 1.0,
        .estimates = n ? (double)trial.estimates / n : 0.0,
    };
}

/* The smallest value in [low, high] that reaches the target, `high` where none does. */
static uint32_t smallest(const struct sample *sample, unsigned threads, double target, uint32_t ef, uint32_t low,
                         uint32_t high) {
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        bool enough = attempt(sample, threads, ef ? ef : middle, ef ? middle : 0).recall >= target;
        if (enough)
            high = middle;
        else
            low = middle + 1 + middle / 32; /* to 3%: the sample knows no better */
    }
    return high;
}

static void choose(const struct sample *sample, unsigned threads, double target, struct vec_hnsw_tuning *ret_tuning) {
    uint32_t low = sample->k + 1;
    uint32_t high = low;
    struct outcome outcome = attempt(sample, threads, high, 0);
    while (outcome.recall < target && high < WIDEST) {
        low = high + 1;
        high = high < WIDEST / 2 ? 2 * high : WIDEST;
        outcome = attempt(sample, threads, high, 0);
    }
    bool reached = outcome.recall >= target;
    uint32_t ef = reached ? smallest(sample, threads, target, 0, low < high ? low : high, high) : high;
    outcome = attempt(sample, threads, ef, 0);
    *ret_tuning = (struct vec_hnsw_tuning){
        .search = {.k = sample->k, .ef = ef},
        .recall = outcome.recall,
        .estimates = outcome.estimates,
        .queries = (uint32_t)sample->queries->n,
        .reached = reached,
    };
    for (uint32_t wide = ef + ef / 2; reached && wide <= 3 * ef && wide <= VEC_HNSW_MAX_EF; wide += ef / 2 + 1) {
        uint32_t patience = smallest(sample, threads, target, wide, 4, wide);
        outcome = attempt(sample, threads, wide, patience);
        if (outcome.recall >= target && outcome.estimates < ret_tuning->estimates) {
            ret_tuning->search.ef = wide;
            ret_tuning->search.patience = patience;
            ret_tuning->recall = outcome.recall;
            ret_tuning->estimates = outcome.estimates;
        }
    }
}

/* Each row's node. */
static void find_nodes(const struct vec_hnsw *graph, uint32_t *ret_node_of) {
    for (uint32_t id = 0; id < graph->count; id++)
        ret_node_of[id] = id;
    for (uint32_t id = 0; graph->twin_count && id < graph->count; id++) {
        if (vec_hnsw_is_twin(graph, id))
            continue;
        struct vec_twins twins = vec_twins_of(graph, id);
        for (uint32_t twin; (twin = vec_twins_next(&twins)) != VEC_NO_ID;)
            ret_node_of[twin] = id;
    }
}

/* Up to `most` nodes of live rows, spread over all; not the entry, where every walk must begin. */
static uint32_t own_queries(const struct vec_hnsw *graph, uint32_t most, float *ret_data, uint32_t *ret_self) {
    uint32_t n = 0;
    uint32_t nodes = 0;
    uint32_t step = (graph->count - graph->twin_count) / most + 1;
    for (uint32_t id = 0; id < graph->count && n < most; id++) {
        if (vec_hnsw_is_twin(graph, id) || nodes++ % step || !vec_hnsw_is_live(graph, id) ||
            id == vec_entry_id(graph->entry))
            continue;
        memcpy(ret_data + (size_t)n * graph->code.d, vec_hnsw_row_of(graph, id), graph->code.d * sizeof(float));
        ret_self[n++] = id;
    }
    return n;
}

static void find_truth(struct sample *sample, unsigned threads) {
    const struct vec_graph_code *code = &sample->graph->code;
    for (size_t i = 0; i < sample->queries->n; i++) {
        const float *query = vec_row(sample->queries, i);
        float norm2 = code->kernels->dot_f32(query, query, code->d);
        sample->scales[i] = norm2 > 0.0f ? 1.0f / sqrtf(norm2) : 0.0f;
    }
    vec_parallel_for(threads, sample->graph->count, PIECE, truth_piece, sample);
    for (size_t i = 0; i < sample->queries->n; i++)
        sample->tops[i].used = vec_topk_sort(&sample->tops[i]);
}

/* Finds the cheapest search for a target, or with `given` what that one reaches. */
static void try_own(struct vec_hnsw *graph, const struct vec_rows *queries, uint32_t most, uint32_t k, double target,
                    const struct vec_hnsw_search *given, unsigned threads, struct vec_hnsw_tuning *ret_tuning) {
    LH_AUTO(mem) float *data = lh_calloc(queries ? 1 : (size_t)most * graph->code.d, sizeof *data);
    LH_AUTO(mem) uint32_t *self = lh_calloc((size_t)most + 1, sizeof *self);
    LH_AUTO(mem) struct vec_topk *tops = lh_calloc((size_t)most + 1, sizeof *tops);
    LH_AUTO(mem) pthread_mutex_t *locks = lh_calloc((size_t)most + 1, sizeof *locks);
    LH_AUTO(mem) uint32_t *node_of = lh_calloc((size_t)graph->count + 1, sizeof *node_of);
    LH_AUTO(mem) float *scales = lh_calloc((size_t)most + 1, sizeof *scales);
    LH_AUTO(mem) struct vec_hit *hits = lh_calloc(((size_t)most + 1) * k, sizeof *hits);
    struct vec_rows own = {.data = data, .d = graph->code.d};
    if (queries)
        memset(self, 0xff, most * sizeof *self);
    else
        own.n = own_queries(graph, most, data, self);
    for (size_t i = 0; i < most; i++) {
        vec_topk_init(&tops[i], hits + i * k, k);
        pthread_mutex_init(&locks[i], NULL);
    }
    find_nodes(graph, node_of);
    struct sample sample = {.graph = graph,
                            .queries = queries ? queries : &own,
                            .self = self,
                            .node_of = node_of,
                            .k = k,
                            .tops = tops,
                            .locks = locks,
                            .scales = scales};
    find_truth(&sample, threads);
    if (given) {
        struct outcome outcome = attempt(&sample, threads, given->ef, given->patience);
        *ret_tuning = (struct vec_hnsw_tuning){.search = *given,
                                               .recall = outcome.recall,
                                               .estimates = outcome.estimates,
                                               .queries = (uint32_t)own.n,
                                               .reached = true};
    } else {
        choose(&sample, threads, target, ret_tuning);
    }
    for (size_t i = 0; i < most; i++)
        pthread_mutex_destroy(&locks[i]);
}

enum lh_code vec_hnsw_tune(struct vec_hnsw *graph, const struct vec_rows *queries, uint32_t k, double target,
                           unsigned threads, struct vec_hnsw_tuning *ret_tuning, struct lh_err *err) {
    if (k == 0 || k > WIDEST / 2 || !(target > 0.0 && target <= 1.0))
        return lh_fail(err, LH_INVALID, "a target needs 1 <= k <= %d and a recall above 0 and up to 1", WIDEST / 2);
    if (!vec_hnsw_has_rows(graph))
        return lh_fail(err, LH_INVALID, "a target recall can only be found with the full rows at hand");
    if (queries && queries->d != graph->code.d)
        return lh_fail(err, LH_INVALID, "queries of %u dimensions for a graph of %u", queries->d, graph->code.d);
    if (queries && queries->n > UINT32_MAX / 2)
        return lh_fail(err, LH_INVALID, "a target recall needs no more than %u queries", UINT32_MAX / 2);
    if (queries)
        LH_TRY(vec_check_rows(queries, 0, err));
    try_own(graph, queries, queries ? (uint32_t)queries->n : MOST_QUERIES, k, target, NULL, threads, ret_tuning);
    return LH_OK;
}

enum lh_code vec_hnsw_expect(struct vec_hnsw *graph, const struct vec_hnsw_search *search, unsigned threads,
                             double *ret_recall, struct lh_err *err) {
    struct vec_hnsw_tuning tuning;
    if (search->k == 0 || search->k > WIDEST / 2)
        return lh_fail(err, LH_INVALID, "k is %u: recall is estimated for 1 to %d", search->k, WIDEST / 2);
    if (!vec_hnsw_has_rows(graph))
        return lh_fail(err, LH_INVALID, "recall can only be estimated with the full rows at hand");
    try_own(graph, NULL, FEW_QUERIES, search->k, 0.0, search, threads, &tuning);
    *ret_recall = tuning.recall;
    return LH_OK;
}
