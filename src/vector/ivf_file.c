/* Inverted lists to and from a file (docs/formats/vector-file.md).  The lists stay in the map, where a search reads the few
 * that it probes; what a list is changed by, an append or a deletion, first takes that one list to memory.
 *
 * Damage.  Opening reads and checks everything but codes and rows; the pages of codes are checked as lists are read
 * (vector/guard.h), and where one is damaged, searches measure every row from then on (ivf.c).  In files that were made to
 * deceive, sums and all, every id is still a row, and in one slot; a slot without an id is never looked at. */
#include "vector/ivf_internal.h"

#include "base/alloc.h"
#include "base/cleanup.h"
#include "vector/file.h"
#include "vector/rows_mark.h"

#include <string.h>

struct meta {
    uint32_t lists, codes, pq_bytes, padded;
};
_Static_assert(sizeof(struct meta) == 16, "no padding");

/* The slots that n rows take in a file: whole blocks. */
static size_t slots_of(uint32_t n) {
    return ((size_t)n + VEC_BLOCK_ROWS - 1) / VEC_BLOCK_ROWS * VEC_BLOCK_ROWS;
}

static enum lh_code append_lists(const struct vec_ivf *ivf, struct vec_file_writer *writer, struct lh_err *err) {
    uint32_t lists = ivf->config.lists;
    LH_TRY(vec_file_append(writer, "LENS", NULL, 0, err));
    for (uint32_t l = 0; l < lists; l++)
        LH_TRY(vec_file_append(writer, "LENS", &ivf->lists[l].n, sizeof(uint32_t), err));
    if (ivf->config.metric == VEC_DOT) {
        LH_TRY(vec_file_append(writer, "SPAN", NULL, 0, err));
        for (uint32_t l = 0; l < lists; l++)
            LH_TRY(vec_file_append(writer, "SPAN", &ivf->lists[l].span, sizeof(float), err));
    }
    LH_TRY(vec_file_append(writer, "IDS ", NULL, 0, err));
    for (uint32_t l = 0; l < lists; l++)
        LH_TRY(vec_file_append(writer, "IDS ", ivf->lists[l].ids, slots_of(ivf->lists[l].n) * sizeof(uint32_t), err));
    LH_TRY(vec_file_append(writer, "CODE", NULL, 0, err));
    for (uint32_t l = 0; l < lists; l++)
        LH_TRY(vec_file_append(writer, "CODE", ivf->lists[l].codes, vec_ivf_codes_bytes(ivf, slots_of(ivf->lists[l].n)),
                               err));
    LH_TRY(vec_file_append_sums(writer, "CSUM", err));
    if (!ivf->pq)
        return LH_OK;
    LH_TRY(vec_file_append(writer, "ADDS", NULL, 0, err));
    for (uint32_t l = 0; l < lists; l++)
        LH_TRY(vec_file_append(writer, "ADDS", ivf->lists[l].adds, slots_of(ivf->lists[l].n) * sizeof(float), err));
    return vec_file_append(writer, "WORD", vec_pq_words(ivf->pq), (size_t)ivf->padded * VEC_PQ_WORDS * sizeof(float),
                           err);
}

enum lh_code vec_ivf_save(const struct vec_ivf *ivf, struct os *os, const char *path, bool with_rows,
                          struct lh_err *err) {
    LH_AUTO(vec_file_writer) struct vec_file_writer *writer = NULL;
    const struct vec_rows *rows = &ivf->rows;
    const struct vec_file_head head = {
        .kind = VEC_FILE_IVF, .metric = ivf->config.metric, .d = rows->d, .n = rows->n, .seed = ivf->config.seed};
    const struct meta meta = {
        .lists = ivf->config.lists,
        .codes = (uint32_t)ivf->config.codes,
        .pq_bytes = ivf->pq ? vec_pq_bytes(ivf->pq) : 0,
        .padded = ivf->padded,
    };
    LH_TRY(vec_file_writer_new(os, path, &head, &writer, err));
    LH_TRY(vec_file_append(writer, "META", &meta, sizeof meta, err));
    LH_TRY(vec_file_append(writer, "ORIG", ivf->origin, ivf->padded * sizeof(float), err));
    LH_TRY(vec_file_append(writer, "CENT", ivf->centroids, (size_t)meta.lists * ivf->padded * sizeof(float), err));
    LH_TRY(append_lists(ivf, writer, err));
    LH_TRY(vec_file_append(writer, "ILEN", ivf->inverse_lengths, rows->n * sizeof(float), err));
    if (with_rows)
        LH_TRY(vec_file_append(writer, "ROWS", rows->data, rows->n * rows->d * sizeof(float), err));
    else
        LH_TRY(vec_mark_append_rows(writer, rows, err));
    return vec_file_commit(writer, err);
}

