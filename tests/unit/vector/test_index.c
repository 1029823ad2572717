/* The growing index against exact search over the same rows: appends, deletions, filters, merges, files, faults, threads. */
#include "base/alloc.h"
#include "base/cleanup.h"
#include "os/file.h"
#include "os/os.h"
#include "os/thread.h"
#include "twin/os_faulty.h"
#include "twin/temp_dir.h"
#include "unit/vector/data.h"
#include "vector/flat.h"
#include "vector/hnsw.h"
#include "vector/index.h"
#include "vector/topk.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { N = 900, D = 36, K = 10, QUERIES = 20 };

static struct lh_err err;

static void ok(enum lh_code code) {
    if (code != LH_OK)
        fail_msg("%s: %s", lh_code_name(code), err.message);
}

static struct vec_rows part(const float *data, size_t begin, size_t end) {
    return (struct vec_rows){.data = data + begin * D, .n = end - begin, .d = D};
}

/* What the index should hold. */
struct model {
    const float *data;
    size_t n;
    uint64_t live[N / 64 + 1];
};

static void model_append(struct model *model, size_t n) {
    for (size_t i = model->n; i < model->n + n; i++)
        model->live[i / 64] |= (uint64_t)1 << (i % 64);
    model->n += n;
}

static void append(struct vec_index *index, struct model *model, size_t n) {
    const struct vec_rows rows = part(model->data, model->n, model->n + n);
    uint32_t first = 0;
    ok(vec_index_append(index, &rows, &first, &err));
    assert_int_equal(first, model->n);
    model_append(model, n);
}

static void drop(struct vec_index *index, struct model *model, uint32_t id) {
    ok(vec_index_delete(index, id, &err));
    model->live[id / 64] &= ~((uint64_t)1 << (id % 64));
    assert_int_equal(vec_index_delete(index, id, &err), LH_NOT_FOUND);
}

/* The share of the true neighbours that searches find; of the rows that `bitmap` allows, where it is given. */
static double recall(struct vec_index *index, const struct model *model, enum vec_metric metric,
                     const uint64_t *bitmap) {
    struct vec_index_reader *reader = vec_index_reader_new(index);
    const struct vec_rows rows = part(model->data, 0, model->n);
    const struct vec_index_search search = {
        .k = K, .ef = 100, .epsilon = 5, .bitmap = bitmap, .bitmap_ids = bitmap ? N : 0};
    uint64_t allowed[N / 64 + 1];
    size_t right = 0, wanted = 0;
    for (size_t w = 0; w < sizeof allowed / sizeof *allowed; w++)
        allowed[w] = model->live[w] & (bitmap ? bitmap[w] : UINT64_MAX);
    for (size_t q = 0; q < QUERIES; q++) {
        const float *query = model->data + (q * 37 % N) * D;
        struct vec_hit truth[K], hits[K];
        size_t n = 0;
        ok(vec_exact_search(&rows, metric, query, K, allowed, truth, &n, &err));
        size_t found = vec_index_search(reader, query, &search, hits);
        assert_true(found <= n);
        for (size_t i = 0; i < found; i++) {
            assert_true(vec_bit(allowed, hits[i].id));
            assert_true(i == 0 || !vec_hit_before(&hits[i], &hits[i - 1]));
            for (size_t t = 0; t < n; t++)
                right += truth[t].id == hits[i].id;
        }
        wanted += n;
    }
    for (uint32_t id = 0; id < N; id++) {
        const float *row = vec_index_row(reader, id);
        assert_int_equal(row != NULL, id < model->n && vec_bit(model->live, id));
        if (row)
            assert_memory_equal(row, model->data + (size_t)id * D, D * sizeof(float));
    }
    vec_index_reader_free(reader);
    return wanted ? (double)right / (double)wanted : 1;
}

static void check(struct vec_index *index, const struct model *model, enum vec_metric metric, double floor) {
    uint64_t every_third[N / 64 + 1] = {0};
    for (size_t i = 0; i < N; i += 3)
        every_third[i / 64] |= (uint64_t)1 << (i % 64);
    const uint64_t none[N / 64 + 1] = {0};
    assert_true(recall(index, model, metric, NULL) >= floor);
    assert_true(recall(index, model, metric, every_third) >= floor);
    assert_true(recall(index, model, metric, none) >= 1);
}

