#include "gateway/schemas.h"

#include "base/attr.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct schema gateway_schemas[] = {
    {"Problem", "RFC 9457 problem details; `code` is stable, `detail` and `hint` are for people",
     "type string, title string, status integer, detail string, instance string, code string, hint string?, "
     "position integer?, request_id string, error OpenAiError?"},
    {"OpenAiError", "The same as OpenAI's clients read it; routes below /v1/ only",
     "message string, type string, param string?, code string"},
    {"Health", "The process is alive", "status string, version string, uptime_s number"},
    {"ReadyPart", "One part and whether it works", "name string, ok boolean, detail string?"},
    {"Ready", "Every part that must work before requests can be served", "ready boolean, parts ReadyPart[]"},
    {"PinRequest", "A dataset to be kept hot; wait: answer when it is loaded or has failed",
     "dataset string, wait boolean?"},
    {"EvictRequest", "A dataset that is kept hot no longer", "dataset string"},
    {"Evicted", "It is read from Parquet from now on", "dataset string"},
    {"HotDataset",
     "state: waiting (it changed or others come first; read from Parquet meanwhile), loading, hot, failed; version: of the "
     "dataset that is loaded; size_bytes: of its file; reads: statements that read it there",
     "dataset string, id string, pinned boolean, state string, version integer?, size_bytes integer, loads integer, reads "
     "integer, load_ms integer, loaded_at string?, read_at string?, error string?, message string?"},
    {"HotCache", "hits, misses: datasets read by statements from the cache, and not; evictions: what went for others",
     "max_bytes integer, used_bytes integer, pinned integer, loaded integer, hits integer, misses integer, loads integer, "
     "failures integer, evictions integer, datasets HotDataset[]"},
    {"JobProgress", "total 0: not known; rate and eta_ms while it runs and tells progress",
     "done integer, total integer, unit string, rate number?, eta_ms integer?"},
    {"JobError", "Why it failed, or waits", "code string, message string, hint string?"},
    {"Job",
     "Long work on a subject; state is queued, running, waiting, done, failed or cancelled; attempts: starts since the "
     "last checkpoint; input, checkpoint and result depend on the kind",
     "id string, kind string, subject string, actor string, state string, cancelling boolean, attempts integer, "
     "created_at time, started_at time?, ended_at time?, progress JobProgress, input any?, checkpoint any?, result any?, "
     "error JobError?"},
    {"JobList", "One page of jobs, newest first", "items Job[], next_page_token string?"},
    {"JobStarted", "The job; joined: it was active already", "job_id string, joined boolean, job Job"},
    {"CompactRequest",
     "sort_by: a column, else the primary key; it implies full. full: also what is in order already is written again",
     "dataset string, sort_by string?, full boolean?"},
    {"VacuumRequest", "retention_hours 0 keeps the newest version alone; without it maintenance.retention holds",
     "dry_run boolean?, retention_hours number?"},
    {"VacuumFile", "A file that would go; an orphan is one that no version names",
     "bucket string, key string, size_bytes integer, orphan boolean"},
    {"VacuumAnswer",
     "202: job_id, joined and job. 200, of a dry run, the rest: versions from horizon_version on stay readable; "
     "kept_foreign files were registered where they stood and are not ours to remove; items are the first 1,000",
     "job_id string?, joined boolean?, job Job?, horizon_version integer?, files integer?, bytes integer?, "
     "orphans integer?, orphan_bytes integer?, kept_foreign integer?, items VacuumFile[]?, truncated boolean?"},
    {"RoleSums", "Files of one role", "count integer, rows integer, bytes integer"},
    {"NextCompaction", "action is nothing, merge_files, merge_deltas or rewrite_base",
     "action string, why string, files integer, bytes integer"},
    {"DatasetMaintenance", "files by role; shares of the base's bytes and rows",
     "dataset string, files RoleSums{}, small_files integer, delta_percent integer, tombstone_percent integer, "
     "next NextCompaction, last_compaction Job?"},
    {"Horizon", "Versions before it may have lost files; complete: all that were to go are gone",
     "version integer, version_at time, vacuumed_at time, complete boolean"},
    {"Maintenance", "One page of datasets, by name",
     "automatic_compaction boolean, automatic_vacuum boolean, retention_ms integer, horizon Horizon?, last_vacuum Job?, "
     "items DatasetMaintenance[], next_page_token string?"},
    {"Object", "An object in a bucket", "key string, size_bytes integer, etag string, last_modified time"},
    {"ObjectList", "One page of objects, in byte order of their keys", "items Object[], next_page_token string?"},
    {"Bucket", "A bucket and whether it can be reached now",
     "name string, backend string, root string?, reachable boolean, primary boolean, rescue boolean, "
     "configured boolean, reason string?"},
    {"BucketList", "Every bucket, the primary one first", "items Bucket[], next_page_token string?"},
    {"BucketRequest", "A bucket to add; a local root is made where it is missing",
     "name string, backend string?, root string"},
    {"BucketHealth", "All buckets judged together", "healthy boolean, items Bucket[]"},
    {"IndexSource", "What is indexed", "dataset string, id_column string, text_column string"},
    {"IndexModel", "Whose vectors; version: as the provider names it, once built",
     "provider string, name string, dimensions integer, version string?"},
    {"IndexChunks", "How texts are cut", "unit string, size integer, overlap integer"},
    {"IndexGraph", "Of a graph; 0: the defaults", "m integer, ef_construction integer, ef_search integer"},
    {"IndexGeneration", "The objects that are searched: rows are chunks, live ones are found",
     "id string, bucket string?, created_at time, source_id string?, source_version integer, source_rows integer?, rows integer, live integer, documents integer, "
     "segments object[], text string?, dead string?, weights string?"},
    {"Index", "An index; stale: its dataset has changed since",
     "name string, number integer, created_at time, bucket string, source IndexSource, model IndexModel, "
     "chunks IndexChunks, hnsw IndexGraph, backend string, refresh string, refresh_every_s integer, ready boolean, "
     "stale boolean, dataset_version integer?, generation IndexGeneration?, warning string?"},
    {"IndexList", "Indexes by name, or records of one", "items Index[], next_page_token string?"},
    {"IndexRequest", "name: else the dataset's; backend: auto, flat or hnsw; refresh: manual, on_append or scheduled",
     "name string?, dataset string, id_column string, text_column string, provider string?, model string?, "
     "dimensions integer?, chunk_size integer?, overlap integer?, chunk_unit string?, backend string?, m integer?, "
     "ef_construction integer?, ef_search integer?, refresh string?, refresh_every_s integer?, bucket string?"},
    {"IndexPatch", "What may change without embedding anew; another backend or bucket starts a rebuild",
     "backend string?, bucket string?, ef_search integer?, refresh string?, refresh_every_s integer?"},
    {"IndexStarted", "The index, and the job that builds it", "job_id string, index Index"},
    {"IndexRefresh",
     "index_name: one index, else all of the dataset; with id_column and text_column it is made where there is none",
     "index_name string?, rebuild boolean?, id_column string?, text_column string?, provider string?, model string?, "
     "dimensions integer?, chunk_size integer?, overlap integer?, chunk_unit string?, backend string?, m integer?, "
     "ef_construction integer?, ef_search integer?, refresh string?, refresh_every_s integer?, bucket string?"},
    {"IndexJob", "joined: it was under way already", "index string, job_id string, joined boolean?"},
    {"IndexJobs", "The jobs that were started", "jobs IndexJob[]"},
    {"TrialRequest",
     "ef_construction 10 to 400, ef_search 10 to 200; m 0: the default; harness: an eval set, else INDEX-auto",
     "index string, ef_construction integer, ef_search integer, seed integer?, m integer?, harness string?"},
    {"TrialSettings", "Of a graph; 0: the default",
     "m integer, ef_construction integer, ef_search integer, seed integer"},
    {"TrialHarness", "What was asked; the same questions_hash: the same questions",
     "name string, number integer, questions_hash string, queries integer, k integer"},
    {"TrialMeasured", "recall at k, from 0 to 1; memory: codes and links; searches: those that were timed",
     "recall number, p50_us number, p99_us number, build_ms number, memory_bytes integer, searches integer"},
    {"TrialError", "Why it came to nothing", "code string, message string"},
    {"Trial", "One trial: what was tried, on which rows and questions, and what came out",
     "id integer, index string, mode string, job string, step integer, at time, by string, settings TrialSettings, harness "
     "TrialHarness, generation string, source_version integer, rows integer, dimensions integer, threads integer, measured "
     "TrialMeasured?, error TrialError?"},
    {"TrialList", "One page of trials, newest first", "items Trial[], next_page_token string?"},
    {"TrialBest", "recall and latency: one; pareto: the fastest first; considered: trials on the same questions",
     "index string, metric string, harness string, considered integer, items Trial[]"},
    {"EvalAutogen", "noise: how far each is moved, as a share of its length",
     "index string, queries integer?, k integer?, seed integer?, noise number?"},
    {"EvalRequest", "Each query: a text, or {text or vector, expected?: ids of documents}",
     "index string, k integer?, queries any[]"},
    {"EvalAnswer", "A chunk, and its cosine distance", "doc_id string, chunk integer, distance number"},
    {"EvalQuestion", "expected: what counts instead of the answers",
     "text string?, expected any[]?, answers EvalAnswer[]"},
    {"EvalSet", "origin: autogen or upload; generation: of the index, whose rows the answers are",
     "name string, number integer, index string, origin string, k integer, dimensions integer, created_at time, created_by "
     "string, seed integer?, noise number?, questions_hash string, content_hash string, count integer, generation string, "
     "computed_at time, stale boolean, questions EvalQuestion[]?"},
    {"EvalList", "All eval sets, without their questions", "items EvalSet[], next_page_token string?"},
    {"AutotuneRequest",
     "grid: 1 to 64 points, else five from quick to thorough; nothing below min_recall (0.9) is promoted",
     "index_name string, harness string?, min_recall number?, grid TrialSettings[]?"},
    {"PromotedSettings", "What an index is made and searched with",
     "backend string, m integer, ef_construction integer, ef_search integer, seed integer"},
    {"PromotionBefore", "What was in effect before; number 0: what the index was defined with",
     "number integer, settings PromotedSettings"},
    {"Promotion", "action: promote or rollback; restores: the promotion that a rollback went to",
     "number integer, action string, trial integer?, restores integer?, settings PromotedSettings, before PromotionBefore, "
     "measured TrialMeasured?, at time, by string, note string?, job string?"},
    {"Promoted",
     "state: unbuilt, building (searches go on with `serving`) or in_effect; job_id: of the job that builds; history: newest first",
     "index string, state string, job_id string?, settings PromotedSettings, serving PromotedSettings?, generation string?, promotion "
     "Promotion?, history Promotion[]"},
    {"OpenGeneration", "code_bytes: codes and graphs; mapped_row_bytes: vectors, mapped from files",
     "index string, generation string?, segments integer, rows integer, live integer, code_bytes integer, mapped_row_bytes "
     "integer, filters integer"},
    {"IndexCache", "hits: searches that found it open; misses: those that opened it",
     "hits integer, misses integer, code_bytes integer, items OpenGeneration[]"},
    {"AgentQueued", "Durable: it outlives a restart", "index string, at time, by string"},
    {"AgentIndex",
     "why: enqueued or changed (its dataset); unfit: why the agent leaves it alone; settled: no build is due; not_before: its cooldown "
     "is over and the hour has room",
     "index string, queued boolean, why string?, unfit string?, running boolean, settled boolean, last_trial_at time?, not_before time?"},
    {"AgentStatus", "The agent and what waits for it",
     "enabled boolean, epsilon number, cooldown_s number, max_trials_per_hour integer, trials_last_hour integer, items "
     "AgentIndex[]"},
    {"SearchWeights", "Of the two lists in a hybrid search", "vector number?, text number?"},
    {"SearchRequest",
     "query or vector; mode: vector, text or hybrid; filter: a SQL condition over the dataset's columns; text: false leaves "
     "the texts out; rerank: true or a model as in /ai/rerank puts the best rerank_depth (50) in another order",
     "index string, query string?, vector number[]?, k integer?, mode string?, filter string?, ef_search integer?, "
     "weights SearchWeights?, text boolean?, rerank any?, rerank_depth integer?"},
    {"SearchHit", "A chunk; its bytes in the document's text",
     "doc_id string, chunk integer, score number, similarity number?, vector_rank integer?, text_rank integer?, "
     "rerank_score number?, page integer?, heading string?, byte_start integer, byte_end integer, text string?"},
    {"SearchAnswer", "Best first",
     "index string, dataset string, generation string, mode string, hits SearchHit[], elapsed_ms number, "
     "warning string?"},
    {"AskRequest",
     "index to filter as in a search; profile: through it, where dataset may stand for the index and both may be left out; context_tokens: of the passages put before the generator; model: who writes, as in /ai/generate",
     "index string?, profile string?, dataset string?, question string, k integer?, mode string?, filter string?, ef_search integer?, weights SearchWeights?, "
     "rerank any?, rerank_depth integer?, model string?, context_tokens integer?, max_tokens integer?, temperature number?, top_p number?, seed integer?, stop any?"},
    {"AskPassage", "A chunk that was found, as in a search, by the number that citations name",
     "number integer, doc_id string, chunk integer, score number, similarity number?, vector_rank integer?, "
     "text_rank integer?, rerank_score number?, page integer?, heading string?, byte_start integer, byte_end integer, text string"},
    {"AskCitation",
     "claim is the answer's, excerpt the passage's, at these bytes of the document's text; support: how much of the claim's words "
     "stand in it; supported: at least half of them",
     "number integer, dataset string, doc_id string, chunk integer, page integer?, heading string?, score number, "
     "byte_start integer, byte_end integer, excerpt string, claim string, support number, supported boolean"},
    {"AskUsage", "0 where the provider does not count", "prompt_tokens integer, answer_tokens integer"},
    {"AskAnswer",
     "generated: a model wrote it, else these are excerpts; dropped_citations: of passages that do not exist, cut out of the answer; "
     "passages_used: so many were put before the generator; generator: who is asked, null where nobody is; note: what a reader must know",
     "index string, dataset string, generation string, mode string, passages AskPassage[], generator string?, answer string, "
     "generated boolean, citations AskCitation[], dropped_citations integer, passages_used integer, provider string?, model string?, "
     "finish string?, usage AskUsage?, note string?, warning string?, search_ms number, answer_ms number, done boolean?"},
    {"ProfileDataset", "With its columns, activation makes an index where there is none",
     "dataset string, id_column string?, text_column string?"},
    {"ProfileRequest",
     "model embeds, generator writes, as \"provider/model\"; datasets are names, or objects with their columns; backend: auto, flat "
     "or hnsw; a bucket that is not there is made",
     "id string?, description string?, model string?, generator string?, datasets any[], backend string?, bucket string?"},
    {"Profile", "What an assistant works with",
     "id string, description string, model string, generator string?, datasets ProfileDataset[], backend string, "
     "bucket string, created_at time, updated_at time?, active boolean?"},
    {"ProfileList", "Profiles by id", "items Profile[], next_page_token string?"},
    {"ActiveProfile", "null: the model slot is empty", "profile Profile?, since time?"},
    {"ProfileModel", "state: loaded, unloaded, always_there, not_configured", "model string, state string"},
    {"ProfileIndex", "state: ready, building, missing, failed",
     "dataset string, index string?, state string, job_id string?, error string?, hint string?"},
    {"ProfileChange", "replaced: the profile that had the slot before",
     "profile Profile?, replaced string?, models ProfileModel[], indexes ProfileIndex[]"},
    {"ProfileSearch", "As SearchRequest; index or dataset only where several indexes serve the profile",
     "index string?, dataset string?, query string?, vector number[]?, k integer?, mode string?, filter string?, "
     "ef_search integer?, weights SearchWeights?, text boolean?, rerank any?, rerank_depth integer?"},
    {"CompareRequest", "Two indexes and the questions to ask both",
     "a string, b string, queries string[], k integer?, mode string?"},
    {"CompareSide", "One index in a comparison", "index string, generation string, mean_ms number, max_ms number"},
    {"CompareQuery", "overlap: the share of a's documents that b has too",
     "query string, overlap number, a_ms number, b_ms number, recall_a number?, recall_b number?, only_a string[], only_b string[]"},
    {"CompareAnswer",
     "Means, and each question; recall: of an index's answer against an exact search of its vectors, where mode is vector",
     "a CompareSide, b CompareSide, mode string, k integer, overlap number, recall_a number?, recall_b "
     "number?, queries CompareQuery[]"},
    {"ErrorEntry", "An operation that failed on a bucket",
     "time time, bucket string, operation string, key string?, code string, message string, request_id string?"},
    {"ErrorList", "The newest failures, newest first", "items ErrorEntry[], next_page_token string?"},
    {"ErrorFlush", "What was moved from the local log to the bucket", "batches integer, records integer"},
    {"ErrorCompact", "What was merged", "merged integer, written integer, records integer"},
    {"AccessKey", "An API key, without its secret",
     "id string, name string, role string, created_at time, revoked_at time?"},
    {"AccessKeyList", "Every key, revoked ones too", "items AccessKey[], next_page_token string?"},
    {"AccessKeyRequest", "The key to make; role is admin, recruiter, analyst or agent", "role string, name string?"},
    {"AccessKeyCreated", "The new key; `key` is shown this one time",
     "id string, name string, role string, created_at time, key string"},
    {"ColumnFlag", "Why a column is taken to hold personal data; people confirm or dismiss it",
     "kind string, reason string, confidence number, confirmed boolean, dismissed boolean"},
    {"EmbedRequest", "purpose is document (default) or query: some models want the two told apart",
     "texts string[], model string?, purpose string?, dimensions integer?"},
    {"EmbedAnswer", "One vector of length one for each text; tokens is 0 where the provider does not count",
     "provider string, model string, dimensions integer, tokens integer, vectors any[]"},
    {"GenerateRequest", "What to write; json: the answer is to be one JSON object; stop is a text or an array of texts",
     "prompt string, system string?, model string?, temperature number?, top_p number?, max_tokens integer?, "
     "seed integer?, stop any?, json boolean?"},
    {"GenerateAnswer", "finish is stop or length (max_tokens, or the model's window, was full)",
     "provider string, model string, text string?, finish string, prompt_tokens integer, answer_tokens integer, done boolean?"},
    {"RerankRequest", "top_n: so many results, the best; all where it is absent",
     "query string, documents string[], model string?, top_n integer?"},
    {"RerankResult",
     "index: of the document in the request; the scale of score is the model's, of the built-in one 0 to 1",
     "index integer, score number"},
    {"RerankAnswer", "Best first", "provider string, model string, results RerankResult[]"},
    {"Nl2sqlRequest",
     "A question in words; datasets: only these may be read; execute: run the statement, at most limit rows (100)",
     "question string, datasets string[]?, model string?, execute boolean?, limit integer?, as_of any?"},
    {"Nl2sqlProblem", "Why the statement cannot be run", "code string, detail string, hint string?, position integer?"},
    {"Nl2sqlAnswer",
     "sql null: the generator wrote none, see explanation; attempts: 2 where the first had to be corrected; result: what "
     "/query/sql answers",
     "question string, sql string?, explanation string, valid boolean, attempts integer, provider string, model string, "
     "catalog_version integer, problem Nl2sqlProblem?, result QueryAnswer?"},
    {"AiModel", "A model; can is embed, generate or rerank, empty where the provider does not say",
     "provider string, name string, can string[], loaded boolean, dimensions integer?, size_bytes integer?, "
     "vram_bytes integer?, unload_at time?"},
    {"AiFailure", "A provider that did not answer, and why",
     "provider string, code string, message string, hint string"},
    {"AiModels", "What there is to ask", "items AiModel[], failures AiFailure[]"},
    {"AiRole", "Who does it, with which model", "provider string, model string"},
    {"AiProvider",
     "circuit is closed, open (taken to be down: calls fail at once for wait_ms) or half_open (one call is let through)",
     "name string, address string, can string[], ok boolean, circuit string, failures integer, wait_ms integer, "
     "calls integer, failed_calls integer, retries integer, error AiFailure?"},
    {"AiHealth", "ok: those that the configuration needs answer",
     "ok boolean, embedder AiRole, generator AiRole?, providers AiProvider[]"},
    {"LoadRequest", "A model, as in /ai/models or with its provider before it", "model string, keep_s integer?"},
    {"LoadAnswer", "What became of it", "provider string, model string, loaded boolean"},
    {"Gpu", "A GPU's memory", "name string, total_bytes integer, used_bytes integer, free_bytes integer"},
    {"Vram", "note: why there is nothing to tell of GPUs",
     "gpus Gpu[], models AiModel[], failures AiFailure[], note string?"},
    {"OpenAiEmbeddingsRequest", "input is a text or an array of texts; encoding_format is float (default) or base64",
     "input any, model string?, dimensions integer?, encoding_format string?, user string?"},
    {"OpenAiEmbedding", "An array of numbers, or base64 of little-endian floats",
     "object string, index integer, embedding any"},
    {"OpenAiUsage", "What was read and written; estimated where the provider does not count",
     "prompt_tokens integer, completion_tokens integer?, total_tokens integer"},
    {"OpenAiEmbeddings", "One embedding for each text, in order",
     "object string, data OpenAiEmbedding[], model string, usage OpenAiUsage"},
    {"OpenAiMessage", "role is system, developer, user or assistant; content a text or parts of type text",
     "role string, content any"},
    {"OpenAiChatRequest", "Members of OpenAI's that would change the answer and are not listed are refused",
     "messages OpenAiMessage[], model string?, stream boolean?, stream_options any?, temperature number?, top_p number?, "
     "max_tokens integer?, max_completion_tokens integer?, seed integer?, stop any?, response_format any?, "
     "lakehouse OpenAiRetrieval?"},
    {"OpenAiRetrieval",
     "An extension: what to answer from. As in AskRequest; model: who writes; index: where `model` names none",
     "index string?, profile string?, dataset string?, k integer?, mode string?, filter string?, ef_search integer?, "
     "weights SearchWeights?, rerank any?, "
     "rerank_depth integer?, model string?, context_tokens integer?"},
    {"OpenAiChat", "The answer; with `stream` chunks of it as events, and [DONE]",
     "id string, object string, created integer, model string, choices any[], usage OpenAiUsage?, lakehouse OpenAiSources?"},
    {"OpenAiSources",
     "An extension: what it was answered from, as in AskAnswer. Of a stream the first chunk has the passages, the last one the rest",
     "index string, dataset string, generation string, mode string, passages AskPassage[], generated boolean, "
     "citations AskCitation[], dropped_citations integer, passages_used integer, provider string?, model string?, note string?, "
     "warning string?"},
    {"OpenAiModel", "A model by the name to ask for it", "id string, object string, created integer, owned_by string"},
    {"OpenAiModels", "What there is to ask", "object string, data OpenAiModel[]"},
    {"Column", "A column of a dataset; type is DuckDB's name",
     "name string, type string, nullable boolean, description string?, flags ColumnFlag[]"},
    {"DatasetFile", "A file of a dataset; role is base, delta, tombstone, rejects or changes",
     "bucket string, key string, role string, row_count integer, size_bytes integer, sha256 string?, "
     "added_version integer, sequence integer"},
    {"Source", "One step of the lineage: source system, ingest job, dataset",
     "source_system string, source_name string?, source_sha256 string?, source_bytes integer?, job_id string?, "
     "actor string?, at time, row_count integer, reject_count integer"},
    {"DatasetSummary",
     "A dataset without its files and lineage; rows_untold_at: when rows last changed without an event for each of them",
     "id string, name string, version integer, schema_version integer, created_at time, updated_at time, "
     "rows_untold_at time?, "
     "bucket string, description string?, owner string?, sensitivity string?, tags string[], freshness_sla_s integer, "
     "primary_key string[], row_count integer, size_bytes integer, columns Column[], file_count integer"},
    {"DatasetList", "One page of datasets, by name", "items DatasetSummary[], next_page_token string?"},
    {"Dataset", "A dataset with its files and lineage",
     "id string, name string, version integer, previous_version integer, schema_version integer, created_at time, "
     "updated_at time, rows_untold_at time?, bucket string, description string?, owner string?, sensitivity string?, tags string[], "
     "freshness_sla_s integer, primary_key string[], row_count integer, live_row_count integer?, size_bytes integer, columns Column[], "
     "files DatasetFile[], lineage Source[], embedding_model string?, embedding_refresh_policy string?, "
     "embedding_schedule string?, embedding_refreshed_at time?"},
    {"ColumnPatch", "description is text or null; flags maps a kind to confirmed, dismissed or detected",
     "description string?, flags string{}?"},
    {"MetadataPatch",
     "The fields are described in src/lake/metadata_patch.h; columns maps a name to what is said of it",
     "description string?, owner string?, sensitivity string?, tags string[]?, freshness_sla_s integer?, "
     "primary_key string[]?, embedding_model string?, embedding_refresh_policy string?, embedding_schedule string?, "
     "columns ColumnPatch{}?"},
    {"RegisterRequest", "Objects that become a dataset; any field of MetadataPatch may stand beside them",
     "name string, keys string[], bucket string?"},
    {"Registered", "The new dataset",
     "name string, id string, version integer, created boolean, replayed boolean, row_count integer, size_bytes integer, "
     "file_count integer, columns QueryColumn[]"},
    {"Resync", "What was set right",
     "dataset string, version integer, changed boolean, row_count_before integer, row_count integer, "
     "column_count integer"},
    {"ResyncFailure", "A dataset that could not be", "dataset string, code string, error string"},
    {"ResyncMissing", "All that were", "checked integer, resynced Resync[], failed ResyncFailure[]"},
    {"MigrateBuckets", "What was changed, and what names no bucket even so",
     "datasets integer, files integer, changed_datasets integer, changed_files integer, unresolved_files integer, "
     "unresolved_buckets string[], version integer"},
    {"DatasetChange", "The commit that was made",
     "dataset string, version integer, replayed boolean, unpinned boolean?"},
    {"TombstoneRequest",
     "row_keys: 1 to 10,000 keys; a key is a scalar, or of several columns an array in the key's order or an object by "
     "column, and is refused where its column's type could hold it only rounded (FLOAT and DOUBLE take the nearest "
     "value; a DECIMAL with a fraction and more than 15 digits is to be a string). actor: who is to be named, else the key's own name. erase: the journal forgets the rows' names and values too",
     "row_keys any[], reason string?, actor string?, erase boolean?"},
    {"Tombstoned",
     "missing: the keys, as they were given, that name no row; none named: no commit, version is the newest",
     "dataset string, version integer, tombstoned integer, missing any[], replayed boolean"},
    {"UntombstoneRequest", "row_keys as in TombstoneRequest", "row_keys any[], actor string?"},
    {"Untombstoned", "missing: the keys that have no tombstone",
     "dataset string, version integer, untombstoned integer, missing any[], replayed boolean"},
    {"Tombstone", "A row that is taken away; key is an object by column where the key has several",
     "key any, reason string?, actor string, at time"},
    {"TombstoneList", "One page of tombstones", "items Tombstone[], next_page_token string?"},
    {"Version", "One commit that touched the dataset",
     "version integer, at time, operation string, actor string, row_count integer, size_bytes integer, "
     "schema_version integer, file_count integer, deleted boolean"},
    {"VersionList", "One page of versions, newest first", "items Version[], next_page_token string?"},
    {"Lineage", "The sources of a dataset", "dataset string, id string, sources Source[]"},
    {"QueryRequest",
     "A statement. params are positional (array) or named (object); as_of is a catalog version or a time "
     "(RFC 3339; without a zone it is UTC)",
     "sql string, params any?, limit integer?, timeout_ms integer?, as_of any?"},
    {"QueryColumn", "A column of the answer", "name string, type string"},
    {"QueryAnswer", "The rows, as arrays in the order of the columns",
     "columns QueryColumn[], rows any[], row_count integer, truncated boolean, elapsed_ms number"},
    {"ExplainAnswer", "The plan as DuckDB prints it, and the catalog version it reads",
     "plan string, catalog_version integer"},
    {"JournalEvent",
     "What changed; no field: the entity as a whole. A dataset's columns are fields such as columns.email.flags",
     "id string, ts time, entity_type string, entity_id string, field string?, action string, old_value any?, "
     "new_value any?, actor string, source string, workspace_id string?"},
    {"JournalEventRequest", "An event to write; action is update and source is api where they are not given",
     "entity_type string, entity_id string, field string?, action string?, old_value any?, new_value any?, "
     "actor string?, source string?, workspace_id string?"},
    {"JournalEvents", "One event by its own fields, or several in events",
     "events JournalEventRequest[]?, entity_type string?, entity_id string?, field string?, action string?, "
     "old_value any?, new_value any?, actor string?, source string?, workspace_id string?"},
    {"JournalUpdate", "One field's change",
     "entity_type string, entity_id string, field string, old_value any?, new_value any?, source string?, "
     "workspace_id string?"},
    {"JournalWritten", "The ids of the events, in the order of the request", "count integer, ids string[]"},
    {"JournalFlush", "What was moved and merged", "segments integer, events integer, merged_files integer"},
    {"JournalHistory",
     "state is the entity after these events, null where it is gone or was never there; a dataset's row is read from the "
     "dataset as it was then, while that version can be read; after a vacuum it is made of its events, and of the old values in "
     "later ones, as far as they tell. state_complete is false where rows were changed in bulk, without an event each, after the last event that tells the whole "
     "row, and where events older than the 10,000 "
     "read, or than the first change that was told row by row, would be needed, so that a null state does not mean that the "
     "row was not there. entity_types: the types that have events "
     "of this id; where there are several, state is null and hint says how to choose. truncated: there are older events "
     "than items",
     "entity_id string, entity_types string[], items JournalEvent[], truncated boolean, state any?, state_complete boolean, "
     "hint string?"},
    {"JournalList", "Events, newest first", "items JournalEvent[], next_page_token string?"},
    {"JournalStats", "covered_version behind catalog_version: commits whose events are still to be derived",
     "events integer, pending integer, files integer, bytes integer, unindexed_files integer, covered_version integer, "
     "catalog_version integer, oldest time?, newest time?"},
    {"IngestColumn", "A column, and why it got its type; flags say which personal data it seems to hold",
     "name string, type string, why string?, renamed_from string?, nullable boolean?, flags any[]"},
    {"DeltaReport",
     "What became of the rows; mode is upsert where the dataset has a primary key, else append; superseded: rows that a later one "
     "of their key in the request replaced; inserted, updated and unchanged are null of upserts without row history",
     "dataset string, dataset_id string, version integer, mode string, replayed boolean, row_count integer, "
     "superseded_count integer, inserted integer?, updated integer?, unchanged integer?, added_columns string[]"},
    {"IngestReport", "What became of the file",
     "dataset string, dataset_id string, job_id string, bucket string, format string, encoding string?, sha256 string, "
     "source_bytes integer, version integer, row_count integer, superseded_count integer, inserted integer?, updated integer?, unchanged integer?, reject_count integer, "
     "deduplicated boolean, created boolean, replayed boolean, columns IngestColumn[], warnings string[]"},
    {"Reject", "A line that could not be used", "job_id string, line integer, reason string, raw string?"},
    {"RejectList", "One page of them, oldest ingest first", "items Reject[], next_page_token string?"},
};
const size_t gateway_schema_count = LH_ARRAY_LEN(gateway_schemas);

