/* Past versions and system tables in SQL text: what is rewritten, what is left alone, and that nothing moves. */
#include "base/arena.h"
#include "base/buf.h"
#include "engine/worker/sql_rewrite.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* Runs of blanks as one, so that the padding does not clutter the rows below. */
static void squeeze(struct buf *out, const char *text) {
    for (; *text; text++)
        if (*text != ' ' || out->len == 0 || out->data[out->len - 1] != ' ')
            buf_append_char(out, *text);
    while (out->len > 0 && out->data[out->len - 1] == ' ')
        buf_truncate(out, out->len - 1);
}

static void rewrites_tables_alone(void **state) {
    (void)state;
    static const struct {
        const char *sql, *text, *names; /* text NULL: as it was */
    } rows[] = {
        {"", NULL, ""},
        {"SELECT a FROM t", NULL, ""},
        {"FROM t AT (VERSION => 3)", "FROM \"v3\".t", "v3|t"},
        {"FROM t AT(VERSION=>3) AS x", "FROM \"v3\".t AS x", "v3|t"},
        {"FROM \"a b\" at /* x */ ( version -- y\n => 18 ) x", "FROM \"v18\".\"a b\" x", "v18|a b"},
        {"FROM t AT (TIMESTAMP => '2026-11-21 01:00')", "FROM \"t2026-11-21 01:00\".t", "t2026-11-21 01:00|t"},
        {"FROM t AT (TIMESTAMP => timestamptz 'x')", "FROM \"tx\".t", "tx|t"},
        {"FROM t AT (VERSION => 1), t AT (VERSION => 2) u JOIN v AT (VERSION => 1) USING (a)",
         "FROM \"v1\".t , \"v2\".t u JOIN \"v1\".v USING (a)", "v1|t v2|t v1|v"},
        {"FROM t AT (VERSION => 1), t AT (VERSION => 1)", "FROM \"v1\".t , \"v1\".t", "v1|t"},
        {"SELECT 'FROM t AT (VERSION => 3)'", NULL, ""},
        {"SELECT $$FROM t AT (VERSION => 3)$$ -- t AT (VERSION => 3)", NULL, ""},
        {"SELECT \"t AT (VERSION => 3)\"", NULL, ""},
        {"SELECT d AT TIME ZONE 'UTC', at (version) FROM t", NULL, ""},
        {"FROM main.t AT (VERSION => 3)", NULL, ""}, /* DuckDB refuses it */
        {"FROM system.files", "FROM lh_sys.files", "system|files"},
        {"FROM \"SYSTEM\" . \"Files\" f", "FROM \"lh_sys\" . \"Files\" f", "system|files"},
        {"FROM a, system.jobs", "FROM a, lh_sys.jobs", "system|jobs"},
        {"FROM a JOIN b ON a.x = b.x, system.jobs", "FROM a JOIN b ON a.x = b.x, lh_sys.jobs", "system|jobs"},
        {"FROM (system.files CROSS JOIN system.jobs)", "FROM (lh_sys.files CROSS JOIN lh_sys.jobs)",
         "system|files system|jobs"},
        {"SUMMARIZE system.events", "SUMMARIZE lh_sys.events", "system|events"},
        {"SELECT system.files.key FROM system.files", "SELECT lh_sys.files.key FROM lh_sys.files", "system|files"},
        {"SELECT system.jobs.id FROM system.files", "SELECT system.jobs.id FROM lh_sys.files", "system|files"},
        {"SELECT system.files FROM system.files", "SELECT system.files FROM lh_sys.files", "system|files"},
        {"SELECT a, system.files FROM t", NULL, ""},
        {"SELECT 1 FROM t WHERE x IN (1, system.files)", NULL, ""},
        {"FROM t ORDER BY a, system.files", NULL, ""},
        {"FROM system.other", NULL, ""},
        {"FROM x.system.files", NULL, ""},
        {"FROM system", NULL, ""},
        {"FROM \"system.files\"", NULL, ""},
        {"FROM t AT (VERSION => 3", NULL, NULL},
        {"FROM t AT (VERSION => -3)", NULL, NULL},
        {"FROM t AT (VERSION => 3.5)", NULL, NULL},
        {"FROM t AT (VERSION => 1234567890123456789)", NULL, NULL},
        {"FROM t AT (VERSION => '3')", NULL, NULL},
        {"FROM t AT (TIMESTAMP => now())", NULL, NULL},
        {"FROM t AT (TIMESTAMP => E'x')", NULL, NULL},
        {"FROM t AT (TIMESTAMP => 'a\"b')", NULL, NULL},
        {"FROM t AT (VERSION =>", NULL, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena *arena = arena_new();
        struct sql_rewritten out;
        struct lh_err err = LH_ERR_INIT;
        struct buf text = BUF_INIT, names = BUF_INIT;
        enum lh_code code = sql_rewrite(rows[i].sql, strlen(rows[i].sql), arena, &out, &err);
        if (!rows[i].names) {
            assert_int_equal(code, LH_SQL);
            assert_true(err.position > 0);
        } else {
            assert_int_equal(code, LH_OK);
            assert_int_equal(strlen(out.sql), strlen(rows[i].sql));
            squeeze(&text, out.sql);
            for (size_t n = 0; n < out.name_count; n++)
                buf_printf(&names, "%s%s", n ? " " : "", out.names[n]);
            for (size_t n = 0; n < names.len; n++)
                if (names.data[n] == '\x1f')
                    names.data[n] = '|';
            assert_string_equal(buf_cstr(&names), rows[i].names);
            if (rows[i].text)
                assert_string_equal(buf_cstr(&text), rows[i].text);
            else
                assert_ptr_equal(out.sql, rows[i].sql);
        }
        buf_release(&text);
        buf_release(&names);
        arena_free(arena);
    }
}

static void refuses_more_names_than_can_be_meant(void **state) {
    (void)state;
    struct arena *arena = arena_new();
    struct buf sql = BUF_INIT;
    struct sql_rewritten out;
    struct lh_err err = LH_ERR_INIT;
    buf_append_str(&sql, "FROM a");
    for (int i = 0; i < 300; i++)
        buf_printf(&sql, ", t AT (VERSION => %d)", i);
    assert_int_equal(sql_rewrite(buf_cstr(&sql), sql.len, arena, &out, &err), LH_SQL);
    buf_release(&sql);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rewrites_tables_alone),
        cmocka_unit_test(refuses_more_names_than_can_be_meant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
