#include "index/trial_log.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "base/cleanup.h"
#include "index/numbered.h"
#include "index/record.h"
#include "os/fault.h"

#include <inttypes.h>
#include <string.h>

#define FORMAT 1
#define APPEND_TRIES 5

static const char *prefix_of(struct arena *arena, const char *index) {
    return arena_printf(arena, "_vectors/trials/%s", index);
}

static bool is_of(const json_t *trial, const struct index_record *index) {
    return json_equal(json_object_get(trial, "index_created_at"), json_object_get(index->json, "created_at"));
}

/* ---- JSON ---- */

json_t *trial_settings_json(const struct trial_settings *settings) {
    return json_pack("{s:I, s:I, s:I, s:I}", "m", (json_int_t)settings->m, "ef_construction",
                     (json_int_t)settings->ef_construction, "ef_search", (json_int_t)settings->ef_search, "seed",
                     (json_int_t)settings->seed);
}

static enum lh_code parse(const json_t *trial, struct trial_outcome *o, struct lh_err *err) {
    json_t *settings, *measured;
    int64_t m, build, search, seed, memory;
    LH_TRY(lh_json_get_object(trial, "", "settings", &settings, err));
    LH_TRY(lh_json_get_int(settings, "settings", "m", &m, err));
    LH_TRY(lh_json_get_int(settings, "settings", "ef_construction", &build, err));
    LH_TRY(lh_json_get_int(settings, "settings", "ef_search", &search, err));
    LH_TRY(lh_json_get_int(settings, "settings", "seed", &seed, err));
    if (m < 0 || m > UINT32_MAX || build < 0 || build > UINT32_MAX || search < 0 || search > UINT32_MAX || seed < 0)
        return lh_fail(err, LH_INVALID, "settings are out of range");
    o->settings = (struct trial_settings){(uint32_t)m, (uint32_t)build, (uint32_t)search, (uint64_t)seed};
    LH_TRY(lh_json_get_object_or_null(trial, "", "measured", &measured, err));
    o->failed = measured == NULL;
    if (o->failed)
        return LH_OK;
    LH_TRY(lh_json_get_double(measured, "measured", "recall", &o->recall, err));
    LH_TRY(lh_json_get_double(measured, "measured", "p50_us", &o->p50_us, err));
    LH_TRY(lh_json_get_double(measured, "measured", "p99_us", &o->p99_us, err));
    LH_TRY(lh_json_get_double(measured, "measured", "build_ms", &o->build_ms, err));
    LH_TRY(lh_json_get_int(measured, "measured", "memory_bytes", &memory, err));
    o->memory_bytes = (uint64_t)memory;
    return LH_OK;
}

enum lh_code trial_outcome_parse(const json_t *trial, struct trial_outcome *ret_outcome, struct lh_err *err) {
    struct trial_outcome outcome = {0};
    if (parse(trial, &outcome, err) != LH_OK) {
        err->code = LH_CORRUPT;
        return lh_err_context(err, "a trial of an index");
    }
    *ret_outcome = outcome;
    return LH_OK;
}

json_t *trial_describe(const json_t *trial) {
    json_t *answer = json_pack("{s:O}", "id", json_object_get(trial, "number"));
    json_object_update(answer, (json_t *)(uintptr_t)trial);
    json_object_del(answer, "number");
    json_object_del(answer, "format");
    json_object_del(answer, "index_created_at");
    return answer;
}

/* ---- objects ---- */

void trial_log_add(struct trial_log *log, json_t *trial, const struct trial_outcome *outcome) {
    log->trials = lh_realloc(log->trials, (log->count + 1) * sizeof *log->trials);
    log->outcomes = lh_realloc(log->outcomes, (log->count + 1) * sizeof *log->outcomes);
    log->trials[log->count] = json_incref(trial);
    log->outcomes[log->count++] = *outcome;
}

enum lh_code trial_log_load(const struct numbered_stores *at, const struct index_record *index,
                            struct trial_log *ret_log, struct lh_err *err) {
    LH_AUTO(arena) struct arena *arena = arena_new();
    LH_AUTO(trial_log) struct trial_log log = {0};
    const char *prefix = prefix_of(arena, index->name);
    struct numbered_entry *entries;
    size_t count;
    LH_TRY(numbered_list_all(at, prefix, TRIAL_HISTORY, arena, &entries, &count, err));
    for (size_t i = 0; i < count; i++) {
        LH_AUTO(json) json_t *trial = NULL;
        struct trial_outcome outcome;
        enum lh_code code = numbered_get(entries[i].store, prefix, entries[i].number, &trial, err);
        if (code == LH_NOT_FOUND) /* the index is being removed */
            continue;
        LH_TRY(code);
        if (!is_of(trial, index))
            continue;
        LH_TRY(trial_outcome_parse(trial, &outcome, err));
        trial_log_add(&log, trial, &outcome);
    }
    *ret_log = LH_STEAL(log);
    return LH_OK;
}

void trial_log_release(struct trial_log *log) {
    for (size_t i = 0; i < log->count; i++)
        json_decref(log->trials[i]);
    lh_free(log->trials);
    lh_free(log->outcomes);
    *log = (struct trial_log){0};
}

enum lh_code trial_log_append(const struct numbered_stores *at, const struct index_record *index, json_t *trial,
                              struct lh_err *err) {
    LH_AUTO(arena) struct arena *arena = arena_new();
    const char *prefix = prefix_of(arena, index->name);
    json_object_set_new(trial, "format", json_integer(FORMAT));
    json_object_set_new(trial, "index", json_string(index->name));
    json_object_set(trial, "index_created_at", json_object_get(index->json, "created_at"));
    LH_TRY(LH_FAULT("trial.before_record", err));
    for (unsigned tries = 1;; tries++) {
        struct numbered_entry *newest;
        size_t count;
        LH_TRY(numbered_list_all(at, prefix, 1, arena, &newest, &count, err));
        enum lh_code code = numbered_put(at->stores[0], prefix, count ? newest->number + 1 : 1, trial, err);
        if (code == LH_EXISTS && tries < APPEND_TRIES)
            continue;
        if (code == LH_EXISTS)
            return lh_fail(err, LH_CONFLICT, "others write trials of the index \"%s\" all the time", index->name);
        LH_TRY(code);
        return LH_FAULT("trial.after_record", err);
    }
}

enum lh_code trial_log_get(const struct numbered_stores *at, const struct index_record *index, uint64_t number,
                           json_t **ret_trial, struct lh_err *err) {
    LH_AUTO(arena) struct arena *arena = arena_new();
    LH_AUTO(json) json_t *trial = NULL;
    enum lh_code code = LH_NOT_FOUND;
    for (size_t i = 0; i < at->count && code == LH_NOT_FOUND; i++)
        code = numbered_get(at->stores[i], prefix_of(arena, index->name), number, &trial, err);
    if (code == LH_NOT_FOUND || (code == LH_OK && !is_of(trial, index))) {
        lh_ignore(lh_fail(err, LH_NOT_FOUND, "the index \"%s\" has no trial %" PRIu64, index->name, number));
        return lh_err_hint(err, "GET /vectors/hnsw/trials/%s lists them", index->name);
    }
    LH_TRY(code);
    *ret_trial = LH_STEAL(trial);
    return LH_OK;
}

void trial_log_remove(const struct numbered_stores *at, const char *index) {
    LH_AUTO(arena) struct arena *arena = arena_new();
    for (size_t i = 0; i < at->count; i++)
        numbered_prune(at->stores[i], prefix_of(arena, index), 0);
}
