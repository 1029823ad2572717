/* The folder of a growing index: `index.vec` and the segments' files that it names (docs/formats/vector-file.md).
 *
 * A save writes segment files first and index.vec last, each synced before it has its name; what index.vec does not name is
 * an earlier state's, or a crash's, and is removed by the next save.  Who opens beside a save may read an index.vec whose
 * files are just being removed, and then reads it anew. */
#include "vector/index_internal.h"

#include "base/alloc.h"
#include "base/cleanup.h"
#include "os/file.h"
#include "os/os.h"
#include "vector/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

enum { OPEN_TRIES = 3, NAME_LEN = 20 /* 16 digits and .vec */ };

struct meta {
    uint32_t kind; /* enum vec_index_kind */
    uint32_t m, ef_construction;
    uint32_t segments;
    uint64_t next_number;
};
_Static_assert(sizeof(struct meta) == 24, "no padding");

struct listed {
    uint64_t number;
    uint32_t first, n;
    uint32_t is_graph;
    uint32_t identity; /* 0: an older program wrote it, which did not ask */
};
_Static_assert(sizeof(struct listed) == 24, "no padding");

static char *head_path(const char *folder) {
    return lh_asprintf("%s/index.vec", folder);
}

char *vec_index_path(const struct vec_index *index, uint64_t number) {
    return lh_asprintf("%s/%016llx.vec", index->folder, (unsigned long long)number);
}

enum lh_code vec_index_claim(struct os *os, const char *folder, struct lh_err *err) {
    LH_AUTO(mem) char *path = head_path(folder);
    struct os_stat stat;
    struct lh_err ignored;
    LH_TRY(os_mkdir_all(os, AT_FDCWD, folder, 0755, err));
    if (os_stat_at(os, AT_FDCWD, path, &stat, &ignored) == LH_OK)
        return lh_fail(err, LH_EXISTS, "%s holds a vector index already", folder);
    return LH_OK;
}

static enum lh_code read_identity(const struct vec_index *index, const char *path, uint32_t *ret_identity,
                                  struct lh_err *err) {
    LH_AUTO(vec_file) struct vec_file *file = NULL;
    LH_TRY(vec_file_open(index->os, path, &file, err));
    *ret_identity = vec_file_identity(file);
    return LH_OK;
}

/* ---- saving ---- */

static enum lh_code save_segment(struct vec_index *index, struct segment *segment, struct lh_err *err) {
    if (segment->number)
        return LH_OK;
    uint64_t number = index->next_number++;
    LH_AUTO(mem) char *path = vec_index_path(index, number);
    LH_TRY(vec_flat_save(segment->flat, index->os, path, true, err));
    LH_TRY(read_identity(index, path, &segment->identity, err));
    __atomic_store_n(&segment->number, number, __ATOMIC_RELEASE);
    return LH_OK;
}

static enum lh_code write_head(struct vec_index *index, const struct view *view, struct lh_err *err) {
    LH_AUTO(mem) char *path = head_path(index->folder);
    LH_AUTO(vec_file_writer) struct vec_file_writer *writer = NULL;
    const struct vec_index_config *config = &index->config;
    uint32_t n = vec_view_rows(view);
    size_t words = ((size_t)n + 63) / 64;
    LH_AUTO(mem) uint64_t *dead = lh_calloc(words + 1, sizeof *dead);
    LH_AUTO(mem) struct listed *list = lh_calloc(view->n + 1, sizeof *list);
    for (size_t s = 0; s < view->n; s++) {
        const struct segment *segment = view->segments[s];
        list[s] = (struct listed){.number = segment->number,
                                  .first = segment->first,
                                  .n = segment->n,
                                  .is_graph = segment->graph != NULL,
                                  .identity = segment->identity};
        for (uint32_t i = 0; i < segment->n; i++)
            if (!vec_segment_live(segment, i))
                dead[(segment->first + i) / 64] |= (uint64_t)1 << ((segment->first + i) % 64);
    }
    const struct vec_file_head head = {
        .kind = VEC_FILE_INDEX, .metric = config->metric, .d = config->d, .n = n, .seed = config->seed};
    const struct meta meta = {.kind = config->kind,
                              .m = config->m,
                              .ef_construction = config->ef_construction,
                              .segments = (uint32_t)view->n,
                              .next_number = index->next_number};
    LH_TRY(vec_file_writer_new(index->os, path, &head, &writer, err));
    LH_TRY(vec_file_append(writer, "META", &meta, sizeof meta, err));
    LH_TRY(vec_file_append(writer, "SEGS", list, view->n * sizeof *list, err));
    LH_TRY(vec_file_append(writer, "DELE", dead, words * sizeof *dead, err));
    return vec_file_commit(writer, err);
}

