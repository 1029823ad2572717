/* Options from a table: forms, positions, and errors that name the nearest option. */
#include "cli/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct cli_option options[] = {
    {"data", 'd', "DIR", "a folder", false},
    {"json", 0, NULL, "a flag", false},
    {"include", 'i', "NAME", "may repeat", true},
    {NULL, 0, NULL, NULL, false},
};

struct row {
    const char *name;
    const char *argv[8];
    enum lh_code code;
    const char *data, *positional; /* expected; positional joined by '|' */
    bool json;
    const char *message, *hint;
};

static const struct row rows[] = {
    {"nothing", {NULL}, LH_OK, NULL, "", false, NULL, NULL},
    {"separate value", {"--data", "x", NULL}, LH_OK, "x", "", false, NULL, NULL},
    {"value behind equals", {"--data=x=y", NULL}, LH_OK, "x=y", "", false, NULL, NULL},
    {"empty value behind equals", {"--data=", NULL}, LH_OK, "", "", false, NULL, NULL},
    {"letter", {"-d", "x", NULL}, LH_OK, "x", "", false, NULL, NULL},
    {"letter with its value", {"-dx", NULL}, LH_OK, "x", "", false, NULL, NULL},
    {"mixed with positionals", {"a", "--json", "b", "-dx", "c", NULL}, LH_OK, "x", "a|b|c", true, NULL, NULL},
    {"a value that looks like an option", {"--data", "--json", NULL}, LH_OK, "--json", "", false, NULL, NULL},
    {"two dashes end options", {"--", "--json", "-d", NULL}, LH_OK, NULL, "--json|-d", false, NULL, NULL},
    {"negative numbers are positional",
     {"-5", "-d", "x", "-0.5", "-.5", NULL},
     LH_OK,
     "x",
     "-5|-0.5|-.5",
     false,
     NULL,
     NULL},
    {"a single dash is positional", {"-", NULL}, LH_OK, NULL, "-", false, NULL, NULL},
    {"repeatable", {"-i", "a", "--include=b", NULL}, LH_OK, NULL, "", false, NULL, NULL},
    {"near miss", {"--dta", "x", NULL}, LH_USAGE, NULL, NULL, false, "--dta", "--data"},
    {"unknown letter", {"-x", NULL}, LH_USAGE, NULL, NULL, false, "-x", NULL},
    {"missing value", {"--data", NULL}, LH_USAGE, NULL, NULL, false, "needs a value: DIR", NULL},
    {"value for a flag", {"--json=yes", NULL}, LH_USAGE, NULL, NULL, false, "takes no value", NULL},
    {"given twice", {"-d", "a", "-d", "b", NULL}, LH_USAGE, NULL, NULL, false, "given twice", NULL},
};

static void check_row(const struct row *row) {
    char storage[8][64], *argv[8], joined[256] = "";
    int argc = 0;
    for (; row->argv[argc]; argc++) {
        strncpy(storage[argc], row->argv[argc], sizeof storage[argc] - 1);
        storage[argc][sizeof storage[argc] - 1] = '\0';
        argv[argc] = storage[argc];
    }
    struct cli_args args = {0};
    struct lh_err err = LH_ERR_INIT;
    enum lh_code code = cli_options_parse(options, argc, argv, &args, &err);
    if (code != row->code)
        fail_msg("%s: got %s (%s)", row->name, lh_code_name(code), err.message);
    if (code != LH_OK) {
        if (!strstr(err.message, row->message) || (row->hint && !strstr(err.hint, row->hint)))
            fail_msg("%s: message \"%s\", hint \"%s\"", row->name, err.message, err.hint);
        return;
    }
    for (size_t i = 0; i < args.positional_count; i++) {
        strncat(joined, i ? "|" : "", sizeof joined - strlen(joined) - 1);
        strncat(joined, args.positional[i], sizeof joined - strlen(joined) - 1);
    }
    const char *data = cli_arg(&args, "data");
    if (strcmp(joined, row->positional) != 0 || (data == NULL) != (row->data == NULL) ||
        (data && strcmp(data, row->data) != 0) || cli_flag(&args, "json") != row->json)
        fail_msg("%s: data %s, positional %s", row->name, data ? data : "(none)", joined);
}

static void every_form_is_understood(void **state) {
    (void)state;
    for (size_t i = 0; i < LH_ARRAY_LEN(rows); i++)
        check_row(&rows[i]);
}

static void numbers_are_checked(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool good;
    } numbers[] = {{"7", true},   {"10", true},  {"11", false}, {"6", false},
                   {"-7", false}, {"7x", false}, {"", false},   {"99999999999999999999", false}};
    for (size_t i = 0; i < LH_ARRAY_LEN(numbers); i++) {
        struct lh_err err = LH_ERR_INIT;
        struct cli_args args = {.given_count = 1};
        uint64_t value = 3;
        args.given[0].option = &options[0];
        args.given[0].value = numbers[i].text;
        bool good = cli_arg_uint(&args, "data", 7, 10, 1, &value, &err) == LH_OK;
        if (good != numbers[i].good || (!good && value != 3))
            fail_msg("\"%s\"", numbers[i].text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_is_understood),
        cmocka_unit_test(numbers_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
