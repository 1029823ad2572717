/* From a complete head to a decision.  head_judge runs on the connection's thread and touches no disk: guard, ids, target,
 * route, host and origin, body.  head_admit may read stored keys and runs where the handler does. */
#include "gateway/exchange.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/suggest.h"
#include "os/clock.h"
#include "os/ids.h"
#include "policy/keys.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static enum MHD_Result take_header(void *self, enum MHD_ValueKind kind, const char *name, size_t name_len,
                                   const char *value, size_t value_len) {
    (void)kind;
    struct guard_head *head = self;
    if (head->header_count == GUARD_HEADERS_MAX) {
        head->too_many_headers = true;
        return MHD_NO;
    }
    /* Name and value lie in the head's buffer one after the other, unless the library joined folded lines elsewhere: the gap
     * is then a number beyond any head's length. */
    size_t gap = value ? (size_t)((uintptr_t)value - (uintptr_t)name) - name_len - 1 : 0;
    head->headers[head->header_count++] =
        (struct guard_header){name, name_len, value ? value : "", value ? value_len : 0, gap};
    return MHD_YES;
}

/* libmicrohttpd's strings live in the connection's buffer, which goes when it answers or the client leaves; the handler may
 * outlive that. */
static void keep_headers(struct request *rq) {
    for (size_t i = 0; i < rq->head.header_count; i++) {
        struct guard_header *h = &rq->head.headers[i];
        h->name = arena_strndup(rq->arena, h->name, h->name_len);
        h->value = arena_strndup(rq->arena, h->value, h->value_len);
    }
}

static bool sane_id(const char *text) {
    size_t len = strlen(text);
    return len >= 1 && len < REQUEST_ID_SIZE &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:") == len;
}

static void take_ids(struct request *rq) {
    const char *id = guard_header(&rq->head, "X-Request-Id");
    if (id && sane_id(id))
        snprintf(rq->id, sizeof rq->id, "%s", id);
    else
        os_ulid_loose(rq->gateway->options.os, rq->id);
}

static void start_span(struct request *rq) {
    struct lh_trace_context parent = {0};
    const char *text = guard_header(&rq->head, "traceparent");
    bool given = text && lh_traceparent_parse(text, strlen(text), &parent);
    char name[64];
    snprintf(name, sizeof name, "%s %s", http_method_name(rq->method), rq->match.route ? rq->match.route->path : "?");
    lh_span_start(rq->gateway->options.tracer, &rq->span, given ? &parent : NULL, name);
    lh_span_set_text(&rq->span, "http.request.method", http_method_name(rq->method));
    lh_span_set_text(&rq->span, "request_id", rq->id);
}

/* Without authentication, what protects a server on loopback from web pages is that a browser tells the truth in Host and
 * Origin: a rebound DNS name is not ours, and a foreign page's Origin may not change anything. */
static enum lh_code check_loopback(struct request *rq, struct lh_err *err) {
    const char *host = guard_header(&rq->head, "Host");
    char name[256];
    if (host && (!guard_host_name(host, name, sizeof name) || !guard_host_is_loopback(name))) {
        lh_fail(err, LH_FORBIDDEN,
                "this server answers on loopback without keys, and \"%.100s\" is not a loopback name", host);
        return lh_err_hint(err, "use 127.0.0.1, [::1] or localhost, or switch authentication on (auth.enabled)");
    }
    const char *origin = guard_header(&rq->head, "Origin");
    if (!origin || rq->method == HTTP_GET || rq->method == HTTP_HEAD)
        return LH_OK;
    const char *authority = strstr(origin, "://");
    if (authority && host && strcasecmp(authority + 3, host) == 0)
        return LH_OK;
    lh_fail(err, LH_FORBIDDEN, "a page of %.100s may not change anything here", origin);
    return lh_err_hint(err, "send the request without an Origin header, or from a page of this server");
}

static enum lh_code authenticate(struct request *rq, struct lh_err *err) {
    struct gateway *g = rq->gateway;
    if (!g->auth_required) {
        principal_local(&rq->principal);
        return LH_OK;
    }
    if (rq->match.route->access == ACCESS_PUBLIC)
        return LH_OK;
    const char *key = guard_header(&rq->head, "X-API-Key");
    const char *authorization = guard_header(&rq->head, "Authorization");
    if (authorization) {
        if (strncasecmp(authorization, "Bearer ", 7) != 0) {
            lh_fail(err, LH_UNAUTHENTICATED, "Authorization must be of the form \"Bearer KEY\"");
            return lh_err_hint(err, "send X-API-Key: KEY or Authorization: Bearer KEY");
        }
        authorization += 7;
        authorization += strspn(authorization, " ");
        if (key && strcmp(key, authorization) != 0)
            return lh_fail(err, LH_INVALID, "X-API-Key and Authorization hold different keys; send one of them");
        key = authorization;
    }
    return keys_authenticate(g->options.keys, key, rq->peer, &rq->principal, err);
}

static enum lh_code authorize(const struct request *rq, struct lh_err *err) {
    if (rq->match.route->access != ACCESS_ADMIN || rq->principal.role == ROLE_ADMIN)
        return LH_OK;
    lh_fail(err, LH_FORBIDDEN, "%s %s needs a key of role admin; this one is of role %s",
            http_method_name(rq->match.route->method), rq->match.route->path, role_name(rq->principal.role));
    return lh_err_hint(err, "ask an administrator, or for another key: lakehouse key create --role admin");
}

