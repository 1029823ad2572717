/* lakehouse pin, lakehouse unpin: which datasets are kept hot. */
#include "base/cleanup.h"
#include "cli/answer.h"
#include "cli/cli.h"
#include "cli/client.h"

#include <stdio.h>

static const struct cli_option pin_options[] = {
    CLIENT_OPTIONS,
    {"no-wait", 0, NULL, "do not wait until it is loaded", false},
    {"json", 0, NULL, "as JSON", false},
    {NULL, 0, NULL, NULL, false},
};

static const struct cli_option unpin_options[] = {
    CLIENT_OPTIONS,
    {"json", 0, NULL, "as JSON", false},
    {NULL, 0, NULL, NULL, false},
};

static void print_row(const json_t *dataset) {
    const char *message = json_string_value(json_object_get(dataset, "message"));
    printf("%-32s  %-8s  %-6s  %14lld  %10lld%s%s\n", json_string_value(json_object_get(dataset, "dataset")),
           json_string_value(json_object_get(dataset, "state")),
           json_is_true(json_object_get(dataset, "pinned")) ? "pinned" : "",
           (long long)json_integer_value(json_object_get(dataset, "size_bytes")),
           (long long)json_integer_value(json_object_get(dataset, "reads")), message ? "  " : "",
           message ? message : "");
}

static void print_head(void) {
    printf("%-32s  %-8s  %-6s  %14s  %10s\n", "DATASET", "STATE", "", "BYTES", "READS");
}

static enum lh_code list(struct cli *cli, struct client *client, struct lh_err *err) {
    LH_AUTO(json) json_t *answer = NULL;
    size_t i;
    json_t *dataset;
    LH_TRY(client_json(client, "GET", "/query/cache/stats", NULL, &answer, err));
    if (cli->json) {
        answer_print(answer);
        return LH_OK;
    }
    print_head();
    json_array_foreach(json_object_get(answer, "datasets"), i, dataset) print_row(dataset);
    return LH_OK;
}

static enum lh_code pin(struct cli *cli, const struct cli_args *args, struct client *client, struct lh_err *err) {
    LH_AUTO(json) json_t *answer = NULL;
    LH_AUTO(json) json_t *body =
        json_pack("{s:s, s:b}", "dataset", args->positional[0], "wait", !cli_flag(args, "no-wait"));
    LH_TRY(client_json(client, "POST", "/query/cache/pin", body, &answer, err));
    if (cli->json) {
        answer_print(answer);
    } else {
        print_head();
        print_row(answer);
    }
    return LH_OK;
}

static int run_pin(struct cli *cli, const struct cli_args *args) {
    struct lh_err err = LH_ERR_INIT;
    LH_AUTO(client) struct client *client = NULL;
    enum lh_code code = client_open(cli, args, &client, &err);
    if (code == LH_OK)
        code = args->positional_count > 0 ? pin(cli, args, client, &err) : list(cli, client, &err);
    return code == LH_OK ? CLI_OK : cli_fail(cli, &err);
}

static int run_unpin(struct cli *cli, const struct cli_args *args) {
    struct lh_err err = LH_ERR_INIT;
    LH_AUTO(client) struct client *client = NULL;
    LH_AUTO(json) json_t *answer = NULL;
    LH_AUTO(json) json_t *body = json_pack("{s:s}", "dataset", args->positional[0]);
    enum lh_code code = client_open(cli, args, &client, &err);
    if (code == LH_OK)
        code = client_json(client, "POST", "/query/cache/evict", body, &answer, &err);
    if (code != LH_OK)
        return cli_fail(cli, &err);
    if (cli->json)
        answer_print(answer);
    else
        printf("%s is read from Parquet\n", args->positional[0]);
    return CLI_OK;
}

const struct cli_command cli_pin = {
    .name = "pin",
    .usage = "[NAME [--no-wait]] [--json] [--server URL | --data DIR]",
    .summary = "keep a dataset hot, or list what is",
    .help =
        "Keeps a dataset as a DuckDB file beside its Parquet files, so that statements read it at the speed of a table.\n"
        "Each change is loaded again behind the scenes; until then the dataset is read from Parquet, so an answer is\n"
        "never old.  A pin outlives restarts.  Without NAME it lists what is hot:\n\n"
        "  lakehouse pin placements\n"
        "  lakehouse pin\n"
        "  lakehouse unpin placements",
    .options = pin_options,
    .max_positional = 1,
    .run = run_pin,
};

const struct cli_command cli_unpin = {
    .name = "unpin",
    .usage = "NAME [--json] [--server URL | --data DIR]",
    .summary = "keep a dataset hot no longer",
    .help = "Takes back lakehouse pin, and makes room in the cache at once:\n\n"
            "  lakehouse unpin placements",
    .options = unpin_options,
    .min_positional = 1,
    .max_positional = 1,
    .run = run_unpin,
};
