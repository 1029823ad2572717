/* Command-line options from a table: one description serves parsing, --help, the man page and the completions. */
#ifndef LH_CLI_OPTIONS_H
#define LH_CLI_OPTIONS_H

#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cli_option {
    const char *name;     /* without dashes: "data"; NULL ends a table */
    char letter;          /* 'd' for -d; 0: none */
    const char *argument; /* "DIR": takes a value of that kind; NULL: a flag */
    const char *help;     /* one line */
    bool repeatable;      /* may be given more than once */
};

#define CLI_MAX_VALUES 64

/* What was given, in order; strings point into argv. */
struct cli_args {
    struct {
        const struct cli_option *option;
        const char *value;
    } given[CLI_MAX_VALUES];
    size_t given_count;
    char **positional;
    size_t positional_count;
};

/* Accepts --name VALUE, --name=VALUE, -lVALUE, -l VALUE, and -- before positional arguments; options and positional
 * arguments may mix.  LH_USAGE names the odd argument and the nearest option.  `argv` is reordered. */
LH_CHECKED enum lh_code cli_options_parse(const struct cli_option *options, int argc, char **argv,
                                          struct cli_args *ret_args, struct lh_err *err);

/* The (last) value of an option, NULL where it was not given; of a flag: "" when given. */
const char *cli_arg(const struct cli_args *args, const char *name);
static inline bool cli_flag(const struct cli_args *args, const char *name) {
    return cli_arg(args, name) != NULL;
}
LH_CHECKED enum lh_code cli_arg_uint(const struct cli_args *args, const char *name, uint64_t min, uint64_t max,
                                     uint64_t fallback, uint64_t *ret_value, struct lh_err *err);

/* The option lines of --help, aligned. */
void cli_options_write_help(const struct cli_option *options, struct buf *out);

#endif
