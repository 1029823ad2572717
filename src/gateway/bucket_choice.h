/* X-Lakehouse-Bucket: the bucket that a request of the ingest, query and catalog routes means. */
#ifndef LH_GATEWAY_BUCKET_CHOICE_H
#define LH_GATEWAY_BUCKET_CHOICE_H

#include "base/error.h"

struct request;

/* NULL where the header is absent; LH_NOT_FOUND with the valid names where it names no bucket. */
LH_CHECKED enum lh_code bucket_choice(struct request *rq, const char **ret_name, struct lh_err *err);

#endif
