#include "cli/index_choice.h"

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
