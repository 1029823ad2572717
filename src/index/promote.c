/* Promotion: the settings of a trial become those of the index, and go again.
 *
 * What is promoted stands in the index's record beside the settings themselves, so that one put changes both:
 *     "promotions": {"in_effect": 3, "items": [newest first, at most PROMOTION_HISTORY]}
 * An item: {"number", "action": "promote"|"rollback", "trial", "settings", "before": {"number", "settings"}, "at", "by", "note", "job"}.
 * `in_effect` is the number of the promotion that holds, 0: what the index was defined with.  A rollback goes to what the
 * promotion in effect has in `before`; it is an item too, but never in effect itself.
 *
 * The graph follows by a job (BUILD_RECODE).  Where that job is not started, or killed, the watch of the index starts it
 * (index_record_is_pending). */
#include "index/promote.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/metrics.h"
#include "base/timefmt.h"
#include "index/index_internal.h"
#include "index/trial_log.h"
#include "index/tuning.h"
#include "jobs/jobs.h"
#include "os/clock.h"
#include "os/fault.h"

#include <inttypes.h>
#include <string.h>

#define WRITE_TRIES 5
#define BY_MAX 255
#define NOTE_MAX 2000

/* ---- the record ---- */

static json_t *settings_json(enum index_backend backend, const struct index_graph *graph) {
    json_t *settings = index_graph_json(graph);
    json_object_set_new(settings, "backend", json_string(index_backend_name(backend)));
    return settings;
}

/* The promotions of a record as it is to be: a new object. */
static json_t *promotions_of(const struct index_record *r) {
    const json_t *there = json_object_get(r->json, "promotions");
    return there ? json_deep_copy(there) : json_pack("{s:i, s:[]}", "in_effect", 0, "items");
}

static json_int_t in_effect(const json_t *promotions) {
    return json_integer_value(json_object_get(promotions, "in_effect"));
}

static json_t *find(const json_t *promotions, json_int_t number) {
    json_t *item;
    size_t i;
    json_array_foreach(json_object_get(promotions, "items"), i, item) {
        if (json_integer_value(json_object_get(item, "number")) == number)
            return item;
    }
    return NULL;
}

/* Sets number, time, and what was before; takes over `item`. */
static void add_item(struct index_service *s, const struct index_record *r, json_t *promotions, json_t *item) {
    json_t *items = json_object_get(promotions, "items");
    json_int_t last = json_integer_value(json_object_get(json_array_get(items, 0), "number"));
    char now[LH_TIME_SIZE];
    lh_time_format(os_realtime_us(s->options.os), now);
    json_object_set_new(item, "number", json_integer(last + 1));
    json_object_set_new(item, "at", json_string(now));
    json_object_set_new(
        item, "before",
        json_pack("{s:I, s:o}", "number", in_effect(promotions), "settings", settings_json(r->backend, &r->graph)));
    json_array_insert_new(items, 0, item);
    while (json_array_size(items) > PROMOTION_HISTORY)
        json_array_remove(items, json_array_size(items) - 1);
}

/* The record with other settings.  The window of searches stays that of the graph in use until the new one is there. */
static json_t *record_with(const struct index_record *r, const json_t *settings, json_t *promotions) {
    json_t *json = json_deep_copy(r->json), *graph = json_object(), *generation = json_object_get(json, "generation");
    json_object_update(graph, (json_t *)(uintptr_t)settings);
    json_object_set(json, "backend", json_object_get(settings, "backend"));
    json_object_del(graph, "backend");
    json_object_set_new(json, "hnsw", graph);
    json_object_set(json, "promotions", promotions);
    if (generation) {
        struct index_graph built = r->built;
        built.ef_search = index_record_ef(r);
        json_object_set_new(generation, "hnsw", index_graph_json(&built));
    }
    return json;
}

/* The job that builds it; NULL: none does. */
static const char *active_job(struct index_service *s, const char *index, struct arena *arena) {
    const struct jobs_filter filter = {.kind = INDEX_JOB, .subject = index, .state = -1, .limit = 1};
    struct job_info *infos;
    size_t count;
    bool more;
    jobs_list(s->options.jobs, &filter, arena, &infos, &count, &more);
    return count > 0 && job_state_is_active(infos[0].state) ? infos[0].id : NULL;
}

