/* Indexes: making, refreshing, searching them. */
#include "gateway/request.h"
#include "gateway/routes.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "catalog/catalog.h"
#include "gateway/page.h"
#include "index/index.h"
#include "jobs/jobs.h"
#include "lakehouse/lakehouse.h"
#include "policy/principal.h"

#include <string.h>

static struct index_service *indexes(struct request *rq) {
    return request_lakehouse(rq)->indexes;
}

static const char *actor(struct request *rq) {
    return request_principal(rq)->name;
}

enum lh_code handle_index_create(struct request *rq, struct lh_err *err) {
    LH_AUTO(json) json_t *answer = NULL;
    json_t *body;
    LH_TRY(request_body_json(rq, &body, err));
    LH_TRY(index_create(indexes(rq), body, actor(rq), &answer, err));
    return response_json(rq, 202, answer, err);
}

static enum lh_code list(struct request *rq, bool stale_only, struct lh_err *err) {
    json_t *items = NULL;
    LH_TRY(index_list(indexes(rq), request_query_param(rq, "source"), request_query_param(rq, "model"), stale_only,
                      &items, err));
    return page_respond(rq, items, NULL, err);
}

enum lh_code handle_index_list(struct request *rq, struct lh_err *err) {
    return list(rq, false, err);
}

enum lh_code handle_index_stale(struct request *rq, struct lh_err *err) {
    return list(rq, true, err);
}

enum lh_code handle_index_get(struct request *rq, struct lh_err *err) {
    LH_AUTO(json) json_t *answer = NULL;
    LH_TRY(index_get(indexes(rq), request_path_param(rq, "name"), &answer, err));
    return response_json(rq, 200, answer, err);
}

enum lh_code handle_index_patch(struct request *rq, struct lh_err *err) {
    LH_AUTO(json) json_t *answer = NULL;
    json_t *body;
    LH_TRY(request_body_json(rq, &body, err));
    LH_TRY(index_patch(indexes(rq), request_path_param(rq, "name"), body, actor(rq), &answer, err));
    return response_json(rq, 200, answer, err);
}

enum lh_code handle_index_delete(struct request *rq, struct lh_err *err) {
    LH_TRY(index_delete(indexes(rq), request_path_param(rq, "name"), err));
    return response_bytes(rq, 204, "application/json", "", 0, err);
}

enum lh_code handle_index_history(struct request *rq, struct lh_err *err) {
    json_t *records = NULL;
    LH_TRY(index_history(indexes(rq), request_path_param(rq, "name"), &records, err));
    return page_respond(rq, records, NULL, err);
}

/* ---- refresh ---- */

static enum lh_code refresh_one(struct request *rq, const char *name, bool rebuild, json_t *jobs, struct lh_err *err) {
    json_t *answer = NULL;
    LH_TRY(index_refresh(indexes(rq), name, rebuild, actor(rq), &answer, err));
    json_array_append_new(jobs, answer);
    return LH_OK;
}

/* An index that is not there yet is made, where the request says how. */
static enum lh_code make_one(struct request *rq, const json_t *body, const char *dataset, const char *name,
                             json_t *jobs, struct lh_err *err) {
    LH_AUTO(json) json_t *other = NULL;
    json_t *answer = NULL;
    enum lh_code code = index_get(indexes(rq), name, &other, err);
    if (code == LH_OK) {
        lh_ignore(lh_fail(err, LH_NOT_FOUND, "the index \"%s\" is not over the dataset \"%.80s\"", name, dataset));
        return lh_err_hint(err, "GET /vectors/indexes?source=%.80s lists those that are", dataset);
    }
    if (code != LH_NOT_FOUND || !json_object_get(body, "id_column"))
        return code;
    LH_AUTO(json) json_t *definition = json_copy((json_t *)(uintptr_t)body);
    json_object_del(definition, "index_name");
    json_object_del(definition, "rebuild");
    json_object_set_new(definition, "name", json_string(name));
    json_object_set_new(definition, "dataset", json_string(dataset));
    LH_TRY(index_create(indexes(rq), definition, actor(rq), &answer, err));
    json_object_set_new(answer, "index", json_string(name));
    json_array_append_new(jobs, answer);
    return LH_OK;
}

