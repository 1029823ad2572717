#include "vector/kmeans.h"

#include "base/alloc.h"
#include "vector/kernels.h"
#include "vector/parallel.h"
#include "vector/random.h"

#include <math.h>
#include <string.h>

struct vec_centres {
    const struct vec_kernels *kernels;
    uint32_t k, d;
    float *columns; /* d < VEC_CENTRES_EXACT: 256 centres at a time, dimension by dimension (kernels.h, dot_columns) */
    uint8_t *bytes; /* floats / step + 128, and a row of 128s; NULL where floats are compared */
    float step;
    float *half_squares;
};

enum { TILE = 4 }; /* rows that are compared at a time: with as many centres they stay in registers */

/* Scores of one row among four: whole tiles of centres. */
static size_t scores_stride(const struct vec_centres *c) {
    return ((size_t)c->k + TILE - 1) / TILE * TILE;
}

size_t vec_centres_scores(const struct vec_centres *centres) {
    return TILE * scores_stride(centres);
}

enum lh_code vec_centres_new(const float *centres, uint32_t k, uint32_t d, struct vec_centres **ret_centres,
                             struct lh_err *err) {
    struct vec_centres *c = lh_malloc(sizeof *c);
    *c = (struct vec_centres){.kernels = vec_kernels(), .k = k, .d = d};
    size_t values = (size_t)k * d;
    size_t columns = ((size_t)k + VEC_COLUMNS - 1) / VEC_COLUMNS * VEC_COLUMNS * d;
    c->columns = d < VEC_CENTRES_EXACT ? lh_try_malloc_aligned(64, columns * sizeof *c->columns) : NULL;
    c->half_squares = lh_try_malloc(vec_centres_scores(c) * sizeof *c->half_squares);
    c->bytes = d >= VEC_CENTRES_EXACT ? lh_try_malloc_aligned(64, values + d) : NULL;
    if (!c->half_squares || (!c->bytes && !c->columns)) {
        vec_centres_free(c);
        return lh_fail(err, LH_NO_MEMORY, "no memory for %u centres of %u dimensions", k, d);
    }
    for (size_t i = 0; c->columns && i < columns; i++) {
        size_t centre = i / (VEC_COLUMNS * d) * VEC_COLUMNS + i % VEC_COLUMNS;
        c->columns[i] = centre < k ? centres[centre * d + i / VEC_COLUMNS % d] : 0;
    }
    memset(c->half_squares, 0, vec_centres_scores(c) * sizeof *c->half_squares);
    for (uint32_t i = 0; i < k; i++)
        c->half_squares[i] = c->kernels->dot_f32(centres + (size_t)i * d, centres + (size_t)i * d, d) / 2;
    c->step = c->kernels->max_abs(centres, values) / 127;
    float scale = c->step > 0 && isfinite(1 / c->step) ? 1 / c->step : 0;
    if (c->bytes) {
        c->kernels->quantize_u8(centres, values, scale, 128, 255, c->bytes);
        memset(c->bytes + values, 128, d);
    }
    *ret_centres = c;
    return LH_OK;
}

void vec_centres_free(struct vec_centres *centres) {
    if (!centres)
        return;
    lh_free(centres->columns);
    lh_free(centres->bytes);
    lh_free(centres->half_squares);
    lh_free(centres);
}

/* Signed bytes of a row; returns their step. */
static float row_to_bytes(const struct vec_kernels *k, const float *row, size_t d, int8_t *ret) {
    float step = k->max_abs(row, d) / 127;
    float scale = step > 0 && isfinite(1 / step) ? 1 / step : 0;
    k->quantize_u8(row, d, scale, 128, 255, (uint8_t *)ret);
    for (size_t i = 0; i < d; i++)
        ret[i] = (int8_t)((uint8_t)ret[i] ^ 0x80u);
    return step;
}

