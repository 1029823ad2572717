/* The journal on the real engine against a model in memory: random events, flushes, merges and restarts; what a crash leaves
 * between two steps; histories at a moment. */
#include "base/cleanup.h"
#include "journal/event_files.h"
#include "journal/journal.h"
#include "store/local.h"
#include "store/object_store.h"
#include "unit/engine/worker/engine_fixture.h"

enum { EVENTS = 3000, ENTITIES = 23 };

struct model_event {
    char id[LH_ULID_SIZE];
    int64_t ts_us;
    unsigned entity, number;
};

struct journal_fixture {
    struct fixture engine;
    struct object_store *store;
    struct journal *journal;
    char wal[100];
    struct model_event *model;
    unsigned count;
    uint64_t seed;
    unsigned notices;
};

static void ok(enum lh_code code, const struct lh_err *err) {
    if (code != LH_OK)
        fail_msg("%s: %s (%s)", lh_code_name(code), err->message, err->detail);
}

static unsigned draw(struct journal_fixture *f, unsigned limit) {
    f->seed = f->seed * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (unsigned)(f->seed >> 33) % limit;
}

static void count_notice(void *ctx, enum lh_code code, const char *text) {
    (void)code;
    (void)text;
    ((struct journal_fixture *)ctx)->notices++;
}

/* `tmp_dir` NULL: the engine's own.  One that cannot be a folder keeps flushes from working, as a full disk would. */
static void open_journal(struct journal_fixture *f, const char *tmp_dir) {
    struct lh_err err = LH_ERR_INIT;
    const struct journal_options options = {.os = f->engine.os,
                                            .store = f->store,
                                            .engine = f->engine.engine,
                                            .wal_dir = f->wal,
                                            .tmp_dir = tmp_dir ? tmp_dir : f->engine.scratch,
                                            .tier_files = 3,
                                            .notice = count_notice,
                                            .notice_ctx = f};
    ok(journal_open(&options, &f->journal, &err), &err);
}

static void reopen(struct journal_fixture *f, const char *tmp_dir) {
    journal_close(f->journal);
    open_journal(f, tmp_dir);
}

static int set_up(void **state) {
    struct journal_fixture *f = lh_calloc(1, sizeof *f);
    struct lh_err err = LH_ERR_INIT;
    fixture_open(&f->engine, NULL);
    snprintf(f->wal, sizeof f->wal, "%s/wal", f->engine.dir);
    ok(os_mkdir_all(f->engine.os, AT_FDCWD, f->wal, 0700, &err), &err);
    ok(object_store_open_local(f->engine.os, f->engine.root, &f->store, &err), &err);
    f->model = lh_calloc(EVENTS, sizeof *f->model);
    f->seed = 42;
    open_journal(f, NULL);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct journal_fixture *f = *state;
    journal_close(f->journal);
    object_store_free(f->store);
    fixture_close(&f->engine);
    lh_free(f->model);
    lh_free(f);
    return 0;
}

/* ---- the model ---- */

static const char *entity_name(unsigned entity) {
    /* Names that quoting and patterns could get wrong. */
    static const char *const odd[] = {"it's", "a\"b", "*", "[x]", "candidates/C-1", "\xc3\xa9t\xc3\xa9"};
    static char name[32];
    if (entity < sizeof odd / sizeof *odd)
        return odd[entity];
    snprintf(name, sizeof name, "entity-%u", entity);
    return name;
}

