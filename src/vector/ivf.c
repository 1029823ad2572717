#include "vector/ivf_internal.h"

#include "base/alloc.h"
#include "vector/file.h"
#include "vector/parallel.h"

#include <math.h>
#include <string.h>

size_t vec_ivf_codes_bytes(const struct vec_ivf *ivf, size_t capacity) {
    if (ivf->pq)
        return capacity * vec_pq_bytes(ivf->pq);
    return capacity / VEC_BLOCK_ROWS * vec_rabitq_block_bytes(ivf->rq);
}

/* ---- life ---- */

struct rotate_job {
    const struct vec_ivf *ivf;
    const struct vec_rows *rows;
    size_t n;
    float *data;
};

static void rotate_piece(void *ctx, unsigned worker, size_t begin, size_t end) {
    (void)worker;
    struct rotate_job *job = ctx;
    for (size_t i = begin; i < end; i++) {
        size_t number = (size_t)((double)i * ((double)job->rows->n / (double)job->n));
        vec_rabitq_rotate_from(job->ivf->rq, vec_row(job->rows, number), job->ivf->origin,
                               job->data + i * job->ivf->padded);
    }
}

/* A sample in the rotated space: what centroids and codewords are trained on. */
static enum lh_code rotate_sample(const struct vec_ivf *ivf, const struct vec_rows *rows, size_t wanted,
                                  struct vec_rows *ret_sample, struct lh_err *err) {
    size_t n = wanted < rows->n ? wanted : rows->n;
    float *data = lh_try_malloc_aligned(64, n * ivf->padded * sizeof *data);
    if (!data)
        return lh_fail(err, LH_NO_MEMORY, "no memory for a sample of %zu vectors", n);
    struct rotate_job job = {ivf, rows, n, data};
    vec_parallel_for(ivf->config.threads, n, 512, rotate_piece, &job);
    *ret_sample = (struct vec_rows){data, n, ivf->padded};
    return LH_OK;
}

/* Codewords for residuals: the sample less its centroids, in place. */
static enum lh_code train_pq(struct vec_ivf *ivf, const struct vec_rows *sample, float *data, struct lh_err *err) {
    uint32_t *nearest = lh_malloc(sample->n * sizeof *nearest);
    enum lh_code code = vec_kmeans_assign(sample, ivf->centroids, ivf->config.lists, ivf->config.threads, nearest, err);
    for (size_t i = 0; code == LH_OK && i < sample->n; i++)
        for (uint32_t j = 0; j < ivf->padded; j++)
            data[i * ivf->padded + j] -= ivf->centroids[(size_t)nearest[i] * ivf->padded + j];
    lh_free(nearest);
    LH_TRY(code);
    struct vec_pq_config config = {
        .d = ivf->padded,
        .m = ivf->config.pq_bytes ? ivf->config.pq_bytes : ivf->padded / 8,
        .threads = ivf->config.threads,
        .seed = ivf->config.seed,
    };
    return vec_pq_train(sample, &config, &ivf->pq, err);
}

static enum lh_code train(struct vec_ivf *ivf, const struct vec_rows *rows, struct lh_err *err) {
    vec_rabitq_origin(ivf->rq, rows, ivf->origin);
    struct vec_rows origin = {.n = 1, .d = ivf->padded};
    struct vec_rows sample = origin;
    if (rows->n)
        LH_TRY(rotate_sample(ivf, rows, 64 * (size_t)ivf->config.lists, &sample, err));
    else
        sample.data = lh_calloc(ivf->padded, sizeof(float));
    struct vec_kmeans how = {
        .k = ivf->config.lists,
        .threads = ivf->config.threads,
        .seed = ivf->config.seed,
    };
    enum lh_code code = vec_kmeans_train(&sample, &how, ivf->centroids, err);
    if (code == LH_OK && ivf->config.codes == VEC_IVF_PQ)
        code = train_pq(ivf, &sample, (float *)(uintptr_t)sample.data, err);
    lh_free((float *)(uintptr_t)sample.data);
    LH_TRY(code);
    return vec_centres_new(ivf->centroids, ivf->config.lists, ivf->padded, &ivf->centres, err);
}

static uint32_t default_lists(size_t n) {
    uint32_t lists = (uint32_t)(2 * sqrt((double)n));
    return lists ? lists : 1;
}

