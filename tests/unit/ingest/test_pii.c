/* The judgement of columns, on a table of real-looking ones: those that hold personal data, and those that only look so. */
#include "base/arena.h"
#include "base/cleanup.h"
#include "base/config.h"
#include "ingest/ingest.h"
#include "ingest/pii.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* The share of sampled values (of 100) that match the named kind's pattern; all other patterns match none. */
struct row {
    const char *name, *type, *values_of;
    unsigned matched;
    const char *expected; /* kinds in order, separated by blanks; "" for none */
};

static const struct row rows[] = {
    /* By name and values. */
    {"email", "VARCHAR", "email", 99, "email"},
    {"Email Address", "VARCHAR", "email", 100, "email"},
    {"workEmail", "VARCHAR", "email", 90, "email"},
    {"phone", "VARCHAR", "phone", 95, "phone"},
    {"HOME_PHONE", "VARCHAR", "phone", 80, "phone"},
    {"cell", "VARCHAR", "phone", 70, "phone"},
    {"ssn", "VARCHAR", "ssn", 100, "ssn"},
    {"Social Security Number", "VARCHAR", "ssn", 60, "ssn"},
    {"street_address", "VARCHAR", "address", 90, "address"},
    {"diagnosis", "VARCHAR", "medical", 50, "medical"},
    /* By name alone: no pattern, or values that do not show it. */
    {"salary", "BIGINT", NULL, 0, "salary"},
    {"desiredSalary", "VARCHAR", NULL, 0, "salary"},
    {"pay_rate", "DOUBLE", NULL, 0, "salary"},
    {"hourly_rate", "DOUBLE", NULL, 0, "salary"},
    {"dob", "DATE", NULL, 0, "date_of_birth"},
    {"date_of_birth", "VARCHAR", NULL, 0, "date_of_birth"},
    {"Geburtsdatum", "DATE", NULL, 0, "date_of_birth"},
    {"phone", "BIGINT", NULL, 0, "phone"},
    {"home_address", "VARCHAR", "address", 0, "address"},
    {"medication", "VARCHAR", "medical", 0, "medical"},
    /* By values alone. */
    {"contact", "VARCHAR", "email", 97, "email"},
    {"column_3", "VARCHAR", "phone", 95, "phone"},
    {"identifier", "VARCHAR", "ssn", 100, "ssn"},
    {"where", "VARCHAR", "address", 90, "address"},
    /* What only looks like it. */
    {"ip_address", "VARCHAR", NULL, 0, ""},
    {"mac_address", "VARCHAR", NULL, 0, ""},
    {"email_subject", "VARCHAR", NULL, 0, ""},
    {"email_count", "BIGINT", NULL, 0, ""},
    {"email_opened", "BOOLEAN", NULL, 0, ""},
    {"order_id", "VARCHAR", NULL, 0, ""},
    {"order_id", "BIGINT", NULL, 0, ""},
    {"order_number", "VARCHAR", "phone", 30, ""},
    {"phone_model", "VARCHAR", NULL, 0, ""},
    {"telemetry", "VARCHAR", NULL, 0, ""},
    {"cellar", "VARCHAR", NULL, 0, ""},
    {"payment_date", "DATE", NULL, 0, ""},
    {"pay_period", "VARCHAR", NULL, 0, ""},
    {"payload", "VARCHAR", NULL, 0, ""},
    {"birth_place", "VARCHAR", NULL, 0, ""},
    {"newborn_count", "BIGINT", NULL, 0, ""},
    {"has_phone", "BOOLEAN", NULL, 0, ""},
    {"health_check", "VARCHAR", NULL, 0, ""},
    {"weather_condition", "VARCHAR", NULL, 0, ""},
    {"terms_and_conditions", "VARCHAR", NULL, 0, ""},
    {"notes", "VARCHAR", "email", 5, ""},
    {"id", "BIGINT", NULL, 0, ""},
    {"name", "VARCHAR", NULL, 0, ""},
};