static void append_some(struct journal_fixture *f, unsigned count) {
    struct journal_event events[8] = {{0}};
    char values[8][32], names[8][32], ids[8][LH_ULID_SIZE];
    struct lh_err err = LH_ERR_INIT;
    for (unsigned i = 0; i < count; i++) {
        struct model_event *m = &f->model[f->count + i];
        m->entity = draw(f, ENTITIES);
        m->number = f->count + i;
        m->ts_us = 0;
        if (draw(f, 4) == 0) /* days of their own */
            m->ts_us = INT64_C(1750000000000000) + (int64_t)draw(f, 3) * 86400000000 + draw(f, 1000);
        snprintf(values[i], sizeof values[i], "{\"n\":%u}", m->number);
        snprintf(names[i], sizeof names[i], "%s", entity_name(m->entity));
        events[i] = (struct journal_event){.ts_us = m->ts_us,
                                           .entity_type = "thing",
                                           .entity_id = names[i],
                                           .field = m->number % 2 ? "n" : NULL,
                                           .action = "update",
                                           .new_value = values[i],
                                           .actor = "tester",
                                           .source = "test"};
    }
    ok(journal_append(f->journal, events, count, 0, ids, &err), &err);
    for (unsigned i = 0; i < count; i++)
        memcpy(f->model[f->count + i].id, ids[i], LH_ULID_SIZE);
    f->count += count;
}

static const struct model_event *find_model(struct journal_fixture *f, const char *id) {
    for (unsigned i = 0; i < f->count; i++)
        if (strcmp(f->model[i].id, id) == 0)
            return &f->model[i];
    return NULL;
}

static void check_event(struct journal_fixture *f, const struct journal_event *e, unsigned entity) {
    const struct model_event *m = find_model(f, e->id);
    char value[32];
    assert_non_null(m);
    assert_int_equal(m->entity, entity);
    snprintf(value, sizeof value, "{\"n\":%u}", m->number);
    assert_string_equal(e->new_value, value);
    assert_string_equal(e->entity_id, entity_name(entity));
    assert_true(m->ts_us == 0 || m->ts_us == e->ts_us);
    assert_null(e->old_value);
    assert_null(e->workspace_id);
    if (m->number % 2)
        assert_string_equal(e->field, "n");
    else
        assert_null(e->field);
}

static struct journal_query whole(const char *entity, size_t limit) {
    return (struct journal_query){.entity_id = entity, .as_of_us = INT64_MAX, .limit = limit};
}

static size_t history(struct journal_fixture *f, const char *entity, int64_t as_of_us, struct arena *arena,
                      struct journal_event **ret_events) {
    struct lh_err err = LH_ERR_INIT;
    size_t count = 0;
    bool more = true;
    struct journal_query query = whole(entity, JOURNAL_READ_MAX);
    query.as_of_us = as_of_us;
    ok(journal_history(f->journal, &query, arena, ret_events, &count, &more, &err), &err);
    assert_false(more);
    return count;
}

/* Every entity has exactly its events, in order. */
static void check_all(struct journal_fixture *f) {
    for (unsigned entity = 0; entity < ENTITIES; entity++) {
        LH_AUTO(arena) struct arena *arena = arena_new();
        struct journal_event *events;
        size_t expected = 0;
        for (unsigned i = 0; i < f->count; i++)
            expected += f->model[i].entity == entity;
        size_t count = history(f, entity_name(entity), INT64_MAX, arena, &events);
        assert_int_equal(count, expected);
        for (size_t i = 0; i < count; i++) {
            check_event(f, &events[i], entity);
            if (i > 0)
                assert_true(events[i - 1].ts_us < events[i].ts_us ||
                            (events[i - 1].ts_us == events[i].ts_us && strcmp(events[i - 1].id, events[i].id) < 0));
        }
    }
}

static struct journal_stats stats_of(struct journal_fixture *f) {
    struct journal_stats stats;
    struct lh_err err = LH_ERR_INIT;
    ok(journal_get_stats(f->journal, &stats, &err), &err);
    return stats;
}

static void flush(struct journal_fixture *f) {
    struct journal_flushed flushed;
    struct lh_err err = LH_ERR_INIT;
    ok(journal_flush(f->journal, &flushed, &err), &err);
    assert_int_equal(stats_of(f).pending, 0);
}

static void compact(struct journal_fixture *f) {
    struct journal_compacted compacted;
    struct lh_err err = LH_ERR_INIT;
    ok(journal_compact(f->journal, &compacted, &err), &err);
}

/* ---- tests ---- */

