#include "vector/rabitq.h"

#include "base/alloc.h"
#include "vector/parallel.h"
#include "vector/rotation.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define FACTOR_FLOATS (3 * VEC_BLOCK_ROWS)

/* The block tables' rounding is an error of its own, which grows with |rescale| and not with the code's error.  So that
 * one product bounds both, a row's error factor is at least this share of |rescale| (it is about 0.3 of it in many
 * dimensions), and the query's norm holds the rounding divided by it. */
#define ROUNDING_SHARE 0.1f

/* The step, in standard deviations, of the best uniform quantizer of a Gaussian (J. Max, 1960). */
static const float best_step[] = {[4] = 0.3352f, [8] = 0.0308f};

struct vec_rabitq {
    struct vec_rabitq_config config;
    struct vec_rotation *rotation;
    const struct vec_kernels *kernels;
    uint32_t padded;
    size_t code_bytes;
    float mid; /* (2^B - 1) / 2 */
};

struct vec_rabitq_query {
    const struct vec_rabitq *rq;
    float *rotated;
    float *seen;   /* from the origin: q' */
    int8_t *bytes; /* seen / step, to the nearest */
    float step, sum;
    float square;    /* |q'|^2 */
    float to_origin; /* <z, Pq> */
    uint8_t *lut;    /* one-bit codes only */
    float *lut_sums;
    float lut_step, lut_bias;
};

enum lh_code vec_rabitq_new(const struct vec_rabitq_config *config, struct vec_rabitq **ret_rq, struct lh_err *err) {
    if (config->d < 1 || config->d > VEC_MAX_DIM)
        return lh_fail(err, LH_INVALID, "a vector has %u dimensions; 1 to %u are possible", config->d, VEC_MAX_DIM);
    if (config->bits != 1 && config->bits != 4 && config->bits != 8)
        return lh_fail(err, LH_INVALID, "codes of %u bits a dimension; 1, 4 and 8 are possible", config->bits);
    if (!vec_metric_name(config->metric))
        return lh_fail(err, LH_INVALID, "metric number %d is none", (int)config->metric);
    struct vec_rabitq *rq = lh_malloc(sizeof *rq);
    *rq = (struct vec_rabitq){.config = *config, .kernels = vec_kernels()};
    rq->rotation = vec_rotation_new(config->d, config->seed);
    rq->padded = vec_rotation_padded(rq->rotation);
    rq->code_bytes = (size_t)rq->padded * config->bits / 8;
    rq->mid = (float)((1u << config->bits) - 1) / 2;
    *ret_rq = rq;
    return LH_OK;
}

void vec_rabitq_free(struct vec_rabitq *rq) {
    if (!rq)
        return;
    vec_rotation_free(rq->rotation);
    lh_free(rq);
}

uint32_t vec_rabitq_padded(const struct vec_rabitq *rq) {
    return rq->padded;
}

size_t vec_rabitq_code_bytes(const struct vec_rabitq *rq) {
    return rq->code_bytes;
}

size_t vec_rabitq_block_bytes(const struct vec_rabitq *rq) {
    return (size_t)VEC_BLOCK_ROWS * rq->padded / 8 + FACTOR_FLOATS * sizeof(float);
}

void vec_rabitq_rotate(const struct vec_rabitq *rq, const float *x, float *ret) {
    float scale = 1;
    if (rq->config.metric == VEC_COSINE) {
        float square = rq->kernels->dot_f32(x, x, rq->config.d);
        scale = square > 0 ? 1 / sqrtf(square) : 0;
    }
    vec_rotation_apply(rq->rotation, x, scale, ret);
}

void vec_rabitq_rotate_from(const struct vec_rabitq *rq, const float *x, const float *origin, float *ret) {
    vec_rabitq_rotate(rq, x, ret);
    for (size_t i = 0; origin && i < rq->padded; i++)
        ret[i] -= origin[i];
}