enum lh_code vec_ivf_new(const struct vec_rows *rows, const struct vec_ivf_config *config, struct vec_ivf **ret_ivf,
                         struct lh_err *err) {
    LH_TRY(vec_check_shape(rows, err));
    if (config->lists > VEC_IVF_MAX_LISTS)
        return lh_fail(err, LH_INVALID, "%u lists; %u are possible", config->lists, VEC_IVF_MAX_LISTS);
    if ((unsigned)config->codes > VEC_IVF_PQ)
        return lh_fail(err, LH_INVALID, "codes number %d are none", (int)config->codes);
    LH_TRY(vec_check_rows(rows, 0, err));
    struct vec_rabitq *rq = NULL;
    struct vec_rabitq_config codes = {.d = rows->d, .bits = 1, .metric = config->metric, .seed = config->seed};
    LH_TRY(vec_rabitq_new(&codes, &rq, err));
    struct vec_ivf *ivf = lh_calloc(1, sizeof *ivf);
    ivf->config = *config;
    ivf->config.lists = !rows->n ? 1 : config->lists ? config->lists : default_lists(rows->n);
    ivf->rq = rq;
    ivf->padded = vec_rabitq_padded(rq);
    ivf->rows = (struct vec_rows){.data = rows->data, .n = 0, .d = rows->d};
    ivf->lists = lh_calloc(ivf->config.lists, sizeof *ivf->lists);
    ivf->origin = lh_calloc(ivf->padded, sizeof *ivf->origin);
    ivf->centroids = lh_try_malloc_aligned(64, (size_t)ivf->config.lists * ivf->padded * sizeof *ivf->centroids);
    enum lh_code code =
        ivf->centroids ? train(ivf, rows, err) : lh_fail(err, LH_NO_MEMORY, "no memory for the centroids");
    if (code == LH_OK)
        code = vec_ivf_fill(ivf, rows, err);
    if (code != LH_OK) {
        vec_ivf_free(ivf);
        return code;
    }
    *ret_ivf = ivf;
    return LH_OK;
}

void vec_ivf_free(struct vec_ivf *ivf) {
    if (!ivf)
        return;
    for (uint32_t l = 0; l < ivf->config.lists; l++) {
        if (ivf->lists[l].mapped)
            continue;
        lh_free(ivf->lists[l].codes);
        lh_free(ivf->lists[l].adds);
        lh_free(ivf->lists[l].ids);
    }
    lh_free(ivf->lists);
    lh_free(ivf->origin);
    lh_free(ivf->centroids);
    lh_free(ivf->list_of);
    lh_free(ivf->slot_of);
    lh_free(ivf->inverse_lengths);
    vec_centres_free(ivf->centres);
    vec_pq_free(ivf->pq);
    vec_rabitq_free(ivf->rq);
    vec_guard_free(ivf->guard);
    vec_file_close(ivf->file);
    lh_free(ivf);
}

enum lh_code vec_ivf_extend(struct vec_ivf *ivf, const struct vec_rows *rows, struct lh_err *err) {
    LH_TRY(vec_check_shape(rows, err));
    if (rows->d != ivf->rows.d || rows->n < ivf->rows.n)
        return lh_fail(err, LH_INVALID, "%zu vectors of %u dimensions do not extend %zu of %u", rows->n, rows->d,
                       ivf->rows.n, ivf->rows.d);
    const struct vec_rows more = {
        .data = rows->n > ivf->rows.n ? vec_row(rows, ivf->rows.n) : NULL, .n = rows->n - ivf->rows.n, .d = rows->d};
    LH_TRY(vec_check_rows(&more, ivf->rows.n, err));
    return vec_ivf_fill(ivf, rows, err);
}

bool vec_ivf_list_sound(const struct vec_ivf *ivf, const struct ivf_list *list) {
    if (!list->mapped || !list->capacity)
        return true;
    return vec_guard_sound(ivf->guard, (uint64_t)(list->codes - ivf->guard->data),
                           vec_ivf_codes_bytes(ivf, list->capacity));
}

