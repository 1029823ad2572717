#include "vector/flat.h"

#include "base/alloc.h"
#include "base/cleanup.h"
#include "vector/file.h"
#include "vector/parallel.h"
#include "vector/rabitq.h"
#include "vector/rows_mark.h"
#include "vector/searcher_internal.h"

#include <math.h>
#include <string.h>

struct vec_flat {
    struct vec_flat_config config;
    struct vec_rabitq *rq;
    struct vec_rows rows; /* rows.n are encoded */
    float *origin;        /* of the codes: the middle of the first rows that there were */
    uint8_t *blocks;
    float *inverse_lengths; /* cosine only */
    uint64_t *deleted;
    size_t block_bytes, codes_bytes;
    size_t capacity;       /* rows that the arrays hold; whole blocks */
    struct vec_file *file; /* whose map the rows lie in; NULL: they are the caller's */
};

struct vec_searcher *vec_searcher_new(const struct vec_rabitq *rq) {
    struct vec_searcher *searcher = lh_calloc(1, sizeof *searcher);
    searcher->query = vec_rabitq_query_new(rq);
    return searcher;
}

void vec_searcher_free(struct vec_searcher *searcher) {
    if (!searcher)
        return;
    vec_rabitq_query_free(searcher->query);
    vec_candidates_deinit(&searcher->candidates);
    lh_free(searcher->lists);
    lh_free(searcher->scores);
    lh_free(searcher->bytes);
    vec_pq_table_deinit(&searcher->table);
    lh_free(searcher);
}

struct vec_searcher *vec_flat_searcher_new(const struct vec_flat *flat) {
    return vec_searcher_new(flat->rq);
}

/* Room for n rows, whole blocks and words of the bitmap at a time; all or nothing. */
static enum lh_code reserve(struct vec_flat *flat, size_t n, struct lh_err *err) {
    if (n <= flat->capacity)
        return LH_OK;
    size_t capacity = flat->capacity + flat->capacity / 2;
    capacity = ((capacity > n ? capacity : n) + 63) / 64 * 64;
    uint8_t *blocks = lh_try_malloc_aligned(64, capacity / VEC_BLOCK_ROWS * flat->block_bytes);
    float *lengths = lh_try_malloc(capacity * sizeof *lengths);
    uint64_t *deleted = lh_try_malloc(capacity / 8);
    if (!blocks || !lengths || !deleted) {
        lh_free(blocks);
        lh_free(lengths);
        lh_free(deleted);
        return lh_fail(err, LH_NO_MEMORY, "no memory for the codes of %zu vectors", capacity);
    }
    size_t used = flat->capacity;
    if (used) {
        memcpy(blocks, flat->blocks, used / VEC_BLOCK_ROWS * flat->block_bytes);
        memcpy(lengths, flat->inverse_lengths, used * sizeof *lengths);
        memcpy(deleted, flat->deleted, used / 8);
    }
    size_t fresh = (capacity - used) / VEC_BLOCK_ROWS;
    uint8_t *first = blocks + used / VEC_BLOCK_ROWS * flat->block_bytes;
    memset(first, 0, fresh * flat->block_bytes);
    for (size_t b = 0; b < fresh; b++)
        for (unsigned slot = 0; slot < VEC_BLOCK_ROWS; slot++)
            vec_rabitq_block_clear(flat->rq, first + b * flat->block_bytes, slot);
    memset(deleted + used / 64, 0, (capacity - used) / 8);
    lh_free(flat->blocks);
    lh_free(flat->inverse_lengths);
    lh_free(flat->deleted);
    flat->blocks = blocks;
    flat->inverse_lengths = lengths;
    flat->deleted = deleted;
    flat->capacity = capacity;
    return LH_OK;
}

struct encode_job {
    struct vec_flat *flat;
    const struct vec_rows *rows;
    size_t first; /* a multiple of 32: no two pieces share a block */
    size_t begin;
};