static void test_model(void **state) {
    struct journal_fixture *f = *state;
    for (unsigned step = 0; step < 120; step++) {
        unsigned what = draw(f, 30);
        if (what == 0)
            flush(f);
        else if (what == 1)
            compact(f);
        else if (what == 2)
            reopen(f, NULL);
        else if (what == 3)
            reopen(f, "/dev/null/tmp");
        else
            append_some(f, 1 + draw(f, 8));
        if (what == 3) /* what was appended is in the local log alone now; let it out again */
            reopen(f, NULL);
        if (step % 40 == 39)
            check_all(f);
    }
    flush(f);
    compact(f);
    check_all(f);
    assert_int_equal(stats_of(f).events, f->count);
}

static void test_recent(void **state) {
    struct journal_fixture *f = *state;
    static const unsigned limits[] = {1, 5, 40, 400};
    for (unsigned i = 0; i < 30; i++) {
        append_some(f, 8);
        if (i % 7 == 6)
            flush(f);
    }
    for (size_t l = 0; l < sizeof limits / sizeof *limits; l++) {
        LH_AUTO(arena) struct arena *arena = arena_new();
        struct lh_err err = LH_ERR_INIT;
        struct journal_event *events;
        size_t count;
        ok(journal_recent(f->journal, limits[l], arena, &events, &count, &err), &err);
        assert_int_equal(count, limits[l] < f->count ? limits[l] : f->count);
        unsigned late = 0; /* events that bear the clock's time come before those of days of their own */
        for (size_t i = 0; i < count; i++) {
            const struct model_event *m = find_model(f, events[i].id);
            check_event(f, &events[i], m->entity);
            late += m->ts_us == 0;
            if (i > 0)
                assert_true(events[i - 1].ts_us >= events[i].ts_us);
        }
        unsigned all_late = 0;
        for (unsigned i = 0; i < f->count; i++)
            all_late += f->model[i].ts_us == 0;
        assert_int_equal(late, all_late < count ? all_late : count);
    }
}

static void test_as_of(void **state) {
    struct journal_fixture *f = *state;
    LH_AUTO(arena) struct arena *arena = arena_new();
    struct lh_err err = LH_ERR_INIT;
    struct journal_event *events;
    for (int64_t t = 1; t <= 6; t++) {
        struct journal_event e = {.ts_us = t * 1000,
                                  .entity_type = "thing",
                                  .entity_id = "one",
                                  .action = "update",
                                  .actor = "tester",
                                  .source = "test"};
        ok(journal_append(f->journal, &e, 1, 0, NULL, &err), &err);
        if (t == 3)
            flush(f);
    }
    assert_int_equal(history(f, "one", 999, arena, &events), 0);
    assert_int_equal(history(f, "one", 2500, arena, &events), 2);
    assert_int_equal(history(f, "one", 5000, arena, &events), 5);
    size_t count;
    bool more;
    const struct journal_query four = whole("one", 4);
    ok(journal_history(f->journal, &four, arena, &events, &count, &more, &err), &err);
    assert_int_equal(count, 4);
    assert_true(more);
    assert_int_equal(events[0].ts_us, 3000);
}

/* Things of one name and different types, before and after a flush. */
static void test_types(void **state) {
    static const char *const types[] = {"candidate", "client", "it's"};
    struct journal_fixture *f = *state;
    struct lh_err err = LH_ERR_INIT;
    for (size_t round = 0; round < 2; round++) {
        for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
            struct journal_event e = {
                .entity_type = types[i], .entity_id = "17", .action = "update", .actor = "tester", .source = "test"};
            ok(journal_append(f->journal, &e, 1, 0, NULL, &err), &err);
        }
        for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
            LH_AUTO(arena) struct arena *arena = arena_new();
            struct journal_query query = whole("17", 10);
            struct journal_event *events;
            size_t count;
            bool more;
            query.entity_type = types[i];
            ok(journal_history(f->journal, &query, arena, &events, &count, &more, &err), &err);
            assert_int_equal(count, round + 1);
            assert_string_equal(events[round].entity_type, types[i]);
        }
        flush(f);
    }
}

