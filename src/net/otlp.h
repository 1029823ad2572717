/* Trace spans to an OpenTelemetry collector: OTLP/HTTP with JSON encoding (opentelemetry-proto, trace/v1).
 *
 * An exporter is a sink for base/trace.h: it runs on the tracer's thread, one POST a batch with a short time limit.
 * A collector that is down costs its batch (counted) and nothing else; after a failure it is left alone for a while
 * (doubling to 60 s), during which batches are dropped at once. */
#ifndef LH_NET_OTLP_H
#define LH_NET_OTLP_H

#include "base/buf.h"
#include "base/error.h"
#include "base/trace.h"

#include <stdint.h>

struct http_client;
struct lh_metrics;
struct os;
struct otlp_exporter;

/* `client`, `metrics` (may be NULL) and `os` must outlive it. */
LH_CHECKED enum lh_code otlp_exporter_new(struct os *os, struct http_client *client, struct lh_metrics *metrics,
                                          const char *endpoint, const char *service_version,
                                          struct otlp_exporter **ret_exporter, struct lh_err *err);
void otlp_exporter_free(struct otlp_exporter *exporter); /* after the tracer; NULL is fine */

/* lh_tracer_options.sink, with the exporter as sink_self. */
void otlp_exporter_sink(void *sink_self, const struct lh_span *spans, size_t count);
uint64_t otlp_exporter_dropped(const struct otlp_exporter *exporter);

/* The body of one export request; for the sink and for tests. */
void otlp_encode(const struct lh_span *spans, size_t count, const char *service_version, struct buf *out);

#endif
