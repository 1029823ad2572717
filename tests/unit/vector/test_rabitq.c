/* The statistics that RaBitQ promises: lengths kept, estimates without bias, errors within the bound. */
#include "base/alloc.h"
#include "base/attr.h"
#include "unit/vector/data.h"
#include "vector/rabitq.h"
#include "vector/rotation.h"

#include <stdbool.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct lh_err err;

static double dot(const float *a, const float *b, size_t d) {
    double sum = 0;
    for (size_t i = 0; i < d; i++)
        sum += (double)a[i] * b[i];
    return sum;
}

static void rotation_keeps_products(void **state) {
    (void)state;
    static const uint32_t dims[] = {1, 2, 63, 64, 65, 100, 128, 192, 300, 768, 1000, 4096, 65536};
    for (size_t i = 0; i < LH_ARRAY_LEN(dims); i++) {
        uint32_t d = dims[i];
        float *x = make_rows(2, d, GAUSSIAN, d);
        struct vec_rotation *rotation = vec_rotation_new(d, 9), *same = vec_rotation_new(d, 9);
        uint32_t padded = vec_rotation_padded(rotation);
        assert_true(padded >= d && padded < d + 64 && padded % 64 == 0);
        float *a = lh_malloc(padded * sizeof *a), *b = lh_malloc(padded * sizeof *b);
        vec_rotation_apply(rotation, x, 1, a);
        vec_rotation_apply(same, x, 1, b);
        assert_memory_equal(a, b, padded * sizeof *a);
        vec_rotation_apply(rotation, x + d, 2, b);
        double scale = sqrt(dot(x, x, d) * dot(x + d, x + d, d));
        assert_true(fabs(dot(a, a, padded) - dot(x, x, d)) < 1e-4 * dot(x, x, d));
        assert_true(fabs(dot(a, b, padded) - 2 * dot(x, x + d, d)) < 1e-4 * scale);
        vec_rotation_free(rotation);
        vec_rotation_free(same);
        lh_free(a);
        lh_free(b);
        lh_free(x);
    }
}

/* The worst input for a quantizer, one coordinate alone, comes out spread like a Gaussian: its fourth moment is near 3. */
static void rotation_spreads_a_spike(void **state) {
    (void)state;
    static const uint32_t dims[] = {192, 256, 768, 1536};
    for (size_t i = 0; i < LH_ARRAY_LEN(dims); i++) {
        uint32_t d = dims[i];
        float *x = lh_calloc(d, sizeof *x), *y = lh_malloc(d * sizeof *y);
        double fourth = 0;
        enum { SEEDS = 20 };
        for (uint64_t seed = 0; seed < SEEDS; seed++) {
            struct vec_rotation *rotation = vec_rotation_new(d, seed);
            memset(x, 0, d * sizeof *x);
            x[seed * 7 % d] = 1;
            vec_rotation_apply(rotation, x, sqrtf((float)d), y);
            for (uint32_t j = 0; j < d; j++)
                fourth += pow((double)y[j], 4) / d / SEEDS;
            vec_rotation_free(rotation);
        }
        assert_true(fourth > 2.4 && fourth < 3.6);
        lh_free(x);
        lh_free(y);
    }
}

enum { SEEDS = 40 }; /* the promise is about a random rotation, so several are drawn */

struct errors {
    double mean, deviation; /* of (estimate - truth) in units of the row's predicted deviation */
    double beyond;          /* share beyond the bound of VEC_RABITQ_EPSILON on either side */
};

static double true_distance(enum vec_metric metric, const float *a, const float *b, size_t d) {
    if (metric == VEC_DOT)
        return -dot(a, b, d);
    if (metric == VEC_COSINE)
        return 1 - dot(a, b, d) / sqrt(dot(a, a, d) * dot(b, b, d));
    return dot(a, a, d) + dot(b, b, d) - 2 * dot(a, b, d);
}

/* Every row against a centroid of its own choosing, both seen from an origin; either may be NULL. */
static void encode_all(const struct vec_rabitq *rq, const struct vec_rows *rows, const float *centroid,
                       const float *origin, uint8_t *codes, struct vec_rabitq_factors *factors) {
    size_t padded = vec_rabitq_padded(rq);
    float *rotated = lh_malloc((1 + VEC_RABITQ_SCRATCH) * padded * sizeof *rotated);
    for (size_t i = 0; i < rows->n; i++) {
        vec_rabitq_rotate_from(rq, vec_row(rows, i), origin, rotated);
        vec_rabitq_encode(rq, rotated, centroid, origin, rotated + padded, codes + i * vec_rabitq_code_bytes(rq),
                          &factors[i]);
    }
    lh_free(rotated);
}

