/* The agent: the tuner that goes on by itself.
 *
 * Its trigger is the catalog: a dataset whose version is another than at the agent's last trial of an index, whichever way the
 * rows came, puts the index in the queue; so does a request, which goes first.  Indexes of fewer than
 * AGENT_MIN_ROWS chunks, or whose dataset lacks their columns, are left alone.  Each place in the queue is one trial: of the settings that
 * trial_propose names from the history of the index (T3), promoted where they measure better than what is in effect.  Its
 * pauses and its hourly limit are kept by the list of jobs, and so outlive a restart. */
#ifndef LH_INDEX_AGENT_H
#define LH_INDEX_AGENT_H

#include "base/error.h"
#include "base/json.h"
#include "index/trial_choice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct index_service;
struct object_store;
struct trial_log;

#define AGENT_ACTOR "agent"
#define AGENT_EPSILON 0.25
#define AGENT_MIN_ROWS 1000 /* of fewer a scan is exact, and fast enough */

/* What to try next on these questions; the whole history counts as its length. */
struct trial_settings agent_proposes(const struct trial_log *log, const char *questions_hash);
/* Is the trial so much better than what is in effect that a new graph is worth it?  Recall first: 0.002 more; of the same recall
 * a tenth less time.  What is in effect counts by its own trials on the same questions; a flat, or a graph that was never
 * tried, is taken to have a recall of 0.99. */
LH_CHECKED enum lh_code agent_judges(struct object_store *records, const char *index, const struct trial_log *log,
                                     const json_t *trial, bool *ret_better, struct lh_err *err);

/* tune.c: start one trial. */
LH_CHECKED enum lh_code tune_submit_agent(struct index_service *s, const char *index, const char *why, uint64_t version,
                                          struct lh_err *err);

#endif
