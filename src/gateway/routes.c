/* Every route there is.  README.md says how to add one. */
#include "gateway/routes.h"

#include "base/attr.h"

/* A row is read as a row. */
/* clang-format off */

#define OPS "Operations"
#define STORAGE "Storage"
#define CATALOG "Catalog"
#define QUERY "Query"
#define INGEST "Ingest"
#define JOURNAL "Journal"
#define AI "AI"
#define ACCESS "Access"

#define LIST_LIMIT {"limit", "integer", "items on a page", false}
#define PAGE_TOKEN {"page_token", "string", "next_page_token of the page before", false}
#define IF_MATCH {"If-Match", "string", "only where the object's ETag is one of these", true}
#define IF_MATCH_PUT {"If-Match", "string", "only where the object's ETag is one of these, looked at before the write: of two " \
                      "such writes at one time both may pass", true}
#define IF_NONE_MATCH_GET {"If-None-Match", "string", "304 where the object's ETag is one of these", true}
#define IF_NONE_MATCH_PUT {"If-None-Match", "string", "`*`: only where there is no object yet, atomically; else 412", \
                           true}
#define RANGE {"Range", "string", "one range of bytes: bytes=0-99, bytes=100-, bytes=-50", true}
#define IF_RANGE {"If-Range", "string", "the range only where this is the ETag, else the whole", true}
#define BUCKET {"X-Lakehouse-Bucket", "string", \
                "only datasets of this bucket; 404 with the valid names where there is none such", true}
#define IDEMPOTENCY {"Idempotency-Key", "string", "the same request again gives the same answer and writes nothing; another one: 409",  \
                     true}
#define PREFIX {"prefix", "string", "keys that start with this", false}

