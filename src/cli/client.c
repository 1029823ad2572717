#include "cli/client.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/config.h"
#include "catalog/catalog.h"
#include "cli/cli.h"
#include "cli/options.h"
#include "cli/service.h"
#include "lakehouse/lakehouse.h"
#include "net/http_client.h"
#include "os/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define DEFAULT_SERVER "http://127.0.0.1:3100"
#define MAX_ANSWER ((size_t)256 << 20)

struct client {
    struct cli *cli;
    struct http_client *http;
    char *base_url; /* without a trailing slash */
    char *place;
    char *api_key; /* NULL: none */

    /* A private server's. */
    struct lh_config *config;
    struct service *service;
};

const char *client_place(const struct client *c) {
    return c->place;
}

static struct client *client_new(struct cli *cli) {
    struct client *c = lh_calloc(1, sizeof *c);
    c->cli = cli;
    return c;
}

void client_close(struct client *c) {
    if (!c)
        return;
    http_client_free(c->http);
    service_stop(c->service);
    lh_config_free(c->config);
    lh_free(c->base_url);
    lh_free(c->place);
    lh_free(c->api_key);
    lh_free(c);
}

/* ---- opening ---- */

static enum lh_code open_server(struct cli *cli, const char *url, struct client **ret_client, struct lh_err *err) {
    if (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)
        return lh_fail(err, LH_USAGE, "\"%s\" is not the address of a server; one looks like %s", url, DEFAULT_SERVER);
    LH_AUTO(client) struct client *c = client_new(cli);
    size_t len = strlen(url);
    while (len > 0 && url[len - 1] == '/')
        len--;
    c->base_url = lh_strndup(url, len);
    c->place = lh_strdup(c->base_url);
    const char *key = cli_env(cli, "LAKEHOUSE_API_KEY");
    c->api_key = key ? lh_strdup(key) : NULL;
    LH_TRY(http_client_new(NULL, &c->http, err));
    const char *ca_file = cli_env(cli, "LAKEHOUSE_CA_FILE");
    if (ca_file)
        http_client_trust(c->http, ca_file);
    *ret_client = LH_STEAL(c);
    return LH_OK;
}

/* The folder opens and can be read all the same, so nothing else would tell. */
static void warn_of_damage(const struct lakehouse *lh) {
    struct lh_err damage = LH_ERR_INIT;
    if (catalog_damage(lh->catalog, &damage) == LH_OK)
        return;
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *s = catalog_snapshot(lh->catalog);
    fprintf(stderr, "warning: the catalog stopped at version %llu, later changes are not seen: %s\n",
            (unsigned long long)catalog_snapshot_version(s), damage.message);
}

enum lh_code client_open_folder(struct cli *cli, const struct cli_args *args, const char *dir, bool create,
                                struct client **ret_client, struct lh_err *err) {
    LH_AUTO(client) struct client *c = client_new(cli);
    LH_TRY(cli_load_config(cli, cli_arg(args, "config"), &c->config, err));
    c->base_url = lh_strdup("http://localhost");
    c->place = lh_strdup(dir);
    struct service_options options = {
        .config = c->config,
        .data_dir = dir,
        .command = "lakehouse (command line)",
        .must_exist = !create,
        .private_socket = true,
    };
    LH_TRY(service_start(cli, &options, &c->service, err));
    LH_TRY(http_client_new(service_socket_path(c->service), &c->http, err));
    warn_of_damage(service_lakehouse(c->service));
    *ret_client = LH_STEAL(c);
    return LH_OK;
}

enum lh_code client_open(struct cli *cli, const struct cli_args *args, struct client **ret_client, struct lh_err *err) {
    const char *server = cli_arg(args, "server"), *data = cli_arg(args, "data");
    if (server && data)
        return lh_fail(err, LH_USAGE, "give either --server or --data, not both");
    if (data)
        return client_open_folder(cli, args, data, false, ret_client, err);
    if (!server)
        server = cli_env(cli, "LAKEHOUSE_SERVER");
    return open_server(cli, server ? server : DEFAULT_SERVER, ret_client, err);
}

/* ---- requests ---- */

/* A problem answer as an error; anything else that is not a success is told by its status. */
static enum lh_code fail_answer(const struct client *c, int status, const struct buf *body, struct lh_err *err) {
    LH_AUTO(json) json_t *problem = NULL;
    struct lh_err ignored = LH_ERR_INIT;
    if (lh_json_parse(buf_cstr(body), body->len, NULL, &problem, &ignored) != LH_OK || !json_is_object(problem))
        return lh_fail(err, LH_UPSTREAM, "%s answered with HTTP status %d", c->place, status);
    const char *code = json_string_value(json_object_get(problem, "code"));
    const char *detail = json_string_value(json_object_get(problem, "detail"));
    const char *hint = json_string_value(json_object_get(problem, "hint"));
    lh_fail(err, code ? lh_code_from_name(code) : LH_UPSTREAM, "%s", detail ? detail : "the server gave no reason");
    if (hint)
        lh_err_hint(err, "%s", hint);
    if (err->code == LH_UNAUTHENTICATED && !c->api_key)
        lh_err_hint(err, "set LAKEHOUSE_API_KEY to a key of this server");
    err->position = (long)json_integer_value(json_object_get(problem, "position"));
    return err->code;
}

