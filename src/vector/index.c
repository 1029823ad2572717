#include "vector/index.h"

#include "base/alloc.h"
#include "vector/index_internal.h"
#include "vector/scan_tune.h"

#include <math.h>
#include <string.h>

/* Of a flat that is all there is, and of one beside others, which holds few of the neighbours and so few of the misses. */
#define EPSILON_ALONE 2.4f
#define EPSILON_BESIDE 1.9f

enum { MOST_UNMERGED = 10000 /* rows beside a graph: with these a search still takes less than 1.5 times as long */ };

/* ---- segments and views ---- */

struct segment *vec_segment_new(uint32_t first, uint32_t n) {
    struct segment *segment = lh_calloc(1, sizeof *segment);
    segment->first = first;
    segment->n = n;
    segment->dead = lh_calloc((size_t)n / 64 + 1, sizeof *segment->dead);
    return segment;
}

void vec_segment_free(struct segment *segment) {
    if (!segment)
        return;
    vec_flat_free(segment->flat);
    vec_hnsw_free(segment->graph);
    lh_free(segment->rows);
    lh_free(segment->dead);
    lh_free(segment);
}

static bool marked_dead(const struct segment *segment, uint32_t i) {
    return (__atomic_load_n(&segment->dead[i / 64], __ATOMIC_ACQUIRE) >> (i % 64)) & 1;
}

bool vec_segment_live(const struct segment *segment, uint32_t i) {
    bool made_live = segment->flat ? vec_flat_live(segment->flat, i) : vec_hnsw_live(segment->graph, i);
    return made_live && !marked_dead(segment, i);
}

static void mark_dead(struct segment *segment, uint32_t i) {
    __atomic_fetch_or(&segment->dead[i / 64], (uint64_t)1 << (i % 64), __ATOMIC_RELEASE);
    __atomic_fetch_add(&segment->dead_count, 1, __ATOMIC_RELEASE);
}

/* What died in `old` while `segment`, which holds its rows too, was made. */
static void take_over_dead(struct segment *segment, const struct segment *old) {
    for (uint32_t word = 0; word <= old->n / 64; word++) {
        uint64_t bits = __atomic_load_n(&old->dead[word], __ATOMIC_ACQUIRE);
        for (; bits; bits &= bits - 1) {
            uint32_t i = old->first - segment->first + word * 64 + (uint32_t)__builtin_ctzll(bits);
            if (vec_segment_live(segment, i))
                mark_dead(segment, i);
        }
    }
}

/* With view_lock held; returns the segments that no view lists any more, to be freed without it: unmapping takes time. */
static struct segment *release_locked(struct view *view) {
    struct segment *unused = NULL;
    if (--view->refs)
        return NULL;
    for (size_t i = 0; i < view->n; i++) {
        struct segment *segment = view->segments[i];
        if (--segment->refs)
            continue;
        segment->next_unused = unused;
        unused = segment;
    }
    lh_free(view);
    return unused;
}

static void free_unused(struct segment *unused) {
    while (unused) {
        struct segment *next = unused->next_unused;
        vec_segment_free(unused);
        unused = next;
    }
}

struct view *vec_view_take(struct vec_index *index) {
    pthread_mutex_lock(&index->view_lock);
    struct view *view = index->view;
    view->refs++;
    pthread_mutex_unlock(&index->view_lock);
    return view;
}

void vec_view_release(struct vec_index *index, struct view *view) {
    pthread_mutex_lock(&index->view_lock);
    struct segment *unused = release_locked(view);
    pthread_mutex_unlock(&index->view_lock);
    free_unused(unused);
}

void vec_view_publish(struct vec_index *index, size_t begin, size_t end, struct segment *segment) {
    pthread_mutex_lock(&index->view_lock);
    struct view *old = index->view;
    struct view *view = lh_calloc(1, sizeof *view + (old->n + 1) * sizeof(struct segment *));
    for (size_t i = 0; i < begin; i++)
        view->segments[view->n++] = old->segments[i];
    for (size_t i = begin; i < end; i++)
        take_over_dead(segment, old->segments[i]);
    view->segments[view->n++] = segment;
    for (size_t i = end; i < old->n; i++)
        view->segments[view->n++] = old->segments[i];
    for (size_t i = 0; i < view->n; i++)
        view->segments[i]->refs++;
    view->refs = 1;
    view->number = old->number + 1;
    index->view = view;
    __atomic_store_n(&index->view_number, view->number, __ATOMIC_RELEASE);
    struct segment *unused = release_locked(old);
    pthread_mutex_unlock(&index->view_lock);
    free_unused(unused);
}

