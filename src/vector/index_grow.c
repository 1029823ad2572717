/* Appending and merging.
 *
 * An append becomes a flat of its own; where the flats before it are not much larger, it is made of their rows too, so that
 * sizes about double from the newest to the oldest and n appends cost n log n encodings.  Flats above MOST_COMBINED rows
 * are left alone: an append shall not wait for them. */
#include "vector/index_internal.h"

#include "base/alloc.h"
#include "base/cleanup.h"

#include <string.h>

enum { MOST_COMBINED = 32768 };

/* The rows of flats [begin, end) of a view and `more` behind them, in one array. */
static enum lh_code gather(const struct view *view, size_t begin, size_t end, const struct vec_rows *more,
                           float **ret_rows, size_t *ret_n, struct lh_err *err) {
    size_t row = more->d * sizeof(float);
    size_t n = more->n;
    for (size_t i = begin; i < end; i++)
        n += view->segments[i]->n;
    char *rows = lh_try_malloc_aligned(64, n * row + 1);
    if (!rows)
        return lh_fail(err, LH_NO_MEMORY, "no memory for %zu vectors", n);
    size_t at = 0;
    for (size_t i = begin; i < end; i++) {
        const struct segment *segment = view->segments[i];
        memcpy(rows + at * row, vec_flat_rows(segment->flat)->data, segment->n * row);
        at += segment->n;
    }
    if (more->n)
        memcpy(rows + at * row, more->data, more->n * row);
    *ret_rows = (float *)(void *)rows;
    *ret_n = n;
    return LH_OK;
}

static struct vec_flat_config flat_config(const struct vec_index *index) {
    return (struct vec_flat_config){
        .metric = index->config.metric, .seed = index->config.seed, .threads = index->config.threads};
}

/* Where the segments begin that an append of n rows is combined with. */
static size_t combine_from(const struct vec_index *index, const struct view *view, size_t n) {
    size_t begin = view->n;
    while (begin > index->frozen) {
        const struct segment *before = view->segments[begin - 1];
        if (!before->flat || before->n / 2 > n || before->n + n > MOST_COMBINED)
            break;
        n += before->n;
        begin--;
    }
    return begin;
}

/* append_lock is held. */
static enum lh_code append(struct vec_index *index, const struct view *view, const struct vec_rows *rows,
                           struct lh_err *err) {
    const struct vec_flat_config config = flat_config(index);
    size_t begin = combine_from(index, view, rows->n);
    LH_AUTO(mem) float *data = NULL;
    struct vec_rows all = {.d = rows->d};
    struct vec_flat *flat = NULL;
    LH_TRY(gather(view, begin, view->n, rows, &data, &all.n, err));
    all.data = data;
    LH_TRY(vec_flat_new(&all, &config, &flat, err));
    uint32_t first = begin < view->n ? view->segments[begin]->first : vec_view_rows(view);
    struct segment *segment = vec_segment_new(first, (uint32_t)all.n);
    segment->flat = flat;
    segment->rows = LH_STEAL(data);
    for (size_t s = begin; s < view->n; s++)
        for (uint32_t i = 0; i < view->segments[s]->n; i++)
            if (!vec_segment_live(view->segments[s], i))
                vec_flat_delete(flat, view->segments[s]->first + i - first);
    vec_view_publish(index, begin, view->n, segment);
    return LH_OK;
}

enum lh_code vec_index_append(struct vec_index *index, const struct vec_rows *rows, uint32_t *ret_first,
                              struct lh_err *err) {
    if (rows->d != index->config.d)
        return lh_fail(err, LH_INVALID, "vectors of %u dimensions for an index of %u", rows->d, index->config.d);
    LH_TRY(vec_check_shape(rows, err));
    LH_TRY(vec_check_rows(rows, 0, err));
    pthread_mutex_lock(&index->append_lock);
    struct view *view = vec_view_take(index);
    uint32_t first = vec_view_rows(view);
    enum lh_code code = LH_OK;
    if (rows->n > VEC_HNSW_MAX_ROWS - first)
        code = lh_fail(err, LH_LIMIT, "an index holds at most %u rows", VEC_HNSW_MAX_ROWS);
    else if (rows->n > 0)
        code = append(index, view, rows, err);
    vec_view_release(index, view);
    pthread_mutex_unlock(&index->append_lock);
    LH_TRY(code);
    *ret_first = first;
    return LH_OK;
}

