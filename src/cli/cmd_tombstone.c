/* lakehouse tombstone: rows away by their keys, back, and which are away. */
#include "base/buf.h"
#include "cli/answer.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "lake/row_keys.h"

#include <stdio.h>
#include <string.h>

static const struct cli_option options[] = {
    CLIENT_OPTIONS,
    {"reason", 'r', "TEXT", "why; kept with the tombstone and told by the journal", false},
    {"erase", 0, NULL, "the journal forgets the rows' names and values too", false},
    {"undo", 'u', NULL, "bring the rows back, as long as no compaction has removed them", false},
    {"json", 0, NULL, "the answer as JSON", false},
    {NULL, 0, NULL, NULL, false},
};

static void append_route(struct buf *path, const char *dataset, const char *verb) {
    buf_append_str(path, "/catalog/datasets/");
    client_append_escaped(path, dataset);
    buf_printf(path, "/%s", verb);
}

/* ---- which ---- */

static void append_cell(struct buf *line, const json_t *value) {
    if (json_is_string(value))
        buf_append_str(line, json_string_value(value));
    else
        lh_json_write(value, LH_JSON_COMPACT, line);
}

static void print_tombstone(const json_t *tombstone) {
    LH_AUTO(buf) struct buf line = BUF_INIT;
    append_cell(&line, json_object_get(tombstone, "at"));
    buf_append_str(&line, "  ");
    append_cell(&line, json_object_get(tombstone, "actor"));
    buf_append_str(&line, "  ");
    append_cell(&line, json_object_get(tombstone, "key"));
    if (json_is_string(json_object_get(tombstone, "reason"))) {
        buf_append_str(&line, "  ");
        append_cell(&line, json_object_get(tombstone, "reason"));
    }
    printf("%s\n", buf_cstr(&line));
}

static enum lh_code list(struct cli *cli, const struct cli_args *args, struct client *client, struct lh_err *err) {
    LH_AUTO(json) json_t *all = json_array();
    LH_AUTO(buf) struct buf token = BUF_INIT;
    size_t i;
    json_t *item;
    do {
        LH_AUTO(json) json_t *answer = NULL;
        LH_AUTO(buf) struct buf path = BUF_INIT;
        append_route(&path, args->positional[0], "tombstones?limit=1000");
        if (token.len > 0) {
            buf_append_str(&path, "&page_token=");
            client_append_escaped(&path, buf_cstr(&token));
        }
        LH_TRY(client_json(client, "GET", buf_cstr(&path), NULL, &answer, err));
        const char *next = json_string_value(json_object_get(answer, "next_page_token"));
        buf_reset(&token);
        buf_append_str(&token, next ? next : "");
        json_array_foreach(json_object_get(answer, "items"), i, item) {
            if (cli->json)
                json_array_append(all, item);
            else
                print_tombstone(item);
        }
    } while (token.len > 0);
    if (cli->json)
        answer_print(all);
    return LH_OK;
}

/* ---- away, and back ---- */

static enum lh_code change(struct cli *cli, const struct cli_args *args, struct client *client, int *ret_exit,
                           struct lh_err *err) {
    bool undo = cli_flag(args, "undo");
    LH_AUTO(json) json_t *body = json_object(), *answer = NULL;
    LH_AUTO(buf) struct buf path = BUF_INIT;
    json_t *keys = json_array(), *missing;
    json_object_set_new(body, "row_keys", keys);
    for (size_t i = 1; i < args->positional_count; i++)
        json_array_append_new(keys, row_key_of_text(args->positional[i]));
    if (cli_arg(args, "reason"))
        json_object_set_new(body, "reason", json_string(cli_arg(args, "reason")));
    if (cli_flag(args, "erase"))
        json_object_set_new(body, "erase", json_true());
    append_route(&path, args->positional[0], undo ? "untombstone" : "tombstone");
    LH_TRY(client_json(client, "POST", buf_cstr(&path), body, &answer, err));
    missing = json_object_get(answer, "missing");
    *ret_exit = json_array_size(missing) > 0 ? CLI_PARTLY : CLI_OK;
    if (cli->json) {
        answer_print(answer);
        return LH_OK;
    }
    printf("%lld rows %s\n",
           (long long)json_integer_value(json_object_get(answer, undo ? "untombstoned" : "tombstoned")),
           undo ? "are back" : "are gone");
    for (size_t i = 0; i < json_array_size(missing); i++) {
        LH_AUTO(buf) struct buf key = BUF_INIT;
        append_cell(&key, json_array_get(missing, i));
        fprintf(stderr, "%s: %s\n", buf_cstr(&key), undo ? "has no tombstone" : "no such row");
    }
    return LH_OK;
}

static int run(struct cli *cli, const struct cli_args *args) {
    struct lh_err err = LH_ERR_INIT;
    LH_AUTO(client) struct client *client = NULL;
    int exit_code = CLI_OK;
    bool keys = args->positional_count > 1;
    if (!keys && (cli_flag(args, "undo") || cli_flag(args, "erase") || cli_arg(args, "reason"))) {
        lh_fail(&err, LH_USAGE, "--undo, --erase and --reason need the keys of rows");
        return cli_usage_error(cli, &cli_tombstone, &err);
    }
    if (cli_flag(args, "undo") && (cli_arg(args, "reason") || cli_flag(args, "erase"))) {
        lh_fail(&err, LH_USAGE, "--undo takes neither --reason nor --erase");
        return cli_usage_error(cli, &cli_tombstone, &err);
    }
    enum lh_code code = client_open(cli, args, &client, &err);
    if (code == LH_OK)
        code = keys ? change(cli, args, client, &exit_code, &err) : list(cli, args, client, &err);
    return code == LH_OK ? exit_code : cli_fail(cli, &err);
}

const struct cli_command cli_tombstone = {
    .name = "tombstone",
    .usage =
        "DATASET KEY... [--reason TEXT] [--erase] [--json] [--server URL | --data DIR]\nDATASET KEY... --undo [--json]\n"
        "DATASET [--json]",
    .summary = "take rows away by their keys, bring them back, list those that are away",
    .help =
        "The dataset needs a primary key.  A key of several columns is a JSON array in the key's order, or an object:\n\n"
        "  lakehouse tombstone candidates C-000017 C-000018 --reason 'asked to be forgotten'\n"
        "  lakehouse tombstone timesheets '[\"C-000017\", \"2026-11-20\"]'\n"
        "  lakehouse tombstone candidates C-000018 --undo\n"
        "  lakehouse tombstone candidates\n\n"
        "Rows are gone from every answer at once; their bytes go with compaction and vacuum.  With --erase the journal forgets\n"
        "them as well: its events keep their time and actor, not the key and the values.  `lakehouse check --erased` proves it.\n"
        "  Exit codes: 0 done, 3 some keys name no row, 1 failed.",
    .options = options,
    .min_positional = 1,
    .max_positional = 10001,
    .run = run,
};
