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
        {"FROM main.t AT (VERSION => 3)", "FROM \"v3\".t", "v3|t"},
        {"FROM \"Main\" . \"T x\" AT (VERSION => 3) u", "FROM \"v3\".\"T x\" u", "v3|T x"},
        {"FROM main AT (VERSION => 3)", "FROM \"v3\".main", "v3|main"},
        {"FROM other.t AT (VERSION => 3)", NULL, ""}, /* DuckDB refuses it */
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
        {"FROM system.files AT (VERSION => 3)", NULL, NULL},
        {"FROM system.files AT (TIMESTAMP => '2026-11-21')", NULL, NULL},
        {"FROM t AT (VERSION => -3)", NULL, NULL},
        {"FROM t AT (VERSION => 3.5)", NULL, NULL},
        {"FROM t AT (VERSION => 1234567890123456789)", NULL, NULL},
        {"FROM t AT (VERSION => '3')", NULL, NULL},
        {"FROM t AT (TIMESTAMP => now())", NULL, NULL},
        {"FROM t AT (TIMESTAMP => E'x')", NULL, NULL},
        {"FROM t AT (TIMESTAMP => 'a\"b')", NULL, NULL},
        {"FROM t AT (VERSION =>", NULL, NULL},
        {"FROM chunks.A", NULL, "chunks|a"},
        {"FROM Chunks . \"My-index\" c", NULL, "chunks|my-index"},
        {"SELECT chunks.a FROM chunks", NULL, ""},
        {"FROM x.chunks.a", NULL, ""},
        {"FROM text_search('i','w')", "FROM f0.text_search", "f0[6,[null,18,\"i\"],[null,22,\"w\"]]|text_search"},
        {"FROM vector_search('i', [1, -2e-3]::FLOAT[2], k := 5) s", "FROM f0.vector_search s",
         "f0[6,[null,20,\"i\"],[null,25,[1,-0.002]],[\"k\",52,5]]|vector_search"},
        {"FROM t, text_search('i', $$it's$$, NULL) JOIN hybrid_search('i', 'a''b') ON true",
         "FROM t, f0.text_search JOIN f1.hybrid_search ON true",
         "f0[9,[null,21,\"i\"],[null,26,\"it's\"],[null,36,null]]|text_search "
         "f1[47,[null,61,\"i\"],[null,66,\"a'b\"]]|hybrid_search"},
        {"SELECT x.text_search('i','w')", NULL, ""},
        {"FROM text_search", NULL, ""},
        {"FROM x.text_search('i', w)", NULL, ""}, /* DuckDB refuses it */
        {"SELECT text_search('i', 'w')", NULL, NULL},
        {"FROM text_search('i')", NULL, NULL},
        {"FROM text_search()", NULL, NULL},
        {"FROM text_search('i', w)", NULL, NULL},
        {"FROM text_search('i', 'a' || 'b')", NULL, NULL},
        {"FROM text_search('i', lower('a'))", NULL, NULL},
        {"FROM text_search('i', ['a'])", NULL, NULL},
        {"FROM text_search('i', [1, 2]::DATE[2])", NULL, NULL},
        {"FROM text_search('i', 1e)", NULL, NULL},
        {"FROM text_search('i', 'w',)", NULL, NULL},
        {"FROM text_search('i', 'w' 'x')", NULL, NULL},
        {"FROM text_search('i', 'w'", NULL, NULL},
        {"FROM text_search('i', ?)", NULL, NULL},
        {"FROM text_search('i', $$w", NULL, NULL},
        {"FROM text_search('i', $a$w", NULL, NULL},
        {"FROM text_search('i', 'w') AT (VERSION => 1)", NULL, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena *arena = arena_new();
        struct sql_rewritten out;
        struct lh_err err = LH_ERR_INIT;
        struct buf text = BUF_INIT, names = BUF_INIT;
        enum lh_code code = sql_rewrite(rows[i].sql, strlen(rows[i].sql), NULL, arena, &out, &err);
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
    assert_int_equal(sql_rewrite(buf_cstr(&sql), sql.len, NULL, arena, &out, &err), LH_SQL);
    buf_release(&sql);
    arena_free(arena);
}

/* Parameters that only searches use are gone from the text and from the list. */
static void takes_parameters(void **state) {
    (void)state;
    static const struct {
        const char *sql, *params, *text, *rest, *names; /* text NULL: refused */
    } rows[] = {
        {"FROM text_search(?,?)", "[\"i\",\"w\"]", "FROM f0.text_search", "[]",
         "f0[6,[null,18,\"i\"],[null,20,\"w\"]]|text_search"},
        {"SELECT ?, ? FROM text_search(?, 'w', ?) WHERE a = ?", "[1,2,\"i\",4,5]",
         "SELECT ?, ? FROM f0.text_search WHERE a = ?", "[1,2,5]",
         "f0[18,[null,30,\"i\"],[null,33,\"w\"],[null,38,4]]|text_search"},
        {"SELECT $1, $10 FROM text_search($2, $3)", "[1,\"i\",\"w\",4,5,6,7,8,9,10]",
         "SELECT $1, $8 FROM f0.text_search", "[1,4,5,6,7,8,9,10]",
         "f0[21,[null,33,\"i\"],[null,37,\"w\"]]|text_search"},
        {"SELECT $2, '$1' FROM text_search('i', $2, $1)", "[7,\"w\"]", "SELECT $1, '$1' FROM f0.text_search", "[\"w\"]",
         "f0[22,[null,34,\"i\"],[null,39,\"w\"],[null,43,7]]|text_search"},
        {"SELECT $a FROM text_search($i, $a)", "{\"i\":\"x\",\"a\":\"w\",\"more\":1}", "SELECT $a FROM f0.text_search",
         "{\"a\":\"w\",\"more\":1}", "f0[16,[null,28,\"x\"],[null,32,\"w\"]]|text_search"},
        {"FROM text_search('i', $3)", "[1,2]", NULL, NULL, NULL},
        {"FROM text_search('i', $0)", "[1,2]", NULL, NULL, NULL},
        {"FROM text_search('i', $a)", "[1,2]", NULL, NULL, NULL},
        {"FROM text_search('i', $b)", "{\"a\":1}", NULL, NULL, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena *arena = arena_new();
        struct sql_rewritten out;
        struct lh_err err = LH_ERR_INIT;
        struct buf text = BUF_INIT, rest = BUF_INIT;
        json_t *params = NULL;
        assert_int_equal(lh_json_parse(rows[i].params, strlen(rows[i].params), NULL, &params, &err), LH_OK);
        enum lh_code code = sql_rewrite(rows[i].sql, strlen(rows[i].sql), params, arena, &out, &err);
        assert_int_equal(code, rows[i].text ? LH_OK : LH_SQL);
        if (rows[i].text) {
            squeeze(&text, out.sql);
            assert_string_equal(buf_cstr(&text), rows[i].text);
            lh_json_write(out.params, LH_JSON_COMPACT, &rest);
            assert_string_equal(buf_cstr(&rest), rows[i].rest);
            assert_int_equal(out.name_count, 1);
            char *separator = strchr(out.names[0], '\x1f');
            assert_non_null(separator);
            *separator = '|';
            assert_string_equal(out.names[0], rows[i].names);
        }
        json_decref(out.params);
        json_decref(params);
        buf_release(&text);
        buf_release(&rest);
        arena_free(arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rewrites_tables_alone),
        cmocka_unit_test(refuses_more_names_than_can_be_meant),
        cmocka_unit_test(takes_parameters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
