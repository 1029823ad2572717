/* lakehouse jobs: long work, and how far it is. */
#include "base/buf.h"
#include "cli/answer.h"
#include "cli/cli.h"
#include "cli/client.h"

#include <stdio.h>
#include <string.h>

static const struct cli_option options[] = {
    CLIENT_OPTIONS,
    {"kind", 'k', "KIND", "only jobs of this kind", false},
    {"state", 0, "STATE", "only queued, running, waiting, done, failed or cancelled ones", false},
    {"limit", 'n', "N", "the newest N (default: 50)", false},
    {"cancel", 0, NULL, "cancel the job ID", false},
    {"json", 0, NULL, "as JSON", false},
    {NULL, 0, NULL, NULL, false},
};

/* "120/400 files, 31.5/s, 9 s left", "120 files", or "". */
static void append_progress(struct buf *out, const json_t *job) {
    const json_t *progress = json_object_get(job, "progress");
    json_int_t done = json_integer_value(json_object_get(progress, "done"));
    json_int_t total = json_integer_value(json_object_get(progress, "total"));
    const json_t *rate = json_object_get(progress, "rate"), *eta = json_object_get(progress, "eta_ms");
    if (done == 0 && total == 0)
        return;
    buf_printf(out, "%lld", (long long)done);
    if (total > 0)
        buf_printf(out, "/%lld", (long long)total);
    buf_printf(out, " %s", answer_text(progress, "unit"));
    if (rate)
        buf_printf(out, ", %.1f/s", json_number_value(rate));
    if (eta)
        buf_printf(out, ", %lld s left", (long long)((json_integer_value(eta) + 999) / 1000));
}

static void print_row(const json_t *job) {
    LH_AUTO(buf) struct buf progress = BUF_INIT;
    const char *message = answer_text(json_object_get(job, "error"), "message");
    append_progress(&progress, job);
    printf("%-26s  %-10s  %-9s  %-24s  %s%s%s\n", answer_text(job, "id"), answer_text(job, "kind"),
           json_is_true(json_object_get(job, "cancelling")) ? "cancelling" : answer_text(job, "state"),
           answer_text(job, "subject"), buf_cstr(&progress), message[0] && progress.len > 0 ? "; " : "", message);
}

static enum lh_code list(struct cli *cli, const struct cli_args *args, struct client *client, struct lh_err *err) {
    static const char *const names[] = {"kind", "state"};
    LH_AUTO(json) json_t *answer = NULL;
    LH_AUTO(buf) struct buf path = BUF_INIT;
    size_t i;
    json_t *job;
    buf_append_str(&path, "/jobs?limit=");
    client_append_escaped(&path, cli_arg(args, "limit") ? cli_arg(args, "limit") : "50");
    for (i = 0; i < sizeof names / sizeof *names; i++) {
        if (!cli_arg(args, names[i]))
            continue;
        buf_printf(&path, "&%s=", names[i]);
        client_append_escaped(&path, cli_arg(args, names[i]));
    }
    LH_TRY(client_json(client, "GET", buf_cstr(&path), NULL, &answer, err));
    if (cli->json) {
        answer_print(answer);
        return LH_OK;
    }
    printf("%-26s  %-10s  %-9s  %-24s  %s\n", "ID", "KIND", "STATE", "SUBJECT", "PROGRESS");
    json_array_foreach(json_object_get(answer, "items"), i, job) print_row(job);
    return LH_OK;
}

static enum lh_code one(struct cli *cli, const struct cli_args *args, struct client *client, struct lh_err *err) {
    LH_AUTO(json) json_t *answer = NULL;
    LH_AUTO(buf) struct buf path = BUF_INIT;
    buf_append_str(&path, "/jobs/");
    client_append_escaped(&path, args->positional[0]);
    LH_TRY(client_json(client, cli_flag(args, "cancel") ? "DELETE" : "GET", buf_cstr(&path), NULL, &answer, err));
    if (cli->json) {
        answer_print(answer);
        return LH_OK;
    }
    print_row(answer);
    return LH_OK;
}

static int run(struct cli *cli, const struct cli_args *args) {
    struct lh_err err = LH_ERR_INIT;
    LH_AUTO(client) struct client *client = NULL;
    if (cli_flag(args, "cancel") && args->positional_count == 0) {
        lh_fail(&err, LH_USAGE, "--cancel needs the id of a job");
        return cli_usage_error(cli, &cli_jobs, &err);
    }
    enum lh_code code = client_open(cli, args, &client, &err);
    if (code == LH_OK)
        code = args->positional_count > 0 ? one(cli, args, client, &err) : list(cli, args, client, &err);
    return code == LH_OK ? CLI_OK : cli_fail(cli, &err);
}

const struct cli_command cli_jobs = {
    .name = "jobs",
    .usage = "[--kind KIND] [--state STATE] [--limit N] [--json] [--server URL | --data DIR]\nID [--cancel] [--json]",
    .summary = "long work (compaction, vacuum, ...): list, look, cancel",
    .help =
        "Lists jobs, newest first, with how far they are.  A job outlives the command that asked for it and a restart of\n"
        "the server:\n\n"
        "  lakehouse jobs --state running\n"
        "  lakehouse jobs 01KAHV... --cancel",
    .options = options,
    .max_positional = 1,
    .run = run,
};