/* ---- merging ---- */

bool vec_index_wants_graph(const struct vec_index *index, size_t rows) {
    return rows > 0 && (index->config.kind == VEC_INDEX_GRAPH ||
                        (index->config.kind == VEC_INDEX_AUTO && rows >= VEC_INDEX_FLAT_BELOW));
}

static enum lh_code save_flat(struct vec_index *index, const struct vec_rows *rows, const struct view *view,
                              const char *path, struct lh_err *err) {
    const struct vec_flat_config config = flat_config(index);
    struct vec_flat *flat = NULL;
    LH_TRY(vec_flat_new(rows, &config, &flat, err));
    for (size_t s = 0; view && s < view->n; s++)
        for (uint32_t i = 0; i < view->segments[s]->n; i++)
            if (!vec_segment_live(view->segments[s], i))
                vec_flat_delete(flat, view->segments[s]->first + i);
    enum lh_code code = vec_flat_save(flat, index->os, path, true, err);
    vec_flat_free(flat);
    return code;
}

/* Take out of a graph what is dead in a view and alive there, and link around it. */
static void bury(struct vec_hnsw *graph, const struct view *view, unsigned threads) {
    for (size_t s = 0; s < view->n; s++)
        for (uint32_t i = 0; i < view->segments[s]->n; i++) {
            struct lh_err gone_before;
            if (!vec_segment_live(view->segments[s], i))
                lh_ignore(vec_hnsw_delete(graph, view->segments[s]->first + i, &gone_before));
        }
    vec_hnsw_repair(graph, threads);
}

static struct vec_hnsw_config graph_config(const struct vec_index_config *config) {
    return (struct vec_hnsw_config){.d = config->d,
                                    .metric = config->metric,
                                    .m = config->m,
                                    .ef_construction = config->ef_construction,
                                    .seed = config->seed};
}

static enum lh_code build_graph(const struct vec_index *index, const struct vec_rows *rows, struct vec_hnsw **ret_graph,
                                struct lh_err *err) {
    const struct vec_hnsw_config config = graph_config(&index->config);
    return vec_hnsw_build(&config, rows, index->config.threads, ret_graph, err);
}

/* The graph that is segment 0, opened anew to be changed, with the rows of the other segments in it. */
static enum lh_code extend_graph(const struct vec_index *index, const struct view *view, struct vec_hnsw **ret_graph,
                                 struct lh_err *err) {
    LH_AUTO(mem) char *path = vec_index_path(index, view->segments[0]->number);
    const struct vec_hnsw_open how = {.writable = true, .capacity = vec_view_rows(view)};
    struct vec_hnsw *graph = NULL;
    LH_TRY(vec_hnsw_open(index->os, path, &how, &graph, err));
    enum lh_code code = LH_OK;
    for (size_t i = 1; code == LH_OK && i < view->n; i++)
        code = vec_hnsw_extend(graph, vec_flat_rows(view->segments[i]->flat), index->config.threads, err);
    if (code != LH_OK) {
        vec_hnsw_free(graph);
        return code;
    }
    *ret_graph = graph;
    return LH_OK;
}

/* One file of all rows of a view. */
static enum lh_code write_merged(struct vec_index *index, const struct view *view, bool graph_wanted, const char *path,
                                 struct lh_err *err) {
    LH_AUTO(mem) float *data = NULL;
    struct vec_hnsw *graph = NULL;
    struct vec_rows rows = {.d = index->config.d};
    if (view->segments[0]->graph) {
        LH_TRY(extend_graph(index, view, &graph, err));
    } else {
        const struct vec_rows none = {.d = index->config.d};
        LH_TRY(gather(view, 0, view->n, &none, &data, &rows.n, err));
        rows.data = data;
        if (!graph_wanted)
            return save_flat(index, &rows, view, path, err);
        LH_TRY(build_graph(index, &rows, &graph, err));
    }
    bury(graph, view, index->config.threads);
    enum lh_code code = vec_hnsw_save(graph, index->os, path, true, err);
    vec_hnsw_free(graph);
    return code;
}

