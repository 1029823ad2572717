/* The lakehouse that a command works on, reached through its HTTP interface.
 *
 * With --server URL (or neither option: $LAKEHOUSE_SERVER, else http://127.0.0.1:3100) that is a running server.  With
 * --data DIR it is a private one: this process opens the folder and serves it on a Unix socket that only this user can
 * reach, so that every command has one way to do its work and the embedded mode can do all that a server can
 * (docs/adr/0006-embedded-is-a-private-server.md).
 * One thread's at a time. */
#ifndef LH_CLI_CLIENT_H
#define LH_CLI_CLIENT_H

#include "base/error.h"
#include "base/json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cli;
struct cli_args;
struct client;

/* The options that name the lakehouse; put into a command's table. */
#define CLIENT_OPTIONS                                                                                       \
    {"server", 's', "URL", "a running server (default: $LAKEHOUSE_SERVER or http://127.0.0.1:3100)", false}, \
        {"data", 'd', "DIR", "work on a data folder without a server", false}, {                             \
        "config", 0, "FILE", "configuration for --data (default: ./lakehouse.toml)", false                   \
    }

/* LH_USAGE where both were given; LH_UNAVAILABLE where no server answers, with what to do; LH_LOCKED where a server has the
 * folder open.  The API key comes from $LAKEHOUSE_API_KEY, the certificates to trust from the PEM file
 * $LAKEHOUSE_CA_FILE where that is set. */
LH_CHECKED enum lh_code client_open(struct cli *cli, const struct cli_args *args, struct client **ret_client,
                                    struct lh_err *err);
/* As client_open with --data `dir`, whatever the options say; `create` makes the folder. */
LH_CHECKED enum lh_code client_open_folder(struct cli *cli, const struct cli_args *args, const char *dir, bool create,
                                           struct client **ret_client, struct lh_err *err);
void client_close(struct client *c); /* NULL is fine */

/* A JSON request and its JSON answer (NULL where the answer has no body).  A problem answer becomes `err`: its code, detail, hint
 * and position. */
LH_CHECKED enum lh_code client_json(struct client *c, const char *method, const char *path, const json_t *body,
                                    json_t **ret_answer, struct lh_err *err);

/* Takes bytes of an answer; false stops the transfer. */
typedef bool client_sink_fn(void *ctx, const void *data, size_t len);
/* Gives bytes of a request: how many, 0 at the end, negative to stop. */
typedef ptrdiff_t client_source_fn(void *ctx, void *data, size_t room);

/* POST a JSON body and stream the answer, asked for as `accept`, into `sink`.  Nothing of a problem answer reaches the sink. */
LH_CHECKED enum lh_code client_stream(struct client *c, const char *path, const json_t *body, const char *accept,
                                      client_sink_fn *sink, void *ctx, struct lh_err *err);
/* POST bytes from `source` (`length` -1: not known) and take the JSON answer. */
LH_CHECKED enum lh_code client_upload(struct client *c, const char *path, const char *media_type,
                                      client_source_fn *source, void *ctx, int64_t length, json_t **ret_answer,
                                      struct lh_err *err);

/* Percent-encode one path segment or query value into `out`. */
struct buf;
void client_append_escaped(struct buf *out, const char *text);

const char *client_place(const struct client *c); /* "http://127.0.0.1:3100", or the folder; for messages */

static inline void client_auto_release(struct client **c) {
    client_close(*c);
}

#endif