static void encode_piece(void *ctx, unsigned worker, size_t begin, size_t end) {
    (void)worker;
    struct encode_job *job = ctx;
    struct vec_flat *flat = job->flat;
    size_t padded = vec_rabitq_padded(flat->rq);
    float *rotated = lh_malloc_aligned(64, (1 + VEC_RABITQ_SCRATCH) * padded * sizeof *rotated);
    uint8_t *code = lh_malloc(flat->codes_bytes);
    for (size_t i = job->first + begin; i < job->first + end; i++) {
        if (i < job->begin)
            continue;
        struct vec_rabitq_factors factors;
        vec_rabitq_rotate_from(flat->rq, vec_row(job->rows, i), flat->origin, rotated);
        vec_rabitq_encode(flat->rq, rotated, NULL, flat->origin, rotated + padded, code, &factors);
        uint8_t *block = flat->blocks + i / VEC_BLOCK_ROWS * flat->block_bytes;
        vec_rabitq_block_put(flat->rq, block, (unsigned)(i % VEC_BLOCK_ROWS), code, &factors);
        flat->inverse_lengths[i] = vec_inverse_length(vec_row(job->rows, i), job->rows->d);
    }
    lh_free(rotated);
    lh_free(code);
}

enum lh_code vec_flat_extend(struct vec_flat *flat, const struct vec_rows *rows, struct lh_err *err) {
    LH_TRY(vec_check_shape(rows, err));
    if (rows->d != flat->rows.d || rows->n < flat->rows.n)
        return lh_fail(err, LH_INVALID, "%zu vectors of %u dimensions do not extend %zu of %u", rows->n, rows->d,
                       flat->rows.n, flat->rows.d);
    const struct vec_rows more = {
        .data = rows->n > flat->rows.n ? vec_row(rows, flat->rows.n) : NULL, .n = rows->n - flat->rows.n, .d = rows->d};
    LH_TRY(vec_check_rows(&more, flat->rows.n, err));
    LH_TRY(reserve(flat, rows->n, err));
    if (flat->rows.n == 0)
        vec_rabitq_origin(flat->rq, rows, flat->origin);
    size_t first = flat->rows.n / VEC_BLOCK_ROWS * VEC_BLOCK_ROWS;
    struct encode_job job = {.flat = flat, .rows = rows, .first = first, .begin = flat->rows.n};
    vec_parallel_for(flat->config.threads, rows->n - first, 32 * VEC_BLOCK_ROWS, encode_piece, &job);
    flat->rows = *rows;
    return LH_OK;
}

/* A flat of no rows; `rows` gives its dimensions. */
static enum lh_code make(const struct vec_rows *rows, const struct vec_flat_config *config, struct vec_flat **ret_flat,
                         struct lh_err *err) {
    struct vec_rabitq *rq = NULL;
    struct vec_rabitq_config codes = {.d = rows->d, .bits = 1, .metric = config->metric, .seed = config->seed};
    LH_TRY(vec_rabitq_new(&codes, &rq, err));
    struct vec_flat *flat = lh_calloc(1, sizeof *flat);
    flat->config = *config;
    flat->rq = rq;
    flat->rows = (struct vec_rows){.data = rows->data, .n = 0, .d = rows->d};
    flat->block_bytes = vec_rabitq_block_bytes(rq);
    flat->codes_bytes = vec_rabitq_code_bytes(rq);
    flat->origin = lh_calloc(vec_rabitq_padded(rq), sizeof *flat->origin);
    *ret_flat = flat;
    return LH_OK;
}

enum lh_code vec_flat_new(const struct vec_rows *rows, const struct vec_flat_config *config, struct vec_flat **ret_flat,
                          struct lh_err *err) {
    LH_TRY(vec_check_shape(rows, err));
    struct vec_flat *flat = NULL;
    LH_TRY(make(rows, config, &flat, err));
    enum lh_code code = vec_flat_extend(flat, rows, err);
    if (code != LH_OK) {
        vec_flat_free(flat);
        return code;
    }
    *ret_flat = flat;
    return LH_OK;
}