const struct route gateway_routes[] = {
    {HTTP_GET, "/health", handle_health, ACCESS_PUBLIC, BODY_NONE, ROUTE_INLINE | ROUTE_PROBE, OPS,
     "Is the process alive", NULL, "Health", {{0}}},
    {HTTP_GET, "/ready", handle_ready, ACCESS_PUBLIC, BODY_NONE, ROUTE_PROBE, OPS,
     "Do all parts work; 503 names the one that does not", NULL, "Ready", {{0}}},
    {HTTP_GET, "/metrics", handle_metrics, ACCESS_ANY, BODY_NONE, ROUTE_PROBE, OPS,
     "Metrics in Prometheus' text format", NULL, "text/plain", {{0}}},
    {HTTP_GET, "/openapi.json", handle_openapi, ACCESS_PUBLIC, BODY_NONE, 0, OPS,
     "This interface, described for programs", NULL, "application/json", {{0}}},
    {HTTP_GET, "/", handle_landing, ACCESS_PUBLIC, BODY_NONE, 0, OPS, "A page that lists the routes and the next steps",
     NULL, "text/html", {{0}}},
    {HTTP_GET, "/jobs", handle_job_list, ACCESS_ADMIN, BODY_NONE, 0, OPS, "List long work, newest first", NULL, "JobList",
     {{"kind", "string", "only jobs of this kind", false},
      {"state", "string", "only queued, running, waiting, done, failed or cancelled ones", false},
      {"subject", "string", "only jobs on this dataset or other thing", false},
      LIST_LIMIT, PAGE_TOKEN}},
    {HTTP_GET, "/jobs/{id}", handle_job_get, ACCESS_ADMIN, BODY_NONE, 0, OPS,
     "One job: how far it is, how fast, when it may end", NULL, "Job", {{0}}},
    {HTTP_DELETE, "/jobs/{id}", handle_job_cancel, ACCESS_ADMIN, BODY_NONE, 0, OPS,
     "Cancel a job; a running one ends soon after the answer", NULL, "Job", {{0}}},

    {HTTP_GET, "/storage/objects", handle_object_list, ACCESS_ADMIN, BODY_NONE, 0, STORAGE,
     "List objects of the primary bucket", NULL, "ObjectList", {PREFIX, LIST_LIMIT, PAGE_TOKEN}},
    {HTTP_PUT, "/storage/objects/{*key}", handle_object_put, ACCESS_ADMIN, BODY_UPLOAD, ROUTE_LONG, STORAGE,
     "Store an object in the primary bucket; durable when answered", "application/octet-stream", "Object",
     {IF_MATCH_PUT, IF_NONE_MATCH_PUT}},
    {HTTP_GET, "/storage/objects/{*key}", handle_object_get, ACCESS_ADMIN, BODY_NONE, ROUTE_LONG, STORAGE,
     "Fetch an object of the primary bucket, or a range of it", NULL, "application/octet-stream",
     {IF_MATCH, IF_NONE_MATCH_GET, RANGE, IF_RANGE}},
    {HTTP_DELETE, "/storage/objects/{*key}", handle_object_delete, ACCESS_ADMIN, BODY_NONE, 0, STORAGE,
     "Delete an object of the primary bucket", NULL, NULL, {{0}}},
    {HTTP_GET, "/storage/buckets", handle_bucket_list, ACCESS_ADMIN, BODY_NONE, 0, STORAGE,
     "List the buckets, and whether each can be reached", NULL, "BucketList", {{0}}},
    {HTTP_POST, "/storage/buckets", handle_bucket_add, ACCESS_ADMIN, BODY_JSON, 0, STORAGE,
     "Add a bucket; kept across restarts", "BucketRequest", "Bucket", {{0}}},
    {HTTP_DELETE, "/storage/buckets/{name}", handle_bucket_remove, ACCESS_ADMIN, BODY_NONE, 0, STORAGE,
     "Forget a bucket; its objects stay where they are", NULL, NULL, {{0}}},
    {HTTP_GET, "/storage/bucket-health", handle_bucket_health, ACCESS_ADMIN, BODY_NONE, 0, STORAGE,
     "Can every bucket be reached", NULL, "BucketHealth", {{0}}},
    {HTTP_GET, "/storage/buckets/{bucket}/objects", handle_object_list, ACCESS_ADMIN, BODY_NONE, 0, STORAGE,
     "List objects of a bucket", NULL, "ObjectList", {PREFIX, LIST_LIMIT, PAGE_TOKEN}},
    {HTTP_PUT, "/storage/buckets/{bucket}/objects/{*key}", handle_object_put, ACCESS_ADMIN, BODY_UPLOAD, ROUTE_LONG,
     STORAGE, "Store an object in a bucket; durable when answered", "application/octet-stream", "Object",
     {IF_MATCH_PUT, IF_NONE_MATCH_PUT}},
    {HTTP_GET, "/storage/buckets/{bucket}/objects/{*key}", handle_object_get, ACCESS_ADMIN, BODY_NONE, ROUTE_LONG,
     STORAGE, "Fetch an object of a bucket, or a range of it", NULL, "application/octet-stream",
     {IF_MATCH, IF_NONE_MATCH_GET, RANGE, IF_RANGE}},
    {HTTP_DELETE, "/storage/buckets/{bucket}/objects/{*key}", handle_object_delete, ACCESS_ADMIN, BODY_NONE, 0, STORAGE,
     "Delete an object of a bucket", NULL, NULL, {{0}}},
    {HTTP_GET, "/storage/errors", handle_error_list, ACCESS_ADMIN, BODY_NONE, 0, STORAGE,
     "What failed on buckets, newest first", NULL, "ErrorList",
     {{"bucket", "string", "failures of this bucket", false},
      {"since", "string", "at or after this time (RFC 3339)", false},
      LIST_LIMIT}},
    {HTTP_POST, "/storage/errors/flush", handle_error_flush, ACCESS_ADMIN, BODY_JSON, 0, STORAGE,
     "Move the journal's local records into the bucket now", NULL, "ErrorFlush", {{0}}},
    {HTTP_POST, "/storage/errors/compact", handle_error_compact, ACCESS_ADMIN, BODY_JSON, 0, STORAGE,
     "Merge the journal's small batches", NULL, "ErrorCompact", {{0}}},

    {HTTP_GET, "/catalog/datasets", handle_dataset_list, ACCESS_ANY, BODY_NONE, 0, CATALOG,
     "List the datasets, by name, with their columns", NULL, "DatasetList", {LIST_LIMIT, PAGE_TOKEN, BUCKET}},
    {HTTP_GET, "/catalog/datasets/by-name/{name}", handle_dataset_get, ACCESS_ANY, BODY_NONE, 0, CATALOG,
     "All that is known of a dataset, now or at a past moment", NULL, "Dataset",
     {{"as_of", "string", "a catalog version (a number) or a time (RFC 3339); left out: now", false}, BUCKET}},
    {HTTP_POST, "/catalog/datasets", handle_dataset_register, ACCESS_ADMIN, BODY_JSON, 0, CATALOG,
     "Make a dataset of Parquet objects that stand in a bucket already; nothing is copied", "RegisterRequest",
     "Registered", {{"X-Lakehouse-Bucket", "string", "the bucket of the objects", true}, IDEMPOTENCY}},
    {HTTP_PATCH, "/catalog/datasets/by-name/{name}/metadata", handle_dataset_patch, ACCESS_ADMIN, BODY_JSON, 0, CATALOG,
     "Change what people say about a dataset; a field that is absent stays, null clears it", "MetadataPatch", "Dataset",
     {BUCKET, IDEMPOTENCY}},
    {HTTP_DELETE, "/catalog/datasets/by-name/{name}", handle_dataset_delete, ACCESS_ADMIN, BODY_NONE, 0, CATALOG,
     "Take a dataset out of the catalog; its files stay for time travel", NULL, "DatasetChange", {BUCKET, IDEMPOTENCY}},
    {HTTP_GET, "/catalog/datasets/{name}/versions", handle_dataset_versions, ACCESS_ANY, BODY_NONE, 0, CATALOG,
     "What changed in a dataset, newest first", NULL, "VersionList", {LIST_LIMIT, PAGE_TOKEN}},
    {HTTP_POST, "/catalog/datasets/{name}/resync", handle_dataset_resync, ACCESS_ADMIN, BODY_JSON, 0, CATALOG,
     "Set a dataset's row count, sizes and columns right from the footers of its files", NULL, "Resync",
     {BUCKET, IDEMPOTENCY}},
    {HTTP_POST, "/catalog/resync-missing", handle_resync_missing, ACCESS_ADMIN, BODY_JSON, ROUTE_LONG, CATALOG,
     "Resync every dataset that has files but no rows or no columns in the catalog", NULL, "ResyncMissing", {{0}}},
    {HTTP_POST, "/catalog/migrate-buckets", handle_migrate_buckets, ACCESS_ADMIN, BODY_JSON, ROUTE_LONG, CATALOG,
     "Give every object reference the name of a bucket there is; a second run changes nothing", NULL, "MigrateBuckets",
     {IDEMPOTENCY}},
    {HTTP_POST, "/catalog/datasets/{name}/tombstone", handle_dataset_tombstone, ACCESS_ADMIN, BODY_JSON, ROUTE_LONG, CATALOG,
     "Take rows away by their keys, from every answer at once; keys that name no row are listed", "TombstoneRequest",
     "Tombstoned", {BUCKET, IDEMPOTENCY}},
    {HTTP_POST, "/catalog/datasets/{name}/untombstone", handle_dataset_untombstone, ACCESS_ADMIN, BODY_JSON, ROUTE_LONG,
     CATALOG, "Bring tombstoned rows back, as long as no compaction has removed them (409)", "UntombstoneRequest",
     "Untombstoned", {BUCKET, IDEMPOTENCY}},
    {HTTP_GET, "/catalog/datasets/{name}/tombstones", handle_dataset_tombstones, ACCESS_ADMIN, BODY_NONE, 0, CATALOG,
     "The tombstones in force, oldest first", NULL, "TombstoneList", {LIST_LIMIT, PAGE_TOKEN, BUCKET}},
    {HTTP_POST, "/catalog/vacuum", handle_catalog_vacuum, ACCESS_ADMIN, BODY_JSON, ROUTE_LONG, CATALOG,
     "Remove the files that no version within the retention names (a job), or with dry_run tell which they are", "VacuumRequest",
     "VacuumAnswer", {{0}}},
    {HTTP_GET, "/catalog/maintenance", handle_catalog_maintenance, ACCESS_ADMIN, BODY_NONE, 0, CATALOG,
     "Each dataset's files by role, what compaction does next and why; the vacuum's horizon", NULL, "Maintenance",
     {{"dataset", "string", "only this one", false}, LIST_LIMIT, PAGE_TOKEN}},
    {HTTP_GET, "/catalog/lineage/{name}", handle_dataset_lineage, ACCESS_ANY, BODY_NONE, 0, CATALOG,
     "Where a dataset's rows came from", NULL, "Lineage", {BUCKET}},

    {HTTP_POST, "/query/sql", handle_query_sql, ACCESS_ADMIN, BODY_JSON, ROUTE_QUERY, QUERY,
     "Run a statement; rows are streamed as JSON, NDJSON, CSV, an Arrow stream or Parquet, by Accept", "QueryRequest",
     "QueryAnswer",
     {{"Accept", "string",
       "application/json (default), application/x-ndjson, text/csv, application/vnd.apache.arrow.stream, "
       "application/vnd.apache.parquet", true},
      BUCKET}},
    {HTTP_POST, "/query/cache/pin", handle_cache_pin, ACCESS_ADMIN, BODY_JSON, ROUTE_LONG, QUERY,
     "Keep a dataset as a DuckDB file that statements read instead of Parquet, through all its changes", "PinRequest",
     "HotDataset", {{0}}},
    {HTTP_POST, "/query/cache/evict", handle_cache_evict, ACCESS_ADMIN, BODY_JSON, 0, QUERY,
     "Keep a dataset hot no longer", "EvictRequest", "Evicted", {{0}}},
    {HTTP_GET, "/query/cache/stats", handle_cache_stats, ACCESS_ADMIN, BODY_NONE, 0, QUERY,
     "What is hot, how large it is, and how often it was read", NULL, "HotCache", {{0}}},
    {HTTP_POST, "/query/explain", handle_query_explain, ACCESS_ADMIN, BODY_JSON, ROUTE_QUERY, QUERY,
     "Show the plan of a statement without running it", "QueryRequest", "ExplainAnswer", {BUCKET}},
    {HTTP_POST, "/query/compact", handle_query_compact, ACCESS_ADMIN, BODY_JSON, 0, QUERY,
     "Compact a dataset: deltas, tombstones and small files become few files in order (a job)", "CompactRequest",
     "JobStarted", {{0}}},

    {HTTP_POST, "/query/delta/{name}", handle_query_delta, ACCESS_ADMIN, BODY_JSON, ROUTE_QUERY, INGEST,
     "Write rows on top of a dataset: JSON (an array of objects, or one) or an object a line; with a primary key the newest "
     "row of a key wins; durable when answered", "application/json", "DeltaReport",
     {{"Content-Type", "string", "application/json, or application/x-ndjson for an object a line", true},
      {"misfits", "string", "where a value does not fit its column's type: refuse (default), or text, which makes the "
       "column VARCHAR", false},
      IDEMPOTENCY}},
    {HTTP_POST, "/ingest/file", handle_ingest_file, ACCESS_ADMIN, BODY_UPLOAD, ROUTE_LONG, INGEST,
     "Turn a file into a dataset: multipart with a part named file, or the bytes themselves with the fields in the "
     "query; the same bytes again write nothing", "multipart/form-data", "IngestReport",
     {{"name", "string", "the dataset; else made from the file's name", false},
      {"mode", "string", "create (default), append, upsert or replace", false},
      {"primary_key", "string", "columns of a new dataset's primary key: a, or a,b, or a JSON array of names", false},
      {"file_name", "string", "the file's name, where the body is the bytes themselves", false},
      {"source_system", "string", "what the lineage says: upload (default), cli, inbox or demo", false},
      {"format", "string", "csv, tsv, json, ndjson, parquet or text; else found by looking, as are the next four", false},
      {"delimiter", "string", "one character, or tab", false},
      {"quote", "string", "one character, or none", false},
      {"header", "string", "true or false: do the names of the columns stand in the first line", false},
      {"encoding", "string", "utf-8, utf-16le, utf-16be or windows-1252", false},
      {"bucket", "string", "as X-Lakehouse-Bucket", false},
      IDEMPOTENCY,
      {"X-Lakehouse-Bucket", "string", "where the dataset's files go", true}}},
    {HTTP_GET, "/ingest/rejects/{name}", handle_ingest_rejects, ACCESS_ADMIN, BODY_NONE, 0, INGEST,
     "The lines of a dataset's sources that could not be used, with number and reason", NULL, "RejectList",
     {LIST_LIMIT, PAGE_TOKEN}},

    {HTTP_POST, "/journal/event", handle_journal_event, ACCESS_ADMIN, BODY_JSON, 0, JOURNAL,
     "Write an event, or with {\"events\": [...]} up to 1,000 that stand together or not at all; durable when answered",
     "JournalEvents", "JournalWritten", {{0}}},
    {HTTP_POST, "/journal/update", handle_journal_update, ACCESS_ADMIN, BODY_JSON, 0, JOURNAL,
     "Write the change of one field of an entity; durable when answered", "JournalUpdate", "JournalWritten", {{0}}},
    {HTTP_POST, "/journal/flush", handle_journal_flush, ACCESS_ADMIN, BODY_JSON, ROUTE_LONG, JOURNAL,
     "Move what waits in the local log into Parquet now, and merge small files", NULL, "JournalFlush", {{0}}},
    {HTTP_GET, "/journal/history/{*entity_id}", handle_journal_history, ACCESS_ADMIN, BODY_NONE, 0, JOURNAL,
     "The events of an entity, oldest first, and what it looked like after them; a dataset's entity is its name, a row's "
     "its key (of several columns: their texts as a JSON array)", NULL,
     "JournalHistory",
     {{"dataset", "string", "the entity is a row of this dataset", false},
      {"entity_type", "string", "only entities of this type; that of a row is its dataset's name", false},
      {"as_of", "string", "only what had happened by this time (RFC 3339)", false},
      {"limit", "integer", "events in the answer, the newest ones (1,000)", false}}},
    {HTTP_GET, "/journal/recent", handle_journal_recent, ACCESS_ADMIN, BODY_NONE, 0, JOURNAL,
     "The newest events, newest first", NULL, "JournalList", {LIST_LIMIT}},
    {HTTP_GET, "/journal/stats", handle_journal_stats, ACCESS_ADMIN, BODY_NONE, 0, JOURNAL,
     "How many events there are and where they lie", NULL, "JournalStats", {{0}}},

    {HTTP_POST, "/ai/embed", handle_ai_embed, ACCESS_ANY, BODY_JSON, ROUTE_LONG, AI,
     "Embed up to 2,048 texts; the model is `lexical-1` (built in), `ollama/NAME`, `openai/NAME`, or by default the configured one",
     "EmbedRequest", "EmbedAnswer", {{0}}},
    {HTTP_POST, "/ai/generate", handle_ai_generate, ACCESS_ANY, BODY_JSON, ROUTE_LONG, AI,
     "Have the configured generator write; with Accept: text/event-stream its pieces as they come", "GenerateRequest",
     "GenerateAnswer", {{"Accept", "string", "application/json (default) or text/event-stream", true}}},
    {HTTP_GET, "/ai/models", handle_ai_models, ACCESS_ANY, BODY_NONE, ROUTE_LONG, AI,
     "The models of every provider, and the providers that do not answer", NULL, "AiModels", {{0}}},
    {HTTP_GET, "/ai/health", handle_ai_health, ACCESS_ANY, BODY_NONE, ROUTE_LONG, AI,
     "Ask every provider whether it answers; who embeds and who writes", NULL, "AiHealth", {{0}}},
    {HTTP_POST, "/ai/admin/preload", handle_ai_preload, ACCESS_ADMIN, BODY_JSON, ROUTE_LONG, AI,
     "Load a model of Ollama into memory; keep_s: for so long, -1 (default): for good", "LoadRequest", "LoadAnswer", {{0}}},
    {HTTP_POST, "/ai/admin/unload", handle_ai_unload, ACCESS_ADMIN, BODY_JSON, ROUTE_LONG, AI,
     "Take a model of Ollama out of memory", "LoadRequest", "LoadAnswer", {{0}}},
    {HTTP_GET, "/ai/admin/vram", handle_ai_vram, ACCESS_ADMIN, BODY_NONE, ROUTE_LONG, AI,
     "Memory of the GPUs of this machine, and the models in memory", NULL, "Vram", {{0}}},
    {HTTP_POST, "/v1/embeddings", handle_openai_embeddings, ACCESS_ANY, BODY_JSON, ROUTE_LONG, AI,
     "Embeddings in OpenAI's shape, as floats or base64", "OpenAiEmbeddingsRequest", "OpenAiEmbeddings", {{0}}},
    {HTTP_POST, "/v1/chat/completions", handle_openai_chat, ACCESS_ANY, BODY_JSON, ROUTE_LONG, AI,
     "The configured generator in OpenAI's shape, streamed as events with `stream`; without a generator 503", "OpenAiChatRequest",
     "OpenAiChat", {{0}}},
    {HTTP_GET, "/v1/models", handle_openai_models, ACCESS_ANY, BODY_NONE, ROUTE_LONG, AI,
     "The models of the providers that answer, in OpenAI's shape", NULL, "OpenAiModels", {{0}}},

    {HTTP_GET, "/access/keys", handle_key_list, ACCESS_ADMIN, BODY_NONE, 0, ACCESS, "List the API keys", NULL,
     "AccessKeyList", {{0}}},
    {HTTP_POST, "/access/keys", handle_key_create, ACCESS_ADMIN, BODY_JSON, 0, ACCESS,
     "Make an API key; the answer shows it this one time", "AccessKeyRequest", "AccessKeyCreated", {{0}}},
    {HTTP_DELETE, "/access/keys/{id}", handle_key_revoke, ACCESS_ADMIN, BODY_NONE, 0, ACCESS,
     "Revoke an API key; every server heeds it within a second", NULL, NULL, {{0}}},
};
/* clang-format on */
const size_t gateway_route_count = LH_ARRAY_LEN(gateway_routes);