static void score_bytes(const struct vec_centres *c, const float *row, int8_t *scratch, float *ret) {
    size_t d = c->d;
    float step = row_to_bytes(c->kernels, row, d, scratch) * c->step;
    int32_t offset = c->kernels->dot_u8i8(c->bytes + c->k * d, scratch, d);
    uint32_t i = 0;
    for (; i + 4 <= c->k; i += 4) {
        const uint8_t *first = c->bytes + i * d;
        const uint8_t *const rows[4] = {first, first + d, first + 2 * d, first + 3 * d};
        int32_t products[4];
        c->kernels->dot_u8i8_x4(rows, scratch, d, products);
        for (uint32_t r = 0; r < 4; r++)
            ret[i + r] = c->half_squares[i + r] - step * (float)(products[r] - offset);
    }
    for (; i < c->k; i++)
        ret[i] = c->half_squares[i] - step * (float)(c->kernels->dot_u8i8(c->bytes + i * d, scratch, d) - offset);
}

void vec_centres_products(const struct vec_centres *centres, const float *row, float *ret) {
    size_t d = centres->d;
    for (uint32_t first = 0; first < centres->k; first += VEC_COLUMNS) {
        const float *columns = centres->columns + first * d;
        if (centres->k - first >= VEC_COLUMNS) {
            centres->kernels->dot_columns(row, d, columns, ret + first);
            continue;
        }
        float last[VEC_COLUMNS];
        centres->kernels->dot_columns(row, d, columns, last);
        memcpy(ret + first, last, (centres->k - first) * sizeof *ret);
    }
}

void vec_centres_score(const struct vec_centres *centres, const float *row, int8_t *scratch, float *ret) {
    if (centres->bytes) {
        score_bytes(centres, row, scratch, ret);
        return;
    }
    vec_centres_products(centres, row, ret);
    for (uint32_t i = 0; i < centres->k; i++)
        ret[i] = centres->half_squares[i] - ret[i];
}

void vec_centres_score_dot(const struct vec_centres *centres, const float *row, int8_t *scratch, float *ret) {
    vec_centres_score(centres, row, scratch, ret);
    for (uint32_t i = 0; i < centres->k; i++)
        ret[i] -= centres->half_squares[i];
}

uint32_t vec_centres_nearest(const struct vec_centres *centres, const float *row, int8_t *scratch, float *ret_scores) {
    vec_centres_score(centres, row, scratch, ret_scores);
    return (uint32_t)centres->kernels->argmin(ret_scores, centres->k);
}

/* ---- assignment ---- */

/* Rows as bytes, made one time for many rounds. */
struct byte_rows {
    int8_t *bytes; /* d a row */
    float *steps;
};

struct assign_job {
    const struct vec_rows *rows;
    const size_t *numbers; /* which rows; NULL: all */
    const struct vec_centres *centres;
    uint32_t *nearest;
    float *scores;          /* of the nearest; may be NULL */
    struct byte_rows ready; /* the rows as bytes, where they are at hand */
};

static const float *row_of(const struct assign_job *job, size_t i) {
    return vec_row(job->rows, job->numbers ? job->numbers[i] : i);
}

/* scores[j * scores_stride + centre] of four rows and all centres, tile by tile, so that centres come from the cache once for
 * four rows. */
static void score_four(const struct vec_centres *c, const int8_t *bytes, const float *steps, float *scores) {
    size_t d = c->d, stride = scores_stride(c);
    const int8_t *const qs[TILE] = {bytes, bytes + d, bytes + 2 * d, bytes + 3 * d};
    float factors[TILE];
    int32_t offsets[TILE];
    for (size_t j = 0; j < TILE; j++) {
        factors[j] = c->step * steps[j];
        offsets[j] = c->kernels->dot_u8i8(c->bytes + c->k * d, qs[j], d);
    }
    for (uint32_t first = 0; first < c->k; first += TILE) {
        const uint8_t *rows[TILE];
        for (uint32_t r = 0; r < TILE; r++) /* a tile that runs over takes its last centre again */
            rows[r] = c->bytes + (first + r < c->k ? first + r : c->k - 1) * d;
        int32_t products[TILE * TILE];
        c->kernels->dot_u8i8_4x4(rows, qs, d, products);
        for (size_t j = 0; j < TILE; j++)
            for (size_t r = 0; r < TILE; r++)
                scores[j * stride + first + r] =
                    c->half_squares[first + r] - factors[j] * (float)(products[TILE * j + r] - offsets[j]);
    }
}