static enum lh_code require_dataset(struct request *rq, const char *dataset, struct lh_err *err) {
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *s = catalog_snapshot(request_lakehouse(rq)->catalog);
    const struct manifest *ignored;
    return catalog_snapshot_require(s, dataset, &ignored, err);
}

enum lh_code handle_index_refresh(struct request *rq, struct lh_err *err) {
    /* The latter ones: of an index that is made. */
    static const char *const fields[] = {
        "index_name",      "rebuild",    "id_column", "text_column",     "provider", "model",
        "dimensions",      "chunk_size", "overlap",   "chunk_unit",      "backend",  "m",
        "ef_construction", "ef_search",  "refresh",   "refresh_every_s", "bucket",   NULL};
    const char *dataset = request_path_param(rq, "dataset"), *name;
    LH_AUTO(json) json_t *jobs = json_array();
    LH_AUTO(json) json_t *items = NULL;
    json_t *body, *item;
    bool rebuild;
    size_t i;
    LH_TRY(request_body_json(rq, &body, err));
    LH_TRY(lh_json_only_keys(body, "", fields, err));
    LH_TRY(lh_json_get_string_or(body, "", "index_name", NULL, &name, err));
    LH_TRY(lh_json_get_bool_or(body, "", "rebuild", false, &rebuild, err));
    LH_TRY(require_dataset(rq, dataset, err));
    LH_TRY(index_list(indexes(rq), dataset, NULL, false, &items, err));
    json_array_foreach(items, i, item) {
        const char *of_item = json_string_value(json_object_get(item, "name"));
        if (!name || strcmp(name, of_item) == 0)
            LH_TRY(refresh_one(rq, of_item, rebuild, jobs, err));
    }
    if (json_array_size(jobs) == 0 && !name) {
        lh_ignore(lh_fail(err, LH_NOT_FOUND, "the dataset \"%.80s\" has no index", dataset));
        return lh_err_hint(err, "POST /vectors/index makes one");
    }
    if (json_array_size(jobs) == 0)
        LH_TRY(make_one(rq, body, dataset, name, jobs, err));
    LH_AUTO(json) json_t *answer = json_pack("{s:O}", "jobs", jobs);
    return response_json(rq, 202, answer, err);
}

/* ---- searching ---- */

enum lh_code handle_index_search(struct request *rq, struct lh_err *err) {
    LH_AUTO(json) json_t *answer = NULL;
    json_t *body;
    LH_TRY(request_body_json(rq, &body, err));
    LH_TRY(index_search(indexes(rq), body, request_cancel_fd(rq), &answer, err));
    return response_json(rq, 200, answer, err);
}

enum lh_code handle_index_compare(struct request *rq, struct lh_err *err) {
    LH_AUTO(json) json_t *answer = NULL;
    json_t *body;
    LH_TRY(request_body_json(rq, &body, err));
    LH_TRY(index_compare(indexes(rq), body, request_cancel_fd(rq), &answer, err));
    return response_json(rq, 200, answer, err);
}

/* ---- their jobs ---- */

enum lh_code handle_index_jobs(struct request *rq, struct lh_err *err) {
    struct jobs_filter filter = {.kind = INDEX_JOB, .subject = request_query_param(rq, "index"), .state = -1};
    struct job_info *infos;
    struct page page;
    size_t count;
    bool more;
    LH_TRY(page_parse(rq, 100, 1000, &page, err));
    filter.before = page.after;
    filter.limit = (size_t)page.limit;
    jobs_list(request_lakehouse(rq)->jobs, &filter, request_arena(rq), &infos, &count, &more);
    json_t *items = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(items, job_info_to_json(&infos[i]));
    return page_respond(rq, items, more ? infos[count - 1].id : NULL, err);
}

enum lh_code handle_index_job(struct request *rq, struct lh_err *err) {
    struct job_info info;
    LH_TRY(jobs_get(request_lakehouse(rq)->jobs, request_path_param(rq, "id"), request_arena(rq), &info, err));
    if (strcmp(info.kind, INDEX_JOB) != 0) {
        lh_ignore(lh_fail(err, LH_NOT_FOUND, "the job \"%.40s\" builds no index", info.id));
        return lh_err_hint(err, "GET /jobs/{id} answers jobs of every kind");
    }
    LH_AUTO(json) json_t *answer = job_info_to_json(&info);
    return response_json(rq, 200, answer, err);
}
