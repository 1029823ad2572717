/* lakehouse ingest PATH... */
#include "base/alloc.h"
#include "base/buf.h"
#include "base/quantity.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/progress.h"
#include "os/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

static const struct cli_option options[] = {
    CLIENT_OPTIONS,
    {"name", 'n', "NAME", "dataset name (default: from the file name); one file only", false},
    {"mode", 'm', "MODE", "create, append, upsert or replace (default: create)", false},
    {"primary-key", 'k', "COLUMNS", "primary key of a new dataset: a column, or several with commas", false},
    {"misfits", 0, "HOW",
     "a value that is not of its column's type: refuse (default), or text: the column becomes text", false},
    {"bucket", 'b', "BUCKET", "where the files go (default: primary)", false},
    {"format", 'f', "FORMAT", "csv, tsv, json, ndjson, parquet or text (default: found by looking)", false},
    {"delimiter", 0, "CHAR", "field separator of a CSV file; 'tab' for a tab (default: found by looking)", false},
    {"quote", 0, "CHAR", "quote character, or 'none'", false},
    {"header", 0, "BOOL", "true or false: does the first line name the columns?", false},
    {"encoding", 0, "NAME", "utf-8, utf-16le, utf-16be or windows-1252", false},
    {"json", 0, NULL, "one JSON report a line", false},
    {NULL, 0, NULL, NULL, false},
};

struct upload {
    struct os *os;
    const char *path;
    int fd;
    uint64_t sent, total;
    struct progress progress;
    struct lh_err read_error;
};

static ptrdiff_t read_file(void *ctx, void *data, size_t room) {
    struct upload *u = ctx;
    size_t len = 0;
    if (os_read_some(u->os, u->fd, data, room, u->path, &len, &u->read_error) != LH_OK)
        return -1;
    u->sent += len;
    progress_bytes(&u->progress, u->sent, u->total);
    return (ptrdiff_t)len;
}

static const char *file_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* /ingest/file?file_name=...&name=... : what was given on the command line under the same names. */
static void append_route(const struct cli_args *args, const char *path, struct buf *url) {
    static const char *const passed[] = {"name",  "mode",   "bucket",   "format", "delimiter",
                                         "quote", "header", "encoding", "misfits"};
    buf_append_str(url, "/ingest/file?source_system=cli&file_name=");
    client_append_escaped(url, file_name(path));
    for (size_t i = 0; i < LH_ARRAY_LEN(passed); i++) {
        const char *value = cli_arg(args, passed[i]);
        if (!value)
            continue;
        buf_printf(url, "&%s=", passed[i]);
        client_append_escaped(url, value);
    }
    if (cli_arg(args, "primary-key")) {
        buf_append_str(url, "&primary_key=");
        client_append_escaped(url, cli_arg(args, "primary-key"));
    }
}

/* Does the message begin with the name of the file already, as the server's do of what it was sent? */
static bool names_file(const char *message, const char *path) {
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t len = strlen(name);
    return strncmp(message, name, len) == 0 && message[len] == ':';
}

static enum lh_code send_file(struct cli *cli, struct client *client, const struct cli_args *args, const char *path,
                              json_t **ret_report, struct lh_err *err) {
    struct os_stat stat;
    LH_AUTO(buf) struct buf url = BUF_INIT;
    struct upload upload = {.os = cli->os, .path = path, .fd = -1, .read_error = LH_ERR_INIT};
    LH_TRY(os_open(cli->os, AT_FDCWD, path, O_RDONLY, 0, 0, &upload.fd, err));
    enum lh_code code = os_fstat(cli->os, upload.fd, path, &stat, err);
    if (code == LH_OK && stat.is_dir)
        code = lh_fail(err, LH_USAGE, "\"%s\" is a folder; name the files in it", path);
    if (code == LH_OK) {
        append_route(args, path, &url);
        upload.total = stat.size_bytes;
        progress_start(&upload.progress, cli, path);
        code = client_upload(client, buf_cstr(&url), "application/octet-stream", read_file, &upload,
                             stat.is_file ? (int64_t)stat.size_bytes : -1, ret_report, err);
        progress_end(&upload.progress);
        if (upload.read_error.code != LH_OK) {
            *err = upload.read_error;
            code = err->code;
        }
    }
    os_close(cli->os, upload.fd);
    return code == LH_OK || names_file(err->message, path) ? code : lh_err_context(err, "%s", path);
}

