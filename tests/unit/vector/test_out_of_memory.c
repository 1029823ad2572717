/* The first, the second, the third ... allocation of a size that a client decides fails: each call says LH_NO_MEMORY, leaks
 * nothing (the sanitizer build tells), leaves what it was given usable, and works when there is memory again. */
#include "base/alloc.h"
#include "base/attr.h"
#include "unit/vector/data.h"
#include "vector/flat.h"
#include "vector/ivf.h"
#include "vector/kmeans.h"
#include "vector/recall.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { ROWS = 300, MORE_ROWS = 5000, D = 64, TRIES_MOST = 1000 };

static float *data;

static struct vec_rows first(size_t n) {
    return (struct vec_rows){.data = data, .n = n, .d = D};
}

typedef enum lh_code scenario(struct lh_err *err);

static enum lh_code build_flat(struct lh_err *err) {
    struct vec_rows rows = first(ROWS);
    struct vec_flat *flat = NULL;
    enum lh_code code = vec_flat_new(&rows, &(struct vec_flat_config){.metric = VEC_COSINE, .threads = 1}, &flat, err);
    vec_flat_free(flat);
    return code;
}

/* The flat was built with memory at hand; only its growth meets none. */
static struct vec_flat *grown;

static enum lh_code extend_flat(struct lh_err *err) {
    struct vec_rows rows = first(MORE_ROWS);
    size_t before = vec_flat_count(grown);
    enum lh_code code = vec_flat_extend(grown, &rows, err);
    assert_int_equal(vec_flat_count(grown), code == LH_OK ? MORE_ROWS : before);
    return code;
}

static enum lh_code build_ivf(enum vec_ivf_codes codes, struct lh_err *err) {
    struct vec_rows rows = first(ROWS);
    struct vec_ivf *ivf = NULL;
    enum lh_code code =
        vec_ivf_new(&rows, &(struct vec_ivf_config){.metric = VEC_L2, .codes = codes, .threads = 1}, &ivf, err);
    vec_ivf_free(ivf);
    return code;
}

static enum lh_code build_ivf_bits(struct lh_err *err) {
    return build_ivf(VEC_IVF_RABITQ, err);
}

static enum lh_code build_ivf_pq(struct lh_err *err) {
    return build_ivf(VEC_IVF_PQ, err);
}

static enum lh_code assign_rows(struct lh_err *err) {
    struct vec_rows rows = first(ROWS);
    uint32_t nearest[ROWS];
    return vec_kmeans_assign(&rows, data, 8, 1, nearest, err);
}

static enum lh_code find_truth(struct lh_err *err) {
    struct vec_rows rows = first(ROWS);
    struct vec_rows queries = first(4);
    struct vec_hit hits[4 * 5];
    return vec_ground_truth(&rows, &queries, VEC_COSINE, 5, 1, hits, err);
}

static void fail_each_allocation(scenario *run) {
    struct lh_err err = LH_ERR_INIT;
#ifdef LH_FAULTS
    enum lh_code code = LH_NO_MEMORY;
    long nth = 0;
    while (code != LH_OK && nth < TRIES_MOST) {
        lh_alloc_fail_nth(++nth);
        code = run(&err);
        lh_alloc_fail_nth(0);
        assert_true(code == LH_OK || code == LH_NO_MEMORY);
    }
    assert_true(nth > 1); /* something failed */
#endif
    assert_int_equal(run(&err), LH_OK);
}

static void test_no_memory(void **state) {
    fail_each_allocation((scenario *)*state);
}

static void test_no_memory_to_grow(void **state) {
    (void)state;
    struct lh_err err = LH_ERR_INIT;
    struct vec_rows rows = first(ROWS);
    struct vec_flat_config config = {.metric = VEC_COSINE, .threads = 1};
    assert_int_equal(vec_flat_new(&rows, &config, &grown, &err), LH_OK);
    fail_each_allocation(extend_flat);
    vec_flat_free(grown);
}

int main(void) {
    data = make_rows(MORE_ROWS, D, GAUSSIAN, 7);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_no_memory, (void *)build_flat),
        cmocka_unit_test(test_no_memory_to_grow),
        cmocka_unit_test_prestate(test_no_memory, (void *)build_ivf_bits),
        cmocka_unit_test_prestate(test_no_memory, (void *)build_ivf_pq),
        cmocka_unit_test_prestate(test_no_memory, (void *)assign_rows),
        cmocka_unit_test_prestate(test_no_memory, (void *)find_truth),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    lh_free(data);
    return failed;
}
