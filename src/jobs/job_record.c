/* A job as JSON: the object that keeps it, and what clients see. */
#include "base/alloc.h"
#include "base/arena.h"
#include "base/attr.h"
#include "base/timefmt.h"
#include "jobs/jobs_internal.h"

#include <stdio.h>
#include <string.h>

#define RECORD_FORMAT 1

static const char *const state_names[] = {
#define STATE_NAME(name, text) text,
    JOB_STATES(STATE_NAME)
#undef STATE_NAME
};

const char *job_state_name(enum job_state state) {
    return (size_t)state < LH_ARRAY_LEN(state_names) ? state_names[state] : "failed";
}

bool job_state_parse(const char *name, enum job_state *ret_state) {
    for (size_t i = 0; i < LH_ARRAY_LEN(state_names); i++)
        if (strcmp(name, state_names[i]) == 0) {
            *ret_state = (enum job_state)i;
            return true;
        }
    return false;
}

struct job *job_new(struct jobs *j) {
    struct job *job = lh_calloc(1, sizeof *job);
    job->jobs = j;
    job->cancel_fd = -1;
    pthread_mutex_init(&job->save_lock, NULL);
    return job;
}

void job_free(struct job *job) {
    if (!job)
        return;
    pthread_mutex_destroy(&job->save_lock);
    char *texts[] = {job->kind,       job->subject, job->actor,   job->input,
                     job->checkpoint, job->result,  job->message, job->hint};
    for (size_t i = 0; i < LH_ARRAY_LEN(texts); i++)
        lh_free(texts[i]);
    lh_free(job);
}

void job_set_error(struct job *job, const struct lh_err *err) {
    lh_free(job->message);
    lh_free(job->hint);
    job->error = err ? err->code : LH_OK;
    job->message = err ? lh_strdup(err->message) : NULL;
    job->hint = err && err->hint[0] ? lh_strdup(err->hint) : NULL;
}

/* ---- to JSON ---- */

static void set_text(json_t *object, const char *key, const char *text) {
    if (text)
        json_object_set_new(object, key, json_string(text));
}

static void set_time(json_t *object, const char *key, int64_t at_us) {
    char text[LH_TIME_SIZE];
    if (at_us == 0)
        return;
    lh_time_format(at_us, text);
    json_object_set_new(object, key, json_string(text));
}

static void set_json(json_t *object, const char *key, const char *text) {
    json_t *value = NULL;
    struct lh_err ignored = LH_ERR_INIT;
    if (text && lh_json_parse(text, strlen(text), NULL, &value, &ignored) == LH_OK)
        json_object_set_new(object, key, value);
}

static json_t *basic_json(const struct job_info *info) {
    json_t *json = json_object();
    set_text(json, "id", info->id);
    set_text(json, "kind", info->kind);
    set_text(json, "subject", info->subject);
    set_text(json, "actor", info->actor);
    set_text(json, "state", job_state_name(info->state));
    json_object_set_new(json, "cancelling", json_boolean(info->cancelling));
    json_object_set_new(json, "attempts", json_integer(info->attempts));
    set_time(json, "created_at", info->created_us);
    set_time(json, "started_at", info->started_us);
    set_time(json, "ended_at", info->ended_us);
    set_json(json, "input", info->input);
    set_json(json, "checkpoint", info->checkpoint);
    set_json(json, "result", info->result);
    if (info->error != LH_OK) {
        json_t *error =
            json_pack("{s:s, s:s}", "code", lh_code_name(info->error), "message", info->message ? info->message : "");
        set_text(error, "hint", info->hint);
        json_object_set_new(json, "error", error);
    }
    return json;
}

static json_t *progress_json(const struct job_info *info) {
    return json_pack("{s:I, s:I, s:s}", "done", (json_int_t)info->done, "total", (json_int_t)info->total, "unit",
                     info->unit);
}

json_t *job_info_to_json(const struct job_info *info) {
    json_t *json = basic_json(info);
    json_t *progress = progress_json(info);
    if (info->rate > 0)
        json_object_set_new(progress, "rate", json_real(info->rate));
    if (info->eta_ms >= 0)
        json_object_set_new(progress, "eta_ms", json_integer(info->eta_ms));
    json_object_set_new(json, "progress", progress);
    return json;
}

void job_record_write(const struct job *job, struct buf *out) {
    LH_AUTO(arena) struct arena *arena = arena_new();
    struct job_info info;
    job_describe(job, 0, arena, &info);
    LH_AUTO(json) json_t *json = basic_json(&info);
    json_object_set_new(json, "progress", progress_json(&info));
    json_object_set_new(json, "format", json_integer(RECORD_FORMAT));
    lh_json_write(json, LH_JSON_COMPACT, out);
}

/* ---- and back ---- */