static void assign_four(const struct assign_job *job, size_t i, int8_t *scratch, float *scores) {
    const struct vec_centres *c = job->centres;
    size_t d = c->d, stride = scores_stride(c);
    float made[TILE];
    const int8_t *bytes = scratch;
    const float *steps = made;
    if (job->ready.bytes) {
        bytes = job->ready.bytes + i * d;
        steps = job->ready.steps + i;
    } else {
        for (size_t j = 0; j < TILE; j++)
            made[j] = row_to_bytes(c->kernels, row_of(job, i + j), d, scratch + j * d);
    }
    score_four(c, bytes, steps, scores);
    for (size_t j = 0; j < TILE; j++) {
        size_t best = c->kernels->argmin(scores + j * stride, c->k);
        job->nearest[i + j] = (uint32_t)best;
        if (job->scores)
            job->scores[i + j] = scores[j * stride + best];
    }
}

static void assign_range(const struct assign_job *job, size_t begin, size_t end, int8_t *scratch, float *scores) {
    size_t i = begin;
    for (; job->centres->bytes && i + TILE <= end; i += TILE)
        assign_four(job, i, scratch, scores);
    for (; i < end; i++) {
        job->nearest[i] = vec_centres_nearest(job->centres, row_of(job, i), scratch, scores);
        if (job->scores)
            job->scores[i] = scores[job->nearest[i]];
    }
}

void vec_centres_assign(const struct vec_centres *centres, const struct vec_rows *rows, int8_t *scratch, float *scores,
                        uint32_t *ret_nearest) {
    struct assign_job job = {.rows = rows, .centres = centres, .nearest = ret_nearest};
    assign_range(&job, 0, rows->n, scratch, scores);
}

static void assign_piece(void *ctx, unsigned worker, size_t begin, size_t end) {
    (void)worker;
    const struct assign_job *job = ctx;
    int8_t *scratch = lh_malloc_aligned(64, TILE * (size_t)job->rows->d);
    float *scores = lh_malloc_aligned(64, vec_centres_scores(job->centres) * sizeof *scores);
    assign_range(job, begin, end, scratch, scores);
    lh_free(scratch);
    lh_free(scores);
}

enum lh_code vec_kmeans_assign(const struct vec_rows *rows, const float *centres, uint32_t k, unsigned threads,
                               uint32_t *ret_nearest, struct lh_err *err) {
    LH_TRY(vec_check_shape(rows, err));
    struct vec_centres *ready = NULL;
    LH_TRY(vec_centres_new(centres, k, rows->d, &ready, err));
    struct assign_job job = {.rows = rows, .centres = ready, .nearest = ret_nearest};
    vec_parallel_for(threads, rows->n, 512, assign_piece, &job);
    vec_centres_free(ready);
    return LH_OK;
}

/* ---- training ---- */

struct training {
    const struct vec_rows *rows;
    const struct vec_kmeans *how;
    const struct vec_kernels *kernels;
    float *centres;         /* k * d: the caller's */
    size_t *sample;         /* row numbers, in the order of the batches */
    size_t n;               /* of them */
    uint32_t *nearest;      /* n */
    float *scores;          /* n */
    uint64_t *weights;      /* rows that each centre ever got; k */
    struct byte_rows bytes; /* the sample's, in its order; none below VEC_CENTRES_EXACT dimensions */
    double *squares;        /* of their lengths */
};

static void shuffle(size_t *numbers, size_t n, struct vec_random *random) {
    for (size_t i = n; i > 1; i--) {
        size_t j = vec_random_below(random, (uint32_t)i);
        size_t kept = numbers[j];
        numbers[j] = numbers[i - 1];
        numbers[i - 1] = kept;
    }
}

static void sample_to_bytes(void *ctx, unsigned worker, size_t begin, size_t end) {
    (void)worker;
    struct training *t = ctx;
    size_t d = t->rows->d;
    for (size_t i = begin; i < end; i++) {
        int8_t *bytes = t->bytes.bytes + i * d;
        t->bytes.steps[i] = row_to_bytes(t->kernels, vec_row(t->rows, t->sample[i]), d, bytes);
        double step = (double)t->bytes.steps[i];
        t->squares[i] = step * step * t->kernels->dot_i8(bytes, bytes, d);
    }
}

