/* Which index a command means where none was named, and what a build left out. */
#ifndef LH_CLI_INDEX_CHOICE_H
#define LH_CLI_INDEX_CHOICE_H

#include "base/error.h"
#include "base/json.h"

struct buf;
struct cli_args;
struct client;

/* Sets "index" of `body`: --index, or the only index that there is; LH_USAGE where there are none or several. */
LH_CHECKED enum lh_code index_choose(const struct cli_args *args, struct client *client, json_t *body,
                                     struct lh_err *err);

/* "; 2 rows without an id and 1 row with an id that came before were left out", of a build's result; "" where none were. */
void index_append_left_out(const json_t *result, struct buf *out);

#endif