static json_t *describe_record(struct index_service *s, const struct index_record *r) {
    LH_AUTO(arena) struct arena *arena = arena_new();
    LH_AUTO(json) json_t *promotions = promotions_of(r);
    const json_t *item = find(promotions, in_effect(promotions));
    bool graph = r->segment_count > 0 && r->segments[0].backend == BACKEND_HNSW;
    json_t *serving = r->generation ? settings_json(graph ? BACKEND_HNSW : BACKEND_FLAT, &r->built) : json_null();
    if (r->generation)
        json_object_set_new(serving, "ef_search", json_integer((json_int_t)index_record_ef(r)));
    return json_pack("{s:s, s:s, s:s?, s:o, s:o, s:s?, s:O?, s:O}", "index", r->name, "state",
                     !r->generation               ? "unbuilt"
                     : index_record_is_pending(r) ? "building"
                                                  : "in_effect",
                     "job_id", active_job(s, r->name, arena), "settings", settings_json(r->backend, &r->graph),
                     "serving", serving, "generation", r->generation, "promotion", item, "history",
                     json_object_get(promotions, "items"));
}

/* ---- changing it ---- */

/* What a change makes of the newest record.  *ret_settings: the new ones, borrowed from `promotions` or the arena's; NULL: nothing is
 * to be changed. */
typedef enum lh_code change_fn(struct index_service *s, const struct index_record *r, json_t *promotions, void *ctx,
                               const json_t **ret_settings, struct lh_err *err);

static enum lh_code change_record(struct index_service *s, const char *index, change_fn *change, void *ctx,
                                  const char *actor, struct lh_err *err) {
    struct lh_err busy = LH_ERR_INIT;
    char job[LH_ULID_SIZE];
    bool joined;
    for (unsigned tries = 1;; tries++) {
        LH_AUTO(index_record) struct index_record r = {0};
        const json_t *settings = NULL;
        LH_TRY(index_record_load(service_store(s), index, &r, err));
        LH_AUTO(json) json_t *promotions = promotions_of(&r);
        LH_TRY(change(s, &r, promotions, ctx, &settings, err));
        if (!settings)
            return LH_OK;
        LH_AUTO(json) json_t *json = record_with(&r, settings, promotions);
        LH_TRY(LH_FAULT("promote.before_record", err));
        enum lh_code code = index_write_record(s, index, r.number, json, err);
        if (code == LH_CONFLICT && tries < WRITE_TRIES)
            continue;
        LH_TRY(code);
        break;
    }
    LH_TRY(LH_FAULT("promote.after_record", err));
    /* Where another job of the index is at work, the watch starts this one after it. */
    lh_ignore(service_submit(s, index, BUILD_RECODE, actor, job, &joined, &busy));
    return LH_OK;
}

static enum lh_code check_words(const char *by, const char *note, struct lh_err *err) {
    if (strlen(by) > BY_MAX || (note && strlen(note) > NOTE_MAX))
        return lh_fail(err, LH_INVALID, "promoted_by has at most %d bytes, note %d", BY_MAX, NOTE_MAX);
    return LH_OK;
}

struct promoting {
    const json_t *trial;
    const char *by, *note, *job;
};

static enum lh_code promote(struct index_service *s, const struct index_record *r, json_t *promotions, void *ctx,
                            const json_t **ret_settings, struct lh_err *err) {
    const struct promoting *p = ctx;
    struct trial_outcome outcome;
    LH_TRY(trial_outcome_parse(p->trial, &outcome, err));
    json_t *id = json_object_get(p->trial, "number");
    const json_t *now = find(promotions, in_effect(promotions));
    if (now && json_equal(json_object_get(now, "trial"), id))
        return LH_OK;
    const struct index_graph graph = {.m = outcome.settings.m,
                                      .ef_construction = outcome.settings.ef_construction,
                                      .ef_search = outcome.settings.ef_search,
                                      .seed = outcome.settings.seed};
    json_t *settings = settings_json(BACKEND_HNSW, &graph);
    json_t *item =
        json_pack("{s:s, s:O, s:o, s:O, s:s, s:s?, s:s?}", "action", "promote", "trial", id, "settings", settings,
                  "measured", json_object_get(p->trial, "measured"), "by", p->by, "note", p->note, "job", p->job);
    add_item(s, r, promotions, item);
    json_object_set(promotions, "in_effect", json_object_get(item, "number"));
    *ret_settings = settings;
    return LH_OK;
}

