/* What a statement of this request may see: the routes that run or check statements share it. */
#ifndef LH_GATEWAY_QUERY_SCOPE_H
#define LH_GATEWAY_QUERY_SCOPE_H

#include "base/error.h"
#include "base/json.h"
#include "statement/statement.h"

struct engine_query;
struct request;

/* Of the newest snapshot, or of `as_of`: NULL, null, a version or a time.  Heeds X-Lakehouse-Bucket.  `scope` is zeroed. */
LH_CHECKED enum lh_code query_scope_open(struct request *rq, const json_t *as_of, struct statement_scope *scope,
                                         struct lh_err *err);
void query_scope_close(struct statement_scope *scope); /* a zeroed one is fine */

/* Names of `q` are the scope's; it ends with the request. */
void query_scope_use(struct request *rq, struct statement_scope *scope, struct engine_query *q);

/* X-Lakehouse-Catalog-Version */
void query_scope_tell_version(struct request *rq, const struct statement_scope *scope);

/* For LH_AUTO(query_scope). */
static inline void query_scope_auto_release(struct statement_scope *scope) {
    query_scope_close(scope);
}

#endif
