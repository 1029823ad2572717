/* The job that measures: one trial that was asked for, a grid of them, or the one that the agent proposes; and what then is
 * promoted.
 *
 * Input: {"mode": "trial"|"autotune"|"agent", "harness", "steps": [settings], "min_recall", "asked"}.  Step i of job J is done when
 * the log holds a trial with that job and step: a job that starts over goes on behind those (T1). */
#include "index/tuning.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "base/cleanup.h"
#include "base/metrics.h"
#include "base/timefmt.h"
#include "index/agent.h"
#include "index/evals.h"
#include "index/index_internal.h"
#include "index/promote.h"
#include "index/trial_log.h"
#include "index/trial_run.h"
#include "jobs/jobs.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/ids.h"

#include <inttypes.h>
#include <string.h>

#define GRID_MAX 64

struct tuning {
    struct index_service *service;
    struct job *job;
    struct generation *g;
    const char *mode;
    char *folder;
    struct eval_set questions;
    struct trial_bench *bench;
    struct index_places places;
    struct trial_log log; /* of before, and what this job adds */
    json_t *made;         /* this job's trials, by step */
};

/* ---- settings in JSON ---- */

static enum lh_code get_setting(const json_t *json, const char *key, int64_t min, int64_t max, int64_t fallback,
                                int64_t *ret, struct lh_err *err) {
    LH_TRY(lh_json_get_int_or(json, "", key, fallback, ret, err));
    if (*ret >= min && *ret <= max)
        return LH_OK;
    return json_object_get(json, key)
               ? lh_fail(err, LH_INVALID, "%s must be from %" PRId64 " to %" PRId64, key, min, max)
               : lh_fail(err, LH_INVALID, "%s is missing: a number from %" PRId64 " to %" PRId64, key, min, max);
}

static enum lh_code parse_settings(const json_t *json, struct trial_settings *ret, struct lh_err *err) {
    int64_t m, build, search, seed;
    LH_TRY(get_setting(json, "ef_construction", TRIAL_EF_CONSTRUCTION_MIN, TRIAL_EF_CONSTRUCTION_MAX, -1, &build, err));
    LH_TRY(get_setting(json, "ef_search", TRIAL_EF_SEARCH_MIN, TRIAL_EF_SEARCH_MAX, -1, &search, err));
    LH_TRY(get_setting(json, "seed", 0, INT64_MAX, TRIAL_SEED, &seed, err));
    LH_TRY(get_setting(json, "m", 0, 64, 0, &m, err));
    if (m == 1)
        return lh_fail(err, LH_INVALID, "m must be 0 (the default) or from 2 to 64");
    *ret = (struct trial_settings){(uint32_t)m, (uint32_t)build, (uint32_t)search, (uint64_t)seed};
    return LH_OK;
}

/* ---- asking for jobs ---- */

static enum lh_code submit(struct index_service *s, const char *index, const json_t *input, const char *actor,
                           char ret_job[LH_ULID_SIZE], bool *ret_joined, struct lh_err *err) {
    LH_AUTO(generation) struct generation *g = NULL;
    const struct job_request request = {.kind = INDEX_TUNE_JOB, .subject = index, .actor = actor, .input = input};
    LH_TRY(index_open_generation(s, index, &g, err));
    if (!g->record.generation) {
        lh_ignore(lh_fail(err, LH_CONFLICT, "the index \"%s\" is still being built", index));
        return lh_err_hint(err, "GET /vectors/jobs shows how far it is");
    }
    return jobs_submit(s->options.jobs, &request, ret_job, ret_joined, err);
}

enum lh_code index_trial_start(struct index_service *s, const json_t *request, const char *actor,
                               char ret_job[LH_ULID_SIZE], bool *ret_joined, struct lh_err *err) {
    static const char *const fields[] = {"index", "ef_construction", "ef_search", "seed", "m", "harness", NULL};
    struct trial_settings settings;
    const char *index, *harness;
    LH_TRY(lh_json_only_keys(request, "", fields, err));
    LH_TRY(lh_json_get_string(request, "", "index", &index, err));
    LH_TRY(lh_json_get_string_or(request, "", "harness", NULL, &harness, err));
    LH_TRY(parse_settings(request, &settings, err));
    LH_AUTO(json) json_t *input =
        json_pack("{s:s, s:s?, s:[o]}", "mode", "trial", "harness", harness, "steps", trial_settings_json(&settings));
    return submit(s, index, input, actor, ret_job, ret_joined, err);
}