/* ---- the origin ---- */

enum { ORIGIN_ROWS = 4096, ORIGIN_ROUNDS = 3 };
#define FAR_OUT 4 /* times the median distance */

static int by_size(const void *a, const void *b) {
    float x = *(const float *)a;
    float y = *(const float *)b;
    return (x > y) - (x < y);
}

/* The mean of the rows nearer to the last mean than `reach`. */
static void mean_within(const struct vec_rabitq *rq, const struct vec_rows *rows, size_t step, const float *distances,
                        float reach, double *sum, float *mean) {
    uint32_t d = rows->d;
    size_t used = 0;
    memset(sum, 0, d * sizeof *sum);
    for (size_t i = 0, at = 0; i < rows->n; i += step, at++) {
        const float *row = vec_row(rows, i);
        float scale = 1;
        if (!(distances[at] <= reach))
            continue;
        if (rq->config.metric == VEC_COSINE) {
            float square = rq->kernels->dot_f32(row, row, d);
            scale = square > 0 ? 1 / sqrtf(square) : 0;
        }
        for (uint32_t j = 0; j < d; j++)
            sum[j] += (double)(scale * row[j]);
        used++;
    }
    for (uint32_t j = 0; used && j < d; j++)
        mean[j] = (float)(sum[j] / (double)used);
}

/* A single row that is far enough out draws the mean as far as it likes; it is left out of the next one. */
void vec_rabitq_origin(const struct vec_rabitq *rq, const struct vec_rows *rows, float *ret_origin) {
    size_t step = rows->n / ORIGIN_ROWS + 1;
    size_t n = (rows->n + step - 1) / step;
    float *mean = lh_calloc(rows->d, sizeof *mean);
    double *sum = lh_calloc(rows->d, sizeof *sum);
    float *distances = lh_calloc(n + 1, sizeof *distances);
    float *sorted = lh_calloc(n + 1, sizeof *sorted);
    float reach = INFINITY;
    for (int round = 0; n && round < ORIGIN_ROUNDS; round++) {
        mean_within(rq, rows, step, distances, reach, sum, mean);
        if (rq->config.metric == VEC_COSINE) /* all of one length */
            break;
        for (size_t at = 0; at < n; at++)
            distances[at] = sqrtf(rq->kernels->l2_f32(vec_row(rows, at * step), mean, rows->d));
        memcpy(sorted, distances, n * sizeof *sorted);
        qsort(sorted, n, sizeof *sorted, by_size);
        reach = FAR_OUT * sorted[n / 2];
        if (sorted[n - 1] <= reach)
            break;
    }
    vec_rotation_apply(rq->rotation, mean, 1, ret_origin);
    lh_free(mean);
    lh_free(sum);
    lh_free(distances);
    lh_free(sorted);
}

/* ---- encoding ---- */

/* Bytes of two dimensions each; kernels.h tells which two. */
static void pack_nibbles(const uint8_t *values, size_t d, uint8_t *ret) {
    for (size_t i = 0; i < d;) {
        size_t half = d - i >= 128 ? 64 : 32;
        for (size_t j = 0; j < half; j += 8) {
            uint64_t low, high;
            memcpy(&low, values + i + j, 8);
            memcpy(&high, values + i + half + j, 8);
            low |= high << 4; /* no nibble reaches into its neighbour */
            memcpy(ret + j, &low, 8);
        }
        ret += half;
        i += 2 * half;
    }
}

/* What the factors need of the code x: its square, and its products with the residual and the centroid. */
struct products {
    float xx, xr, xc;
};

static struct products encode_bits(const struct vec_rabitq *rq, const float *residual, const float *centroid,
                                   uint8_t *ret_code) {
    const struct vec_kernels *k = rq->kernels;
    k->signs(residual, rq->padded, ret_code);
    return (struct products){
        .xx = (float)rq->padded / 4,
        .xr = k->dot_b1f32(ret_code, residual, rq->padded),
        .xc = centroid ? k->dot_b1f32(ret_code, centroid, rq->padded) : 0,
    };
}

