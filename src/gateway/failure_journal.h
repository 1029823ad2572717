/* Operational failures of requests, for GET /storage/errors: written at the edge, where the error is logged, so that none of any
 * route is missed.  A client's own mistakes are not operational. */
#ifndef LH_GATEWAY_FAILURE_JOURNAL_H
#define LH_GATEWAY_FAILURE_JOURNAL_H

struct lh_err;
struct request;

/* Keep `err` in the error journal where storage is at fault.  Blocks on the disk; a failure to keep it is let go, since the
 * log has the error as well. */
void failure_journal(struct request *rq, const struct lh_err *err);

#endif
