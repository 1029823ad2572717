/* Long work: what runs, how far it is, and how to end it. */
#include "gateway/request.h"
#include "gateway/routes.h"

#include "base/cleanup.h"
#include "gateway/page.h"
#include "jobs/jobs.h"
#include "lakehouse/lakehouse.h"

static enum lh_code read_filter(struct request *rq, struct jobs_filter *ret_filter, struct lh_err *err) {
    const char *state = request_query_param(rq, "state");
    enum job_state parsed;
    struct page page;
    *ret_filter = (struct jobs_filter){
        .kind = request_query_param(rq, "kind"), .subject = request_query_param(rq, "subject"), .state = -1};
    if (state && !job_state_parse(state, &parsed)) {
        lh_ignore(lh_fail(err, LH_INVALID, "a job has no state \"%.64s\"", state));
        return lh_err_hint(err, "use queued, running, waiting, done, failed or cancelled");
    }
    if (state)
        ret_filter->state = (int)parsed;
    LH_TRY(page_parse(rq, 100, 1000, &page, err));
    ret_filter->before = page.after;
    ret_filter->limit = (size_t)page.limit;
    return LH_OK;
}

enum lh_code handle_job_list(struct request *rq, struct lh_err *err) {
    struct jobs_filter filter;
    struct job_info *infos;
    size_t count;
    bool more;
    LH_TRY(read_filter(rq, &filter, err));
    jobs_list(request_lakehouse(rq)->jobs, &filter, request_arena(rq), &infos, &count, &more);
    json_t *items = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(items, job_info_to_json(&infos[i]));
    return page_respond(rq, items, more ? infos[count - 1].id : NULL, err);
}

static enum lh_code answer_with(struct request *rq, const char *id, int status, struct lh_err *err) {
    struct job_info info;
    LH_TRY(jobs_get(request_lakehouse(rq)->jobs, id, request_arena(rq), &info, err));
    LH_AUTO(json) json_t *answer = job_info_to_json(&info);
    return response_json(rq, status, answer, err);
}

enum lh_code handle_job_get(struct request *rq, struct lh_err *err) {
    return answer_with(rq, request_path_param(rq, "id"), 200, err);
}

enum lh_code handle_job_cancel(struct request *rq, struct lh_err *err) {
    const char *id = request_path_param(rq, "id");
    LH_TRY(jobs_cancel(request_lakehouse(rq)->jobs, id, err));
    return answer_with(rq, id, 202, err);
}