/* Squared distance of two rows of the sample. */
static float apart(const struct training *t, size_t a, size_t b) {
    size_t d = t->rows->d;
    if (!t->bytes.bytes)
        return t->kernels->l2_f32(vec_row(t->rows, t->sample[a]), vec_row(t->rows, t->sample[b]), d);
    double steps = (double)t->bytes.steps[a] * (double)t->bytes.steps[b];
    double product = steps * t->kernels->dot_i8(t->bytes.bytes + a * d, t->bytes.bytes + b * d, d);
    double dist = t->squares[a] + t->squares[b] - 2 * product;
    return dist > 0 ? (float)dist : 0;
}

/* k-means++ on the first rows of the (shuffled) sample. */
static void seed_centres(const struct training *t, struct vec_random *random) {
    uint32_t k = t->how->k, d = t->rows->d;
    size_t n = t->n < 4 * (size_t)k ? t->n : 4 * (size_t)k;
    float *distances = lh_malloc(n * sizeof *distances);
    for (size_t i = 0; i < n; i++)
        distances[i] = INFINITY;
    size_t chosen = vec_random_below(random, (uint32_t)n);
    for (uint32_t c = 0; c < k; c++) {
        memcpy(t->centres + (size_t)c * d, vec_row(t->rows, t->sample[chosen]), d * sizeof *t->centres);
        double sum = 0;
        for (size_t i = 0; i < n; i++) {
            float dist = apart(t, i, chosen);
            distances[i] = dist < distances[i] ? dist : distances[i];
            sum += (double)distances[i];
        }
        double target = sum * vec_random_unit(random);
        chosen = chosen + 1 < n ? chosen + 1 : 0; /* where all distances are 0: repeat rows */
        for (size_t i = 0; sum > 0 && i < n; i++) {
            target -= (double)distances[i];
            if (target <= 0) {
                chosen = i;
                break;
            }
        }
    }
    lh_free(distances);
}

struct mean_job {
    struct training *t;
    const size_t *order, *starts; /* positions by centre */
};

static void move_centres(void *ctx, unsigned worker, size_t begin, size_t end) {
    (void)worker;
    struct mean_job *job = ctx;
    struct training *t = job->t;
    uint32_t d = t->rows->d;
    float *sum = lh_malloc_aligned(64, d * sizeof *sum);
    for (size_t c = begin; c < end; c++) {
        size_t got = job->starts[c + 1] - job->starts[c];
        if (!got)
            continue;
        float *centre = t->centres + c * d;
        float before = (float)t->weights[c];
        for (uint32_t j = 0; j < d; j++)
            sum[j] = centre[j] * before;
        for (size_t i = job->starts[c]; i < job->starts[c + 1]; i++)
            t->kernels->add(sum, vec_row(t->rows, t->sample[job->order[i]]), d);
        float share = 1 / (before + (float)got);
        for (uint32_t j = 0; j < d; j++)
            centre[j] = sum[j] * share;
        if (t->how->batch)
            t->weights[c] += got;
    }
    lh_free(sum);
}

/* The row that is worst off, once for each empty centre. */
static void fill_empty(struct training *t, const size_t *starts, size_t begin, size_t end) {
    uint32_t d = t->rows->d;
    for (uint32_t c = 0; c < t->how->k; c++) {
        if (starts[c + 1] != starts[c] || t->weights[c])
            continue;
        size_t worst = begin;
        float farthest = -1;
        for (size_t i = begin; i < end; i++) {
            const float *row = vec_row(t->rows, t->sample[i]);
            float dist = 2 * t->scores[i] + t->kernels->dot_f32(row, row, d);
            if (dist > farthest) {
                farthest = dist;
                worst = i;
            }
        }
        if (!(farthest > 0))
            return;
        const float *row = vec_row(t->rows, t->sample[worst]);
        memcpy(t->centres + (size_t)c * d, row, d * sizeof *t->centres);
        t->scores[worst] = -INFINITY;
    }
}

