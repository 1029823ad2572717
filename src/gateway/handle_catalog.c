/* What datasets there are. */
#include "gateway/request.h"
#include "gateway/routes.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/quantity.h"
#include "base/timefmt.h"
#include "catalog/catalog.h"
#include "gateway/bucket_choice.h"
#include "gateway/page.h"
#include "hot/hot.h"
#include "lake/horizon.h"
#include "lake/lake.h"
#include "lake/live_rows.h"
#include "lake/read_plan.h"
#include "lakehouse/lakehouse.h"
#include "policy/principal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* In a listing: all but the files and the lineage, which may be long. */
static json_t *summary_json(const struct manifest *m) {
    json_t *json = manifest_to_json(m);
    json_object_set_new(json, "file_count", json_integer((json_int_t)m->file_count));
    json_object_del(json, "files");
    json_object_del(json, "lineage");
    return json;
}

enum lh_code handle_dataset_list(struct request *rq, struct lh_err *err) {
    struct page page;
    const char *bucket;
    LH_TRY(page_parse(rq, 100, 1000, &page, err));
    LH_TRY(bucket_choice(rq, &bucket, err));
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *s = catalog_snapshot(request_lakehouse(rq)->catalog);
    size_t i = page.after[0] ? catalog_snapshot_lower_bound(s, page.after) : 0;
    size_t count = catalog_snapshot_count(s);
    if (i < count && page.after[0] && manifest_name_compare(catalog_snapshot_get(s, i)->name, page.after) == 0)
        i++;
    json_t *items = json_array();
    const char *last = NULL;
    for (; i < count && json_array_size(items) < page.limit; i++) {
        const struct manifest *m = catalog_snapshot_get(s, i);
        last = m->name;
        if (!bucket || strcmp(m->bucket, bucket) == 0)
            json_array_append_new(items, summary_json(m));
    }
    return page_respond(rq, items, i < count ? last : NULL, err);
}

/* The dataset that the path names, in the bucket that the header names. */
static enum lh_code require(struct request *rq, const struct catalog_snapshot *s, const struct manifest **ret_manifest,
                            struct lh_err *err) {
    const char *bucket;
    LH_TRY(bucket_choice(rq, &bucket, err));
    LH_TRY(catalog_snapshot_require(s, request_path_param(rq, "name"), ret_manifest, err));
    if (!bucket || strcmp((*ret_manifest)->bucket, bucket) == 0)
        return LH_OK;
    return lh_fail(err, LH_NOT_FOUND, "the dataset \"%s\" is not in the bucket %s", (*ret_manifest)->name, bucket);
}

/* The newest snapshot, or the one that the query parameter as_of names. */
static enum lh_code snapshot_as_of(struct request *rq, struct catalog_snapshot **ret_snapshot, struct lh_err *err) {
    struct catalog *catalog = request_lakehouse(rq)->catalog;
    const char *moment = request_query_param(rq, "as_of");
    if (moment)
        return lake_snapshot_as_of(catalog, moment, ret_snapshot, err);
    *ret_snapshot = catalog_snapshot(catalog);
    return LH_OK;
}

/* LH_GONE where a vacuum took the files of a past version: what is left of it is no dataset any more. */
static enum lh_code refuse_vacuumed(struct request *rq, const struct catalog_snapshot *s, const struct manifest *m,
                                    struct lh_err *err) {
    struct buckets *buckets = request_lakehouse(rq)->buckets;
    const char *plan;
    struct lh_err why = LH_ERR_INIT;
    if (!request_query_param(rq, "as_of") || lake_read_plan(buckets, m, request_arena(rq), &plan, &why) == LH_OK ||
        lake_horizon_explain(buckets, catalog_snapshot_version(s), &why) != LH_GONE)
        return LH_OK;
    *err = why;
    return err->code;
}

/* live_row_count: null where somebody would have to count and nobody asked for it. */
static enum lh_code add_live_rows(struct request *rq, const struct manifest *m, json_t *answer, struct lh_err *err) {
    const char *count = request_query_param(rq, "count");
    uint64_t rows;
    if (count && strcmp(count, "exact") != 0)
        return lh_fail(err, LH_INVALID, "count must be exact, not \"%.40s\"", count);
    if (!count && !lake_live_rows_known(m)) {
        json_object_set_new(answer, "live_row_count", json_null());
        return LH_OK;
    }
    LH_TRY(lake_live_rows(request_lakehouse(rq)->engine, request_lakehouse(rq)->buckets, m, request_cancel_fd(rq),
                          &rows, err));
    json_object_set_new(answer, "live_row_count", json_integer((json_int_t)rows));
    return LH_OK;
}