/* A list of a file into memory, to be changed there. */
static void own_list(const struct vec_ivf *ivf, struct ivf_list *list) {
    vec_ivf_list_sound(ivf, list); /* damage is noted, for nobody looks there any more */
    size_t codes = vec_ivf_codes_bytes(ivf, list->capacity);
    list->codes = memcpy(lh_malloc_aligned(64, codes), list->codes, codes);
    list->ids = memcpy(lh_malloc(list->capacity * sizeof *list->ids), list->ids, list->capacity * sizeof *list->ids);
    if (list->adds)
        list->adds =
            memcpy(lh_malloc(list->capacity * sizeof *list->adds), list->adds, list->capacity * sizeof *list->adds);
    list->mapped = false;
}

/* PQ's rows bear no bound to set to infinity: their id is taken away, in both kinds. */
bool vec_ivf_delete(struct vec_ivf *ivf, uint32_t id) {
    if (id >= ivf->rows.n || ivf->list_of[id] == VEC_NO_ID)
        return false;
    struct ivf_list *list = &ivf->lists[ivf->list_of[id]];
    uint32_t slot = ivf->slot_of[id];
    if (list->mapped)
        own_list(ivf, list);
    list->ids[slot] = VEC_NO_ID;
    if (!ivf->pq)
        vec_rabitq_block_clear(ivf->rq, list->codes + slot / VEC_BLOCK_ROWS * vec_rabitq_block_bytes(ivf->rq),
                               slot % VEC_BLOCK_ROWS);
    ivf->list_of[id] = VEC_NO_ID;
    return true;
}

bool vec_ivf_live(const struct vec_ivf *ivf, uint32_t id) {
    return id < ivf->rows.n && ivf->list_of[id] != VEC_NO_ID;
}

const struct vec_rows *vec_ivf_rows(const struct vec_ivf *ivf) {
    return &ivf->rows;
}

enum vec_metric vec_ivf_metric(const struct vec_ivf *ivf) {
    return ivf->config.metric;
}

uint32_t vec_ivf_pq_bytes(const struct vec_ivf *ivf) {
    return ivf->pq ? vec_pq_bytes(ivf->pq) : 0;
}

size_t vec_ivf_count(const struct vec_ivf *ivf) {
    return ivf->rows.n;
}

size_t vec_ivf_bytes(const struct vec_ivf *ivf) {
    size_t bytes = ivf->capacity * (2 * sizeof(uint32_t) + sizeof(float));
    bytes += (size_t)ivf->config.lists * (ivf->padded * (2 * sizeof(float) + 1) + sizeof *ivf->lists);
    for (uint32_t l = 0; l < ivf->config.lists; l++) {
        size_t capacity = ivf->lists[l].capacity;
        bytes += vec_ivf_codes_bytes(ivf, capacity) + capacity * sizeof(uint32_t);
        bytes += ivf->pq ? capacity * sizeof(float) : 0;
    }
    return bytes;
}

uint32_t vec_ivf_lists(const struct vec_ivf *ivf) {
    return ivf->config.lists;
}

uint32_t vec_ivf_list_size(const struct vec_ivf *ivf, uint32_t list) {
    return ivf->lists[list].n;
}

/* ---- search ---- */

struct vec_searcher *vec_ivf_searcher_new(const struct vec_ivf *ivf) {
    struct vec_searcher *searcher = vec_searcher_new(ivf->rq);
    searcher->scores = lh_malloc(ivf->config.lists * sizeof *searcher->scores);
    searcher->lists = lh_malloc(ivf->config.lists * sizeof *searcher->lists);
    searcher->bytes = lh_malloc_aligned(64, ivf->padded);
    if (ivf->pq)
        vec_pq_table_init(&searcher->table, ivf->pq);
    return searcher;
}

/* By products a list is as good as its best row may be, and the best are long: they lie far from the centroid, on the query's
 * side of it.  What a residual adds is about normal with a deviation of |q| |r| / sqrt(D); of hundreds of rows one passes
 * three of them. */
static void score_by_dot(const struct vec_ivf *ivf, struct vec_searcher *searcher) {
    const float *query = vec_rabitq_query_rotated(searcher->query);
    float length = sqrtf(vec_kernels()->dot_f32(query, query, ivf->padded));
    vec_centres_score_dot(ivf->centres, query, searcher->bytes, searcher->scores);
    for (uint32_t l = 0; l < ivf->config.lists; l++)
        searcher->scores[l] -= 3 * length * ivf->lists[l].span / sqrtf((float)ivf->rows.d);
}

