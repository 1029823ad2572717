/* k-means and product quantization: what is found, and that a seed decides all of it. */
#include "base/alloc.h"
#include "base/attr.h"
#include "unit/vector/data.h"
#include "vector/kmeans.h"
#include "vector/pq.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct lh_err err;

/* Sum of squared distances to the nearest centre, exactly; and how many rows the library assigned elsewhere. */
static double cost(const struct vec_rows *rows, const float *centres, uint32_t k, size_t *ret_misplaced) {
    uint32_t *nearest = lh_malloc(rows->n * sizeof *nearest);
    assert_int_equal(vec_kmeans_assign(rows, centres, k, 2, nearest, &err), LH_OK);
    double sum = 0;
    *ret_misplaced = 0;
    for (size_t i = 0; i < rows->n; i++) {
        double best = INFINITY, chosen = 0;
        for (uint32_t c = 0; c < k; c++) {
            double dist = 0;
            for (uint32_t j = 0; j < rows->d; j++) {
                double difference = (double)vec_row(rows, i)[j] - centres[(size_t)c * rows->d + j];
                dist += difference * difference;
            }
            best = dist < best ? dist : best;
            chosen = c == nearest[i] ? dist : chosen;
        }
        *ret_misplaced += chosen > best * 1.05;
        sum += best;
    }
    lh_free(nearest);
    return sum;
}

static void clusters_are_found(void **state) {
    (void)state;
    static const uint32_t dims[] = {2, 8, 63, 64, 200};
    static const size_t batches[] = {0, 300};
    for (size_t i = 0; i < LH_ARRAY_LEN(dims); i++)
        for (size_t b = 0; b < LH_ARRAY_LEN(batches); b++) {
            enum { N = 1400 };
            uint32_t d = dims[i];
            float *x = make_rows(N, d, CLUSTERED, 4);
            struct vec_rows rows = {x, N, d};
            struct vec_kmeans how = {.k = 14, .rounds = 12, .sample = N, .batch = batches[b], .threads = 1, .seed = 3};
            float *centres = lh_malloc(2 * 14 * d * sizeof *centres), *again = centres + (size_t)14 * d;
            assert_int_equal(vec_kmeans_train(&rows, &how, centres, &err), LH_OK);
            how.threads = 3;
            assert_int_equal(vec_kmeans_train(&rows, &how, again, &err), LH_OK);
            assert_memory_equal(centres, again, 14 * d * sizeof *centres);
            size_t misplaced = 0;
            double got = cost(&rows, centres, 14, &misplaced);
            /* 7 true clusters of deviation 0.15 in each dimension; more centres cannot cost more */
            double noise = 0.15 * 0.15 * d * N;
            if (got > 1.25 * noise)
                fail_msg("d %u, batch %zu: cost %.1f, noise %.1f", d, batches[b], got, noise);
            assert_true(misplaced <= N / 50);
            lh_free(centres);
            lh_free(x);
        }
}

static void hard_inputs_give_finite_centres(void **state) {
    (void)state;
    for (int shape = 0; shape < SHAPES; shape++)
        for (size_t n = 1; n < 40; n += 13) {
            float *x = make_rows(n, 70, (enum shape)shape, 2);
            struct vec_rows rows = {x, n, 70};
            struct vec_kmeans how = {.k = 16, .seed = 1, .threads = 1};
            float centres[16 * 70];
            assert_int_equal(vec_kmeans_train(&rows, &how, centres, &err), LH_OK);
            for (size_t i = 0; i < LH_ARRAY_LEN(centres); i++)
                assert_true(isfinite(centres[i]));
            lh_free(x);
        }
    float one = 1, centre;
    struct vec_rows none = {&one, 0, 1}, single = {&one, 1, 1};
    struct vec_kmeans how = {.k = 1};
    assert_int_equal(vec_kmeans_train(&none, &how, &centre, &err), LH_INVALID);
    how.k = 0;
    assert_int_equal(vec_kmeans_train(&single, &how, &centre, &err), LH_INVALID);
}

static void product_codes_name_the_nearest_words(void **state) {
    (void)state;
    enum { N = 2000, D = 48, M = 6 };
    float *x = make_rows(N, D, GAUSSIAN, 6);
    struct vec_rows rows = {x, N, D};
    struct vec_pq_config config = {.d = D, .m = M, .threads = 2, .seed = 5};
    struct vec_pq *pq = NULL, *same = NULL;
    assert_int_equal(vec_pq_train(&rows, &config, &pq, &err), LH_OK);
    config.threads = 1;
    assert_int_equal(vec_pq_train(&rows, &config, &same, &err), LH_OK);
    static uint8_t codes[N * M], code[M];
    int8_t scratch[D];
    double before = 0, after = 0;
    for (size_t i = 0; i < N; i++) {
        float decoded[D];
        vec_pq_encode(pq, vec_row(&rows, i), scratch, codes + i * M);
        vec_pq_encode(same, vec_row(&rows, i), scratch, code);
        assert_memory_equal(codes + i * M, code, M);
        vec_pq_decode(pq, codes + i * M, decoded);
        after += (double)vec_distance(VEC_L2, decoded, vec_row(&rows, i), D);
        before -= (double)vec_distance(VEC_DOT, vec_row(&rows, i), vec_row(&rows, i), D);
    }
    assert_true(after < 0.45 * before); /* a Gaussian of 8 dimensions in 8 bits keeps about two thirds of its energy */

    struct vec_pq_table table;
    float products[2 * VEC_BLOCK_ROWS];
    uint8_t blocks[2][VEC_BLOCK_ROWS * M];
    vec_pq_table_init(&table, pq);
    vec_pq_table_set(&table, pq, x);
    for (unsigned i = 0; i < 2 * VEC_BLOCK_ROWS; i++)
        vec_pq_block_put(pq, blocks[i / VEC_BLOCK_ROWS], i % VEC_BLOCK_ROWS, codes + i * M);
    vec_pq_products(pq, &table, (const uint8_t *const[2]){blocks[0], blocks[1]}, products);
    for (size_t i = 0; i < 2 * VEC_BLOCK_ROWS; i++) {
        float decoded[D];
        vec_pq_decode(pq, codes + i * M, decoded);
        assert_true(fabsf(products[i] + vec_distance(VEC_DOT, x, decoded, D)) <= table.step * M / 2 * 1.001f);
    }
    assert_true(table.step < 0.5f); /* so that the bound says something: products reach some 50 */
    const float nothing[D] = {0};
    vec_pq_table_set(&table, pq, nothing);
    vec_pq_products(pq, &table, (const uint8_t *const[2]){blocks[0], blocks[0]}, products);
    for (size_t i = 0; i < 2 * VEC_BLOCK_ROWS; i++)
        assert_true(products[i] == 0);
    vec_pq_table_deinit(&table);
    vec_pq_free(same);
    vec_pq_free(pq);
    config.m = 7;
    assert_int_equal(vec_pq_train(&rows, &config, &pq, &err), LH_INVALID);
    rows.n = 0;
    config.m = 6;
    assert_int_equal(vec_pq_train(&rows, &config, &pq, &err), LH_INVALID);
    lh_free(x);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clusters_are_found),
        cmocka_unit_test(hard_inputs_give_finite_centres),
        cmocka_unit_test(product_codes_name_the_nearest_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
