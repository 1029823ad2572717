/* Eval sets, trials, promotion, the agent: finding the settings of an index's graph. */
#include "gateway/request.h"
#include "gateway/routes.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/quantity.h"
#include "gateway/page.h"
#include "index/tuning.h"
#include "jobs/jobs.h"
#include "lakehouse/lakehouse.h"
#include "policy/principal.h"

#include <inttypes.h>
#include <string.h>

#define WAIT_MAX_S 600
#define WAIT_SLICE_MS 250

static struct index_service *indexes(struct request *rq) {
    return request_lakehouse(rq)->indexes;
}

static const char *actor(struct request *rq) {
    return request_principal(rq)->name;
}

/* ---- eval sets ---- */

enum lh_code handle_eval_list(struct request *rq, struct lh_err *err) {
    json_t *items = NULL;
    LH_TRY(index_eval_list(indexes(rq), &items, err));
    return page_respond(rq, items, NULL, err);
}

enum lh_code handle_eval_get(struct request *rq, struct lh_err *err) {
    LH_AUTO(json) json_t *answer = NULL;
    LH_TRY(index_eval_get(indexes(rq), request_path_param(rq, "name"), &answer, err));
    return response_json(rq, 200, answer, err);
}

enum lh_code handle_eval_put(struct request *rq, struct lh_err *err) {
    LH_AUTO(json) json_t *answer = NULL;
    json_t *body;
    LH_TRY(request_body_json(rq, &body, err));
    LH_TRY(index_eval_put(indexes(rq), request_path_param(rq, "name"), body, actor(rq), request_cancel_fd(rq), &answer,
                          err));
    return response_json(rq, 200, answer, err);
}

enum lh_code handle_eval_autogen(struct request *rq, struct lh_err *err) {
    LH_AUTO(json) json_t *answer = NULL;
    json_t *body;
    LH_TRY(request_body_json(rq, &body, err));
    LH_TRY(index_eval_autogen(indexes(rq), request_path_param(rq, "name"), body, actor(rq), &answer, err));
    return response_json(rq, 200, answer, err);
}

enum lh_code handle_eval_delete(struct request *rq, struct lh_err *err) {
    LH_TRY(index_eval_delete(indexes(rq), request_path_param(rq, "name"), err));
    return response_bytes(rq, 204, "application/json", "", 0, err);
}

/* ---- jobs that are waited for ---- */

static enum lh_code fail_as_job(const struct job_info *info, struct lh_err *err) {
    lh_ignore(lh_fail(err, info->error, "%s", info->message ? info->message : "the job failed"));
    return info->hint ? lh_err_hint(err, "%s", info->hint) : info->error;
}

/* 200 where the job ends well within `wait` seconds, its own error where it fails, else 202. */
static enum lh_code answer_job(struct request *rq, const char *id, bool joined, uint64_t wait_s, struct lh_err *err) {
    struct jobs *jobs = request_lakehouse(rq)->jobs;
    struct job_info info;
    LH_TRY(jobs_get(jobs, id, request_arena(rq), &info, err));
    for (uint64_t slices = wait_s * 1000 / WAIT_SLICE_MS; slices > 0 && job_state_is_active(info.state); slices--) {
        LH_TRY(request_check(rq, err));
        LH_TRY(jobs_wait(jobs, id, WAIT_SLICE_MS, request_arena(rq), &info, err));
    }
    if (wait_s > 0 && info.state == JOB_FAILED)
        return fail_as_job(&info, err);
    LH_AUTO(json) json_t *job = job_info_to_json(&info);
    LH_AUTO(json) json_t *answer = json_pack("{s:s, s:b, s:O}", "job_id", id, "joined", joined, "job", job);
    return response_json(rq, job_state_is_active(info.state) ? 202 : 200, answer, err);
}

enum lh_code handle_trial_start(struct request *rq, struct lh_err *err) {
    char id[LH_ULID_SIZE];
    uint64_t wait_s;
    json_t *body;
    bool joined;
    LH_TRY(request_query_uint(rq, "wait", 0, WAIT_MAX_S, 0, &wait_s, err));
    LH_TRY(request_body_json(rq, &body, err));
    LH_TRY(index_trial_start(indexes(rq), body, actor(rq), id, &joined, err));
    return answer_job(rq, id, joined, wait_s, err);
}

enum lh_code handle_autotune(struct request *rq, struct lh_err *err) {
    char id[LH_ULID_SIZE];
    uint64_t wait_s;
    json_t *body;
    LH_TRY(request_query_uint(rq, "wait", 0, WAIT_MAX_S, 0, &wait_s, err));
    LH_TRY(request_body_json(rq, &body, err));
    LH_TRY(index_autotune_start(indexes(rq), body, actor(rq), id, err));
    return answer_job(rq, id, false, wait_s, err);
}