void vec_flat_free(struct vec_flat *flat) {
    if (!flat)
        return;
    vec_rabitq_free(flat->rq);
    lh_free(flat->origin);
    lh_free(flat->blocks);
    lh_free(flat->inverse_lengths);
    lh_free(flat->deleted);
    vec_file_close(flat->file);
    lh_free(flat);
}

bool vec_flat_delete(struct vec_flat *flat, uint32_t id) {
    if (id >= flat->rows.n || vec_bit(flat->deleted, id))
        return false;
    flat->deleted[id / 64] |= (uint64_t)1 << (id % 64);
    vec_rabitq_block_clear(flat->rq, flat->blocks + id / VEC_BLOCK_ROWS * flat->block_bytes, id % VEC_BLOCK_ROWS);
    return true;
}

bool vec_flat_live(const struct vec_flat *flat, uint32_t id) {
    return id < flat->rows.n && !vec_bit(flat->deleted, id);
}

const struct vec_rows *vec_flat_rows(const struct vec_flat *flat) {
    return &flat->rows;
}

enum vec_metric vec_flat_metric(const struct vec_flat *flat) {
    return flat->config.metric;
}

uint64_t vec_flat_seed(const struct vec_flat *flat) {
    return flat->config.seed;
}

size_t vec_flat_count(const struct vec_flat *flat) {
    return flat->rows.n;
}

size_t vec_flat_bytes(const struct vec_flat *flat) {
    return flat->capacity / VEC_BLOCK_ROWS * flat->block_bytes + flat->capacity * sizeof(float) + flat->capacity / 8;
}

enum lh_code vec_flat_check(const struct vec_flat *flat, struct vec_scan_report *ret_report, struct lh_err *err) {
    struct vec_scan_report report = {.lists = 1, .longest = (uint32_t)flat->rows.n, .empty = flat->rows.n == 0};
    LH_TRY(vec_check_lengths(&flat->rows, flat->inverse_lengths, err));
    for (uint32_t id = 0; id < flat->rows.n; id++) {
        const uint8_t *block = flat->blocks + id / VEC_BLOCK_ROWS * flat->block_bytes;
        enum vec_slot_state state = vec_rabitq_block_slot(flat->rq, block, id % VEC_BLOCK_ROWS);
        bool live = vec_flat_live(flat, id);
        if (state != (live ? VEC_SLOT_USED : VEC_SLOT_CLEAR))
            return lh_fail(err, LH_CORRUPT, "row %u has factors that cannot be", id);
        report.live += live;
        report.deleted += !live;
    }
    *ret_report = report;
    return LH_OK;
}

/* The k nearest of those nearer than `ceiling`. */
static size_t scan(const struct vec_flat *flat, struct vec_searcher *searcher, const float *query,
                   const struct vec_search *search, size_t k, float ceiling, struct vec_hit *ret_hits,
                   struct vec_search_stats *stats) {
    const struct vec_kernels *kernels = vec_kernels();
    struct vec_candidates *candidates = &searcher->candidates;
    struct vec_rabitq_centre origin;
    struct vec_block_query block_query;
    vec_rabitq_query_set(searcher->query, query, flat->origin);
    vec_rabitq_query_centre(searcher->query, NULL, &origin);
    vec_rabitq_block_query(searcher->query, &origin, search->epsilon > 0 ? search->epsilon : VEC_RABITQ_EPSILON,
                           &block_query);
    vec_candidates_begin(candidates, k, ceiling);
    size_t blocks = (flat->rows.n + VEC_BLOCK_ROWS - 1) / VEC_BLOCK_ROWS;
    for (size_t b = 0; b < blocks; b++) {
        const uint8_t *block = flat->blocks + b * flat->block_bytes;
        const float *factors = (const float *)(const void *)(block + (size_t)VEC_BLOCK_ROWS * flat->codes_bytes);
        float est[VEC_BLOCK_ROWS], low[VEC_BLOCK_ROWS];
        uint32_t mask = kernels->fastscan_b1(&block_query, block, factors, vec_candidates_bar(candidates), est, low);
        if (!mask)
            continue;
        uint32_t ids[VEC_BLOCK_ROWS];
        for (uint32_t i = 0; i < VEC_BLOCK_ROWS; i++)
            ids[i] = (uint32_t)b * VEC_BLOCK_ROWS + i;
        if (search->allowed)
            mask = vec_allowed_of(mask, search->allowed, ids);
        vec_candidates_take(candidates, mask, est, low, ids);
    }
    struct vec_scorer scorer;
    vec_scorer_init(&scorer, &flat->rows, flat->config.metric, flat->inverse_lengths, query);
    *stats = (struct vec_search_stats){.scanned = flat->rows.n};
    return vec_candidates_finish(candidates, &scorer, ret_hits, &stats->scored);
}