const struct schema *schema_find(const char *name) {
    for (size_t i = 0; i < gateway_schema_count; i++)
        if (strcmp(gateway_schemas[i].name, name) == 0)
            return &gateway_schemas[i];
    return NULL;
}

static json_t *base_type(const char *type) {
    if (strcmp(type, "any") == 0)
        return json_object();
    if (strcmp(type, "time") == 0)
        return json_pack("{s:s, s:s}", "type", "string", "format", "date-time");
    if (schema_find(type)) {
        char ref[96];
        snprintf(ref, sizeof ref, "#/components/schemas/%s", type);
        return json_pack("{s:s}", "$ref", ref);
    }
    static const char *const plain[] = {"string", "integer", "number", "boolean", "object"};
    for (size_t i = 0; i < LH_ARRAY_LEN(plain); i++)
        if (strcmp(type, plain[i]) == 0)
            return json_pack("{s:s}", "type", type);
    abort(); /* a misspelled type in the table above */
}

static json_t *field_type(char *type, bool *ret_optional) {
    size_t len = strlen(type);
    *ret_optional = type[len - 1] == '?';
    if (*ret_optional)
        type[--len] = '\0';
    bool array = len > 2 && strcmp(type + len - 2, "[]") == 0;
    bool map = len > 2 && strcmp(type + len - 2, "{}") == 0;
    if (array || map)
        type[len - 2] = '\0';
    json_t *json = base_type(type);
    if (array)
        return json_pack("{s:s, s:o}", "type", "array", "items", json);
    if (map)
        return json_pack("{s:s, s:o}", "type", "object", "additionalProperties", json);
    return json;
}

json_t *schema_to_json(const struct schema *schema) {
    json_t *properties = json_object();
    json_t *required = json_array();
    const char *at = schema->fields;
    while (*at) {
        char name[64], type[64];
        int used = 0;
        if (sscanf(at, "%63s %63[^,]%n", name, type, &used) != 2)
            abort();
        bool optional;
        json_object_set_new(properties, name, field_type(type, &optional));
        if (!optional)
            json_array_append_new(required, json_string(name));
        at += used;
        at += strspn(at, ", ");
    }
    return json_pack("{s:s, s:s, s:o, s:o}", "type", "object", "description", schema->about, "properties", properties,
                     "required", required);
}
