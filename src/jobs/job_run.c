/* Running jobs: the threads, and what a run function may ask of its job. */
#include "base/alloc.h"
#include "base/cleanup.h"
#include "jobs/jobs_internal.h"
#include "os/clock.h"
#include "os/fault.h"

#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

/* ---- choosing; `lock` is held ---- */

static size_t kind_index(const struct jobs *j, const struct job *job) {
    const struct job_kind *kind = jobs_find_kind(j, job->kind);
    return kind ? (size_t)(kind - j->kinds) : JOB_KINDS_MAX;
}

/* The oldest job that may run now; NULL: none, and *ret_next_ns is when one may (INT64_MAX: not by time alone). */
static struct job *choose(const struct jobs *j, int64_t now_ns, int64_t *ret_next_ns) {
    *ret_next_ns = INT64_MAX;
    for (size_t i = 0; i < j->count; i++) {
        struct job *job = j->items[i];
        size_t kind = kind_index(j, job);
        bool waits = job->state == JOB_WAITING && job->retry_at_ns > now_ns;
        if ((job->state != JOB_QUEUED && job->state != JOB_WAITING) || job->dormant || kind == JOB_KINDS_MAX)
            continue;
        if (waits && job->retry_at_ns < *ret_next_ns)
            *ret_next_ns = job->retry_at_ns;
        if (!waits && (j->kinds[kind].max_running == 0 || j->running[kind] < j->kinds[kind].max_running))
            return job;
    }
    return NULL;
}

static void sleep_until(struct jobs *j, int64_t now_ns, int64_t next_ns) {
    struct timespec until;
    if (next_ns == INT64_MAX) {
        pthread_cond_wait(&j->changed, &j->lock);
        return;
    }
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t wait_ns = until.tv_nsec + (next_ns - now_ns);
    until.tv_sec += wait_ns / 1000000000;
    until.tv_nsec = wait_ns % 1000000000;
    pthread_cond_timedwait(&j->changed, &j->lock, &until);
}

static void begin(struct jobs *j, struct job *job) {
    job->state = JOB_RUNNING;
    job->attempts++;
    job->retry_ms = 0;
    job->run_ns = 0;
    if (job->started_us == 0)
        job->started_us = os_realtime_us(j->options.os);
    job_set_error(job, NULL);
    job->cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    j->running[kind_index(j, job)]++;
}

/* ---- the end of a run; `lock` is held ---- */

static void end(struct jobs *j, struct job *job, enum lh_code code, const struct lh_err *err) {
    j->running[kind_index(j, job)]--;
    if (code == LH_OK) {
        job->state = JOB_DONE;
    } else if (job->cancelling) {
        job->state = JOB_CANCELLED;
    } else if (j->stopping) {
        job->state = JOB_QUEUED;
        job->attempts -= job->attempts > 0;
    } else if (job->retry_ms > 0) {
        job->state = JOB_WAITING;
        job->attempts = 0;
        job->retry_at_ns = os_monotonic_ns(j->options.os) + job->retry_ms * 1000000;
        job_set_error(job, err);
    } else {
        job->state = JOB_FAILED;
        job_set_error(job, err);
    }
    if (!job_state_is_active(job->state))
        job->ended_us = os_realtime_us(j->options.os);
    if (job->cancel_fd >= 0)
        close(job->cancel_fd);
    job->cancel_fd = -1;
}

/* `lock` is held, and let go meanwhile. */
static void run_one(struct jobs *j, struct job *job) {
    const struct job_kind *kind = jobs_find_kind(j, job->kind);
    struct lh_err err = LH_ERR_INIT;
    begin(j, job);
    job->pins++;
    pthread_mutex_unlock(&j->lock);
    job_save_or_notice(job); /* where it cannot be written the job is as good as queued */
    enum lh_code code = LH_FAULT("jobs.before_run", &err);
    if (code == LH_OK)
        code = kind->run(job, kind->ctx, &err);
    if (code == LH_OK)
        code = LH_FAULT("jobs.after_run", &err);
    pthread_mutex_lock(&j->lock);
    end(j, job, code, &err);
    pthread_mutex_unlock(&j->lock);
    job_save_or_notice(job);
    pthread_mutex_lock(&j->lock);
    job->pins--;
    pthread_cond_broadcast(&j->changed);
    pthread_mutex_unlock(&j->lock);
    jobs_prune(j);
    pthread_mutex_lock(&j->lock);
}

