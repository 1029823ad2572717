/* A graph to and from a file: the arrays of hnsw_internal.h as they stand, one section each
 * (docs/formats/vector-file.md).  A mapped graph is those sections in place.
 *
 * Damage.  Opening reads and checks everything but links, nodes and rows; the pages of links and nodes are checked as walks
 * read them (vector/guard.h), and where one is damaged, searches measure every row from then on (hnsw_search.c).  Against
 * files that were made to deceive, sums and all: ids out of range are skipped by every walk (rule 4), lists above level 0 are
 * looked up with a bound, floats that are not finite only spoil distances. */
#include "vector/hnsw_internal.h"

#include "base/cleanup.h"
#include "vector/file.h"
#include "vector/rows_mark.h"

#include <math.h>
#include <string.h>

struct meta {
    uint32_t m, ef_construction;
    uint32_t count, dead_count;
    uint32_t upper_count, padded;
    uint64_t stride;
    uint64_t entry;
    uint32_t exact; /* 1: walks need the full rows */
    uint32_t zero;
};
_Static_assert(sizeof(struct meta) == 48, "no padding");

struct sections {
    struct meta meta;
    const uint8_t *nodes;
    const uint32_t *links, *upper, *live;
    const uint32_t *twins; /* NULL: there are none */
    const float *rows;     /* NULL: not in the file */
};

static size_t live_bytes(uint64_t count) {
    return (size_t)((count + 31) / 32 * sizeof(uint32_t));
}

static enum lh_code append_rows(const struct vec_hnsw *graph, struct vec_file_writer *writer, struct lh_err *err) {
    size_t row = graph->code.d * sizeof(float);
    size_t borrowed = graph->borrowed_count < graph->count ? graph->borrowed_count : graph->count;
    if (!vec_hnsw_has_rows(graph))
        return lh_fail(err, LH_INVALID, "this graph was opened without its rows, so they cannot be saved");
    LH_TRY(vec_file_append(writer, "ROWS", graph->borrowed, borrowed * row, err));
    return vec_file_append(writer, "ROWS", graph->own, (graph->count - borrowed) * row, err);
}

static const float *full_row(const void *graph, size_t i) {
    return vec_hnsw_row_of(graph, (uint32_t)i);
}

enum lh_code vec_hnsw_save(const struct vec_hnsw *graph, struct os *os, const char *path, bool with_rows,
                           struct lh_err *err) {
    LH_AUTO(vec_file_writer) struct vec_file_writer *writer = NULL;
    const struct vec_graph_code *code = &graph->code;
    uint64_t n = graph->count;
    const struct vec_file_head head = {
        .kind = VEC_FILE_HNSW, .metric = code->metric, .d = code->d, .n = n, .seed = graph->seed};
    const struct meta meta = {
        .m = graph->m,
        .ef_construction = graph->ef_construction,
        .count = graph->count,
        .dead_count = graph->dead_count,
        .upper_count = graph->upper_count < graph->upper_capacity ? graph->upper_count : graph->upper_capacity,
        .padded = code->padded,
        .stride = code->stride,
        .entry = graph->entry,
        .exact = graph->coarse,
    };
    LH_TRY(vec_file_writer_new(os, path, &head, &writer, err));
    LH_TRY(vec_file_append(writer, "META", &meta, sizeof meta, err));
    LH_TRY(vec_file_append(writer, "ORIG", code->origin, code->padded * sizeof(float), err));
    LH_TRY(vec_file_append(writer, "LIVE", graph->live, live_bytes(n), err));
    if (graph->twin_count)
        LH_TRY(vec_file_append(writer, "TWIN", graph->twins, (size_t)n * sizeof(uint32_t), err));
    LH_TRY(vec_file_append(writer, "UPPR", graph->upper, (size_t)meta.upper_count * graph->m * sizeof(uint32_t), err));
    LH_TRY(vec_file_append(writer, "LINK", graph->links, (size_t)n * graph->degree * sizeof(uint32_t), err));
    LH_TRY(vec_file_append_sums(writer, "LSUM", err));
    LH_TRY(vec_file_append(writer, "NODE", graph->nodes, (size_t)n * code->stride, err));
    LH_TRY(vec_file_append_sums(writer, "NSUM", err));
    if (with_rows)
        LH_TRY(append_rows(graph, writer, err));
    else if (vec_hnsw_holds_rows(graph))
        LH_TRY(vec_mark_append(writer, n, code->d, full_row, graph, err));
    return vec_file_commit(writer, err);
}

