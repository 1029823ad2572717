#include "vector/scorer.h"

#include "vector/parallel.h"

#include <math.h>

float vec_inverse_length(const float *x, size_t d) {
    float square = vec_kernels()->dot_f32(x, x, d);
    return square > 0 ? 1 / sqrtf(square) : 0;
}

struct length_job {
    const struct vec_rows *rows;
    size_t first;
    float *ret;
};

static void lengths_of_piece(void *ctx, unsigned worker, size_t begin, size_t end) {
    (void)worker;
    struct length_job *job = ctx;
    for (size_t i = job->first + begin; i < job->first + end; i++)
        job->ret[i] = vec_inverse_length(vec_row(job->rows, i), job->rows->d);
}

void vec_inverse_lengths(const struct vec_rows *rows, size_t begin, size_t end, unsigned threads, float *ret) {
    struct length_job job = {rows, begin, ret};
    vec_parallel_for(threads, end - begin, 4096, lengths_of_piece, &job);
}

/* Kernels of other levels add up in another order. */
#define LENGTH_TOLERANCE 1e-4f

bool vec_has_length(const float *row, size_t d, float inverse_length) {
    float expected = vec_inverse_length(row, d);
    return fabsf(inverse_length - expected) <= LENGTH_TOLERANCE * expected;
}

enum lh_code vec_check_lengths(const struct vec_rows *rows, const float *inverse_lengths, struct lh_err *err) {
    for (size_t i = 0; i < rows->n; i++)
        if (!vec_has_length(vec_row(rows, i), rows->d, inverse_lengths[i]))
            return lh_fail(err, LH_CORRUPT, "row %zu has another length than the index says", i);
    return LH_OK;
}

void vec_scorer_init(struct vec_scorer *scorer, const struct vec_rows *rows, enum vec_metric metric,
                     const float *inverse_lengths, const float *query) {
    *scorer = (struct vec_scorer){
        .rows = *rows,
        .metric = metric,
        .kernels = vec_kernels(),
        .inverse_lengths = inverse_lengths,
        .query = query,
        .query_inverse = metric == VEC_COSINE ? vec_inverse_length(query, rows->d) : 1,
    };
}

static float distance_from_dot(const struct vec_scorer *scorer, float dot, uint32_t id) {
    if (scorer->metric == VEC_DOT)
        return -dot;
    return 1 - dot * scorer->query_inverse * scorer->inverse_lengths[id];
}

float vec_scorer_one(const struct vec_scorer *scorer, uint32_t id) {
    const float *row = vec_row(&scorer->rows, id);
    size_t d = scorer->rows.d;
    if (scorer->metric == VEC_L2)
        return scorer->kernels->l2_f32(scorer->query, row, d);
    return distance_from_dot(scorer, scorer->kernels->dot_f32(scorer->query, row, d), id);
}

void vec_scorer_four(const struct vec_scorer *scorer, const uint32_t ids[4], float ret_dist[4]) {
    const float *rows[4];
    for (int r = 0; r < 4; r++)
        rows[r] = vec_row(&scorer->rows, ids[r]);
    if (scorer->metric == VEC_L2) {
        scorer->kernels->l2_f32_x4(scorer->query, rows, scorer->rows.d, ret_dist);
        return;
    }
    scorer->kernels->dot_f32_x4(scorer->query, rows, scorer->rows.d, ret_dist);
    for (int r = 0; r < 4; r++)
        ret_dist[r] = distance_from_dot(scorer, ret_dist[r], ids[r]);
}
