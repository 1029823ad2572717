/* The configuration: one table of keys, from which come the typed struct, the loader's checks, the environment
 * overrides, `lakehouse config check|show`, docs and lakehouse.toml (a unit test holds that file true to the table).
 *
 * Order of precedence: LAKEHOUSE__SECTION__KEY in the environment, the file, the default.  An unknown key is an error
 * with a suggestion; every error names file, line, key and what is allowed.
 *
 * Adding a key: one row below; then LAKEHOUSE_RENEW=1 build/release/tests/unit_base_config renews lakehouse.toml. */
#ifndef LH_BASE_CONFIG_H
#define LH_BASE_CONFIG_H

#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* X(TYPE, key, default, allowed, doc).
 *   BOOL      bool key            "true" | "false"
 *   INT       int64_t key         allowed "MIN..MAX"
 *   SIZE      uint64_t key        bytes; "64KB", "16MB"; allowed "MIN..MAX"
 *   DURATION  int64_t key         milliseconds; "250ms", "30s", "5m"; allowed "MIN..MAX"
 *   STRING    const char *key     allowed: "" or, in words, what it has to be
 *   ENUM      int key             allowed "one|two|three"; the value is the index, named by an enum below
 *   LIST      struct lh_config_list key   strings; the default is one string with commas
 * SIZE keys end in _bytes, DURATION keys have no unit in the file and end in _ms in the struct. */
#define LH_CONFIG_SERVER(X)                                                                                          \
    X(STRING, listen, "127.0.0.1:3100", "ADDRESS:PORT", "Address of the HTTP interface; port 0 takes a free one")    \
    X(BOOL, insecure, "false", "", "Serve a non-loopback address without authentication")                            \
    X(STRING, tls_cert, "", "a PEM file", "Certificate chain; with tls_key the server speaks HTTPS")                 \
    X(STRING, tls_key, "", "a PEM file", "Private key of the certificate; nobody else may be able to read the file") \
    X(INT, io_threads, "2", "1..64", "Threads that move bytes on HTTP connections")                                  \
    X(INT, threads, "16", "1..512", "Threads that run request handlers")                                             \
    X(INT, queue, "128", "0..100000", "Requests that may wait for such a thread; above it 503")                      \
    X(INT, max_connections, "1024", "8..65536", "Open connections at one time")                                      \
    X(INT, max_connections_per_client, "256", "1..65536", "Open connections of one client address")                  \
    X(SIZE, max_header_bytes, "32KB", "4KB..1MB", "Largest request head")                                            \
    X(SIZE, max_body_bytes, "16MB", "1KB..1GB", "Largest body of a request that is read whole (JSON)")               \
    X(SIZE, max_object_bytes, "5TB", "1KB..5TB", "Largest object that may be put through the storage routes")        \
    X(DURATION, head_timeout, "5s", "100ms..5m", "Time in which a request's head must have arrived")                 \
    X(DURATION, body_timeout, "30s", "1s..1h", "Longest pause while a body arrives or an answer is taken")           \
    X(SIZE, min_body_rate_bytes, "1KB", "0B..1GB", "Bytes a second below which a body, after 10 s, is given up")     \
    X(SIZE, min_answer_rate_bytes, "16KB", "0B..1GB",                                                                \
      "Bytes a second below which who takes an answer, for 10 s, is cut off")                                        \
    X(DURATION, request_timeout, "15m", "1s..1d", "Time limit of a whole request, uploads and downloads excepted")   \
    X(DURATION, idle_timeout, "60s", "1s..1h", "Time that an idle connection stays open")                            \
    X(DURATION, shutdown_timeout, "10s", "0s..5m", "Time that running requests get when the server stops")

#define LH_CONFIG_AUTH(X)                                                                              \
    X(ENUM, enabled, "auto", "auto|on|off", "API keys: auto demands them on any address but loopback") \
    X(INT, failures_per_minute, "10", "1..10000", "Wrong keys from one address within a minute before it must wait")

