/* Metrics in Prometheus' model.  All of them stand in one table; an increment is one relaxed atomic add.
 *
 *     lh_metric_add(m, LH_METRIC_http_requests_total, 1, 1);
 *
 * A metric has at most one label, whose values are a fixed list known at compile time, so that no client can make the
 * table grow.  Thread-safe; never blocks.  A NULL `struct lh_metrics *` is accepted and does nothing. */
#ifndef LH_BASE_METRICS_H
#define LH_BASE_METRICS_H

#include "base/buf.h"

#include <stdint.h>

/* X(name, type, label key or "", list of label values, help).  Names get the prefix "lakehouse_"; durations are
 * recorded in microseconds and printed in seconds.  Adding one: a row here and, for a new label, a list below. */
#define LH_METRICS(X)                                                                                             \
    X(http_requests_total, COUNTER, "status", STATUS_CLASS, "HTTP requests answered, by class of status")         \
    X(http_request_seconds, HISTOGRAM, "", NONE, "Time from the request's head to the end of the answer")         \
    X(http_in_flight, GAUGE, "", NONE, "HTTP requests begun and not ended")                                       \
    X(http_received_bytes_total, COUNTER, "", NONE, "Bytes of request bodies")                                    \
    X(http_sent_bytes_total, COUNTER, "", NONE, "Bytes of response bodies")                                       \
    X(http_connections, GAUGE, "", NONE, "Open HTTP connections")                                                 \
    X(http_refused_total, COUNTER, "reason", REFUSAL, "Requests refused before routing, by reason")               \
    X(queries_total, COUNTER, "outcome", OUTCOME, "SQL statements ended, by outcome")                             \
    X(query_seconds, HISTOGRAM, "", NONE, "Time of a SQL statement from leaving the queue to its last row")       \
    X(query_queue_seconds, HISTOGRAM, "", NONE, "Time that SQL statements waited for a worker")                   \
    X(query_queue_length, GAUGE, "", NONE, "SQL statements waiting for a worker")                                 \
    X(query_rows_total, COUNTER, "", NONE, "Rows sent in answers to SQL")                                         \
    X(engine_workers, GAUGE, "class", WORKER_CLASS, "Worker processes alive, by class")                           \
    X(engine_workers_started_total, COUNTER, "class", WORKER_CLASS, "Worker processes started, by class")         \
    X(engine_worker_crashes_total, COUNTER, "class", WORKER_CLASS, "Worker processes that ended by themselves")   \
    X(engine_worker_start_seconds, HISTOGRAM, "", NONE, "Time to a ready worker process")                         \
    X(ingest_files_total, COUNTER, "outcome", INGEST_OUTCOME, "Files ingested, by outcome")                       \
    X(ingest_bytes_total, COUNTER, "", NONE, "Bytes of source files ingested")                                    \
    X(ingest_rows_total, COUNTER, "", NONE, "Rows written by ingest")                                             \
    X(ingest_rejected_rows_total, COUNTER, "", NONE, "Source lines rejected by ingest")                           \
    X(ingest_seconds, HISTOGRAM, "", NONE, "Time of one file's ingest")                                           \
    X(catalog_version, GAUGE, "", NONE, "Newest catalog version this process has seen")                           \
    X(catalog_datasets, GAUGE, "", NONE, "Datasets in the newest snapshot")                                       \
    X(catalog_commits_total, COUNTER, "outcome", COMMIT_OUTCOME, "Catalog transactions, by outcome")              \
    X(catalog_commit_seconds, HISTOGRAM, "", NONE, "Time of a catalog commit")                                    \
    X(catalog_checkpoints_total, COUNTER, "", NONE, "Catalog checkpoints written")                                \
    X(store_operations_total, COUNTER, "operation", STORE_OPERATION, "Object store calls, by operation")          \
    X(store_errors_total, COUNTER, "operation", STORE_OPERATION, "Object store calls that failed, by operation")  \
    X(store_read_bytes_total, COUNTER, "", NONE, "Bytes read from object stores")                                 \
    X(store_written_bytes_total, COUNTER, "", NONE, "Bytes written to object stores")                             \
    X(journal_records_total, COUNTER, "", NONE, "Records made durable in append logs")                            \
    X(journal_fsync_seconds, HISTOGRAM, "", NONE, "Time of a group's flush to disk")                              \
    X(index_trials_total, COUNTER, "outcome", TRIAL_OUTCOME, "Trials of an index's graph, by outcome")            \
    X(index_promotions_total, COUNTER, "action", PROMOTION, "Changes of what is promoted on an index, by action") \
    X(index_switches_total, COUNTER, "", NONE, "Generations of indexes that came into use")                       \
    X(ai_requests_total, COUNTER, "provider", AI_PROVIDER, "Calls of a provider to embed, generate or rerank")    \
    X(ai_failures_total, COUNTER, "provider", AI_PROVIDER, "Those that it failed: down, slow, or nonsense")       \
    X(ai_embed_seconds, HISTOGRAM, "provider", AI_PROVIDER, "Time of a call to embed")                            \
    X(ai_generate_seconds, HISTOGRAM, "provider", AI_PROVIDER, "Time of a call to generate, to its last piece")   \
    X(ai_rerank_seconds, HISTOGRAM, "provider", AI_PROVIDER, "Time of a call to rerank")                          \
    X(ai_embedded_texts_total, COUNTER, "provider", AI_PROVIDER, "Texts embedded")                                \
    X(ai_embed_tokens_total, COUNTER, "provider", AI_PROVIDER, "Tokens embedded, where it counts them")           \
    X(ai_prompt_tokens_total, COUNTER, "provider", AI_PROVIDER, "Tokens read to generate, where it counts them")  \
    X(ai_answer_tokens_total, COUNTER, "provider", AI_PROVIDER, "Tokens generated, where it counts them")         \
    X(ai_circuit_open, GAUGE, "provider", AI_PROVIDER, "1 while its calls fail at once: taken to be down")        \
    X(trace_spans_dropped_total, COUNTER, "", NONE, "Trace spans dropped because the queue or collector was full")

