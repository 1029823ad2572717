#include "cli/cli.h"

#include "base/buf.h"
#include "base/config.h"
#include "base/json.h"
#include "os/file.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const struct cli_command *const cli_commands[] = {
    &cli_serve, &cli_sql,    &cli_ingest, &cli_delta,  &cli_demo,    &cli_check,  &cli_history,     &cli_tombstone,
    &cli_index, &cli_search, &cli_ask,    &cli_jobs,   &cli_compact, &cli_vacuum, &cli_maintenance, &cli_pin,
    &cli_unpin, &cli_key,    &cli_vec,    &cli_config, &cli_version, NULL,
};

static json_t *error_json(const struct lh_err *err) {
    json_t *body = json_pack("{s:s, s:s, s:s}", "code", lh_code_name(err->code), "title", lh_code_title(err->code),
                             "detail", err->message);
    if (body && err->hint[0])
        json_object_set_new(body, "hint", json_string(err->hint));
    if (body && err->position > 0)
        json_object_set_new(body, "position", json_integer(err->position));
    return body;
}

bool cli_reader_left(void) {
    struct pollfd out = {.fd = STDOUT_FILENO};
    return ferror(stdout) && poll(&out, 1, 0) == 1 && (out.revents & POLLERR) != 0;
}

int cli_fail(const struct cli *cli, const struct lh_err *err) {
    if (cli_reader_left())
        return CLI_FAILED;
    if (cli->json) {
        LH_AUTO(json) json_t *body = error_json(err);
        LH_AUTO(buf) struct buf text = BUF_INIT;
        lh_json_write(body, LH_JSON_COMPACT, &text);
        fprintf(stderr, "%s\n", buf_cstr(&text));
    } else {
        fprintf(stderr, "lakehouse: %s\n", err->message);
        if (err->hint[0])
            fprintf(stderr, "  hint: %s\n", err->hint);
    }
    return err->code == LH_USAGE ? CLI_USAGE : CLI_FAILED;
}

int cli_usage_error(const struct cli *cli, const struct cli_command *command, const struct lh_err *err) {
    cli_fail(cli, err);
    if (!cli->json)
        fprintf(stderr, "  see: lakehouse %s --help\n", command->name);
    return CLI_USAGE;
}

const char *cli_env(const struct cli *cli, const char *name) {
    size_t len = strlen(name);
    for (char **e = cli->env; e && *e; e++)
        if (strncmp(*e, name, len) == 0 && (*e)[len] == '=' && (*e)[len + 1] != '\0')
            return *e + len + 1;
    return NULL;
}

const char *cli_data_dir(const struct cli *cli, const struct cli_args *args) {
    const char *dir = cli_arg(args, "data");
    if (!dir)
        dir = cli_env(cli, "LAKEHOUSE_DATA");
    return dir ? dir : "./lakehouse-data";
}

enum lh_code cli_load_config(struct cli *cli, const char *path, struct lh_config **ret_config, struct lh_err *err) {
    LH_AUTO(buf) struct buf text = BUF_INIT;
    const char *name = path ? path : "lakehouse.toml";
    enum lh_code code = os_read_file(cli->os, AT_FDCWD, name, (size_t)1 << 20, &text, err);
    if (code == LH_NOT_FOUND && !path)
        return lh_config_load(NULL, 0, NULL, cli->env, ret_config, NULL, err);
    LH_TRY(code);
    return lh_config_load(buf_cstr(&text), text.len, name, cli->env, ret_config, NULL, err);
}
