/* lakehouse history: what changed in an entity, when, by whom. */
#include "base/buf.h"
#include "cli/answer.h"
#include "cli/cli.h"
#include "cli/client.h"

#include <stdio.h>
#include <string.h>

static const struct cli_option options[] = {
    CLIENT_OPTIONS,
    {"as-of", 0, "TIME", "only what had happened by then (RFC 3339, or a date), and what the entity looked like",
     false},
    {"limit", 'n', "N", "the newest N events (default: 100)", false},
    {"json", 0, NULL, "the events and the entity as JSON", false},
    {NULL, 0, NULL, NULL, false},
};

/* Values are shown short: the whole ones are in --json. */
static void append_value(struct buf *out, const json_t *value) {
    enum { SHOWN = 100 };
    LH_AUTO(buf) struct buf text = BUF_INIT;
    lh_json_write(value, LH_JSON_COMPACT, &text);
    size_t len = text.len;
    if (len > SHOWN)
        for (len = SHOWN; len > 0 && ((unsigned char)text.data[len] & 0xc0) == 0x80;)
            len--;
    buf_append(out, buf_cstr(&text), len);
    if (len < text.len)
        buf_append_str(out, "...");
}

static void print_event(const json_t *event) {
    const json_t *before = json_object_get(event, "old_value"), *after = json_object_get(event, "new_value");
    LH_AUTO(buf) struct buf line = BUF_INIT;
    buf_printf(&line, "%s  %-10s", answer_text(event, "ts"), answer_text(event, "action"));
    buf_printf(&line, "  %-12s", answer_text(event, "actor"));
    if (answer_text(event, "field")[0])
        buf_printf(&line, "  %s:", answer_text(event, "field"));
    buf_append_str(&line, "  ");
    if (!json_is_null(before)) {
        append_value(&line, before);
        buf_append_str(&line, " -> ");
    }
    append_value(&line, after);
    printf("%s\n", buf_cstr(&line));
}

static void print_history(const json_t *answer, bool with_state) {
    size_t i;
    json_t *event;
    json_array_foreach(json_object_get(answer, "items"), i, event) print_event(event);
    if (json_is_true(json_object_get(answer, "truncated")))
        fprintf(stderr, "There are older events; --limit shows more.\n");
    if (json_array_size(json_object_get(answer, "entity_types")) > 1)
        fprintf(stderr,
                "Several entities have this id; of a row name the dataset too: lakehouse history DATASET KEY\n");
    if (!with_state)
        return;
    LH_AUTO(buf) struct buf text = BUF_INIT;
    lh_json_write(json_object_get(answer, "state"), LH_JSON_PRETTY, &text);
    printf("\n%s\n", buf_cstr(&text));
}

static enum lh_code show(struct cli *cli, const struct cli_args *args, struct lh_err *err) {
    LH_AUTO(client) struct client *client = NULL;
    LH_AUTO(json) json_t *answer = NULL;
    LH_AUTO(buf) struct buf path = BUF_INIT;
    const char *limit = cli_arg(args, "limit"), *as_of = cli_arg(args, "as-of");
    bool row = args->positional_count > 1;
    const char *entity = args->positional[row ? 1 : 0];
    buf_append_str(&path, "/journal/history/");
    client_append_escaped(&path, entity);
    buf_append_str(&path, "?limit=");
    client_append_escaped(&path, limit ? limit : "100");
    if (as_of) {
        buf_append_str(&path, "&as_of=");
        client_append_escaped(&path, as_of);
    }
    if (row) {
        buf_append_str(&path, "&dataset=");
        client_append_escaped(&path, args->positional[0]);
    }
    LH_TRY(client_open(cli, args, &client, err));
    LH_TRY(client_json(client, "GET", buf_cstr(&path), NULL, &answer, err));
    if (cli->json) {
        LH_AUTO(buf) struct buf text = BUF_INIT;
        lh_json_write(answer, LH_JSON_COMPACT, &text);
        printf("%s\n", buf_cstr(&text));
    } else if (json_array_size(json_object_get(answer, "items")) == 0 &&
               !json_is_object(json_object_get(answer, "state"))) {
        return lh_fail(err, LH_NOT_FOUND, "the journal has no events of \"%s\"%s", entity,
                       as_of ? " by that time" : "");
    } else {
        print_history(answer, as_of != NULL || row);
    }
    return LH_OK;
}

static int run(struct cli *cli, const struct cli_args *args) {
    struct lh_err err = LH_ERR_INIT;
    return show(cli, args, &err) == LH_OK ? CLI_OK : cli_fail(cli, &err);
}

const struct cli_command cli_history = {
    .name = "history",
    .usage = "ENTITY | DATASET KEY [--as-of TIME] [--limit N] [--json] [--server URL | --data DIR]",
    .summary = "what changed in a dataset, a row of it or another entity, when, by whom",
    .help =
        "Lists the events of an entity, oldest first: a dataset by its name, a key by its id, a bucket by its name, or what\n"
        "clients have written to the journal.  With --as-of also what it looked like at that moment:\n\n"
        "  lakehouse history candidates --as-of 2026-11-20\n\n"
        "With a key as well, those of a row of the dataset, and the row as it is (or was).  A key of several columns is a JSON\n"
        "array of their texts:\n\n"
        "  lakehouse history candidates C-000017\n"
        "  lakehouse history timesheets '[\"C-000017\",\"2026-11-20\"]'",
    .options = options,
    .min_positional = 1,
    .max_positional = 2,
    .run = run,
};
