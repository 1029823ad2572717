/* lakehouse compact */
#include "base/buf.h"
#include "base/quantity.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/job_wait.h"

#include <stdio.h>

static const struct cli_option options[] = {
    CLIENT_OPTIONS,
    {"sort-by", 0, "COLUMN", "order the rows by it (default: the primary key); implies --full", false},
    {"full", 0, NULL, "write again also what is in order already", false},
    {"no-wait", 0, NULL, "print the job and leave; lakehouse jobs tells how far it is", false},
    {"json", 0, NULL, "the job as JSON", false},
    {NULL, 0, NULL, NULL, false},
};

static long long number(const json_t *object, const char *key) {
    return (long long)json_integer_value(json_object_get(object, key));
}

static void print(const struct cli *cli, const char *dataset, const json_t *job) {
    const json_t *result = json_object_get(job, "result");
    if (cli->json) {
        LH_AUTO(buf) struct buf text = BUF_INIT;
        lh_json_write(job, LH_JSON_COMPACT, &text);
        printf("%s\n", buf_cstr(&text));
    } else if (!result) {
        printf("job %s\n", json_string_value(json_object_get(job, "id")));
    } else if (number(result, "steps") == 0) {
        printf("%s: nothing to do\n", dataset);
    } else {
        LH_AUTO(buf) struct buf before = BUF_INIT;
        LH_AUTO(buf) struct buf after = BUF_INIT;
        lh_size_format((uint64_t)number(result, "bytes_in"), &before);
        lh_size_format((uint64_t)number(result, "bytes_out"), &after);
        printf("%s: %lld files (%s) became %lld (%s)\n", dataset, number(result, "files_in"), buf_cstr(&before),
               number(result, "files_out"), buf_cstr(&after));
    }
}

static enum lh_code compact(struct cli *cli, const struct cli_args *args, struct lh_err *err) {
    LH_AUTO(client) struct client *client = NULL;
    LH_AUTO(json) json_t *body = json_pack("{s:s}", "dataset", args->positional[0]);
    LH_AUTO(json) json_t *started = NULL;
    LH_AUTO(json) json_t *job = NULL;
    if (cli_arg(args, "sort-by"))
        json_object_set_new(body, "sort_by", json_string(cli_arg(args, "sort-by")));
    if (cli_flag(args, "full"))
        json_object_set_new(body, "full", json_true());
    LH_TRY(client_open(cli, args, &client, err));
    LH_TRY(client_json(client, "POST", "/query/compact", body, &started, err));
    LH_TRY(job_wait(cli, client, started, "compacting", cli_flag(args, "no-wait"), &job, err));
    print(cli, args->positional[0], job);
    return LH_OK;
}

static int run(struct cli *cli, const struct cli_args *args) {
    struct lh_err err = LH_ERR_INIT;
    return compact(cli, args, &err) == LH_OK ? CLI_OK : cli_fail(cli, &err);
}

const struct cli_command cli_compact = {
    .name = "compact",
    .usage = "DATASET [--sort-by COLUMN] [--full] [--no-wait] [--json] [--server URL | --data DIR]",
    .summary = "few files in order out of deltas, tombstones and small files",
    .help =
        "Applies the deltas and tombstones of a dataset and merges its small files; the rows stay the same, and what is\n"
        "written meanwhile stays.  A server does this by itself when it is worth it (lakehouse maintenance tells):\n\n"
        "  lakehouse compact candidates\n"
        "  lakehouse compact timesheets --sort-by worked_on",
    .options = options,
    .min_positional = 1,
    .max_positional = 1,
    .run = run,
};
