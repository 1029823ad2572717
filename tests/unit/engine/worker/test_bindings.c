/* Names in SQL text: what they are bound to, when the resolver is asked, and that nothing stale is ever read. */
#include "unit/engine/worker/engine_fixture.h"

static struct fixture fx;

static int open_engine(void **state) {
    (void)state;
    fixture_open(&fx, NULL);
    return 0;
}

static int close_engine(void **state) {
    (void)state;
    fixture_close(&fx);
    return 0;
}

static struct engine_query query_at(const char *sql, struct fake_catalog *catalog, uint64_t epoch) {
    struct engine_query query = query_of(sql);
    query.resolve = fake_resolve;
    query.resolve_ctx = catalog;
    query.epoch = epoch;
    return query;
}

static void assert_at(const char *sql, struct fake_catalog *catalog, uint64_t epoch, const char *csv) {
    struct engine_query query = query_at(sql, catalog, epoch);
    assert_csv(&fx, &query, csv);
}

static const struct engine_binding people[] = {
    {.name = "people", .definition = "SELECT * FROM (VALUES (1, 'ann'), (2, 'bob')) t(id, name)"},
    {.name = "Odd \"N.ame\"", .definition = "SELECT 7 AS seven"},
    {.name = "sales.csv", .definition = "SELECT 8 AS eight"},
    {.name = "order", .definition = "SELECT 9 AS nine"},
};

