/* The course of one exchange, as libmicrohttpd calls us.
 *
 *     head complete -> judged -> inline handler ------------------------------------------> answered
 *                             -> refused (problem) ---------------------------------------> answered
 *                             -> suspended, handler started
 *                                  handler wants the body -> resumed, body -> ring, suspended when it is full
 *                                  response ready -> resumed -> (rest of the body swallowed) -> answered
 *
 * libmicrohttpd takes a response in two places only: at the head, after which it ends the connection, and after the whole
 * request.  A handler that answers before the body has come therefore waits for the rest, up to DRAIN_MAX_BYTES, after
 * which the connection is cut; closing with bytes unread would make the client lose the answer. */
#include "gateway/exchange.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/metrics.h"
#include "catalog/catalog.h"
#include "gateway/failure_journal.h"
#include "gateway/pool.h"
#include "lakehouse/lakehouse.h"
#include "os/clock.h"

#include <string.h>

/* Locked, at the head, the response ready: may the rest of the request be read first?  Where it may not, the answer goes
 * out at once and libmicrohttpd ends the connection after it. */
static enum MHD_Result answer_at_head(struct request *rq) {
    bool body_comes =
        rq->verdict.has_body && !rq->verdict.expects_continue && rq->verdict.body_length <= (int64_t)DRAIN_MAX_BYTES;
    if (rq->close || (rq->verdict.has_body && !body_comes))
        return response_hand_over(rq);
    rq->past_head = true;
    rq->discard = true;
    return MHD_YES;
}

static enum MHD_Result answer_error(struct request *rq, const struct lh_err *err) {
    response_problem(rq, err);
    pthread_mutex_lock(&rq->lock);
    enum MHD_Result result = answer_at_head(rq);
    pthread_mutex_unlock(&rq->lock);
    return result;
}

/* Where the catalog stopped at a damaged record, what is missing may stand behind it. */
static void tell_of_damage(struct request *rq, struct lh_err *err) {
    struct lh_err damage = LH_ERR_INIT;
    if (err->code != LH_NOT_FOUND && err->code != LH_SQL)
        return;
    const struct lakehouse *lh = request_lakehouse(rq);
    if (!lh || !lh->catalog || catalog_damage(lh->catalog, &damage) == LH_OK)
        return;
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *s = catalog_snapshot(lh->catalog);
    lh_ignore(lh_err_hint(err, "the catalog stopped at version %llu, later changes are not seen: %.400s",
                          (unsigned long long)catalog_snapshot_version(s), damage.message));
}

static void run_handler(struct request *rq) {
    struct lh_err err = LH_ERR_INIT;
    enum lh_code code = head_admit(rq, &err);
    if (code == LH_OK)
        code = rq->match.route->handler(rq, &err);
    if (code == LH_OK && !rq->began)
        code = lh_fail(&err, LH_INTERNAL, "the handler of %s gave no response", rq->match.route->path);
    if (code == LH_OK)
        return;
    if (lh_code_http_status(code) >= 500)
        lh_log_error(rq->log, LH_LOG_ERROR, "request failed", &err);
    else
        lh_log_error(rq->log, LH_LOG_DEBUG, "request refused", &err);
    tell_of_damage(rq, &err);
    failure_journal(rq, &err);
    lh_span_fail(&rq->span);
    if (rq->began)
        response_abort(rq);
    else
        response_problem(rq, &err);
}

void exchange_run(void *request) {
    struct request *rq = request;
    run_handler(rq);
    request_unref(rq);
}

/* Locked.  Wait for the handler. */
static void suspend(struct request *rq) {
    rq->suspended = true;
    MHD_suspend_connection(rq->mhd);
}

/* Locked.  The handler starts, or the queue is full. */
static bool launch(struct request *rq) {
    rq->collecting = false;
    rq->refs++;
    /* What takes long on a thread: a download is sent by the connection's. */
    bool is_long = (rq->match.route->flags & ROUTE_LONG) && rq->match.route->body != BODY_NONE;
    bool is_query = rq->match.route->flags & ROUTE_QUERY;
    bool taken = pool_push(is_query ? rq->gateway->query_pool : rq->gateway->pool, rq, is_long);
    if (!taken)
        rq->refs--;
    return taken;
}