/* One segment of the kind that is wanted, and none of its rows died since it was made. */
static bool is_merged(const struct vec_index *index, const struct view *view) {
    const struct segment *first = view->segments[0];
    return view->n == 1 && first->number && !__atomic_load_n(&first->dead_count, __ATOMIC_ACQUIRE) &&
           (first->graph || !vec_index_wants_graph(index, first->n));
}

/* files_lock is held. */
static enum lh_code merge(struct vec_index *index, const struct view *view, struct lh_err *err) {
    if (is_merged(index, view))
        return vec_index_save_view(index, view, err);
    uint32_t rows = vec_view_rows(view);
    bool graph = vec_index_wants_graph(index, rows) || view->segments[0]->graph;
    uint64_t number = index->next_number++;
    LH_AUTO(mem) char *path = vec_index_path(index, number);
    struct segment *segment = NULL;
    LH_TRY(write_merged(index, view, graph, path, err));
    LH_TRY(vec_segment_open(index, number, 0, rows, graph, &segment, err));
    pthread_mutex_lock(&index->append_lock);
    vec_view_publish(index, 0, view->n, segment);
    pthread_mutex_unlock(&index->append_lock);
    struct view *merged = vec_view_take(index);
    enum lh_code code = vec_index_save_view(index, merged, err);
    vec_view_release(index, merged);
    return code;
}

static void freeze(struct vec_index *index, struct view **ret_view) {
    pthread_mutex_lock(&index->append_lock);
    *ret_view = vec_view_take(index);
    index->frozen = (*ret_view)->n;
    pthread_mutex_unlock(&index->append_lock);
}

static void thaw(struct vec_index *index, struct view *view) {
    pthread_mutex_lock(&index->append_lock);
    index->frozen = 0;
    pthread_mutex_unlock(&index->append_lock);
    vec_view_release(index, view);
}

enum lh_code vec_index_merge(struct vec_index *index, struct lh_err *err) {
    struct view *view = NULL;
    pthread_mutex_lock(&index->files_lock);
    freeze(index, &view);
    enum lh_code code = view->n ? merge(index, view, err) : LH_OK;
    thaw(index, view);
    pthread_mutex_unlock(&index->files_lock);
    return code;
}

/* The first segment, straight from the caller's rows. */
static enum lh_code fill(struct vec_index *index, const struct vec_rows *rows, struct lh_err *err) {
    bool graph_wanted = vec_index_wants_graph(index, rows->n);
    struct segment *segment = NULL;
    if (rows->n) {
        uint64_t number = index->next_number++;
        LH_AUTO(mem) char *path = vec_index_path(index, number);
        if (graph_wanted) {
            struct vec_hnsw *graph = NULL;
            LH_TRY(build_graph(index, rows, &graph, err));
            enum lh_code code = vec_hnsw_save(graph, index->os, path, true, err);
            vec_hnsw_free(graph);
            LH_TRY(code);
        } else {
            LH_TRY(save_flat(index, rows, NULL, path, err));
        }
        LH_TRY(vec_segment_open(index, number, 0, (uint32_t)rows->n, graph_wanted, &segment, err));
        vec_view_publish(index, 0, 0, segment);
    }
    return vec_index_save_view(index, index->view, err);
}

enum lh_code vec_index_create(struct os *os, const char *folder, const struct vec_index_config *config,
                              const struct vec_rows *rows, struct vec_index **ret_index, struct lh_err *err) {
    struct vec_index *index = NULL;
    if (rows->d != config->d)
        return lh_fail(err, LH_INVALID, "rows of %u dimensions for an index of %u", rows->d, config->d);
    const struct vec_hnsw_config graph =
        graph_config(config); /* which a merge may come to build, however few rows there are */
    LH_TRY(vec_hnsw_check_config(&graph, err));
    LH_TRY(vec_check_shape(rows, err));
    LH_TRY(vec_check_rows(rows, 0, err));
    if ((unsigned)config->kind > VEC_INDEX_GRAPH)
        return lh_fail(err, LH_INVALID, "index kind %d is none", (int)config->kind);
    LH_TRY(vec_index_claim(os, folder, err));
    LH_TRY(vec_index_new(os, folder, config, &index, err));
    enum lh_code code = fill(index, rows, err);
    if (code != LH_OK) {
        vec_index_close(index);
        return code;
    }
    *ret_index = index;
    return LH_OK;
}
