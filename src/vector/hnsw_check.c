/* The validator: every rule of hnsw_internal.h that a reader relies on, and figures of the graph's shape. */
#include "vector/hnsw_internal.h"

#include "base/alloc.h"
#include "base/cleanup.h"
#include "vector/scorer.h"

#include <math.h>
#include <string.h>

static enum lh_code check_node(const struct vec_hnsw *graph, uint32_t id, struct lh_err *err) {
    const struct vec_node_tail *tail = vec_hnsw_tail(graph, id);
    if (!isfinite(tail->add) || !isfinite(tail->rescale) || !isfinite(tail->error) || !isfinite(tail->inverse_norm))
        return lh_fail(err, LH_CORRUPT, "node %u holds a number that is not finite", id);
    if (tail->level > VEC_HNSW_TOP_LEVEL)
        return lh_fail(err, LH_CORRUPT, "node %u is on level %u", id, tail->level);
    if (tail->level && (uint64_t)tail->upper + tail->level > graph->upper_capacity)
        return lh_fail(err, LH_CORRUPT, "node %u has its lists beyond the end", id);
    return LH_OK;
}

static enum lh_code check_list(const struct vec_hnsw *graph, uint32_t id, uint32_t level, struct lh_err *err) {
    uint32_t places = 0;
    const uint32_t *list = vec_hnsw_list(graph, id, level, &places);
    bool ended = false;
    for (uint32_t i = 0; i < places; i++) {
        uint32_t other = vec_link_load(&list[i]);
        if (other == VEC_NO_ID) {
            ended = true;
            continue;
        }
        if (ended)
            return lh_fail(err, LH_CORRUPT, "node %u has a link behind the end of its list on level %u", id, level);
        if (other >= graph->count || other == id)
            return lh_fail(err, LH_CORRUPT, "node %u has a link to %u on level %u", id, other, level);
        if (vec_hnsw_is_twin(graph, other))
            return lh_fail(err, LH_CORRUPT, "node %u has a link to %u, which is no node", id, other);
        if (vec_hnsw_tail(graph, other)->level < level)
            return lh_fail(err, LH_CORRUPT, "node %u has a link to %u, which is not on level %u", id, other, level);
        for (uint32_t j = 0; j < i; j++)
            if (vec_link_load(&list[j]) == other)
                return lh_fail(err, LH_CORRUPT, "node %u has two links to %u on level %u", id, other, level);
    }
    return LH_OK;
}

static bool links_to(const struct vec_hnsw *graph, uint32_t from, uint32_t to) {
    const uint32_t *list = graph->links + (size_t)from * graph->degree;
    for (uint32_t i = 0; i < graph->degree; i++)
        if (vec_link_load(&list[i]) == to)
            return true;
    return false;
}

static void measure_links(const struct vec_hnsw *graph, uint32_t *in_degree, struct vec_hnsw_report *report) {
    uint64_t nodes = 0;
    report->degree_min = graph->degree;
    for (uint32_t id = 0; id < graph->count; id++) {
        if (vec_hnsw_is_twin(graph, id) || !vec_hnsw_stands(graph, id))
            continue;
        uint32_t degree = 0;
        nodes++;
        for (uint32_t i = 0; i < graph->degree; i++) {
            uint32_t other = vec_link_load(&graph->links[(size_t)id * graph->degree + i]);
            if (other == VEC_NO_ID)
                break;
            if (!vec_hnsw_stands(graph, other))
                continue;
            degree++;
            in_degree[other]++;
            report->mutual += links_to(graph, other, id);
        }
        report->links += degree;
        report->isolated += degree == 0;
        report->degree_min = degree < report->degree_min ? degree : report->degree_min;
        report->degree_max = degree > report->degree_max ? degree : report->degree_max;
    }
    report->in_degree_min = nodes ? UINT32_MAX : 0;
    for (uint32_t id = 0; id < graph->count; id++) {
        if (vec_hnsw_is_twin(graph, id) || !vec_hnsw_stands(graph, id))
            continue;
        report->in_degree_min = in_degree[id] < report->in_degree_min ? in_degree[id] : report->in_degree_min;
        report->in_degree_max = in_degree[id] > report->in_degree_max ? in_degree[id] : report->in_degree_max;
    }
    if (nodes == 0)
        report->degree_min = 0;
    report->degree_mean = nodes ? (double)report->links / (double)nodes : 0.0;
}

