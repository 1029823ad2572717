#include "gateway/exchange.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/metrics.h"
#include "gateway/listen.h"
#include "gateway/pool.h"
#include "os/clock.h"
#include "os/file.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define TLS_FILE_MAX (1024u * 1024)
#define QUERY_THREADS_MAX 256u /* what may wait beyond them does so without a thread */

void gateway_options_init(struct gateway_options *o) {
    memset(o, 0, sizeof *o);
    o->host = "127.0.0.1";
    o->port = 3100;
    o->io_threads = 2;
    o->handler_threads = 16;
    o->queue_length = 128;
    o->max_queries = 66;
    o->max_connections = 1024;
    o->max_connections_per_ip = 256;
    o->max_header_bytes = 32u * 1024;
    o->max_json_bytes = 16u * 1024 * 1024;
    o->max_upload_bytes = (uint64_t)5 << 40;
    o->head_timeout_ms = 5000;
    o->idle_timeout_ms = 60000;
    o->body_grace_ms = 10000;
    o->body_min_rate = 1000;
    o->write_stall_ms = 30000;
    o->answer_grace_ms = 10000;
    o->answer_min_rate = 16000;
    o->request_timeout_ms = 600000;
    o->drain_ms = 10000;
}

const char *gateway_url(const struct gateway *g) {
    return g->url;
}

bool gateway_auth_required(const struct gateway *g) {
    return g->auth_required;
}

void gateway_write_route_metrics(const struct gateway *g, struct buf *out) {
    buf_append_str(out,
                   "# HELP lakehouse_http_route_requests_total HTTP requests answered, by route and class of status\n"
                   "# TYPE lakehouse_http_route_requests_total counter\n");
    for (size_t i = 0; i < g->options.route_count; i++)
        for (unsigned class = 0; class < GATEWAY_STATUS_CLASSES; class ++) {
            uint64_t count = g->route_counts[i][class];
            if (count > 0)
                buf_printf(out,
                           "lakehouse_http_route_requests_total{method=\"%s\",route=\"%s\",status=\"%uxx\"} %llu\n",
                           http_method_name(g->options.routes[i].method), g->options.routes[i].path, class + 1,
                           (unsigned long long)count);
        }
}

/* ---- libmicrohttpd's callbacks that belong to no exchange ---- */

/* The target as it came, before the library looks at it.  Kept with the connection: a head that turns out malformed never
 * becomes a request. */
static void *on_target(void *gateway, const char *target, struct MHD_Connection *mhd) {
    (void)gateway;
    struct connection *c = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
    size_t len = strlen(target);
    if (len + 1 > c->target_cap) {
        c->target_cap = len + 1 < 256 ? 256 : len + 1;
        c->target = lh_realloc(c->target, c->target_cap);
    }
    memcpy(c->target, target, len + 1);
    c->target_len = len;
    return NULL;
}

static size_t keep_escapes(void *gateway, struct MHD_Connection *mhd, char *text) {
    (void)gateway;
    (void)mhd;
    return strlen(text);
}

static void connection_opened(struct gateway *g, struct MHD_Connection *mhd, void **context) {
    struct connection *c = lh_calloc(1, sizeof *c);
    c->fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    const struct sockaddr *peer = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr;
    if (peer->sa_family == AF_UNIX)
        snprintf(c->peer_text, sizeof c->peer_text, "local");
    else if (peer->sa_family == AF_INET6)
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr, c->peer_text,
                  sizeof c->peer_text);
    else
        inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)peer)->sin_addr, c->peer_text,
                  sizeof c->peer_text);
    *context = c;
    watch_connection(g->watch, c);
    lh_metric_change(g->options.metrics, LH_METRIC_http_connections, 0, 1);
}

static void on_connection(void *gateway, struct MHD_Connection *mhd, void **context,
                          enum MHD_ConnectionNotificationCode code) {
    struct gateway *g = gateway;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        connection_opened(g, mhd, context);
        return;
    }
    struct connection *c = *context;
    watch_disconnect(g->watch, c);
    lh_free(c->target);
    lh_free(c);
    *context = NULL;
    lh_metric_change(g->options.metrics, LH_METRIC_http_connections, 0, -1);
}

