#include "gateway/bucket_choice.h"

#include "base/cleanup.h"
#include "gateway/request.h"
#include "lakehouse/lakehouse.h"
#include "store/buckets.h"

enum lh_code bucket_choice(struct request *rq, const char **ret_name, struct lh_err *err) {
    const char *name = request_header(rq, "X-Lakehouse-Bucket");
    if (name) {
        LH_AUTO(bucket) struct bucket *bucket = NULL;
        LH_TRY(buckets_resolve(request_lakehouse(rq)->buckets, name, &bucket, err));
    }
    *ret_name = name;
    return LH_OK;
}