/* One exchange: the answer's body goes to `sink` when the status is a success, and is kept for the error otherwise. */
struct exchange {
    struct client *client;
    client_sink_fn *sink;
    client_source_fn *source;
    void *ctx;
    int status;
    struct buf collected; /* a problem, or the whole answer where there is no sink */
};

static bool exchange_head(void *self, int status, const struct http_header *headers, size_t header_count) {
    (void)headers;
    (void)header_count;
    ((struct exchange *)self)->status = status;
    return true;
}

static bool exchange_body(void *self, const void *data, size_t len) {
    struct exchange *x = self;
    if (x->sink && x->status < 300)
        return x->sink(x->ctx, data, len);
    if (x->collected.len + len > MAX_ANSWER)
        return false;
    buf_append(&x->collected, data, len);
    return true;
}

static ptrdiff_t exchange_read(void *self, void *data, size_t room) {
    struct exchange *x = self;
    return x->source(x->ctx, data, room);
}

static enum lh_code send(struct exchange *x, struct http_request *request, const char *path, const char *media_type,
                         const char *accept, struct lh_err *err) {
    struct client *c = x->client;
    struct http_header headers[3];
    LH_AUTO(http_response) struct http_response response = HTTP_RESPONSE_INIT;
    LH_AUTO(mem) char *url = lh_asprintf("%s%s", c->base_url, path);
    request->url = url;
    request->headers = headers;
    headers[request->header_count++] = (struct http_header){"Accept", accept};
    if (media_type)
        headers[request->header_count++] = (struct http_header){"Content-Type", media_type};
    if (c->api_key)
        headers[request->header_count++] = (struct http_header){"X-API-Key", c->api_key};
    request->on_head = exchange_head;
    request->on_body = exchange_body;
    request->self = x;
    request->stall_timeout_ms = 3600 * 1000; /* the server ends what takes too long, and says why */
    enum lh_code code = http_client_send(c->http, request, &response, err);
    if (code == LH_UPSTREAM && x->status == 0 && strstr(err->message, "certificate"))
        lh_err_hint(err, "LAKEHOUSE_CA_FILE can name a PEM file with the certificates to trust");
    else if (code == LH_UPSTREAM && x->status == 0)
        lh_err_hint(
            err, "is a server running there?  Start one with 'lakehouse serve', or work on a folder with --data DIR");
    if (x->status >= 400)
        return fail_answer(c, x->status, &x->collected, err);
    return code;
}

static enum lh_code parse_answer(const struct exchange *x, json_t **ret_answer, struct lh_err *err) {
    json_t *answer = NULL;
    struct lh_json_limits limits = {.max_bytes = MAX_ANSWER};
    if (x->collected.len > 0)
        LH_TRY(lh_json_parse(buf_cstr(&x->collected), x->collected.len, &limits, &answer, err));
    if (ret_answer)
        *ret_answer = answer;
    else
        json_decref(answer);
    return LH_OK;
}

enum lh_code client_json(struct client *c, const char *method, const char *path, const json_t *body,
                         json_t **ret_answer, struct lh_err *err) {
    struct exchange x = {.client = c};
    LH_AUTO(buf) struct buf text = BUF_INIT;
    if (body)
        lh_json_write(body, LH_JSON_COMPACT, &text);
    struct http_request request = {.method = method, .body = buf_cstr(&text), .body_len = text.len};
    enum lh_code code = send(&x, &request, path, body ? "application/json" : NULL, "application/json", err);
    if (code == LH_OK)
        code = parse_answer(&x, ret_answer, err);
    buf_release(&x.collected);
    return code;
}

enum lh_code client_stream(struct client *c, const char *path, const json_t *body, const char *accept,
                           client_sink_fn *sink, void *ctx, struct lh_err *err) {
    struct exchange x = {.client = c, .sink = sink, .ctx = ctx};
    LH_AUTO(buf) struct buf text = BUF_INIT;
    lh_json_write(body, LH_JSON_COMPACT, &text);
    struct http_request request = {.method = "POST", .body = buf_cstr(&text), .body_len = text.len};
    enum lh_code code = send(&x, &request, path, "application/json", accept, err);
    buf_release(&x.collected);
    return code;
}

enum lh_code client_upload(struct client *c, const char *path, const char *media_type, client_source_fn *source,
                           void *ctx, int64_t length, json_t **ret_answer, struct lh_err *err) {
    struct exchange x = {.client = c, .source = source, .ctx = ctx};
    struct http_request request = {.method = "POST", .read_body = exchange_read, .read_body_len = length};
    enum lh_code code = send(&x, &request, path, media_type, "application/json", err);
    if (code == LH_OK)
        code = parse_answer(&x, ret_answer, err);
    buf_release(&x.collected);
    return code;
}

void client_append_escaped(struct buf *out, const char *text) {
    static const char unreserved[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    for (; *text; text++) {
        if (strchr(unreserved, *text))
            buf_append_char(out, *text);
        else
            buf_printf(out, "%%%02X", (unsigned char)*text);
    }
}