static struct products encode_levels(const struct vec_rabitq *rq, const float *residual, float length,
                                     const float *centroid, float *scratch, uint8_t *ret_code) {
    const struct vec_kernels *k = rq->kernels;
    size_t d = rq->padded;
    float *x = scratch;
    uint8_t *values = (uint8_t *)(scratch + d);
    float deviation = length / sqrtf((float)d);
    float scale = deviation > 0 ? 1 / (deviation * best_step[rq->config.bits]) : 0;
    if (!isfinite(scale)) /* a length among the denormals: all levels are the middle one's */
        scale = 0;
    k->quantize_u8(residual, d, scale, rq->mid, (uint8_t)(2 * rq->mid), values);
    k->f32_from_u8(values, d, -rq->mid, x);
    if (rq->config.bits == 4)
        pack_nibbles(values, d, ret_code);
    else
        memcpy(ret_code, values, d);
    return (struct products){
        .xx = k->dot_f32(x, x, d),
        .xr = k->dot_f32(x, residual, d),
        .xc = centroid ? k->dot_f32(x, centroid, d) : 0,
    };
}

void vec_rabitq_encode(const struct vec_rabitq *rq, const float *row, const float *centroid, const float *origin,
                       float *scratch, uint8_t *ret_code, struct vec_rabitq_factors *ret_factors) {
    const struct vec_kernels *k = rq->kernels;
    size_t d = rq->padded;
    const float *residual = row;
    if (centroid) {
        for (size_t i = 0; i < d; i++)
            scratch[i] = row[i] - centroid[i];
        residual = scratch;
    }
    float rr = k->dot_f32(residual, residual, d);
    float rc = (centroid ? k->dot_f32(residual, centroid, d) : 0) + (origin ? k->dot_f32(residual, origin, d) : 0);
    struct products p = rq->config.bits == 1 ? encode_bits(rq, residual, centroid, ret_code)
                                             : encode_levels(rq, residual, sqrtf(rr), centroid, scratch + d, ret_code);
    float f = p.xr > 0 ? rr / p.xr : 0;
    float cosine = p.xr > 0 ? p.xr / (sqrtf(p.xx) * sqrtf(rr)) : 1;
    float off = 1 / (cosine * cosine) - 1;
    float error = off > 0 ? sqrtf(rr) * sqrtf(off / (float)(d - 1)) : 0;
    if (!isfinite(f) || !isfinite(error)) { /* so short that its square is lost: it is its centroid */
        f = 0;
        error = 0;
    }
    if (rq->config.bits == 1)
        error = fmaxf(error, ROUNDING_SHARE * f);
    bool l2 = rq->config.metric == VEC_L2;
    *ret_factors = (struct vec_rabitq_factors){
        .add = l2 ? rr + 2 * f * p.xc : f * p.xc - rc,
        .rescale = l2 ? -2 * f : -f,
        .error = l2 ? 2 * error : error,
    };
}

struct encode_job {
    const struct vec_rabitq *rq;
    const struct vec_rows *rows;
    const float *origin;
    uint8_t *codes;
    struct vec_rabitq_factors *factors;
};

static void encode_piece(void *ctx, unsigned worker, size_t begin, size_t end) {
    (void)worker;
    struct encode_job *job = ctx;
    size_t d = job->rq->padded;
    float *rotated = lh_malloc_aligned(64, (1 + VEC_RABITQ_SCRATCH) * d * sizeof *rotated);
    for (size_t i = begin; i < end; i++) {
        vec_rabitq_rotate_from(job->rq, vec_row(job->rows, i), job->origin, rotated);
        vec_rabitq_encode(job->rq, rotated, NULL, job->origin, rotated + d, job->codes + i * job->rq->code_bytes,
                          &job->factors[i]);
    }
    lh_free(rotated);
}

