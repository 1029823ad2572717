#include "gateway/exchange.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/quantity.h"
#include "os/clock.h"
#include "os/file.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct request *request_new(struct gateway *g, struct MHD_Connection *mhd, struct connection *c) {
    struct arena *arena = arena_new();
    struct request *rq = arena_alloc(arena, sizeof *rq);
    rq->gateway = g;
    rq->arena = arena;
    rq->mhd = mhd;
    rq->connection = c;
    rq->peer = arena_strdup(arena, c->peer_text);
    rq->log = g->options.log;
    rq->start_ns = os_monotonic_ns(g->options.os);
    rq->deadline_ns = INT64_MAX;
    rq->refs = 1;
    rq->cancel_fd = -1;
    rq->file_fd = -1;
    rq->stream_length = -1;
    pthread_mutex_init(&rq->lock, NULL);
    pthread_cond_init(&rq->wake, NULL);
    ring_init(&rq->body, BODY_RING_BYTES);
    ring_init(&rq->out, RESPONSE_RING_BYTES);
    return rq;
}

void request_unref(struct request *rq) {
    pthread_mutex_lock(&rq->lock);
    bool last = --rq->refs == 0;
    pthread_mutex_unlock(&rq->lock);
    if (!last)
        return;
    ring_deinit(&rq->body);
    ring_deinit(&rq->out);
    os_close(rq->gateway->options.os, rq->file_fd);
    os_close(rq->gateway->options.os, rq->cancel_fd);
    pthread_cond_destroy(&rq->wake);
    pthread_mutex_destroy(&rq->lock);
    arena_free(rq->arena); /* the request itself lies in it */
}

void request_resume(struct request *rq) {
    if (rq->suspended && !rq->finished) {
        rq->suspended = false;
        MHD_resume_connection(rq->mhd);
    }
}

void request_cancel(struct request *rq, bool expired) {
    pthread_mutex_lock(&rq->lock);
    if (expired)
        rq->expired = true;
    else
        rq->gone = true;
    if (rq->cancel_fd >= 0) {
        uint64_t one = 1;
        ssize_t n = write(rq->cancel_fd, &one, sizeof one);
        (void)n; /* a full counter is readable already */
    }
    pthread_cond_broadcast(&rq->wake);
    pthread_mutex_unlock(&rq->lock);
}

struct arena *request_arena(struct request *rq) {
    return rq->arena;
}

struct lakehouse *request_lakehouse(struct request *rq) {
    return rq->gateway->options.lakehouse;
}

struct gateway *request_gateway(struct request *rq) {
    return rq->gateway;
}

const struct principal *request_principal(struct request *rq) {
    return &rq->principal;
}

const char *request_id(struct request *rq) {
    return rq->id;
}

const char *request_peer(struct request *rq) {
    return rq->peer;
}

struct lh_log *request_log(struct request *rq) {
    return rq->log;
}

const struct lh_trace_context *request_trace(struct request *rq) {
    return &rq->span.context;
}

int64_t request_start_ns(struct request *rq) {
    return rq->start_ns;
}

int64_t request_deadline_ns(struct request *rq) {
    return rq->deadline_ns;
}

int request_cancel_fd(struct request *rq) {
    pthread_mutex_lock(&rq->lock);
    if (rq->cancel_fd < 0)
        rq->cancel_fd = eventfd(rq->gone || rq->expired, EFD_CLOEXEC | EFD_NONBLOCK);
    int fd = rq->cancel_fd;
    pthread_mutex_unlock(&rq->lock);
    return fd;
}

const char *request_path(struct request *rq) {
    return rq->url.path;
}

bool request_is_head(struct request *rq) {
    return rq->head_only;
}

const char *request_path_param(struct request *rq, const char *name) {
    for (size_t i = 0; i < rq->match.param_count; i++)
        if (strcmp(rq->match.params[i].name, name) == 0)
            return rq->match.params[i].value;
    return "";
}

const char *request_query_param(struct request *rq, const char *name) {
    return url_param(&rq->url, name);
}

enum lh_code request_query_uint(struct request *rq, const char *name, uint64_t min, uint64_t max, uint64_t fallback,
                                uint64_t *ret_value, struct lh_err *err) {
    const char *text = url_param(&rq->url, name);
    if (!text) {
        *ret_value = fallback;
        return LH_OK;
    }
    int64_t value;
    if (!lh_int_parse(text, &value) || value < 0 || (uint64_t)value < min || (uint64_t)value > max) {
        lh_fail(err, LH_INVALID, "the query parameter %s must be a whole number from %llu to %llu, not \"%.64s\"", name,
                (unsigned long long)min, (unsigned long long)max, text);
        return lh_err_hint(err, "leave %s out for the default of %llu", name, (unsigned long long)fallback);
    }
    *ret_value = (uint64_t)value;
    return LH_OK;
}

