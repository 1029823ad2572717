/* lakehouse demo: the staffing example through the ordinary ingest path. */
#include "base/buf.h"
#include "base/quantity.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/index_choice.h"
#include "cli/progress.h"
#include "demo/demo.h"
#include "os/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_AT_ONCE 256

static const struct cli_option options[] = {
    {"data", 'd', "DIR", "the data folder (default: $LAKEHOUSE_DATA or ./lakehouse-data)", false},
    {"config", 0, "FILE", "configuration (default: ./lakehouse.toml)", false},
    {"scale", 0, "F", "multiply the row counts (default: 1, which is 2,469,278 rows)", false},
    {"seed", 0, "N", "another seed, other data (default: 42)", false},
    {"no-index", 0, NULL, "do not make the index \"resumes\"", false},
    {"json", 0, NULL, "one JSON report a table, and one of the index", false},
    {NULL, 0, NULL, NULL, false},
};

struct table_stream {
    const struct demo *demo;
    enum demo_table table;
    uint64_t next, rows;
    struct buf text; /* made and not yet sent */
    struct progress progress;
    uint64_t sent;
};

static ptrdiff_t read_table(void *ctx, void *data, size_t room) {
    struct table_stream *t = ctx;
    while (t->text.len < room && t->next < t->rows) {
        uint64_t count = t->rows - t->next < ROWS_AT_ONCE ? t->rows - t->next : ROWS_AT_ONCE;
        demo_append_rows(t->demo, t->table, t->next, count, &t->text);
        t->next += count;
    }
    size_t len = t->text.len < room ? t->text.len : room;
    if (len > 0)
        memcpy(data, t->text.data, len);
    buf_consume(&t->text, len);
    t->sent += len;
    progress_bytes(&t->progress, t->sent, 0);
    return (ptrdiff_t)len;
}

/* What people should know about the table goes into the catalog, as any owner would write it. */
static enum lh_code describe(struct client *client, const struct demo_table_info *info, struct lh_err *err) {
    LH_AUTO(buf) struct buf path = BUF_INIT;
    LH_AUTO(json) json_t *body =
        json_pack("{s:s, s:s, s:s, s:[s], s:[s]}", "description", info->description, "owner", "Staffing demo",
                  "sensitivity", info->sensitivity, "tags", "demo", "primary_key", info->primary_key);
    json_t *columns = json_object();
    for (const struct demo_column_note *n = info->notes; n->column; n++)
        json_object_set_new(columns, n->column, json_pack("{s:s}", "description", n->note));
    json_object_set_new(body, "columns", columns);
    buf_printf(&path, "/catalog/datasets/by-name/%s/metadata", info->name);
    return client_json(client, "PATCH", buf_cstr(&path), body, NULL, err);
}

static enum lh_code make_table(struct cli *cli, struct client *client, const struct demo *demo, enum demo_table table,
                               struct lh_err *err) {
    const struct demo_table_info *info = demo_table_info(table);
    LH_AUTO(buf) struct buf path = BUF_INIT, line = BUF_INIT;
    LH_AUTO(json) json_t *report = NULL;
    struct table_stream stream = {.demo = demo, .table = table, .rows = demo_row_count(demo, table)};
    int64_t started = os_monotonic_ns(cli->os);
    progress_start(&stream.progress, cli, info->name);
    demo_append_header(demo, table, &stream.text);
    buf_printf(&path, "/ingest/file?source_system=demo&mode=replace&format=csv&name=%s&file_name=%s.csv", info->name,
               info->name);
    enum lh_code code = client_upload(client, buf_cstr(&path), "text/csv", read_table, &stream, -1, &report, err);
    progress_end(&stream.progress);
    buf_release(&stream.text);
    if (code != LH_OK)
        return lh_err_context(err, "making %s", info->name);
    LH_TRY(describe(client, info, err));
    if (cli->json) {
        lh_json_write(report, LH_JSON_COMPACT, &line);
        printf("%s\n", buf_cstr(&line));
        return LH_OK;
    }
    lh_count_format((uint64_t)json_integer_value(json_object_get(report, "row_count")), &line);
    printf("  %-11s %10s rows  %5.1f s\n", info->name, buf_cstr(&line),
           (double)(os_monotonic_ns(cli->os) - started) / 1e9);
    fflush(stdout);
    return LH_OK;
}