static void finds_names_wherever_they_stand(void **state) {
    (void)state;
    struct fake_catalog catalog = {people, 4, 0, NULL};
    static const struct {
        const char *sql, *csv;
    } rows[] = {
        {"SELECT count(*) AS n FROM people", "n\r\n2\r\n"},
        {"SELECT name FROM main.people WHERE id = 2", "name\r\nbob\r\n"},
        {"SELECT name FROM memory.main.people WHERE id = 2", "name\r\nbob\r\n"},
        {"SELECT p.name FROM people p JOIN people q USING (id) WHERE q.id = 1", "name\r\nann\r\n"},
        {"WITH people AS (SELECT * FROM people WHERE id = 1) SELECT name FROM people", "name\r\nann\r\n"},
        {"SELECT (SELECT max(id) FROM people) AS m", "m\r\n2\r\n"},
        {"SELECT id FROM people WHERE EXISTS (FROM people WHERE id > 1) ORDER BY id LIMIT 1", "id\r\n1\r\n"},
        {"SELECT COLUMNS('na.*') FROM people LIMIT 1", "name\r\nann\r\n"},
        {"FROM people SELECT id LIMIT 1", "id\r\n1\r\n"},
        {"PIVOT people ON name USING max(id)", "ann,bob\r\n1,2\r\n"},
        {"SELECT seven FROM \"Odd \"\"N.ame\"\"\"", "seven\r\n7\r\n"},
        {"SELECT eight FROM \"sales.csv\"", "eight\r\n8\r\n"},
        {"SELECT nine FROM \"order\"", "nine\r\n9\r\n"},
        {"SELECT * FROM query('SELECT max(id) AS m FROM people')", "m\r\n2\r\n"},
        {"SELECT count(*) AS n FROM query_table('people')", "n\r\n2\r\n"},
        {"SELECT 'people' AS word", "word\r\npeople\r\n"},
        {"SELECT column_name FROM (DESCRIBE people) ORDER BY 1 LIMIT 1", "column_name\r\nid\r\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_at(rows[i].sql, &catalog, 0, rows[i].csv);
        assert_at(rows[i].sql, &catalog, 5, rows[i].csv);
        assert_at(rows[i].sql, &catalog, 5, rows[i].csv);
    }
}

static void lists_all_datasets(void **state) {
    (void)state;
    struct fake_catalog catalog = {people, 4, 0, NULL};
    assert_at("SELECT table_name FROM information_schema.tables ORDER BY 1", &catalog, 6,
              "table_name\r\n\"Odd \"\"N.ame\"\"\"\r\norder\r\npeople\r\nsales.csv\r\n");
    assert_at("SELECT count(*) AS n FROM (SHOW TABLES)", &catalog, 6, "n\r\n4\r\n");
    catalog.count = 1;
    assert_at("SELECT table_name FROM information_schema.tables ORDER BY 1", &catalog, 7, "table_name\r\npeople\r\n");
}

static void asks_only_when_it_must(void **state) {
    (void)state;
    struct fake_catalog catalog = {people, 4, 0, NULL};
    assert_at("SELECT count(*) AS n FROM people", &catalog, 10, "n\r\n2\r\n");
    unsigned calls = catalog.calls;
    for (int i = 0; i < 5; i++)
        assert_at("SELECT count(*) AS n FROM people", &catalog, 10, "n\r\n2\r\n");
    assert_int_equal(catalog.calls, calls);
    assert_at("SELECT count(*) AS n FROM people", &catalog, 11, "n\r\n2\r\n");
    assert_int_equal(catalog.calls, calls + 1);
    assert_at("SELECT count(*) AS n FROM people", &catalog, 0, "n\r\n2\r\n");
    assert_at("SELECT count(*) AS n FROM people", &catalog, 0, "n\r\n2\r\n");
    assert_int_equal(catalog.calls, calls + 3);
}

static void never_reads_stale(void **state) {
    (void)state;
    struct engine_binding now[] = {{.name = "t", .definition = "SELECT 1 AS v"},
                                   {.name = "u", .definition = "SELECT 10 AS w"}};
    struct fake_catalog catalog = {now, 2, 0, NULL};
    assert_at("SELECT v, w FROM t, u", &catalog, 20, "v,w\r\n1,10\r\n");
    now[0].definition = "SELECT 2 AS v";
    assert_at("SELECT v, w FROM t, u", &catalog, 21, "v,w\r\n2,10\r\n");
    /* As of a past snapshot, and back. */
    now[0].definition = "SELECT 1 AS v";
    assert_at("SELECT v FROM t", &catalog, 20, "v\r\n1\r\n");
    now[0].definition = "SELECT 2 AS v";
    assert_at("SELECT v FROM t", &catalog, 21, "v\r\n2\r\n");
    /* A name that only the text of a string holds must not meet the view of another epoch. */
    now[1].definition = "SELECT 11 AS w";
    assert_at("SELECT * FROM query('SELECT w FROM ' || 'u')", &catalog, 22, "w\r\n11\r\n");
    /* A dataset that is gone. */
    catalog.count = 1;
    struct lh_err err = LH_ERR_INIT;
    struct engine_query query = query_at("SELECT w FROM u", &catalog, 23);
    assert_int_equal(run_query(&fx, &query, NULL, NULL, &err), LH_SQL);
    /* A name that was no dataset, and is one now. */
    catalog.count = 2;
    assert_at("SELECT w FROM u", &catalog, 24, "w\r\n11\r\n");
    now[0].definition = "SELECT 3 AS v";
    assert_at("SELECT v FROM t", &catalog, 0, "v\r\n3\r\n");
}

static void spelling_decides(void **state) {
    (void)state;
    static const struct engine_binding two[] = {{.name = "Orders", .definition = "SELECT 1 AS v"},
                                                {.name = "orders", .definition = "SELECT 2 AS v"}};
    struct fake_catalog catalog = {two, 2, 0, NULL};
    assert_at("SELECT v FROM Orders", &catalog, 30, "v\r\n1\r\n");
    assert_at("SELECT v FROM orders", &catalog, 30, "v\r\n2\r\n");
    assert_at("SELECT v FROM Orders", &catalog, 30, "v\r\n1\r\n");
    struct lh_err err = LH_ERR_INIT;
    struct engine_query query = query_at("SELECT * FROM orders, Orders", &catalog, 30);
    assert_int_equal(run_query(&fx, &query, NULL, NULL, &err), LH_SQL);
    assert_non_null(strstr(err.message, "cannot tell apart"));
}

static enum lh_code refuse(void *ctx, const char *const *names, size_t count, struct arena *arena,
                           struct engine_binding **ret_bindings, size_t *ret_count, const char **ret_suggestions,
                           struct lh_err *err) {
    (void)ctx, (void)names, (void)count, (void)arena, (void)ret_bindings, (void)ret_count, (void)ret_suggestions;
    lh_ignore(lh_fail(err, LH_NOT_FOUND, "there was no version 9"));
    return lh_err_hint(err, "ask for an older one");
}

static void explains_what_cannot_be_bound(void **state) {
    (void)state;
    static const struct engine_binding broken[] = {
        {.name = "bad", .definition = "SELECT * FROM read_parquet('/nowhere/x.parquet')"},
        {.name = "good", .definition = "SELECT 1 AS bad"}};
    struct fake_catalog catalog = {broken, 2, 0, "did you mean \"good\"?"};
    struct lh_err err = LH_ERR_INIT;
    /* "bad" is a column here, so that the broken dataset does not matter. */
    assert_at("SELECT bad FROM good", &catalog, 40, "bad\r\n1\r\n");
    struct engine_query query = query_at("SELECT * FROM bad", &catalog, 40);
    assert_int_equal(run_query(&fx, &query, NULL, NULL, &err), LH_FORBIDDEN);
    assert_non_null(strstr(err.message, "reading dataset \"bad\""));
    query = query_at("SELECT * FROM goood", &catalog, 40);
    assert_int_equal(run_query(&fx, &query, NULL, NULL, &err), LH_SQL);
    assert_non_null(strstr(err.message, "no dataset or table \"goood\"\n\nLINE 1: SELECT * FROM goood"));
    assert_string_equal(err.hint, "did you mean \"good\"?");

    query = query_at("SELECT * FROM t", NULL, 41);
    query.resolve = refuse;
    assert_int_equal(run_query(&fx, &query, NULL, NULL, &err), LH_NOT_FOUND);
    assert_string_equal(err.message, "there was no version 9");
    assert_string_equal(err.hint, "ask for an older one");
    /* A failure on the way to an epoch leaves nothing of the one before. */
    struct engine_binding now[] = {{.name = "t", .definition = "SELECT 4 AS v"}};
    struct fake_catalog later = {now, 1, 0, NULL};
    assert_at("SELECT v FROM t", &later, 41, "v\r\n4\r\n");
}

/* A resolver that needs a worker before it can answer. */
struct slow_catalog {
    struct fake_catalog catalog;
    unsigned put_off, rounds;
    bool again;
};

static enum lh_code resolve_slowly(void *ctx, const char *const *names, size_t count, struct arena *arena,
                                   struct engine_binding **ret_bindings, size_t *ret_count,
                                   const char **ret_suggestions, struct lh_err *err) {
    struct slow_catalog *slow = ctx;
    if (slow->rounds == 0) {
        slow->put_off++;
        return lh_fail(err, LH_BUSY, "later");
    }
    return fake_resolve(&slow->catalog, names, count, arena, ret_bindings, ret_count, ret_suggestions, err);
}

static enum lh_code work_in_between(void *ctx, bool *ret_again, struct lh_err *err) {
    struct slow_catalog *slow = ctx;
    struct engine_stats stats;
    (void)err;
    engine_get_stats(fx.engine, &stats);
    assert_int_equal(stats.workers_busy, 0);
    assert_csv(&fx,
               &(struct engine_query){.sql = "SELECT 1 AS a",
                                      .format = ENGINE_CSV,
                                      .row_limit = UINT64_MAX,
                                      .timeout_ms = 20000,
                                      .cancel_fd = -1},
               "a\r\n1\r\n");
    slow->rounds++;
    *ret_again = slow->again;
    return LH_OK;
}

static void puts_off_what_needs_a_worker(void **state) {
    (void)state;
    struct lh_err err = LH_ERR_INIT;
    struct slow_catalog slow = {.catalog = {people, 4, 0, NULL}, .again = true};
    struct engine_query query = query_at("SELECT count(*) AS n FROM people", NULL, 0);
    query.resolve = resolve_slowly;
    query.resolve_later = work_in_between;
    query.resolve_ctx = &slow;
    assert_csv(&fx, &query, "n\r\n2\r\n");
    assert_int_equal(slow.put_off, 1);
    assert_int_equal(slow.rounds, 1);
    /* Without anything done its failure stands. */
    slow = (struct slow_catalog){.catalog = {people, 4, 0, NULL}};
    assert_int_equal(run_query(&fx, &query, NULL, NULL, &err), LH_BUSY);
    assert_string_equal(err.message, "later");
}

static void binds_without_running(void **state) {
    (void)state;
    static const struct {
        const char *sql;
        enum lh_code code;
    } rows[] = {
        {"SELECT id FROM people", LH_OK},
        {"SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b", LH_OK}, /* would take for ever */
        {"SELECT nothing FROM people", LH_SQL},
        {"FROM nowhere", LH_SQL},
        {"SELECT $1", LH_SQL},
        {"DROP TABLE people", LH_FORBIDDEN},
        {"PIVOT people ON name USING max(id)", LH_SQL}, /* to know its columns rows are read */
        {"PIVOT people ON name IN ('ann') USING max(id)", LH_OK},
    };
    struct fake_catalog catalog = {people, 4, 0, NULL};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct lh_err err = LH_ERR_INIT;
        struct buf out = BUF_INIT;
        struct engine_query query = query_at(rows[i].sql, &catalog, 0);
        query.bind_only = true;
        assert_int_equal(run_query(&fx, &query, &out, NULL, &err), rows[i].code);
        assert_int_equal(out.len, 0);
        buf_release(&out);
    }
}

int main(int argc, char **argv) {
    ENGINE_TEST_MAIN(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_names_wherever_they_stand),
        cmocka_unit_test(lists_all_datasets),
        cmocka_unit_test(asks_only_when_it_must),
        cmocka_unit_test(never_reads_stale),
        cmocka_unit_test(spelling_decides),
        cmocka_unit_test(explains_what_cannot_be_bound),
        cmocka_unit_test(puts_off_what_needs_a_worker),
        cmocka_unit_test(binds_without_running),
    };
    return cmocka_run_group_tests(tests, open_engine, close_engine);
}
