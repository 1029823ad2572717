#include "vector/pq.h"

#include "base/alloc.h"
#include "vector/kernels.h"
#include "vector/kmeans.h"
#include "vector/parallel.h"

#include <assert.h>
#include <math.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

struct vec_pq {
    const struct vec_kernels *kernels;
    uint32_t d, m, part; /* part: d / m dimensions */
    float *words;
    struct vec_centres **centres; /* one a part */
};

void vec_pq_free(struct vec_pq *pq) {
    if (!pq)
        return;
    for (uint32_t j = 0; j < pq->m; j++)
        vec_centres_free(pq->centres[j]);
    lh_free(pq->centres);
    lh_free(pq->words);
    lh_free(pq);
}

uint32_t vec_pq_bytes(const struct vec_pq *pq) {
    return pq->m;
}

static float *words_of(const struct vec_pq *pq, size_t part) {
    return pq->words + part * VEC_PQ_WORDS * pq->part;
}

const float *vec_pq_words(const struct vec_pq *pq) {
    return pq->words;
}

enum lh_code vec_pq_of_words(const float *words, uint32_t d, uint32_t m, struct vec_pq **ret_pq, struct lh_err *err) {
    if (m == 0 || d == 0 || d % m)
        return lh_fail(err, LH_INVALID, "%u dimensions cannot be cut into %u parts", d, m);
    struct vec_pq *pq = lh_malloc(sizeof *pq);
    *pq = (struct vec_pq){.kernels = vec_kernels(), .d = d, .m = m, .part = d / m};
    pq->words = lh_malloc_aligned(64, (size_t)d * VEC_PQ_WORDS * sizeof *pq->words);
    memcpy(pq->words, words, (size_t)d * VEC_PQ_WORDS * sizeof *pq->words);
    pq->centres = lh_calloc(m, sizeof(struct vec_centres *));
    for (uint32_t j = 0; j < m; j++) {
        enum lh_code code = vec_centres_new(words_of(pq, j), VEC_PQ_WORDS, pq->part, &pq->centres[j], err);
        if (code != LH_OK) {
            vec_pq_free(pq);
            return code;
        }
    }
    *ret_pq = pq;
    return LH_OK;
}

struct train_job {
    struct vec_pq *pq;
    const struct vec_rows *rows;
    const struct vec_pq_config *config;
    size_t n; /* rows of the sample */
    atomic_bool failed;
};

static void train_parts(void *ctx, unsigned worker, size_t begin, size_t end) {
    (void)worker;
    struct train_job *job = ctx;
    uint32_t d = job->pq->part;
    float *parts = lh_try_malloc(job->n * d * sizeof *parts);
    if (!parts) {
        atomic_store(&job->failed, true);
        return;
    }
    for (size_t j = begin; j < end; j++) {
        for (size_t i = 0; i < job->n; i++) {
            size_t number = (size_t)((double)i * ((double)job->rows->n / (double)job->n));
            memcpy(parts + i * d, vec_row(job->rows, number) + j * d, d * sizeof *parts);
        }
        struct vec_rows rows = {parts, job->n, d};
        struct vec_kmeans how = {
            .k = VEC_PQ_WORDS,
            .rounds = job->config->rounds ? job->config->rounds : 8,
            .sample = job->n,
            .batch = job->n / 2,
            .threads = 1,
            .seed = job->config->seed + j,
        };
        struct lh_err err = LH_ERR_INIT;
        if (vec_kmeans_train(&rows, &how, words_of(job->pq, j), &err) != LH_OK ||
            vec_centres_new(words_of(job->pq, j), VEC_PQ_WORDS, d, &job->pq->centres[j], &err) != LH_OK)
            atomic_store(&job->failed, true);
    }
    lh_free(parts);
}