static void check_stats(struct vec_index *index, const struct model *model, bool graph) {
    struct vec_index_stats stats;
    uint32_t dead = 0;
    for (size_t i = 0; i < model->n; i++)
        dead += !vec_bit(model->live, i);
    vec_index_stats(index, &stats);
    assert_int_equal(stats.rows, model->n);
    assert_int_equal(stats.deleted, dead);
    assert_int_equal(stats.graph_rows + stats.flat_rows, model->n);
    assert_int_equal(stats.graph_rows > 0, graph);
}

static const struct {
    const char *name;
    enum vec_index_kind kind;
    enum vec_metric metric;
    size_t at_first;
} cases[] = {
    {"flat from nothing", VEC_INDEX_FLAT, VEC_L2, 0},       {"flat", VEC_INDEX_AUTO, VEC_COSINE, 301},
    {"graph from nothing", VEC_INDEX_GRAPH, VEC_COSINE, 0}, {"graph", VEC_INDEX_GRAPH, VEC_L2, 400},
    {"graph by dot", VEC_INDEX_GRAPH, VEC_DOT, 77},
};

/* The whole life of an index, with a reopening after each step that is saved. */
static void lives(size_t c) {
    char *folder = temp_dir_new();
    LH_AUTO(mem) char *path = lh_asprintf("%s/index", folder);
    float *data = make_rows(N, D, CLUSTERED, 5);
    struct model model = {.data = data};
    struct vec_index *index = NULL;
    const struct vec_index_config config = {
        .d = D, .metric = cases[c].metric, .kind = cases[c].kind, .m = 8, .seed = 3, .threads = 2};
    const struct vec_rows first = part(data, 0, cases[c].at_first);
    bool graph = cases[c].kind == VEC_INDEX_GRAPH;
    double floor = graph ? 0.97 : 1;
    ok(vec_index_create(os_real(), path, &config, &first, &index, &err));
    struct vec_index *second = NULL;
    assert_int_equal(vec_index_create(os_real(), path, &config, &first, &second, &err), LH_EXISTS);
    model_append(&model, first.n);
    check(index, &model, cases[c].metric, floor);
    check_stats(index, &model, graph && first.n);
    append(index, &model, 0);
    append(index, &model, 1);
    append(index, &model, 130);
    append(index, &model, 3);
    drop(index, &model, 0);
    drop(index, &model, 130);
    check(index, &model, cases[c].metric, floor);
    ok(vec_index_save(index, &err));
    vec_index_close(index);
    ok(vec_index_open(os_real(), path, 2, &index, &err));
    check(index, &model, cases[c].metric, floor);
    append(index, &model, 60);
    drop(index, &model, 131);
    ok(vec_index_merge(index, &err));
    check(index, &model, cases[c].metric, floor);
    check_stats(index, &model, graph);
    append(index, &model, 150);
    drop(index, &model, (uint32_t)model.n - 1);
    ok(vec_index_merge(index, &err));
    ok(vec_index_merge(index, &err));
    check(index, &model, cases[c].metric, floor);
    append(index, &model, 20);
    vec_index_close(index); /* the last 20 were not saved */
    model.n -= 20;
    memset(model.live + model.n / 64 + 1, 0, sizeof model.live - (model.n / 64 + 1) * sizeof *model.live);
    model.live[model.n / 64] &= ((uint64_t)1 << (model.n % 64)) - 1;
    ok(vec_index_open(os_real(), path, 1, &index, &err));
    check(index, &model, cases[c].metric, floor);
    check_stats(index, &model, graph);
    struct vec_index_search tuned;
    double reached = 0;
    ok(vec_index_tune(index, K, 0.9, &tuned, &reached, &err));
    assert_true(reached >= 0.9 && tuned.k == K);
    vec_index_close(index);
    lh_free(data);
    temp_dir_free(folder);
}

static void every_kind_lives(void **state) {
    (void)state;
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        print_message("%s\n", cases[c].name);
        lives(c);
    }
}