/* The resumes, searchable by words and by meaning. */
static enum lh_code make_index(struct cli *cli, struct client *client, struct lh_err *err) {
    LH_AUTO(json) json_t *request = json_pack("{s:s, s:s, s:s}", "index_name", "resumes", "id_column", "candidate_id",
                                              "text_column", "resume_text");
    LH_AUTO(json) json_t *answer = NULL;
    LH_AUTO(buf) struct buf line = BUF_INIT;
    struct progress progress;
    int64_t started = os_monotonic_ns(cli->os);
    LH_TRY(client_json(client, "POST", "/vectors/refresh/candidates", request, &answer, err));
    const json_t *job = json_array_get(json_object_get(answer, "jobs"), 0);
    buf_printf(&line, "/vectors/jobs/%s", json_string_value(json_object_get(job, "job_id")));
    progress_start(&progress, cli, "resumes");
    for (;;) {
        LH_AUTO(json) json_t *now = NULL;
        enum lh_code code = client_json(client, "GET", buf_cstr(&line), NULL, &now, err);
        const char *state = json_string_value(json_object_get(now, "state"));
        const json_t *result = json_object_get(now, "result");
        if (code == LH_OK && (strcmp(state, "failed") == 0 || strcmp(state, "cancelled") == 0))
            code = lh_fail(err, LH_DATA, "the index \"resumes\" was not built: %s",
                           json_string_value(json_object_get(json_object_get(now, "error"), "message")));
        if (code != LH_OK || strcmp(state, "done") == 0) {
            progress_end(&progress);
            LH_TRY(code);
            buf_reset(&line);
            lh_count_format((uint64_t)json_integer_value(json_object_get(result, "chunks_embedded")), &line);
            if (cli->json) {
                buf_reset(&line);
                lh_json_write(now, LH_JSON_COMPACT, &line);
                printf("%s\n", buf_cstr(&line));
            } else {
                LH_AUTO(buf) struct buf left_out = BUF_INIT;
                index_append_left_out(result, &left_out);
                printf("  %-11s %10s chunks embedded  %5.1f s%s\n", "resumes", buf_cstr(&line),
                       (double)(os_monotonic_ns(cli->os) - started) / 1e9, buf_cstr(&left_out));
            }
            return LH_OK;
        }
        os_sleep_ms(cli->os, 50);
    }
}

static enum lh_code parse_scale(const struct cli_args *args, double *ret_scale, struct lh_err *err) {
    const char *text = cli_arg(args, "scale");
    char *end = NULL;
    *ret_scale = 1;
    if (!text)
        return LH_OK;
    *ret_scale = strtod(text, &end);
    if (end == text || *end != '\0' || !(*ret_scale > 0 && *ret_scale <= 1000))
        return lh_fail(err, LH_USAGE, "--scale is \"%s\"; it must be a number above 0 and at most 1000", text);
    return LH_OK;
}

static int run(struct cli *cli, const struct cli_args *args) {
    struct lh_err err = LH_ERR_INIT;
    double scale = 1;
    uint64_t seed = 42;
    if (parse_scale(args, &scale, &err) != LH_OK || cli_arg_uint(args, "seed", 0, UINT64_MAX, 42, &seed, &err) != LH_OK)
        return cli_usage_error(cli, &cli_demo, &err);

    LH_AUTO(client) struct client *client = NULL;
    const char *dir = cli_data_dir(cli, args);
    if (client_open_folder(cli, args, dir, true, &client, &err) != LH_OK)
        return cli_fail(cli, &err);
    if (!cli->json)
        printf("making the staffing demo in %s\n", dir);
    fflush(stdout);
    struct demo *demo = demo_new(seed, scale);
    enum lh_code code = LH_OK;
    for (int t = 0; code == LH_OK && t < DEMO_TABLE_COUNT; t++)
        code = make_table(cli, client, demo, (enum demo_table)t, &err);
    demo_free(demo);
    if (code == LH_OK && !cli_flag(args, "no-index"))
        code = make_index(cli, client, &err);
    if (code != LH_OK)
        return cli_fail(cli, &err);
    return CLI_OK;
}

const struct cli_command cli_demo = {
    .name = "demo",
    .usage = "[--data DIR] [--scale F] [--seed N]",
    .summary = "make the staffing demo: 7 tables, 2,469,278 rows, 100,000 resumes",
    .help =
        "Makes the lake of an invented staffing company: candidates with resumes, clients, job orders, placements,\n"
        "timesheets, calls and e-mails.  The same seed gives the same bytes.  All people and numbers are invented.\n"
        "Run again, it replaces its seven tables and refreshes the index \"resumes\", and touches nothing else.",
    .options = options,
    .run = run,
};