#define LH_CONFIG_STORAGE(X)                                                                                    \
    X(STRING, root, "", "a folder", "Root of the local bucket \"primary\"; empty: objects/ in the data folder") \
    X(INT, list_page, "1000", "1..10000", "Objects in one page of a listing where the client asks for no number")

#define LH_CONFIG_QUERY(X)                                                                                   \
    X(INT, workers, "2", "1..64", "Query processes that run at one time")                                    \
    X(INT, queue, "64", "0..10000", "Statements that may wait for a query process; above it 503")            \
    X(DURATION, queue_timeout, "30s", "0s..10m", "Longest wait in that queue; after it 503")                 \
    X(DURATION, timeout, "60s", "10ms..1d", "Time limit of a statement where the client asks for none")      \
    X(DURATION, max_timeout, "10m", "10ms..1d", "Longest time limit that a client may ask for")              \
    X(DURATION, cancel_grace, "500ms", "0s..1m", "Time from a cancel to the end of the process by force")    \
    X(SIZE, memory_bytes, "1GB", "64MB..1TB", "Memory that DuckDB may use in one query process")             \
    X(SIZE, address_space_bytes, "8GB", "512MB..16TB", "Address space of one query process: the hard limit") \
    X(SIZE, spill_bytes, "10GB", "0B..100TB", "Disk space that one query process may use for spilling")      \
    X(INT, threads, "0", "0..256", "Threads of DuckDB in one query process; 0: as many as processors")       \
    X(INT, max_rows, "100000", "1..1000000000", "Rows in a JSON answer where the client asks for no limit")  \
    X(SIZE, max_sql_bytes, "64KB", "1KB..16MB", "Longest SQL text")                                          \
    X(INT, requests_per_worker, "1000", "1..1000000", "Statements after which a query process is replaced")  \
    X(DURATION, worker_idle, "5m", "1s..1d", "Time after which an idle query process ends")

#define LH_CONFIG_INGEST(X)                                                                                   \
    X(INT, workers, "2", "1..64", "Files that are ingested at one time")                                      \
    X(INT, queue, "16", "0..10000", "Uploads that may wait for their turn; above it 503")                     \
    X(SIZE, max_upload_bytes, "64GB", "1KB..5TB", "Largest file")                                             \
    X(SIZE, memory_bytes, "384MB", "64MB..1TB", "Memory that DuckDB may use in one ingest process")           \
    X(SIZE, address_space_bytes, "6GB", "512MB..16TB", "Address space of one ingest process: the hard limit") \
    X(DURATION, timeout, "30m", "1s..1d", "Time limit of one file")                                           \
    X(INT, max_columns, "1500", "1..100000", "Most columns of one file")                                      \
    X(SIZE, max_line_bytes, "16MB", "1KB..1GB", "Longest line of a text file")                                \
    X(INT, json_max_depth, "64", "1..128", "Deepest nesting of a JSON file")                                  \
    X(INT, max_rejects, "10000", "0..10000000", "Rejected lines that are kept for one file; all are counted") \
    X(INT, sample_rows, "2000", "10..1000000", "Values of each column that PII detection looks at")

#define LH_CONFIG_CATALOG(X)                                                                               \
    X(INT, checkpoint_every, "100", "1..100000", "Commits between two checkpoints")                        \
    X(DURATION, poll_interval, "500ms", "10ms..1m", "How often commits of other processes are looked for") \
    X(INT, max_retries, "20", "1..1000", "Times that a commit is tried again after losing to another one")

#define LH_CONFIG_ERRORS(X)                                                       \
    X(INT, ring, "2000", "10..1000000", "Newest failures kept in memory")         \
    X(INT, batch_records, "512", "1..100000", "Records that make a batch object") \
    X(DURATION, batch_interval, "30s", "100ms..1h", "Longest time that a record waits for its batch object")