static void on_library_message(void *gateway, const char *fmt, va_list args) LH_PRINTF(2, 0);
static void on_library_message(void *gateway, const char *fmt, va_list args) {
    struct gateway *g = gateway;
    if (!lh_log_enabled(g->options.log, LH_LOG_DEBUG))
        return;
    LH_AUTO(buf) struct buf text = BUF_INIT;
    buf_vprintf(&text, fmt, args);
    while (text.len > 0 && text.data[text.len - 1] == '\n')
        buf_truncate(&text, text.len - 1);
    lh_log_event(g->options.log, LH_LOG_DEBUG, "http library", LOG_STR("message", buf_cstr(&text)));
}

/* ---- start ---- */

static enum lh_code read_tls_file(struct gateway *g, const char *path, bool secret, char **ret_text,
                                  struct lh_err *err) {
    struct stat st;
    if (secret && stat(path, &st) == 0 && (st.st_mode & 077) != 0) {
        lh_fail(err, LH_USAGE, "the TLS key %s may be read by others (mode %03o)", path, (unsigned)st.st_mode & 0777u);
        return lh_err_hint(err, "chmod 600 %s", path);
    }
    LH_AUTO(buf) struct buf text = BUF_INIT;
    LH_TRY(os_read_file(g->options.os, AT_FDCWD, path, TLS_FILE_MAX, &text, err));
    *ret_text = buf_detach(&text);
    return LH_OK;
}

static enum lh_code load_tls(struct gateway *g, struct lh_err *err) {
    const struct gateway_options *o = &g->options;
    bool cert = o->tls_cert && o->tls_cert[0], key = o->tls_key && o->tls_key[0];
    if (cert != key)
        return lh_fail(err, LH_USAGE, "server.tls_cert and server.tls_key must be set together");
    if (!cert)
        return LH_OK;
    if (MHD_is_feature_supported(MHD_FEATURE_TLS) != MHD_YES)
        return lh_fail(err, LH_USAGE, "this build of libmicrohttpd has no TLS");
    LH_TRY(read_tls_file(g, o->tls_cert, false, &g->tls_cert, err));
    return read_tls_file(g, o->tls_key, true, &g->tls_key, err);
}

static enum lh_code decide_auth(struct gateway *g, const struct listener *l, struct lh_err *err) {
    const struct gateway_options *o = &g->options;
    g->loopback = l->loopback;
    g->auth_required =
        o->auth == GATEWAY_AUTH_REQUIRED || (o->auth == GATEWAY_AUTH_AUTO && !l->loopback && !o->insecure);
    if (l->loopback || o->insecure)
        return LH_OK;
    if (!g->auth_required) {
        lh_fail(err, LH_USAGE, "%s is reachable from outside, and authentication is off", l->host);
        return lh_err_hint(err, "listen on 127.0.0.1, set auth.enabled to auto or on, or pass --insecure to mean it");
    }
    if (!g->tls_cert) {
        lh_fail(err, LH_USAGE, "%s is reachable from outside, and keys would travel without TLS", l->host);
        return lh_err_hint(err, "set server.tls_cert and server.tls_key, or pass --insecure where a proxy in front "
                                "speaks TLS");
    }
    return LH_OK;
}

