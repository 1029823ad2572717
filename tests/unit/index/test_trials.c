/* Numbered objects, the log of trials, what a record says of its graph, and what the agent makes of a history; on a local
 * store. */
#include "base/arena.h"
#include "base/cleanup.h"
#include "index/agent.h"
#include "index/numbered.h"
#include "index/record.h"
#include "index/trial_log.h"
#include "os/os.h"
#include "store/local.h"
#include "store/object_store.h"
#include "twin/temp_dir.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void ok(enum lh_code code, const struct lh_err *err) {
    if (code != LH_OK)
        fail_msg("%s: %s (%s)", lh_code_name(code), err->message, err->detail);
}

struct fixture {
    char *root;
    struct object_store *store;
};

static int open_store(void **state) {
    static struct fixture f;
    struct lh_err err = LH_ERR_INIT;
    f.root = temp_dir_new();
    ok(object_store_open_local(os_real(), f.root, &f.store, &err), &err);
    *state = &f;
    return 0;
}

static int close_store(void **state) {
    struct fixture *f = *state;
    object_store_free(f->store);
    temp_dir_free(f->root);
    return 0;
}

static struct object_store *store_of(void **state) {
    return ((struct fixture *)*state)->store;
}

/* ---- numbered objects ---- */

static void the_newest_number_counts(void **state) {
    struct object_store *store = store_of(state);
    struct lh_err err = LH_ERR_INIT;
    LH_AUTO(arena) struct arena *arena = arena_new();
    json_t *json = NULL;
    uint64_t number = 7, *numbers;
    size_t count;
    ok(numbered_newest(store, "_a/b", &number, &json, &err), &err);
    assert_int_equal(number, 0);
    assert_null(json);
    for (uint64_t i = 1; i <= 12; i++) {
        LH_AUTO(json) json_t *item = json_pack("{s:I}", "square", (json_int_t)(i * i));
        ok(numbered_put(store, "_a/b", i, item, &err), &err);
    }
    LH_AUTO(json) json_t *again = json_object();
    assert_int_equal(numbered_put(store, "_a/b", 12, again, &err), LH_EXISTS);
    LH_AUTO(json) json_t *other = json_object();
    ok(numbered_put(store, "_a/bc", 1, other, &err), &err);
    ok(object_put(store, "_a/b/note.json", "{}", 2, OBJECT_PUT_REPLACE, NULL, &err), &err);

    ok(numbered_newest(store, "_a/b", &number, &json, &err), &err);
    assert_int_equal(number, 12);
    assert_int_equal(json_integer_value(json_object_get(json, "square")), 144);
    assert_int_equal(json_integer_value(json_object_get(json, "number")), 12);
    json_decref(json);
    numbered_prune(store, "_a/b", 3);
    ok(numbered_list(store, "_a/b", 100, arena, &numbers, &count, &err), &err);
    assert_int_equal(count, 3);
    assert_int_equal(numbers[0], 10);
    ok(numbered_list(store, "_a/b", 2, arena, &numbers, &count, &err), &err);
    assert_int_equal(count, 2);
    assert_int_equal(numbers[0], 11);
    assert_int_equal(numbered_get(store, "_a/b", 9, &json, &err), LH_NOT_FOUND);
    const char **names;
    ok(numbered_names(store, "_a/", arena, &names, &count, &err), &err);
    assert_int_equal(count, 2);
    assert_string_equal(names[0], "b");
    assert_string_equal(names[1], "bc");
}

