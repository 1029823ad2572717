/* Cells are relaxed atomics, one cache line a metric and label value, so that threads that count different things do
 * not fight over lines.  A scrape reads them one by one: each number is right, the set is no snapshot. */
#include "base/metrics.h"

#include "base/alloc.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_LABELS 8
#define CACHE_LINE 64

enum metric_type { COUNTER, GAUGE, HISTOGRAM };

struct label_list {
    unsigned count;
    const char *values[MAX_LABELS];
};

#define COUNT_VALUES(...) (sizeof((const char *[]){__VA_ARGS__}) / sizeof(const char *))
#define LABEL_LIST(list, ...) static const struct label_list labels_##list = {COUNT_VALUES(__VA_ARGS__), {__VA_ARGS__}};
LH_METRIC_LABELS(LABEL_LIST)
static const struct label_list labels_NONE = {1, {""}};

struct metric_row {
    const char *name;
    enum metric_type type;
    const char *label;
    const struct label_list *values;
    const char *help;
};

static const struct metric_row rows[LH_METRIC_COUNT] = {
#define METRIC_ROW(metric, kind, label_key, list, text) {#metric, kind, label_key, &labels_##list, text},
    LH_METRICS(METRIC_ROW)
#undef METRIC_ROW
};

/* Upper bounds in microseconds; the last bucket has none. */
static const int64_t bounds_us[] = {250,    500,    1000,   2500,    5000,    10000,   25000,    50000,
                                    100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000, 60000000};
#define BUCKETS (LH_ARRAY_LEN(bounds_us) + 1)

struct cell {
    _Alignas(CACHE_LINE) atomic_int_fast64_t value;
};

struct histogram {
    _Alignas(CACHE_LINE) atomic_int_fast64_t buckets[BUCKETS];
    atomic_int_fast64_t sum_us;
};

struct lh_metrics {
    struct cell cells[LH_METRIC_COUNT][MAX_LABELS];
    struct histogram histograms[LH_METRIC_COUNT][MAX_LABELS];
};

struct lh_metrics *lh_metrics_new(void) {
    struct lh_metrics *m = aligned_alloc(CACHE_LINE, sizeof *m); /* lh_malloc aligns for scalars only */
    if (!m)
        abort();
    memset(m, 0, sizeof *m);
    return m;
}

void lh_metrics_free(struct lh_metrics *m) {
    lh_free(m);
}

static struct cell *cell_of(struct lh_metrics *m, enum lh_metric metric, unsigned label) {
    unsigned last = rows[metric].values->count - 1;
    return &m->cells[metric][label < last ? label : last];
}

void lh_metric_add(struct lh_metrics *m, enum lh_metric metric, unsigned label, uint64_t amount) {
    if (m)
        atomic_fetch_add_explicit(&cell_of(m, metric, label)->value, (int_fast64_t)amount, memory_order_relaxed);
}

void lh_metric_set(struct lh_metrics *m, enum lh_metric metric, unsigned label, int64_t value) {
    if (m)
        atomic_store_explicit(&cell_of(m, metric, label)->value, value, memory_order_relaxed);
}

void lh_metric_change(struct lh_metrics *m, enum lh_metric metric, unsigned label, int64_t by) {
    if (m)
        atomic_fetch_add_explicit(&cell_of(m, metric, label)->value, by, memory_order_relaxed);
}

static struct histogram *histogram_of(const struct lh_metrics *m, enum lh_metric metric, unsigned label) {
    unsigned last = rows[metric].values->count - 1;
    return &((struct lh_metrics *)(uintptr_t)m)->histograms[metric][label < last ? label : last];
}

void lh_metric_observe_label_us(struct lh_metrics *m, enum lh_metric metric, unsigned label, int64_t microseconds) {
    if (!m)
        return;
    int64_t us = microseconds < 0 ? 0 : microseconds;
    size_t bucket = 0;
    while (bucket < LH_ARRAY_LEN(bounds_us) && us > bounds_us[bucket])
        bucket++;
    struct histogram *h = histogram_of(m, metric, label);
    atomic_fetch_add_explicit(&h->buckets[bucket], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&h->sum_us, us, memory_order_relaxed);
}

