/* The bucket registry and the journal of what failed on buckets. */
#include "gateway/request.h"
#include "gateway/routes.h"

#include "base/cleanup.h"
#include "base/timefmt.h"
#include "gateway/journal_entry.h"
#include "gateway/page.h"
#include "lake/owner.h"
#include "lakehouse/lakehouse.h"
#include "store/buckets.h"
#include "store/error_journal.h"

#include <string.h>

static json_t *bucket_json(const struct bucket_info *info) {
    json_t *json =
        json_pack("{s:s, s:s, s:b, s:b, s:b, s:b}", "name", info->name, "backend", info->backend, "reachable",
                  info->reachable, "primary", info->primary, "rescue", info->rescue, "configured", info->configured);
    if (info->root)
        json_object_set_new(json, "root", json_string(info->root));
    if (info->reason)
        json_object_set_new(json, "reason", json_string(info->reason));
    return json;
}

static json_t *all_buckets(struct request *rq, bool *ret_healthy) {
    struct bucket_info *infos;
    size_t count;
    buckets_list(request_lakehouse(rq)->buckets, request_arena(rq), &infos, &count);
    json_t *items = json_array();
    *ret_healthy = true;
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(items, bucket_json(&infos[i]));
        *ret_healthy = *ret_healthy && infos[i].reachable;
    }
    return items;
}

enum lh_code handle_bucket_list(struct request *rq, struct lh_err *err) {
    bool healthy;
    return page_respond(rq, all_buckets(rq, &healthy), NULL, err);
}

enum lh_code handle_bucket_health(struct request *rq, struct lh_err *err) {
    bool healthy;
    LH_AUTO(json) json_t *items = all_buckets(rq, &healthy);
    LH_AUTO(json) json_t *answer = json_pack("{s:b, s:O}", "healthy", healthy, "items", items);
    return response_json(rq, 200, answer, err);
}

enum lh_code handle_bucket_add(struct request *rq, struct lh_err *err) {
    static const char *const keys[] = {"name", "backend", "root", NULL};
    json_t *body;
    struct bucket_spec spec;
    LH_TRY(request_body_json(rq, &body, err));
    LH_TRY(lh_json_only_keys(body, "", keys, err));
    LH_TRY(lh_json_get_string(body, "", "name", &spec.name, err));
    LH_TRY(lh_json_get_string_or(body, "", "backend", "local", &spec.backend, err));
    LH_TRY(lh_json_get_string(body, "", "root", &spec.root, err));
    LH_TRY(buckets_add(request_lakehouse(rq)->buckets, &spec, err));
    struct bucket_info *infos;
    size_t count;
    buckets_list(request_lakehouse(rq)->buckets, request_arena(rq), &infos, &count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(infos[i].name, spec.name) == 0) {
            LH_AUTO(json) json_t *answer = bucket_json(&infos[i]);
            LH_TRY(journal_entry(rq, "bucket", spec.name, "create", NULL, answer, "storage", err));
            return response_json(rq, 201, answer, err);
        }
    return lh_fail(err, LH_CONFLICT, "the bucket \"%s\" was removed again at the same time", spec.name);
}

enum lh_code handle_bucket_remove(struct request *rq, struct lh_err *err) {
    struct lakehouse *lh = request_lakehouse(rq);
    const char *name = request_path_param(rq, "name");
    if (strcmp(name, buckets_primary_name(lh->buckets)) != 0)
        LH_TRY(lake_refuse_bucket_in_use(lh->catalog, name, err));
    LH_TRY(buckets_remove(lh->buckets, name, err));
    LH_TRY(journal_entry(rq, "bucket", name, "delete", NULL, NULL, "storage", err));
    return response_bytes(rq, 204, NULL, NULL, 0, err);
}

/* ---- the error journal ---- */

static json_t *entry_json(const struct error_entry *e) {
    char time[LH_TIME_SIZE];
    lh_time_format(e->time_us, time);
    json_t *json = json_pack("{s:s, s:s, s:s, s:s, s:s}", "time", time, "bucket", e->bucket, "operation", e->operation,
                             "code", e->code, "message", e->message);
    if (e->key[0])
        json_object_set_new(json, "key", json_string(e->key));
    if (e->request_id[0])
        json_object_set_new(json, "request_id", json_string(e->request_id));
    return json;
}

enum lh_code handle_error_list(struct request *rq, struct lh_err *err) {
    struct error_filter filter = {.bucket = request_query_param(rq, "bucket")};
    uint64_t limit;
    LH_TRY(request_query_uint(rq, "limit", 1, ERROR_JOURNAL_LIMIT_MAX, 100, &limit, err));
    filter.limit = (size_t)limit;
    const char *since = request_query_param(rq, "since");
    if (since && !lh_time_parse(since, strlen(since), &filter.since_us)) {
        lh_fail(err, LH_INVALID, "since is not a time: \"%.64s\"", since);
        return lh_err_hint(err, "use RFC 3339, such as 2026-11-21T01:25:47Z");
    }
    struct error_entry *entries;
    size_t count;
    LH_TRY(error_journal_recent(request_lakehouse(rq)->errors, &filter, request_arena(rq), &entries, &count, err));
    json_t *items = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(items, entry_json(&entries[i]));
    return page_respond(rq, items, NULL, err);
}

enum lh_code handle_error_flush(struct request *rq, struct lh_err *err) {
    struct append_log_flushed flushed;
    LH_TRY(error_journal_flush(request_lakehouse(rq)->errors, &flushed, err));
    LH_AUTO(json) json_t *answer =
        json_pack("{s:I, s:I}", "batches", (json_int_t)flushed.batches, "records", (json_int_t)flushed.records);
    return response_json(rq, 200, answer, err);
}

enum lh_code handle_error_compact(struct request *rq, struct lh_err *err) {
    struct append_log_compacted done;
    LH_TRY(error_journal_compact(request_lakehouse(rq)->errors, &done, err));
    LH_AUTO(json) json_t *answer = json_pack("{s:I, s:I, s:I}", "merged", (json_int_t)done.merged, "written",
                                             (json_int_t)done.written, "records", (json_int_t)done.records);
    return response_json(rq, 200, answer, err);
}