static void numbers_of_several_stores_are_one_row(void **state) {
    struct lh_err err = LH_ERR_INIT;
    LH_AUTO(arena) struct arena *arena = arena_new();
    struct object_store *both[2] = {store_of(state), NULL};
    char *root = temp_dir_new();
    ok(object_store_open_local(os_real(), root, &both[1], &err), &err);
    for (uint64_t i = 1; i <= 6; i++) {
        LH_AUTO(json) json_t *item = json_object();
        ok(numbered_put(both[i % 2], "_a/b", i, item, &err), &err);
    }
    const struct numbered_stores at = {both, 2}, none = {both, 0};
    struct numbered_entry *entries;
    size_t count;
    ok(numbered_list_all(&at, "_a/b", 4, arena, &entries, &count, &err), &err);
    assert_int_equal(count, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(entries[i].number, 3 + i);
        assert_ptr_equal(entries[i].store, both[(3 + i) % 2]);
    }
    ok(numbered_list_all(&none, "_a/b", 4, arena, &entries, &count, &err), &err);
    assert_int_equal(count, 0);
    object_store_free(both[1]);
    temp_dir_free(root);
}

struct racer {
    const struct numbered_stores *at;
    const struct index_record *index;
    pthread_t thread;
};

static void *append_ten(void *racer) {
    struct racer *r = racer;
    for (int i = 0; i < 10; i++) {
        struct lh_err err = LH_ERR_INIT;
        LH_AUTO(json) json_t *trial = json_pack("{s:{s:i, s:i, s:i, s:i}}", "settings", "m", 0, "ef_construction", 80,
                                                "ef_search", 10 + i, "seed", 42);
        while (trial_log_append(r->at, r->index, trial, &err) == LH_CONFLICT)
            ;
    }
    return NULL;
}

/* ---- the log ---- */

static void trials_of_many_writers_are_all_there(void **state) {
    struct lh_err err = LH_ERR_INIT;
    LH_AUTO(json) json_t *json = json_pack("{s:s}", "created_at", "2026-01-01T00:00:00.000000Z");
    struct index_record index = {.name = "busy", .json = json};
    struct object_store *const store = store_of(state);
    const struct numbered_stores at = {&store, 1};
    struct racer racers[4];
    for (size_t i = 0; i < 4; i++) {
        racers[i] = (struct racer){.at = &at, .index = &index};
        assert_int_equal(pthread_create(&racers[i].thread, NULL, append_ten, &racers[i]), 0);
    }
    for (size_t i = 0; i < 4; i++)
        pthread_join(racers[i].thread, NULL);
    LH_AUTO(trial_log) struct trial_log log = {0};
    ok(trial_log_load(&at, &index, &log, &err), &err);
    assert_int_equal(log.count, 40);
    for (size_t i = 0; i < 40; i++) {
        assert_int_equal(json_integer_value(json_object_get(log.trials[i], "number")), i + 1);
        assert_true(log.outcomes[i].failed); /* nothing was measured */
    }

    LH_AUTO(json) json_t *reborn = json_pack("{s:s}", "created_at", "2026-02-02T00:00:00.000000Z");
    struct index_record another = {.name = "busy", .json = reborn};
    LH_AUTO(trial_log) struct trial_log none = {0};
    ok(trial_log_load(&at, &another, &none, &err), &err);
    assert_int_equal(none.count, 0);
    json_t *trial;
    assert_int_equal(trial_log_get(&at, &another, 1, &trial, &err), LH_NOT_FOUND);
    ok(trial_log_get(&at, &index, 40, &trial, &err), &err);
    json_decref(trial);
    trial_log_remove(&at, "busy");
    assert_int_equal(trial_log_get(&at, &index, 40, &trial, &err), LH_NOT_FOUND);
}

static void a_damaged_trial_is_told(void **state) {
    (void)state;
    static const char *const texts[] = {
        "{}",
        "{\"settings\": {\"m\": 0, \"ef_construction\": 80, \"ef_search\": 30}}",
        "{\"settings\": {\"m\": -1, \"ef_construction\": 80, \"ef_search\": 30, \"seed\": 42}}",
        "{\"settings\": {\"m\": 0, \"ef_construction\": 80, \"ef_search\": 30, \"seed\": 42}, \"measured\": {\"recall\": \"x\"}}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct lh_err err = LH_ERR_INIT;
        struct trial_outcome outcome;
        LH_AUTO(json) json_t *trial = NULL;
        ok(lh_json_parse(texts[i], strlen(texts[i]), NULL, &trial, &err), &err);
        assert_int_equal(trial_outcome_parse(trial, &outcome, &err), LH_CORRUPT);
    }
}

