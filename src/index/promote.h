/* Promotion from inside: for jobs that promote what they have measured. */
#ifndef LH_INDEX_PROMOTE_H
#define LH_INDEX_PROMOTE_H

#include "base/error.h"
#include "base/json.h"

struct index_service;

/* Makes the settings of a trial (as index/trial_log.h keeps it) those of the index, and starts the job that builds them.  Nothing
 * happens where that trial is in effect already, so a second time changes nothing.  note, job NULL: none.  LH_CONFLICT: a
 * failed trial, or others change the record all the time. */
LH_CHECKED enum lh_code promote_trial(struct index_service *s, const char *index, const json_t *trial, const char *by,
                                      const char *note, const char *job, struct lh_err *err);

#endif
