/* The registry: what jobs there are, who asks for them, and their objects in the store. */
#include "jobs/jobs.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "base/cleanup.h"
#include "jobs/jobs_internal.h"
#include "os/clock.h"
#include "os/fault.h"
#include "os/ids.h"
#include "store/object_store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_THREADS 2
#define DEFAULT_HISTORY 200
#define LIST_PAGE 1000
#define RECORD_MAX_BYTES ((size_t)4 << 20)
#define STACK_BYTES ((size_t)1 << 20)

void jobs_notice(struct jobs *j, enum lh_code code, const char *fmt, ...) {
    char text[2048];
    va_list args;
    if (!j->options.notice)
        return;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    j->options.notice(j->options.notice_ctx, code, text);
}

const struct job_kind *jobs_find_kind(const struct jobs *j, const char *name) {
    for (size_t i = 0; i < j->kind_count; i++)
        if (strcmp(j->kinds[i].name, name) == 0)
            return &j->kinds[i];
    return NULL;
}

/* ---- objects ---- */

static void object_key_of(const struct jobs *j, const char *id, char ret_key[OBJECT_KEY_MAX + 1]) {
    snprintf(ret_key, OBJECT_KEY_MAX + 1, "_jobs/%s/%s.json", j->owner, id);
}

enum lh_code job_save(struct job *job, struct lh_err *err) {
    struct jobs *j = job->jobs;
    LH_AUTO(buf) struct buf text = BUF_INIT;
    char key[OBJECT_KEY_MAX + 1];
    object_key_of(j, job->id, key);
    pthread_mutex_lock(&job->save_lock);
    pthread_mutex_lock(&j->lock);
    job_record_write(job, &text);
    pthread_mutex_unlock(&j->lock);
    enum lh_code code = object_put(j->options.store, key, text.data, text.len, OBJECT_PUT_REPLACE, NULL, err);
    pthread_mutex_unlock(&job->save_lock);
    return code;
}

void job_save_or_notice(struct job *job) {
    struct lh_err err = LH_ERR_INIT;
    if (job_save(job, &err) != LH_OK)
        jobs_notice(job->jobs, err.code, "the state of job %s (%s of \"%s\") could not be written: %s", job->id,
                    job->kind, job->subject, err.message);
}

/* ---- the set of jobs; `lock` is held ---- */

