#include "cli/index_choice.h"

#include "base/buf.h"
#include "cli/client.h"
#include "cli/options.h"

enum lh_code index_choose(const struct cli_args *args, struct client *client, json_t *body, struct lh_err *err) {
    LH_AUTO(json) json_t *answer = NULL;
    if (cli_arg(args, "index")) {
        json_object_set_new(body, "index", json_string(cli_arg(args, "index")));
        return LH_OK;
    }
    LH_TRY(client_json(client, "GET", "/vectors/indexes", NULL, &answer, err));
    json_t *items = json_object_get(answer, "items");
    if (json_array_size(items) == 1) {
        json_object_set(body, "index", json_object_get(json_array_get(items, 0), "name"));
        return LH_OK;
    }
    lh_ignore(lh_fail(err, LH_USAGE, "there are %zu indexes", json_array_size(items)));
    return json_array_size(items) ? lh_err_hint(err, "say --index NAME; 'lakehouse index list' shows them")
                                  : lh_err_hint(err, "'lakehouse index create DATASET --text COLUMN' makes one");
}

static void append_rows(struct buf *out, const char *before, json_int_t count, const char *which) {
    buf_printf(out, "%s%lld %s %s", before, (long long)count, count == 1 ? "row" : "rows", which);
}

void index_append_left_out(const json_t *result, struct buf *out) {
    json_int_t nameless = json_integer_value(json_object_get(result, "null_ids"));
    json_int_t again = json_integer_value(json_object_get(result, "duplicate_ids"));
    if (nameless)
        append_rows(out, "; ", nameless, "without an id");
    if (again)
        append_rows(out, nameless ? " and " : "; ", again, "with an id that came before");
    if (nameless || again)
        buf_append_str(out, nameless + again == 1 ? " was left out" : " were left out");
}
