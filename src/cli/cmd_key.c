/* lakehouse key create|list|revoke */
#include "base/buf.h"
#include "cli/answer.h"
#include "cli/cli.h"
#include "cli/client.h"

#include <stdio.h>
#include <string.h>

static const struct cli_option options[] = {
    CLIENT_OPTIONS,
    {"role", 'r', "ROLE", "create: admin, recruiter, analyst or agent", false},
    {"name", 'n', "NAME", "create: whose key it is, for lists and the audit", false},
    {"json", 0, NULL, "as JSON", false},
    {NULL, 0, NULL, NULL, false},
};

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "-";
}

static enum lh_code create(struct cli *cli, struct client *client, const struct cli_args *args, struct lh_err *err) {
    LH_AUTO(json) json_t *body = json_object(), *answer = NULL;
    json_object_set_new(body, "role", json_string(cli_arg(args, "role")));
    if (cli_arg(args, "name"))
        json_object_set_new(body, "name", json_string(cli_arg(args, "name")));
    LH_TRY(client_json(client, "POST", "/access/keys", body, &answer, err));
    if (cli->json) {
        answer_print(answer);
        return LH_OK;
    }
    printf("%s\n", text_of(answer, "key"));
    fprintf(
        stderr,
        "This is the only time the key is shown.  Give it to clients as LAKEHOUSE_API_KEY or in the header X-API-Key.\n");
    return LH_OK;
}

static enum lh_code list(struct cli *cli, struct client *client, struct lh_err *err) {
    LH_AUTO(json) json_t *answer = NULL;
    LH_TRY(client_json(client, "GET", "/access/keys", NULL, &answer, err));
    if (cli->json) {
        answer_print(answer);
        return LH_OK;
    }
    size_t i;
    json_t *key;
    printf("%-14s %-10s %-20s %s\n", "ID", "ROLE", "NAME", "CREATED");
    json_array_foreach(json_object_get(answer, "items"), i, key)
        printf("%-14s %-10s %-20s %s\n", text_of(key, "id"), text_of(key, "role"), text_of(key, "name"),
               text_of(key, "created_at"));
    return LH_OK;
}

static enum lh_code revoke(struct cli *cli, struct client *client, const char *id, struct lh_err *err) {
    LH_AUTO(buf) struct buf path = BUF_INIT;
    buf_append_str(&path, "/access/keys/");
    client_append_escaped(&path, id);
    LH_TRY(client_json(client, "DELETE", buf_cstr(&path), NULL, NULL, err));
    if (cli->json) {
        LH_AUTO(json) json_t *answer = json_pack("{s:s}", "revoked", id);
        answer_print(answer);
    } else {
        printf("revoked %s\n", id);
    }
    return LH_OK;
}

static int run(struct cli *cli, const struct cli_args *args) {
    struct lh_err err = LH_ERR_INIT;
    LH_AUTO(client) struct client *client = NULL;
    const char *action = args->positional[0];
    bool is_create = strcmp(action, "create") == 0, is_list = strcmp(action, "list") == 0,
         is_revoke = strcmp(action, "revoke") == 0;

    if (!is_create && !is_list && !is_revoke)
        lh_fail(&err, LH_USAGE, "lakehouse key does not know \"%s\"; it knows create, list and revoke", action);
    else if (is_create && !cli_arg(args, "role"))
        lh_fail(&err, LH_USAGE, "lakehouse key create needs --role admin, recruiter, analyst or agent");
    else if (args->positional_count != (is_revoke ? 2U : 1U))
        lh_fail(&err, LH_USAGE, is_revoke ? "lakehouse key revoke needs the id of one key" : "one argument too many");
    if (err.code != LH_OK)
        return cli_usage_error(cli, &cli_key, &err);

    const char *data = cli_arg(args, "data");
    enum lh_code code = is_create && data && !cli_arg(args, "server")
                            ? client_open_folder(cli, args, data, true, &client, &err)
                            : client_open(cli, args, &client, &err);
    if (code == LH_OK)
        code = is_create ? create(cli, client, args, &err)
               : is_list ? list(cli, client, &err)
                         : revoke(cli, client, args->positional[1], &err);
    return code == LH_OK ? CLI_OK : cli_fail(cli, &err);
}

const struct cli_command cli_key = {
    .name = "key",
    .usage = "create --role ROLE [--name NAME] [--server URL | --data DIR]\nlist [--json]\nrevoke ID",
    .summary = "make, list and revoke API keys",
    .help =
        "An API key is shown once, when it is made; only its hash is kept.  The first key of a lake is made on its folder\n"
        "while no server runs:\n\n"
        "  lakehouse key create --role admin --name ops --data ./lakehouse-data",
    .options = options,
    .min_positional = 1,
    .max_positional = 2,
    .run = run,
};