size_t vec_flat_search(const struct vec_flat *flat, struct vec_searcher *searcher, const float *query,
                       const struct vec_search *search, struct vec_hit *ret_hits, struct vec_search_stats *ret_stats) {
    struct vec_search_stats stats = {0};
    size_t found = 0;
    if (vec_is_sound(query, flat->rows.d))
        found = scan(flat, searcher, query, search, search->k, INFINITY, ret_hits, &stats);
    if (ret_stats)
        *ret_stats = stats;
    return found;
}

size_t vec_flat_search_range(const struct vec_flat *flat, struct vec_searcher *searcher, const float *query,
                             float radius, const struct vec_search *search, struct vec_hit *ret_hits, size_t max) {
    struct vec_search_stats stats;
    size_t found = 0;
    if (vec_is_sound(query, flat->rows.d))
        found = scan(flat, searcher, query, search, max, nextafterf(radius, INFINITY), ret_hits, &stats);
    while (found && ret_hits[found - 1].dist > radius)
        found--;
    return found;
}

enum lh_code vec_exact_search(const struct vec_rows *rows, enum vec_metric metric, const float *query, size_t k,
                              const uint64_t *allowed, struct vec_hit *ret_hits, size_t *ret_found,
                              struct lh_err *err) {
    LH_TRY(vec_check_shape(rows, err));
    struct vec_topk top;
    vec_topk_init(&top, ret_hits, k);
    for (uint32_t id = 0; id < rows->n; id++) {
        if (allowed && !vec_bit(allowed, id))
            continue;
        float dist = vec_distance(metric, query, vec_row(rows, id), rows->d);
        if (dist <= vec_topk_worst(&top))
            vec_topk_push(&top, dist, id);
    }
    *ret_found = vec_topk_sort(&top);
    return LH_OK;
}

static size_t blocks_bytes(const struct vec_flat *flat, uint64_t n) {
    return (size_t)((n + VEC_BLOCK_ROWS - 1) / VEC_BLOCK_ROWS) * flat->block_bytes;
}

static size_t deleted_bytes(uint64_t n) {
    return (size_t)((n + 63) / 64 * sizeof(uint64_t));
}

enum lh_code vec_flat_save(const struct vec_flat *flat, struct os *os, const char *path, bool with_rows,
                           struct lh_err *err) {
    LH_AUTO(vec_file_writer) struct vec_file_writer *writer = NULL;
    const struct vec_rows *rows = &flat->rows;
    const struct vec_file_head head = {
        .kind = VEC_FILE_FLAT, .metric = flat->config.metric, .d = rows->d, .n = rows->n, .seed = flat->config.seed};
    LH_TRY(vec_file_writer_new(os, path, &head, &writer, err));
    LH_TRY(vec_file_append(writer, "ORIG", flat->origin, vec_rabitq_padded(flat->rq) * sizeof *flat->origin, err));
    LH_TRY(vec_file_append(writer, "DELE", flat->deleted, deleted_bytes(rows->n), err));
    LH_TRY(vec_file_append(writer, "ILEN", flat->inverse_lengths, rows->n * sizeof(float), err));
    LH_TRY(vec_file_append(writer, "BLKS", flat->blocks, blocks_bytes(flat, rows->n), err));
    if (with_rows)
        LH_TRY(vec_file_append(writer, "ROWS", rows->data, rows->n * rows->d * sizeof(float), err));
    else
        LH_TRY(vec_mark_append_rows(writer, rows, err));
    return vec_file_commit(writer, err);
}

