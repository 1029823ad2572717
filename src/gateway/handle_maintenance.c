/* Compaction and vacuum: asked for, looked at. */
#include "gateway/request.h"
#include "gateway/routes.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "catalog/catalog.h"
#include "gateway/page.h"
#include "jobs/jobs.h"
#include "lakehouse/lakehouse.h"
#include "policy/principal.h"
#include "upkeep/upkeep.h"

#include <math.h>

#define HOUR_MS 3600000.0
#define RETENTION_MAX_HOURS 876000.0 /* a century */

/* 202 with the job; `joined`: it ran already. */
static enum lh_code answer_job(struct request *rq, const char *id, bool joined, struct lh_err *err) {
    struct job_info info;
    LH_TRY(jobs_get(request_lakehouse(rq)->jobs, id, request_arena(rq), &info, err));
    LH_AUTO(json) json_t *job = job_info_to_json(&info);
    LH_AUTO(json) json_t *answer = json_pack("{s:s, s:b, s:O}", "job_id", id, "joined", joined, "job", job);
    return response_json(rq, 202, answer, err);
}

enum lh_code handle_query_compact(struct request *rq, struct lh_err *err) {
    static const char *const keys[] = {"dataset", "sort_by", "full", NULL};
    struct upkeep_compaction compaction = {.actor = request_principal(rq)->name};
    json_t *body;
    char id[LH_ULID_SIZE];
    bool joined;
    LH_TRY(request_body_json(rq, &body, err));
    LH_TRY(lh_json_only_keys(body, "", keys, err));
    LH_TRY(lh_json_get_string(body, "", "dataset", &compaction.dataset, err));
    LH_TRY(lh_json_get_string_or(body, "", "sort_by", NULL, &compaction.sort_by, err));
    LH_TRY(lh_json_get_bool_or(body, "", "full", compaction.sort_by != NULL, &compaction.full, err));
    LH_TRY(upkeep_submit_compaction(request_lakehouse(rq)->upkeep, &compaction, id, &joined, err));
    return answer_job(rq, id, joined, err);
}

enum lh_code handle_catalog_vacuum(struct request *rq, struct lh_err *err) {
    static const char *const keys[] = {"dry_run", "retention_hours", NULL};
    struct upkeep *upkeep = request_lakehouse(rq)->upkeep;
    json_t *body;
    char id[LH_ULID_SIZE];
    bool dry, joined;
    double hours;
    LH_TRY(request_body_json(rq, &body, err));
    LH_TRY(lh_json_only_keys(body, "", keys, err));
    LH_TRY(lh_json_get_bool_or(body, "", "dry_run", false, &dry, err));
    LH_TRY(lh_json_get_double_or(body, "", "retention_hours", -1, &hours, err));
    const json_t *given = json_object_get(body, "retention_hours");
    if (given && !json_is_null(given) && !(hours >= 0 && hours <= RETENTION_MAX_HOURS)) {
        lh_ignore(lh_fail(err, LH_INVALID, "retention_hours is to be from 0 to %.0f", RETENTION_MAX_HOURS));
        return lh_err_hint(err, "0 keeps the newest version alone; without the field maintenance.retention holds");
    }
    int64_t retention_ms = hours >= 0 ? (int64_t)llround(hours * HOUR_MS) : -1;
    if (dry) {
        LH_AUTO(json) json_t *answer = NULL;
        LH_TRY(upkeep_dry_vacuum(upkeep, retention_ms, &answer, err));
        return response_json(rq, 200, answer, err);
    }
    LH_TRY(upkeep_submit_vacuum(upkeep, retention_ms, request_principal(rq)->name, id, &joined, err));
    return answer_job(rq, id, joined, err);
}

enum lh_code handle_catalog_maintenance(struct request *rq, struct lh_err *err) {
    struct lakehouse *lh = request_lakehouse(rq);
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *s = catalog_snapshot(lh->catalog);
    LH_AUTO(json) json_t *general = NULL;
    const char *only = request_query_param(rq, "dataset"), *next = NULL;
    struct page page;
    LH_TRY(page_parse(rq, 100, 1000, &page, err));
    LH_TRY(upkeep_describe(lh->upkeep, &general, err));
    LH_AUTO(json) json_t *items = json_array();
    if (only) {
        const struct manifest *m;
        LH_TRY(catalog_snapshot_require(s, only, &m, err));
        json_array_append_new(items, upkeep_describe_dataset(lh->upkeep, m));
    }
    size_t count = only ? 0 : catalog_snapshot_count(s), i = 0;
    if (!only && page.after[0]) {
        i = catalog_snapshot_lower_bound(s, page.after);
        i += i < count && manifest_name_compare(catalog_snapshot_get(s, i)->name, page.after) == 0;
    }
    for (; i < count && json_array_size(items) < page.limit; i++) {
        const struct manifest *m = catalog_snapshot_get(s, i);
        json_array_append_new(items, upkeep_describe_dataset(lh->upkeep, m));
        next = m->name;
    }
    LH_AUTO(json) json_t *answer = json_copy(general);
    json_object_set(answer, "items", items);
    return page_respond_with(rq, answer, i < count ? next : NULL, err);
}