/* X(list, values...): the label's values; an index into the list is a label. */
#define LH_METRIC_LABELS(X)                                                                \
    X(STATUS_CLASS, "1xx", "2xx", "3xx", "4xx", "5xx")                                     \
    X(REFUSAL, "malformed", "too_large", "connections", "slow", "unauthenticated", "rate") \
    X(OUTCOME, "ok", "error", "cancelled", "timeout", "refused", "crash")                  \
    X(WORKER_CLASS, "admin", "ingest", "role")                                             \
    X(INGEST_OUTCOME, "ok", "deduplicated", "failed")                                      \
    X(TRIAL_OUTCOME, "ok", "failed")                                                       \
    X(PROMOTION, "promote", "rollback")                                                    \
    X(COMMIT_OUTCOME, "committed", "conflict", "lost", "unknown")                          \
    X(AI_PROVIDER, "builtin", "ollama", "openai")                                          \
    X(STORE_OPERATION, "put", "put_if_absent", "get", "head", "list", "delete")

enum lh_metric {
#define LH_METRIC_ENUM(name, type, label, values, help) LH_METRIC_##name,
    LH_METRICS(LH_METRIC_ENUM)
#undef LH_METRIC_ENUM
        LH_METRIC_COUNT
};

struct lh_metrics;

struct lh_metrics *lh_metrics_new(void);
void lh_metrics_free(struct lh_metrics *m);

/* `label` is the index into the metric's list of values: 0 where it has none. */
void lh_metric_add(struct lh_metrics *m, enum lh_metric metric, unsigned label, uint64_t amount); /* counters */
void lh_metric_set(struct lh_metrics *m, enum lh_metric metric, unsigned label, int64_t value);   /* gauges */
void lh_metric_change(struct lh_metrics *m, enum lh_metric metric, unsigned label, int64_t by);   /* gauges */
void lh_metric_observe_us(struct lh_metrics *m, enum lh_metric metric, int64_t microseconds);     /* histograms */
void lh_metric_observe_label_us(struct lh_metrics *m, enum lh_metric metric, unsigned label, int64_t microseconds);

int64_t lh_metric_value(const struct lh_metrics *m, enum lh_metric metric, unsigned label); /* a histogram's count */

/* The index of a label's value for a metric; the last one where the text is unknown. */
unsigned lh_metric_label(enum lh_metric metric, const char *value);

/* Prometheus text format 0.0.4, every metric, in the order of the table. */
void lh_metrics_write(const struct lh_metrics *m, struct buf *out);

#endif
