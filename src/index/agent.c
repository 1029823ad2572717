#include "index/agent.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "base/cleanup.h"
#include "base/timefmt.h"
#include "catalog/catalog.h"
#include "catalog/manifest.h"
#include "index/index_internal.h"
#include "index/trial_log.h"
#include "index/tuning.h"
#include "jobs/jobs.h"
#include "os/clock.h"
#include "store/object_store.h"

#include <string.h>

#define HOUR_US (INT64_C(3600) * 1000000)
#define JOBS_LOOKED_AT 1000
#define RECALL_GAIN 0.002
#define LATENCY_GAIN 0.1
#define UNKNOWN_RECALL 0.99 /* of a flat, or of a graph that nobody measured */

/* ---- what to try, and whether it was worth it ---- */

static bool same_questions(const json_t *trial, const char *hash) {
    const char *of = json_string_value(json_object_get(json_object_get(trial, "harness"), "questions_hash"));
    return of && strcmp(of, hash) == 0;
}

struct trial_settings agent_proposes(const struct trial_log *log, const char *questions_hash) {
    LH_AUTO(mem) struct trial_outcome *history = lh_calloc(log->count + 1, sizeof *history);
    size_t count = 0;
    for (size_t i = 0; i < log->count; i++)
        if (same_questions(log->trials[i], questions_hash))
            history[count++] = log->outcomes[i];
    return trial_propose(history, count, AGENT_EPSILON, TUNE_MIN_RECALL);
}

static bool is_better(const struct trial_outcome *a, const struct trial_outcome *b) {
    if (a->recall >= b->recall + RECALL_GAIN)
        return true;
    return a->recall >= b->recall && a->p50_us <= b->p50_us * (1 - LATENCY_GAIN);
}

enum lh_code agent_judges(struct object_store *records, const char *index, const struct trial_log *log,
                          const json_t *trial, bool *ret_better, struct lh_err *err) {
    LH_AUTO(index_record) struct index_record now = {0};
    const json_t *hash = json_object_get(json_object_get(trial, "harness"), "questions_hash");
    struct trial_outcome outcome;
    LH_TRY(trial_outcome_parse(trial, &outcome, err));
    LH_TRY(index_record_load(records, index, &now, err));
    const struct trial_settings there = {now.graph.m, now.graph.ef_construction, now.graph.ef_search, now.graph.seed};
    bool better = !outcome.failed && outcome.recall >= TUNE_MIN_RECALL, known = false;
    for (size_t i = 0; i < log->count && index_record_wants_graph(&now, now.rows); i++) {
        const struct trial_outcome *o = &log->outcomes[i];
        if (o->failed || !trial_settings_equal(&o->settings, &there) ||
            !same_questions(log->trials[i], json_string_value(hash)))
            continue;
        known = true;
        better = better && is_better(&outcome, o);
    }
    if (!known)
        better = better && outcome.recall >= UNKNOWN_RECALL;
    *ret_better = better;
    return LH_OK;
}

/* ---- its past, from the list of jobs ---- */

struct past {
    int64_t last_us; /* of this index; 0: never */
    uint64_t version;
    unsigned last_hour; /* of all indexes */
    int64_t free_us;    /* when the hour has room for one more; 0: now */
    bool busy;          /* this index is being measured */
};

static uint64_t version_of(const struct job_info *info) {
    LH_AUTO(json) json_t *input = NULL;
    struct lh_err ignored = LH_ERR_INIT;
    if (!info->input || lh_json_parse(info->input, strlen(info->input), NULL, &input, &ignored) != LH_OK)
        return 0;
    return (uint64_t)json_integer_value(json_object_get(input, "dataset_version"));
}