/* More events than are fetched unsorted: the newest ones all the same. */
static void test_busy_entity(void **state) {
    struct journal_fixture *f = *state;
    enum { CALLS = 5, EACH = 1000 };
    LH_AUTO(arena) struct arena *arena = arena_new();
    LH_AUTO(mem) struct journal_event *batch = lh_calloc(EACH, sizeof *batch);
    struct lh_err err = LH_ERR_INIT;
    struct journal_event *events;
    size_t count;
    bool more;
    for (int64_t call = 0; call < CALLS; call++) {
        for (int64_t i = 0; i < EACH; i++)
            batch[i] = (struct journal_event){.ts_us = 1 + call * EACH + i,
                                              .entity_type = "thing",
                                              .entity_id = "busy",
                                              .action = "update",
                                              .actor = "tester",
                                              .source = "test"};
        ok(journal_append(f->journal, batch, EACH, 0, NULL, &err), &err);
    }
    flush(f);
    const struct journal_query ten = whole("busy", 10);
    ok(journal_history(f->journal, &ten, arena, &events, &count, &more, &err), &err);
    assert_int_equal(count, 10);
    assert_true(more);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(events[i].ts_us, CALLS * EACH - 9 + (int64_t)i);
    assert_int_equal(history(f, "busy", INT64_MAX, arena, &events), CALLS * EACH);
    assert_int_equal(history(f, "busy", 4500, arena, &events), 4500);
}

/* The files of a folder, put aside and put back: what a crash leaves when the step after it was not done. */
static void shell(const char *command) {
    if (system(command) != 0)
        fail_msg("%s", command);
}

static void test_crash_after_file(void **state) {
    struct journal_fixture *f = *state;
    char command[512];
    append_some(f, 8);
    snprintf(command, sizeof command, "cp -r %s %s.aside", f->wal, f->wal);
    shell(command);
    reopen(f, NULL); /* flushed by the closing */
    assert_int_equal(stats_of(f).pending, 0);
    journal_close(f->journal);
    snprintf(command, sizeof command, "rm -r %s && mv %s.aside %s", f->wal, f->wal, f->wal);
    shell(command);
    open_journal(f, NULL);
    assert_int_equal(stats_of(f).pending, 8);
    check_all(f); /* in a file and in the log: once */
    uint64_t files = stats_of(f).files;
    flush(f);
    assert_int_equal(stats_of(f).files, files);
    assert_int_equal(stats_of(f).events, 8);
    check_all(f);
}

static void test_crash_after_merge(void **state) {
    struct journal_fixture *f = *state;
    char command[512];
    for (unsigned i = 0; i < 4; i++) {
        append_some(f, 8);
        flush(f);
    }
    snprintf(command, sizeof command, "cp -r %s/_journal %s/aside", f->engine.root, f->engine.dir);
    shell(command);
    compact(f);
    uint64_t files = stats_of(f).files;
    journal_close(f->journal);
    snprintf(command, sizeof command, "cp -rn %s/aside/. %s/_journal", f->engine.dir, f->engine.root);
    shell(command);
    open_journal(f, NULL);
    assert_int_equal(stats_of(f).files, files);
    assert_int_equal(stats_of(f).events, f->count);
    check_all(f);
    compact(f);
    snprintf(command, sizeof command, "test $(find %s/_journal -name '*.parquet' | wc -l) -eq %u", f->engine.root,
             (unsigned)files);
    shell(command);
    check_all(f);
}

/* A lost index costs time, not events. */
static void test_lost_index(void **state) {
    struct journal_fixture *f = *state;
    char command[512];
    append_some(f, 8);
    flush(f);
    snprintf(command, sizeof command, "for i in $(find %s/_journal -name '*.index'); do printf x >>$i; done",
             f->engine.root);
    shell(command);
    reopen(f, NULL);
    assert_true(stats_of(f).unindexed > 0);
    assert_int_equal(f->notices, 1);
    check_all(f);
    for (unsigned i = 0; i < 4; i++) {
        append_some(f, 8);
        flush(f);
    }
    compact(f);
    check_all(f);
}

