#include "base/trace.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/hash.h"
#include "base/timefmt.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_QUEUE 2048
#define DEFAULT_FLUSH_MS 1000
#define BATCH 256

struct lh_tracer {
    struct lh_tracer_options options;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct lh_span *ring; /* guarded by lock, as all below */
    size_t capacity;
    size_t first;
    size_t count;
    bool stopping;
    atomic_uint_fast64_t dropped;
};

static bool is_hex_id(const char *text, size_t len) {
    bool any = false;
    for (size_t i = 0; i < len; i++) {
        bool digit = (text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f');
        if (!digit)
            return false;
        any = any || text[i] != '0';
    }
    return any;
}

bool lh_traceparent_parse(const char *text, size_t len, struct lh_trace_context *ret_context) {
    unsigned char version;
    unsigned char flags;
    if (len < LH_TRACEPARENT_SIZE - 1 || text[2] != '-' || text[35] != '-' || text[52] != '-')
        return false;
    if (!lh_hex_decode(text, 2, &version, 1) || version == 0xFF || !lh_hex_decode(text + 53, 2, &flags, 1))
        return false;
    if (len > LH_TRACEPARENT_SIZE - 1 && (version == 0 || text[55] != '-'))
        return false;
    if (!is_hex_id(text + 3, 32) || !is_hex_id(text + 36, 16))
        return false;
    struct lh_trace_context context = {.sampled = flags & 1};
    memcpy(context.trace_id, text + 3, 32);
    memcpy(context.span_id, text + 36, 16);
    *ret_context = context;
    return true;
}

void lh_traceparent_format(const struct lh_trace_context *context, char ret_text[LH_TRACEPARENT_SIZE]) {
    snprintf(ret_text, LH_TRACEPARENT_SIZE, "00-%.32s-%.16s-%02x", context->trace_id, context->span_id,
             context->sampled ? 1u : 0u);
}

/* Move up to BATCH spans out of the ring; lock held. */
static size_t take_batch(struct lh_tracer *t, struct lh_span *batch) {
    size_t taken = 0;
    while (t->count > 0 && taken < BATCH) {
        batch[taken++] = t->ring[t->first];
        t->first = (t->first + 1) % t->capacity;
        t->count--;
    }
    return taken;
}

static void wait_for_spans(struct lh_tracer *t) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t ns = until.tv_nsec + t->options.flush_ms % 1000 * 1000000;
    until.tv_sec += t->options.flush_ms / 1000 + ns / 1000000000;
    until.tv_nsec = ns % 1000000000;
    while (!t->stopping && t->count < BATCH)
        if (pthread_cond_timedwait(&t->wake, &t->lock, &until) != 0)
            return;
}

static void *deliver(void *arg) {
    struct lh_tracer *t = arg;
    pthread_setname_np(pthread_self(), "trace");
    struct lh_span *batch = lh_calloc(BATCH, sizeof *batch);
    pthread_mutex_lock(&t->lock);
    for (;;) {
        wait_for_spans(t);
        size_t count = take_batch(t, batch);
        if (count == 0 && t->stopping)
            break;
        if (count == 0)
            continue;
        pthread_mutex_unlock(&t->lock);
        t->options.sink(t->options.sink_self, batch, count);
        pthread_mutex_lock(&t->lock);
    }
    pthread_mutex_unlock(&t->lock);
    lh_free(batch);
    return NULL;
}

struct lh_tracer *lh_tracer_new(const struct lh_tracer_options *options) {
    struct lh_tracer *t = lh_calloc(1, sizeof *t);
    t->options = *options;
    if (t->options.flush_ms == 0)
        t->options.flush_ms = DEFAULT_FLUSH_MS;
    t->capacity = options->queue_spans ? options->queue_spans : DEFAULT_QUEUE;
    t->ring = lh_calloc(t->capacity, sizeof *t->ring);
    pthread_mutex_init(&t->lock, NULL);
    pthread_condattr_t clock;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&t->wake, &clock);
    pthread_condattr_destroy(&clock);
    if (pthread_create(&t->thread, NULL, deliver, t) != 0) {
        lh_free(t->ring);
        lh_free(t);
        return NULL;
    }
    return t;
}