static enum MHD_Result refuse_busy(struct request *rq) {
    const struct gateway_options *o = &rq->gateway->options;
    struct lh_err err = LH_ERR_INIT;
    if (rq->match.route->flags & ROUTE_QUERY) {
        lh_fail(&err, LH_BUSY, "%u statements run or wait already", o->max_queries);
        lh_err_hint(&err, "try again in a second, or raise query.workers or query.queue");
    } else {
        lh_fail(&err, LH_BUSY, "all %u request threads are busy and %u requests wait", o->handler_threads,
                o->queue_length);
        lh_err_hint(&err, "try again in a second, or raise server.threads or server.queue");
    }
    if (!rq->past_head)
        return answer_error(rq, &err);
    response_problem(rq, &err);
    pthread_mutex_lock(&rq->lock);
    rq->busy = false;
    enum MHD_Result result = rq->body_ended ? response_hand_over(rq) : MHD_YES;
    pthread_mutex_unlock(&rq->lock);
    return result;
}

/* A body that the ring holds, or as much as it holds of any JSON, is collected before its handler starts, so that slow senders
 * cost no threads.  The handler of a larger upload starts at once, since it may refuse before the body is sent. */
static bool collects_first(const struct request *rq) {
    int64_t length = rq->verdict.body_length;
    bool fits = length > 0 && length <= (int64_t)BODY_RING_BYTES && !rq->verdict.expects_continue;
    return rq->verdict.has_body && (fits || rq->match.route->body == BODY_JSON);
}

static enum MHD_Result start_handler(struct request *rq) {
    watch_hangup(rq->gateway->watch, rq->connection);
    pthread_mutex_lock(&rq->lock);
    bool has_body = rq->verdict.has_body;
    bool taken = true;
    rq->collecting = collects_first(rq);
    if (!rq->collecting)
        taken = launch(rq);
    if (taken && has_body && !rq->collecting)
        suspend(rq); /* the handler decides whether the body is read */
    else if (taken)
        rq->past_head = true;
    pthread_mutex_unlock(&rq->lock);
    return taken ? MHD_YES : refuse_busy(rq);
}

static enum MHD_Result begin(struct request *rq, const char *method, const char *version) {
    rq->begun = true;
    struct lh_err err = LH_ERR_INIT;
    if (head_judge(rq, method, version, &err) != LH_OK)
        return answer_error(rq, &err);
    rq->body_ended = !rq->verdict.has_body;
    if (!(rq->match.route->flags & ROUTE_INLINE))
        return start_handler(rq);
    run_handler(rq);
    pthread_mutex_lock(&rq->lock);
    enum MHD_Result result = answer_at_head(rq);
    pthread_mutex_unlock(&rq->lock);
    return result;
}

static enum MHD_Result take_body(struct request *rq, const char *upload, size_t *upload_size) {
    size_t len = *upload_size;
    if (rq->discard) {
        rq->body_received += len;
        *upload_size = 0;
        return rq->body_received > DRAIN_MAX_BYTES + rq->body_limit ? MHD_NO : MHD_YES;
    }
    if (rq->body_received + len > rq->body_limit) {
        rq->body_code =
            LH_TOO_LARGE; /* the handler is told when it reads; one that is not started yet is, at the end */
        rq->discard = true;
        *upload_size = 0;
        pthread_cond_broadcast(&rq->wake);
        return MHD_YES;
    }
    size_t taken = ring_put(&rq->body, upload, len);
    rq->body_received += taken;
    *upload_size = len - taken;
    pthread_cond_broadcast(&rq->wake);
    if (taken == len)
        return MHD_YES;
    rq->busy = rq->collecting && !launch(rq);
    if (rq->busy)
        *upload_size = 0; /* what follows is dropped, then comes the refusal */
    else
        suspend(rq);
    return MHD_YES;
}

/* A call without body bytes: either the head's again, after a resume, or the one after the whole body. */
static enum MHD_Result proceed(struct request *rq) {
    if (!rq->past_head) {
        if (rq->ready)
            return answer_at_head(rq);
        if (rq->want_body)
            rq->past_head = true;
        else
            suspend(rq);
        return MHD_YES;
    }
    if (!rq->body_ended) {
        rq->body_ended = true;
        pthread_cond_broadcast(&rq->wake);
    }
    rq->busy = rq->collecting && !launch(rq);
    if (rq->busy)
        return MHD_YES;
    if (rq->ready)
        return response_hand_over(rq);
    suspend(rq);
    return MHD_YES;
}

