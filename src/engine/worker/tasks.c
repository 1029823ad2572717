#include "engine/worker/tasks.h"

#include "engine/worker/worker.h"
#include "os/clock.h"

#include <string.h>

#define PROGRESS_EVERY_NS INT64_C(100000000)

task_fn *task_find(const char *name) {
#define TASK_MATCH(task_name)          \
    if (strcmp(name, #task_name) == 0) \
        return task_##task_name;
    TASKS(TASK_MATCH)
#undef TASK_MATCH
    return NULL;
}

void task_progress(struct task *t, double fraction, uint64_t rows) {
    struct worker *w = t->worker;
    int64_t now_ns = os_monotonic_ns(w->os);
    if (w->progress_sent_ns != 0 && now_ns - w->progress_sent_ns < PROGRESS_EVERY_NS)
        return;
    w->progress_sent_ns = now_ns;
    LH_AUTO(json) json_t *progress = json_object();
    struct lh_err ignored = LH_ERR_INIT;
    json_object_set_new(progress, "fraction", json_real(fraction));
    json_object_set_new(progress, "rows", json_integer((json_int_t)rows));
    lh_ignore(frame_send_json(&w->channel, FRAME_PROGRESS, progress, -1, &FRAME_WAIT_FOREVER, &ignored));
}

bool task_cancelled(const struct task *t) {
    return worker_cancelled(t->worker);
}

enum lh_code task_run(struct worker *w, const json_t *request, struct lh_err *err) {
    const char *name;
    json_t *body;
    struct task task = {.session = &w->session, .output_dir = w->profile.output_dir, .worker = w};
    LH_TRY(lh_json_get_string(request, "", "task", &name, err));
    LH_TRY(lh_json_get_string_or(request, "", "untrusted_input", NULL, &task.untrusted_input, err));
    LH_TRY(lh_json_get_object(request, "", "request", &body, err));
    task_fn *fn = task_find(name);
    if (!fn)
        return lh_fail(err, LH_INTERNAL, "the worker knows no task \"%s\"", name);
    LH_AUTO(json) json_t *result = NULL;
    LH_TRY(fn(&task, body, &result, err));
    LH_AUTO(json) json_t *answer = json_object();
    json_object_set_new(answer, "answer", LH_STEAL(result));
    if (w->retire)
        json_object_set_new(answer, "retire", json_true());
    worker_end_request(w);
    return frame_send_json(&w->channel, FRAME_ANSWER, answer, -1, &FRAME_WAIT_FOREVER, err);
}
