/* A filter is one expression: it closes nothing that it did not open, hides nothing, and reads nothing of its own. */
#include "base/attr.h"
#include "index/condition.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void one_expression_passes(void **state) {
    static const char *const texts[] = {
        "city = 'Dallas'",
        "city = 'Dallas' -- only",
        "city = 'it''s (here; or there'",
        "(years > 5 AND (city = 'x' OR NOT years IN (1, 2)))",
        "city IS DISTINCT FROM 'Dallas'",
        "extract(year FROM born) = 1980",
        "trim(both ' ' from city) = 'x'",
        "\"a;b)\" > 1e3 /* ) ; */",
        "city = E'it\\'s'",
        "gr\xc3\xb6\xc3\x9fzt = 'caf\xc3\xa9\xc2\xa0x'",
        "\"select\" = 1",
        "TRUE",
    };
    (void)state;
    for (size_t i = 0; i < LH_ARRAY_LEN(texts); i++) {
        struct lh_err err = LH_ERR_INIT;
        if (index_condition_check(texts[i], "people", &err) != LH_OK)
            fail_msg("%s: %s at %ld", texts[i], err.message, err.position);
    }
}

static void what_is_more_does_not(void **state) {
    static const struct {
        const char *text, *message;
        long position;
    } cases[] = {
        {"1=0) UNION ALL SELECT x FROM placements WHERE (1=1", "parenthesis that it did not open", 4},
        {"1=0) OR (1=1", "parenthesis that it did not open", 4},
        {"1=0; DROP TABLE x", "more than one", 4},
        {"(1=1", "ends within", 5},
        {"city = 'Dallas", "ends within", 15},
        {"\"city", "ends within", 6},
        {"1=1 /* never", "ends within", 13},
        {"1=1 /* /* */", "ends within", 13},
        {"years = $a$ ) OR ( $a$", "cannot stand", 9},
        {"years = $1", "cannot stand", 9},
        {"1$a$ '$a$ ) OR (1=1 -- '", "cannot stand", 1},
        {"city = E'a'\n'\\'' ) OR (1=1 --'", "cannot stand", 13},
        {"1e'\\'') OR (1=1 --'", "cannot stand", 3},
        {"1=0 -- \r) OR (1=1", "did not open", 9},
        {"id IN (SELECT id FROM docs)", "query of its own", 8},
        {"id IN ((( /* */ from docs)))", "query of its own", 17},
        {"id IN (WITH x AS (FROM docs) FROM x)", "query of its own", 8},
        {"id IN (TABLE docs)", "query of its own", 8},
        {"id IN (VALUES (1))", "query of its own", 8},
        {"id IN (\xc2\xa0SELECT\xc2\xa0id FROM docs)", "cannot stand", 8},
        {"id IN (\xe2\x80\x83TABLE docs)", "cannot stand", 8},
        {"", "is empty", 1},
        {"  -- nothing", "is empty", 1},
    };
    (void)state;
    for (size_t i = 0; i < LH_ARRAY_LEN(cases); i++) {
        struct lh_err err = LH_ERR_INIT;
        if (index_condition_check(cases[i].text, "people", &err) != LH_SQL)
            fail_msg("%s passes", cases[i].text);
        if (!strstr(err.message, cases[i].message) || err.position != cases[i].position)
            fail_msg("%s: %s at %ld", cases[i].text, err.message, err.position);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_expression_passes),
        cmocka_unit_test(what_is_more_does_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