/* `name` is a segment's that the view does not list, or what a writer left that did not come to its end. */
static bool is_stale(const struct view *view, const char *name) {
    size_t len = strlen(name);
    if (len > 4 && strcmp(name + len - 4, ".tmp") == 0 && strstr(name, ".vec."))
        return true;
    if (len != NAME_LEN || strcmp(name + 16, ".vec") != 0)
        return false;
    for (size_t s = 0; s < view->n; s++) {
        char listed[NAME_LEN + 1];
        snprintf(listed, sizeof listed, "%016llx.vec", (unsigned long long)view->segments[s]->number);
        if (strcmp(listed, name) == 0)
            return false;
    }
    return true;
}

/* A file that cannot be removed is removed by a later save. */
static void sweep(const struct vec_index *index, const struct view *view) {
    char **names = NULL;
    size_t count = 0;
    struct lh_err ignored;
    if (os_list_dir(index->os, AT_FDCWD, index->folder, 0, &names, &count, &ignored) != LH_OK)
        return;
    for (size_t i = 0; i < count; i++) {
        LH_AUTO(mem) char *path = lh_asprintf("%s/%s", index->folder, names[i]);
        if (is_stale(view, names[i]))
            lh_ignore(os_unlink(index->os, AT_FDCWD, path, &ignored));
    }
    os_list_free(names, count);
}

enum lh_code vec_index_save_view(struct vec_index *index, const struct view *view, struct lh_err *err) {
    for (size_t i = 0; i < view->n; i++)
        LH_TRY(save_segment(index, view->segments[i], err));
    LH_TRY(write_head(index, view, err));
    sweep(index, view);
    return LH_OK;
}

enum lh_code vec_index_save(struct vec_index *index, struct lh_err *err) {
    pthread_mutex_lock(&index->files_lock);
    struct view *view = vec_view_take(index);
    enum lh_code code = vec_index_save_view(index, view, err);
    vec_view_release(index, view);
    pthread_mutex_unlock(&index->files_lock);
    return code;
}

/* ---- opening ---- */

static enum lh_code open_content(const struct vec_index *index, const char *path, bool graph, struct segment *segment,
                                 struct lh_err *err) {
    if (graph)
        return vec_hnsw_open(index->os, path, &(struct vec_hnsw_open){0}, &segment->graph, err);
    return vec_flat_open(index->os, path, NULL, &segment->flat, err);
}

static bool has_shape(const struct vec_index *index, const struct segment *segment) {
    if (segment->flat) {
        const struct vec_rows *rows = vec_flat_rows(segment->flat);
        return rows->n == segment->n && rows->d == index->config.d &&
               vec_flat_metric(segment->flat) == index->config.metric &&
               vec_flat_seed(segment->flat) == index->config.seed;
    }
    struct vec_hnsw_config config;
    vec_hnsw_config(segment->graph, &config);
    return vec_hnsw_count(segment->graph) == segment->n && config.d == index->config.d &&
           config.metric == index->config.metric && vec_hnsw_holds_rows(segment->graph);
}

enum lh_code vec_segment_open(const struct vec_index *index, uint64_t number, uint32_t first, uint32_t n, bool graph,
                              struct segment **ret_segment, struct lh_err *err) {
    LH_AUTO(mem) char *path = vec_index_path(index, number);
    struct segment *segment = vec_segment_new(first, n);
    segment->number = number;
    enum lh_code code = read_identity(index, path, &segment->identity, err);
    if (code == LH_OK)
        code = open_content(index, path, graph, segment, err);
    if (code == LH_OK && !has_shape(index, segment))
        code = lh_fail(err, LH_CORRUPT, "%s is no segment of this index: it has another shape", path);
    if (code != LH_OK) {
        vec_segment_free(segment);
        return code;
    }
    *ret_segment = segment;
    return LH_OK;
}