static char *text_of(const json_t *json, const char *key) {
    const char *text = json_string_value(json_object_get(json, key));
    return text ? lh_strdup(text) : NULL;
}

static char *json_of(const json_t *json, const char *key) {
    const json_t *value = json_object_get(json, key);
    if (!value)
        return NULL;
    LH_AUTO(buf) struct buf text = BUF_INIT;
    lh_json_write(value, LH_JSON_COMPACT_SORTED, &text);
    return buf_detach(&text);
}

static int64_t time_of(const json_t *json, const char *key) {
    const char *text = json_string_value(json_object_get(json, key));
    int64_t at_us = 0;
    return text && lh_time_parse(text, strlen(text), &at_us) ? at_us : 0;
}

static uint64_t count_of(const json_t *json, const char *key) {
    json_int_t n = json_integer_value(json_object_get(json, key));
    return n > 0 ? (uint64_t)n : 0;
}

static void read_error(struct job *job, const json_t *error) {
    if (!json_is_object(error))
        return;
    const char *code = json_string_value(json_object_get(error, "code"));
    job->error = lh_code_from_name(code ? code : "");
    job->message = text_of(error, "message");
    job->hint = text_of(error, "hint");
}

enum lh_code job_record_read(struct jobs *j, const struct buf *text, struct job **ret_job, struct lh_err *err) {
    LH_AUTO(json) json_t *json = NULL;
    const char *id, *kind, *subject, *state;
    enum job_state parsed;
    int64_t format;
    LH_TRY(lh_json_parse(buf_cstr(text), text->len, NULL, &json, err));
    LH_TRY(lh_json_get_int(json, "", "format", &format, err));
    if (format != RECORD_FORMAT)
        return lh_fail(err, LH_UNSUPPORTED, "it was written by a newer release (format %lld)", (long long)format);
    LH_TRY(lh_json_get_string(json, "", "id", &id, err));
    LH_TRY(lh_json_get_string(json, "", "kind", &kind, err));
    LH_TRY(lh_json_get_string(json, "", "subject", &subject, err));
    LH_TRY(lh_json_get_string(json, "", "state", &state, err));
    if (!lh_ulid_valid(id, strlen(id)) || !job_state_parse(state, &parsed))
        return lh_fail(err, LH_CORRUPT, "its id or its state is none");
    const json_t *progress = json_object_get(json, "progress");
    const char *unit = json_string_value(json_object_get(progress, "unit"));
    struct job *job = job_new(j);
    snprintf(job->id, sizeof job->id, "%s", id);
    snprintf(job->unit, sizeof job->unit, "%s", unit ? unit : "");
    job->kind = lh_strdup(kind);
    job->subject = lh_strdup(subject);
    job->actor = text_of(json, "actor");
    job->state = parsed;
    job->cancelling = json_is_true(json_object_get(json, "cancelling"));
    job->attempts = (unsigned)count_of(json, "attempts");
    job->created_us = time_of(json, "created_at");
    job->started_us = time_of(json, "started_at");
    job->ended_us = time_of(json, "ended_at");
    job->input = json_of(json, "input");
    job->checkpoint = json_of(json, "checkpoint");
    job->result = json_of(json, "result");
    job->done = count_of(progress, "done");
    job->total = count_of(progress, "total");
    read_error(job, json_object_get(json, "error"));
    *ret_job = job;
    return LH_OK;
}

void job_describe(const struct job *job, int64_t now_ns, struct arena *arena, struct job_info *ret_info) {
    *ret_info = (struct job_info){
        .id = arena_strdup(arena, job->id),
        .kind = arena_strdup(arena, job->kind),
        .subject = arena_strdup(arena, job->subject),
        .actor = arena_strdup(arena, job->actor),
        .state = job->state,
        .cancelling = job->cancelling && job_state_is_active(job->state),
        .done = job->done,
        .total = job->total,
        .unit = arena_strdup(arena, job->unit),
        .eta_ms = -1,
        .created_us = job->created_us,
        .started_us = job->started_us,
        .ended_us = job->ended_us,
        .attempts = job->attempts,
        .input = arena_strdup(arena, job->input),
        .checkpoint = arena_strdup(arena, job->checkpoint),
        .result = arena_strdup(arena, job->result),
        .error = job->error,
        .message = arena_strdup(arena, job->message),
        .hint = arena_strdup(arena, job->hint),
    };
    if (job->state != JOB_RUNNING || now_ns <= job->run_ns || job->done <= job->run_from)
        return;
    ret_info->rate = (double)(job->done - job->run_from) * 1e9 / (double)(now_ns - job->run_ns);
    if (job->total >= job->done)
        ret_info->eta_ms = (int64_t)((double)(job->total - job->done) * 1000 / ret_info->rate);
}
