#include "cli/service.h"

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/config.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/trace.h"
#include "cli/cli.h"
#include "gateway/gateway.h"
#include "gateway/listen.h"
#include "gateway/routes.h"
#include "lakehouse/lakehouse.h"
#include "net/http_client.h"
#include "net/otlp.h"
#include "os/file.h"
#include "os/os.h"

#include <fcntl.h>
#include <unistd.h>

struct service {
    struct os *os;
    struct lh_metrics *metrics;
    struct lh_tracer *tracer;
    struct http_client *otlp_client;
    struct otlp_exporter *otlp;
    int trace_fd;
    int tmp_fd; /* -1: none */
    char *socket_path;
    struct lakehouse *lakehouse;
    struct gateway *gateway;
};

const char *service_url(const struct service *s) {
    return gateway_url(s->gateway);
}

const char *service_socket_path(const struct service *s) {
    return s->socket_path;
}

struct lakehouse *service_lakehouse(struct service *s) {
    return s->lakehouse;
}

struct gateway *service_gateway(struct service *s) {
    return s->gateway;
}

void service_stop(struct service *s) {
    if (!s)
        return;
    gateway_stop(s->gateway);
    if (s->socket_path)
        unlink(s->socket_path);
    if (s->tmp_fd >= 0)
        close(s->tmp_fd);
    lh_free(s->socket_path);
    lakehouse_close(s->lakehouse);
    lh_tracer_free(s->tracer);
    otlp_exporter_free(s->otlp);
    http_client_free(s->otlp_client);
    lh_metrics_free(s->metrics);
    lh_free(s);
}

static inline void service_auto_release(struct service **s) {
    service_stop(*s);
}

static enum lh_code start_tracer(struct service *s, const struct lh_config *config, struct lh_err *err) {
    if (config->trace.exporter == LH_TRACE_NONE)
        return LH_OK;
    struct lh_tracer_options options = {
        .queue_spans = (size_t)config->trace.queue,
        .now_us = s->os->realtime_us,
        .random = s->os->random,
        .clock_self = s->os->self,
    };
    if (config->trace.exporter == LH_TRACE_OTLP) {
        LH_TRY(http_client_new(NULL, &s->otlp_client, err));
        LH_TRY(otlp_exporter_new(s->os, s->otlp_client, s->metrics, config->trace.endpoint, LH_VERSION, &s->otlp, err));
        options.sink = otlp_exporter_sink;
        options.sink_self = s->otlp;
    } else {
        s->trace_fd = STDOUT_FILENO;
        options.sink = lh_span_sink_fd;
        options.sink_self = &s->trace_fd;
    }
    s->tracer = lh_tracer_new(&options);
    return LH_OK;
}

/* Below tmp/, so that nothing outlives the next start on this folder even where this process is killed; through a
 * descriptor of that folder, because a socket's path has room for 107 bytes only. */
static enum lh_code choose_socket_path(struct service *s, struct lh_err *err) {
    LH_TRY(os_open(s->os, AT_FDCWD, s->lakehouse->tmp_dir, O_PATH | O_DIRECTORY, 0, 0, &s->tmp_fd, err));
    s->socket_path = lh_asprintf("/proc/self/fd/%d/http", s->tmp_fd);
    return LH_OK;
}

static enum lh_code start_gateway(struct service *s, const struct service_options *o, struct lh_err *err) {
    const struct lh_config_server *server = &o->config->server;
    struct gateway_options options;
    char host[256];
    gateway_options_init(&options);
    if (o->private_socket)
        LH_TRY(choose_socket_path(s, err));
    else
        LH_TRY(listen_parse(o->listen ? o->listen : server->listen, host, &options.port, err));
    options.unix_path = s->socket_path;
    options.host = host;
    options.os = s->os;
    options.log = o->log;
    options.metrics = s->metrics;
    options.tracer = s->tracer;
    options.keys = s->lakehouse->keys;
    options.lakehouse = s->lakehouse;
    options.routes = gateway_routes;
    options.route_count = gateway_route_count;
    options.insecure = o->insecure || server->insecure;
    options.auth = o->private_socket                        ? GATEWAY_AUTH_OFF
                   : o->config->auth.enabled == LH_AUTH_ON  ? GATEWAY_AUTH_REQUIRED
                   : o->config->auth.enabled == LH_AUTH_OFF ? GATEWAY_AUTH_OFF
                                                            : GATEWAY_AUTH_AUTO;
    options.tls_cert = server->tls_cert;
    options.tls_key = server->tls_key;
    options.io_threads = (unsigned)server->io_threads;
    options.handler_threads = (unsigned)server->threads;
    options.queue_length = (unsigned)server->queue;
    options.max_queries = (unsigned)(o->config->query.workers + o->config->query.queue);
    options.body_min_rate = server->min_body_rate_bytes;
    options.answer_min_rate = server->min_answer_rate_bytes;
    options.request_timeout_ms = server->request_timeout_ms;
    options.max_connections = (unsigned)server->max_connections;
    options.max_connections_per_ip = (unsigned)server->max_connections_per_client;
    options.max_header_bytes = server->max_header_bytes;
    options.max_json_bytes = server->max_body_bytes;
    options.max_upload_bytes = server->max_object_bytes;
    options.head_timeout_ms = server->head_timeout_ms;
    options.idle_timeout_ms = server->idle_timeout_ms;
    options.write_stall_ms = server->body_timeout_ms;
    options.drain_ms = server->shutdown_timeout_ms;
    return gateway_start(&options, &s->gateway, err);
}

enum lh_code service_start(struct cli *cli, const struct service_options *o, struct service **ret_service,
                           struct lh_err *err) {
    LH_AUTO(service) struct service *s = lh_calloc(1, sizeof *s);
    s->os = cli->os;
    s->tmp_fd = -1;
    s->metrics = lh_metrics_new();
    LH_TRY(start_tracer(s, o->config, err));
    struct lakehouse_options options = {
        .os = cli->os,
        .config = o->config,
        .log = o->log,
        .metrics = s->metrics,
        .tracer = s->tracer,
        .data_dir = o->data_dir,
        .command = o->command,
        .must_exist = o->must_exist,
        .passing = o->private_socket,
    };
    LH_TRY(lakehouse_open(&options, &s->lakehouse, err));
    LH_TRY(start_gateway(s, o, err));
    *ret_service = LH_STEAL(s);
    return LH_OK;
}
