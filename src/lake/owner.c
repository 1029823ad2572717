#include "lake/owner.h"

#include "base/cleanup.h"
#include "catalog/catalog.h"

#include <string.h>

/* A dataset with a file in `bucket` (and of that `key`, where it is given); NULL where there is none. */
static const struct manifest *find_owner(const struct catalog_snapshot *s, const char *bucket, const char *key) {
    for (size_t i = 0; i < catalog_snapshot_count(s); i++) {
        const struct manifest *m = catalog_snapshot_get(s, i);
        for (size_t f = 0; f < m->file_count; f++)
            if (strcmp(m->files[f].bucket, bucket) == 0 && (!key || strcmp(m->files[f].key, key) == 0))
                return m;
    }
    return NULL;
}

enum lh_code lake_refuse_owned(struct catalog *c, const char *bucket, const char *key, struct lh_err *err) {
    if (strncmp(key, "datasets/", 9) == 0) {
        lh_fail(err, LH_FORBIDDEN, "keys below \"datasets/\" belong to the lakehouse and are read-only here");
        return lh_err_hint(
            err, "change datasets through /ingest and /catalog; choose another prefix for objects of your own");
    }
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *s = catalog_snapshot(c);
    const struct manifest *owner = find_owner(s, bucket, key);
    if (!owner)
        return LH_OK;
    lh_fail(err, LH_CONFLICT, "the dataset \"%s\" consists of this object", owner->name);
    return lh_err_hint(err, "delete the dataset first, or register another object in its place");
}

enum lh_code lake_refuse_bucket_in_use(struct catalog *c, const char *bucket, struct lh_err *err) {
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *s = catalog_snapshot(c);
    const struct manifest *owner = find_owner(s, bucket, NULL);
    if (!owner)
        return LH_OK;
    lh_fail(err, LH_CONFLICT, "the dataset \"%s\" has files in bucket \"%s\"", owner->name, bucket);
    return lh_err_hint(err,
                       "delete the datasets in the bucket first; GET /catalog/datasets lists them with their buckets");
}