enum lh_code vec_rabitq_encode_rows(const struct vec_rabitq *rq, const struct vec_rows *rows, const float *origin,
                                    unsigned threads, uint8_t *ret_codes, struct vec_rabitq_factors *ret_factors,
                                    struct lh_err *err) {
    LH_TRY(vec_check_shape(rows, err));
    if (rows->d != rq->config.d)
        return lh_fail(err, LH_INVALID, "vectors of %u dimensions for a quantizer of %u", rows->d, rq->config.d);
    struct encode_job job = {rq, rows, origin, ret_codes, ret_factors};
    vec_parallel_for(threads, rows->n, 1024, encode_piece, &job);
    return LH_OK;
}

/* ---- blocks ---- */

static float *block_factors(const struct vec_rabitq *rq, uint8_t *block) {
    return (float *)(void *)(block + (size_t)VEC_BLOCK_ROWS * rq->padded / 8);
}

void vec_rabitq_block_clear(const struct vec_rabitq *rq, uint8_t *block, unsigned slot) {
    float *factors = block_factors(rq, block);
    factors[slot] = INFINITY;
    factors[VEC_BLOCK_ROWS + slot] = 0;
    factors[2 * VEC_BLOCK_ROWS + slot] = 0;
}

enum vec_slot_state vec_rabitq_block_slot(const struct vec_rabitq *rq, const uint8_t *block, unsigned slot) {
    const float *factors = (const float *)(const void *)(block + (size_t)VEC_BLOCK_ROWS * rq->padded / 8);
    float add = factors[slot], rescale = factors[VEC_BLOCK_ROWS + slot], error = factors[2 * VEC_BLOCK_ROWS + slot];
    if (!isfinite(rescale) || !isfinite(error) || error < 0)
        return VEC_SLOT_BROKEN;
    return isfinite(add) ? VEC_SLOT_USED : add == INFINITY ? VEC_SLOT_CLEAR : VEC_SLOT_BROKEN;
}

void vec_rabitq_block_put(const struct vec_rabitq *rq, uint8_t *block, unsigned slot, const uint8_t *code,
                          const struct vec_rabitq_factors *factors) {
    unsigned shift = slot < 16 ? 0 : 4;
    uint8_t keep = (uint8_t)(0xF0 >> shift);
    uint8_t *at = block + slot % 16;
    for (size_t byte = 0; byte < rq->padded / 8; byte++, at += 32) { /* a byte holds two groups of four */
        at[0] = (uint8_t)((at[0] & keep) | (code[byte] & 15) << shift);
        at[16] = (uint8_t)((at[16] & keep) | (code[byte] >> 4) << shift);
    }
    float *to = block_factors(rq, block);
    to[slot] = factors->add;
    to[VEC_BLOCK_ROWS + slot] = factors->rescale;
    to[2 * VEC_BLOCK_ROWS + slot] = factors->error;
}

/* ---- queries ---- */

struct vec_rabitq_query *vec_rabitq_query_new(const struct vec_rabitq *rq) {
    struct vec_rabitq_query *q = lh_malloc(sizeof *q);
    *q = (struct vec_rabitq_query){.rq = rq};
    q->rotated = lh_malloc_aligned(64, rq->padded * sizeof *q->rotated);
    q->seen = lh_malloc_aligned(64, rq->padded * sizeof *q->seen);
    q->bytes = lh_malloc_aligned(64, rq->padded);
    if (rq->config.bits == 1) {
        q->lut = lh_malloc_aligned(64, (size_t)rq->padded * 4);
        q->lut_sums = lh_malloc_aligned(64, (size_t)rq->padded * 4 * sizeof *q->lut_sums);
    }
    return q;
}

void vec_rabitq_query_free(struct vec_rabitq_query *q) {
    if (!q)
        return;
    lh_free(q->rotated);
    lh_free(q->seen);
    lh_free(q->bytes);
    lh_free(q->lut);
    lh_free(q->lut_sums);
    lh_free(q);
}

