/* Filling the lists: rows are assigned and encoded in parallel, then put in their slots list by list. */
#include "vector/ivf_internal.h"

#include "base/alloc.h"
#include "vector/parallel.h"

#include <math.h>
#include <string.h>

#define TOGETHER 32u /* rows that are rotated and assigned before they are encoded */

/* What a piece of the new rows became, before it is known where it goes. */
struct fill_job {
    struct vec_ivf *ivf;
    const struct vec_rows *rows;
    size_t first; /* the first new row */
    size_t code_bytes;
    uint8_t *codes;                     /* by row */
    struct vec_rabitq_factors *factors; /* PQ uses add alone */
    float *lengths;                     /* of the residuals; VEC_DOT alone */
    size_t *starts, *order;             /* new rows by list */
};

/* The centroid's share of the distance does not depend on the code; what does is one float:
 * L2: |r~|^2 + 2 <c', r~>; dot and cosine: -<z, r~>, as <c, q> is the list's and <r~, q'> the table's. */
static float pq_add(const struct vec_ivf *ivf, const float *decoded, const float *centroid) {
    const struct vec_kernels *k = vec_kernels();
    if (ivf->config.metric != VEC_L2)
        return -k->dot_f32(decoded, ivf->origin, ivf->padded);
    return k->dot_f32(decoded, decoded, ivf->padded) + 2 * k->dot_f32(decoded, centroid, ivf->padded);
}

/* One worker's storage for TOGETHER rows. */
struct encode_space {
    float *rotated, *scratch, *scores;
    int8_t *bytes;
    uint32_t nearest[TOGETHER];
};

static void encode_row(const struct fill_job *job, size_t i, const float *rotated, uint32_t list,
                       struct encode_space *space) {
    struct vec_ivf *ivf = job->ivf;
    size_t d = ivf->padded;
    const float *centroid = ivf->centroids + list * d;
    uint8_t *code = job->codes + i * job->code_bytes;
    if (ivf->pq) {
        float *residual = space->scratch;
        for (size_t j = 0; j < d; j++)
            residual[j] = rotated[j] - centroid[j];
        vec_pq_encode(ivf->pq, residual, space->bytes, code);
        vec_pq_decode(ivf->pq, code, residual);
        job->factors[i].add = pq_add(ivf, residual, centroid);
    } else {
        vec_rabitq_encode(ivf->rq, rotated, centroid, ivf->origin, space->scratch, code, &job->factors[i]);
    }
    if (job->lengths)
        job->lengths[i] = sqrtf(vec_kernels()->l2_f32(rotated, centroid, d));
    ivf->list_of[job->first + i] = list;
    ivf->inverse_lengths[job->first + i] = vec_inverse_length(vec_row(job->rows, job->first + i), job->rows->d);
}

static void encode_piece(void *ctx, unsigned worker, size_t begin, size_t end) {
    (void)worker;
    struct fill_job *job = ctx;
    const struct vec_ivf *ivf = job->ivf;
    size_t d = ivf->padded;
    struct encode_space space = {
        .rotated = lh_malloc_aligned(64, TOGETHER * d * sizeof(float)),
        .scratch = lh_malloc_aligned(64, VEC_RABITQ_SCRATCH * d * sizeof(float)),
        .scores = lh_malloc_aligned(64, vec_centres_scores(ivf->centres) * sizeof(float)),
        .bytes = lh_malloc_aligned(64, 4 * d),
    };
    for (size_t i = begin; i < end; i += TOGETHER) {
        struct vec_rows block = {space.rotated, end - i < TOGETHER ? end - i : TOGETHER, ivf->padded};
        for (size_t j = 0; j < block.n; j++)
            vec_rabitq_rotate_from(ivf->rq, vec_row(job->rows, job->first + i + j), ivf->origin, space.rotated + j * d);
        vec_centres_assign(ivf->centres, &block, space.bytes, space.scores, space.nearest);
        for (size_t j = 0; j < block.n; j++)
            encode_row(job, i + j, space.rotated + j * d, space.nearest[j], &space);
    }
    lh_free(space.rotated);
    lh_free(space.scratch);
    lh_free(space.scores);
    lh_free(space.bytes);
}

/* Room for `more` rows at a list's end; fresh slots are cleared. */
static enum lh_code reserve_list(const struct vec_ivf *ivf, struct ivf_list *list, size_t more, struct lh_err *err) {
    size_t wanted = list->n + more;
    if (wanted <= list->capacity && !(list->mapped && more))
        return LH_OK;
    size_t capacity = list->capacity + list->capacity / 4;
    capacity = ((capacity > wanted ? capacity : wanted) + VEC_BLOCK_ROWS - 1) / VEC_BLOCK_ROWS * VEC_BLOCK_ROWS;
    vec_ivf_list_sound(ivf, list); /* damage is noted, for nobody looks there any more */
    size_t before = vec_ivf_codes_bytes(ivf, list->capacity), after = vec_ivf_codes_bytes(ivf, capacity);
    uint8_t *codes = lh_try_malloc_aligned(64, after);
    uint32_t *ids = lh_try_malloc(capacity * sizeof *ids);
    float *adds = ivf->pq ? lh_try_malloc(capacity * sizeof *adds) : NULL;
    if (!codes || !ids || (ivf->pq && !adds)) {
        lh_free(codes);
        lh_free(ids);
        lh_free(adds);
        return lh_fail(err, LH_NO_MEMORY, "no memory for a list of %zu vectors", capacity);
    }
    if (list->capacity) {
        memcpy(codes, list->codes, before);
        memcpy(ids, list->ids, list->capacity * sizeof *ids);
        if (adds)
            memcpy(adds, list->adds, list->capacity * sizeof *adds);
    }
    memset(codes + before, 0, after - before);
    for (size_t i = list->capacity; i < capacity; i++) {
        ids[i] = VEC_NO_ID;
        if (adds)
            adds[i] = 0;
        if (!ivf->pq)
            vec_rabitq_block_clear(ivf->rq, codes + i / VEC_BLOCK_ROWS * vec_rabitq_block_bytes(ivf->rq),
                                   (unsigned)(i % VEC_BLOCK_ROWS));
    }
    if (!list->mapped) {
        lh_free(list->codes);
        lh_free(list->ids);
        lh_free(list->adds);
    }
    *list = (struct ivf_list){
        .codes = codes, .adds = adds, .ids = ids, .n = list->n, .capacity = (uint32_t)capacity, .span = list->span};
    return LH_OK;
}