static void many_small_appends_stay_few_segments(void **state) {
    (void)state;
    char *folder = temp_dir_new();
    float *data = make_rows(N, D, GAUSSIAN, 5);
    struct model model = {.data = data};
    struct vec_index *index = NULL;
    const struct vec_index_config config = {.d = D, .seed = 3, .threads = 1};
    const struct vec_rows none = part(data, 0, 0);
    struct vec_index_stats stats;
    ok(vec_index_create(os_real(), folder, &config, &none, &index, &err));
    for (uint32_t i = 0; i < 500; i++) {
        append(index, &model, 1);
        if (i % 5 == 0)
            drop(index, &model, i);
        if (i % 50 == 0)
            ok(vec_index_save(index, &err));
        vec_index_stats(index, &stats);
        assert_true(stats.segments <= 9); /* about the logarithm of the rows */
    }
    check(index, &model, VEC_L2, 1);
    check_stats(index, &model, false);
    assert_true(!vec_index_wants_merge(index));
    ok(vec_index_merge(index, &err));
    char **names = NULL;
    size_t count = 0;
    ok(os_list_dir(os_real(), AT_FDCWD, folder, 0, &names, &count, &err));
    assert_int_equal(count, 2); /* index.vec and one segment */
    os_list_free(names, count);
    vec_index_close(index);
    lh_free(data);
    temp_dir_free(folder);
}

static void a_graph_with_many_dead_wants_a_merge(void **state) {
    (void)state;
    char *folder = temp_dir_new();
    float *data = make_rows(100, D, GAUSSIAN, 5);
    struct model model = {.data = data};
    struct vec_index *index = NULL;
    const struct vec_index_config config = {.d = D, .kind = VEC_INDEX_GRAPH, .threads = 1};
    const struct vec_rows rows = part(data, 0, 100);
    ok(vec_index_create(os_real(), folder, &config, &rows, &index, &err));
    model_append(&model, 100);
    for (uint32_t id = 0; id < 20; id++)
        drop(index, &model, id);
    assert_true(!vec_index_wants_merge(index));
    drop(index, &model, 20);
    assert_true(vec_index_wants_merge(index));
    ok(vec_index_merge(index, &err));
    assert_true(!vec_index_wants_merge(index));
    vec_index_close(index);
    lh_free(data);
    temp_dir_free(folder);
}

static void bad_calls_are_refused(void **state) {
    (void)state;
    char *folder = temp_dir_new();
    float *data = make_rows(20, D, GAUSSIAN, 5);
    struct vec_index *index = NULL;
    const struct vec_index_config config = {.d = D};
    const struct vec_index_config unknown = {.d = D, .kind = (enum vec_index_kind)7};
    const struct vec_rows rows = part(data, 0, 10), narrow = {data, 10, D - 1};
    uint32_t first = 0;
    assert_int_equal(vec_index_open(os_real(), folder, 1, &index, &err), LH_NOT_FOUND);
    assert_int_equal(vec_index_create(os_real(), folder, &config, &narrow, &index, &err), LH_INVALID);
    assert_int_equal(vec_index_create(os_real(), folder, &unknown, &rows, &index, &err), LH_INVALID);
    ok(vec_index_create(os_real(), folder, &config, &rows, &index, &err));
    assert_int_equal(vec_index_append(index, &narrow, &first, &err), LH_INVALID);
    data[15 * D + 3] = NAN;
    const struct vec_rows with_nan = part(data, 10, 20);
    assert_int_equal(vec_index_append(index, &with_nan, &first, &err), LH_DATA);
    assert_int_equal(vec_index_delete(index, 10, &err), LH_NOT_FOUND);
    struct vec_index_reader *reader = vec_index_reader_new(index);
    assert_int_equal(vec_index_search(reader, data, &(struct vec_index_search){0}, NULL), 0);
    assert_null(vec_index_row(reader, 10));
    vec_index_reader_free(reader);
    vec_index_close(index);
    lh_free(data);
    temp_dir_free(folder);
}

/* Each call of the system fails in turn, once and for good, within a save or a merge: what was there is there still, and
 * the next save makes up for it. */