/* ---- what a record asks for ---- */

static void a_record_is_pending_until_its_graph_is_built(void **state) {
    (void)state;
    static const struct {
        const char *what;
        enum index_backend wanted, built;
        struct index_graph graph, with;
        uint64_t rows;
        bool pending;
        uint32_t ef;
    } rows[] = {
        {"a flat that is to be one", BACKEND_FLAT, BACKEND_FLAT, {0, 9, 50, 1}, {0, 8, 40, 1}, 1000, false, 50},
        {"a flat that is to be a graph", BACKEND_HNSW, BACKEND_FLAT, {0, 8, 50, 1}, {0, 8, 40, 1}, 1000, true, 40},
        {"the graph that is asked for", BACKEND_HNSW, BACKEND_HNSW, {0, 8, 50, 1}, {0, 8, 40, 1}, 1000, false, 50},
        {"one with another window of building",
         BACKEND_HNSW,
         BACKEND_HNSW,
         {0, 9, 50, 1},
         {0, 8, 40, 1},
         1000,
         true,
         40},
        {"one with other links", BACKEND_HNSW, BACKEND_HNSW, {3, 8, 50, 1}, {0, 8, 40, 1}, 1000, true, 40},
        {"one of another seed", BACKEND_HNSW, BACKEND_HNSW, {0, 8, 50, 2}, {0, 8, 40, 1}, 1000, true, 40},
        {"a small one, by itself", BACKEND_AUTO, BACKEND_FLAT, {0, 9, 50, 1}, {0, 8, 40, 1}, 1000, false, 50},
        {"a graph where a flat would do", BACKEND_AUTO, BACKEND_HNSW, {0, 8, 50, 1}, {0, 8, 40, 1}, 1000, true, 40},
        {"a large one", BACKEND_AUTO, BACKEND_HNSW, {0, 8, 50, 1}, {0, 8, 40, 1}, INDEX_GRAPH_FROM, false, 50},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct index_record r = {.generation = "g",
                                 .backend = rows[i].wanted,
                                 .graph = rows[i].graph,
                                 .built = rows[i].with,
                                 .segment_count = 2};
        r.segments[0] = (struct segment_record){.backend = rows[i].built, .rows = rows[i].rows};
        r.segments[1] = (struct segment_record){.backend = BACKEND_FLAT, .rows = 1};
        if (index_record_is_pending(&r) != rows[i].pending || index_record_ef(&r) != rows[i].ef)
            fail_msg("%s", rows[i].what);
        r.generation = NULL;
        assert_false(index_record_is_pending(&r));
    }
}

/* ---- the agent ---- */

static void add(struct trial_log *log, const char *hash, struct trial_settings settings, double recall) {
    LH_AUTO(json) json_t *trial = json_pack("{s:{s:s}}", "harness", "questions_hash", hash);
    const struct trial_outcome outcome = {.settings = settings, .recall = recall, .p50_us = 50};
    trial_log_add(log, trial, &outcome);
}

static void the_agents_choice_follows_from_the_history_of_these_questions(void **state) {
    (void)state;
    LH_AUTO(trial_log) struct trial_log a = {0};
    LH_AUTO(trial_log) struct trial_log b = {0};
    for (int i = 0; i < 20; i++) {
        struct trial_settings one = agent_proposes(&a, "q"), two = agent_proposes(&b, "q");
        assert_true(trial_settings_equal(&one, &two));
        for (size_t j = 0; j < a.count; j++)
            assert_false(trial_settings_equal(&a.outcomes[j].settings, &one));
        add(&a, "q", one, 0.9 + i * 0.001);
        add(&b, "other questions", one, 0.99);
        add(&b, "q", one, 0.9 + i * 0.001);
    }
}

