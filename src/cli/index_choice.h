/* Which index a command means where none was named. */
#ifndef LH_CLI_INDEX_CHOICE_H
#define LH_CLI_INDEX_CHOICE_H

#include "base/error.h"
#include "base/json.h"

struct cli_args;
struct client;

/* Sets "index" of `body`: --index, or the only index that there is; LH_USAGE where there are none or several. */
LH_CHECKED enum lh_code index_choose(const struct cli_args *args, struct client *client, json_t *body,
                                     struct lh_err *err);

#endif
