#include "base/alloc.h"
#include "contender.h"
#include "vector/flat.h"
#include "vector/hnsw.h"
#include "vector/ivf.h"
#include "vector/topk.h"

#include <stdio.h>
#include <stdlib.h>

enum { MOST_K = 100, EF_CONSTRUCTION = 100 };

static void must(enum lh_code code, const struct lh_err *err) {
    if (code == LH_OK)
        return;
    fprintf(stderr, "bench: %s\n", err->message);
    exit(1);
}

struct graph {
    struct vec_hnsw *graph;
    struct vec_hnsw_cursor *cursor;
    struct vec_hnsw_search search;
};

static void *graph_build(const float *data, size_t n, unsigned d, unsigned threads) {
    const struct vec_hnsw_config config = {
        .d = d, .metric = VEC_COSINE, .m = 16, .ef_construction = EF_CONSTRUCTION, .seed = 1};
    const struct vec_rows rows = {.data = data, .n = n, .d = d};
    struct graph *index = lh_calloc(1, sizeof *index);
    struct lh_err err;
    must(vec_hnsw_build(&config, &rows, threads, &index->graph, &err), &err);
    index->cursor = vec_hnsw_cursor_new(index->graph);
    return index;
}

static size_t graph_bytes(void *index) {
    struct vec_hnsw_stats stats;
    vec_hnsw_stats(((struct graph *)index)->graph, &stats);
    return stats.graph_bytes;
}

static void graph_set_ef(void *index, unsigned effort) {
    ((struct graph *)index)->search = (struct vec_hnsw_search){.ef = effort};
}

/* The effort is the patience; the window is wide enough that it seldom ends a search. */
static void graph_set_patience(void *index, unsigned effort) {
    ((struct graph *)index)->search = (struct vec_hnsw_search){.ef = 3 * effort + 10, .patience = effort};
}

static size_t graph_search(void *index, const float *query, unsigned k, uint32_t *ret_ids) {
    struct graph *graph = index;
    struct vec_hit hits[MOST_K];
    graph->search.k = k;
    size_t n = vec_hnsw_search(graph->cursor, query, &graph->search, hits);
    for (size_t i = 0; i < n; i++)
        ret_ids[i] = hits[i].id;
    return n;
}

static void graph_free(void *index) {
    struct graph *graph = index;
    vec_hnsw_cursor_free(graph->cursor);
    vec_hnsw_free(graph->graph);
    lh_free(graph);
}

struct flat {
    struct vec_flat *flat;
    struct vec_searcher *searcher;
    struct vec_search search;
};

static void *flat_build(const float *data, size_t n, unsigned d, unsigned threads) {
    const struct vec_flat_config config = {.metric = VEC_COSINE, .seed = 1, .threads = threads};
    const struct vec_rows rows = {.data = data, .n = n, .d = d};
    struct flat *index = lh_calloc(1, sizeof *index);
    struct lh_err err;
    must(vec_flat_new(&rows, &config, &index->flat, &err), &err);
    index->searcher = vec_flat_searcher_new(index->flat);
    return index;
}

static size_t flat_bytes(void *index) {
    return vec_flat_bytes(((struct flat *)index)->flat);
}

static void flat_set_epsilon(void *index, unsigned effort) {
    ((struct flat *)index)->search.epsilon = (float)effort / 10.0f;
}

static size_t flat_search(void *index, const float *query, unsigned k, uint32_t *ret_ids) {
    struct flat *flat = index;
    struct vec_hit hits[MOST_K];
    flat->search.k = k;
    size_t n = vec_flat_search(flat->flat, flat->searcher, query, &flat->search, hits, NULL);
    for (size_t i = 0; i < n; i++)
        ret_ids[i] = hits[i].id;
    return n;
}

static void flat_free(void *index) {
    struct flat *flat = index;
    vec_searcher_free(flat->searcher);
    vec_flat_free(flat->flat);
    lh_free(flat);
}

struct ivf {
    struct vec_ivf *ivf;
    struct vec_searcher *searcher;
    struct vec_search search;
};

static void *lists_build(const float *data, size_t n, unsigned d, unsigned threads, enum vec_ivf_codes codes) {
    const struct vec_ivf_config config = {.metric = VEC_COSINE, .codes = codes, .seed = 1, .threads = threads};
    const struct vec_rows rows = {.data = data, .n = n, .d = d};
    struct ivf *index = lh_calloc(1, sizeof *index);
    struct lh_err err;
    must(vec_ivf_new(&rows, &config, &index->ivf, &err), &err);
    index->searcher = vec_ivf_searcher_new(index->ivf);
    index->search.epsilon = 2.7f; /* wide enough for 0.999 too; at 0.99 it costs a few microseconds */
    return index;
}

static void *ivf_build(const float *data, size_t n, unsigned d, unsigned threads) {
    return lists_build(data, n, d, threads, VEC_IVF_RABITQ);
}

static void *pq_build(const float *data, size_t n, unsigned d, unsigned threads) {
    struct ivf *index = lists_build(data, n, d, threads, VEC_IVF_PQ);
    index->search.refine = 30;
    return index;
}

static size_t ivf_bytes(void *index) {
    return vec_ivf_bytes(((struct ivf *)index)->ivf);
}

static void ivf_set_nprobe(void *index, unsigned effort) {
    ((struct ivf *)index)->search.nprobe = effort;
}

static size_t ivf_search(void *index, const float *query, unsigned k, uint32_t *ret_ids) {
    struct ivf *ivf = index;
    struct vec_hit hits[MOST_K];
    ivf->search.k = k;
    size_t n = vec_ivf_search(ivf->ivf, ivf->searcher, query, &ivf->search, hits, NULL);
    for (size_t i = 0; i < n; i++)
        ret_ids[i] = hits[i].id;
    return n;
}

static void ivf_free(void *index) {
    struct ivf *ivf = index;
    vec_searcher_free(ivf->searcher);
    vec_ivf_free(ivf->ivf);
    lh_free(ivf);
}

static const struct contender graph = {
    "lakehouse graph m16 efc100", "ef", 10, 2000, graph_build, graph_bytes, graph_set_ef, graph_search, graph_free};
static const struct contender patient = {
    "lakehouse graph, patient", "patience",   4,         1000, graph_build, graph_bytes,
    graph_set_patience,         graph_search, graph_free};
static const struct contender flat = {"lakehouse flat, 1-bit scan",
                                      "epsilon x 10",
                                      1,
                                      60,
                                      flat_build,
                                      flat_bytes,
                                      flat_set_epsilon,
                                      flat_search,
                                      flat_free};

static const struct contender ivf = {
    "lakehouse IVF, 1-bit codes", "nprobe", 1, 512, ivf_build, ivf_bytes, ivf_set_nprobe, ivf_search, ivf_free};

static const struct contender pq = {"lakehouse IVF, PQ x 96", "nprobe",   1,       512, pq_build, ivf_bytes,
                                    ivf_set_nprobe,           ivf_search, ivf_free};

const struct contender *const contenders_ours[] = {&graph, &patient, &flat, &ivf, &pq, NULL};