#define LH_CONFIG_JOURNAL(X)                                                                                 \
    X(DURATION, flush_interval, "10s", "100ms..1h", "Longest time that an event waits for its Parquet file") \
    X(INT, merge_files, "8", "2..64", "Event files of one day and size class that are merged into one")      \
    X(INT, row_history_max_rows, "1000", "0..10000",                                                         \
      "Rows of one upsert whose old and new values are told one by one; 0: none")

#define LH_CONFIG_JOBS(X)                                                        \
    X(INT, threads, "2", "1..64", "Jobs (compaction, ...) that run at one time") \
    X(INT, history, "200", "1..100000", "Ended jobs that are kept to be looked at")

#define LH_CONFIG_CACHE(X)                                                                                             \
    X(SIZE, hot_bytes, "10GB", "0B..100TB", "Disk space for datasets kept as DuckDB files; 0: none are")               \
    X(DURATION, debounce, "500ms", "0s..1h", "How long a changed dataset settles before it is loaded again")           \
    X(INT, admit_reads, "0", "0..1000000", "Statements within admit_window that load a dataset unasked; 0: pins only") \
    X(DURATION, admit_window, "10m", "1s..30d", "See admit_reads")                                                     \
    X(SIZE, admit_max_bytes, "1GB", "0B..100TB", "Datasets of more bytes are loaded only when pinned")

#define LH_CONFIG_AI(X)                                                                                                \
    X(ENUM, embedder, "builtin", "builtin|ollama|openai", "Who embeds texts: builtin compares words, without a model") \
    X(STRING, embed_model, "", "a name", "Its model; empty: the built-in one")                                         \
    X(INT, embed_dimensions, "0", "0..16384", "Dimensions of its vectors; 0: the model's own (built-in: 384, or 768)") \
    X(STRING, document_prefix, "", "", "Put before texts to be found, where the model wants it")                       \
    X(STRING, query_prefix, "", "", "Put before texts to search by, where the model wants it")                         \
    X(ENUM, generator, "none", "none|ollama|openai", "Who writes answers")                                             \
    X(STRING, generate_model, "", "a name", "Its model")                                                               \
    X(STRING, ollama_url, "", "a URL", "Ollama's address; empty: $OLLAMA_HOST, else http://127.0.0.1:11434")           \
    X(DURATION, keep_alive, "5m", "0s..30d", "How long Ollama keeps a model in memory after a request")                \
    X(STRING, openai_url, "", "a URL", "Base URL of an OpenAI-compatible service; empty: https://api.openai.com/v1")   \
    X(STRING, openai_key_file, "", "a file", "Its key; empty: $OPENAI_API_KEY, or no key")                             \
    X(INT, batch, "64", "1..2048", "Texts in one request to a service")                                                \
    X(DURATION, connect_timeout, "3s", "10ms..1m", "Longest wait for a connection to a service")                       \
    X(DURATION, answer_timeout, "2m", "100ms..1h", "Longest wait for the first and between the pieces of its answer")  \
    X(DURATION, timeout, "10m", "1s..1d", "Longest time of one request to it")                                         \
    X(INT, retries, "2", "0..10", "Times that a request is tried again")                                               \
    X(SIZE, max_answer_bytes, "64MB", "64KB..1GB", "Largest answer that is taken")                                     \
    X(INT, breaker_failures, "5", "1..1000", "Failures in a row after which a service is taken to be down")            \
    X(DURATION, breaker_pause, "10s", "100ms..1h", "Time until it is tried again")

#define LH_CONFIG_AGENT(X)                                                                                      \
    X(BOOL, enabled, "false", "true|false", "Try settings of indexes' graphs unasked, and promote better ones") \
    X(DURATION, cooldown, "10m", "1s..30d", "Least time between two trials of one index")                       \
    X(INT, max_trials_per_hour, "6", "1..500", "Trials of all indexes within an hour")

