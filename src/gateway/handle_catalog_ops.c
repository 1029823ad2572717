/* Changing what the catalog says: the operations of lake/catalog_ops.h over HTTP. */
#include "gateway/request.h"
#include "gateway/routes.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "catalog/catalog.h"
#include "gateway/bucket_choice.h"
#include "gateway/page.h"
#include "ingest/ingest.h"
#include "lake/catalog_ops.h"
#include "lakehouse/lakehouse.h"
#include "policy/principal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static struct catalog_ops services(struct request *rq) {
    const struct lakehouse *lh = request_lakehouse(rq);
    return (struct catalog_ops){.catalog = lh->catalog,
                                .buckets = lh->buckets,
                                .engine = lh->engine,
                                .os = lh->os,
                                .tmp_dir = lh->tmp_dir,
                                .history = ingest_row_history(lh->ingest)};
}

static struct catalog_caller caller(struct request *rq) {
    return (struct catalog_caller){
        .actor = request_principal(rq)->name,
        .idempotency_key = request_header(rq, "Idempotency-Key"),
        .cancel_fd = request_cancel_fd(rq),
    };
}

/* Where X-Lakehouse-Bucket is given, the dataset must live there. */
static enum lh_code check_bucket(struct request *rq, const char *dataset, struct lh_err *err) {
    const char *bucket;
    LH_TRY(bucket_choice(rq, &bucket, err));
    if (!bucket)
        return LH_OK;
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *s = catalog_snapshot(request_lakehouse(rq)->catalog);
    const struct manifest *m;
    LH_TRY(catalog_snapshot_require(s, dataset, &m, err));
    if (strcmp(m->bucket, bucket) == 0)
        return LH_OK;
    return lh_fail(err, LH_NOT_FOUND, "the dataset \"%s\" is not in the bucket %s", m->name, bucket);
}

enum lh_code handle_dataset_register(struct request *rq, struct lh_err *err) {
    struct catalog_ops ops = services(rq);
    struct catalog_caller who = caller(rq);
    json_t *body;
    const char *bucket;
    LH_TRY(request_body_json(rq, &body, err));
    LH_TRY(bucket_choice(rq, &bucket, err));
    if (bucket) {
        const json_t *given = json_object_get(body, "bucket");
        if (given && !json_is_null(given) && (!json_is_string(given) || strcmp(json_string_value(given), bucket) != 0))
            return lh_fail(err, LH_INVALID, "the field bucket and X-Lakehouse-Bucket name different buckets");
        json_object_set_new(body, "bucket", json_string(bucket));
    }
    LH_AUTO(json) json_t *answer = NULL;
    LH_TRY(catalog_ops_register(&ops, &who, body, &answer, err));
    return response_json(rq, 201, answer, err);
}

enum lh_code handle_dataset_patch(struct request *rq, struct lh_err *err) {
    struct catalog_ops ops = services(rq);
    struct catalog_caller who = caller(rq);
    const char *name = request_path_param(rq, "name");
    json_t *body;
    LH_TRY(request_body_json(rq, &body, err));
    LH_TRY(check_bucket(rq, name, err));
    LH_AUTO(json) json_t *answer = NULL;
    LH_TRY(catalog_ops_patch(&ops, &who, name, body, &answer, err));
    return response_json(rq, 200, answer, err);
}

enum lh_code handle_dataset_resync(struct request *rq, struct lh_err *err) {
    struct catalog_ops ops = services(rq);
    struct catalog_caller who = caller(rq);
    const char *name = request_path_param(rq, "name");
    LH_TRY(check_bucket(rq, name, err));
    LH_AUTO(json) json_t *answer = NULL;
    LH_TRY(catalog_ops_resync(&ops, &who, name, &answer, err));
    return response_json(rq, 200, answer, err);
}

enum lh_code handle_resync_missing(struct request *rq, struct lh_err *err) {
    struct catalog_ops ops = services(rq);
    struct catalog_caller who = caller(rq);
    LH_AUTO(json) json_t *answer = NULL;
    LH_TRY(catalog_ops_resync_missing(&ops, &who, &answer, err));
    return response_json(rq, 200, answer, err);
}

enum lh_code handle_migrate_buckets(struct request *rq, struct lh_err *err) {
    struct catalog_ops ops = services(rq);
    struct catalog_caller who = caller(rq);
    LH_AUTO(json) json_t *answer = NULL;
    LH_TRY(catalog_ops_migrate_buckets(&ops, &who, &answer, err));
    return response_json(rq, 200, answer, err);
}

/* ---- rows by their keys ---- */

typedef enum lh_code row_op_fn(const struct catalog_ops *ops, const struct catalog_caller *caller, const char *dataset,
                               const json_t *request, json_t **ret_answer, struct lh_err *err);

static enum lh_code change_rows(struct request *rq, row_op_fn *fn, struct lh_err *err) {
    struct catalog_ops ops = services(rq);
    struct catalog_caller who = caller(rq);
    const char *name = request_path_param(rq, "name");
    json_t *body;
    LH_TRY(request_body_json(rq, &body, err));
    LH_TRY(check_bucket(rq, name, err));
    LH_AUTO(json) json_t *answer = NULL;
    LH_TRY(fn(&ops, &who, name, body, &answer, err));
    return response_json(rq, 200, answer, err);
}

enum lh_code handle_dataset_tombstone(struct request *rq, struct lh_err *err) {
    return change_rows(rq, catalog_ops_tombstone, err);
}

enum lh_code handle_dataset_untombstone(struct request *rq, struct lh_err *err) {
    return change_rows(rq, catalog_ops_untombstone, err);
}

/* A page token is "version.position": all pages are of one version. */
enum lh_code handle_dataset_tombstones(struct request *rq, struct lh_err *err) {
    struct catalog_ops ops = services(rq);
    struct catalog_caller who = caller(rq);
    const char *name = request_path_param(rq, "name");
    struct page page;
    uint64_t version = 0, position = 0;
    char next[48], odd;
    json_t *items;
    LH_TRY(page_parse(rq, 100, 1000, &page, err));
    LH_TRY(check_bucket(rq, name, err));
    if (page.after[0] && sscanf(page.after, "%" SCNu64 ".%" SCNu64 "%c", &version, &position, &odd) != 2)
        return lh_fail(err, LH_INVALID, "page_token is not one of this listing");
    LH_TRY(catalog_ops_tombstones(&ops, &who, name, &version, &position, page.limit, &items, err));
    snprintf(next, sizeof next, "%" PRIu64 ".%" PRIu64, version, position);
    return page_respond(rq, items, position > 0 ? next : NULL, err);
}
