/* The route table and the handlers it names. */
#ifndef LH_GATEWAY_ROUTES_H
#define LH_GATEWAY_ROUTES_H

#include "gateway/route.h"

extern const struct route gateway_routes[];
extern const size_t gateway_route_count;

/* handle_ops.c */
route_handler handle_health, handle_ready, handle_metrics, handle_openapi, handle_landing;
/* handle_objects.c */
route_handler handle_object_put, handle_object_get, handle_object_delete, handle_object_list;
/* handle_buckets.c */
route_handler handle_bucket_list, handle_bucket_add, handle_bucket_remove, handle_bucket_health;
route_handler handle_error_list, handle_error_flush, handle_error_compact;
/* handle_ai.c */
route_handler handle_ai_embed, handle_ai_generate, handle_ai_rerank, handle_ai_models, handle_ai_health;
route_handler handle_ai_preload, handle_ai_unload, handle_ai_vram;
/* handle_openai.c, handle_openai_chat.c */
route_handler handle_openai_embeddings, handle_openai_chat, handle_openai_models, handle_openai_model;
/* handle_access.c */
route_handler handle_key_list, handle_key_create, handle_key_revoke;
/* handle_catalog.c */
route_handler handle_dataset_list, handle_dataset_get, handle_dataset_delete;
route_handler handle_dataset_versions, handle_dataset_lineage;
/* handle_catalog_ops.c */
route_handler handle_dataset_register, handle_dataset_patch, handle_dataset_resync;
route_handler handle_resync_missing, handle_migrate_buckets;
route_handler handle_dataset_tombstone, handle_dataset_untombstone, handle_dataset_tombstones;
/* handle_cache.c */
route_handler handle_cache_pin, handle_cache_evict, handle_cache_stats;
/* handle_jobs.c */
route_handler handle_job_list, handle_job_get, handle_job_cancel;

/* handle_vectors.c */
route_handler handle_profile_list, handle_profile_create, handle_profile_get, handle_profile_replace,
    handle_profile_remove, handle_profile_active, handle_profile_activate, handle_profile_deactivate,
    handle_profile_search;
route_handler handle_index_create, handle_index_list, handle_index_get, handle_index_patch, handle_index_delete,
    handle_index_history, handle_index_refresh, handle_index_stale, handle_index_search, handle_index_compare,
    handle_index_jobs, handle_index_job;
/* handle_ask.c */
route_handler handle_ask;
/* handle_nl2sql.c */
route_handler handle_nl2sql;
/* handle_tuning.c */
route_handler handle_eval_list, handle_eval_get, handle_eval_put, handle_eval_autogen, handle_eval_delete;
route_handler handle_trial_start, handle_trial_list, handle_trial_best, handle_autotune;
route_handler handle_promote, handle_rollback, handle_promoted, handle_index_cache;
route_handler handle_agent_enqueue, handle_agent_status;
/* handle_journal.c */
route_handler handle_journal_event, handle_journal_update, handle_journal_flush;
route_handler handle_journal_history, handle_journal_recent, handle_journal_stats;
/* handle_maintenance.c */
route_handler handle_query_compact, handle_catalog_vacuum, handle_catalog_maintenance;
/* handle_query.c */
route_handler handle_query_sql, handle_query_explain, handle_query_delta;
/* handle_ingest.c */
route_handler handle_ingest_file, handle_ingest_rejects;

#endif