static enum lh_code check_body(struct request *rq, struct lh_err *err) {
    const struct gateway_options *o = &rq->gateway->options;
    switch (rq->match.route->body) {
    case BODY_NONE: rq->body_limit = 0; break;
    case BODY_JSON: rq->body_limit = o->max_json_bytes; break;
    case BODY_UPLOAD: rq->body_limit = o->max_upload_bytes; break;
    }
    if (!rq->verdict.has_body)
        return LH_OK;
    if (rq->match.route->body == BODY_NONE && rq->verdict.body_length != 0)
        return lh_fail(err, LH_INVALID, "%s %s takes no body", http_method_name(rq->method), rq->match.route->path);
    if (rq->verdict.body_length > 0 && (uint64_t)rq->verdict.body_length > rq->body_limit) {
        lh_fail(err, LH_TOO_LARGE, "the body of %lld bytes is larger than the %llu bytes that this route takes",
                (long long)rq->verdict.body_length, (unsigned long long)rq->body_limit);
        return lh_err_hint(err, "%s",
                           rq->match.route->body == BODY_JSON
                               ? "raise server.max_body_bytes, or split the request"
                               : "raise server.max_object_bytes or ingest.max_upload_bytes");
    }
    return LH_OK;
}

/* A parameter that the route does not know is refused: one that is mistyped must not be taken for one that was left out. */
static enum lh_code check_params(const struct request *rq, struct lh_err *err) {
    const struct route *route = rq->match.route;
    const char *known[ROUTE_PARAMS_MAX];
    size_t known_count = 0;
    LH_AUTO(buf) struct buf list = BUF_INIT;
    for (size_t i = 0; i < ROUTE_PARAMS_MAX && route->params[i].name; i++)
        if (!route->params[i].in_header) {
            buf_printf(&list, "%s%s", known_count ? ", " : "", route->params[i].name);
            known[known_count++] = route->params[i].name;
        }
    for (size_t i = 0; i < rq->url.param_count; i++) {
        const char *name = rq->url.params[i].name;
        size_t k = 0;
        while (k < known_count && strcmp(known[k], name) != 0)
            k++;
        if (k < known_count)
            continue;
        lh_fail(err, LH_INVALID, "%s %s has no query parameter \"%.64s\"", http_method_name(route->method), route->path,
                name);
        const char *near = lh_suggest(name, known, known_count);
        if (near)
            return lh_err_hint(err, "did you mean %s? There are: %s", near, list.data);
        return known_count ? lh_err_hint(err, "there are: %s", list.data)
                           : lh_err_hint(err, "it takes none; leave the part after \"?\" out");
    }
    return LH_OK;
}

static unsigned refusal_label(enum lh_code code) {
    const char *reason = code == LH_UNAUTHENTICATED ? "unauthenticated"
                         : code == LH_RATE          ? "rate"
                         : code == LH_TOO_LARGE     ? "too_large"
                                                    : "malformed";
    return lh_metric_label(LH_METRIC_http_refused_total, reason);
}

static enum lh_code judge(struct request *rq, struct lh_err *err) {
    const struct gateway_options *o = &rq->gateway->options;
    struct connection *c = rq->connection;
    if (guard_check(&rq->head, &rq->verdict, err) != LH_OK) {
        rq->close = true;
        return err->code;
    }
    if (rq->head.sent_bytes > o->max_header_bytes) {
        rq->close = true;
        return lh_fail(err, LH_INVALID, "the request head is larger than %zu bytes (server.max_header_bytes)",
                       o->max_header_bytes);
    }
    if (url_parse(rq->arena, c->target, c->target_len, &rq->url, err) != LH_OK) {
        rq->close = true;
        return err->code;
    }
    const char *allow = NULL;
    enum lh_code code = router_match(rq->gateway->router, rq->arena, rq->method, &rq->url, &rq->match, &allow, err);
    if (allow)
        response_header(rq, "Allow", allow);
    if (code != LH_OK)
        return code;
    LH_TRY(check_params(rq, err));
    if (rq->gateway->stopping) {
        rq->close = true;
        return lh_fail(err, LH_UNAVAILABLE, "the server is stopping");
    }
    if (!(rq->match.route->flags & ROUTE_LONG))
        rq->deadline_ns = rq->start_ns + o->request_timeout_ms * 1000000;
    if (!rq->gateway->auth_required && rq->gateway->loopback)
        LH_TRY(check_loopback(rq, err));
    return check_body(rq, err);
}

enum lh_code head_admit(struct request *rq, struct lh_err *err) {
    enum lh_code code = authenticate(rq, err);
    if (code == LH_OK)
        return authorize(rq, err);
    lh_metric_add(rq->gateway->options.metrics, LH_METRIC_http_refused_total, refusal_label(code), 1);
    return code;
}

enum lh_code head_judge(struct request *rq, const char *method, const char *version, struct lh_err *err) {
    rq->head.method = method;
    rq->head.version = version;
    rq->head.target_len = rq->connection->target_len;
    rq->head.sent_bytes = MHD_get_connection_info(rq->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE)->header_size;
    MHD_get_connection_values_n(rq->mhd, MHD_HEADER_KIND, take_header, &rq->head);
    take_ids(rq);
    rq->head_only = http_method_parse(method, &rq->method) && rq->method == HTTP_HEAD;
    enum lh_code code = judge(rq, err);
    start_span(rq);
    if (code != LH_OK) {
        lh_metric_add(rq->gateway->options.metrics, LH_METRIC_http_refused_total, refusal_label(code), 1);
        return code;
    }
    if (!(rq->match.route->flags & ROUTE_INLINE))
        keep_headers(rq);
    return LH_OK;
}