enum MHD_Result exchange_on_access(void *gateway, struct MHD_Connection *mhd, const char *url, const char *method,
                                   const char *version, const char *upload, size_t *upload_size, void **state) {
    (void)url; /* exactly as it came is what we look at: connection->target */
    struct gateway *g = gateway;
    struct request *rq = *state;
    if (!rq) {
        struct connection *c = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
        rq = request_new(g, mhd, c);
        *state = rq;
        g->active++;
        lh_metric_change(g->options.metrics, LH_METRIC_http_in_flight, 0, 1);
        watch_request(g->watch, c, rq);
    }
    if (!rq->begun)
        return begin(rq, method, version);
    pthread_mutex_lock(&rq->lock);
    enum MHD_Result result = MHD_NO;
    if (rq->answered)
        result = MHD_YES;
    else if (!rq->gone)
        result = *upload_size > 0 ? take_body(rq, upload, upload_size) : proceed(rq);
    bool busy = rq->busy;
    pthread_mutex_unlock(&rq->lock);
    return busy ? refuse_busy(rq) : result;
}

static void log_access(struct request *rq, enum MHD_RequestTerminationCode code, int64_t duration_ns) {
    bool probe = rq->match.route && (rq->match.route->flags & ROUTE_PROBE);
    enum lh_log_level level = probe ? LH_LOG_DEBUG : LH_LOG_INFO;
    if (!lh_log_enabled(rq->log, level))
        return;
    lh_log_event(rq->log, level, "request", LOG_STR("request_id", rq->id),
                 LOG_STR("method", http_method_name(rq->method)), LOG_STR("path", rq->url.path ? rq->url.path : ""),
                 LOG_INT("status", rq->answered ? rq->status : 0), LOG_UINT("received", rq->body_received),
                 LOG_UINT("sent", rq->sent), LOG_DOUBLE("ms", (double)duration_ns / 1e6), LOG_STR("peer", rq->peer),
                 LOG_STR("principal", rq->principal.id[0] ? rq->principal.id : NULL),
                 LOG_STR("route", rq->match.route ? rq->match.route->path : NULL),
                 LOG_STR("ended", code == MHD_REQUEST_TERMINATED_COMPLETED_OK ? NULL : "early"));
}

void exchange_on_completed(void *gateway, struct MHD_Connection *mhd, void **state,
                           enum MHD_RequestTerminationCode code) {
    (void)mhd;
    struct gateway *g = gateway;
    struct request *rq = *state;
    if (!rq)
        return;
    *state = NULL;
    watch_request_end(g->watch, rq->connection);
    pthread_mutex_lock(&rq->lock);
    rq->finished = true;
    pthread_mutex_unlock(&rq->lock);
    if (code != MHD_REQUEST_TERMINATED_COMPLETED_OK)
        request_cancel(rq, false);
    int64_t duration_ns = os_monotonic_ns(g->options.os) - rq->start_ns;
    if (rq->begun) {
        log_access(rq, code, duration_ns);
        unsigned class = rq->answered && rq->status >= 100 ? (unsigned)rq->status / 100 - 1 : 4;
        lh_metric_add(g->options.metrics, LH_METRIC_http_requests_total, class, 1);
        lh_metric_add(g->options.metrics, LH_METRIC_http_received_bytes_total, 0, rq->body_received);
        lh_metric_add(g->options.metrics, LH_METRIC_http_sent_bytes_total, 0, rq->sent);
        if (rq->match.route)
            g->route_counts[rq->match.route - g->options.routes][class]++;
        lh_metric_observe_us(g->options.metrics, LH_METRIC_http_request_seconds, duration_ns / 1000);
        lh_span_set_int(&rq->span, "http.response.status_code", rq->status);
        lh_span_end(g->options.tracer, &rq->span);
    }
    g->active--;
    lh_metric_change(g->options.metrics, LH_METRIC_http_in_flight, 0, -1);
    request_unref(rq);
}