static void put_lists(void *ctx, unsigned worker, size_t begin, size_t end) {
    (void)worker;
    struct fill_job *job = ctx;
    struct vec_ivf *ivf = job->ivf;
    for (size_t l = begin; l < end; l++) {
        struct ivf_list *list = &ivf->lists[l];
        for (size_t o = job->starts[l]; o < job->starts[l + 1]; o++) {
            size_t i = job->order[o];
            uint32_t slot = list->n++;
            const uint8_t *code = job->codes + i * job->code_bytes;
            list->ids[slot] = (uint32_t)(job->first + i);
            if (job->lengths)
                list->span = fmaxf(list->span, job->lengths[i]);
            ivf->slot_of[job->first + i] = slot;
            if (ivf->pq) {
                vec_pq_block_put(ivf->pq,
                                 list->codes + slot / VEC_BLOCK_ROWS * vec_pq_block_bytes(vec_pq_bytes(ivf->pq)),
                                 slot % VEC_BLOCK_ROWS, code);
                list->adds[slot] = job->factors[i].add;
            } else {
                vec_rabitq_block_put(ivf->rq, list->codes + slot / VEC_BLOCK_ROWS * vec_rabitq_block_bytes(ivf->rq),
                                     slot % VEC_BLOCK_ROWS, code, &job->factors[i]);
            }
        }
    }
}

/* The three arrays by row grow together; what fails leaves the IVF as it was. */
static enum lh_code reserve_rows(struct vec_ivf *ivf, size_t n, struct lh_err *err) {
    if (n <= ivf->capacity)
        return LH_OK;
    size_t capacity = ivf->capacity + ivf->capacity / 2;
    capacity = capacity > n ? capacity : n;
    uint32_t *list_of = lh_try_realloc(ivf->list_of, capacity * sizeof *list_of);
    if (list_of)
        ivf->list_of = list_of;
    uint32_t *slot_of = lh_try_realloc(ivf->slot_of, capacity * sizeof *slot_of);
    if (slot_of)
        ivf->slot_of = slot_of;
    float *lengths = lh_try_realloc(ivf->inverse_lengths, capacity * sizeof *lengths);
    if (lengths)
        ivf->inverse_lengths = lengths;
    if (!list_of || !slot_of || !lengths)
        return lh_fail(err, LH_NO_MEMORY, "no memory for %zu vectors", capacity);
    ivf->capacity = capacity;
    return LH_OK;
}

/* A counting sort of the new rows by list, and room for them. */
static enum lh_code place(struct fill_job *job, size_t n, struct lh_err *err) {
    struct vec_ivf *ivf = job->ivf;
    uint32_t lists = ivf->config.lists;
    for (size_t i = 0; i < n; i++)
        job->starts[ivf->list_of[job->first + i] + 2]++;
    for (uint32_t l = 0; l < lists; l++) {
        LH_TRY(reserve_list(ivf, &ivf->lists[l], job->starts[l + 2], err));
        job->starts[l + 2] += job->starts[l + 1];
    }
    for (size_t i = 0; i < n; i++)
        job->order[job->starts[ivf->list_of[job->first + i] + 1]++] = i;
    return LH_OK;
}

enum lh_code vec_ivf_fill(struct vec_ivf *ivf, const struct vec_rows *rows, struct lh_err *err) {
    size_t first = ivf->rows.n, n = rows->n - first;
    LH_TRY(reserve_rows(ivf, rows->n, err));
    if (first == 0 && ivf->config.lists == 1)
        vec_rabitq_origin(ivf->rq, rows, ivf->origin); /* one list, made before there were rows, lies where they do */
    struct fill_job job = {
        .ivf = ivf,
        .rows = rows,
        .first = first,
        .code_bytes = ivf->pq ? vec_pq_bytes(ivf->pq) : vec_rabitq_code_bytes(ivf->rq),
    };
    job.codes = lh_try_malloc(n * job.code_bytes);
    job.factors = lh_try_malloc(n * sizeof *job.factors);
    job.order = lh_try_malloc(n * sizeof *job.order);
    job.lengths = ivf->config.metric == VEC_DOT ? lh_try_malloc(n * sizeof *job.lengths) : NULL;
    job.starts = lh_calloc(ivf->config.lists + 2, sizeof *job.starts);
    enum lh_code code = LH_OK;
    if (!job.codes || !job.factors || !job.order || (ivf->config.metric == VEC_DOT && !job.lengths)) {
        code = lh_fail(err, LH_NO_MEMORY, "no memory for the codes of %zu vectors", n);
    } else {
        vec_parallel_for(ivf->config.threads, n, 512, encode_piece, &job);
        code = place(&job, n, err);
    }
    if (code == LH_OK) {
        vec_parallel_for(ivf->config.threads, ivf->config.lists, 16, put_lists, &job);
        ivf->rows = *rows;
    }
    lh_free(job.codes);
    lh_free(job.factors);
    lh_free(job.order);
    lh_free(job.lengths);
    lh_free(job.starts);
    return code;
}