static json_int_t field(const json_t *report, const char *name) {
    return json_integer_value(json_object_get(report, name));
}

static void print_report(const struct cli *cli, const char *path, const json_t *report) {
    LH_AUTO(buf) struct buf line = BUF_INIT;
    if (cli->json) {
        lh_json_write(report, LH_JSON_COMPACT, &line);
        printf("%s\n", buf_cstr(&line));
        return;
    }
    const char *dataset = json_string_value(json_object_get(report, "dataset"));
    buf_printf(&line, "%s -> %s: ", path, dataset ? dataset : "?");
    if (json_is_true(json_object_get(report, "deduplicated")))
        buf_append_str(&line, "already there, nothing to do; ");
    lh_count_format((uint64_t)field(report, "row_count"), &line);
    buf_append_str(&line, " rows");
    if (field(report, "superseded_count") > 0) {
        buf_append_str(&line, ", ");
        lh_count_format((uint64_t)field(report, "superseded_count"), &line);
        buf_append_str(&line, " replaced by a later row of their key");
    }
    if (field(report, "reject_count") > 0) {
        buf_append_str(&line, ", ");
        lh_count_format((uint64_t)field(report, "reject_count"), &line);
        buf_append_str(&line, " lines kept aside as rejects");
    }
    printf("%s\n", buf_cstr(&line));
    size_t i, j;
    json_t *column, *flag, *warning;
    json_array_foreach(json_object_get(report, "columns"), i, column) {
        json_array_foreach(json_object_get(column, "flags"), j, flag) printf(
            "  %s looks like %s: %s\n", json_string_value(json_object_get(column, "name")),
            json_string_value(json_object_get(flag, "kind")), json_string_value(json_object_get(flag, "reason")));
    }
    json_array_foreach(json_object_get(report, "warnings"), i, warning)
        printf("  note: %s\n", json_string_value(warning));
}

static int run(struct cli *cli, const struct cli_args *args) {
    struct lh_err err = LH_ERR_INIT;
    LH_AUTO(client) struct client *client = NULL;
    size_t failed = 0, rejected = 0;

    if (cli_arg(args, "name") && args->positional_count > 1) {
        lh_fail(&err, LH_USAGE, "--name goes with one file");
        return cli_usage_error(cli, &cli_ingest, &err);
    }
    const char *data = cli_arg(args, "data");
    enum lh_code code = data && !cli_arg(args, "server") ? client_open_folder(cli, args, data, true, &client, &err)
                                                         : client_open(cli, args, &client, &err);
    if (code != LH_OK)
        return cli_fail(cli, &err);
    for (size_t i = 0; i < args->positional_count; i++) {
        LH_AUTO(json) json_t *report = NULL;
        err = (struct lh_err)LH_ERR_INIT;
        if (send_file(cli, client, args, args->positional[i], &report, &err) != LH_OK) {
            cli_fail(cli, &err);
            failed++;
            continue;
        }
        print_report(cli, args->positional[i], report);
        rejected += field(report, "reject_count") > 0;
    }
    if (failed == args->positional_count)
        return CLI_FAILED;
    return failed + rejected > 0 ? CLI_PARTLY : CLI_OK;
}

const struct cli_command cli_ingest = {
    .name = "ingest",
    .usage =
        "PATH... [--name N] [--mode create|append|upsert|replace] [--bucket B] [--server URL | --data DIR] [--json]",
    .summary = "turn files into datasets",
    .help =
        "Reads CSV, TSV, JSON, NDJSON, Parquet and text files, however messy, and makes each a dataset that SQL can ask at\n"
        "once.  Delimiter, quotes, encoding and types are found by looking; a column whose values are ambiguous stays text;\n"
        "lines that cannot be used are counted and kept with their number and the reason.  The same bytes twice are\n"
        "recognised and written once.  Personal data is flagged with the reason.\n\n"
        "  lakehouse ingest demo/inbox/*.csv\n"
        "  lakehouse ingest export.txt --delimiter ';' --name candidates --mode append\n"
        "  lakehouse ingest orders.csv --primary-key id --mode upsert\n\n"
        "With a primary key a dataset has one row a key, and the newest one counts.\n"
        "Exit code 3: some files failed, or some lines were rejected.",
    .options = options,
    .min_positional = 1,
    .max_positional = 10000,
    .run = run,
};
