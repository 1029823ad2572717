/* Finding the settings of an index's graph by trying: eval sets, trials, promotion, and who tries by themselves.
 *
 * An eval set is questions with their exact answers.  A trial builds a graph over the rows that an index has now, aside, asks
 * it the questions and writes down what came out: recall, latency, build time, memory (index/trial_log.h).  Promoting a
 * trial makes its settings those of the index: a record says so (one put), a job makes the graph beside the one in use, and
 * a second put switches.  Searches go on meanwhile on what they began with.  Rolling back is the same way with the
 * settings that were there before.
 *
 *   T1  Measuring is a job of the kind INDEX_TUNE_JOB; at most one of an index and one of the server runs at a time, for two
 *       would spoil each other's latencies.  A trial that is written down is not made again by a restarted job.
 *   T2  What is promoted is a member of the index's record: there is no pointer that could dangle.  A record whose settings its
 *       generation does not have yet is `building`; whoever opens the index next builds it, whatever was killed when.
 *   T3  What an agent tries follows from the history alone (index/trial_choice.h).
 *
 * JSON in, JSON out; docs/vectors.md says what the members mean.  Thread-safe; calls block on the store. */
#ifndef LH_INDEX_TUNING_H
#define LH_INDEX_TUNING_H

#include "base/error.h"
#include "base/id.h"
#include "base/json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct index_service;

#define INDEX_TUNE_JOB "tune" /* the subject is the index's name */
#define EVAL_QUERIES_MAX 1000
#define EVAL_K_MAX 100
#define PROMOTION_HISTORY 50
#define TUNE_MIN_RECALL 0.9

/* ---- eval sets ---- */

/* {"index", "queries"? 100, "k"? 10, "seed"? 42, "noise"? 0.2}: that many of the index's vectors, by the seed, each moved by
 * noise of that share of its length.  Replaces the set of that name.  LH_CONFLICT where nothing is built.
 *     -> the set, as index_eval_get */
LH_CHECKED enum lh_code index_eval_autogen(struct index_service *s, const char *name, const json_t *request,
                                           const char *actor, json_t **ret_answer, struct lh_err *err);
/* {"index", "k"?, "queries": ["words" | {"text"? | "vector"?, "expected"?: [document ids]}]}.  Words are embedded once, now. */
LH_CHECKED enum lh_code index_eval_put(struct index_service *s, const char *name, const json_t *request,
                                       const char *actor, int cancel_fd, json_t **ret_answer, struct lh_err *err);
LH_CHECKED enum lh_code index_eval_get(struct index_service *s, const char *name, json_t **ret_answer,
                                       struct lh_err *err);
/* All sets without their questions: a new array. */
LH_CHECKED enum lh_code index_eval_list(struct index_service *s, json_t **ret_items, struct lh_err *err);
LH_CHECKED enum lh_code index_eval_delete(struct index_service *s, const char *name, struct lh_err *err);

/* ---- trials ---- */

/* {"index", "ef_construction", "ef_search", "seed"?, "m"?, "harness"?}; without a harness the set INDEX-auto, made where it
 * is missing.  The same request joins a running one (*ret_joined); another one is LH_CONFLICT naming the job. */
LH_CHECKED enum lh_code index_trial_start(struct index_service *s, const json_t *request, const char *actor,
                                          char ret_job[LH_ULID_SIZE], bool *ret_joined, struct lh_err *err);
/* Newest first, those before number `before` (0: all), at most `limit`; *ret_next 0: no more. */
LH_CHECKED enum lh_code index_trials(struct index_service *s, const char *index, uint64_t before, size_t limit,
                                     json_t **ret_items, uint64_t *ret_next, struct lh_err *err);
/* metric: "recall", "latency", "pareto"; of the trials with this harness (NULL: that of the newest trial) on the questions
 * that it asks now.  LH_NOT_FOUND where none qualifies. */
LH_CHECKED enum lh_code index_trials_best(struct index_service *s, const char *index, const char *metric,
                                          const char *harness, double min_recall, json_t **ret_answer,
                                          struct lh_err *err);
/* {"index_name", "harness"?, "min_recall"?, "grid"?: [{"ef_construction", "ef_search", "m"?, "seed"?}]} */
LH_CHECKED enum lh_code index_autotune_start(struct index_service *s, const json_t *request, const char *actor,
                                             char ret_job[LH_ULID_SIZE], struct lh_err *err);

/* ---- promotion ---- */

/* *ret_answer as index_promoted.  LH_NOT_FOUND (index, trial), LH_CONFLICT (a failed trial). */
LH_CHECKED enum lh_code index_promote(struct index_service *s, const char *index, uint64_t trial, const char *by,
                                      const char *note, json_t **ret_answer, struct lh_err *err);
/* LH_CONFLICT where nothing is promoted. */
LH_CHECKED enum lh_code index_rollback(struct index_service *s, const char *index, const char *by, const char *note,
                                       json_t **ret_answer, struct lh_err *err);
/* {"index", "state": "in_effect"|"building"|"unbuilt", "job_id", "settings", "serving", "promotion", "history": [...]} */
LH_CHECKED enum lh_code index_promoted(struct index_service *s, const char *index, json_t **ret_answer,
                                       struct lh_err *err);

/* ---- the agent ---- */

/* One trial of this index, as soon as its pauses allow; durable when it returns.  LH_CONFLICT where the agent is not enabled,
 * or leaves such an index alone. */
LH_CHECKED enum lh_code index_agent_enqueue(struct index_service *s, const char *index, const char *actor,
                                            json_t **ret_answer, struct lh_err *err);
LH_CHECKED enum lh_code index_agent_status(struct index_service *s, json_t **ret_answer, struct lh_err *err);

/* ---- memory ---- */

/* What is held open for searches. */
json_t *index_cache_stats(struct index_service *s);

#endif