static void faults_lose_nothing(void **state) {
    (void)state;
    float *data = make_rows(N, D, CLUSTERED, 6);
    for (int merging = 0; merging < 2; merging++) {
        bool failed = true;
        for (uint64_t nth = 1; failed; nth++) {
            char *folder = temp_dir_new();
            LH_AUTO(mem) char *path = lh_asprintf("%s/index", folder);
            struct os_faulty faulty;
            struct model model = {.data = data};
            struct vec_index *index = NULL;
            const struct vec_index_config config = {.d = D, .kind = VEC_INDEX_GRAPH, .m = 4, .threads = 1};
            const struct vec_rows rows = part(data, 0, 100);
            os_faulty_init(&faulty, os_real());
            ok(vec_index_create(&faulty.table, path, &config, &rows, &index, &err));
            model_append(&model, 100);
            append(index, &model, 30);
            drop(index, &model, 7);
            os_faulty_fail(&faulty, OS_CALL_ANY, nth, EIO, nth % 2 == 0);
            failed = (merging ? vec_index_merge(index, &err) : vec_index_save(index, &err)) != LH_OK;
            os_faulty_heal(&faulty);
            check(index, &model, VEC_L2, 0.9);
            ok(vec_index_save(index, &err));
            vec_index_close(index);
            ok(vec_index_open(os_real(), path, 1, &index, &err));
            check(index, &model, VEC_L2, 0.9);
            check_stats(index, &model, true);
            vec_index_close(index);
            os_faulty_deinit(&faulty);
            temp_dir_free(folder);
            assert_true(nth < 200);
        }
    }
    lh_free(data);
}

static void damage(const char *path, off_t at) {
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseeko(file, at, SEEK_SET), 0);
    int byte = fgetc(file);
    assert_int_equal(fseeko(file, at, SEEK_SET), 0);
    fputc(byte ^ 0x40, file);
    fclose(file);
}

static void damaged_folders_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *name;
        off_t at; /* the byte of index.vec that turns over; 0: none */
        bool lost, swapped;
        enum lh_code code;
    } damages[] = {
        {"its own header", 20, false, false, LH_CORRUPT},
        {"the list of segments", 2 * 4096 + 8, false, false, LH_CORRUPT},
        {"the deletions", 3 * 4096, false, false, LH_CORRUPT},
        {"a lost segment", 0, true, false, LH_NOT_FOUND},
        {"another one's segment", 0, false, true, LH_CORRUPT},
    };
    float *data = make_rows(200, D, GAUSSIAN, 6);
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        char *folder = temp_dir_new();
        LH_AUTO(mem) char *head = lh_asprintf("%s/index.vec", folder);
        LH_AUTO(mem) char *one = lh_asprintf("%s/0000000000000001.vec", folder);
        LH_AUTO(mem) char *two = lh_asprintf("%s/0000000000000002.vec", folder);
        const struct vec_index_config config = {.d = D, .threads = 1};
        const struct vec_rows rows = part(data, 0, 150), more = part(data, 150, 200);
        struct vec_index *index = NULL;
        uint32_t first = 0;
        ok(vec_index_create(os_real(), folder, &config, &rows, &index, &err));
        ok(vec_index_append(index, &more, &first, &err));
        ok(vec_index_save(index, &err));
        vec_index_close(index);
        if (damages[i].at)
            damage(head, damages[i].at);
        if (damages[i].lost)
            assert_int_equal(unlink(two), 0);
        if (damages[i].swapped)
            assert_int_equal(rename(one, two), 0);
        if (damages[i].swapped)
            assert_int_equal(link(two, one), 0);
        enum lh_code code = vec_index_open(os_real(), folder, 1, &index, &err);
        if (code != damages[i].code)
            fail_msg("%s: %s", damages[i].name, lh_code_name(code));
        temp_dir_free(folder);
    }
    lh_free(data);
}

struct party {
    struct vec_index *index;
    const float *data;
    atomic_bool *done;
    uint32_t found;
};

/* A segment of the same name, shape and seed, whole in itself, but of other rows. */
static void a_segment_of_another_index_is_refused(void **state) {
    (void)state;
    for (enum vec_index_kind kind = VEC_INDEX_FLAT; kind <= VEC_INDEX_GRAPH; kind++) {
        char *folder = temp_dir_new();
        char *paths[] = {lh_asprintf("%s/a", folder), lh_asprintf("%s/b", folder)};
        const struct vec_index_config config = {.d = D, .kind = kind, .metric = VEC_L2, .threads = 1};
        struct vec_index *index = NULL;
        for (size_t i = 0; i < 2; i++) {
            float *data = make_rows(100, D, GAUSSIAN, 7 + i);
            const struct vec_rows rows = part(data, 0, 100);
            ok(vec_index_create(os_real(), paths[i], &config, &rows, &index, &err));
            vec_index_close(index);
            ok(vec_index_open(os_real(), paths[i], 1, &index, &err));
            vec_index_close(index);
            lh_free(data);
        }
        LH_AUTO(mem) char *own = lh_asprintf("%s/%016d.vec", paths[0], 1);
        LH_AUTO(mem) char *foreign = lh_asprintf("%s/%016d.vec", paths[1], 1);
        assert_int_equal(rename(foreign, own), 0);
        assert_int_equal(vec_index_open(os_real(), paths[0], 1, &index, &err), LH_CORRUPT);
        assert_non_null(strstr(err.message, "0000000000000001.vec"));
        lh_free(paths[0]);
        lh_free(paths[1]);
        temp_dir_free(folder);
    }
}

