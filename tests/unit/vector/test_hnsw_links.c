/* What a walk beside an insert may meet: rule 3 of vector/hnsw_internal.h, looked at while another thread inserts. */
#include "base/alloc.h"
#include "os/thread.h"
#include "unit/vector/data.h"
#include "vector/hnsw_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { N = 3000, FIRST = 100, D = 32 };

struct insertion {
    struct vec_hnsw *graph;
    const float *data;
    atomic_bool done;
};

static void insert_all(void *arg) {
    struct insertion *insertion = arg;
    struct vec_hnsw_cursor *cursor = vec_hnsw_cursor_new(insertion->graph);
    for (size_t i = FIRST; i < N; i++) {
        struct lh_err err;
        uint32_t id = 0;
        if (vec_hnsw_insert(cursor, insertion->data + i * D, &id, &err) != LH_OK)
            break;
    }
    vec_hnsw_cursor_free(cursor);
    atomic_store(&insertion->done, true);
}

/* Nodes that a list above leads to while they lead nowhere below. */
static size_t dead_ends(const struct vec_hnsw *graph) {
    size_t n = 0;
    uint32_t lists = __atomic_load_n(&graph->upper_count, __ATOMIC_ACQUIRE);
    for (size_t i = 0; i < (size_t)lists * graph->m; i++) {
        uint32_t id = vec_link_load(&graph->upper[i]);
        n += id != VEC_NO_ID && vec_link_load(&graph->links[(size_t)id * graph->degree]) == VEC_NO_ID;
    }
    return n;
}

static void who_comes_down_to_a_node_finds_the_way_on(void **state) {
    (void)state;
    struct lh_err err;
    struct vec_hnsw *graph = NULL;
    struct os_thread thread = {0};
    float *data = make_rows(N, D, GAUSSIAN, 3);
    const struct vec_rows rows = {data, FIRST, D};
    const struct vec_hnsw_config config = {.d = D, .metric = VEC_L2, .m = 4, .ef_construction = 200, .seed = 1};
    assert_int_equal(vec_hnsw_build(&config, &rows, 1, &graph, &err), LH_OK);
    struct insertion insertion = {.graph = graph, .data = data};
    assert_int_equal(os_thread_start(&thread, "insert", OS_STACK_BIG, insert_all, &insertion, &err), LH_OK);
    size_t seen = 0;
    while (!atomic_load(&insertion.done))
        seen += dead_ends(graph);
    os_thread_join(&thread);
    assert_int_equal(seen, 0);
    struct vec_hnsw_stats stats;
    vec_hnsw_stats(graph, &stats);
    assert_int_equal(stats.rows, N);
    vec_hnsw_free(graph);
    lh_free(data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_comes_down_to_a_node_finds_the_way_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