enum lh_code handle_dataset_get(struct request *rq, struct lh_err *err) {
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *s = NULL;
    const struct manifest *m;
    LH_TRY(snapshot_as_of(rq, &s, err));
    LH_TRY(require(rq, s, &m, err));
    LH_TRY(refuse_vacuumed(rq, s, m, err));
    LH_AUTO(json) json_t *answer = manifest_to_json(m);
    LH_TRY(add_live_rows(rq, m, answer, err));
    char etag[32];
    snprintf(etag, sizeof etag, "\"v%" PRIu64 "\"", m->version);
    response_header(rq, "ETag", etag);
    return response_json(rq, 200, answer, err);
}

enum lh_code handle_dataset_lineage(struct request *rq, struct lh_err *err) {
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *s = catalog_snapshot(request_lakehouse(rq)->catalog);
    const struct manifest *m;
    LH_TRY(require(rq, s, &m, err));
    LH_AUTO(json) json_t *whole = manifest_to_json(m);
    LH_AUTO(json) json_t *answer =
        json_pack("{s:s, s:s, s:O}", "dataset", m->name, "id", m->id, "sources", json_object_get(whole, "lineage"));
    return response_json(rq, 200, answer, err);
}

/* ---- versions ---- */

static json_t *version_json(const struct catalog_version *v) {
    char time[LH_TIME_SIZE];
    lh_time_format(v->at_us, time);
    return json_pack("{s:I, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:b}", "version", (json_int_t)v->version, "at", time,
                     "operation", v->operation, "actor", v->actor, "row_count", (json_int_t)v->row_count, "size_bytes",
                     (json_int_t)v->size_bytes, "schema_version", (json_int_t)v->schema_version, "file_count",
                     (json_int_t)v->file_count, "deleted", v->deleted);
}

enum lh_code handle_dataset_versions(struct request *rq, struct lh_err *err) {
    struct page page;
    LH_TRY(page_parse(rq, 100, 1000, &page, err));
    int64_t before = INT64_MAX;
    if (page.after[0] && (!lh_int_parse(page.after, &before) || before < 0))
        return lh_fail(err, LH_INVALID, "page_token is not one of this listing");
    struct catalog_version *versions;
    size_t count;
    LH_TRY(catalog_history(request_lakehouse(rq)->catalog, request_path_param(rq, "name"),
                           page.after[0] ? (uint64_t)before : UINT64_MAX, (size_t)page.limit, request_arena(rq),
                           &versions, &count, err));
    json_t *items = json_array();
    char next[24];
    for (size_t i = 0; i < count; i++)
        json_array_append_new(items, version_json(&versions[i]));
    if (count == page.limit)
        snprintf(next, sizeof next, "%" PRIu64, versions[count - 1].version);
    return page_respond(rq, items, count == page.limit ? next : NULL, err);
}

/* ---- delete ---- */

struct delete_change {
    const char *name;
    const char *bucket;
};

static enum lh_code delete_dataset(struct catalog_txn *txn, const struct catalog_snapshot *base, void *ctx,
                                   struct lh_err *err) {
    const struct delete_change *change = ctx;
    const struct manifest *m;
    LH_TRY(catalog_snapshot_require(base, change->name, &m, err));
    if (change->bucket && strcmp(m->bucket, change->bucket) != 0)
        return lh_fail(err, LH_NOT_FOUND, "the dataset \"%s\" is not in the bucket %s", m->name, change->bucket);
    catalog_txn_delete(txn, m->id);
    return LH_OK;
}

/* A pin is the dataset's, not its name's: it goes with it. */
static bool is_pinned(struct request *rq, const char *name) {
    struct hot_info info;
    struct lh_err ignored = LH_ERR_INIT;
    return hot_get(request_lakehouse(rq)->hot, name, request_arena(rq), &info, &ignored) == LH_OK && info.pinned;
}

enum lh_code handle_dataset_delete(struct request *rq, struct lh_err *err) {
    struct delete_change change = {.name = request_path_param(rq, "name")};
    LH_TRY(bucket_choice(rq, &change.bucket, err));
    LH_AUTO(buf) struct buf asked = BUF_INIT;
    LH_AUTO(json) json_t *json = json_pack("{s:s, s:s?}", "dataset", change.name, "bucket", change.bucket);
    lh_json_write(json, LH_JSON_COMPACT, &asked);
    struct catalog_change commit = {
        .operation = "delete",
        .actor = request_principal(rq)->name,
        .idempotency_key = request_header(rq, "Idempotency-Key"),
        .request = buf_cstr(&asked),
        .fn = delete_dataset,
        .ctx = &change,
    };
    struct catalog_commit done;
    bool pinned = is_pinned(rq, change.name);
    LH_TRY(catalog_commit(request_lakehouse(rq)->catalog, &commit, &done, err));
    LH_AUTO(json) json_t *answer =
        json_pack("{s:s, s:I, s:b, s:b}", "dataset", change.name, "version", (json_int_t)done.version, "replayed",
                  done.replayed, "unpinned", pinned && !done.replayed);
    return response_json(rq, 200, answer, err);
}
