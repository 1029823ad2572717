/* Distances for walks and selection: from codes, or from full rows where codes are too coarse.
 *
 * A code keeps a row's direction from the origin to some 11% of its length, and of two rows that lie near each other and far
 * from the origin, in clusters far apart, the codes are the same: a graph of codes knows the cluster and not the neighbour.
 * Whether that is so is asked of the data before a graph is built: of a sample, how many of each row's nearest are among its
 * nearest by code.  Where too few are, the graph is built and walked on full rows, like any graph without codes:
 * several times slower, and right.  It is told in the file, and holds for rows that are inserted later. */
#include "vector/hnsw_internal.h"

#include "base/alloc.h"
#include "base/cleanup.h"
#include "vector/recall.h"
#include "vector/topk.h"

#include <math.h>
#include <string.h>

enum {
    SAMPLE = 2048,
    ASKED = 64,
    NEAREST = 10,
    BATCH = 64,
};
#define ENOUGH \
    0.4 /* of the NEAREST; found: 0.85 to 1 for usual data, 0.11 for clusters a hundred times as far apart as wide */

void vec_hnsw_probe_query(const struct vec_hnsw *graph, struct vec_probe *probe, const float *query) {
    if (!graph->exact) {
        vec_probe_set(probe, &graph->code, query);
        return;
    }
    float norm2 = graph->code.kernels->dot_f32(query, query, graph->code.d);
    probe->row = query;
    probe->row_scale = norm2 > 0.0f ? 1.0f / sqrtf(norm2) : 0.0f;
}

void vec_hnsw_probe_node(const struct vec_hnsw *graph, struct vec_probe *probe, uint32_t id) {
    if (!graph->exact) {
        vec_probe_set_node(probe, &graph->code, vec_hnsw_node(graph, id));
        return;
    }
    probe->row = vec_hnsw_row_of(graph, id);
    probe->row_scale = vec_hnsw_tail(graph, id)->inverse_norm;
}

static void measure_rows(const struct vec_hnsw *graph, const struct vec_probe *probe, const uint32_t *ids, size_t n,
                         float *ret_dist) {
    const struct vec_kernels *k = graph->code.kernels;
    enum vec_metric metric = graph->code.metric;
    for (size_t i = 0; i < n; i += 4) {
        const float *rows[4];
        float products[4];
        for (size_t j = 0; j < 4; j++)
            rows[j] = vec_hnsw_row_of(graph, ids[i + j < n ? i + j : i]);
        (metric == VEC_L2 ? k->l2_f32_x4 : k->dot_f32_x4)(probe->row, rows, graph->code.d, products);
        for (size_t j = 0; j < 4 && i + j < n; j++)
            ret_dist[i + j] = metric == VEC_L2    ? products[j]
                              : metric == VEC_DOT ? -products[j]
                                                  : 1.0f - products[j] * probe->row_scale *
                                                               vec_hnsw_tail(graph, ids[i + j])->inverse_norm;
    }
}

void vec_hnsw_measure(const struct vec_hnsw *graph, const struct vec_probe *probe, const uint32_t *ids, size_t n,
                      float *ret_dist) {
    const size_t stride = graph->code.stride;
    for (size_t i = 0; graph->node_guard && i < n; i++)
        vec_guard_sound(graph->node_guard, ids[i] * stride, stride); /* what is not is noted there */
    if (graph->exact)
        measure_rows(graph, probe, ids, n, ret_dist);
    else
        vec_probe_distances(probe, &graph->code, graph->nodes, ids, n, ret_dist);
}

struct sample {
    const struct vec_graph_code *code;
    const struct vec_rows *rows;
    size_t n, step;
    uint8_t *nodes;
    struct vec_probe probe;
};

/* Of one row's nearest in the sample, how many are among its nearest by code. */
static double code_recall(struct sample *sample, size_t asked) {
    const float *query = vec_row(sample->rows, asked * sample->step);
    struct vec_hit truth[NEAREST], chosen[NEAREST], hits[NEAREST];
    struct vec_topk nearest, by_code;
    vec_topk_init(&nearest, truth, NEAREST);
    vec_topk_init(&by_code, chosen, NEAREST);
    vec_probe_set(&sample->probe, sample->code, query);
    for (size_t first = 0; first < sample->n; first += BATCH) {
        uint32_t ids[BATCH];
        float dist[BATCH];
        size_t n = 0;
        for (size_t i = first; i < first + BATCH && i < sample->n; i++)
            if (memcmp(vec_row(sample->rows, i * sample->step), query, sample->rows->d * sizeof *query) != 0)
                ids[n++] = (uint32_t)i;
        vec_probe_distances(&sample->probe, sample->code, sample->nodes, ids, n, dist);
        for (size_t i = 0; i < n; i++) {
            const float *row = vec_row(sample->rows, ids[i] * sample->step);
            vec_topk_push(&by_code, dist[i], ids[i]);
            vec_topk_push(&nearest, vec_distance(sample->code->metric, query, row, sample->rows->d), ids[i]);
        }
    }
    size_t wanted = vec_topk_sort(&nearest);
    size_t found = vec_topk_sort(&by_code);
    for (size_t i = 0; i < found; i++) {
        const float *row = vec_row(sample->rows, chosen[i].id * sample->step);
        hits[i] = (struct vec_hit){vec_distance(sample->code->metric, query, row, sample->rows->d), chosen[i].id};
    }
    return wanted ? (double)vec_recalled(sample->code->metric, truth, wanted, hits, found) / (double)wanted : 1.0;
}

bool vec_hnsw_needs_rows(const struct vec_graph_code *code, const struct vec_rows *rows) {
    struct sample sample = {.code = code, .rows = rows, .step = rows->n / SAMPLE + 1};
    sample.n = rows->n / sample.step;
    if (sample.n <= NEAREST)
        return false;
    sample.nodes = lh_malloc_aligned(64, sample.n * code->stride);
    float *scratch = lh_malloc_aligned(64, (size_t)VEC_GRAPH_SCRATCH * code->padded * sizeof *scratch);
    for (size_t i = 0; i < sample.n; i++)
        vec_graph_encode(code, vec_row(rows, i * sample.step), scratch, sample.nodes + i * code->stride);
    vec_probe_init(&sample.probe, code);
    double recall = 0.0;
    size_t asked = sample.n < ASKED ? sample.n : ASKED;
    for (size_t i = 0; i < asked; i++)
        recall += code_recall(&sample, i * (sample.n / asked)) / (double)asked;
    vec_probe_deinit(&sample.probe);
    lh_free(scratch);
    lh_free(sample.nodes);
    return recall < ENOUGH;
}