static enum lh_code start_daemon(struct gateway *g, const struct listener *l, struct lh_err *err) {
    const struct gateway_options *o = &g->options;
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC | MHD_USE_ERROR_LOG;
    flags |= l->ipv6 ? MHD_USE_IPv6 : 0;
    flags |= g->tls_cert ? MHD_USE_TLS : 0;
    struct MHD_OptionItem items[16];
    size_t n = 0;
    if (o->io_threads > 1)
        items[n++] = (struct MHD_OptionItem){MHD_OPTION_THREAD_POOL_SIZE, (intptr_t)o->io_threads, NULL};
    if (g->tls_cert) {
        items[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0, g->tls_cert};
        items[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0, g->tls_key};
    }
    items[n++] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
    g->daemon = MHD_start_daemon(flags, 0, NULL, NULL, exchange_on_access, g,                                  //
                                 MHD_OPTION_EXTERNAL_LOGGER, on_library_message, g,                            //
                                 MHD_OPTION_LISTEN_SOCKET, l->fd,                                              //
                                 MHD_OPTION_NOTIFY_COMPLETED, exchange_on_completed, g,                        //
                                 MHD_OPTION_NOTIFY_CONNECTION, on_connection, g,                               //
                                 MHD_OPTION_URI_LOG_CALLBACK, on_target, g,                                    //
                                 MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, g,                                //
                                 MHD_OPTION_STRICT_FOR_CLIENT, 1,                                              //
                                 MHD_OPTION_CONNECTION_LIMIT, o->max_connections,                              //
                                 MHD_OPTION_PER_IP_CONNECTION_LIMIT, o->max_connections_per_ip,                //
                                 MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)((o->idle_timeout_ms + 999) / 1000), //
                                 MHD_OPTION_CONNECTION_MEMORY_LIMIT, o->max_header_bytes + (size_t)64 * 1024,  //
                                 MHD_OPTION_ARRAY, items, MHD_OPTION_END);
    return g->daemon ? LH_OK : lh_fail(err, LH_INTERNAL, "the HTTP library did not start (see the log at level debug)");
}

static void free_gateway(struct gateway *g) {
    pool_free(g->query_pool);
    pool_free(g->pool);
    watch_free(g->watch);
    router_free(g->router);
    lh_free(g->route_counts);
    lh_free(g->tls_cert);
    if (g->tls_key)
        memset(g->tls_key, 0, strlen(g->tls_key));
    lh_free(g->tls_key);
    lh_free(g->url);
    lh_free(g);
}

static enum lh_code start(struct gateway *g, struct listener *l, struct lh_err *err) {
    LH_TRY(load_tls(g, err));
    if (g->options.unix_path)
        LH_TRY(listen_open_unix(g->options.unix_path, l, err));
    else
        LH_TRY(listen_open(g->options.host, g->options.port, l, err));
    LH_TRY(decide_auth(g, l, err));
    g->url = lh_asprintf("%s://%s:%u", g->tls_cert ? "https" : "http", l->host, (unsigned)l->port);
    LH_TRY(watch_new(g, &g->watch, err));
    LH_TRY(pool_new(g->options.handler_threads, g->options.queue_length, exchange_run, &g->pool, err));
    unsigned queries = g->options.max_queries ? g->options.max_queries : 1;
    unsigned query_threads = queries < QUERY_THREADS_MAX ? queries : QUERY_THREADS_MAX;
    LH_TRY(pool_new(query_threads, queries - query_threads, exchange_run, &g->query_pool, err));
    return start_daemon(g, l, err);
}

enum lh_code gateway_start(const struct gateway_options *options, struct gateway **ret_gateway, struct lh_err *err) {
    struct gateway *g = lh_calloc(1, sizeof *g);
    g->options = *options;
    g->route_counts = lh_calloc(options->route_count, sizeof *g->route_counts);
    g->router = router_new(options->routes, options->route_count);
    struct listener l = {.fd = -1};
    if (start(g, &l, err) != LH_OK) {
        os_close(options->os, l.fd);
        free_gateway(g);
        return err->code;
    }
    *ret_gateway = g;
    return LH_OK;
}

void gateway_stop(struct gateway *g) {
    if (!g)
        return;
    struct os *os = g->options.os;
    g->stopping = true;
    os_close(os, MHD_quiesce_daemon(g->daemon));
    int64_t until_ns = os_monotonic_ns(os) + g->options.drain_ms * 1000000;
    while (g->active > 0 && os_monotonic_ns(os) < until_ns)
        os_sleep_ms(os, 10);
    watch_cancel_all(g->watch);
    pool_wait_idle(g->query_pool);
    pool_wait_idle(g->pool);
    MHD_stop_daemon(g->daemon);
    free_gateway(g);
}
