/* What a growing index is made of, and its validator. */
#include "vector/index_internal.h"

#include "base/alloc.h"
#include "base/cleanup.h"
#include "vector/file.h"

#include <string.h>

static void describe(const struct segment *segment, struct vec_index_segment *ret) {
    *ret = (struct vec_index_segment){
        .first = segment->first,
        .rows = segment->n,
        .graph = segment->graph != NULL,
        .file = __atomic_load_n(&segment->number, __ATOMIC_ACQUIRE),
    };
    for (uint32_t i = 0; i < segment->n; i++)
        ret->deleted += !vec_segment_live(segment, i);
    if (segment->flat) {
        ret->index_bytes = vec_flat_bytes(segment->flat);
        return;
    }
    struct vec_hnsw_stats stats;
    vec_hnsw_stats(segment->graph, &stats);
    ret->index_bytes = stats.graph_bytes;
}

bool vec_index_segment(struct vec_index *index, size_t i, struct vec_index_segment *ret_segment) {
    struct view *view = vec_view_take(index);
    bool there = i < view->n;
    if (there)
        describe(view->segments[i], ret_segment);
    vec_view_release(index, view);
    return there;
}

static enum lh_code check_segment(const struct vec_index *index, const struct segment *segment, bool verify,
                                  struct vec_hnsw_report *graph, struct lh_err *err) {
    uint64_t number = __atomic_load_n(&segment->number, __ATOMIC_ACQUIRE);
    if (verify && number) {
        LH_AUTO(mem) char *path = vec_index_path(index, number);
        LH_AUTO(vec_file) struct vec_file *file = NULL;
        LH_TRY(vec_file_open(index->os, path, &file, err));
        if (vec_file_verify(file, err) != LH_OK)
            return lh_err_context(err, "%s", path);
    }
    if (segment->graph) {
        LH_TRY(vec_hnsw_check(segment->graph, graph, err));
        return verify ? vec_hnsw_check_rows(segment->graph, err) : LH_OK;
    }
    struct vec_scan_report ignored;
    return verify ? vec_flat_check(segment->flat, &ignored, err) : LH_OK;
}

enum lh_code vec_index_check(struct vec_index *index, bool verify, struct vec_hnsw_report *ret_graph,
                             struct lh_err *err) {
    struct view *view = vec_view_take(index);
    struct vec_hnsw_report graph = {0};
    enum lh_code code = LH_OK;
    for (size_t i = 0; i < view->n && code == LH_OK; i++) {
        code = check_segment(index, view->segments[i], verify, &graph, err);
        if (code != LH_OK)
            lh_err_context(err, "segment %zu", i);
    }
    vec_view_release(index, view);
    if (code == LH_OK && ret_graph)
        *ret_graph = graph;
    return code;
}