static enum lh_code run_round(struct training *t, size_t begin, size_t end, struct lh_err *err) {
    uint32_t k = t->how->k;
    struct vec_centres *ready = NULL;
    LH_TRY(vec_centres_new(t->centres, k, t->rows->d, &ready, err));
    struct assign_job assign = {.rows = t->rows,
                                .numbers = t->sample + begin,
                                .centres = ready,
                                .nearest = t->nearest + begin,
                                .scores = t->scores + begin};
    if (t->bytes.bytes)
        assign.ready = (struct byte_rows){t->bytes.bytes + begin * t->rows->d, t->bytes.steps + begin};
    vec_parallel_for(t->how->threads, end - begin, 512, assign_piece, &assign);
    vec_centres_free(ready);
    size_t *starts = lh_calloc(k + 2, sizeof *starts);
    size_t *order = lh_malloc((end - begin) * sizeof *order);
    for (size_t i = begin; i < end; i++)
        starts[t->nearest[i] + 2]++;
    for (uint32_t c = 1; c < k + 2; c++)
        starts[c] += starts[c - 1];
    for (size_t i = begin; i < end; i++)
        order[starts[t->nearest[i] + 1]++] = i;
    struct mean_job job = {t, order, starts};
    vec_parallel_for(t->how->threads, k, 8, move_centres, &job);
    fill_empty(t, starts, begin, end);
    lh_free(starts);
    lh_free(order);
    return LH_OK;
}

/* The sample's rows as bytes: every round compares all of them. */
static enum lh_code make_bytes(struct training *t, struct lh_err *err) {
    size_t d = t->rows->d;
    if (d < VEC_CENTRES_EXACT)
        return LH_OK;
    t->bytes.bytes = lh_try_malloc_aligned(64, t->n * d);
    t->bytes.steps = lh_malloc(t->n * sizeof *t->bytes.steps);
    t->squares = lh_malloc(t->n * sizeof *t->squares);
    if (!t->bytes.bytes)
        return lh_fail(err, LH_NO_MEMORY, "no memory for a sample of %zu vectors", t->n);
    vec_parallel_for(t->how->threads, t->n, 512, sample_to_bytes, t);
    return LH_OK;
}

enum lh_code vec_kmeans_train(const struct vec_rows *rows, const struct vec_kmeans *how, float *ret_centres,
                              struct lh_err *err) {
    LH_TRY(vec_check_shape(rows, err));
    size_t n = how->sample ? how->sample : 64 * (size_t)how->k;
    n = n < rows->n ? n : rows->n;
    if (how->k == 0 || n == 0)
        return lh_fail(err, LH_INVALID, "k-means of %zu vectors into %u", rows->n, how->k);
    struct training t = {.rows = rows, .how = how, .kernels = vec_kernels(), .centres = ret_centres, .n = n};
    t.sample = lh_malloc(n * sizeof *t.sample);
    t.nearest = lh_malloc(n * sizeof *t.nearest);
    t.scores = lh_malloc(n * sizeof *t.scores);
    t.weights = lh_calloc(how->k, sizeof *t.weights);
    for (size_t i = 0; i < n; i++)
        t.sample[i] = (size_t)((double)i * ((double)rows->n / (double)n));
    struct vec_random random;
    vec_random_init(&random, how->seed);
    shuffle(t.sample, n, &random);
    enum lh_code code = make_bytes(&t, err);
    if (code == LH_OK)
        seed_centres(&t, &random);
    size_t batch = how->batch && how->batch < n ? how->batch : n;
    for (uint32_t round = 0; code == LH_OK && round < (how->rounds ? how->rounds : 10); round++) {
        size_t begin = round * batch % n;
        code = run_round(&t, begin, n - begin > batch ? begin + batch : n, err);
    }
    lh_free(t.bytes.bytes);
    lh_free(t.bytes.steps);
    lh_free(t.squares);
    lh_free(t.sample);
    lh_free(t.nearest);
    lh_free(t.scores);
    lh_free(t.weights);
    return code;
}
