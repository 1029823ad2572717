/* The command line: what every command gets, and the table of commands.
 *
 * A command is a function from parsed options to an exit code.  It reports failures through cli_fail, which prints one
 * message with its hint (as problem JSON under --json) and gives the exit code. */
#ifndef LH_CLI_CLI_H
#define LH_CLI_CLI_H

#include "base/error.h"
#include "cli/options.h"

#include <stdbool.h>
#include <stddef.h>

struct lh_config;
struct os;

enum cli_exit {
    CLI_OK = 0,
    CLI_FAILED = 1,
    CLI_USAGE = 2,
    CLI_PARTLY = 3, /* some files were rejected, some findings are left */
};

struct cli {
    struct os *os;
    char **env;
    bool json;     /* --json was given: answers and errors are JSON */
    bool color;    /* stdout is a terminal and NO_COLOR is not set */
    bool progress; /* stderr is a terminal */
};

struct cli_command {
    const char *name;
    const char *usage;   /* behind "lakehouse NAME": "[options] PATH..." ; several forms: one a line */
    const char *summary; /* one line for the list of commands */
    const char *help;    /* paragraphs and examples for --help */
    const struct cli_option *options;
    size_t min_positional, max_positional;
    int (*run)(struct cli *cli, const struct cli_args *args);
};

extern const struct cli_command cli_serve, cli_sql, cli_ingest, cli_delta, cli_demo, cli_check, cli_history, cli_jobs,
    cli_compact, cli_vacuum, cli_maintenance, cli_key, cli_pin, cli_unpin, cli_tombstone, cli_index, cli_search,
    cli_ask, cli_vec, cli_config, cli_version;

/* NULL-terminated, in the order of the help. */
extern const struct cli_command *const cli_commands[];

/* Print the error to stderr and return the exit code it means (LH_USAGE: 2, else 1). */
int cli_fail(const struct cli *cli, const struct lh_err *err);
/* Whether writing to stdout failed because its reader has left, as head does when it has seen enough.  That is no failure
 * to talk about: cli_fail then prints nothing, and main ends the process by SIGPIPE, as if it had not been ignored. */
bool cli_reader_left(void);
/* A wrong use of `command`, with the way to its help. */
int cli_usage_error(const struct cli *cli, const struct cli_command *command, const struct lh_err *err);

/* The configuration for --config FILE (NULL: ./lakehouse.toml where it exists, else defaults) and the environment. */
LH_CHECKED enum lh_code cli_load_config(struct cli *cli, const char *path, struct lh_config **ret_config,
                                        struct lh_err *err);

/* --data, $LAKEHOUSE_DATA, ./lakehouse-data. */
const char *cli_data_dir(const struct cli *cli, const struct cli_args *args);
const char *cli_env(const struct cli *cli, const char *name); /* NULL where unset or empty */

#endif
