/* lakehouse sql: one statement from -c or a file, or a shell. */
#include "base/alloc.h"
#include "base/buf.h"
#include "base/quantity.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/sql_run.h"
#include "cli/sql_shell.h"
#include "os/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct cli_option options[] = {
    CLIENT_OPTIONS,
    {"command", 'c', "SQL", "run this statement", false},
    {"ask", 'a', "QUESTION", "have the configured generator write the statement, show it, and run it", false},
    {"limit", 'l', "N", "rows at most (default: 1,000 as a table, else all that the server gives)", false},
    {"as-of", 0, "WHEN", "read the lake as of a catalog version or an RFC 3339 time", false},
    {"timeout", 't', "TIME", "time limit, such as 30s", false},
    {"json", 0, NULL, "one JSON document: columns, rows, row_count", false},
    {"ndjson", 0, NULL, "one JSON object a row", false},
    {"csv", 0, NULL, "CSV with a header line", false},
    {"parquet", 0, "OUT", "write a Parquet file", false},
    {NULL, 0, NULL, NULL, false},
};

static enum lh_code pick_output(const struct cli *cli, const struct cli_args *args, struct sql_output *ret,
                                struct lh_err *err) {
    int chosen = 0;
    ret->format = SQL_TABLE;
    if (cli->json)
        chosen++, ret->format = SQL_JSON;
    if (cli_flag(args, "ndjson"))
        chosen++, ret->format = SQL_NDJSON;
    if (cli_flag(args, "csv"))
        chosen++, ret->format = SQL_CSV;
    if (cli_flag(args, "parquet"))
        chosen++, ret->format = SQL_PARQUET;
    if (chosen > 1)
        return lh_fail(err, LH_USAGE, "choose one of --json, --ndjson, --csv and --parquet");
    ret->path = cli_arg(args, "parquet");
    ret->as_of = cli_arg(args, "as-of");
    LH_TRY(cli_arg_uint(args, "limit", 1, UINT64_MAX - 1, 0, &ret->limit, err));
    const char *timeout = cli_arg(args, "timeout");
    if (timeout && (!lh_duration_parse(timeout, &ret->timeout_ms) || ret->timeout_ms <= 0))
        return lh_fail(err, LH_USAGE, "--timeout is \"%s\"; it must be a time such as 500ms, 30s or 5m", timeout);
    return LH_OK;
}

static enum lh_code read_statement(struct cli *cli, const struct cli_args *args, struct buf *sql, struct lh_err *err) {
    const char *command = cli_arg(args, "command");
    if (command) {
        buf_append_str(sql, command);
        return LH_OK;
    }
    if (args->positional_count > 0 && strcmp(args->positional[0], "-") != 0)
        return os_read_file(cli->os, AT_FDCWD, args->positional[0], (size_t)16 << 20, sql, err);
    char chunk[4096];
    size_t len = 1;
    while (len > 0 && sql->len < (size_t)16 << 20) {
        LH_TRY(os_read_some(cli->os, STDIN_FILENO, chunk, sizeof chunk, "standard input", &len, err));
        buf_append(sql, chunk, len);
    }
    return LH_OK;
}

/* The statement that answers the question; shown on stderr, so that rows stay alone on stdout. */
static enum lh_code write_statement(struct client *client, const char *question, const char *as_of, struct buf *sql,
                                    struct lh_err *err) {
    LH_AUTO(json) json_t *request = json_pack("{s:s}", "question", question);
    LH_AUTO(json) json_t *answer = NULL;
    int64_t version;
    if (!request)
        return lh_fail(err, LH_USAGE, "the question is not valid UTF-8");
    if (as_of)
        json_object_set_new(request, "as_of",
                            lh_int_parse(as_of, &version) ? json_integer(version) : json_string(as_of));
    LH_TRY(client_json(client, "POST", "/ai/nl2sql", request, &answer, err));
    const char *text = json_string_value(json_object_get(answer, "sql"));
    const char *words = json_string_value(json_object_get(answer, "explanation"));
    if (text)
        fprintf(stderr, "%s;\n\n", text);
    if (json_is_true(json_object_get(answer, "valid")) && text) {
        buf_append_str(sql, text);
        return LH_OK;
    }
    const json_t *problem = json_object_get(answer, "problem");
    const char *code = json_string_value(json_object_get(problem, "code"));
    const char *detail = json_string_value(json_object_get(problem, "detail"));
    lh_ignore(
        lh_fail(err, code ? lh_code_from_name(code) : LH_SQL, "%s", detail ? detail : "no statement was written"));
    return words && *words ? lh_err_hint(err, "the generator said: %.300s", words) : err->code;
}

static int run(struct cli *cli, const struct cli_args *args) {
    struct lh_err err = LH_ERR_INIT;
    struct sql_output output = {0};
    LH_AUTO(client) struct client *client = NULL;
    LH_AUTO(buf) struct buf sql = BUF_INIT;
    const char *question = cli_arg(args, "ask");
    bool interactive = !question && !cli_arg(args, "command") && args->positional_count == 0 && isatty(STDIN_FILENO);

    if (!!question + !!cli_arg(args, "command") + (args->positional_count > 0) > 1) {
        lh_fail(&err, LH_USAGE, "give one of -c SQL, --ask QUESTION and a file");
        return cli_usage_error(cli, &cli_sql, &err);
    }
    if (pick_output(cli, args, &output, &err) != LH_OK)
        return cli_usage_error(cli, &cli_sql, &err);
    if (!interactive && !question && read_statement(cli, args, &sql, &err) != LH_OK)
        return cli_fail(cli, &err);
    if (client_open(cli, args, &client, &err) != LH_OK)
        return cli_fail(cli, &err);
    if (question && write_statement(client, question, output.as_of, &sql, &err) != LH_OK)
        return cli_fail(cli, &err);
    if (interactive)
        return sql_shell(cli, client, &output);
    if (sql_run_script(cli, client, buf_cstr(&sql), &output, &err) != LH_OK)
        return cli_fail(cli, &err);
    return CLI_OK;
}

const struct cli_command cli_sql = {
    .name = "sql",
    .usage =
        "[-c SQL | --ask QUESTION | FILE | -] [--server URL | --data DIR] [--json | --ndjson | --csv | --parquet OUT]",
    .summary = "run SQL, or start an interactive shell",
    .help =
        "Runs SQL against the lake: from -c, from a file, from standard input, or line by line in a shell with history\n"
        "and completion.  Several statements are separated by semicolons.  Tables are drawn for people; the other\n"
        "formats are for programs and stream whatever the size.\n"
        "Past versions: --as-of for all of a statement, FROM t AT (VERSION => 42) for one table.  About the lake itself:\n"
        "system.datasets, files, columns, events, errors, jobs and queries.\n"
        "Searches are tables: FROM hybrid_search('resumes', 'night nurse', 20); chunks.resumes is what an index holds.\n"
        "--ask has the generator of [ai] write the statement; it can only read, and is shown before it runs.\n\n"
        "  lakehouse sql -c 'SELECT count(*) FROM candidates'\n"
        "  lakehouse sql --data ./lakehouse-data --csv -c 'FROM job_orders' > job_orders.csv\n"
        "  lakehouse sql                                   # the shell; .help tells its commands",
    .options = options,
    .max_positional = 1,
    .run = run,
};
