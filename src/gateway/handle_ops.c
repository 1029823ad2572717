/* The server about itself. */
#include "gateway/request.h"
#include "gateway/routes.h"

#include "ai/ai.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/metrics.h"
#include "catalog/catalog.h"
#include "gateway/gateway.h"
#include "gateway/openapi.h"
#include "lakehouse/lakehouse.h"
#include "os/clock.h"
#include "store/buckets.h"
#include "store/object_store.h"

#include <stdio.h>

enum lh_code handle_health(struct request *rq, struct lh_err *err) {
    const struct lakehouse *lh = request_lakehouse(rq);
    char text[128];
    double uptime_s = (double)(os_monotonic_ns(lh->os) - lh->started_ns) / 1e9;
    int len =
        snprintf(text, sizeof text, "{\"status\":\"ok\",\"version\":\"" LH_VERSION "\",\"uptime_s\":%.3f}\n", uptime_s);
    response_header(rq, "Cache-Control", "no-store");
    return response_bytes(rq, 200, "application/json", text, (size_t)len, err);
}

static bool add_part(json_t *parts, const char *name, enum lh_code code, const struct lh_err *failure) {
    json_t *part = json_pack("{s:s, s:b}", "name", name, "ok", code == LH_OK);
    if (code != LH_OK)
        json_object_set_new(part, "detail", json_string(failure->message));
    json_array_append_new(parts, part);
    return code == LH_OK;
}

enum lh_code handle_ready(struct request *rq, struct lh_err *err) {
    const struct lakehouse *lh = request_lakehouse(rq);
    LH_AUTO(json) json_t *parts = json_array();
    struct lh_err failure = LH_ERR_INIT;
    bool ready =
        add_part(parts, "storage", object_store_check_writable(buckets_primary(lh->buckets), &failure), &failure);
    ready &= add_part(parts, "catalog", catalog_damage(lh->catalog, &failure), &failure);
    ready &= add_part(parts, "engine", lh->engine ? LH_OK : lh_fail(&failure, LH_UNAVAILABLE, "it was not started"),
                      &failure);
    LH_AUTO(json) json_t *answer = json_pack("{s:b, s:O}", "ready", ready, "parts", parts);
    response_header(rq, "Cache-Control", "no-store");
    if (!ready)
        response_header(rq, "Retry-After", "1");
    return response_json(rq, ready ? 200 : 503, answer, err);
}

enum lh_code handle_metrics(struct request *rq, struct lh_err *err) {
    LH_AUTO(buf) struct buf text = BUF_INIT;
    ai_tell_metrics(request_lakehouse(rq)->ai);
    lh_metrics_write(request_lakehouse(rq)->metrics, &text);
    gateway_write_route_metrics(request_gateway(rq), &text);
    return response_bytes(rq, 200, "text/plain; version=0.0.4; charset=utf-8", buf_cstr(&text), text.len, err);
}

enum lh_code handle_openapi(struct request *rq, struct lh_err *err) {
    LH_AUTO(json) json_t *document = openapi_document(gateway_routes, gateway_route_count);
    return response_json(rq, 200, document, err);
}

enum lh_code handle_landing(struct request *rq, struct lh_err *err) {
    LH_AUTO(buf) struct buf text = BUF_INIT;
    openapi_landing_page(gateway_routes, gateway_route_count, &text);
    response_header(rq, "Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'");
    return response_bytes(rq, 200, "text/html; charset=utf-8", text.data, text.len, err);
}
