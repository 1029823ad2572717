/* Indexes over datasets: documents searchable by meaning (vectors), by words (BM25), and by both.
 *
 * An index has a definition (which dataset, which columns, which model, how texts are cut) and a generation: the immutable
 * objects that are searched.  Building and refreshing are jobs; they write new objects beside the old ones and switch by one
 * put (index/record.h), so searches meanwhile go on, on the generation that they began with.  Another model or another way
 * of cutting is another index; any number of them may stand over one dataset.
 *
 * A refresh compares documents by the SHA-256 of their text: only new and changed ones are cut and embedded, those that are
 * gone leave.  An index whose dataset did not change is not read at all.
 *
 * JSON in, JSON out where people ask (gateway, command line, tools).  Thread-safe; calls block but for index_search, which
 * does not leave the process unless it has a filter that is not cached, or a provider elsewhere embeds the words. */
#ifndef LH_INDEX_INDEX_H
#define LH_INDEX_INDEX_H

#include "base/error.h"
#include "base/json.h"
#include "index/generation.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ai;
struct buckets;
struct catalog;
struct engine;
struct index_service;
struct jobs;
struct manifest;
struct lh_metrics;
struct os;

#define INDEX_JOB "index" /* the kind of its jobs; the subject is the index's name */
#define INDEX_K_MAX 1000

struct index_options {
    struct os *os;
    struct buckets *buckets;
    struct catalog *catalog;
    struct engine *engine;
    struct jobs *jobs;   /* the kind is registered when the service is opened: before jobs_start */
    const char *tmp_dir; /* absolute */
    const struct ai *ai; /* who embeds */
    struct lh_metrics *metrics;
    bool upkeep;            /* refresh by policy, and the agent, in the background */
    int64_t retry_after_ms; /* pause of upkeep after a job that failed */
    struct {
        bool enabled;
        int64_t cooldown_ms; /* between two of its trials of one index */
        unsigned max_trials_per_hour;
    } agent;
    void (*notice)(void *ctx, enum lh_code code, const char *text);
    void *notice_ctx;
};
LH_CHECKED enum lh_code index_service_open(const struct index_options *options, struct index_service **ret_service,
                                           struct lh_err *err);
/* After jobs_stop.  NULL is fine. */
void index_service_close(struct index_service *s);

/* {"name", "dataset", "id_column", "text_column", "provider"?, "model"?, "dimensions"?, "chunk_size"?, "overlap"?, "chunk_unit"?,
 *  "backend"?, "m"?, "ef_construction"?, "ef_search"?, "refresh"?, "refresh_every_s"?, "bucket"?}
 *     -> {"job_id", "index": ...}
 * Defines the index and starts its first build.  LH_EXISTS, LH_NOT_FOUND (dataset, column, provider), LH_INVALID. */
LH_CHECKED enum lh_code index_create(struct index_service *s, const json_t *request, const char *actor,
                                     json_t **ret_answer, struct lh_err *err);
/* Starts a job that brings it up to date; `rebuild`: writes its codes and words anew even where nothing changed.
 *     -> {"job_id", "joined"} */
LH_CHECKED enum lh_code index_refresh(struct index_service *s, const char *name, bool rebuild, const char *actor,
                                      json_t **ret_answer, struct lh_err *err);
/* {"refresh"?, "refresh_every_s"?, "ef_search"?, "backend"?, "bucket"?}: what may change without embedding anew; another
 * backend or bucket starts a rebuild.  -> the index */
LH_CHECKED enum lh_code index_patch(struct index_service *s, const char *name, const json_t *request, const char *actor,
                                    json_t **ret_answer, struct lh_err *err);
/* Cancels its job; its objects go, searches under way end well. */
LH_CHECKED enum lh_code index_delete(struct index_service *s, const char *name, struct lh_err *err);

/* One index as JSON. */
LH_CHECKED enum lh_code index_get(struct index_service *s, const char *name, json_t **ret_answer, struct lh_err *err);
/* Its records, newest first. */
LH_CHECKED enum lh_code index_history(struct index_service *s, const char *name, json_t **ret_answer,
                                      struct lh_err *err);
/* All, by name: of a dataset, of a model (NULL: any).  A new array. */
LH_CHECKED enum lh_code index_list(struct index_service *s, const char *dataset, const char *model, bool stale_only,
                                   json_t **ret_items, struct lh_err *err);

/* {"index", "query"|"vector", "k"?, "mode"?, "filter"?, "ef_search"?, "weights"?, "text"?, "rerank"?, "rerank_depth"?}
 *     -> {"index", "generation", "mode", "hits": [...], "elapsed_ms", "warning"?}
 * LH_CONFLICT: a vector of other dimensions, or nothing is built yet; LH_UPSTREAM: the provider. */
LH_CHECKED enum lh_code index_search(struct index_service *s, const json_t *request, int cancel_fd, json_t **ret_answer,
                                     struct lh_err *err);
/* {"a", "b", "queries": [words...], "k"?, "mode"?} -> overlap, latency and the hits that differ, a query each */
LH_CHECKED enum lh_code index_compare(struct index_service *s, const json_t *request, int cancel_fd,
                                      json_t **ret_answer, struct lh_err *err);

/* Can rows of the dataset have been taken away after the version that was indexed? */
bool index_rows_gone(const struct manifest *m, const struct index_record *r);

/* Was the dataset deleted and one of that name made since?  Nothing that was indexed is of this one, whatever its ids are. */
bool index_made_again(const struct manifest *m, const struct index_record *r);

/* The generation that searches use now, with a reference.  LH_NOT_FOUND. */
LH_CHECKED enum lh_code index_open_generation(struct index_service *s, const char *name,
                                              struct generation **ret_generation, struct lh_err *err);

#endif