static struct past look_back(struct index_service *s, const char *index) {
    LH_AUTO(arena) struct arena *arena = arena_new();
    const struct jobs_filter filter = {.kind = INDEX_TUNE_JOB, .state = -1, .limit = JOBS_LOOKED_AT};
    int64_t now = os_realtime_us(s->options.os);
    struct past past = {0};
    struct job_info *infos;
    size_t count;
    bool more;
    jobs_list(s->options.jobs, &filter, arena, &infos, &count, &more);
    for (size_t i = 0; i < count; i++) {
        bool agents = strcmp(infos[i].actor, AGENT_ACTOR) == 0, here = strcmp(infos[i].subject, index) == 0;
        past.last_hour += agents && now - infos[i].created_us < HOUR_US;
        /* Newest first: when this one is an hour old there are fewer than allowed. */
        if (agents && past.last_hour == s->options.agent.max_trials_per_hour && past.free_us == 0)
            past.free_us = infos[i].created_us + HOUR_US;
        past.busy |= here && job_state_is_active(infos[i].state);
        if (agents && here && past.last_us == 0) {
            past.last_us = infos[i].created_us;
            past.version = version_of(&infos[i]);
        }
    }
    return past;
}

/* ---- the queue ---- */

static const char *queue_key(struct arena *arena, const char *index) {
    return arena_printf(arena, "_vectors/agent/%s.json", index);
}

/* What keeps the agent off an index that is built; NULL: nothing. */
static const char *unfit(struct index_service *s, const struct generation *g) {
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *snapshot = catalog_snapshot(s->options.catalog);
    const struct index_record *r = &g->record;
    const struct manifest *m = catalog_snapshot_find(snapshot, r->dataset);
    if (!m)
        return "its dataset is gone";
    if (!manifest_find_column(m, r->id_column) || !manifest_find_column(m, r->text_column))
        return "its dataset lacks a column that it is made of";
    if (r->generation && r->live < AGENT_MIN_ROWS)
        return "it has fewer than 1000 chunks, and a scan of them is exact and fast";
    return NULL;
}

/* Why the index is to be measured; NULL: it is not. */
static const char *why(struct index_service *s, const struct generation *g, uint64_t version, const struct past *past) {
    LH_AUTO(arena) struct arena *arena = arena_new();
    struct lh_err ignored = LH_ERR_INIT;
    if (unfit(s, g))
        return NULL;
    if (object_head(service_store(s), queue_key(arena, g->record.name), NULL, &ignored) == LH_OK)
        return "enqueued";
    return version != past->version ? "changed" : NULL;
}

static uint64_t dataset_version(struct index_service *s, const struct generation *g) {
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *snapshot = catalog_snapshot(s->options.catalog);
    const struct manifest *m = catalog_snapshot_find(snapshot, g->record.dataset);
    return m ? m->version : 0;
}

/* Measured as it is going to be: not while its build is due or under way. */
static bool is_settled(const struct generation *g, uint64_t version) {
    const struct index_record *r = &g->record;
    if (!r->generation || r->live == 0 || index_record_is_pending(r) || version == 0)
        return false;
    return r->policy != POLICY_ON_APPEND || r->source_version == version;
}

static int64_t next_us(const struct index_service *s, const struct past *past) {
    int64_t cooled = past->last_us ? past->last_us + s->options.agent.cooldown_ms * 1000 : 0;
    return cooled > past->free_us ? cooled : past->free_us;
}

void agent_look(struct index_service *s, struct generation *g, bool asked) {
    if (!s->options.agent.enabled)
        return;
    LH_AUTO(arena) struct arena *arena = arena_new();
    struct past past = look_back(s, g->record.name);
    struct lh_err err = LH_ERR_INIT;
    uint64_t version = dataset_version(s, g);
    if (past.busy || past.last_hour >= s->options.agent.max_trials_per_hour ||
        os_realtime_us(s->options.os) < next_us(s, &past) || !is_settled(g, version))
        return;
    const char *reason = why(s, g, version, &past);
    if (!reason || (asked && strcmp(reason, "enqueued") != 0))
        return;
    enum lh_code code = tune_submit_agent(s, g->record.name, reason, version, &err);
    if (code == LH_OK)
        lh_ignore(object_delete(service_store(s), queue_key(arena, g->record.name), &err));
    else if (s->options.notice)
        s->options.notice(s->options.notice_ctx, err.code, err.message);
}