static void write_record(struct object_store *store, const char *backend, uint32_t ef_search) {
    struct lh_err err = LH_ERR_INIT;
    LH_AUTO(json) json_t *json = json_pack(
        "{s:i, s:s, s:s, s:s, s:{s:s, s:s, s:s}, s:{s:s, s:s, s:i}, s:{s:s, s:i, s:i}, s:s, s:s, s:{s:i, s:i, s:I, s:i}}",
        "format", 1, "name", "docs", "created_at", "2026-01-01T00:00:00.000000Z", "bucket", "primary", "source",
        "dataset", "d", "id_column", "i", "text_column", "t", "model", "provider", "builtin", "name", "", "dimensions",
        384, "chunks", "unit", "characters", "size", 1000, "overlap", 150, "backend", backend, "refresh", "manual",
        "hnsw", "m", 0, "ef_construction", 80, "ef_search", (json_int_t)ef_search, "seed", 42);
    uint64_t number;
    bool taken;
    ok(index_record_number(store, "docs", &number, &taken, &err), &err);
    ok(index_record_write(store, "docs", number, json, &err), &err);
}

static void the_agent_promotes_what_is_better_than_what_is_there(void **state) {
    static const struct {
        const char *what, *backend;
        uint32_t ef_search; /* in effect; 30 was measured: recall 0.95 in 50 us */
        double recall, p50_us;
        bool better;
    } rows[] = {
        {"more recall", "hnsw", 30, 0.96, 80, true},
        {"hardly more recall", "hnsw", 30, 0.951, 49, false},
        {"the same recall, much faster", "hnsw", 30, 0.95, 40, true},
        {"the same recall, hardly faster", "hnsw", 30, 0.95, 48, false},
        {"less recall, faster", "hnsw", 30, 0.94, 10, false},
        {"a graph that nobody measured", "hnsw", 77, 0.98, 10, false},
        {"a graph that nobody measured, beaten", "hnsw", 77, 0.995, 90, true},
        {"a flat", "flat", 30, 0.97, 10, false},
        {"a flat, beaten", "flat", 30, 0.99, 10, true},
    };
    struct object_store *store = store_of(state);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct lh_err err = LH_ERR_INIT;
        LH_AUTO(trial_log) struct trial_log log = {0};
        bool better;
        write_record(store, rows[i].backend, rows[i].ef_search);
        add(&log, "q", (struct trial_settings){0, 80, 30, 42}, 0.95);
        add(&log, "other questions", (struct trial_settings){0, 80, 77, 42}, 0.1);
        LH_AUTO(json) json_t *trial =
            json_pack("{s:{s:s}, s:{s:i, s:i, s:i, s:i}, s:{s:f, s:f, s:f, s:f, s:i}}", "harness", "questions_hash",
                      "q", "settings", "m", 0, "ef_construction", 99, "ef_search", 44, "seed", 42, "measured", "recall",
                      rows[i].recall, "p50_us", rows[i].p50_us, "p99_us", 200.0, "build_ms", 1.0, "memory_bytes", 1000);
        ok(agent_judges(store, "docs", &log, trial, &better, &err), &err);
        if (better != rows[i].better)
            fail_msg("%s", rows[i].what);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_newest_number_counts, open_store, close_store),
        cmocka_unit_test_setup_teardown(numbers_of_several_stores_are_one_row, open_store, close_store),
        cmocka_unit_test_setup_teardown(trials_of_many_writers_are_all_there, open_store, close_store),
        cmocka_unit_test(a_damaged_trial_is_told),
        cmocka_unit_test(a_record_is_pending_until_its_graph_is_built),
        cmocka_unit_test(the_agents_choice_follows_from_the_history_of_these_questions),
        cmocka_unit_test_setup_teardown(the_agent_promotes_what_is_better_than_what_is_there, open_store, close_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
