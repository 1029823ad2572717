/* lakehouse config check|show */
#include "base/buf.h"
#include "base/config.h"
#include "base/json.h"
#include "cli/cli.h"
#include "os/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

static const struct cli_option options[] = {
    {"config", 'c', "FILE", "the file (default: ./lakehouse.toml where it exists)", false},
    {"json", 0, NULL, "check: the findings as one JSON document", false},
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

/* `problems`: one a line. */
static void print_json(const char *name, const char *problems) {
    LH_AUTO(buf) struct buf text = BUF_INIT;
    LH_AUTO(json) json_t *list = json_array();
    for (const char *line = problems, *end; (end = strchr(line, '\n')); line = end + 1)
        json_array_append_new(list, json_stringn(line, (size_t)(end - line)));
    LH_AUTO(json) json_t *answer =
        json_pack("{s:b, s:s?, s:O}", "ok", json_array_size(list) == 0, "file", name, "problems", list);
    lh_json_write(answer, LH_JSON_COMPACT, &text);
    printf("%s\n", buf_cstr(&text));
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
    lh_config_free(config);
    if (code != LH_OK && problems.len == 0)
        return cli_fail(cli, &err);
    if (cli->json)
        print_json(file ? name : NULL, buf_cstr(&problems));
    else if (code != LH_OK)
        fputs(buf_cstr(&problems), stderr);
    else
        printf("%s: ok\n", file ? name : "defaults and environment");
    return code == LH_OK ? CLI_OK : CLI_FAILED;
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
    .usage = "check|show [--config FILE] [--json]",
    .summary = "check the configuration file, or show what is in force",
    .help = "check  names every problem with file, line, key and what is allowed\n"
            "show   prints every key with its value in force, its default and what it does\n\n"
            "A key can also be set in the environment: LAKEHOUSE__QUERY__TIMEOUT=30s sets timeout in [query].",
    .options = options,
    .min_positional = 1,
    .max_positional = 1,
    .run = run,
};