uint32_t vec_view_rows(const struct view *view) {
    return view->n ? view->segments[view->n - 1]->first + view->segments[view->n - 1]->n : 0;
}

static struct segment *segment_of(const struct view *view, uint32_t id) {
    for (size_t i = 0; i < view->n; i++)
        if (id - view->segments[i]->first < view->segments[i]->n)
            return view->segments[i];
    return NULL;
}

/* ---- life ---- */

enum lh_code vec_index_new(struct os *os, const char *folder, const struct vec_index_config *config,
                           struct vec_index **ret_index, struct lh_err *err) {
    const struct vec_rows none = {.d = config->d};
    const struct vec_flat_config flat = {.metric = config->metric, .seed = config->seed, .threads = 1};
    struct vec_flat *empty = NULL;
    LH_TRY(vec_flat_new(&none, &flat, &empty, err));
    struct vec_index *index = lh_calloc(1, sizeof *index);
    index->os = os;
    index->folder = lh_strdup(folder);
    index->config = *config;
    index->empty = empty;
    index->next_number = 1;
    index->view = lh_calloc(1, sizeof *index->view);
    index->view->refs = 1;
    pthread_mutex_init(&index->files_lock, NULL);
    pthread_mutex_init(&index->append_lock, NULL);
    pthread_mutex_init(&index->view_lock, NULL);
    *ret_index = index;
    return LH_OK;
}

void vec_index_close(struct vec_index *index) {
    if (!index)
        return;
    free_unused(release_locked(index->view));
    vec_flat_free(index->empty);
    pthread_mutex_destroy(&index->files_lock);
    pthread_mutex_destroy(&index->append_lock);
    pthread_mutex_destroy(&index->view_lock);
    lh_free(index->folder);
    lh_free(index);
}

enum lh_code vec_index_delete(struct vec_index *index, uint32_t id, struct lh_err *err) {
    pthread_mutex_lock(&index->view_lock);
    struct segment *segment = segment_of(index->view, id);
    bool there = segment && vec_segment_live(segment, id - segment->first);
    if (there)
        mark_dead(segment, id - segment->first);
    pthread_mutex_unlock(&index->view_lock);
    return there ? LH_OK : lh_fail(err, LH_NOT_FOUND, "there is no row %u", id);
}

static void add_stats(const struct segment *segment, struct vec_index_stats *stats) {
    stats->rows += segment->n;
    stats->segments++;
    stats->deleted += __atomic_load_n(&segment->dead_count, __ATOMIC_ACQUIRE);
    if (segment->flat) {
        stats->flat_rows += segment->n;
        stats->index_bytes += vec_flat_bytes(segment->flat);
        for (uint32_t i = 0; i < segment->n; i++)
            stats->deleted += !vec_flat_live(segment->flat, i);
    } else {
        struct vec_hnsw_stats graph;
        vec_hnsw_stats(segment->graph, &graph);
        stats->graph_rows += segment->n;
        stats->index_bytes += graph.graph_bytes;
        stats->deleted += graph.deleted;
    }
    if (!__atomic_load_n(&segment->number, __ATOMIC_ACQUIRE))
        stats->unsaved_rows += segment->n;
}

void vec_index_stats(struct vec_index *index, struct vec_index_stats *ret_stats) {
    struct view *view = vec_view_take(index);
    *ret_stats = (struct vec_index_stats){0};
    for (size_t i = 0; i < view->n; i++)
        add_stats(view->segments[i], ret_stats);
    vec_view_release(index, view);
}

void vec_index_config(const struct vec_index *index, struct vec_index_config *ret_config) {
    *ret_config = index->config;
}