/* Signed bytes by way of unsigned ones about 128: the top bit turns over. */
static void quantize_signed(struct vec_rabitq_query *q) {
    size_t d = q->rq->padded;
    q->sum = 0;
    for (size_t i = 0; i < d; i++)
        q->sum += q->seen[i];
    q->step = q->rq->kernels->max_abs(q->seen, d) / 127;
    float scale = q->step > 0 ? 1 / q->step : 0;
    if (!isfinite(scale))
        scale = q->step = 0;
    uint8_t *unsigned_bytes = (uint8_t *)q->bytes;
    q->rq->kernels->quantize_u8(q->seen, d, scale, 128, 255, unsigned_bytes);
    for (size_t i = 0; i < d; i += 8) {
        uint64_t word;
        memcpy(&word, unsigned_bytes + i, sizeof word);
        word ^= 0x8080808080808080u;
        memcpy(unsigned_bytes + i, &word, sizeof word);
    }
}

/* For each four dimensions the 16 sums of their subsets, above the smallest of them; all to one scale, which is as fine
 * as a byte allows and as keeps a row's sum within 16 bits. */
static void make_tables(struct vec_rabitq_query *q) {
    size_t groups = q->rq->padded / 4;
    float widest = 0;
    float magnitudes = 0;
    for (size_t g = 0; g < groups; g++) {
        const float *y = q->seen + 4 * g;
        float *sums = q->lut_sums + 16 * g;
        float lowest = 0;
        float width = 0;
        for (int j = 0; j < 4; j++) {
            lowest += y[j] < 0 ? y[j] : 0;
            width += fabsf(y[j]);
        }
        sums[0] = -lowest;
        for (int j = 0; j < 4; j++)
            for (int m = 0; m < 1 << j; m++)
                sums[(1 << j) + m] = sums[m] + y[j];
        widest = width > widest ? width : widest;
        magnitudes += width;
    }
    size_t limit = groups > 0 ? 65535 / groups : 65535; /* no sum of a row passes 65535 */
    uint8_t top = (uint8_t)(limit > 255 ? 255 : limit);
    q->lut_step = widest / top;
    q->lut_bias = -magnitudes / 2;
    float scale = q->lut_step > 0 ? 1 / q->lut_step : 0;
    if (!isfinite(scale))
        scale = q->lut_step = 0;
    q->rq->kernels->quantize_u8(q->lut_sums, 16 * groups, scale, 0, top, q->lut);
}

void vec_rabitq_query_set(struct vec_rabitq_query *q, const float *x, const float *origin) {
    const struct vec_kernels *k = q->rq->kernels;
    size_t d = q->rq->padded;
    vec_rabitq_rotate(q->rq, x, q->rotated);
    for (size_t i = 0; i < d; i++)
        q->seen[i] = origin ? q->rotated[i] - origin[i] : q->rotated[i];
    q->square = k->dot_f32(q->seen, q->seen, d);
    q->to_origin = origin ? k->dot_f32(q->rotated, origin, d) : 0;
    quantize_signed(q);
    if (q->lut)
        make_tables(q);
}

const float *vec_rabitq_query_rotated(const struct vec_rabitq_query *q) {
    return q->rotated;
}

const float *vec_rabitq_query_from_origin(const struct vec_rabitq_query *q) {
    return q->seen;
}

void vec_rabitq_query_centre(const struct vec_rabitq_query *q, const float *centroid,
                             struct vec_rabitq_centre *ret_centre) {
    const struct vec_kernels *k = q->rq->kernels;
    size_t d = q->rq->padded;
    float square = centroid ? k->l2_f32(q->seen, centroid, d) : q->square;
    ret_centre->norm = sqrtf(square);
    if (q->rq->config.metric == VEC_L2)
        ret_centre->add = square;
    else
        ret_centre->add = (q->rq->config.metric == VEC_COSINE ? 1.0f : 0.0f) - q->to_origin -
                          (centroid ? k->dot_f32(q->rotated, centroid, d) : 0);
}

