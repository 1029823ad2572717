/* lakehouse delta NAME FILE: a few rows on top of a dataset. */
#include "base/buf.h"
#include "base/quantity.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "os/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static const struct cli_option options[] = {
    CLIENT_OPTIONS,
    {"misfits", 0, "HOW",
     "where a value does not fit its column's type: refuse (default), or text, which makes the column VARCHAR", false},
    {"json", 0, NULL, "the report as JSON", false},
    {NULL, 0, NULL, NULL, false},
};

struct rows {
    struct os *os;
    const char *name;
    int fd;
    struct lh_err error;
};

static ptrdiff_t read_rows(void *ctx, void *data, size_t room) {
    struct rows *rows = ctx;
    size_t len = 0;
    if (os_read_some(rows->os, rows->fd, data, room, rows->name, &len, &rows->error) != LH_OK)
        return -1;
    return (ptrdiff_t)len;
}

static bool ends_with(const char *text, const char *end) {
    size_t len = strlen(text), end_len = strlen(end);
    return len >= end_len && strcasecmp(text + len - end_len, end) == 0;
}

static enum lh_code send_rows(struct cli *cli, struct client *client, const struct cli_args *args, json_t **ret_report,
                              struct lh_err *err) {
    const char *path = args->positional[1];
    bool input = strcmp(path, "-") == 0, lines = ends_with(path, ".ndjson") || ends_with(path, ".jsonl");
    struct rows rows = {
        .os = cli->os, .name = input ? "standard input" : path, .fd = STDIN_FILENO, .error = LH_ERR_INIT};
    LH_AUTO(buf) struct buf url = BUF_INIT;
    buf_append_str(&url, "/query/delta/");
    client_append_escaped(&url, args->positional[0]);
    if (cli_arg(args, "misfits")) {
        buf_append_str(&url, "?misfits=");
        client_append_escaped(&url, cli_arg(args, "misfits"));
    }
    if (!input)
        LH_TRY(os_open(cli->os, AT_FDCWD, path, O_RDONLY, 0, 0, &rows.fd, err));
    enum lh_code code = client_upload(client, buf_cstr(&url), lines ? "application/x-ndjson" : "application/json",
                                      read_rows, &rows, -1, ret_report, err);
    if (!input)
        os_close(cli->os, rows.fd);
    if (rows.error.code != LH_OK) {
        *err = rows.error;
        return err->code;
    }
    return code;
}

static uint64_t count(const json_t *report, const char *name) {
    return (uint64_t)json_integer_value(json_object_get(report, name));
}

static void print_report(const struct cli *cli, const json_t *report) {
    LH_AUTO(buf) struct buf line = BUF_INIT;
    if (cli->json) {
        lh_json_write(report, LH_JSON_COMPACT, &line);
        printf("%s\n", buf_cstr(&line));
        return;
    }
    const char *dataset = json_string_value(json_object_get(report, "dataset"));
    const char *mode = json_string_value(json_object_get(report, "mode"));
    buf_printf(&line, "%s: %s of ", dataset ? dataset : "?", mode ? mode : "append");
    lh_count_format(count(report, "row_count"), &line);
    buf_printf(&line, " rows, version %llu", (unsigned long long)count(report, "version"));
    if (json_is_integer(json_object_get(report, "updated")) && strcmp(mode ? mode : "", "upsert") == 0) {
        static const char *const counts[] = {"inserted", "updated", "unchanged"};
        for (size_t i = 0; i < LH_ARRAY_LEN(counts); i++) {
            buf_append_str(&line, i > 0 ? ", " : ": ");
            lh_count_format(count(report, counts[i]), &line);
            buf_printf(&line, " %s", counts[i]);
        }
    }
    if (count(report, "superseded_count") > 0) {
        buf_append_str(&line, "; ");
        lh_count_format(count(report, "superseded_count"), &line);
        buf_append_str(&line, " were replaced by a later row of their key");
    }
    printf("%s\n", buf_cstr(&line));
    size_t i;
    json_t *column;
    json_array_foreach(json_object_get(report, "added_columns"), i, column)
        printf("  new column: %s\n", json_string_value(column));
}

static int run(struct cli *cli, const struct cli_args *args) {
    struct lh_err err = LH_ERR_INIT;
    LH_AUTO(client) struct client *client = NULL;
    LH_AUTO(json) json_t *report = NULL;
    if (client_open(cli, args, &client, &err) != LH_OK || send_rows(cli, client, args, &report, &err) != LH_OK)
        return cli_fail(cli, &err);
    print_report(cli, report);
    return CLI_OK;
}

const struct cli_command cli_delta = {
    .name = "delta",
    .usage = "NAME FILE|- [--misfits refuse|text] [--server URL | --data DIR] [--json]",
    .summary = "write a few rows on top of a dataset",
    .help =
        "Rows are JSON: an array of objects, or an object a line (FILE.ndjson, FILE.jsonl; '-' reads standard input).  They are\n"
        "typed as the dataset's columns; new columns are added, missing ones are NULL.  With a primary key the newest row of a\n"
        "key wins; without one, rows are added.  All rows are written or none.\n\n"
        "  echo '{\"id\": 7, \"status\": \"hired\"}' | lakehouse delta candidates -\n\n"
        "Many rows, and other formats: lakehouse ingest --mode upsert.",
    .options = options,
    .min_positional = 2,
    .max_positional = 2,
    .run = run,
};