bool vec_index_wants_merge(struct vec_index *index) {
    struct view *view = vec_view_take(index);
    uint32_t rows = vec_view_rows(view);
    uint32_t flat_rows = 0;
    bool many_dead = false; /* in a graph, where every walk passes through them; a scan does not see its own */
    for (size_t i = 0; i < view->n; i++) {
        const struct segment *segment = view->segments[i];
        flat_rows += segment->flat ? segment->n : 0;
        many_dead |= segment->graph && __atomic_load_n(&segment->dead_count, __ATOMIC_ACQUIRE) > segment->n / 5;
    }
    vec_view_release(index, view);
    return many_dead || (vec_index_wants_graph(index, rows) && flat_rows > MOST_UNMERGED);
}

/* ---- search ---- */

struct vec_index_reader {
    struct vec_index *index;
    struct view *view;
    struct vec_hnsw_cursor *cursor; /* of the view's graph; NULL: it has none */
    struct vec_searcher *searcher;
    uint64_t *mask; /* of one segment: what filter and deletions leave */
    size_t mask_words;
    struct vec_hit *more, *merged; /* k each */
    uint32_t k;
};

static struct vec_hnsw *graph_of(const struct view *view) {
    return view->n ? view->segments[0]->graph : NULL;
}

/* On to the newest view. */
static void refresh(struct vec_index_reader *reader) {
    if (reader->view->number == __atomic_load_n(&reader->index->view_number, __ATOMIC_ACQUIRE))
        return;
    struct view *view = vec_view_take(reader->index);
    if (graph_of(view) != graph_of(reader->view)) {
        vec_hnsw_cursor_free(reader->cursor);
        reader->cursor = graph_of(view) ? vec_hnsw_cursor_new(graph_of(view)) : NULL;
    }
    vec_view_release(reader->index, reader->view);
    reader->view = view;
}

struct vec_index_reader *vec_index_reader_new(struct vec_index *index) {
    struct vec_index_reader *reader = lh_calloc(1, sizeof *reader);
    reader->index = index;
    reader->view = vec_view_take(index);
    reader->cursor = graph_of(reader->view) ? vec_hnsw_cursor_new(graph_of(reader->view)) : NULL;
    reader->searcher = vec_flat_searcher_new(index->empty);
    return reader;
}

void vec_index_reader_free(struct vec_index_reader *reader) {
    if (!reader)
        return;
    vec_hnsw_cursor_free(reader->cursor);
    vec_searcher_free(reader->searcher);
    vec_view_release(reader->index, reader->view);
    lh_free(reader->mask);
    lh_free(reader->more);
    lh_free(reader->merged);
    lh_free(reader);
}

static uint64_t filter_word(const struct vec_index_search *search, size_t word) {
    if (word * 64 >= search->bitmap_ids)
        return 0;
    size_t left = search->bitmap_ids - word * 64;
    return left < 64 ? search->bitmap[word] & (((uint64_t)1 << left) - 1) : search->bitmap[word];
}

/* The filter's bits of the ids from `at` on. */
static uint64_t filter_bits(const struct vec_index_search *search, size_t at) {
    unsigned shift = at % 64;
    uint64_t low = filter_word(search, at / 64) >> shift;
    return shift ? low | filter_word(search, at / 64 + 1) << (64 - shift) : low;
}

/* Which of a segment's rows may be returned; NULL: all.  *ret_any: whether there is one. */
static const uint64_t *mask_of(struct vec_index_reader *reader, const struct segment *segment,
                               const struct vec_index_search *search, bool *ret_any) {
    *ret_any = true;
    if (!search->bitmap && !__atomic_load_n(&segment->dead_count, __ATOMIC_ACQUIRE))
        return NULL;
    size_t words = (size_t)segment->n / 64 + 1;
    if (words > reader->mask_words) {
        reader->mask = lh_realloc(reader->mask, words * sizeof *reader->mask);
        reader->mask_words = words;
    }
    uint64_t any = 0;
    for (size_t w = 0; w < words; w++) {
        uint64_t bits = search->bitmap ? filter_bits(search, segment->first + 64 * w) : UINT64_MAX;
        reader->mask[w] = bits & ~__atomic_load_n(&segment->dead[w], __ATOMIC_ACQUIRE);
        any |= reader->mask[w];
    }
    *ret_any = any != 0;
    return reader->mask;
}