static enum lh_code grid_steps(const json_t *request, json_t *steps, struct lh_err *err) {
    static const char *const fields[] = {"ef_construction", "ef_search", "m", "seed", NULL};
    json_t *grid, *point;
    size_t i;
    LH_TRY(lh_json_get_array_or_null(request, "", "grid", &grid, err));
    if (!grid) {
        for (i = 0; i < trial_default_grid_count; i++)
            json_array_append_new(steps, trial_settings_json(&trial_default_grid[i]));
        return LH_OK;
    }
    if (json_array_size(grid) < 1 || json_array_size(grid) > GRID_MAX)
        return lh_fail(err, LH_INVALID, "grid must have 1 to %d points", GRID_MAX);
    json_array_foreach(grid, i, point) {
        struct trial_settings settings;
        LH_TRY(lh_json_only_keys(point, "grid", fields, err));
        if (parse_settings(point, &settings, err) != LH_OK)
            return lh_err_context(err, "grid[%zu]", i);
        json_array_append_new(steps, trial_settings_json(&settings));
    }
    return LH_OK;
}

enum lh_code index_autotune_start(struct index_service *s, const json_t *request, const char *actor,
                                  char ret_job[LH_ULID_SIZE], struct lh_err *err) {
    static const char *const fields[] = {"index_name", "harness", "min_recall", "grid", NULL};
    LH_AUTO(json) json_t *steps = json_array();
    const char *index, *harness;
    char asked[LH_ULID_SIZE];
    double min_recall;
    bool joined;
    LH_TRY(lh_json_only_keys(request, "", fields, err));
    LH_TRY(lh_json_get_string(request, "", "index_name", &index, err));
    LH_TRY(lh_json_get_string_or(request, "", "harness", NULL, &harness, err));
    LH_TRY(lh_json_get_double_or(request, "", "min_recall", TUNE_MIN_RECALL, &min_recall, err));
    if (!(min_recall >= 0 && min_recall <= 1))
        return lh_fail(err, LH_INVALID, "min_recall must be from 0 to 1");
    LH_TRY(grid_steps(request, steps, err));
    /* One autotune at a time, also of the same grid: no two inputs are equal, so none is joined. */
    os_ulid(s->options.os, &s->ulids, asked);
    LH_AUTO(json) json_t *input = json_pack("{s:s, s:s?, s:f, s:O, s:s}", "mode", "autotune", "harness", harness,
                                            "min_recall", min_recall, "steps", steps, "asked", asked);
    return submit(s, index, input, actor, ret_job, &joined, err);
}

enum lh_code tune_submit_agent(struct index_service *s, const char *index, const char *why, uint64_t version,
                               struct lh_err *err) {
    LH_AUTO(json) json_t *input =
        json_pack("{s:s, s:s, s:I}", "mode", "agent", "why", why, "dataset_version", (json_int_t)version);
    char job[LH_ULID_SIZE];
    bool joined;
    return submit(s, index, input, AGENT_ACTOR, job, &joined, err);
}

/* ---- one step ---- */

/* This job's trial of that step; NULL: it was not written down. */
static json_t *find_step(const struct tuning *t, size_t step) {
    for (size_t i = t->log.count; i-- > 0;) {
        const char *job = json_string_value(json_object_get(t->log.trials[i], "job"));
        const json_t *number = json_object_get(t->log.trials[i], "step");
        if (job && strcmp(job, job_id(t->job)) == 0 && json_integer_value(number) == (json_int_t)step)
            return t->log.trials[i];
    }
    return NULL;
}