enum lh_code index_agent_enqueue(struct index_service *s, const char *index, const char *actor, json_t **ret_answer,
                                 struct lh_err *err) {
    LH_AUTO(arena) struct arena *arena = arena_new();
    LH_AUTO(generation) struct generation *g = NULL;
    LH_AUTO(buf) struct buf text = BUF_INIT;
    char now[LH_TIME_SIZE];
    LH_TRY(index_open_generation(s, index, &g, err));
    if (!s->options.agent.enabled) {
        lh_ignore(lh_fail(err, LH_CONFLICT, "the agent is not enabled"));
        return lh_err_hint(err, "set enabled = true in [agent]; POST /vectors/hnsw/autotune works without it");
    }
    const char *obstacle = unfit(s, g);
    if (obstacle) {
        lh_ignore(lh_fail(err, LH_CONFLICT, "the agent leaves the index \"%s\" alone: %s", g->record.name, obstacle));
        return lh_err_hint(err, "POST /vectors/hnsw/trial measures it all the same");
    }
    lh_time_format(os_realtime_us(s->options.os), now);
    LH_AUTO(json) json_t *request = json_pack("{s:s, s:s, s:s}", "index", g->record.name, "at", now, "by", actor);
    lh_json_write(request, LH_JSON_COMPACT, &text);
    LH_TRY(object_put(service_store(s), queue_key(arena, g->record.name), text.data, text.len, OBJECT_PUT_REPLACE, NULL,
                      err));
    *ret_answer = json_incref(request);
    return LH_OK;
}

void agent_forget(struct index_service *s, const char *index) {
    LH_AUTO(arena) struct arena *arena = arena_new();
    struct lh_err ignored = LH_ERR_INIT;
    lh_ignore(object_delete(service_store(s), queue_key(arena, index), &ignored));
}

/* ---- status ---- */

static json_t *describe_one(struct index_service *s, const struct generation *g, const struct past *past) {
    uint64_t version = dataset_version(s, g);
    const char *reason = why(s, g, version, past);
    char last[LH_TIME_SIZE] = "", next[LH_TIME_SIZE] = "";
    if (past->last_us)
        lh_time_format(past->last_us, last);
    if (reason && next_us(s, past) > 0)
        lh_time_format(next_us(s, past), next);
    return json_pack("{s:s, s:b, s:s?, s:s?, s:b, s:b, s:s?, s:s?}", "index", g->record.name, "queued", reason != NULL,
                     "why", reason, "unfit", unfit(s, g), "running", past->busy, "settled", is_settled(g, version),
                     "last_trial_at", last[0] ? last : NULL, "not_before", next[0] ? next : NULL);
}

enum lh_code index_agent_status(struct index_service *s, json_t **ret_answer, struct lh_err *err) {
    LH_AUTO(arena) struct arena *arena = arena_new();
    LH_AUTO(json) json_t *items = json_array();
    struct past past = {0};
    const char **names;
    size_t count;
    LH_TRY(index_record_names(service_store(s), arena, &names, &count, err));
    for (size_t i = 0; i < count; i++) {
        LH_AUTO(generation) struct generation *g = NULL;
        struct lh_err ignored = LH_ERR_INIT;
        if (index_open_generation(s, names[i], &g, &ignored) != LH_OK)
            continue;
        past = look_back(s, g->record.name);
        json_array_append_new(items, describe_one(s, g, &past));
    }
    if (count == 0)
        past = look_back(s, "");
    *ret_answer =
        json_pack("{s:b, s:f, s:f, s:i, s:i, s:O}", "enabled", s->options.agent.enabled, "epsilon", AGENT_EPSILON,
                  "cooldown_s", (double)s->options.agent.cooldown_ms / 1000, "max_trials_per_hour",
                  (int)s->options.agent.max_trials_per_hour, "trials_last_hour", (int)past.last_hour, "items", items);
    return LH_OK;
}
