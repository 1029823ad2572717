/* The thread that looks for what is due, and what it would do next. */
#include "upkeep/upkeep.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "base/cleanup.h"
#include "base/config.h"
#include "base/timefmt.h"
#include "catalog/catalog.h"
#include "lake/horizon.h"
#include "os/clock.h"
#include "store/buckets.h"
#include "upkeep/compact_plan.h"
#include "upkeep/upkeep_internal.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define ACTOR "maintenance"
#define OURS "datasets/"

static int64_t now_ms(const struct upkeep *u) {
    return os_realtime_us(u->services.os) / 1000;
}

/* The newest job of a kind on a subject; false: none is known. */
static bool newest_job(const struct upkeep *u, const char *kind, const char *subject, int state, struct arena *arena,
                       struct job_info *ret_info) {
    struct jobs_filter filter = {.kind = kind, .subject = subject, .state = state, .limit = 1};
    struct job_info *infos;
    size_t count;
    bool more;
    jobs_list(u->services.jobs, &filter, arena, &infos, &count, &more);
    if (count > 0)
        *ret_info = infos[0];
    return count > 0;
}

/* ---- what is due ---- */

/* What somebody registered where it stood is not rewritten unasked. */
static bool is_ours(const struct manifest *m) {
    for (size_t i = 0; i < m->file_count; i++)
        if (strncmp(m->files[i].key, OURS, strlen(OURS)) != 0)
            return false;
    return true;
}

static bool rests(const struct upkeep *u, const char *dataset, struct arena *arena) {
    struct job_info last;
    if (!newest_job(u, UPKEEP_COMPACT, dataset, -1, arena, &last))
        return false;
    return job_state_is_active(last.state) ||
           (last.state != JOB_DONE &&
            os_realtime_us(u->services.os) - last.ended_us < u->services.config->maintenance.retry_after_ms * 1000);
}

static enum lh_code submit_due(struct upkeep *u, const struct manifest *m, struct lh_err *err) {
    char id[LH_ULID_SIZE];
    bool joined;
    LH_AUTO(json) json_t *input = json_pack("{s:s, s:b}", "dataset_id", m->id, "due", 1);
    struct job_request request = {.kind = UPKEEP_COMPACT, .subject = m->name, .actor = ACTOR, .input = input};
    enum lh_code code = jobs_submit(u->services.jobs, &request, id, &joined, err);
    return code == LH_CONFLICT ? LH_OK : code; /* somebody asked for it in the meantime */
}

/* *ret_any: something is due, or will be when its rest is over. */
static enum lh_code look_for_compaction(struct upkeep *u, const struct catalog_snapshot *s, bool *ret_any,
                                        struct lh_err *err) {
    struct compact_policy policy = upkeep_policy(u);
    *ret_any = false;
    for (size_t i = 0; i < catalog_snapshot_count(s); i++) {
        const struct manifest *m = catalog_snapshot_get(s, i);
        LH_AUTO(arena) struct arena *arena = arena_new();
        struct compact_step step;
        compact_plan(m, &policy, COMPACT_WHAT_IS_DUE, 0, now_ms(u), arena, &step);
        /* A tombstone becomes due by time alone. */
        *ret_any = *ret_any || step.action != COMPACT_NOTHING || m->primary_key_count > 0;
        if (step.action != COMPACT_NOTHING && is_ours(m) && !rests(u, m->name, arena))
            LH_TRY(submit_due(u, m, err));
    }
    return LH_OK;
}

static enum lh_code look_for_vacuum(struct upkeep *u, struct lh_err *err) {
    int64_t now_ns = os_monotonic_ns(u->services.os);
    char id[LH_ULID_SIZE];
    bool due, joined;
    if (u->vacuum_look_ns != 0 &&
        now_ns - u->vacuum_look_ns < u->services.config->maintenance.vacuum_interval_ms * 1000000)
        return LH_OK;
    u->vacuum_look_ns = now_ns;
    LH_TRY(upkeep_vacuum_is_due(u, &due, err));
    if (!due)
        return LH_OK;
    enum lh_code code = upkeep_submit_vacuum(u, -1, ACTOR, id, &joined, err);
    return code == LH_CONFLICT ? LH_OK : code;
}

static enum lh_code look_once(struct upkeep *u, struct lh_err *err) {
    const struct lh_config_maintenance *config = &u->services.config->maintenance;
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *s = catalog_snapshot(u->services.catalog);
    bool any;
    if (config->compact && catalog_snapshot_version(s) != u->seen_version) {
        LH_TRY(look_for_compaction(u, s, &any, err));
        u->seen_version = any ? 0 : catalog_snapshot_version(s);
    }
    return config->vacuum ? look_for_vacuum(u, err) : LH_OK;
}

/* ---- the thread ---- */

/* false when the upkeep ends. */
static bool wait_interval(struct upkeep *u) {
    int64_t interval_ms = u->services.config->maintenance.interval_ms;
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += interval_ms / 1000;
    until.tv_nsec += interval_ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&u->lock);
    while (!u->stop && pthread_cond_timedwait(&u->wake, &u->lock, &until) != ETIMEDOUT)
        ;
    bool stop = u->stop;
    pthread_mutex_unlock(&u->lock);
    return !stop;
}

/* One notice for as long as the same thing fails. */
static void keep(void *arg) {
    struct upkeep *u = arg;
    enum lh_code said = LH_OK;
    while (wait_interval(u)) {
        struct lh_err err = LH_ERR_INIT;
        enum lh_code code = look_once(u, &err);
        if (code != LH_OK && code != said && u->services.notice)
            u->services.notice(u->services.notice_ctx, code, err.message);
        said = code;
    }
}