/* Two lists, each nearest first, to the k nearest of both. */
static size_t merge_hits(struct vec_index_reader *reader, struct vec_hit *hits, size_t n, size_t n_more, size_t k) {
    size_t taken = 0, a = 0, b = 0;
    while (taken < k && (a < n || b < n_more)) {
        bool first =
            b == n_more || (a < n && hits[a].dist <= reader->more[b].dist); /* later segments have larger ids */
        reader->merged[taken++] = first ? hits[a++] : reader->more[b++];
    }
    memcpy(hits, reader->merged, taken * sizeof *hits);
    return taken;
}

/* The nearest of a segment's rows into ret_hits; of a later segment only those that may be among the k nearest. */
static size_t search_segment(struct vec_index_reader *reader, const struct segment *segment, const float *query,
                             const struct vec_index_search *search, float radius, struct vec_hit *ret_hits) {
    bool any = true;
    const uint64_t *mask = mask_of(reader, segment, search, &any);
    if (!any)
        return 0;
    if (segment->graph) {
        const struct vec_filter filter = {.bitmap = mask, .bitmap_ids = segment->n};
        const struct vec_hnsw_search walk = {
            .k = search->k, .ef = search->ef, .patience = search->patience, .filter = mask ? &filter : NULL};
        return vec_hnsw_search(reader->cursor, query, &walk, ret_hits);
    }
    float epsilon = radius < INFINITY ? EPSILON_BESIDE : EPSILON_ALONE;
    const struct vec_search scan = {
        .k = search->k, .epsilon = search->epsilon > 0 ? search->epsilon : epsilon, .allowed = mask};
    return vec_flat_search_range(segment->flat, reader->searcher, query, radius, &scan, ret_hits, search->k);
}

size_t vec_index_search(struct vec_index_reader *reader, const float *query, const struct vec_index_search *search,
                        struct vec_hit *ret_hits) {
    if (search->k == 0)
        return 0;
    refresh(reader);
    if (search->k > reader->k) {
        reader->more = lh_realloc(reader->more, search->k * sizeof *reader->more);
        reader->merged = lh_realloc(reader->merged, search->k * sizeof *reader->merged);
        reader->k = search->k;
    }
    size_t found = 0;
    for (size_t i = 0; i < reader->view->n; i++) {
        const struct segment *segment = reader->view->segments[i];
        float radius = found == search->k ? ret_hits[found - 1].dist : INFINITY;
        size_t more = search_segment(reader, segment, query, search, radius, reader->more);
        for (size_t j = 0; j < more; j++)
            reader->more[j].id += segment->first;
        found = merge_hits(reader, ret_hits, found, more, search->k);
    }
    return found;
}

const float *vec_index_row(struct vec_index_reader *reader, uint32_t id) {
    refresh(reader);
    const struct segment *segment = segment_of(reader->view, id);
    if (!segment || !vec_segment_live(segment, id - segment->first))
        return NULL;
    if (segment->graph)
        return vec_hnsw_row(segment->graph, id - segment->first);
    return vec_row(vec_flat_rows(segment->flat), id - segment->first);
}

/* ---- target recall ---- */

enum lh_code vec_index_tune(struct vec_index *index, uint32_t k, double target, struct vec_index_search *ret_search,
                            double *ret_recall, struct lh_err *err) {
    struct view *view = vec_view_take(index);
    struct vec_index_search search = {.k = k};
    double recall = 1;
    enum lh_code code = LH_OK;
    if (graph_of(view)) {
        struct vec_hnsw_tuning tuning;
        code = vec_hnsw_tune(graph_of(view), NULL, k, target, index->config.threads, &tuning, err);
        if (code == LH_OK) {
            search.ef = tuning.search.ef;
            search.patience = tuning.search.patience;
            recall = tuning.recall;
        }
    } else {
        struct vec_scan_tuning tuning;
        const struct vec_flat *flat = view->n ? view->segments[0]->flat : index->empty;
        code = vec_flat_tune(flat, NULL, k, target, index->config.threads, &tuning, err);
        if (code == LH_OK) {
            search.epsilon = tuning.search.epsilon;
            recall = tuning.recall;
        }
    }
    vec_view_release(index, view);
    LH_TRY(code);
    *ret_search = search;
    *ret_recall = recall;
    return LH_OK;
}