static json_t *describe_step(const struct tuning *t, size_t step, const struct trial_settings *settings) {
    const struct eval_set *q = &t->questions;
    char now[LH_TIME_SIZE];
    lh_time_format(os_realtime_us(t->service->options.os), now);
    return json_pack("{s:s, s:s, s:I, s:s, s:s, s:o, s:{s:s, s:I, s:s, s:I, s:I}, s:s, s:I, s:I, s:I, s:I}", "mode",
                     t->mode, "job", job_id(t->job), "step", (json_int_t)step, "at", now, "by", job_actor(t->job),
                     "settings", trial_settings_json(settings), "harness", "name", q->name, "number",
                     (json_int_t)q->number, "questions_hash", q->questions_hash, "queries", (json_int_t)q->count, "k",
                     (json_int_t)q->k, "generation", t->g->record.generation, "source_version",
                     (json_int_t)t->g->record.source_version, "rows", (json_int_t)trial_bench_rows(t->bench),
                     "dimensions", (json_int_t)t->g->record.dims, "threads", (json_int_t)os_cpu_count());
}

/* A failure is written down too; what is wrong with the trial then is in `err`. */
static enum lh_code run_step(struct tuning *t, size_t step, const struct trial_settings *settings, struct lh_err *err) {
    struct lh_metrics *metrics = t->service->options.metrics;
    LH_AUTO(json) json_t *trial = describe_step(t, step, settings);
    struct trial_outcome outcome = {.settings = *settings, .failed = true};
    struct lh_err failure = LH_ERR_INIT;
    size_t searches;
    LH_TRY(job_check(t->job, err));
    enum lh_code code = trial_bench_run(t->bench, settings, &outcome, &searches, &failure);
    if (code == LH_CANCELLED) {
        *err = failure;
        return code;
    }
    lh_metric_add(metrics, LH_METRIC_index_trials_total, code == LH_OK ? 0 : 1, 1);
    if (code == LH_OK)
        json_object_set_new(trial, "measured",
                            json_pack("{s:f, s:f, s:f, s:f, s:I, s:I}", "recall", outcome.recall, "p50_us",
                                      outcome.p50_us, "p99_us", outcome.p99_us, "build_ms", outcome.build_ms,
                                      "memory_bytes", (json_int_t)outcome.memory_bytes, "searches",
                                      (json_int_t)searches));
    else
        json_object_set_new(trial, "error",
                            json_pack("{s:s, s:s}", "code", lh_code_name(code), "message", failure.message));
    LH_TRY(trial_log_append(&t->places.at, &t->g->record, trial, err));
    trial_log_add(&t->log, trial, &outcome);
    json_array_append(t->made, trial);
    return LH_OK;
}

static enum lh_code one_step(struct tuning *t, size_t step, size_t count, const struct trial_settings *settings,
                             struct lh_err *err) {
    json_t *done = find_step(t, step);
    if (done)
        json_array_append(t->made, done);
    else
        LH_TRY(run_step(t, step, settings, err));
    job_progress(t->job, step + 1, count, "trials");
    LH_AUTO(json) json_t *checkpoint = json_pack("{s:I}", "trials", (json_int_t)step + 1);
    return done ? LH_OK : job_save_checkpoint(t->job, checkpoint, err);
}

/* ---- what comes of it ---- */

static enum lh_code fail_as_trial(const json_t *trial, struct lh_err *err) {
    const json_t *error = json_object_get(trial, "error");
    return lh_fail(err, lh_code_from_name(json_string_value(json_object_get(error, "code"))), "%s",
                   json_string_value(json_object_get(error, "message")));
}

static enum lh_code end_trial(struct tuning *t, struct lh_err *err) {
    const json_t *trial = json_array_get(t->made, 0);
    LH_AUTO(json) json_t *result = json_pack("{s:o}", "trial", trial_describe(trial));
    job_set_result(t->job, result);
    return json_object_get(trial, "measured") ? LH_OK : fail_as_trial(trial, err);
}

static enum lh_code end_autotune(struct tuning *t, double min_recall, struct lh_err *err) {
    size_t count = json_array_size(t->made);
    LH_AUTO(mem) struct trial_outcome *outcomes = lh_calloc(count + 1, sizeof *outcomes);
    LH_AUTO(json) json_t *trials = json_array();
    for (size_t i = 0; i < count; i++) {
        const json_t *trial = json_array_get(t->made, i);
        LH_TRY(trial_outcome_parse(trial, &outcomes[i], err));
        json_array_append(trials, json_object_get(trial, "number"));
    }
    size_t best = trial_best(outcomes, count, TRIAL_RECALL, min_recall);
    const json_t *winner = best < count ? json_array_get(t->made, best) : NULL;
    if (winner)
        LH_TRY(
            promote_trial(t->service, t->g->record.name, winner, job_actor(t->job), "autotune", job_id(t->job), err));
    LH_AUTO(json) json_t *result =
        json_pack("{s:O, s:b, s:f, s:o?}", "trials", trials, "promoted", winner != NULL, "min_recall", min_recall,
                  "winner", winner ? trial_describe(winner) : NULL);
    job_set_result(t->job, result);
    return LH_OK;
}