void lh_tracer_free(struct lh_tracer *t) {
    if (!t)
        return;
    pthread_mutex_lock(&t->lock);
    t->stopping = true;
    pthread_cond_signal(&t->wake);
    pthread_mutex_unlock(&t->lock);
    pthread_join(t->thread, NULL);
    pthread_cond_destroy(&t->wake);
    pthread_mutex_destroy(&t->lock);
    lh_free(t->ring);
    lh_free(t);
}

uint64_t lh_tracer_dropped(const struct lh_tracer *t) {
    return t ? atomic_load(&t->dropped) : 0;
}

static void random_id(const struct lh_tracer *t, char *text, size_t bytes) {
    unsigned char raw[16];
    t->options.random(t->options.clock_self, raw, bytes);
    raw[0] |= 1; /* all zero is not an id */
    lh_hex_encode(raw, bytes, text);
}

void lh_span_start(struct lh_tracer *t, struct lh_span *span, const struct lh_trace_context *parent, const char *name) {
    *span = (struct lh_span){0};
    snprintf(span->name, sizeof span->name, "%s", name);
    bool child = parent && *parent->trace_id;
    if (child) {
        span->context = *parent;
        memcpy(span->parent_id, parent->span_id, sizeof span->parent_id);
    }
    if (!t)
        return;
    if (!child) {
        random_id(t, span->context.trace_id, 16);
        span->context.sampled = true;
    }
    random_id(t, span->context.span_id, 8);
    span->start_us = t->options.now_us(t->options.clock_self);
}

static struct lh_span_attribute *add_attribute(struct lh_span *span, const char *key) {
    if (span->attribute_count == LH_SPAN_MAX_ATTRIBUTES)
        return NULL;
    struct lh_span_attribute *attribute = &span->attributes[span->attribute_count++];
    attribute->key = key;
    return attribute;
}

void lh_span_set_text(struct lh_span *span, const char *key, const char *text) {
    struct lh_span_attribute *attribute = add_attribute(span, key);
    if (!attribute)
        return;
    attribute->is_text = true;
    snprintf(attribute->text, sizeof attribute->text, "%s", text);
}

void lh_span_set_int(struct lh_span *span, const char *key, int64_t number) {
    struct lh_span_attribute *attribute = add_attribute(span, key);
    if (attribute)
        attribute->number = number;
}

void lh_span_fail(struct lh_span *span) {
    span->failed = true;
}

void lh_span_end(struct lh_tracer *t, struct lh_span *span) {
    if (!t || !span->context.sampled)
        return;
    span->end_us = t->options.now_us(t->options.clock_self);
    pthread_mutex_lock(&t->lock);
    bool full = t->count == t->capacity;
    if (!full) {
        t->ring[(t->first + t->count) % t->capacity] = *span;
        t->count++;
        if (t->count == BATCH)
            pthread_cond_signal(&t->wake);
    }
    pthread_mutex_unlock(&t->lock);
    if (full)
        atomic_fetch_add(&t->dropped, 1);
}

static void append_span(struct buf *out, const struct lh_span *span) {
    char start[LH_TIME_SIZE];
    lh_time_format(span->start_us, start);
    buf_printf(out, "{\"trace_id\":\"%s\",\"span_id\":\"%s\",\"parent_id\":\"%s\",\"name\":", span->context.trace_id,
               span->context.span_id, span->parent_id);
    buf_append_json_string(out, span->name, strlen(span->name));
    buf_printf(out, ",\"start\":\"%s\",\"duration_us\":%" PRId64 ",\"failed\":%s,\"attributes\":{", start,
               span->end_us - span->start_us, span->failed ? "true" : "false");
    for (unsigned i = 0; i < span->attribute_count; i++) {
        const struct lh_span_attribute *attribute = &span->attributes[i];
        buf_printf(out, "%s\"%s\":", i ? "," : "", attribute->key);
        if (attribute->is_text)
            buf_append_json_string(out, attribute->text, strlen(attribute->text));
        else
            buf_printf(out, "%" PRId64, attribute->number);
    }
    buf_append_str(out, "}}\n");
}

void lh_span_sink_fd(void *sink_self, const struct lh_span *spans, size_t count) {
    LH_AUTO(buf) struct buf lines = BUF_INIT;
    for (size_t i = 0; i < count; i++)
        append_span(&lines, &spans[i]);
    for (size_t done = 0; done < lines.len;) {
        ssize_t put = write(*(const int *)sink_self, lines.data + done, lines.len - done);
        if (put <= 0)
            return;
        done += (size_t)put;
    }
}
