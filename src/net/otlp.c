#include "net/otlp.h"

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/metrics.h"
#include "net/http_client.h"
#include "os/clock.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>

#define EXPORT_TIMEOUT_MS 3000
#define FIRST_PAUSE_MS 1000
#define LONGEST_PAUSE_MS 60000

struct otlp_exporter {
    struct os *os;
    struct http_client *client;
    struct lh_metrics *metrics;
    char *endpoint;
    char *service_version;
    int64_t pause_ms;        /* of the last failure; 0 while the collector answers */
    int64_t paused_until_ns; /* both are the tracer thread's */
    atomic_uint_fast64_t dropped;
};

enum lh_code otlp_exporter_new(struct os *os, struct http_client *client, struct lh_metrics *metrics,
                               const char *endpoint, const char *service_version, struct otlp_exporter **ret_exporter,
                               struct lh_err *err) {
    if (strncmp(endpoint, "http://", 7) != 0 && strncmp(endpoint, "https://", 8) != 0)
        return lh_fail(err, LH_INVALID, "the address of the trace collector must begin with http:// or https://");
    struct otlp_exporter *exporter = lh_calloc(1, sizeof *exporter);
    exporter->os = os;
    exporter->client = client;
    exporter->metrics = metrics;
    exporter->endpoint = lh_strdup(endpoint);
    exporter->service_version = lh_strdup(service_version);
    *ret_exporter = exporter;
    return LH_OK;
}

void otlp_exporter_free(struct otlp_exporter *exporter) {
    if (!exporter)
        return;
    lh_free(exporter->endpoint);
    lh_free(exporter->service_version);
    lh_free(exporter);
}

static void append_text_attribute(struct buf *out, const char *key, const char *text) {
    buf_append_str(out, "{\"key\":");
    buf_append_json_string(out, key, strlen(key));
    buf_append_str(out, ",\"value\":{\"stringValue\":");
    buf_append_json_string(out, text, strlen(text));
    buf_append_str(out, "}}");
}

/* 64-bit numbers are strings in protobuf's JSON mapping; ids are hexadecimal in OTLP's. */
static void append_span(struct buf *out, const struct lh_span *span) {
    buf_printf(out, "{\"traceId\":\"%s\",\"spanId\":\"%s\",", span->context.trace_id, span->context.span_id);
    if (*span->parent_id)
        buf_printf(out, "\"parentSpanId\":\"%s\",", span->parent_id);
    buf_append_str(out, "\"name\":");
    buf_append_json_string(out, span->name, strlen(span->name));
    buf_printf(out, ",\"kind\":%d,\"startTimeUnixNano\":\"%" PRId64 "000\",\"endTimeUnixNano\":\"%" PRId64 "000\"",
               *span->parent_id ? 1 : 2, span->start_us, span->end_us);
    buf_append_str(out, ",\"attributes\":[");
    for (unsigned i = 0; i < span->attribute_count; i++) {
        const struct lh_span_attribute *attribute = &span->attributes[i];
        buf_append_str(out, i ? "," : "");
        if (attribute->is_text)
            append_text_attribute(out, attribute->key, attribute->text);
        else
            buf_printf(out, "{\"key\":\"%s\",\"value\":{\"intValue\":\"%" PRId64 "\"}}", attribute->key,
                       attribute->number);
    }
    buf_printf(out, "],\"status\":{\"code\":%d}}", span->failed ? 2 : 0);
}

void otlp_encode(const struct lh_span *spans, size_t count, const char *service_version, struct buf *out) {
    buf_append_str(out, "{\"resourceSpans\":[{\"resource\":{\"attributes\":[");
    append_text_attribute(out, "service.name", "lakehouse");
    buf_append_char(out, ',');
    append_text_attribute(out, "service.version", service_version);
    buf_append_str(out, "]},\"scopeSpans\":[{\"scope\":{\"name\":\"lakehouse\"},\"spans\":[");
    for (size_t i = 0; i < count; i++) {
        buf_append_str(out, i ? "," : "");
        append_span(out, &spans[i]);
    }
    buf_append_str(out, "]}]}]}");
}

static bool post_batch(struct otlp_exporter *exporter, const struct lh_span *spans, size_t count) {
    LH_AUTO(buf) struct buf body = BUF_INIT;
    otlp_encode(spans, count, exporter->service_version, &body);
    const struct http_header type = {"Content-Type", "application/json"};
    const struct http_request request = {
        .method = "POST",
        .url = exporter->endpoint,
        .headers = &type,
        .header_count = 1,
        .body = body.data,
        .body_len = body.len,
        .connect_timeout_ms = EXPORT_TIMEOUT_MS,
        .timeout_ms = EXPORT_TIMEOUT_MS,
    };
    LH_AUTO(http_response) struct http_response response = HTTP_RESPONSE_INIT;
    struct lh_err err = LH_ERR_INIT;
    return http_client_send(exporter->client, &request, &response, &err) == LH_OK && response.status / 100 == 2;
}

static void drop(struct otlp_exporter *exporter, size_t count) {
    atomic_fetch_add(&exporter->dropped, count);
    lh_metric_add(exporter->metrics, LH_METRIC_trace_spans_dropped_total, 0, count);
}

void otlp_exporter_sink(void *sink_self, const struct lh_span *spans, size_t count) {
    struct otlp_exporter *exporter = sink_self;
    if (exporter->pause_ms > 0 && os_monotonic_ns(exporter->os) < exporter->paused_until_ns) {
        drop(exporter, count);
        return;
    }
    if (post_batch(exporter, spans, count)) {
        exporter->pause_ms = 0;
        return;
    }
    drop(exporter, count);
    int64_t doubled = exporter->pause_ms * 2;
    exporter->pause_ms = doubled == 0 ? FIRST_PAUSE_MS : doubled > LONGEST_PAUSE_MS ? LONGEST_PAUSE_MS : doubled;
    exporter->paused_until_ns = os_monotonic_ns(exporter->os) + exporter->pause_ms * 1000000;
}

uint64_t otlp_exporter_dropped(const struct otlp_exporter *exporter) {
    return atomic_load(&exporter->dropped);
}