static enum lh_code end_agent(struct tuning *t, struct lh_err *err) {
    const json_t *trial = json_array_get(t->made, 0);
    bool better;
    LH_TRY(agent_judges(service_store(t->service), t->g->record.name, &t->log, trial, &better, err));
    if (better)
        LH_TRY(promote_trial(t->service, t->g->record.name, trial, AGENT_ACTOR, "measured better than what was there",
                             job_id(t->job), err));
    LH_AUTO(json) json_t *result = json_pack("{s:o, s:b}", "trial", trial_describe(trial), "promoted", better);
    job_set_result(t->job, result);
    return LH_OK;
}

/* ---- the job ---- */

static enum lh_code run_agent(struct tuning *t, struct lh_err *err) {
    struct trial_settings settings = {0};
    const json_t *done = find_step(t, 0);
    if (!done)
        settings = agent_proposes(&t->log, t->questions.questions_hash);
    LH_TRY(one_step(t, 0, 1, &settings, err));
    return end_agent(t, err);
}

static enum lh_code run(struct tuning *t, const json_t *input, struct lh_err *err) {
    const char *harness;
    json_t *steps;
    double min_recall;
    LH_TRY(lh_json_get_string(input, "", "mode", &t->mode, err));
    LH_TRY(lh_json_get_string_or(input, "", "harness", NULL, &harness, err));
    LH_TRY(lh_json_get_double_or(input, "", "min_recall", TUNE_MIN_RECALL, &min_recall, err));
    LH_TRY(eval_set_open(t->service, t->g, harness, &t->questions, err));
    LH_TRY(index_places_open(t->service, t->g->record.bucket, &t->places, err));
    LH_TRY(trial_log_load(&t->places.at, &t->g->record, &t->log, err));
    LH_TRY(trial_bench_open(t->service->options.os, t->g, &t->questions, t->folder, index_job_cancel(t->job), &t->bench,
                            err));
    if (strcmp(t->mode, "agent") == 0)
        return run_agent(t, err);
    LH_TRY(lh_json_get_array(input, "", "steps", &steps, err));
    for (size_t i = 0; i < json_array_size(steps); i++) {
        struct trial_settings settings;
        LH_TRY(parse_settings(json_array_get(steps, i), &settings, err));
        LH_TRY(one_step(t, i, json_array_size(steps), &settings, err));
    }
    return strcmp(t->mode, "trial") == 0 ? end_trial(t, err) : end_autotune(t, min_recall, err);
}

enum lh_code index_tune_run(struct job *job, void *service, struct lh_err *err) {
    struct index_service *s = service;
    struct tuning t = {.service = s, .job = job};
    struct lh_err ignored = LH_ERR_INIT;
    LH_AUTO(json) json_t *input = job_input(job);
    LH_TRY(index_open_generation(s, job_subject(job), &t.g, err));
    t.made = json_array();
    t.folder = lh_asprintf("%s/tune-%s", s->options.tmp_dir, job_id(job));
    enum lh_code code = run(&t, input, err);
    trial_bench_close(t.bench);
    eval_set_release(&t.questions);
    trial_log_release(&t.log);
    index_places_auto_release(&t.places);
    lh_ignore(os_remove_all(s->options.os, AT_FDCWD, t.folder, &ignored));
    generation_unref(t.g);
    json_decref(t.made);
    lh_free(t.folder);
    return code;
}

/* ---- looking ---- */

