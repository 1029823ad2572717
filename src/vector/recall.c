#include "vector/recall.h"

#include "base/alloc.h"
#include "vector/parallel.h"
#include "vector/scorer.h"
#include "vector/topk.h"

#include <math.h>
#include <stdlib.h>

#define BLOCK_BYTES \
    ((size_t)512 * 1024) /* of rows, read again for every query while they are in the second-level cache */
#define QUERIES_A_PIECE 64

struct truth_job {
    const struct vec_rows *rows, *queries;
    enum vec_metric metric;
    size_t k;
    const float *inverse_lengths;
    struct vec_hit *hits;
};

static void score_block(const struct vec_scorer *scorer, size_t begin, size_t end, struct vec_topk *top) {
    size_t id = begin;
    for (; id + 4 <= end; id += 4) {
        uint32_t ids[4] = {(uint32_t)id, (uint32_t)id + 1, (uint32_t)id + 2, (uint32_t)id + 3};
        float dist[4];
        vec_scorer_four(scorer, ids, dist);
        for (int i = 0; i < 4; i++)
            if (dist[i] <= vec_topk_worst(top))
                vec_topk_push(top, dist[i], ids[i]);
    }
    for (; id < end; id++)
        vec_topk_push(top, vec_scorer_one(scorer, (uint32_t)id), (uint32_t)id);
}

static void truth_of_piece(void *ctx, unsigned worker, size_t begin, size_t end) {
    (void)worker;
    struct truth_job *job = ctx;
    struct vec_scorer scorers[QUERIES_A_PIECE];
    struct vec_topk tops[QUERIES_A_PIECE];
    size_t n = job->rows->n;
    for (size_t q = begin; q < end; q++) {
        vec_scorer_init(&scorers[q - begin], job->rows, job->metric, job->inverse_lengths, vec_row(job->queries, q));
        vec_topk_init(&tops[q - begin], job->hits + q * job->k, job->k);
    }
    size_t block = BLOCK_BYTES / (job->rows->d * sizeof(float)) / 4 * 4;
    block = block < 4 ? 4 : block;
    for (size_t first = 0; first < n; first += block)
        for (size_t q = begin; q < end; q++)
            score_block(&scorers[q - begin], first, n - first > block ? first + block : n, &tops[q - begin]);
    for (size_t q = begin; q < end; q++)
        for (size_t i = vec_topk_sort(&tops[q - begin]); i < job->k; i++)
            job->hits[q * job->k + i] = (struct vec_hit){INFINITY, VEC_NO_ID};
}

enum lh_code vec_ground_truth(const struct vec_rows *rows, const struct vec_rows *queries, enum vec_metric metric,
                              size_t k, unsigned threads, struct vec_hit *ret_hits, struct lh_err *err) {
    LH_TRY(vec_check_shape(rows, err));
    LH_TRY(vec_check_shape(queries, err));
    if (rows->d != queries->d)
        return lh_fail(err, LH_INVALID, "queries of %u dimensions for vectors of %u", queries->d, rows->d);
    float *lengths = NULL;
    if (metric == VEC_COSINE) {
        lengths = lh_try_malloc(rows->n * sizeof *lengths);
        if (!lengths)
            return lh_fail(err, LH_NO_MEMORY, "no memory for the lengths of %zu vectors", rows->n);
        vec_inverse_lengths(rows, 0, rows->n, threads, lengths);
    }
    struct truth_job job = {rows, queries, metric, k, lengths, ret_hits};
    vec_parallel_for(threads, queries->n, QUERIES_A_PIECE, truth_of_piece, &job);
    lh_free(lengths);
    return LH_OK;
}

double vec_recall(const struct vec_hit *truth, size_t k, const struct vec_hit *found, size_t n_found) {
    size_t real = 0;
    while (real < k && truth[real].id != VEC_NO_ID)
        real++;
    if (real == 0)
        return 1;
    float limit = truth[real - 1].dist + 1e-6f * (1 + fabsf(truth[real - 1].dist));
    size_t good = 0;
    for (size_t i = 0; i < n_found && i < real; i++)
        good += found[i].dist <= limit;
    return (double)good / (double)real;
}

size_t vec_recalled(enum vec_metric metric, const struct vec_hit *truth, size_t wanted, const struct vec_hit *found,
                    size_t n) {
    if (wanted == 0)
        return 0;
    float last = truth[wanted - 1].dist;
    float limit = last + 1e-6f * (metric == VEC_COSINE ? 1.0f : fabsf(last));
    size_t good = 0;
    for (size_t i = 0; i < n && i < wanted; i++)
        good += found[i].dist <= limit;
    return good;
}

static int by_value(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static double percentile(const int64_t *sorted, size_t n, double share) {
    size_t rank = (size_t)ceil(share * (double)n);
    return (double)sorted[rank ? rank - 1 : 0];
}

struct vec_latency vec_latency_of(int64_t *ns, size_t n) {
    if (n == 0)
        return (struct vec_latency){0};
    qsort(ns, n, sizeof *ns, by_value);
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)ns[i];
    return (struct vec_latency){
        .mean_ns = sum / (double)n,
        .p50_ns = percentile(ns, n, 0.5),
        .p90_ns = percentile(ns, n, 0.9),
        .p99_ns = percentile(ns, n, 0.99),
        .max_ns = (double)ns[n - 1],
    };
}