enum seen { PLAIN, WITH_CENTROID, WITH_ORIGIN, WITH_BOTH, SEEN };

/* Under one rotation, into *e. */
static void measure_one(uint32_t d, uint32_t bits, enum vec_metric metric, enum seen seen, uint64_t seed,
                        struct errors *e) {
    enum { N = 60, Q = 6 };
    float *x = make_rows(N + Q + 1, d, CLUSTERED, 77);
    struct vec_rows rows = {x, N, d};
    struct vec_rabitq *rq = NULL;
    struct vec_rabitq_config config = {.d = d, .bits = bits, .metric = metric, .seed = seed};
    assert_int_equal(vec_rabitq_new(&config, &rq, &err), LH_OK);
    size_t bytes = vec_rabitq_code_bytes(rq), padded = vec_rabitq_padded(rq);
    uint8_t *codes = lh_malloc(N * bytes);
    struct vec_rabitq_factors factors[N];
    float *centroid = lh_malloc(2 * padded * sizeof *centroid);
    float *origin = seen & WITH_ORIGIN ? centroid + padded : NULL;
    vec_rabitq_origin(rq, &rows, centroid + padded);
    vec_rabitq_rotate_from(rq, x + (size_t)(N + Q) * d, origin, centroid);
    bool centred = seen & WITH_CENTROID;
    if (centred)
        encode_all(rq, &rows, centroid, origin, codes, factors);
    else
        assert_int_equal(vec_rabitq_encode_rows(rq, &rows, origin, 2, codes, factors, &err), LH_OK);
    struct vec_rabitq_query *q = vec_rabitq_query_new(rq);
    uint32_t ids[N];
    float estimates[N];
    for (uint32_t i = 0; i < N; i++)
        ids[i] = N - 1 - i;
    for (size_t i = 0; i < Q; i++) {
        const float *query = x + (N + i) * d;
        struct vec_rabitq_centre centre;
        vec_rabitq_query_set(q, query, origin);
        vec_rabitq_query_centre(q, centred ? centroid : NULL, &centre);
        vec_rabitq_estimate_ids(q, &centre, codes, factors, ids, N, estimates);
        for (uint32_t j = 0; j < N; j++) {
            float estimate = vec_rabitq_estimate(q, &centre, codes + j * bytes, &factors[j]);
            assert_true(estimate == estimates[N - 1 - j]);
            double off = ((double)estimate - true_distance(metric, query, x + (size_t)j * d, d)) /
                         ((double)factors[j].error * (double)centre.norm);
            e->mean += off / (N * Q * SEEDS);
            e->deviation += off * off / (N * Q * SEEDS);
            e->beyond += (fabs(off) > (double)VEC_RABITQ_EPSILON) / (double)(N * Q * SEEDS);
        }
    }
    vec_rabitq_query_free(q);
    vec_rabitq_free(rq);
    lh_free(centroid);
    lh_free(codes);
    lh_free(x);
}

static struct errors measure(uint32_t d, uint32_t bits, enum vec_metric metric, enum seen seen) {
    struct errors e = {0};
    for (uint64_t seed = 0; seed < SEEDS; seed++)
        measure_one(d, bits, metric, seen, seed, &e);
    e.deviation = sqrt(e.deviation);
    return e;
}

static void estimates_have_no_bias_and_keep_their_bound(void **state) {
    (void)state;
    static const uint32_t dims[] = {128, 200, 768, 1024};
    static const uint32_t bits[] = {1, 4};
    for (size_t i = 0; i < LH_ARRAY_LEN(dims); i++)
        for (size_t b = 0; b < LH_ARRAY_LEN(bits); b++)
            for (int metric = VEC_L2; metric <= VEC_COSINE; metric++)
                for (int seen = 0; seen < SEEN; seen++) {
                    struct errors e = measure(dims[i], bits[b], (enum vec_metric)metric, (enum seen)seen);
                    if (!(fabs(e.mean) < 0.1 && e.deviation < 1.2 && e.beyond < 0.12))
                        fail_msg("d %u, %u bits, %s, seen %d: mean %.3f, deviation %.3f, beyond %.4f", dims[i], bits[b],
                                 vec_metric_name((enum vec_metric)metric), seen, e.mean, e.deviation, e.beyond);
                }
}