/* <x, y> = <u, y> - mid * sum(y), with y in signed bytes. */
static float estimate_from(const struct vec_rabitq_query *q, const struct vec_rabitq_centre *centre, int32_t product,
                           const struct vec_rabitq_factors *factors) {
    float xy = q->step * (float)product - q->rq->mid * q->sum;
    return centre->add + factors->add + factors->rescale * xy;
}

float vec_rabitq_estimate(const struct vec_rabitq_query *q, const struct vec_rabitq_centre *centre, const uint8_t *code,
                          const struct vec_rabitq_factors *factors) {
    const struct vec_kernels *k = q->rq->kernels;
    size_t d = q->rq->padded;
    int32_t product = q->rq->config.bits == 1   ? k->dot_b1i8(code, q->bytes, d)
                      : q->rq->config.bits == 4 ? k->dot_u4i8(code, q->bytes, d)
                                                : k->dot_u8i8(code, q->bytes, d);
    return estimate_from(q, centre, product, factors);
}

#define AHEAD 8 /* rows whose lines are asked for before they are needed */

void vec_rabitq_estimate_ids(const struct vec_rabitq_query *q, const struct vec_rabitq_centre *centre,
                             const uint8_t *codes, const struct vec_rabitq_factors *factors, const uint32_t *ids,
                             size_t n, float *ret_dist) {
    const struct vec_kernels *k = q->rq->kernels;
    size_t d = q->rq->padded, bytes = q->rq->code_bytes;
    uint32_t bits = q->rq->config.bits;
    for (size_t i = 0; i < n && i < AHEAD; i++) {
        for (size_t line = 0; line < bytes; line += 64)
            __builtin_prefetch(codes + ids[i] * bytes + line);
        __builtin_prefetch(&factors[ids[i]]);
    }
    size_t i = 0;
    for (; i + 4 <= n; i += 4) {
        for (size_t j = i + AHEAD; j < i + AHEAD + 4 && j < n; j++) {
            for (size_t line = 0; line < bytes; line += 64)
                __builtin_prefetch(codes + ids[j] * bytes + line);
            __builtin_prefetch(&factors[ids[j]]);
        }
        const uint8_t *const rows[4] = {codes + ids[i] * bytes, codes + ids[i + 1] * bytes, codes + ids[i + 2] * bytes,
                                        codes + ids[i + 3] * bytes};
        int32_t products[4];
        if (bits == 1)
            k->dot_b1i8_x4(rows, q->bytes, d, products);
        else if (bits == 4)
            k->dot_u4i8_x4(rows, q->bytes, d, products);
        else
            k->dot_u8i8_x4(rows, q->bytes, d, products);
        for (size_t r = 0; r < 4; r++)
            ret_dist[i + r] = estimate_from(q, centre, products[r], &factors[ids[i + r]]);
    }
    for (; i < n; i++)
        ret_dist[i] = vec_rabitq_estimate(q, centre, codes + ids[i] * bytes, &factors[ids[i]]);
}

/* A table entry is off by at most half a step, uniformly, and independently for each group. */
void vec_rabitq_block_query(const struct vec_rabitq_query *q, const struct vec_rabitq_centre *centre, float epsilon,
                            struct vec_block_query *ret_block) {
    size_t groups = q->rq->padded / 4;
    float rounding = q->lut_step * sqrtf((float)groups / 12) / ROUNDING_SHARE;
    *ret_block = (struct vec_block_query){
        .lut = q->lut,
        .groups = groups,
        .scale = q->lut_step,
        .bias = q->lut_bias,
        .add = centre->add,
        .error = epsilon * sqrtf(centre->norm * centre->norm + rounding * rounding),
    };
}
