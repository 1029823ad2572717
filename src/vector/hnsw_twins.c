/* Equal rows: one node for all of them.
 *
 * A thousand copies of a row would be a thousand nodes at the same place.  Every window that comes near fills up with them
 * and ends there, selection sees no direction between them, and whatever lies behind is not found (measured, half of 20,000
 * rows being copies of a few: recall 0.3).  So the graph holds distinct vectors only.  An insert whose walk meets an equal
 * row is its twin: it gets an id, a row and a code like any other, but no links, and nobody links to it.  It stands in a ring
 * behind the node, and a search that measured the node has measured all of them.
 *
 * `twins` has a word an id:
 *     0                          a node of its own, without twins
 *     last + 1                   a node, and the newest of its twins
 *     VEC_TWIN | next            a twin, and the next one of the ring; the newest leads to the oldest
 * Appending is two stores under the node's lock, and a reader that began before meets the ring as it was or is.
 *
 * Equal are rows of the same floats; for cosine, where length says nothing, of the same unit vector within 1e-6.  Two threads
 * that insert the first two copies at the same time may make two nodes of them: that costs a place, no answer.
 *
 * A deleted node with living twins goes on standing for them; repair takes out nodes that stand for nobody. */
#include "vector/hnsw_internal.h"

#include <math.h>
#include <string.h>

#define SAME_DIRECTION 1e-6f

static bool same_tail(const struct vec_hnsw *graph, uint32_t a, uint32_t b) {
    const struct vec_node_tail *x = vec_hnsw_tail(graph, a);
    const struct vec_node_tail *y = vec_hnsw_tail(graph, b);
    return memcmp(x, y, offsetof(struct vec_node_tail, inverse_norm)) == 0;
}

static bool same_row(const struct vec_hnsw *graph, uint32_t a, uint32_t b) {
    if (!vec_hnsw_has_rows(graph) && (a < graph->borrowed_count || b < graph->borrowed_count))
        return same_tail(graph, a, b);
    const float *x = vec_hnsw_row_of(graph, a);
    const float *y = vec_hnsw_row_of(graph, b);
    float x_scale = 1.0f;
    float y_scale = 1.0f;
    float slack = 0.0f;
    if (graph->code.metric == VEC_COSINE) {
        x_scale = vec_hnsw_tail(graph, a)->inverse_norm;
        y_scale = vec_hnsw_tail(graph, b)->inverse_norm;
        slack = SAME_DIRECTION;
    }
    for (uint32_t i = 0; i < graph->code.d; i++) {
        float left = x[i] * x_scale;
        if (fabsf(left - y[i] * y_scale) > slack * fabsf(left))
            return false;
    }
    return true;
}

uint32_t vec_twin_node(const struct vec_hnsw_cursor *cursor, uint32_t id) {
    const struct vec_hnsw *graph = cursor->graph;
    const uint8_t *code = vec_hnsw_node(graph, id);
    for (uint32_t i = 0; i < cursor->queue_used; i++) {
        uint32_t other = cursor->queue[i].id;
        if (other != id && memcmp(vec_hnsw_node(graph, other), code, graph->code.padded / 2) == 0 &&
            same_row(graph, other, id))
            return other;
    }
    return VEC_NO_ID;
}

void vec_twin_append(struct vec_hnsw *graph, uint32_t node, uint32_t id) {
    vec_hnsw_lock(graph, node);
    uint32_t newest = vec_link_load(&graph->twins[node]);
    uint32_t oldest = newest ? vec_link_load(&graph->twins[newest - 1]) : VEC_TWIN | id;
    vec_link_store(&graph->twins[id], oldest);
    if (newest)
        vec_link_store(&graph->twins[newest - 1], VEC_TWIN | id);
    vec_link_store(&graph->twins[node], id + 1);
    vec_hnsw_unlock(graph, node);
    __atomic_fetch_add(&graph->twin_count, 1, __ATOMIC_RELEASE);
}

bool vec_hnsw_stands(const struct vec_hnsw *graph, uint32_t id) {
    if (vec_hnsw_is_live(graph, id))
        return true;
    struct vec_twins twins = vec_twins_of(graph, id);
    for (uint32_t twin; (twin = vec_twins_next(&twins)) != VEC_NO_ID;)
        if (vec_hnsw_is_live(graph, twin))
            return true;
    return false;
}

static enum lh_code check_ring(const struct vec_hnsw *graph, uint32_t node, uint8_t *seen, struct lh_err *err) {
    struct vec_twins twins = vec_twins_of(graph, node);
    for (uint32_t twin; (twin = vec_twins_next(&twins)) != VEC_NO_ID;) {
        if (twin >= graph->count || !vec_hnsw_is_twin(graph, twin) || seen[twin])
            return lh_fail(err, LH_CORRUPT, "node %u counts %u among its equals, which cannot be", node, twin);
        seen[twin] = 1;
        if (graph->links[(size_t)twin * graph->degree] != VEC_NO_ID || vec_hnsw_tail(graph, twin)->level)
            return lh_fail(err, LH_CORRUPT, "row %u is an equal of node %u and a node itself", twin, node);
    }
    if (twins.broken)
        return lh_fail(err, LH_CORRUPT, "the equals of node %u have no end", node);
    return LH_OK;
}

enum lh_code vec_hnsw_check_twins(const struct vec_hnsw *graph, uint8_t *seen, struct lh_err *err) {
    uint32_t found = 0;
    if (!graph->twins)
        return LH_OK;
    for (uint32_t id = 0; id < graph->count; id++)
        if (!vec_hnsw_is_twin(graph, id))
            LH_TRY(check_ring(graph, id, seen, err));
    for (uint32_t id = 0; id < graph->count; id++) {
        if (vec_hnsw_is_twin(graph, id) && !seen[id])
            return lh_fail(err, LH_CORRUPT, "row %u is an equal of no node", id);
        found += seen[id];
    }
    if (found != graph->twin_count)
        return lh_fail(err, LH_CORRUPT, "there are %u equals where %u are counted", found, graph->twin_count);
    return LH_OK;
}