static enum lh_code open_segments(struct vec_index *index, const struct vec_file *file, uint32_t count,
                                  struct lh_err *err) {
    const void *data = NULL;
    uint64_t rows = vec_file_head(file)->n;
    uint64_t first = 0;
    LH_TRY(vec_file_section(file, "SEGS", count * sizeof(struct listed), &data, err));
    for (uint32_t s = 0; s < count; s++) {
        struct listed listed;
        struct segment *segment = NULL;
        memcpy(&listed, (const char *)data + s * sizeof listed, sizeof listed);
        if (listed.first != first || listed.n == 0 || listed.n > rows - first || listed.number == 0 ||
            listed.number >= index->next_number || (listed.is_graph && s > 0))
            return lh_fail(err, LH_CORRUPT, "segment %u of the index cannot be", s);
        LH_TRY(vec_segment_open(index, listed.number, listed.first, listed.n, listed.is_graph != 0, &segment, err));
        if (listed.identity && segment->identity != listed.identity) {
            vec_segment_free(segment);
            return lh_fail(err, LH_CORRUPT, "%016llx.vec is not the segment that the index has written",
                           (unsigned long long)listed.number);
        }
        vec_view_publish(index, s, s, segment);
        first += listed.n;
    }
    if (first != rows)
        return lh_fail(err, LH_CORRUPT, "the segments of the index do not hold all of its rows");
    return LH_OK;
}

static enum lh_code bury(struct vec_index *index, const struct vec_file *file, struct lh_err *err) {
    const void *data = NULL;
    uint64_t n = vec_file_head(file)->n;
    size_t words = (size_t)(n + 63) / 64;
    LH_TRY(vec_file_section(file, "DELE", words * sizeof(uint64_t), &data, err));
    for (size_t w = 0; w < words; w++) {
        uint64_t bits;
        memcpy(&bits, (const char *)data + w * sizeof bits, sizeof bits);
        for (; bits; bits &= bits - 1) {
            struct lh_err dead_before;
            lh_ignore(vec_index_delete(index, (uint32_t)(64 * w) + (uint32_t)__builtin_ctzll(bits), &dead_before));
        }
    }
    return LH_OK;
}

static enum lh_code fill(struct vec_index *index, const struct vec_file *file, const struct meta *meta,
                         struct lh_err *err) {
    index->next_number = meta->next_number;
    LH_TRY(open_segments(index, file, meta->segments, err));
    return bury(index, file, err);
}

static enum lh_code open_once(struct os *os, const char *folder, unsigned threads, struct vec_index **ret_index,
                              struct lh_err *err) {
    LH_AUTO(mem) char *path = head_path(folder);
    LH_AUTO(vec_file) struct vec_file *file = NULL;
    struct vec_index *index = NULL;
    const void *data = NULL;
    struct meta meta;
    LH_TRY(vec_file_open(os, path, &file, err));
    const struct vec_file_head *head = vec_file_head(file);
    if (head->kind != VEC_FILE_INDEX)
        return lh_fail(err, LH_CORRUPT, "%s lists no segments", path);
    LH_TRY(vec_file_verify(file, err)); /* it is small, and names everything */
    LH_TRY(vec_file_section(file, "META", sizeof meta, &data, err));
    memcpy(&meta, data, sizeof meta);
    if (meta.kind > VEC_INDEX_GRAPH || head->n > VEC_HNSW_MAX_ROWS || meta.segments > head->n)
        return lh_fail(err, LH_CORRUPT, "%s has parameters that cannot be", path);
    const struct vec_index_config config = {.d = head->d,
                                            .metric = head->metric,
                                            .kind = (enum vec_index_kind)meta.kind,
                                            .m = meta.m,
                                            .ef_construction = meta.ef_construction,
                                            .seed = head->seed,
                                            .threads = threads};
    LH_TRY(vec_index_new(os, folder, &config, &index, err));
    enum lh_code code = fill(index, file, &meta, err);
    if (code != LH_OK) {
        vec_index_close(index);
        return code;
    }
    *ret_index = index;
    return LH_OK;
}

enum lh_code vec_index_open(struct os *os, const char *folder, unsigned threads, struct vec_index **ret_index,
                            struct lh_err *err) {
    enum lh_code code = LH_OK;
    for (int tries = 0; tries < OPEN_TRIES; tries++) {
        code = open_once(os, folder, threads, ret_index, err);
        if (code != LH_NOT_FOUND)
            break;
    }
    return code;
}