static enum lh_code read_meta(const struct vec_file *file, struct meta *ret_meta, struct lh_err *err) {
    const struct vec_file_head *head = vec_file_head(file);
    const void *data = NULL;
    struct meta meta;
    if (head->kind != VEC_FILE_IVF)
        return lh_fail(err, LH_CORRUPT, "the index file holds no inverted lists");
    LH_TRY(vec_file_section(file, "META", sizeof meta, &data, err));
    memcpy(&meta, data, sizeof meta);
    bool pq = meta.codes == VEC_IVF_PQ;
    if (meta.lists == 0 || meta.lists > VEC_IVF_MAX_LISTS || meta.codes > VEC_IVF_PQ ||
        meta.padded != (head->d + 63) / 64 * 64 || (pq && (meta.pq_bytes == 0 || meta.padded % meta.pq_bytes)))
        return lh_fail(err, LH_CORRUPT, "the parameters of the inverted lists in the index file cannot be");
    *ret_meta = meta;
    return LH_OK;
}

/* A section of finite floats; the first that is not is damage. */
static enum lh_code read_floats(const struct vec_file *file, const char *tag, size_t n, uint32_t d,
                                const float **ret_data, struct lh_err *err) {
    const void *data = NULL;
    LH_TRY(vec_file_section(file, tag, (uint64_t)n * d * sizeof(float), &data, err));
    const struct vec_rows rows = {.data = data, .n = n, .d = d};
    if (vec_check_finite(&rows, err) != LH_OK)
        return lh_fail(err, LH_CORRUPT, "section %.4s of the index file holds what is no number", tag);
    *ret_data = data;
    return LH_OK;
}

/* Note where the list's rows are.  Slots past its length hold nothing. */
static enum lh_code note_ids(struct vec_ivf *ivf, uint32_t number, struct lh_err *err) {
    const struct ivf_list *list = &ivf->lists[number];
    for (uint32_t slot = 0; slot < list->capacity; slot++) {
        uint32_t id = list->ids[slot];
        if (id == VEC_NO_ID)
            continue;
        if (slot >= list->n || id >= ivf->rows.n || ivf->list_of[id] != VEC_NO_ID)
            return lh_fail(err, LH_CORRUPT, "list %u of the index file names row %u, which is none or named twice",
                           number, id);
        ivf->list_of[id] = number;
        ivf->slot_of[id] = slot;
    }
    return LH_OK;
}

static enum lh_code map_lists(struct vec_ivf *ivf, const struct vec_file *file, struct lh_err *err) {
    const void *lens = NULL;
    const float *spans = NULL;
    const void *ids = NULL;
    const void *codes = NULL;
    const void *adds = NULL;
    uint32_t lists = ivf->config.lists;
    uint64_t slots = 0;
    LH_TRY(vec_file_section(file, "LENS", (uint64_t)lists * sizeof(uint32_t), &lens, err));
    for (uint32_t l = 0; l < lists; l++) {
        if (((const uint32_t *)lens)[l] > VEC_NO_ID - VEC_BLOCK_ROWS)
            return lh_fail(err, LH_CORRUPT, "a list of the index file is longer than can be");
        slots += slots_of(((const uint32_t *)lens)[l]);
    }
    if (slots > SIZE_MAX / 2 / ivf->padded)
        return lh_fail(err, LH_CORRUPT, "the lists of the index file are longer than can be");
    LH_TRY(vec_file_section(file, "IDS ", slots * sizeof(uint32_t), &ids, err));
    LH_TRY(vec_file_map_section(file, "CODE", vec_ivf_codes_bytes(ivf, (size_t)slots), &codes, err));
    if (ivf->config.metric == VEC_DOT)
        LH_TRY(read_floats(file, "SPAN", lists, 1, &spans, err));
    if (ivf->pq)
        LH_TRY(vec_file_section(file, "ADDS", slots * sizeof(float), &adds, err));
    size_t at = 0;
    for (uint32_t l = 0; l < lists; l++) { /* nothing is written through these: `mapped` is asked first */
        uint32_t n = ((const uint32_t *)lens)[l];
        ivf->lists[l] = (struct ivf_list){
            .codes = (uint8_t *)(uintptr_t)codes + vec_ivf_codes_bytes(ivf, at),
            .adds = adds ? (float *)(uintptr_t)adds + at : NULL,
            .ids = (uint32_t *)(uintptr_t)ids + at,
            .n = n,
            .capacity = (uint32_t)slots_of(n),
            .span = spans ? spans[l] : 0,
            .mapped = true,
        };
        at += slots_of(n);
        LH_TRY(note_ids(ivf, l, err));
    }
    return LH_OK;
}

