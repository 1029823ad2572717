/* The trials of an index, written down: `_vectors/trials/{index}/{number}.json`, one immutable object a trial, appended by
 * put-if-absent and never changed (index/numbered.h), in the bucket that was the index's at that time.  An object stands
 * durably before anybody is told of it.
 *
 * A trial names its index by name and `index_created_at`, so that those of an index that was removed are not taken for those of
 * another with its name; its job and step, so that a job that starts over finds what it has measured. */
#ifndef LH_INDEX_TRIAL_LOG_H
#define LH_INDEX_TRIAL_LOG_H

#include "base/error.h"
#include "base/json.h"
#include "index/trial_choice.h"

#include <stddef.h>
#include <stdint.h>

struct index_record;
struct numbered_stores;

#define TRIAL_HISTORY 2000 /* what a choice looks at: the newest so many */

/* Two arrays of `count`, oldest first. */
struct trial_log {
    json_t **trials;
    struct trial_outcome *outcomes;
    size_t count;
};

/* The newest TRIAL_HISTORY.  LH_CORRUPT. */
LH_CHECKED enum lh_code trial_log_load(const struct numbered_stores *at, const struct index_record *index,
                                       struct trial_log *ret_log, struct lh_err *err);
/* In memory: takes a reference. */
void trial_log_add(struct trial_log *log, json_t *trial, const struct trial_outcome *outcome);
void trial_log_release(struct trial_log *log);
/* Numbers it, and writes it.  LH_CONFLICT where other servers were faster five times. */
LH_CHECKED enum lh_code trial_log_append(const struct numbered_stores *at, const struct index_record *index,
                                         json_t *trial, struct lh_err *err);
/* LH_NOT_FOUND. */
LH_CHECKED enum lh_code trial_log_get(const struct numbered_stores *at, const struct index_record *index,
                                      uint64_t number, json_t **ret_trial, struct lh_err *err);
/* LH_CORRUPT naming the field. */
LH_CHECKED enum lh_code trial_outcome_parse(const json_t *trial, struct trial_outcome *ret_outcome, struct lh_err *err);
json_t *trial_settings_json(const struct trial_settings *settings);
/* A trial as people see it: a new object. */
json_t *trial_describe(const json_t *trial);
/* All of an index that is gone. */
void trial_log_remove(const struct numbered_stores *at, const char *index);

static inline void trial_log_auto_release(struct trial_log *log) {
    trial_log_release(log);
}

#endif