static uint32_t lists_wanted(const struct vec_ivf *ivf, uint32_t nprobe) {
    uint32_t lists = ivf->config.lists;
    uint32_t wanted = nprobe ? nprobe : lists / 16 + 8;
    return wanted < lists ? wanted : lists;
}

/* The nearest lists into searcher->lists, nearest first. */
static uint32_t choose_lists(const struct vec_ivf *ivf, struct vec_searcher *searcher, uint32_t nprobe) {
    uint32_t lists = ivf->config.lists;
    if (ivf->config.metric == VEC_DOT)
        score_by_dot(ivf, searcher);
    else
        vec_centres_score(ivf->centres, vec_rabitq_query_from_origin(searcher->query), searcher->bytes,
                          searcher->scores);
    struct vec_topk top;
    vec_topk_init(&top, searcher->lists, nprobe);
    for (uint32_t l = 0; l < lists; l++)
        if (searcher->scores[l] < vec_topk_worst(&top))
            vec_topk_push(&top, searcher->scores[l], l);
    return (uint32_t)vec_topk_sort(&top);
}

/* Of the rows in `mask`, those that are there: an empty slot's factors say so too, unless the file they are mapped from is
 * damaged. */
static uint32_t present_of(uint32_t mask, const uint32_t *ids) {
    uint32_t kept = mask;
    for (; mask; mask &= mask - 1)
        if (ids[__builtin_ctz(mask)] == VEC_NO_ID)
            kept &= ~(mask & -mask);
    return kept;
}

static void scan_list(const struct vec_ivf *ivf, struct vec_searcher *searcher, const struct vec_search *search,
                      uint32_t number) {
    const struct vec_kernels *k = vec_kernels();
    const struct ivf_list *list = &ivf->lists[number];
    if (!vec_ivf_list_sound(ivf, list))
        return;
    size_t block_bytes = vec_rabitq_block_bytes(ivf->rq);
    struct vec_rabitq_centre centre;
    struct vec_block_query query;
    vec_rabitq_query_centre(searcher->query, ivf->centroids + (size_t)number * ivf->padded, &centre);
    vec_rabitq_block_query(searcher->query, &centre, search->epsilon > 0 ? search->epsilon : VEC_RABITQ_EPSILON,
                           &query);
    for (uint32_t first = 0; first < list->n; first += VEC_BLOCK_ROWS) {
        const uint8_t *block = list->codes + first / VEC_BLOCK_ROWS * block_bytes;
        const float *factors = (const float *)(const void *)(block + (size_t)VEC_BLOCK_ROWS * ivf->padded / 8);
        float est[VEC_BLOCK_ROWS], low[VEC_BLOCK_ROWS];
        float bar = vec_candidates_bar(&searcher->candidates);
        uint32_t mask = k->fastscan_b1(&query, block, factors, bar, est, low);
        mask = present_of(mask, list->ids + first);
        if (mask && search->allowed)
            mask = vec_allowed_of(mask, search->allowed, list->ids + first);
        if (mask)
            vec_candidates_take(&searcher->candidates, mask, est, low, list->ids + first);
    }
}

/* From rows alone: a file whose codes are damaged is no guide any more. */
static size_t read_all(const struct vec_ivf *ivf, const float *query, const struct vec_search *search,
                       struct vec_hit *ret_hits, struct vec_search_stats *stats) {
    struct vec_topk top;
    vec_topk_init(&top, ret_hits, search->k);
    *stats = (struct vec_search_stats){0};
    for (uint32_t id = 0; id < ivf->rows.n; id++) {
        if (!vec_ivf_live(ivf, id) || (search->allowed && !vec_bit(search->allowed, id)))
            continue;
        float dist = vec_distance(ivf->config.metric, query, vec_row(&ivf->rows, id), ivf->rows.d);
        if (dist <= vec_topk_worst(&top))
            vec_topk_push(&top, dist, id);
        stats->scored++;
    }
    return vec_topk_sort(&top);
}

/* ---- filters ----
 *
 * With a share s of the rows allowed, a list holds s of its rows, and the k nearest lie k / s deep: nprobe / s lists hold as
 * many allowed rows as nprobe do without a filter.  Measuring the allowed rows one by one costs s * n rows, each as much as
 * ROW_COST codes.  The cheaper is taken, and the latter too where the lists came to fewer than k. */

