#include "base/alloc.h"
#include "engine/engine.h"
#include "engine/pool.h"
#include "engine/worker_call.h"
#include "os/clock.h"
#include "os/fault.h"

static json_t *task_to_json(const struct engine_task *task, int64_t id) {
    json_t *body = json_object();
    json_object_set_new(body, "id", json_integer(id));
    json_object_set_new(body, "task", json_string(task->task));
    json_object_set(body, "request", (json_t *)(uintptr_t)task->request);
    if (task->untrusted_input)
        json_object_set_new(body, "untrusted_input", json_string(task->untrusted_input));
    return body;
}

static void report(const struct engine_task *task, const struct frame *frame) {
    LH_AUTO(json) json_t *body = NULL;
    struct lh_err ignored = LH_ERR_INIT;
    if (!task->progress || frame_json(frame, &body, &ignored) != LH_OK)
        return;
    json_int_t rows = json_integer_value(json_object_get(body, "rows"));
    task->progress(task->progress_ctx, json_number_value(json_object_get(body, "fraction")),
                   rows > 0 ? (uint64_t)rows : 0);
}

static enum lh_code lease(struct engine *e, const struct engine_task *task, struct worker_call *r, struct lh_err *err) {
    if (task->untrusted_input || task->output_dir)
        return pool_lease_fresh(e, task, r->wait.deadline_ns, &r->worker, err);
    return pool_lease(e, r->wait.deadline_ns, r->wait.cancel_fd, &r->worker, err);
}

/* Until the answer, or the worker gives the task back (*ret_retired). */
static enum lh_code run_on_worker(struct worker_call *r, const struct engine_task *task, const json_t *body,
                                  bool *ret_retired, json_t **ret_answer, struct lh_err *err) {
    if (frame_send_json(&r->worker->channel, FRAME_TASK, body, -1, &r->wait, err) != LH_OK)
        return worker_call_lost(r, err);
    for (;;) {
        struct frame frame;
        LH_AUTO(json) json_t *last = NULL;
        LH_TRY(worker_call_receive(r, &frame, err));
        if (frame.type == FRAME_PROGRESS) {
            report(task, &frame);
            continue;
        }
        *ret_retired = frame.type == FRAME_RETIRED;
        if (*ret_retired)
            return LH_OK;
        if (frame.type != FRAME_ANSWER || frame_json(&frame, &last, err) != LH_OK)
            return worker_call_lost(r, err);
        worker_call_finish(r, last);
        json_t *answer = json_object_get(last, "answer");
        *ret_answer = answer ? json_incref(answer) : json_null();
        return LH_OK;
    }
}

enum lh_code engine_run_task(struct engine *e, const struct engine_task *task, json_t **ret_answer,
                             struct lh_err *err) {
    struct worker_call r = {
        .engine = e,
        .id = (int64_t)atomic_fetch_add(&e->next_request, 1) + 1,
        .wait = {os_monotonic_ns(e->os) + task->timeout_ms * 1000000, task->cancel_fd},
        .timeout_ms = task->timeout_ms,
    };
    LH_AUTO(json) json_t *body = task_to_json(task, r.id);
    LH_TRY(LH_FAULT("engine.before_task", err));
    LH_TRY(lease(e, task, &r, err));
    atomic_fetch_add(&e->requests, 1);
    for (unsigned tries = 0;; tries++) {
        bool retired = false;
        LH_TRY(run_on_worker(&r, task, body, &retired, ret_answer, err));
        if (!retired)
            return LH_FAULT("engine.after_task", err);
        if (tries == 2 || r.worker->fresh) {
            pool_return(e, r.worker, false);
            return lh_fail(err, LH_UNAVAILABLE, "no worker took the task \"%s\"", task->task);
        }
        LH_TRY(pool_exchange(e, &r.worker, err));
    }
}