/* The sections into the arrays of an empty flat. */
static enum lh_code fill(struct vec_flat *flat, const struct vec_file *file, const float *rows, struct lh_err *err) {
    uint64_t n = vec_file_head(file)->n;
    size_t padded = vec_rabitq_padded(flat->rq);
    const void *origin = NULL;
    const void *deleted = NULL;
    const void *lengths = NULL;
    const void *blocks = NULL;
    const void *own = rows;
    LH_TRY(vec_file_section(file, "ORIG", padded * sizeof *flat->origin, &origin, err));
    LH_TRY(vec_file_section(file, "DELE", deleted_bytes(n), &deleted, err));
    LH_TRY(vec_file_section(file, "ILEN", n * sizeof(float), &lengths, err));
    LH_TRY(vec_file_section(file, "BLKS", blocks_bytes(flat, n), &blocks, err));
    uint64_t bytes = 0;
    if (!rows && !vec_file_find(file, "ROWS", &bytes))
        return lh_fail(err, LH_INVALID, "the index file does not hold the vectors, and they were not given");
    if (rows)
        LH_TRY(vec_mark_check(file, rows, err));
    if (!rows)
        LH_TRY(vec_file_map_section(file, "ROWS", n * flat->rows.d * sizeof(float), &own, err));
    LH_TRY(reserve(flat, (size_t)n, err));
    memcpy(flat->origin, origin, padded * sizeof *flat->origin);
    if (n > 0) {
        memcpy(flat->deleted, deleted, deleted_bytes(n));
        memcpy(flat->inverse_lengths, lengths, (size_t)n * sizeof(float));
        memcpy(flat->blocks, blocks, blocks_bytes(flat, n));
    }
    for (size_t i = (size_t)n; i % VEC_BLOCK_ROWS; i++) /* whatever the file says, there are no rows here */
        vec_rabitq_block_clear(flat->rq, flat->blocks + i / VEC_BLOCK_ROWS * flat->block_bytes,
                               (unsigned)(i % VEC_BLOCK_ROWS));
    flat->rows = (struct vec_rows){.data = own, .n = (size_t)n, .d = flat->rows.d};
    return LH_OK;
}

enum lh_code vec_flat_open_file(struct vec_file *file, const float *rows, struct vec_flat **ret_flat,
                                struct lh_err *err) {
    const struct vec_file_head *head = vec_file_head(file);
    const struct vec_flat_config config = {.metric = head->metric, .seed = head->seed};
    const struct vec_rows shape = {.d = head->d};
    struct vec_flat *flat = NULL;
    if (head->kind != VEC_FILE_FLAT)
        return lh_fail(err, LH_CORRUPT, "the index file holds no flat index");
    LH_TRY(make(&shape, &config, &flat, err));
    enum lh_code code = fill(flat, file, rows, err);
    if (code != LH_OK) {
        vec_flat_free(flat);
        return code;
    }
    flat->file = file;
    *ret_flat = flat;
    return LH_OK;
}

enum lh_code vec_flat_open(struct os *os, const char *path, const float *rows, struct vec_flat **ret_flat,
                           struct lh_err *err) {
    struct vec_file *file = NULL;
    LH_TRY(vec_file_open(os, path, &file, err));
    enum lh_code code = vec_flat_open_file(file, rows, ret_flat, err);
    if (code != LH_OK) {
        vec_file_close(file);
        return lh_err_context(err, "%s", path);
    }
    return LH_OK;
}