enum lh_code vec_pq_train(const struct vec_rows *rows, const struct vec_pq_config *config, struct vec_pq **ret_pq,
                          struct lh_err *err) {
    LH_TRY(vec_check_shape(rows, err));
    if (rows->d != config->d || config->m == 0 || config->d % config->m)
        return lh_fail(err, LH_INVALID, "%u dimensions cannot be cut into %u parts", config->d, config->m);
    if (rows->n == 0)
        return lh_fail(err, LH_INVALID, "product quantization needs vectors to train on");
    struct vec_pq *pq = lh_malloc(sizeof *pq);
    *pq = (struct vec_pq){.kernels = vec_kernels(), .d = config->d, .m = config->m, .part = config->d / config->m};
    pq->words = lh_malloc_aligned(64, (size_t)pq->d * VEC_PQ_WORDS * sizeof *pq->words);
    pq->centres = lh_calloc(pq->m, sizeof(struct vec_centres *));
    size_t wanted = config->sample ? config->sample : 8192;
    struct train_job job = {.pq = pq, .rows = rows, .config = config, .n = wanted < rows->n ? wanted : rows->n};
    vec_parallel_for(config->threads, pq->m, 1, train_parts, &job);
    if (atomic_load(&job.failed)) {
        vec_pq_free(pq);
        return lh_fail(err, LH_NO_MEMORY, "no memory to train product quantization");
    }
    *ret_pq = pq;
    return LH_OK;
}

void vec_pq_encode(const struct vec_pq *pq, const float *x, int8_t *scratch, uint8_t *ret_code) {
    float scores[VEC_PQ_WORDS];
    for (uint32_t j = 0; j < pq->m; j++)
        ret_code[j] = (uint8_t)vec_centres_nearest(pq->centres[j], x + (size_t)j * pq->part, scratch, scores);
}

void vec_pq_decode(const struct vec_pq *pq, const uint8_t *code, float *ret_x) {
    for (uint32_t j = 0; j < pq->m; j++)
        memcpy(ret_x + (size_t)j * pq->part, words_of(pq, j) + (size_t)code[j] * pq->part, pq->part * sizeof *ret_x);
}

void vec_pq_block_put(const struct vec_pq *pq, uint8_t *block, unsigned slot, const uint8_t *code) {
    for (size_t j = 0; j < pq->m; j++)
        block[VEC_BLOCK_ROWS * j + slot] = code[j];
}

void vec_pq_table_init(struct vec_pq_table *table, const struct vec_pq *pq) {
    size_t words = (size_t)pq->m * VEC_PQ_WORDS;
    *table = (struct vec_pq_table){
        .products = lh_malloc_aligned(64, words * sizeof(float)),
        .bytes = lh_malloc_aligned(64, words),
    };
}

void vec_pq_table_deinit(struct vec_pq_table *table) {
    lh_free(table->products);
    lh_free(table->bytes);
    *table = (struct vec_pq_table){0};
}

void vec_pq_table_set(struct vec_pq_table *table, const struct vec_pq *pq, const float *query) {
    size_t words = (size_t)pq->m * VEC_PQ_WORDS;
    for (uint32_t j = 0; j < pq->m; j++) {
        const float *part = query + (size_t)j * pq->part;
        float *row = table->products + (size_t)j * VEC_PQ_WORDS;
        if (pq->part < VEC_CENTRES_EXACT) {
            vec_centres_products(pq->centres[j], part, row);
            continue;
        }
        for (size_t w = 0; w < VEC_PQ_WORDS; w++)
            row[w] = pq->kernels->dot_f32(part, words_of(pq, j) + w * pq->part, pq->part);
    }
    assert(pq->m > 0);
    uint32_t most = UINT16_MAX / pq->m; /* no sum of a row passes 65535 */
    float top = most < UINT8_MAX ? (float)most : (float)UINT8_MAX;
    float reach = pq->kernels->max_abs(table->products, words);
    float scale = reach > 0 ? top / (2 * reach) : 0;
    if (!isfinite(scale)) /* products among the denormals: all rows are the same */
        scale = 0;
    table->step = scale > 0 ? 1 / scale : 0;
    table->bias = -table->step * (float)pq->m * top / 2;
    pq->kernels->quantize_u8(table->products, words, scale, top / 2, (uint8_t)top, table->bytes);
}

void vec_pq_products(const struct vec_pq *pq, const struct vec_pq_table *table, const uint8_t *const blocks[2],
                     float ret[2 * VEC_BLOCK_ROWS]) {
    uint16_t sums[2 * VEC_BLOCK_ROWS];
    pq->kernels->pq_sums(table->bytes, pq->m, blocks, sums);
    for (size_t r = 0; r < 2 * VEC_BLOCK_ROWS; r++)
        ret[r] = table->bias + table->step * (float)sums[r];
}