/* ---- trials ---- */

enum lh_code handle_trial_list(struct request *rq, struct lh_err *err) {
    struct page page;
    int64_t before = 0;
    uint64_t next;
    json_t *items = NULL;
    LH_TRY(page_parse(rq, 100, 1000, &page, err));
    if (page.after[0] && !lh_int_parse(page.after, &before))
        return lh_fail(err, LH_INVALID, "page_token is not one of this list");
    LH_TRY(index_trials(indexes(rq), request_path_param(rq, "index"), (uint64_t)before, (size_t)page.limit, &items,
                        &next, err));
    const char *token = next ? arena_printf(request_arena(rq), "%" PRIu64, next) : NULL;
    return page_respond(rq, items, token, err);
}

static enum lh_code query_share(struct request *rq, const char *name, double fallback, double *ret,
                                struct lh_err *err) {
    LH_AUTO(json) json_t *value = NULL;
    const char *text = request_query_param(rq, name);
    *ret = fallback;
    if (!text)
        return LH_OK;
    if (lh_json_parse(text, strlen(text), NULL, &value, err) != LH_OK || !json_is_number(value) ||
        !(json_number_value(value) >= 0 && json_number_value(value) <= 1))
        return lh_fail(err, LH_INVALID, "%s must be a number from 0 to 1, not \"%.40s\"", name, text);
    *ret = json_number_value(value);
    return LH_OK;
}

enum lh_code handle_trial_best(struct request *rq, struct lh_err *err) {
    const char *metric = request_query_param(rq, "metric");
    LH_AUTO(json) json_t *answer = NULL;
    double min_recall;
    LH_TRY(query_share(rq, "min_recall", TUNE_MIN_RECALL, &min_recall, err));
    LH_TRY(index_trials_best(indexes(rq), request_path_param(rq, "index"), metric ? metric : "recall",
                             request_query_param(rq, "harness"), min_recall, &answer, err));
    return response_json(rq, 200, answer, err);
}

/* ---- promotion ---- */

static const char *promoter(struct request *rq) {
    const char *by = request_query_param(rq, "promoted_by");
    return by && by[0] ? by : actor(rq);
}

/* 202 while the graph is being built. */
static enum lh_code answer_promoted(struct request *rq, const json_t *answer, struct lh_err *err) {
    const char *state = json_string_value(json_object_get(answer, "state"));
    return response_json(rq, state && strcmp(state, "building") == 0 ? 202 : 200, answer, err);
}

enum lh_code handle_promote(struct request *rq, struct lh_err *err) {
    const char *text = request_path_param(rq, "trial_id");
    LH_AUTO(json) json_t *answer = NULL;
    int64_t trial;
    if (!lh_int_parse(text, &trial) || trial < 1) {
        lh_ignore(lh_fail(err, LH_INVALID, "\"%.40s\" is not the id of a trial", text));
        return lh_err_hint(err, "ids are numbers from 1: GET /vectors/hnsw/trials/%.60s",
                           request_path_param(rq, "index"));
    }
    LH_TRY(index_promote(indexes(rq), request_path_param(rq, "index"), (uint64_t)trial, promoter(rq),
                         request_query_param(rq, "note"), &answer, err));
    return answer_promoted(rq, answer, err);
}

enum lh_code handle_rollback(struct request *rq, struct lh_err *err) {
    LH_AUTO(json) json_t *answer = NULL;
    LH_TRY(index_rollback(indexes(rq), request_path_param(rq, "index"), promoter(rq), request_query_param(rq, "note"),
                          &answer, err));
    return answer_promoted(rq, answer, err);
}

enum lh_code handle_promoted(struct request *rq, struct lh_err *err) {
    LH_AUTO(json) json_t *answer = NULL;
    LH_TRY(index_promoted(indexes(rq), request_path_param(rq, "index"), &answer, err));
    return response_json(rq, 200, answer, err);
}

/* ---- memory, the agent ---- */

enum lh_code handle_index_cache(struct request *rq, struct lh_err *err) {
    LH_AUTO(json) json_t *answer = index_cache_stats(indexes(rq));
    return response_json(rq, 200, answer, err);
}

enum lh_code handle_agent_enqueue(struct request *rq, struct lh_err *err) {
    LH_AUTO(json) json_t *answer = NULL;
    LH_TRY(index_agent_enqueue(indexes(rq), request_path_param(rq, "index"), actor(rq), &answer, err));
    return response_json(rq, 202, answer, err);
}

enum lh_code handle_agent_status(struct request *rq, struct lh_err *err) {
    LH_AUTO(json) json_t *answer = NULL;
    LH_TRY(index_agent_status(indexes(rq), &answer, err));
    return response_json(rq, 200, answer, err);
}