#define LH_CONFIG_MAINTENANCE(X)                                                                                       \
    X(BOOL, compact, "true", "true|false", "Compact datasets by themselves; POST /query/compact works either way")     \
    X(DURATION, interval, "30s", "100ms..1d", "How often is looked for datasets to compact")                           \
    X(SIZE, memory_bytes, "512MB", "256MB..1TB", "Memory of a compaction, whatever the size of the dataset")           \
    X(SIZE, file_bytes, "128MB", "64KB..1TB", "Size at which a compacted file is closed; half of it is never small")   \
    X(INT, min_files, "8", "2..1000", "Files of about one size that are merged")                                       \
    X(INT, delta_percent, "25", "1..1000", "Bytes of deltas, of the base's, at which the base is rewritten")           \
    X(INT, tombstone_percent, "10", "1..100", "Rows marked as gone, of the base's, at which the base is rewritten")    \
    X(DURATION, tombstone_age, "7d", "1s..3650d", "Age of a tombstone at which the base is rewritten without it")      \
    X(BOOL, vacuum, "true", "true|false", "Remove files past the retention by itself")                                 \
    X(DURATION, retry_after, "2m", "100ms..1d", "Pause after a job of upkeep (of a dataset, of an index) that failed") \
    X(DURATION, vacuum_interval, "1h", "100ms..30d", "How often is looked for files to remove")                        \
    X(DURATION, retention, "7d", "0s..36500d", "How long past versions can be read")                                   \
    X(DURATION, orphan_age, "1d", "1s..3650d", "Age at which a file that no version names is taken for left behind")

#define LH_CONFIG_LOG(X)                                                               \
    X(ENUM, level, "info", "debug|info|warn|error|off", "Least level that is written") \
    X(ENUM, format, "auto", "auto|text|json", "Form of a line; auto: text on a terminal, JSON otherwise")

#define LH_CONFIG_TRACE(X)                                                                                \
    X(ENUM, exporter, "none", "none|stdout|otlp", "Where trace spans go")                                 \
    X(STRING, endpoint, "http://127.0.0.1:4318/v1/traces", "a URL", "OTLP/HTTP collector, JSON encoding") \
    X(INT, queue, "2048", "16..1000000", "Spans that may wait; above it they are dropped and counted")

/* Sections: X(name in the file, LH_CONFIG_ list, doc). */
#define LH_CONFIG_SECTIONS(X)                                                                          \
    X(server, LH_CONFIG_SERVER, "The HTTP interface and its limits")                                   \
    X(auth, LH_CONFIG_AUTH, "API keys")                                                                \
    X(storage, LH_CONFIG_STORAGE, "Where objects live")                                                \
    X(query, LH_CONFIG_QUERY, "SQL and the processes that run it")                                     \
    X(ingest, LH_CONFIG_INGEST, "Files coming in")                                                     \
    X(catalog, LH_CONFIG_CATALOG, "The commit log")                                                    \
    X(errors, LH_CONFIG_ERRORS, "The journal of operational failures")                                 \
    X(journal, LH_CONFIG_JOURNAL, "The journal of events: what changed, when, by whom")                \
    X(jobs, LH_CONFIG_JOBS, "Long work in the background")                                             \
    X(cache, LH_CONFIG_CACHE, "Datasets that are kept hot: read from DuckDB files")                    \
    X(ai, LH_CONFIG_AI, "Embeddings and generated text: where they come from")                         \
    X(agent, LH_CONFIG_AGENT, "The tuner that goes on by itself")                                      \
    X(maintenance, LH_CONFIG_MAINTENANCE, "Compaction, and the removal of what is past its retention") \
    X(log, LH_CONFIG_LOG, "The server's own log on stderr")                                            \
    X(trace, LH_CONFIG_TRACE, "Trace spans")

