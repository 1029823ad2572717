#include "cli/options.h"

#include "base/suggest.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const struct cli_option *find_long(const struct cli_option *options, const char *name, size_t len) {
    for (const struct cli_option *o = options; o->name; o++)
        if (strlen(o->name) == len && memcmp(o->name, name, len) == 0)
            return o;
    return NULL;
}

static const struct cli_option *find_letter(const struct cli_option *options, char letter) {
    for (const struct cli_option *o = options; o->name; o++)
        if (o->letter == letter)
            return o;
    return NULL;
}

static enum lh_code fail_unknown(const struct cli_option *options, const char *argument, struct lh_err *err) {
    const char *names[CLI_MAX_VALUES];
    char name[64] = "";
    size_t count = 0, len = strcspn(argument + 2, "=");
    for (const struct cli_option *o = options; o->name && count < CLI_MAX_VALUES; o++)
        names[count++] = o->name;
    if (strncmp(argument, "--", 2) == 0 && len < sizeof name)
        memcpy(name, argument + 2, len);
    lh_fail(err, LH_USAGE, "there is no option %s", argument);
    const char *near = name[0] ? lh_suggest(name, names, count) : NULL;
    return near ? lh_err_hint(err, "did you mean --%s?", near) : LH_USAGE;
}

static enum lh_code add(struct cli_args *args, const struct cli_option *option, const char *value, struct lh_err *err) {
    for (size_t i = 0; i < args->given_count; i++)
        if (args->given[i].option == option && !option->repeatable)
            return lh_fail(err, LH_USAGE, "option --%s was given twice", option->name);
    if (args->given_count == CLI_MAX_VALUES)
        return lh_fail(err, LH_USAGE, "more than %d options", CLI_MAX_VALUES);
    args->given[args->given_count].option = option;
    args->given[args->given_count].value = value;
    args->given_count++;
    return LH_OK;
}

/* "-5", "-0.5": no option is called by a digit. */
static bool is_number(const char *argument) {
    return strchr("0123456789", argument[1 + (argument[1] == '.')]) != NULL;
}

/* One argument that starts with a dash; *at moves on where the value is the next argument. */
static enum lh_code take_option(const struct cli_option *options, int argc, char **argv, int *at, struct cli_args *args,
                                struct lh_err *err) {
    char *argument = argv[*at], *value = NULL;
    const struct cli_option *option;
    if (argument[1] == '-') {
        size_t len = strcspn(argument + 2, "=");
        option = find_long(options, argument + 2, len);
        if (argument[2 + len] == '=')
            value = argument + 2 + len + 1;
    } else {
        option = find_letter(options, argument[1]);
        if (argument[2] != '\0')
            value = argument + 2;
    }
    if (!option)
        return fail_unknown(options, argument, err);
    if (!option->argument) {
        if (value)
            return lh_fail(err, LH_USAGE, "option --%s takes no value", option->name);
        return add(args, option, "", err);
    }
    if (!value) {
        if (*at + 1 >= argc)
            return lh_fail(err, LH_USAGE, "option --%s needs a value: %s", option->name, option->argument);
        value = argv[++*at];
    }
    return add(args, option, value, err);
}

enum lh_code cli_options_parse(const struct cli_option *options, int argc, char **argv, struct cli_args *ret_args,
                               struct lh_err *err) {
    struct cli_args args = {.positional = argv};
    bool only_positional = false;
    for (int at = 0; at < argc; at++) {
        if (!only_positional && strcmp(argv[at], "--") == 0)
            only_positional = true;
        else if (!only_positional && argv[at][0] == '-' && argv[at][1] != '\0' && !is_number(argv[at]))
            LH_TRY(take_option(options, argc, argv, &at, &args, err));
        else
            argv[args.positional_count++] = argv[at];
    }
    *ret_args = args;
    return LH_OK;
}

const char *cli_arg(const struct cli_args *args, const char *name) {
    for (size_t i = args->given_count; i-- > 0;)
        if (strcmp(args->given[i].option->name, name) == 0)
            return args->given[i].value;
    return NULL;
}

enum lh_code cli_arg_uint(const struct cli_args *args, const char *name, uint64_t min, uint64_t max, uint64_t fallback,
                          uint64_t *ret_value, struct lh_err *err) {
    const char *text = cli_arg(args, name);
    if (!text) {
        *ret_value = fallback;
        return LH_OK;
    }
    char *end = NULL;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || text[0] == '-' || value < min || value > max)
        return lh_fail(err, LH_USAGE, "--%s is \"%s\"; it must be a number from %" PRIu64 " to %" PRIu64, name, text,
                       min, max);
    *ret_value = value;
    return LH_OK;
}

void cli_options_write_help(const struct cli_option *options, struct buf *out) {
    size_t width = 0;
    for (const struct cli_option *o = options; o->name; o++) {
        size_t len = strlen(o->name) + (o->argument ? strlen(o->argument) + 1 : 0);
        width = len > width ? len : width;
    }
    for (const struct cli_option *o = options; o->name; o++) {
        size_t start = out->len;
        if (o->letter)
            buf_printf(out, "  -%c, --%s", o->letter, o->name);
        else
            buf_printf(out, "      --%s", o->name);
        if (o->argument)
            buf_printf(out, " %s", o->argument);
        buf_printf(out, "%*s  %s\n", (int)(width + 8 - (out->len - start)), "", o->help);
    }
}