enum { ROW_COST = 16 /* codes; a row has 32 times the bytes, but is read one time and exactly */ };

static size_t count_allowed(const struct vec_ivf *ivf, const uint64_t *allowed) {
    size_t n = ivf->rows.n;
    size_t count = 0;
    for (size_t w = 0; w < n / 64; w++)
        count += (size_t)__builtin_popcountll(allowed[w]);
    if (n % 64)
        count += (size_t)__builtin_popcountll(allowed[n / 64] & (((uint64_t)1 << (n % 64)) - 1));
    return count;
}

/* How many lists a search of so many allowed rows reads; 0: it measures those rows. */
static uint32_t lists_for(const struct vec_ivf *ivf, uint32_t nprobe, size_t n_allowed) {
    uint32_t lists = ivf->config.lists;
    double share = (double)n_allowed / (double)ivf->rows.n;
    double wide = lists_wanted(ivf, nprobe) / share;
    double most = wide < lists ? wide : lists;
    if ((double)n_allowed * ROW_COST <= most / lists * (double)ivf->rows.n)
        return 0;
    return (uint32_t)most;
}

static size_t read_allowed(const struct vec_ivf *ivf, const float *query, const struct vec_search *search,
                           struct vec_hit *ret_hits, struct vec_search_stats *stats) {
    struct vec_scorer scorer;
    struct vec_topk top;
    vec_scorer_init(&scorer, &ivf->rows, ivf->config.metric, ivf->inverse_lengths, query);
    vec_topk_init(&top, ret_hits, search->k);
    for (size_t first = 0; first < ivf->rows.n; first += 64)
        for (uint64_t bits = search->allowed[first / 64]; bits; bits &= bits - 1) {
            uint32_t id = (uint32_t)first + (uint32_t)__builtin_ctzll(bits);
            if (id >= ivf->rows.n || !vec_ivf_live(ivf, id))
                continue;
            float dist = vec_scorer_one(&scorer, id);
            if (dist <= vec_topk_worst(&top))
                vec_topk_push(&top, dist, id);
            stats->scored++;
        }
    return vec_topk_sort(&top);
}

static size_t read_lists(const struct vec_ivf *ivf, struct vec_searcher *searcher, const float *query,
                         const struct vec_search *search, uint32_t nprobe, struct vec_hit *ret_hits,
                         struct vec_search_stats *stats) {
    vec_rabitq_query_set(searcher->query, query, ivf->origin);
    uint32_t n_lists = choose_lists(ivf, searcher, nprobe);
    if (ivf->pq)
        vec_ivf_pq_scan(ivf, searcher, search, n_lists);
    else
        vec_candidates_begin(&searcher->candidates, search->k, INFINITY);
    for (uint32_t i = 0; i < n_lists; i++) {
        if (!ivf->pq)
            scan_list(ivf, searcher, search, searcher->lists[i].id);
        stats->scanned += ivf->lists[searcher->lists[i].id].n;
    }
    struct vec_scorer scorer;
    vec_scorer_init(&scorer, &ivf->rows, ivf->config.metric, ivf->inverse_lengths, query);
    return vec_candidates_finish(&searcher->candidates, &scorer, ret_hits, &stats->scored);
}

size_t vec_ivf_search(const struct vec_ivf *ivf, struct vec_searcher *searcher, const float *query,
                      const struct vec_search *search, struct vec_hit *ret_hits, struct vec_search_stats *ret_stats) {
    struct vec_search_stats stats = {0};
    size_t found = 0;
    if (vec_is_sound(query, ivf->rows.d)) {
        size_t n_allowed = search->allowed ? count_allowed(ivf, search->allowed) : 0;
        uint32_t nprobe = n_allowed ? lists_for(ivf, search->nprobe, n_allowed) : lists_wanted(ivf, search->nprobe);
        if (nprobe && (n_allowed || !search->allowed))
            found = read_lists(ivf, searcher, query, search, nprobe, ret_hits, &stats);
        if (vec_guard_damaged(ivf->guard))
            found = read_all(ivf, query, search, ret_hits, &stats);
        else if (found < search->k && found < n_allowed)
            found = read_allowed(ivf, query, search, ret_hits, &stats);
    }
    if (ret_stats)
        *ret_stats = stats;
    return found;
}
