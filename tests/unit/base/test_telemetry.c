/* What the process tells about itself: log lines, spans, metrics. */
#include "base/cleanup.h"
#include "base/json.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/trace.h"

#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static int64_t fixed_clock(void *self) {
    (void)self;
    return 1000001;
}

static void counting_random(void *self, void *data, size_t len) {
    memset(data, ++*(int *)self, len);
}

static void read_back(int fd, struct buf *out) {
    char bytes[8192];
    ssize_t got = read(fd, bytes, sizeof bytes);
    buf_append(out, bytes, got > 0 ? (size_t)got : 0);
}

static void one_event_is_one_line(void **state) {
    (void)state;
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    LH_AUTO(buf) struct buf out = BUF_INIT;
    struct lh_log *log = lh_log_new(pipes[1], LH_LOG_INFO, LH_LOG_JSON, fixed_clock, NULL);
    struct lh_log *inner = lh_log_with_request(log, "r1", NULL);
    lh_log_event(inner, LH_LOG_WARN, "odd", LOG_STR("s", "a\n\x1b[31m\xC2\x9B\"\xFF"), LOG_INT("i", -1),
                 LOG_BOOL("b", true), LOG_STR("gone", NULL));
    lh_log_note(inner, LH_LOG_DEBUG, "not written");
    read_back(pipes[0], &out);
    assert_string_equal(out.data, "{\"ts\":\"1970-01-01T00:00:01.000001Z\",\"level\":\"warn\",\"event\":\"odd\","
                                  "\"s\":\"a\\n\\u001b[31m\\u009b\\\"\xEF\xBF\xBD\",\"i\":-1,\"b\":true,"
                                  "\"request_id\":\"r1\"}\n");
    struct lh_err err = LH_ERR_INIT;
    LH_AUTO(json) json_t *value = NULL;
    assert_int_equal(lh_json_parse(out.data, out.len, NULL, &value, &err), LH_OK);
    lh_log_free(inner);
    lh_log_free(log);

    log = lh_log_new(pipes[1], LH_LOG_DEBUG, LH_LOG_TEXT, fixed_clock, NULL);
    lh_log_event(log, LH_LOG_DEBUG, "plain", LOG_STR("a", "x"), LOG_STR("b", "two words\r\nforged"));
    lh_log_free(log);
    buf_reset(&out);
    read_back(pipes[0], &out);
    assert_string_equal(out.data, "00:00:01.000 DEBUG plain a=x b=\"two words\\r\\nforged\"\n");
    close(pipes[0]);
    close(pipes[1]);
}

static void traceparents_are_checked(void **state) {
    (void)state;
    static const char good[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    struct lh_trace_context context;
    char text[LH_TRACEPARENT_SIZE];
    assert_true(lh_traceparent_parse(good, strlen(good), &context));
    assert_true(context.sampled);
    lh_traceparent_format(&context, text);
    assert_string_equal(text, good);
    static const char *const bad[] = {
        "",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01x",
    };
    for (size_t i = 0; i < LH_ARRAY_LEN(bad); i++)
        assert_false(lh_traceparent_parse(bad[i], strlen(bad[i]), &context));
}

static void spans_arrive_or_are_counted(void **state) {
    (void)state;
    int pipes[2];
    int seed = 0;
    assert_int_equal(pipe(pipes), 0);
    const struct lh_tracer_options options = {.sink = lh_span_sink_fd,
                                              .sink_self = &pipes[1],
                                              .queue_spans = 2,
                                              .flush_ms = 60000,
                                              .now_us = fixed_clock,
                                              .random = counting_random,
                                              .clock_self = &seed};
    struct lh_tracer *tracer = lh_tracer_new(&options);
    assert_non_null(tracer);
    for (int i = 0; i < 3; i++) {
        struct lh_span parent;
        struct lh_span child;
        lh_span_start(tracer, &parent, NULL, "parent");
        lh_span_start(tracer, &child, &parent.context, "child");
        assert_string_equal(child.context.trace_id, parent.context.trace_id);
        assert_string_equal(child.parent_id, parent.context.span_id);
        lh_span_set_int(&child, "rows", 7);
        lh_span_fail(&child);
        lh_span_end(tracer, &child);
    }
    assert_int_equal(lh_tracer_dropped(tracer), 1);
    lh_tracer_free(tracer);
    LH_AUTO(buf) struct buf out = BUF_INIT;
    read_back(pipes[0], &out);
    assert_non_null(strstr(out.data, "\"name\":\"child\""));
    assert_non_null(strstr(out.data, "\"failed\":true,\"attributes\":{\"rows\":7}}\n"));
    struct lh_span none;
    lh_span_start(NULL, &none, NULL, "off");
    lh_span_end(NULL, &none);
    close(pipes[0]);
    close(pipes[1]);
}

static void metrics_are_counted_and_written(void **state) {
    (void)state;
    struct lh_metrics *m = lh_metrics_new();
    lh_metric_add(m, LH_METRIC_queries_total, lh_metric_label(LH_METRIC_queries_total, "timeout"), 3);
    lh_metric_set(m, LH_METRIC_catalog_version, 0, 41);
    lh_metric_change(m, LH_METRIC_catalog_version, 0, 1);
    lh_metric_observe_us(m, LH_METRIC_query_seconds, 300);
    lh_metric_observe_us(m, LH_METRIC_query_seconds, 90000000);
    lh_metric_observe_label_us(m, LH_METRIC_ai_embed_seconds, lh_metric_label(LH_METRIC_ai_embed_seconds, "ollama"),
                               700);
    lh_metric_add(NULL, LH_METRIC_queries_total, 0, 1);
    assert_int_equal(lh_metric_value(m, LH_METRIC_query_seconds, 0), 2);
    LH_AUTO(buf) struct buf out = BUF_INIT;
    lh_metrics_write(m, &out);
    static const char *const lines[] = {
        "# TYPE lakehouse_queries_total counter\n",
        "lakehouse_queries_total{outcome=\"timeout\"} 3\n",
        "lakehouse_queries_total{outcome=\"ok\"} 0\n",
        "lakehouse_catalog_version 42\n",
        "lakehouse_query_seconds_bucket{le=\"0.00025\"} 0\n",
        "lakehouse_query_seconds_bucket{le=\"0.0005\"} 1\n",
        "lakehouse_query_seconds_bucket{le=\"60\"} 1\n",
        "lakehouse_query_seconds_bucket{le=\"+Inf\"} 2\n",
        "lakehouse_query_seconds_sum 90.000300\n",
        "lakehouse_query_seconds_count 2\n",
        "lakehouse_ai_embed_seconds_bucket{provider=\"ollama\",le=\"0.0005\"} 0\n",
        "lakehouse_ai_embed_seconds_bucket{provider=\"ollama\",le=\"0.001\"} 1\n",
        "lakehouse_ai_embed_seconds_bucket{provider=\"builtin\",le=\"+Inf\"} 0\n",
        "lakehouse_ai_embed_seconds_sum{provider=\"ollama\"} 0.000700\n",
        "lakehouse_ai_embed_seconds_count{provider=\"ollama\"} 1\n",
    };
    for (size_t i = 0; i < LH_ARRAY_LEN(lines); i++)
        if (!strstr(out.data, lines[i]))
            fail_msg("missing: %s", lines[i]);
    lh_metrics_free(m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_event_is_one_line),
        cmocka_unit_test(traceparents_are_checked),
        cmocka_unit_test(spans_arrive_or_are_counted),
        cmocka_unit_test(metrics_are_counted_and_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