/* More bits, smaller errors: by about 8 from 1 to 4 bits. */
static void more_bits_estimate_better(void **state) {
    (void)state;
    enum { D = 512, N = 200 };
    float *x = make_rows(N + 1, D, GAUSSIAN, 5);
    struct vec_rows rows = {x, N, D};
    double deviation[3] = {0};
    static const uint32_t bits[] = {1, 4, 8};
    for (size_t b = 0; b < 3; b++) {
        struct vec_rabitq *rq = NULL;
        struct vec_rabitq_config config = {.d = D, .bits = bits[b], .metric = VEC_COSINE, .seed = 4};
        assert_int_equal(vec_rabitq_new(&config, &rq, &err), LH_OK);
        uint8_t *codes = lh_malloc(N * vec_rabitq_code_bytes(rq));
        struct vec_rabitq_factors factors[N];
        assert_int_equal(vec_rabitq_encode_rows(rq, &rows, NULL, 1, codes, factors, &err), LH_OK);
        struct vec_rabitq_query *q = vec_rabitq_query_new(rq);
        struct vec_rabitq_centre centre;
        vec_rabitq_query_set(q, x + (size_t)N * D, NULL);
        vec_rabitq_query_centre(q, NULL, &centre);
        for (size_t i = 0; i < N; i++) {
            double off = (double)vec_rabitq_estimate(q, &centre, codes + i * vec_rabitq_code_bytes(rq), &factors[i]) -
                         true_distance(VEC_COSINE, x + (size_t)N * D, x + i * D, D);
            deviation[b] += off * off / N;
        }
        vec_rabitq_query_free(q);
        vec_rabitq_free(rq);
        lh_free(codes);
    }
    lh_free(x);
    assert_true(sqrt(deviation[0] / deviation[1]) > 5);
    assert_true(sqrt(deviation[1] / deviation[2]) > 2);
}

static void a_row_at_its_centroid_is_exact(void **state) {
    (void)state;
    enum { D = 100 };
    float *x = make_rows(2, D, GAUSSIAN, 5);
    for (uint32_t bits = 1; bits <= 8; bits += bits == 1 ? 3 : 4) {
        struct vec_rabitq *rq = NULL;
        struct vec_rabitq_config config = {.d = D, .bits = bits, .metric = VEC_L2, .seed = 4};
        assert_int_equal(vec_rabitq_new(&config, &rq, &err), LH_OK);
        float rotated[128], scratch[128 * VEC_RABITQ_SCRATCH];
        uint8_t code[128];
        struct vec_rabitq_factors factors;
        struct vec_rabitq_centre centre;
        vec_rabitq_rotate(rq, x, rotated);
        vec_rabitq_encode(rq, rotated, rotated, NULL, scratch, code, &factors);
        assert_true(factors.rescale == 0 && factors.error == 0);
        struct vec_rabitq_query *q = vec_rabitq_query_new(rq);
        vec_rabitq_query_set(q, x + D, NULL);
        vec_rabitq_query_centre(q, rotated, &centre);
        double want = true_distance(VEC_L2, x, x + D, D);
        assert_true(fabs((double)vec_rabitq_estimate(q, &centre, code, &factors) - want) < 1e-4 * want);
        vec_rabitq_query_free(q);
        vec_rabitq_free(rq);
    }
    lh_free(x);
}

static void bad_configurations_are_refused(void **state) {
    (void)state;
    static const struct vec_rabitq_config rows[] = {
        {.d = 0, .bits = 1},
        {.d = VEC_MAX_DIM + 1, .bits = 1},
        {.d = 8, .bits = 0},
        {.d = 8, .bits = 2},
        {.d = 8, .bits = 1, .metric = (enum vec_metric)9},
    };
    for (size_t i = 0; i < LH_ARRAY_LEN(rows); i++) {
        struct vec_rabitq *rq = NULL;
        assert_int_equal(vec_rabitq_new(&rows[i], &rq, &err), LH_INVALID);
        assert_null(rq);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rotation_keeps_products),
        cmocka_unit_test(rotation_spreads_a_spike),
        cmocka_unit_test(estimates_have_no_bias_and_keep_their_bound),
        cmocka_unit_test(more_bits_estimate_better),
        cmocka_unit_test(a_row_at_its_centroid_is_exact),
        cmocka_unit_test(bad_configurations_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