static void test_torn_log(void **state) {
    struct journal_fixture *f = *state;
    char command[512];
    reopen(f, "/dev/null/tmp");
    append_some(f, 8);
    journal_close(f->journal);
    snprintf(command, sizeof command,
             "for i in %s/events/*.wal; do head -c 33 $i >>$i.tail; cat $i.tail >>$i; rm $i.tail; done", f->wal);
    shell(command);
    open_journal(f, NULL);
    check_all(f);
    append_some(f, 8);
    flush(f);
    check_all(f);
}

struct feed {
    struct journal *journal;
    uint64_t tip, calls;
};

/* One event a version, as the catalog's feed does it. */
static enum lh_code feed_versions(void *ctx, struct lh_err *err) {
    struct feed *feed = ctx;
    feed->calls++;
    for (uint64_t v = journal_covered(feed->journal) + 1; v <= feed->tip; v++) {
        char id[LH_ULID_SIZE];
        unsigned char number[10] = {(unsigned char)v};
        lh_ulid_format((int64_t)v, number, id);
        struct journal_event e = {.id = id,
                                  .ts_us = (int64_t)v * 1000,
                                  .entity_type = "dataset",
                                  .entity_id = "fed",
                                  .action = "commit",
                                  .actor = "tester",
                                  .source = "catalog"};
        LH_TRY(journal_append(feed->journal, &e, 1, v, NULL, err));
    }
    return LH_OK;
}

static void test_feed(void **state) {
    struct journal_fixture *f = *state;
    struct feed feed = {.journal = f->journal, .tip = 5};
    struct journal_event *events;
    LH_AUTO(arena) struct arena *arena = arena_new();
    journal_set_feed(f->journal, feed_versions, &feed);
    assert_int_equal(history(f, "fed", INT64_MAX, arena, &events), 5);
    feed.tip = 7;
    flush(f);
    assert_int_equal(journal_covered(f->journal), 7);
    feed.tip = 9;
    assert_int_equal(history(f, "fed", INT64_MAX, arena, &events), 9);
    journal_set_feed(f->journal, NULL, NULL);
    reopen(f, "/dev/null/tmp"); /* 8 and 9 come back from the local log or a file, the rest from files */
    assert_int_equal(journal_covered(f->journal), 9);
    /* Deriving them again, as another server would, changes nothing. */
    struct journal_event again = {0};
    struct lh_err err = LH_ERR_INIT;
    assert_int_equal(history(f, "fed", INT64_MAX, arena, &events), 9);
    again = events[3];
    ok(journal_append(f->journal, &again, 1, 0, NULL, &err), &err);
    assert_int_equal(history(f, "fed", INT64_MAX, arena, &events), 9);
    reopen(f, NULL);
    flush(f);
    assert_int_equal(history(f, "fed", INT64_MAX, arena, &events), 9);
}

static void test_refusals(void **state) {
    struct journal_fixture *f = *state;
    char long_name[300];
    memset(long_name, 'x', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    const struct {
        const char *name;
        struct journal_event event;
        enum lh_code code;
    } rows[] = {
        {"no entity", {.entity_type = "t", .action = "a", .actor = "x", .source = "s"}, LH_INVALID},
        {"empty action", {.entity_type = "t", .entity_id = "e", .action = "", .actor = "x", .source = "s"}, LH_INVALID},
        {"long type",
         {.entity_type = long_name, .entity_id = "e", .action = "a", .actor = "x", .source = "s"},
         LH_TOO_LARGE},
        {"control character",
         {.entity_type = "t", .entity_id = "a\nb", .action = "a", .actor = "x", .source = "s"},
         LH_INVALID},
        {"odd id",
         {.id = "1", .entity_type = "t", .entity_id = "e", .action = "a", .actor = "x", .source = "s"},
         LH_INVALID},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct lh_err err = LH_ERR_INIT;
        if (journal_append(f->journal, &rows[i].event, 1, 0, NULL, &err) != rows[i].code)
            fail_msg("%s: %s", rows[i].name, err.message);
    }
    assert_int_equal(stats_of(f).events, 0);
}

int main(int argc, char **argv) {
    ENGINE_TEST_MAIN(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_model, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_recent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_as_of, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_types, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_busy_entity, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_crash_after_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_crash_after_merge, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lost_index, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_torn_log, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_feed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refusals, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
