/* The event of a change that the catalog's log does not know: a key, a bucket. */
#ifndef LH_GATEWAY_JOURNAL_ENTRY_H
#define LH_GATEWAY_JOURNAL_ENTRY_H

#include "base/error.h"
#include "base/json.h"

struct request;

/* The change is durable already; the actor is the caller.  Values may be NULL.  A failure says that the change stands and its
 * event does not (docs/adr/0007). */
LH_CHECKED enum lh_code journal_entry(struct request *rq, const char *entity_type, const char *entity_id,
                                      const char *action, const json_t *old_value, const json_t *new_value,
                                      const char *source, struct lh_err *err);

#endif
