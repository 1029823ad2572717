/* lakehouse vacuum, lakehouse maintenance */
#include "base/buf.h"
#include "base/quantity.h"
#include "cli/answer.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/job_wait.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static long long number(const json_t *object, const char *key) {
    return (long long)json_integer_value(json_object_get(object, key));
}

/* ---- vacuum ---- */

static const struct cli_option vacuum_options[] = {
    CLIENT_OPTIONS,
    {"dry-run", 'n', NULL, "tell what would go, and change nothing", false},
    {"retention-hours", 0, "HOURS", "keep versions that long (default: maintenance.retention)", false},
    {"no-wait", 0, NULL, "print the job and leave; lakehouse jobs tells how far it is", false},
    {"json", 0, NULL, "as JSON", false},
    {NULL, 0, NULL, NULL, false},
};

static void print_vacuum(const json_t *sums, const char *verb) {
    LH_AUTO(buf) struct buf size = BUF_INIT;
    lh_size_format((uint64_t)number(sums, "bytes"), &size);
    printf("%lld files (%s) %s; ", number(sums, "files"), buf_cstr(&size), verb);
    if (number(sums, "horizon_version") > 0)
        printf("versions from %lld on stay readable\n", number(sums, "horizon_version"));
    else
        printf("every version stays readable\n");
}

static void print_dry(const json_t *answer) {
    size_t i;
    json_t *file;
    json_array_foreach(json_object_get(answer, "items"), i, file)
        printf("%s%s\n", answer_text(file, "key"), json_is_true(json_object_get(file, "orphan")) ? "  (orphan)" : "");
    print_vacuum(answer, "would go");
}

static enum lh_code vacuum(struct cli *cli, const struct cli_args *args, struct lh_err *err) {
    LH_AUTO(client) struct client *client = NULL;
    LH_AUTO(json) json_t *body = json_object();
    LH_AUTO(json) json_t *answer = NULL;
    LH_AUTO(json) json_t *job = NULL;
    const char *hours = cli_arg(args, "retention-hours");
    bool dry = cli_flag(args, "dry-run");
    if (hours) {
        char *end;
        double value = strtod(hours, &end);
        if (end == hours || *end)
            return lh_fail(err, LH_USAGE, "--retention-hours is to be a number, not \"%.64s\"", hours);
        json_object_set_new(body, "retention_hours", json_real(value));
    }
    json_object_set_new(body, "dry_run", json_boolean(dry));
    LH_TRY(client_open(cli, args, &client, err));
    LH_TRY(client_json(client, "POST", "/catalog/vacuum", body, &answer, err));
    if (!dry)
        LH_TRY(job_wait(cli, client, answer, "removing", cli_flag(args, "no-wait"), &job, err));
    const json_t *result = json_object_get(job, "result");
    if (cli->json)
        answer_print(dry ? answer : job);
    else if (dry)
        print_dry(answer);
    else if (result)
        print_vacuum(result, "removed");
    else
        printf("job %s\n", answer_text(job, "id"));
    return LH_OK;
}

static int run_vacuum(struct cli *cli, const struct cli_args *args) {
    struct lh_err err = LH_ERR_INIT;
    if (vacuum(cli, args, &err) == LH_OK)
        return CLI_OK;
    return err.code == LH_USAGE ? cli_usage_error(cli, &cli_vacuum, &err) : cli_fail(cli, &err);
}

const struct cli_command cli_vacuum = {
    .name = "vacuum",
    .usage = "[--dry-run] [--retention-hours HOURS] [--no-wait] [--json] [--server URL | --data DIR]",
    .summary = "remove the files of versions past their retention",
    .help =
        "Removes files that no version within the retention names, and what crashed writers left behind.  Versions before\n"
        "the horizon can then no longer be read; what happened stays in the log and the journal.  A server does this by\n"
        "itself:\n\n"
        "  lakehouse vacuum --dry-run\n"
        "  lakehouse vacuum --retention-hours 0     what was erased is gone from the disk, too",
    .options = vacuum_options,
    .run = run_vacuum,
};

/* ---- maintenance ---- */

static const struct cli_option maintenance_options[] = {
    CLIENT_OPTIONS,
    {"json", 0, NULL, "as JSON", false},
    {NULL, 0, NULL, NULL, false},
};

static void print_dataset(const json_t *item) {
    static const char *const roles[] = {"base", "delta", "tombstone"};
    const json_t *next = json_object_get(item, "next"), *files = json_object_get(item, "files");
    long long bytes = 0;
    LH_AUTO(buf) struct buf size = BUF_INIT;
    printf("%-24s", answer_text(item, "dataset"));
    for (size_t i = 0; i < 3; i++) {
        const json_t *sums = json_object_get(files, roles[i]);
        printf(" %6lld", number(sums, "count"));
        bytes += number(sums, "bytes");
    }
    lh_size_format((uint64_t)bytes, &size);
    printf(" %9s %6lld%%  %s: %s\n", buf_cstr(&size), number(item, "delta_percent"), answer_text(next, "action"),
           answer_text(next, "why"));
}

/* All pages. */
static enum lh_code maintenance(struct cli *cli, const struct cli_args *args, struct lh_err *err) {
    LH_AUTO(client) struct client *client = NULL;
    LH_AUTO(buf) struct buf path = BUF_INIT;
    buf_append_str(&path, "/catalog/maintenance?limit=1000");
    if (args->positional_count > 0) {
        buf_append_str(&path, "&dataset=");
        client_append_escaped(&path, args->positional[0]);
    }
    LH_TRY(client_open(cli, args, &client, err));
    if (!cli->json)
        printf("%-24s %6s %6s %6s %9s %7s  %s\n", "DATASET", "BASE", "DELTA", "GONE", "SIZE", "DELTA", "NEXT");
    for (;;) {
        LH_AUTO(json) json_t *answer = NULL;
        size_t i;
        json_t *item;
        LH_TRY(client_json(client, "GET", buf_cstr(&path), NULL, &answer, err));
        if (cli->json) {
            answer_print(answer);
        } else {
            json_array_foreach(json_object_get(answer, "items"), i, item) print_dataset(item);
        }
        const char *next = json_string_value(json_object_get(answer, "next_page_token"));
        if (!next)
            return LH_OK;
        buf_reset(&path);
        buf_append_str(&path, "/catalog/maintenance?limit=1000&page_token=");
        client_append_escaped(&path, next);
    }
}

static int run_maintenance(struct cli *cli, const struct cli_args *args) {
    struct lh_err err = LH_ERR_INIT;
    return maintenance(cli, args, &err) == LH_OK ? CLI_OK : cli_fail(cli, &err);
}

const struct cli_command cli_maintenance = {
    .name = "maintenance",
    .usage = "[DATASET] [--json] [--server URL | --data DIR]",
    .summary = "each dataset's files, and what compaction does next",
    .help =
        "Tells of each dataset how many files of which role it has, how many bytes, the share of its deltas, and what\n"
        "compaction would do next, and why.",
    .options = maintenance_options,
    .max_positional = 1,
    .run = run_maintenance,
};
