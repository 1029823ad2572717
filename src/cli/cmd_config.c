/* lakehouse config check|show */
#include "base/buf.h"
#include "base/config.h"
#include "cli/cli.h"
#include "os/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

static const struct cli_option options[] = {
    {"config", 'c', "FILE", "the file (default: ./lakehouse.toml where it exists)", false},
    {"json", 0, NULL, "errors as JSON", false},
    {NULL, 0, NULL, NULL, false},
};

static int show(struct cli *cli, const char *path) {
    struct lh_err err = LH_ERR_INIT;
    struct lh_config *config = NULL;
    if (cli_load_config(cli, path, &config, &err) != LH_OK)
        return cli_fail(cli, &err);
    LH_AUTO(buf) struct buf text = BUF_INIT;
    lh_config_write(config, &text);
    fputs(buf_cstr(&text), stdout);
    lh_config_free(config);
    return CLI_OK;
}

/* Every problem, not only the first. */
static int check(struct cli *cli, const char *path) {
    struct lh_err err = LH_ERR_INIT;
    struct lh_config *config = NULL;
    LH_AUTO(buf) struct buf text = BUF_INIT, problems = BUF_INIT;
    const char *name = path ? path : "lakehouse.toml";
    enum lh_code code = os_read_file(cli->os, AT_FDCWD, name, (size_t)1 << 20, &text, &err);
    bool file = code == LH_OK;
    if (!file && (path || code != LH_NOT_FOUND))
        return cli_fail(cli, &err);
    code =
        lh_config_load(file ? buf_cstr(&text) : NULL, text.len, file ? name : NULL, cli->env, &config, &problems, &err);
    if (code != LH_OK && (cli->json || problems.len == 0))
        return cli_fail(cli, &err);
    if (code != LH_OK) {
        fputs(buf_cstr(&problems), stderr);
        return CLI_FAILED;
    }
    lh_config_free(config);
    printf("%s: ok\n", file ? name : "defaults and environment");
    return CLI_OK;
}

static int run(struct cli *cli, const struct cli_args *args) {
    const char *action = args->positional[0], *path = cli_arg(args, "config");
    if (strcmp(action, "check") == 0)
        return check(cli, path);
    if (strcmp(action, "show") == 0)
        return show(cli, path);
    struct lh_err err = LH_ERR_INIT;
    lh_fail(&err, LH_USAGE, "lakehouse config does not know \"%s\"; it knows check and show", action);
    return cli_usage_error(cli, &cli_config, &err);
}

const struct cli_command cli_config = {
    .name = "config",
    .usage = "check|show [--config FILE]",
    .summary = "check the configuration file, or show what is in force",
    .help = "check  names every problem with file, line, key and what is allowed\n"
            "show   prints every key with its value in force, its default and what it does\n\n"
            "A key can also be set in the environment: LAKEHOUSE__QUERY__TIMEOUT=30s sets timeout in [query].",
    .options = options,
    .min_positional = 1,
    .max_positional = 1,
    .run = run,
};
