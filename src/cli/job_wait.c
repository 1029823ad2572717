#include "cli/job_wait.h"
#include "cli/answer.h"

#include "cli/cli.h"
#include "cli/client.h"
#include "cli/progress.h"
#include "os/clock.h"

#include <string.h>

#define FIRST_LOOK_MS 20
#define LAST_LOOK_MS 500

static bool is_active(const json_t *job) {
    const char *state = answer_text(job, "state");
    return strcmp(state, "queued") == 0 || strcmp(state, "running") == 0 || strcmp(state, "waiting") == 0;
}

static enum lh_code judge(const json_t *job, struct lh_err *err) {
    const json_t *error = json_object_get(job, "error");
    if (strcmp(answer_text(job, "state"), "done") == 0)
        return LH_OK;
    if (!error)
        return lh_fail(err, LH_CANCELLED, "the job %s was cancelled", answer_text(job, "id"));
    lh_ignore(lh_fail(err, lh_code_from_name(answer_text(error, "code")), "%s", answer_text(error, "message")));
    return answer_text(error, "hint")[0] ? lh_err_hint(err, "%s", answer_text(error, "hint")) : err->code;
}

static void show(struct progress *line, const json_t *job) {
    const json_t *progress = json_object_get(job, "progress");
    progress_bytes(line, (uint64_t)json_integer_value(json_object_get(progress, "done")),
                   (uint64_t)json_integer_value(json_object_get(progress, "total")));
}

enum lh_code job_wait(const struct cli *cli, struct client *client, const json_t *started, const char *label,
                      bool no_wait, json_t **ret_job, struct lh_err *err) {
    LH_AUTO(json) json_t *job = json_incref(json_object_get(started, "job"));
    LH_AUTO(buf) struct buf path = BUF_INIT;
    struct progress line;
    enum lh_code code = LH_OK;
    buf_printf(&path, "/jobs/%s", answer_text(started, "job_id"));
    progress_start(&line, cli, label);
    for (int64_t wait_ms = FIRST_LOOK_MS; code == LH_OK && !no_wait && is_active(job);) {
        os_sleep_ms(cli->os, wait_ms);
        wait_ms = wait_ms * 2 < LAST_LOOK_MS ? wait_ms * 2 : LAST_LOOK_MS;
        json_decref(LH_STEAL(job));
        code = client_json(client, "GET", buf_cstr(&path), NULL, &job, err);
        if (code == LH_OK)
            show(&line, job);
    }
    progress_end(&line);
    if (code == LH_OK && !no_wait)
        code = judge(job, err);
    if (code != LH_OK)
        return code;
    *ret_job = LH_STEAL(job);
    return LH_OK;
}