/* The first position whose id is not before `id`. */
static size_t lower_bound(const struct jobs *j, const char *id) {
    size_t low = 0, high = j->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(j->items[middle]->id, id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct job *find(const struct jobs *j, const char *id) {
    size_t at = lower_bound(j, id);
    return at < j->count && strcmp(j->items[at]->id, id) == 0 ? j->items[at] : NULL;
}

static void insert(struct jobs *j, struct job *job) {
    if (j->count == j->room) {
        j->room = j->room ? j->room * 2 : 64;
        j->items = lh_realloc(j->items, j->room * sizeof(struct job *));
    }
    size_t at = lower_bound(j, job->id);
    memmove(j->items + at + 1, j->items + at, (j->count - at) * sizeof(struct job *));
    j->items[at] = job;
    j->count++;
}

static void take_out(struct jobs *j, size_t at) {
    j->count--;
    memmove(j->items + at, j->items + at + 1, (j->count - at) * sizeof(struct job *));
}

static struct job *find_active(const struct jobs *j, const char *kind, const char *subject, size_t *ret_active) {
    struct job *found = NULL;
    *ret_active = 0;
    for (size_t i = 0; i < j->count; i++) {
        struct job *job = j->items[i];
        if (!job_state_is_active(job->state))
            continue;
        (*ret_active)++;
        if (strcmp(job->kind, kind) == 0 && strcmp(job->subject, subject) == 0)
            found = job;
    }
    return found;
}

/* The oldest ended job where there are more than the history keeps; taken out. */
static struct job *take_surplus(struct jobs *j) {
    size_t ended = 0, oldest = 0;
    for (size_t i = j->count; i > 0; i--) {
        if (job_state_is_active(j->items[i - 1]->state) || j->items[i - 1]->pins > 0)
            continue;
        ended++;
        oldest = i - 1;
    }
    if (ended <= j->options.history)
        return NULL;
    struct job *job = j->items[oldest];
    take_out(j, oldest);
    return job;
}

void jobs_prune(struct jobs *j) {
    for (;;) {
        pthread_mutex_lock(&j->lock);
        struct job *job = take_surplus(j);
        pthread_mutex_unlock(&j->lock);
        if (!job)
            return;
        char key[OBJECT_KEY_MAX + 1];
        struct lh_err ignored = LH_ERR_INIT; /* it is read, and tried again, at the next start */
        object_key_of(j, job->id, key);
        lh_ignore(object_delete(j->options.store, key, &ignored));
        job_free(job);
    }
}

/* ---- open, close ---- */

static void give_up(struct job *job) {
    struct lh_err why = LH_ERR_INIT;
    lh_ignore(lh_fail(&why, LH_CRASH, "the server ended %u times while this job ran", job->attempts));
    lh_ignore(lh_err_hint(&why, "submit it again when the reason in the server's log is mended"));
    job_set_error(job, &why);
    job->state = JOB_FAILED;
}

/* What an earlier life left unfinished is queued again. */
static void revive(struct jobs *j, struct job *job) {
    if (!job_state_is_active(job->state))
        return;
    if (job->cancelling)
        job->state = JOB_CANCELLED;
    else if (job->attempts >= JOBS_ATTEMPTS)
        give_up(job);
    else
        job->state = JOB_QUEUED;
    job->dormant = !j->options.resume;
    if (job_state_is_active(job->state))
        return;
    job->ended_us = os_realtime_us(j->options.os);
    if (j->options.resume)
        job_save_or_notice(job);
}

static enum lh_code load_one(struct jobs *j, const char *key, struct lh_err *err) {
    LH_AUTO(buf) struct buf text = BUF_INIT;
    struct job *job;
    struct lh_err bad = LH_ERR_INIT;
    LH_TRY(object_get(j->options.store, key, RECORD_MAX_BYTES, &text, NULL, err));
    if (job_record_read(j, &text, &job, &bad) != LH_OK) {
        jobs_notice(j, bad.code, "the job in \"%s\" cannot be read and is left alone: %s", key, bad.message);
        return LH_OK;
    }
    insert(j, job);
    revive(j, job);
    return LH_OK;
}

static enum lh_code load(struct jobs *j, struct lh_err *err) {
    char prefix[OBJECT_KEY_MAX + 1], after[OBJECT_KEY_MAX + 1] = "";
    snprintf(prefix, sizeof prefix, "_jobs/%s/", j->owner);
    for (bool more = true; more;) {
        LH_AUTO(arena) struct arena *arena = arena_new();
        struct object_info *items;
        size_t count;
        LH_TRY(object_list(j->options.store, prefix, after, LIST_PAGE, arena, &items, &count, &more, err));
        for (size_t i = 0; i < count; i++)
            LH_TRY(load_one(j, items[i].key, err));
        if (count == 0)
            return LH_OK;
        memcpy(after, items[count - 1].key, sizeof after);
    }
    return LH_OK;
}

enum lh_code jobs_open(const struct jobs_options *options, struct jobs **ret_jobs, struct lh_err *err) {
    LH_AUTO(jobs) struct jobs *j = lh_calloc(1, sizeof *j);
    pthread_condattr_t monotonic;
    j->options = *options;
    j->owner = lh_strdup(options->owner);
    if (j->options.threads == 0)
        j->options.threads = DEFAULT_THREADS;
    if (j->options.threads > JOB_THREADS_MAX)
        j->options.threads = JOB_THREADS_MAX;
    if (j->options.history == 0)
        j->options.history = DEFAULT_HISTORY;
    lh_ulid_source_init(&j->ulids);
    pthread_mutex_init(&j->submit_lock, NULL);
    pthread_mutex_init(&j->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&j->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    LH_TRY(load(j, err));
    if (options->resume)
        jobs_prune(j);
    *ret_jobs = LH_STEAL(j);
    return LH_OK;
}

void jobs_register(struct jobs *j, const struct job_kind *kind) {
    if (j->kind_count == JOB_KINDS_MAX)
        abort(); /* raise it: kinds are registered by name in our own code */
    j->kinds[j->kind_count++] = *kind;
}

enum lh_code jobs_start(struct jobs *j, struct lh_err *err) {
    for (unsigned i = 0; i < j->options.threads; i++)
        LH_TRY(os_thread_start(&j->threads[i], "lh-job", STACK_BYTES, jobs_work, j, err));
    return LH_OK;
}

void job_interrupt(struct job *job) {
    uint64_t one = 1;
    if (job->cancel_fd >= 0 && write(job->cancel_fd, &one, sizeof one) < 0)
        return; /* only where it is readable already */
}

void jobs_stop(struct jobs *j) {
    pthread_mutex_lock(&j->lock);
    j->stopping = true;
    for (size_t i = 0; i < j->count; i++)
        job_interrupt(j->items[i]);
    pthread_cond_broadcast(&j->changed);
    pthread_mutex_unlock(&j->lock);
    for (size_t i = 0; i < JOB_THREADS_MAX; i++) {
        os_thread_join(&j->threads[i]);
        j->threads[i].started = false;
    }
}

void jobs_close(struct jobs *j) {
    if (!j)
        return;
    jobs_stop(j);
    for (size_t i = 0; i < j->count; i++)
        job_free(j->items[i]);
    lh_free(j->items);
    pthread_cond_destroy(&j->changed);
    pthread_mutex_destroy(&j->lock);
    pthread_mutex_destroy(&j->submit_lock);
    lh_ulid_source_deinit(&j->ulids);
    lh_free(j->owner);
    lh_free(j);
}

/* ---- submit ---- */

static enum lh_code check_request(const struct jobs *j, const struct job_request *request, struct lh_err *err) {
    if (!jobs_find_kind(j, request->kind))
        return lh_fail(err, LH_INVALID, "there is no kind of job \"%.64s\"", request->kind);
    if (request->subject[0] == '\0' || strlen(request->subject) > JOB_NAME_MAX)
        return lh_fail(err, LH_INVALID, "a job's subject has 1 to %zu bytes", JOB_NAME_MAX);
    return LH_OK;
}

static bool same_text(const char *a, const char *b) {
    return strcmp(a ? a : "", b ? b : "") == 0;
}

static struct job *make_job(struct jobs *j, const struct job_request *request, const struct buf *input) {
    struct job *job = job_new(j);
    os_ulid(j->options.os, &j->ulids, job->id);
    job->kind = lh_strdup(request->kind);
    job->subject = lh_strdup(request->subject);
    job->actor = lh_strdup(request->actor ? request->actor : "");
    job->input = request->input ? lh_strdup(buf_cstr(input)) : NULL;
    job->created_us = os_realtime_us(j->options.os);
    return job;
}

/* submit_lock is held. */
static enum lh_code submit(struct jobs *j, const struct job_request *request, const struct buf *input,
                           char ret_id[LH_ULID_SIZE], bool *ret_joined, struct lh_err *err) {
    enum lh_code code = LH_OK;
    size_t active;
    pthread_mutex_lock(&j->lock);
    struct job *there = find_active(j, request->kind, request->subject, &active);
    if (j->stopping) {
        code = lh_fail(err, LH_UNAVAILABLE, "the server is stopping");
    } else if (there && !same_text(there->input, request->input ? buf_cstr(input) : NULL)) {
        lh_ignore(lh_fail(err, LH_CONFLICT, "another %s job of \"%s\" is %s: %s", there->kind, there->subject,
                          job_state_name(there->state), there->id));
        code = lh_err_hint(err, "wait until it has ended, or cancel it: DELETE /jobs/%s", there->id);
    } else if (there) {
        there->dormant = false;
        memcpy(ret_id, there->id, LH_ULID_SIZE);
        pthread_cond_broadcast(&j->changed);
    } else if (active >= JOBS_ACTIVE_MAX) {
        code = lh_fail(err, LH_BUSY, "%zu jobs wait already", active);
    }
    pthread_mutex_unlock(&j->lock);
    if (code != LH_OK)
        return code;
    *ret_joined = there != NULL;
    if (there)
        return LH_OK;
    LH_TRY(LH_FAULT("jobs.before_submit", err));
    struct job *job = make_job(j, request, input);
    if (job_save(job, err) != LH_OK) {
        job_free(job);
        return err->code;
    }
    memcpy(ret_id, job->id, LH_ULID_SIZE);
    pthread_mutex_lock(&j->lock);
    insert(j, job);
    pthread_cond_broadcast(&j->changed);
    pthread_mutex_unlock(&j->lock);
    return LH_OK;
}

enum lh_code jobs_submit(struct jobs *j, const struct job_request *request, char ret_id[LH_ULID_SIZE], bool *ret_joined,
                         struct lh_err *err) {
    LH_AUTO(buf) struct buf input = BUF_INIT;
    LH_TRY(check_request(j, request, err));
    if (request->input)
        lh_json_write(request->input, LH_JSON_COMPACT_SORTED, &input);
    if (input.len > JOB_JSON_MAX)
        return lh_fail(err, LH_TOO_LARGE, "a job's input has at most %zu bytes", JOB_JSON_MAX);
    pthread_mutex_lock(&j->submit_lock);
    enum lh_code code = submit(j, request, &input, ret_id, ret_joined, err);
    pthread_mutex_unlock(&j->submit_lock);
    return code;
}

/* ---- cancel ---- */

static enum lh_code fail_unknown(const char *id, struct lh_err *err) {
    lh_ignore(lh_fail(err, LH_NOT_FOUND, "there is no job \"%.64s\"", id));
    return lh_err_hint(err, "GET /jobs lists those that there are; of the ended ones only the newest are kept");
}

static enum lh_code begin_cancel(struct jobs *j, const char *id, struct job **ret_job, struct lh_err *err) {
    struct job *job = find(j, id);
    if (!job)
        return fail_unknown(id, err);
    if (!job_state_is_active(job->state))
        return lh_fail(err, LH_CONFLICT, "the job %s is %s already", job->id, job_state_name(job->state));
    job->cancelling = true;
    if (job->state != JOB_RUNNING) {
        job->state = JOB_CANCELLED;
        job->ended_us = os_realtime_us(j->options.os);
    }
    job_interrupt(job);
    job->pins++;
    pthread_cond_broadcast(&j->changed);
    *ret_job = job;
    return LH_OK;
}

enum lh_code jobs_cancel(struct jobs *j, const char *id, struct lh_err *err) {
    struct job *job = NULL;
    pthread_mutex_lock(&j->lock);
    enum lh_code code = begin_cancel(j, id, &job, err);
    pthread_mutex_unlock(&j->lock);
    if (code != LH_OK)
        return code;
    if (job_save(job, err) != LH_OK)
        code = lh_err_context(err, "the job was told to end, but that could not be written, so it may start again "
                                   "after a restart");
    pthread_mutex_lock(&j->lock);
    job->pins--;
    pthread_mutex_unlock(&j->lock);
    jobs_prune(j);
    return code;
}

/* ---- looking ---- */

enum lh_code jobs_get(struct jobs *j, const char *id, struct arena *arena, struct job_info *ret_info,
                      struct lh_err *err) {
    return jobs_wait(j, id, 0, arena, ret_info, err);
}

static struct timespec after_ms(int64_t ms) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    if (ms > INT32_MAX)
        ms = INT32_MAX;
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    return until;
}

enum lh_code jobs_wait(struct jobs *j, const char *id, int64_t timeout_ms, struct arena *arena,
                       struct job_info *ret_info, struct lh_err *err) {
    struct timespec until = after_ms(timeout_ms);
    pthread_mutex_lock(&j->lock);
    struct job *job = find(j, id);
    while (job && timeout_ms > 0 && job_state_is_active(job->state) && !j->stopping) {
        if (pthread_cond_timedwait(&j->changed, &j->lock, &until) == ETIMEDOUT)
            timeout_ms = 0;
        job = find(j, id);
    }
    if (job)
        job_describe(job, os_monotonic_ns(j->options.os), arena, ret_info);
    pthread_mutex_unlock(&j->lock);
    return job ? LH_OK : fail_unknown(id, err);
}

static bool passes(const struct jobs_filter *filter, const struct job *job) {
    return (!filter->kind || strcmp(filter->kind, job->kind) == 0) &&
           (!filter->subject || strcmp(filter->subject, job->subject) == 0) &&
           (filter->state < 0 || filter->state == (int)job->state);
}

void jobs_list(struct jobs *j, const struct jobs_filter *filter, struct arena *arena, struct job_info **ret_infos,
               size_t *ret_count, bool *ret_more) {
    int64_t now_ns = os_monotonic_ns(j->options.os);
    size_t found = 0;
    *ret_more = false;
    pthread_mutex_lock(&j->lock);
    struct job_info *infos =
        arena_alloc(arena, (filter->limit < j->count ? filter->limit : j->count) * sizeof *infos + sizeof *infos);
    size_t at = filter->before && filter->before[0] ? lower_bound(j, filter->before) : j->count;
    for (; at > 0 && !*ret_more; at--) {
        if (!passes(filter, j->items[at - 1]))
            continue;
        if (found == filter->limit)
            *ret_more = true;
        else
            job_describe(j->items[at - 1], now_ns, arena, &infos[found++]);
    }
    pthread_mutex_unlock(&j->lock);
    *ret_infos = infos;
    *ret_count = found;
}
