/* Whose an object is: what a dataset of the newest snapshot consists of must not be changed behind the catalog's back. */
#ifndef LH_LAKE_OWNER_H
#define LH_LAKE_OWNER_H

#include "base/error.h"

struct catalog;

/* LH_OK where the object may be replaced or deleted; LH_CONFLICT names the dataset that consists of it.  Keys below datasets/
 * are the lake's own (earlier versions consist of them too): LH_FORBIDDEN. */
LH_CHECKED enum lh_code lake_refuse_owned(struct catalog *c, const char *bucket, const char *key, struct lh_err *err);

/* LH_OK where no dataset has files in the bucket; LH_CONFLICT names one that does. */
LH_CHECKED enum lh_code lake_refuse_bucket_in_use(struct catalog *c, const char *bucket, struct lh_err *err);

#endif
