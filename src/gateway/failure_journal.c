#include "gateway/failure_journal.h"

#include "base/arena.h"
#include "gateway/exchange.h"
#include "lakehouse/lakehouse.h"
#include "store/buckets.h"
#include "store/error_journal.h"

static bool is_operational(enum lh_code code) {
    switch (code) {
    case LH_IO:
    case LH_CORRUPT:
    case LH_NO_SPACE:
    case LH_UNAVAILABLE:
    case LH_UNKNOWN_OUTCOME: return true;
    default: return false;
    }
}

void failure_journal(struct request *rq, const struct lh_err *err) {
    struct lakehouse *lh = rq->gateway->options.lakehouse;
    if (!lh || !lh->errors || !is_operational(err->code))
        return;
    const char *bucket = request_path_param(rq, "bucket");
    if (bucket[0] == '\0')
        bucket = request_header(rq, "X-Lakehouse-Bucket");
    if (!bucket || bucket[0] == '\0')
        bucket = buckets_primary_name(lh->buckets);
    const struct route *route = rq->match.route;
    const char *operation = arena_printf(rq->arena, "%s %s", http_method_name(route->method), route->path);
    struct lh_err unused = LH_ERR_INIT;
    lh_ignore(error_journal_record(lh->errors, bucket, operation, request_path_param(rq, "key"), rq->id, err, &unused));
}