enum lh_code promote_trial(struct index_service *s, const char *index, const json_t *trial, const char *by,
                           const char *note, const char *job, struct lh_err *err) {
    struct promoting p = {.trial = trial, .by = by, .note = note, .job = job};
    LH_TRY(check_words(by, note, err));
    if (!json_object_get(trial, "measured")) {
        lh_ignore(lh_fail(err, LH_CONFLICT, "trial %" PRId64 " failed",
                          (int64_t)json_integer_value(json_object_get(trial, "number"))));
        return lh_err_hint(err, "GET /vectors/hnsw/trials/%s/best names one that can be promoted", index);
    }
    LH_TRY(change_record(s, index, promote, &p, by, err));
    lh_metric_add(s->options.metrics, LH_METRIC_index_promotions_total, 0, 1);
    return LH_OK;
}

struct rolling_back {
    const char *by, *note;
};

static enum lh_code roll_back(struct index_service *s, const struct index_record *r, json_t *promotions, void *ctx,
                              const json_t **ret_settings, struct lh_err *err) {
    const struct rolling_back *back = ctx;
    const json_t *now = find(promotions, in_effect(promotions));
    if (!now) {
        lh_ignore(lh_fail(err, LH_CONFLICT, "nothing is promoted on the index \"%s\"%s", r->name,
                          in_effect(promotions) ? ", as far back as its history goes" : ""));
        return lh_err_hint(err, "GET /vectors/hnsw/promoted/%s shows its settings", r->name);
    }
    const json_t *before = json_object_get(now, "before");
    json_t *settings = json_object_get(before, "settings"), *target = json_object_get(before, "number");
    const json_t *restored = find(promotions, json_integer_value(target));
    json_t *item =
        json_pack("{s:s, s:O?, s:O, s:O, s:s, s:s?}", "action", "rollback", "trial", json_object_get(restored, "trial"),
                  "restores", target, "settings", settings, "by", back->by, "note", back->note);
    json_object_set(promotions, "in_effect", target);
    json_int_t left = json_integer_value(json_object_get(now, "number"));
    add_item(s, r, promotions, item);
    json_object_set_new(json_object_get(item, "before"), "number", json_integer(left));
    *ret_settings = json_object_get(item, "settings");
    return LH_OK;
}

/* ---- for those who ask ---- */

enum lh_code index_promoted(struct index_service *s, const char *index, json_t **ret_answer, struct lh_err *err) {
    LH_AUTO(generation) struct generation *g = NULL;
    LH_TRY(index_open_generation(s, index, &g, err));
    *ret_answer = describe_record(s, &g->record);
    return LH_OK;
}

enum lh_code index_promote(struct index_service *s, const char *index, uint64_t trial, const char *by, const char *note,
                           json_t **ret_answer, struct lh_err *err) {
    LH_AUTO(generation) struct generation *g = NULL;
    LH_AUTO(index_places) struct index_places places = {0};
    LH_AUTO(json) json_t *found = NULL;
    LH_TRY(index_open_generation(s, index, &g, err));
    LH_TRY(index_places_open(s, g->record.bucket, &places, err));
    LH_TRY(trial_log_get(&places.at, &g->record, trial, &found, err));
    LH_TRY(promote_trial(s, index, found, by, note, NULL, err));
    return index_promoted(s, index, ret_answer, err);
}

enum lh_code index_rollback(struct index_service *s, const char *index, const char *by, const char *note,
                            json_t **ret_answer, struct lh_err *err) {
    LH_AUTO(generation) struct generation *g = NULL;
    struct rolling_back back = {by, note};
    LH_TRY(check_words(by, note, err));
    LH_TRY(index_open_generation(s, index, &g, err));
    LH_TRY(change_record(s, index, roll_back, &back, by, err));
    lh_metric_add(s->options.metrics, LH_METRIC_index_promotions_total, 1, 1);
    return index_promoted(s, index, ret_answer, err);
}