static void search_all(void *arg) {
    struct party *party = arg;
    struct vec_index_reader *reader = vec_index_reader_new(party->index);
    const uint64_t odd[N / 64 + 1] = {[0 ... N / 64] = 0xaaaaaaaaaaaaaaaa};
    const struct vec_index_search searches[] = {{.k = K}, {.k = K, .bitmap = odd, .bitmap_ids = N}};
    for (uint32_t i = 0; !atomic_load(party->done) || i < 50; i++) {
        struct vec_hit hits[K];
        uint32_t id = i % 300; /* there from the beginning; only the multiples of 5 are ever deleted */
        size_t n = vec_index_search(reader, party->data + (size_t)id * D, &searches[i % 2], hits);
        party->found += (uint32_t)n;
        for (size_t j = 0; i % 2 && j < n; j++)
            if (hits[j].id % 2 == 0)
                party->found = UINT32_MAX / 2;
        const float *row = vec_index_row(reader, id % 5 ? id : id + 1);
        if (!row || row[0] != party->data[(size_t)(id % 5 ? id : id + 1) * D])
            party->found = UINT32_MAX / 2;
    }
    vec_index_reader_free(reader);
}

static void merge_all(void *arg) {
    struct party *party = arg;
    while (!atomic_load(party->done)) {
        struct lh_err own;
        if (vec_index_merge(party->index, &own) != LH_OK || vec_index_save(party->index, &own) != LH_OK)
            party->found = UINT32_MAX / 2;
    }
}

/* One thread appends and deletes while two search and one merges and saves.  ThreadSanitizer watches in its build. */
static void threads_append_delete_search_and_merge(void **state) {
    (void)state;
    char *folder = temp_dir_new();
    float *data = make_rows(N, D, CLUSTERED, 6);
    struct model model = {.data = data};
    struct vec_index *index = NULL;
    atomic_bool done = false;
    const struct vec_index_config config = {.d = D, .kind = VEC_INDEX_GRAPH, .m = 6, .threads = 1};
    const struct vec_rows rows = part(data, 0, 300);
    ok(vec_index_create(os_real(), folder, &config, &rows, &index, &err));
    model_append(&model, 300);
    struct party parties[3];
    struct os_thread threads[3];
    for (size_t i = 0; i < 3; i++) {
        parties[i] = (struct party){.index = index, .data = data, .done = &done};
        threads[i] = (struct os_thread){0};
        ok(os_thread_start(&threads[i], "party", OS_STACK_BIG, i < 2 ? search_all : merge_all, &parties[i], &err));
    }
    while (model.n < N) {
        append(index, &model, 3);
        if ((model.n - 300) / 3 * 5 < 300)
            drop(index, &model, (uint32_t)(model.n - 300) / 3 * 5);
    }
    atomic_store(&done, true);
    for (size_t i = 0; i < 3; i++) {
        os_thread_join(&threads[i]);
        assert_true(parties[i].found < UINT32_MAX / 2);
    }
    check(index, &model, VEC_L2, 0.95);
    ok(vec_index_merge(index, &err));
    check(index, &model, VEC_L2, 0.95);
    check_stats(index, &model, true);
    vec_index_close(index);
    lh_free(data);
    temp_dir_free(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_lives),
        cmocka_unit_test(many_small_appends_stay_few_segments),
        cmocka_unit_test(a_graph_with_many_dead_wants_a_merge),
        cmocka_unit_test(bad_calls_are_refused),
        cmocka_unit_test(faults_lose_nothing),
        cmocka_unit_test(damaged_folders_are_refused),
        cmocka_unit_test(a_segment_of_another_index_is_refused),
        cmocka_unit_test(threads_append_delete_search_and_merge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