void lh_metric_observe_us(struct lh_metrics *m, enum lh_metric metric, int64_t microseconds) {
    lh_metric_observe_label_us(m, metric, 0, microseconds);
}

int64_t lh_metric_value(const struct lh_metrics *m, enum lh_metric metric, unsigned label) {
    struct lh_metrics *cells = (struct lh_metrics *)(uintptr_t)m;
    if (rows[metric].type != HISTOGRAM)
        return atomic_load_explicit(&cell_of(cells, metric, label)->value, memory_order_relaxed);
    int64_t total = 0;
    for (size_t i = 0; i < BUCKETS; i++)
        total += atomic_load_explicit(&histogram_of(m, metric, label)->buckets[i], memory_order_relaxed);
    return total;
}

unsigned lh_metric_label(enum lh_metric metric, const char *value) {
    const struct label_list *values = rows[metric].values;
    unsigned i = 0;
    while (i + 1 < values->count && strcmp(values->values[i], value) != 0)
        i++;
    return i;
}

static void write_plain(const struct lh_metrics *m, enum lh_metric metric, struct buf *out) {
    const struct metric_row *row = &rows[metric];
    for (unsigned i = 0; i < row->values->count; i++) {
        buf_printf(out, "lakehouse_%s", row->name);
        if (*row->label)
            buf_printf(out, "{%s=\"%s\"}", row->label, row->values->values[i]);
        buf_printf(out, " %" PRId64 "\n", lh_metric_value(m, metric, i));
    }
}

static void write_histogram(const struct lh_metrics *m, enum lh_metric metric, unsigned label, struct buf *out) {
    const struct metric_row *row = &rows[metric];
    const struct histogram *h = histogram_of(m, metric, label);
    char own[64] = ""; /* the metric's own label */
    if (*row->label)
        snprintf(own, sizeof own, "%s=\"%s\"", row->label, row->values->values[label]);
    const char *comma = *own ? "," : "", *open = *own ? "{" : "", *close = *own ? "}" : "";
    int64_t total = 0;
    for (size_t i = 0; i < BUCKETS; i++) {
        total += atomic_load_explicit(&h->buckets[i], memory_order_relaxed);
        if (i < LH_ARRAY_LEN(bounds_us))
            buf_printf(out, "lakehouse_%s_bucket{%s%sle=\"%g\"} %" PRId64 "\n", row->name, own, comma,
                       (double)bounds_us[i] / 1e6, total);
    }
    buf_printf(out, "lakehouse_%s_bucket{%s%sle=\"+Inf\"} %" PRId64 "\n", row->name, own, comma, total);
    int64_t sum_us = atomic_load_explicit(&h->sum_us, memory_order_relaxed);
    buf_printf(out, "lakehouse_%s_sum%s%s%s %" PRId64 ".%06" PRId64 "\n", row->name, open, own, close, sum_us / 1000000,
               sum_us % 1000000);
    buf_printf(out, "lakehouse_%s_count%s%s%s %" PRId64 "\n", row->name, open, own, close, total);
}

void lh_metrics_write(const struct lh_metrics *m, struct buf *out) {
    static const char *const type_names[] = {"counter", "gauge", "histogram"};
    for (size_t i = 0; i < LH_METRIC_COUNT; i++) {
        enum lh_metric metric = (enum lh_metric)i;
        buf_printf(out, "# HELP lakehouse_%s %s\n# TYPE lakehouse_%s %s\n", rows[i].name, rows[i].help, rows[i].name,
                   type_names[rows[i].type]);
        for (unsigned label = 0; rows[i].type == HISTOGRAM && label < rows[i].values->count; label++)
            write_histogram(m, metric, label, out);
        if (rows[i].type != HISTOGRAM)
            write_plain(m, metric, out);
    }
}