static enum lh_code read_meta(const struct vec_file *file, struct meta *ret_meta, struct lh_err *err) {
    const struct vec_file_head *head = vec_file_head(file);
    const void *data = NULL;
    struct meta meta;
    if (head->kind != VEC_FILE_HNSW)
        return lh_fail(err, LH_CORRUPT, "the index file holds no graph");
    LH_TRY(vec_file_section(file, "META", sizeof meta, &data, err));
    memcpy(&meta, data, sizeof meta);
    if (meta.count != head->n || meta.count > VEC_HNSW_MAX_ROWS || meta.dead_count > meta.count || meta.m < 2 ||
        meta.m > VEC_HNSW_MAX_M || meta.ef_construction == 0 || meta.ef_construction > VEC_HNSW_MAX_EF)
        return lh_fail(err, LH_CORRUPT, "the graph's parameters in the index file cannot be");
    if (meta.entry != VEC_HNSW_NO_ENTRY &&
        (vec_entry_id(meta.entry) >= meta.count || vec_entry_level(meta.entry) > VEC_HNSW_TOP_LEVEL))
        return lh_fail(err, LH_CORRUPT, "the graph's entry in the index file is not one of its nodes");
    *ret_meta = meta;
    return LH_OK;
}

static enum lh_code read_sections(const struct vec_file *file, const struct vec_graph_code *code,
                                  struct sections *sections, struct lh_err *err) {
    const struct meta *meta = &sections->meta;
    const void *data = NULL;
    if (meta->padded != code->padded || meta->stride != code->stride)
        return lh_fail(err, LH_CORRUPT, "the graph's nodes in the index file do not have the size of its dimensions");
    LH_TRY(vec_file_section(file, "LIVE", live_bytes(meta->count), &data, err));
    sections->live = data;
    LH_TRY(vec_file_section(file, "UPPR", (uint64_t)meta->upper_count * meta->m * sizeof(uint32_t), &data, err));
    sections->upper = data;
    LH_TRY(vec_file_map_section(file, "LINK", (uint64_t)meta->count * meta->m * 2 * sizeof(uint32_t), &data, err));
    sections->links = data;
    LH_TRY(vec_file_map_section(file, "NODE", (uint64_t)meta->count * meta->stride, &data, err));
    sections->nodes = data;
    uint64_t bytes = 0;
    if (vec_file_find(file, "TWIN", &bytes)) {
        LH_TRY(vec_file_section(file, "TWIN", (uint64_t)meta->count * sizeof(uint32_t), &data, err));
        sections->twins = data;
    }
    if (vec_file_find(file, "ROWS", &bytes)) {
        LH_TRY(vec_file_map_section(file, "ROWS", (uint64_t)meta->count * code->d * sizeof(float), &data, err));
        sections->rows = data;
    }
    return LH_OK;
}

/* The sections in place.  Nothing is written through these pointers: inserts and deletions ask `mapped` first. */
static void adopt(struct vec_hnsw *graph, const struct sections *sections) {
    graph->mapped = true;
    graph->capacity = sections->meta.count;
    graph->upper_capacity = sections->meta.upper_count;
    graph->nodes = (uint8_t *)(uintptr_t)sections->nodes;
    graph->links = (uint32_t *)(uintptr_t)sections->links;
    graph->upper = (uint32_t *)(uintptr_t)sections->upper;
    graph->live = (uint32_t *)(uintptr_t)sections->live;
    graph->twins = (uint32_t *)(uintptr_t)sections->twins;
}

static uint32_t count_twins(const struct sections *sections) {
    uint32_t n = 0;
    for (uint32_t id = 0; sections->twins && id < sections->meta.count; id++)
        n += sections->twins[id] >> 31;
    return n;
}