/* [[storage.buckets]] and [[ingest.pii]]: any number of tables. */
#define LH_CONFIG_BUCKET(X)                                                              \
    X(STRING, name, "", "a name", "Name of the bucket; one of them must be \"primary\"") \
    X(ENUM, backend, "local", "local", "Kind of store")                                  \
    X(STRING, root, "", "a folder", "Folder of a local bucket")

#define LH_CONFIG_PII_RULE(X)                                                                                  \
    X(STRING, name, "", "a name", "Kind that a match is flagged as")                                           \
    X(STRING, pattern, "", "a regular expression", "RE2 syntax; matched against sampled values; may be empty") \
    X(LIST, columns, "", "names", "Column names (shell patterns, case ignored) that are flagged by name alone")

enum lh_config_auth_enabled { LH_AUTH_AUTO, LH_AUTH_ON, LH_AUTH_OFF };
enum lh_config_ai_embedder { LH_EMBED_BUILTIN, LH_EMBED_OLLAMA, LH_EMBED_OPENAI };
enum lh_config_ai_generator { LH_GENERATE_NONE, LH_GENERATE_OLLAMA, LH_GENERATE_OPENAI };
enum lh_config_trace_exporter { LH_TRACE_NONE, LH_TRACE_STDOUT, LH_TRACE_OTLP };
enum lh_config_bucket_backend { LH_BACKEND_LOCAL };
/* log.level and log.format are enum lh_log_level and enum lh_log_format of base/log.h. */

struct lh_config_list {
    const char **items;
    size_t count;
};

#define LH_CONFIG_FIELD_BOOL(key) bool key;
#define LH_CONFIG_FIELD_INT(key) int64_t key;
#define LH_CONFIG_FIELD_SIZE(key) uint64_t key;
#define LH_CONFIG_FIELD_DURATION(key) int64_t key##_ms;
#define LH_CONFIG_FIELD_STRING(key) const char *key;
#define LH_CONFIG_FIELD_ENUM(key) int key;
#define LH_CONFIG_FIELD_LIST(key) struct lh_config_list key;
#define LH_CONFIG_FIELD(type, key, fallback, allowed, doc) LH_CONFIG_FIELD_##type(key)

struct lh_config_bucket {
    LH_CONFIG_BUCKET(LH_CONFIG_FIELD)
};
struct lh_config_pii_rule {
    LH_CONFIG_PII_RULE(LH_CONFIG_FIELD)
};

/* Every string lives as long as the whole. */
struct lh_config {
#define LH_CONFIG_SECTION_STRUCT(section, list, doc) \
    struct lh_config_##section {                     \
        list(LH_CONFIG_FIELD)                        \
    } section;
    LH_CONFIG_SECTIONS(LH_CONFIG_SECTION_STRUCT)
#undef LH_CONFIG_SECTION_STRUCT

    struct lh_config_bucket *buckets; /* [[storage.buckets]] */
    size_t bucket_count;
    struct lh_config_pii_rule *pii_rules; /* [[ingest.pii]] */
    size_t pii_rule_count;

    struct arena *memory; /* owns all of the above */
};

/* Build a configuration from a file's text (NULL: no file; `name` is for messages) and the environment (NULL: none;
 * a NULL-terminated array such as environ).  LH_INVALID gives the first problem; where `ret_problems` is given, it gets
 * every one of them, a line each.  The result is freed with lh_config_free. */
LH_CHECKED enum lh_code lh_config_load(const char *text, size_t len, const char *name, char *const *env,
                                       struct lh_config **ret_config, struct buf *ret_problems, struct lh_err *err);
void lh_config_free(struct lh_config *config); /* NULL is fine */

/* TOML with every key: its doc as a comment, what is allowed, the value of `config` (NULL: the default).  This is both
 * lakehouse.toml and `lakehouse config show`.  There are no secrets in the configuration by design. */
void lh_config_write(const struct lh_config *config, struct buf *out);

#endif