static void judge(const struct pii_rules *rules, const struct row *row, struct arena *arena, struct ingest_flag **flags,
                  size_t *count) {
    uint64_t matches[32] = {0};
    LH_AUTO(json) json_t *patterns = pii_patterns(rules);
    assert_true(json_array_size(patterns) == pii_pattern_count(rules) && json_array_size(patterns) < 32);
    for (size_t i = 0; i < json_array_size(patterns); i++) {
        const char *kind = json_string_value(json_object_get(json_array_get(patterns, i), "kind"));
        if (row->values_of && strcmp(kind, row->values_of) == 0)
            matches[i] = row->matched;
    }
    bool text = strcmp(row->type, "VARCHAR") == 0;
    const struct pii_column column = {row->name, row->type, text ? 100 : 0, text ? matches : NULL};
    pii_judge(rules, &column, arena, flags, count);
}

static void test_table(void **state) {
    (void)state;
    struct arena *arena = arena_new();
    struct pii_rules *rules = pii_rules_new(NULL);
    int wrong = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct ingest_flag *flags;
        size_t count;
        char seen[256] = "";
        judge(rules, &rows[i], arena, &flags, &count);
        for (size_t j = 0; j < count; j++) {
            snprintf(seen + strlen(seen), sizeof seen - strlen(seen), "%s%s", j ? " " : "", flags[j].kind);
            assert_true(flags[j].confidence >= 0.5 && flags[j].confidence <= 0.99);
            assert_true(strlen(flags[j].reason) > 10);
        }
        if (strcmp(seen, rows[i].expected) != 0) {
            print_error("%s %s: \"%s\" instead of \"%s\"\n", rows[i].name, rows[i].type, seen, rows[i].expected);
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
    pii_rules_free(rules);
    arena_free(arena);
}

static void test_reasons(void **state) {
    (void)state;
    struct arena *arena = arena_new();
    struct pii_rules *rules = pii_rules_new(NULL);
    struct ingest_flag *flags;
    size_t count;
    judge(rules, &(struct row){"home_phone", "VARCHAR", "phone", 98, ""}, arena, &flags, &count);
    assert_string_equal(flags[0].reason, "the name says \"phone\"; 98 of 100 sampled values look like a phone number");
    judge(rules, &(struct row){"x", "VARCHAR", "email", 100, ""}, arena, &flags, &count);
    assert_string_equal(flags[0].reason, "100 of 100 sampled values look like an e-mail address");
    judge(rules, &(struct row){"salary", "BIGINT", NULL, 0, ""}, arena, &flags, &count);
    assert_string_equal(flags[0].reason, "the name says \"salary\"");
    pii_rules_free(rules);
    arena_free(arena);
}

static void test_configured_rule(void **state) {
    (void)state;
    static const char toml[] = "[[ingest.pii]]\nname = \"badge\"\npattern = \"^B-[0-9]{6}$\"\ncolumns = [\"badge*\"]\n";
    struct lh_config *config;
    struct lh_err err = LH_ERR_INIT;
    assert_int_equal(lh_config_load(toml, sizeof toml - 1, "test", NULL, &config, NULL, &err), LH_OK);
    struct arena *arena = arena_new();
    struct pii_rules *rules = pii_rules_new(config);
    struct ingest_flag *flags;
    size_t count;
    judge(rules, &(struct row){"code", "VARCHAR", "badge", 100, ""}, arena, &flags, &count);
    assert_int_equal(count, 1);
    assert_string_equal(flags[0].kind, "badge");
    judge(rules, &(struct row){"Badge_No", "BIGINT", NULL, 0, ""}, arena, &flags, &count);
    assert_int_equal(count, 1);
    judge(rules, &(struct row){"code", "VARCHAR", NULL, 0, ""}, arena, &flags, &count);
    assert_int_equal(count, 0);
    pii_rules_free(rules);
    lh_config_free(config);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_table), cmocka_unit_test(test_reasons),
                                       cmocka_unit_test(test_configured_rule)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