void jobs_work(void *jobs) {
    struct jobs *j = jobs;
    pthread_mutex_lock(&j->lock);
    while (!j->stopping) {
        int64_t now_ns = os_monotonic_ns(j->options.os), next_ns;
        struct job *job = choose(j, now_ns, &next_ns);
        if (job)
            run_one(j, job);
        else
            sleep_until(j, now_ns, next_ns);
    }
    pthread_mutex_unlock(&j->lock);
}

/* ---- for run functions ---- */

const char *job_id(const struct job *job) {
    return job->id;
}

const char *job_subject(const struct job *job) {
    return job->subject;
}

const char *job_actor(const struct job *job) {
    return job->actor ? job->actor : "";
}

static json_t *parsed(const char *text) {
    json_t *value = NULL;
    struct lh_err ignored = LH_ERR_INIT;
    return text && lh_json_parse(text, strlen(text), NULL, &value, &ignored) == LH_OK ? value : NULL;
}

json_t *job_input(struct job *job) {
    return parsed(job->input);
}

json_t *job_checkpoint(struct job *job) {
    return parsed(job->checkpoint); /* written by the job's own thread alone */
}

void job_progress(struct job *job, uint64_t done, uint64_t total, const char *unit) {
    struct jobs *j = job->jobs;
    pthread_mutex_lock(&j->lock);
    job->done = done;
    job->total = total;
    if (job->run_ns == 0 || done < job->run_from || strcmp(job->unit, unit) != 0) {
        job->run_ns = os_monotonic_ns(j->options.os);
        job->run_from = done;
    }
    snprintf(job->unit, sizeof job->unit, "%s", unit);
    pthread_mutex_unlock(&j->lock);
}

enum lh_code job_save_checkpoint(struct job *job, const json_t *checkpoint, struct lh_err *err) {
    struct jobs *j = job->jobs;
    LH_AUTO(buf) struct buf text = BUF_INIT;
    lh_json_write(checkpoint, LH_JSON_COMPACT_SORTED, &text);
    if (text.len > JOB_JSON_MAX)
        return lh_fail(err, LH_TOO_LARGE, "the checkpoint of a job has at most %zu bytes", JOB_JSON_MAX);
    LH_TRY(LH_FAULT("jobs.before_checkpoint", err));
    pthread_mutex_lock(&j->lock);
    LH_AUTO(mem) char *old = job->checkpoint;
    unsigned attempts = job->attempts;
    job->checkpoint = buf_detach(&text);
    job->attempts = 0;
    pthread_mutex_unlock(&j->lock);
    if (job_save(job, err) == LH_OK)
        return LH_FAULT("jobs.after_checkpoint", err);
    pthread_mutex_lock(&j->lock);
    lh_free(job->checkpoint);
    job->checkpoint = LH_STEAL(old);
    job->attempts = attempts;
    pthread_mutex_unlock(&j->lock);
    return err->code;
}

void job_set_result(struct job *job, const json_t *result) {
    LH_AUTO(buf) struct buf text = BUF_INIT;
    lh_json_write(result, LH_JSON_COMPACT, &text);
    if (text.len > JOB_JSON_MAX)
        return;
    pthread_mutex_lock(&job->jobs->lock);
    lh_free(job->result);
    job->result = buf_detach(&text);
    pthread_mutex_unlock(&job->jobs->lock);
}

enum lh_code job_check(struct job *job, struct lh_err *err) {
    struct jobs *j = job->jobs;
    pthread_mutex_lock(&j->lock);
    bool cancelled = job->cancelling, stopping = j->stopping;
    pthread_mutex_unlock(&j->lock);
    if (cancelled)
        return lh_fail(err, LH_CANCELLED, "the job was cancelled");
    if (stopping)
        return lh_fail(err, LH_CANCELLED, "the server is stopping; the job goes on at its next start");
    return LH_OK;
}

bool job_goes_on(struct job *job) {
    struct jobs *j = job->jobs;
    pthread_mutex_lock(&j->lock);
    bool goes_on = j->stopping && !job->cancelling;
    pthread_mutex_unlock(&j->lock);
    return goes_on;
}

int job_cancel_fd(struct job *job) {
    return job->cancel_fd; /* opened before the run, closed after it */
}

void job_retry_later(struct job *job, int64_t delay_ms) {
    pthread_mutex_lock(&job->jobs->lock);
    job->retry_ms = delay_ms > 0 ? delay_ms : 1;
    pthread_mutex_unlock(&job->jobs->lock);
}