const char *request_header(struct request *rq, const char *name) {
    return guard_header(&rq->head, name);
}

int64_t request_body_length(struct request *rq) {
    return rq->verdict.has_body ? rq->verdict.body_length : 0;
}

/* Why the request cannot go on, if so. */
static enum lh_code stopped(const struct request *rq, struct lh_err *err) {
    if (rq->gone)
        return lh_fail(err, LH_CANCELLED, "the client closed the connection");
    if (rq->expired)
        return lh_fail(err, LH_TIMEOUT, "the request took longer than the server allows (server.request_timeout)");
    return LH_OK;
}

enum lh_code request_check(struct request *rq, struct lh_err *err) {
    pthread_mutex_lock(&rq->lock);
    enum lh_code code = stopped(rq, err);
    pthread_mutex_unlock(&rq->lock);
    return code;
}

static enum lh_code body_over_limit(const struct request *rq, struct lh_err *err) {
    lh_fail(err, LH_TOO_LARGE, "the body is larger than the %llu bytes that this route takes",
            (unsigned long long)rq->body_limit);
    return lh_err_hint(err, "%s",
                       rq->match.route->body == BODY_JSON
                           ? "raise server.max_body_bytes, or split the request"
                           : "raise server.max_object_bytes or ingest.max_upload_bytes, or split the upload");
}

static enum lh_code body_read_locked(struct request *rq, void *data, size_t cap, size_t *ret_len, struct lh_err *err) {
    for (;;) {
        LH_TRY(stopped(rq, err));
        if (rq->body_code == LH_TOO_LARGE)
            return body_over_limit(rq, err);
        if (rq->body.len > 0)
            break;
        if (rq->body_ended) {
            *ret_len = 0;
            return LH_OK;
        }
        rq->want_body = true;
        request_resume(rq);
        pthread_cond_wait(&rq->wake, &rq->lock);
    }
    *ret_len = ring_take(&rq->body, data, cap);
    if (rq->past_head && ring_space(&rq->body) >= rq->body.cap / 2)
        request_resume(rq);
    return LH_OK;
}

enum lh_code request_body_read(struct request *rq, void *data, size_t cap, size_t *ret_len, struct lh_err *err) {
    pthread_mutex_lock(&rq->lock);
    enum lh_code code = body_read_locked(rq, data, cap, ret_len, err);
    pthread_mutex_unlock(&rq->lock);
    return code;
}

enum lh_code request_body_text(struct request *rq, struct buf *out, struct lh_err *err) {
    char piece[16384];
    for (;;) {
        size_t len;
        LH_TRY(request_body_read(rq, piece, sizeof piece, &len, err));
        if (len == 0)
            return LH_OK;
        buf_append(out, piece, len);
    }
}

/* What `curl -d` says unless it is told otherwise counts as well: such a body is either JSON or refused by the parser.  It
 * opens nothing to web pages, whose cross-site requests are known by their Origin (head.c). */
static bool is_json_type(const char *type) {
    size_t len = strcspn(type, "; \t");
    if (len == 16 && strncasecmp(type, "application/json", len) == 0)
        return true;
    if (len == 33 && strncasecmp(type, "application/x-www-form-urlencoded", len) == 0)
        return true;
    return len > 17 && strncasecmp(type, "application/", 12) == 0 && strncasecmp(type + len - 5, "+json", 5) == 0;
}

static void drop_json(void *json) {
    json_decref(json);
}

enum lh_code request_body_json(struct request *rq, json_t **ret_json, struct lh_err *err) {
    const char *type = request_header(rq, "Content-Type");
    if (type && !is_json_type(type)) {
        lh_fail(err, LH_UNSUPPORTED, "this route takes application/json, not %.100s", type);
        return lh_err_hint(err, "send the header Content-Type: application/json");
    }
    LH_AUTO(buf) struct buf text = BUF_INIT;
    LH_TRY(request_body_text(rq, &text, err));
    if (text.len == 0) {
        lh_fail(err, LH_INVALID, "the body is empty; this route takes a JSON object");
        return lh_err_hint(err, "GET /openapi.json describes the fields");
    }
    struct lh_json_limits limits = {.max_bytes = rq->body_limit};
    LH_AUTO(json) json_t *json = NULL;
    if (lh_json_parse(text.data, text.len, &limits, &json, err) != LH_OK)
        return lh_err_context(err, "the body");
    if (!json_is_object(json))
        return lh_fail(err, LH_INVALID, "the body must be a JSON object");
    *ret_json = json;
    arena_defer(rq->arena, drop_json, LH_STEAL(json));
    return LH_OK;
}