enum lh_code index_trials(struct index_service *s, const char *index, uint64_t before, size_t limit, json_t **ret_items,
                          uint64_t *ret_next, struct lh_err *err) {
    LH_AUTO(generation) struct generation *g = NULL;
    LH_AUTO(json) json_t *items = json_array();
    LH_AUTO(index_places) struct index_places places = {0};
    LH_AUTO(trial_log) struct trial_log log = {0};
    uint64_t next = 0;
    LH_TRY(index_open_generation(s, index, &g, err));
    LH_TRY(index_places_open(s, g->record.bucket, &places, err));
    LH_TRY(trial_log_load(&places.at, &g->record, &log, err));
    for (size_t i = log.count; i-- > 0;) {
        uint64_t number = (uint64_t)json_integer_value(json_object_get(log.trials[i], "number"));
        if (before && number >= before)
            continue;
        if (json_array_size(items) == limit)
            break;
        json_array_append_new(items, trial_describe(log.trials[i]));
        next = i > 0 ? number : 0;
    }
    *ret_items = LH_STEAL(items);
    *ret_next = next;
    return LH_OK;
}

static const char *harness_member(const json_t *trial, const char *key) {
    const char *text = json_string_value(json_object_get(json_object_get(trial, "harness"), key));
    return text ? text : "";
}

static json_t *pick(const struct trial_log *log, const struct trial_outcome *outcomes, const size_t *which,
                    size_t count, const char *metric, double min_recall) {
    json_t *items = json_array();
    if (strcmp(metric, "pareto") == 0) {
        LH_AUTO(mem) size_t *numbers = lh_calloc(count + 1, sizeof *numbers);
        size_t found = trial_pareto(outcomes, count, numbers);
        for (size_t i = 0; i < found; i++)
            json_array_append_new(items, trial_describe(log->trials[which[numbers[i]]]));
        return items;
    }
    size_t best =
        trial_best(outcomes, count, strcmp(metric, "latency") == 0 ? TRIAL_LATENCY : TRIAL_RECALL, min_recall);
    if (best < count)
        json_array_append_new(items, trial_describe(log->trials[which[best]]));
    return items;
}

enum lh_code index_trials_best(struct index_service *s, const char *index, const char *metric, const char *harness,
                               double min_recall, json_t **ret_answer, struct lh_err *err) {
    LH_AUTO(generation) struct generation *g = NULL;
    LH_AUTO(index_places) struct index_places places = {0};
    LH_AUTO(trial_log) struct trial_log log = {0};
    const char *hash = NULL;
    size_t count = 0;
    if (strcmp(metric, "recall") != 0 && strcmp(metric, "latency") != 0 && strcmp(metric, "pareto") != 0) {
        lh_ignore(lh_fail(err, LH_INVALID, "there is no metric \"%.40s\"", metric));
        return lh_err_hint(err, "use recall, latency or pareto");
    }
    LH_TRY(index_open_generation(s, index, &g, err));
    LH_TRY(index_places_open(s, g->record.bucket, &places, err));
    LH_TRY(trial_log_load(&places.at, &g->record, &log, err));
    LH_AUTO(mem) struct trial_outcome *outcomes = lh_calloc(log.count + 1, sizeof *outcomes);
    LH_AUTO(mem) size_t *which = lh_calloc(log.count + 1, sizeof *which);
    for (size_t i = log.count; i-- > 0 && !hash;)
        if (!harness || strcmp(harness_member(log.trials[i], "name"), harness) == 0) {
            harness = harness_member(log.trials[i], "name");
            hash = harness_member(log.trials[i], "questions_hash");
        }
    for (size_t i = 0; i < log.count && hash; i++)
        if (strcmp(harness_member(log.trials[i], "questions_hash"), hash) == 0) {
            which[count] = i;
            outcomes[count++] = log.outcomes[i];
        }
    LH_AUTO(json) json_t *items = pick(&log, outcomes, which, count, metric, min_recall);
    if (json_array_size(items) == 0) {
        lh_ignore(lh_fail(err, LH_NOT_FOUND, "none of %zu trials of the index \"%s\" qualifies", count, index));
        return lh_err_hint(err, "POST /vectors/hnsw/autotune makes some; min_recall says how good they must be");
    }
    *ret_answer = json_pack("{s:s, s:s, s:s, s:I, s:O}", "index", index, "metric", metric, "harness", harness,
                            "considered", (json_int_t)count, "items", items);
    return LH_OK;
}