uint32_t vec_hnsw_flood(const struct vec_hnsw *graph, uint32_t count, uint8_t *seen, uint32_t *order, uint32_t from) {
    uint32_t head = 0;
    uint32_t tail = 0;
    if (from < count && !seen[from]) {
        seen[from] = 1;
        order[tail++] = from;
    }
    while (head < tail) {
        const uint32_t *list = graph->links + (size_t)order[head++] * graph->degree;
        for (uint32_t i = 0; i < graph->degree; i++) {
            uint32_t other = vec_link_load(&list[i]);
            if (other < count && !seen[other]) {
                seen[other] = 1;
                order[tail++] = other;
            }
        }
    }
    return tail;
}

static uint64_t live_rows_at(const struct vec_hnsw *graph, uint32_t node) {
    uint64_t rows = vec_hnsw_is_live(graph, node);
    struct vec_twins twins = vec_twins_of(graph, node);
    for (uint32_t twin; (twin = vec_twins_next(&twins)) != VEC_NO_ID;)
        rows += vec_hnsw_is_live(graph, twin);
    return rows;
}

enum lh_code vec_hnsw_check(const struct vec_hnsw *graph, struct vec_hnsw_report *ret_report, struct lh_err *err) {
    struct vec_hnsw_report report = {0};
    uint64_t entry = graph->entry;
    for (uint32_t id = 0; id < graph->count; id++)
        LH_TRY(check_node(graph, id, err));
    uint32_t top = 0;
    for (uint32_t id = 0; id < graph->count; id++) {
        uint32_t level = vec_hnsw_tail(graph, id)->level;
        report.levels[level]++;
        report.live += vec_hnsw_is_live(graph, id);
        report.twins += vec_hnsw_is_twin(graph, id);
        if (vec_hnsw_is_live(graph, id) && level > top)
            top = level;
        for (uint32_t at = 0; at <= level; at++)
            LH_TRY(check_list(graph, id, at, err));
    }
    bool empty = entry == VEC_HNSW_NO_ENTRY;
    if (!empty && (vec_entry_id(entry) >= graph->count ||
                   vec_hnsw_tail(graph, vec_entry_id(entry))->level != vec_entry_level(entry)))
        return lh_fail(err, LH_CORRUPT, "the graph's entry is not a node of its level");
    if (empty ? graph->count > graph->dead_count : vec_entry_level(entry) < top)
        return lh_fail(err, LH_CORRUPT, "the graph's entry is not on its top level");

    LH_AUTO(mem) uint32_t *ids = lh_calloc((size_t)graph->count + 1, sizeof *ids);
    LH_AUTO(mem) uint8_t *seen = lh_calloc((size_t)graph->count + 1, 1);
    LH_TRY(vec_hnsw_check_twins(graph, seen, err));
    memset(seen, 0, graph->count);
    measure_links(graph, ids, &report);
    uint32_t reached = empty ? 0 : vec_hnsw_flood(graph, graph->count, seen, ids, vec_entry_id(entry));
    for (uint32_t i = 0; i < reached; i++)
        report.reachable += live_rows_at(graph, ids[i]);
    *ret_report = report;
    return LH_OK;
}

enum lh_code vec_hnsw_check_rows(const struct vec_hnsw *graph, struct lh_err *err) {
    for (uint32_t id = 0; vec_hnsw_has_rows(graph) && id < graph->count; id++)
        if (!vec_has_length(vec_hnsw_row_of(graph, id), graph->code.d, vec_hnsw_tail(graph, id)->inverse_norm))
            return lh_fail(err, LH_CORRUPT, "row %u has another length than the index says", id);
    return LH_OK;
}
