/* Trace spans, W3C Trace Context outside, OpenTelemetry's shape inside.
 *
 * A span is a struct on the caller's stack (or in its arena); ending it copies it into a bounded queue, from where one
 * thread hands batches to the sink (stdout here, OTLP/HTTP in net/otlp.h).  A full queue drops the span and counts it:
 * tracing never blocks or fails a request.  Where no tracer is configured (`t` is NULL), every call is a no-op that
 * still carries the ids, so that log lines can be joined. */
#ifndef LH_BASE_TRACE_H
#define LH_BASE_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LH_TRACE_ID_SIZE 33    /* 32 hexadecimal digits and the terminator */
#define LH_SPAN_ID_SIZE 17     /* 16 and the terminator */
#define LH_TRACEPARENT_SIZE 56 /* 00-<32>-<16>-<2> and the terminator */
#define LH_SPAN_MAX_ATTRIBUTES 12

struct lh_trace_context {
    char trace_id[LH_TRACE_ID_SIZE]; /* "" where there is none */
    char span_id[LH_SPAN_ID_SIZE];
    bool sampled;
};

/* Version 00 (and later ones by their first four fields); false on anything malformed or all zero. */
bool lh_traceparent_parse(const char *text, size_t len, struct lh_trace_context *ret_context);
void lh_traceparent_format(const struct lh_trace_context *context, char ret_text[LH_TRACEPARENT_SIZE]);

struct lh_span_attribute {
    const char *key; /* a constant */
    bool is_text;
    int64_t number;
    char text[96]; /* cut at the end where longer */
};

struct lh_span {
    struct lh_trace_context context;
    char parent_id[LH_SPAN_ID_SIZE]; /* "" for a root */
    char name[64];
    int64_t start_us;
    int64_t end_us;
    bool failed;
    unsigned attribute_count;
    struct lh_span_attribute attributes[LH_SPAN_MAX_ATTRIBUTES];
};

struct lh_tracer;

struct lh_tracer_options {
    /* Takes a batch, on the tracer's thread; may block there.  `spans` is valid during the call. */
    void (*sink)(void *sink_self, const struct lh_span *spans, size_t count);
    void *sink_self;
    size_t queue_spans; /* 0: 2,048 */
    int64_t flush_ms;   /* 0: 1,000; also flushed when a batch of 256 is full */
    int64_t (*now_us)(void *clock_self);
    void (*random)(void *clock_self, void *ret_data, size_t len);
    void *clock_self;
};

/* Starts its thread; NULL where the system gives none. */
struct lh_tracer *lh_tracer_new(const struct lh_tracer_options *options);
void lh_tracer_free(struct lh_tracer *t); /* flushes, joins; NULL is fine */
uint64_t lh_tracer_dropped(const struct lh_tracer *t);

/* Begin a span below `parent` (NULL or empty: a new trace).  Ends with lh_span_end, on any thread. */
void lh_span_start(struct lh_tracer *t, struct lh_span *span, const struct lh_trace_context *parent, const char *name);
void lh_span_set_text(struct lh_span *span, const char *key, const char *text);
void lh_span_set_int(struct lh_span *span, const char *key, int64_t number);
void lh_span_fail(struct lh_span *span);
void lh_span_end(struct lh_tracer *t, struct lh_span *span);

/* A sink that writes each span as one JSON line to the descriptor that `sink_self` points to (an int). */
void lh_span_sink_fd(void *sink_self, const struct lh_span *spans, size_t count);

#endif