struct upkeep *upkeep_new(const struct upkeep_services *services) {
    struct upkeep *u = lh_calloc(1, sizeof *u);
    pthread_condattr_t monotonic;
    u->services = *services;
    pthread_mutex_init(&u->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&u->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    /* One compaction at a time: its memory and its reading are to leave room for queries. */
    jobs_register(services->jobs,
                  &(struct job_kind){.name = UPKEEP_COMPACT, .run = upkeep_run_compaction, .ctx = u, .max_running = 1});
    jobs_register(services->jobs,
                  &(struct job_kind){.name = UPKEEP_VACUUM, .run = upkeep_run_vacuum, .ctx = u, .max_running = 1});
    return u;
}

enum lh_code upkeep_start(struct upkeep *u, struct lh_err *err) {
    return os_thread_start(&u->thread, "lh-upkeep", 0, keep, u, err);
}

void upkeep_free(struct upkeep *u) {
    if (!u)
        return;
    pthread_mutex_lock(&u->lock);
    u->stop = true;
    pthread_cond_broadcast(&u->wake);
    pthread_mutex_unlock(&u->lock);
    os_thread_join(&u->thread);
    pthread_cond_destroy(&u->wake);
    pthread_mutex_destroy(&u->lock);
    lh_free(u);
}

/* ---- what GET /catalog/maintenance tells ---- */

static json_t *job_summary(const struct upkeep *u, const char *kind, const char *subject, int state) {
    LH_AUTO(arena) struct arena *arena = arena_new();
    struct job_info info;
    return newest_job(u, kind, subject, state, arena, &info) ? job_info_to_json(&info) : json_null();
}

enum lh_code upkeep_describe(struct upkeep *u, json_t **ret_answer, struct lh_err *err) {
    const struct lh_config_maintenance *config = &u->services.config->maintenance;
    struct lake_horizon horizon;
    LH_TRY(lake_horizon_read(buckets_primary(u->services.buckets), &horizon, err));
    json_t *answer = json_pack("{s:b, s:b, s:I}", "automatic_compaction", config->compact, "automatic_vacuum",
                               config->vacuum, "retention_ms", (json_int_t)config->retention_ms);
    if (horizon.version > 0) {
        char version_at[LH_TIME_SIZE], at[LH_TIME_SIZE];
        lh_time_format(horizon.version_at_us, version_at);
        lh_time_format(horizon.at_us, at);
        json_object_set_new(answer, "horizon",
                            json_pack("{s:I, s:s, s:s, s:b}", "version", (json_int_t)horizon.version, "version_at",
                                      version_at, "vacuumed_at", at, "complete", horizon.complete));
    } else {
        json_object_set_new(answer, "horizon", json_null());
    }
    json_object_set_new(answer, "last_vacuum", job_summary(u, UPKEEP_VACUUM, UPKEEP_VACUUM_SUBJECT, -1));
    *ret_answer = answer;
    return LH_OK;
}

static json_t *files_by_role(const struct manifest *m) {
    json_t *roles = json_object();
    for (size_t i = 0; i < m->file_count; i++) {
        const struct manifest_file *f = &m->files[i];
        const char *role = file_role_name(f->role);
        json_t *sums = json_object_get(roles, role);
        if (!sums) {
            sums = json_pack("{s:i, s:i, s:i}", "count", 0, "rows", 0, "bytes", 0);
            json_object_set_new(roles, role, sums);
        }
        const uint64_t added[] = {1, f->row_count, f->size_bytes};
        static const char *const names[] = {"count", "rows", "bytes"};
        for (size_t k = 0; k < 3; k++)
            json_object_set_new(
                sums, names[k],
                json_integer(json_integer_value(json_object_get(sums, names[k])) + (json_int_t)added[k]));
    }
    return roles;
}

static uint64_t sum_of(const json_t *roles, const char *role, const char *what) {
    return (uint64_t)json_integer_value(json_object_get(json_object_get(roles, role), what));
}

static json_int_t percent(uint64_t part, uint64_t whole) {
    return whole > 0 ? (json_int_t)((double)part * 100 / (double)whole) : part > 0 ? 100 : 0;
}

json_t *upkeep_describe_dataset(struct upkeep *u, const struct manifest *m) {
    LH_AUTO(arena) struct arena *arena = arena_new();
    struct compact_policy policy = upkeep_policy(u);
    struct compact_step step;
    size_t small = 0;
    compact_plan(m, &policy, COMPACT_WHAT_IS_DUE, 0, now_ms(u), arena, &step);
    for (size_t i = 0; i < m->file_count; i++)
        small += (m->files[i].role == FILE_BASE || m->files[i].role == FILE_DELTA) &&
                 m->files[i].size_bytes < policy.file_bytes / 2;
    json_t *roles = files_by_role(m);
    json_t *answer =
        json_pack("{s:s, s:o, s:I, s:I, s:I}", "dataset", m->name, "files", roles, "small_files", (json_int_t)small,
                  "delta_percent", percent(sum_of(roles, "delta", "bytes"), sum_of(roles, "base", "bytes")),
                  "tombstone_percent", percent(sum_of(roles, "tombstone", "rows"), sum_of(roles, "base", "rows")));
    json_object_set_new(answer, "next",
                        json_pack("{s:s, s:s, s:I, s:I}", "action", compact_action_name(step.action), "why", step.why,
                                  "files", (json_int_t)step.file_count, "bytes", (json_int_t)step.bytes));
    json_object_set_new(answer, "last_compaction", job_summary(u, UPKEEP_COMPACT, m->name, -1));
    return answer;
}