static enum lh_code read_rows(struct vec_ivf *ivf, const struct vec_file *file, const float *rows, struct lh_err *err) {
    size_t n = (size_t)vec_file_head(file)->n;
    const void *lengths = NULL;
    const void *own = rows;
    uint64_t bytes = 0;
    LH_TRY(vec_file_section(file, "ILEN", n * sizeof(float), &lengths, err));
    if (!rows && !vec_file_find(file, "ROWS", &bytes))
        return lh_fail(err, LH_INVALID, "the index file does not hold the vectors, and they were not given");
    if (rows)
        LH_TRY(vec_mark_check(file, rows, err));
    if (!rows)
        LH_TRY(vec_file_map_section(file, "ROWS", (uint64_t)n * ivf->rows.d * sizeof(float), &own, err));
    ivf->inverse_lengths = lh_try_malloc((n + 1) * sizeof *ivf->inverse_lengths);
    ivf->list_of = lh_try_malloc((n + 1) * sizeof *ivf->list_of);
    ivf->slot_of = lh_try_malloc((n + 1) * sizeof *ivf->slot_of);
    if (!ivf->inverse_lengths || !ivf->list_of || !ivf->slot_of)
        return lh_fail(err, LH_NO_MEMORY, "no memory for %zu vectors", n);
    if (n)
        memcpy(ivf->inverse_lengths, lengths, n * sizeof *ivf->inverse_lengths);
    memset(ivf->list_of, 0xff, n * sizeof *ivf->list_of);
    ivf->capacity = n;
    ivf->rows = (struct vec_rows){.data = own, .n = n, .d = ivf->rows.d};
    return LH_OK;
}

static enum lh_code fill(struct vec_ivf *ivf, const struct vec_file *file, const float *rows, struct lh_err *err) {
    const float *origin = NULL;
    const float *centroids = NULL;
    const float *words = NULL;
    uint32_t lists = ivf->config.lists;
    LH_TRY(read_floats(file, "ORIG", 1, ivf->padded, &origin, err));
    ivf->origin = memcpy(lh_malloc(ivf->padded * sizeof *origin), origin, ivf->padded * sizeof *origin);
    LH_TRY(read_floats(file, "CENT", lists, ivf->padded, &centroids, err));
    ivf->centroids = lh_try_malloc_aligned(64, (size_t)lists * ivf->padded * sizeof *centroids);
    if (!ivf->centroids)
        return lh_fail(err, LH_NO_MEMORY, "no memory for the centroids");
    memcpy(ivf->centroids, centroids, (size_t)lists * ivf->padded * sizeof *centroids);
    LH_TRY(vec_centres_new(ivf->centroids, lists, ivf->padded, &ivf->centres, err));
    if (ivf->config.codes == VEC_IVF_PQ) {
        LH_TRY(read_floats(file, "WORD", VEC_PQ_WORDS, ivf->padded, &words, err));
        LH_TRY(vec_pq_of_words(words, ivf->padded, ivf->config.pq_bytes, &ivf->pq, err));
    }
    LH_TRY(read_rows(ivf, file, rows, err));
    LH_TRY(vec_guard_new(file, "CODE", "CSUM", &ivf->guard, err));
    return map_lists(ivf, file, err);
}

enum lh_code vec_ivf_open_file(struct vec_file *file, const float *rows, struct vec_ivf **ret_ivf, struct lh_err *err) {
    const struct vec_file_head *head = vec_file_head(file);
    const void *lens = NULL;
    struct meta meta = {0};
    struct vec_rabitq *rq = NULL;
    LH_TRY(read_meta(file, &meta, err));
    LH_TRY(vec_file_section(file, "LENS", (uint64_t)meta.lists * sizeof(uint32_t), &lens, err));
    const struct vec_rabitq_config codes = {.d = head->d, .bits = 1, .metric = head->metric, .seed = head->seed};
    LH_TRY(vec_rabitq_new(&codes, &rq, err));
    struct vec_ivf *ivf = lh_calloc(1, sizeof *ivf);
    ivf->config = (struct vec_ivf_config){
        .metric = head->metric,
        .codes = (enum vec_ivf_codes)meta.codes,
        .lists = meta.lists,
        .pq_bytes = meta.pq_bytes,
        .seed = head->seed,
    };
    ivf->rq = rq;
    ivf->padded = meta.padded;
    ivf->rows.d = head->d;
    ivf->lists = lh_calloc(meta.lists, sizeof *ivf->lists);
    for (uint32_t l = 0; l < meta.lists; l++)
        ivf->lists[l].mapped = true;
    enum lh_code code = fill(ivf, file, rows, err);
    if (code != LH_OK) {
        vec_ivf_free(ivf);
        return code;
    }
    ivf->file = file;
    *ret_ivf = ivf;
    return LH_OK;
}

enum lh_code vec_ivf_open(struct os *os, const char *path, const float *rows, struct vec_ivf **ret_ivf,
                          struct lh_err *err) {
    struct vec_file *file = NULL;
    LH_TRY(vec_file_open(os, path, &file, err));
    enum lh_code code = vec_ivf_open_file(file, rows, ret_ivf, err);
    if (code != LH_OK) {
        vec_file_close(file);
        return lh_err_context(err, "%s", path);
    }
    return LH_OK;
}
