/* What becomes of DuckDB's errors: no paths of the server's own, no advice that a statement here cannot follow. */
#include "base/attr.h"
#include "engine/worker/sql_error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_what_clients_read(void **state) {
    (void)state;
    static const struct {
        const char *duckdb, *sql, *message, *hint;
    } cases[] = {
        {"IO Error: Cannot open file \"/srv/lake/b/datasets/t/base/1.parquet\": No such file", "FROM t",
         "Cannot open file \"datasets/t/base/1.parquet\": No such file", ""},
        {"Permission Error: Cannot access file \"/srv/x y/1.parquet\" - disabled", "FROM t",
         "Cannot access file \"1.parquet\" - disabled", "GET /catalog/datasets"},
        {"Permission Error: Cannot access file \"/etc/passwd\" - disabled", "FROM read_text('/etc/passwd')",
         "Cannot access file \"/etc/passwd\" - disabled", "GET /catalog/datasets"},
        {"Invalid Input Error: No magic bytes found at end of file '/srv/a/b.parquet'", NULL,
         "No magic bytes found at end of file 'b.parquet'", ""},
        {"IO Error: Could not read /srv/a: gone, and /srv/b/c (twice)", NULL, "Could not read a: gone, and c (twice)",
         ""},
        {"Conversion Error: Could not convert string '/some/text' to INT32", "FROM t",
         "Could not convert string '/some/text' to INT32", ""},
        {"Binder Error: Max expression depth limit of 1000 exceeded. Use \"SET max_expression_depth TO x\" to raise it.",
         "SELECT 1", "Max expression depth limit of 1000 exceeded.", "less nesting"},
        {"Out of Memory Error: failed to pin block (1 MiB used)\n\nPossible solutions:\n* Fewer threads (SET threads=X)\n",
         "SELECT 1", "failed to pin block (1 MiB used)", "query.memory_bytes"},
        {"Invalid Input Error: More than one row.\n\nUse \"SET scalar_x=false\" to go back.", "SELECT 1",
         "More than one row.", ""},
        {"Conversion Error: no number. Use SET threads", "SELECT 'no number. Use SET threads'",
         "no number. Use SET threads", ""},
        {"Catalog Error: Catalog type does not support time travel", "FROM t AT (VERSION => 1)",
         "Catalog type does not support time travel", "as_of"},
    };
    for (size_t i = 0; i < LH_ARRAY_LEN(cases); i++) {
        struct lh_err err = LH_ERR_INIT;
        assert_int_not_equal(sql_error_fill(&err, cases[i].duckdb, cases[i].sql), LH_OK);
        if (strcmp(err.message, cases[i].message) != 0 || !strstr(err.hint, cases[i].hint))
            fail_msg("%s\n  gave: %s\n  hint: %s", cases[i].duckdb, err.message, err.hint);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_clients_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