static enum lh_code copy(struct vec_hnsw *graph, const struct vec_file *file, const struct sections *sections,
                         struct lh_err *err) {
    const struct meta *meta = &sections->meta;
    struct vec_hnsw_report report;
    LH_TRY(vec_file_verify(file, err));
    if (meta->upper_count > graph->upper_capacity)
        return lh_fail(err, LH_CORRUPT, "the graph in the index file has more lists than nodes can have");
    memcpy(graph->nodes, sections->nodes, (size_t)meta->count * graph->code.stride);
    memcpy(graph->links, sections->links, (size_t)meta->count * graph->degree * sizeof(uint32_t));
    memcpy(graph->upper, sections->upper, (size_t)meta->upper_count * graph->m * sizeof(uint32_t));
    memcpy(graph->live, sections->live, live_bytes(meta->count));
    if (sections->twins)
        memcpy(graph->twins, sections->twins, meta->count * sizeof *graph->twins);
    return vec_hnsw_check(graph, &report, err);
}

/* A graph of the file's shape with nothing in it yet; `code` is the graph's on success. */
static enum lh_code make_graph(const struct vec_file_head *head, const struct sections *sections,
                               struct vec_graph_code *code, const struct vec_hnsw_open *how,
                               struct vec_hnsw **ret_graph, struct lh_err *err) {
    const struct vec_hnsw_config config = {
        .d = head->d,
        .metric = head->metric,
        .m = sections->meta.m,
        .ef_construction = sections->meta.ef_construction,
        .seed = head->seed,
        .capacity = how->writable ? how->capacity : sections->meta.count,
    };
    const struct vec_rows rows = {
        .data = how->rows ? how->rows : sections->rows, .n = sections->meta.count, .d = head->d};
    return vec_hnsw_new(&config, code, &rows, how->writable, ret_graph, err);
}

static enum lh_code fill(struct vec_hnsw *graph, const struct vec_file *file, struct sections *sections, bool writable,
                         struct lh_err *err) {
    const struct meta *meta = &sections->meta;
    graph->count = meta->count;
    graph->dead_count = meta->dead_count;
    graph->upper_count = meta->upper_count;
    graph->entry = meta->entry;
    graph->twin_count = count_twins(sections);
    graph->coarse = meta->exact != 0;
    graph->exact = graph->coarse && vec_hnsw_has_rows(graph);
    if (writable)
        return copy(graph, file, sections, err);
    adopt(graph, sections);
    LH_TRY(vec_guard_new(file, "LINK", "LSUM", &graph->link_guard, err));
    return vec_guard_new(file, "NODE", "NSUM", &graph->node_guard, err);
}

enum lh_code vec_hnsw_open_file(struct vec_file *file, const struct vec_hnsw_open *how, struct vec_hnsw **ret_graph,
                                struct lh_err *err) {
    const struct vec_file_head *head = vec_file_head(file);
    struct sections sections = {0};
    struct vec_graph_code code;
    struct vec_hnsw *graph = NULL;
    const void *origin = NULL;
    uint64_t padded = ((uint64_t)head->d + 63) / 64 * 64;
    LH_TRY(read_meta(file, &sections.meta, err));
    if (how->rows)
        LH_TRY(vec_mark_check(file, how->rows, err));
    LH_TRY(vec_file_section(file, "ORIG", padded * sizeof(float), &origin, err));
    LH_TRY(vec_graph_code_init_at(&code, head->d, head->metric, head->seed, origin, err));
    enum lh_code status = read_sections(file, &code, &sections, err);
    if (status == LH_OK)
        status = make_graph(head, &sections, &code, how, &graph, err);
    if (status != LH_OK) {
        vec_graph_code_deinit(&code);
        return status;
    }
    status = fill(graph, file, &sections, how->writable, err);
    if (status != LH_OK) {
        vec_hnsw_free(graph);
        return status;
    }
    graph->file = file;
    *ret_graph = graph;
    return LH_OK;
}

enum lh_code vec_hnsw_open(struct os *os, const char *path, const struct vec_hnsw_open *how,
                           struct vec_hnsw **ret_graph, struct lh_err *err) {
    struct vec_file *file = NULL;
    LH_TRY(vec_file_open(os, path, &file, err));
    enum lh_code code = vec_hnsw_open_file(file, how, ret_graph, err);
    if (code != LH_OK) {
        vec_file_close(file);
        return lh_err_context(err, "%s", path);
    }
    return LH_OK;
}
