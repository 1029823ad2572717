#include "engine/pool.h"

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/metrics.h"
#include "engine/wire_error.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/os.h"
#include "os/socket.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define KEEPER_LOOK_NS INT64_C(1000000000)
#define OPEN_FILES 4096 /* a dataset may be many Parquet files */

/* ---- one worker's life ---- */

static int64_t deadline_in(struct engine *e, int64_t ms) {
    return os_monotonic_ns(e->os) + ms * 1000000;
}

static enum lh_code make_folder(struct engine *e, struct pool_worker *w, struct lh_err *err) {
    int made;
    do { /* past what a server that was killed has left */
        lh_free(w->temp_dir);
        uint64_t number = atomic_fetch_add(&e->next_number, 1);
        w->temp_dir = lh_asprintf("%s/worker-%llu", e->config.scratch_dir, (unsigned long long)number);
        made = e->os->mkdir(e->os->self, AT_FDCWD, w->temp_dir, 0700); /* never fsynced: nothing in it lasts */
    } while (made == -EEXIST);
    if (made < 0)
        return lh_fail_errno(err, -made, "cannot make the worker folder %s", w->temp_dir);
    return LH_OK;
}

/* Kill, learn how it ended, remove its folder.  The struct stays. */
static void finish(struct engine *e, struct pool_worker *w, struct worker_exit *ret_exit) {
    struct lh_err ignored = LH_ERR_INIT;
    struct worker_exit end = {.known = false};
    if (w->pidfd >= 0) {
        lh_ignore(os_pidfd_signal(w->pidfd, SIGKILL, &ignored));
        host_link_reap(&e->host, w->pid, &end);
        os_close(e->os, w->pidfd);
        w->pidfd = -1;
    }
    frame_channel_deinit(&w->channel);
    if (w->temp_dir)
        lh_ignore(os_remove_all(e->os, AT_FDCWD, w->temp_dir, &ignored));
    if (ret_exit)
        *ret_exit = end;
}

static void worker_free(struct engine *e, struct pool_worker *w) {
    finish(e, w, NULL);
    json_decref(w->ready);
    lh_free(w->temp_dir);
    lh_free(w);
}

static enum lh_code await_ready(struct engine *e, struct pool_worker *w, struct lh_err *err) {
    struct frame frame;
    LH_AUTO(json) json_t *body = NULL;
    struct frame_wait wait = {deadline_in(e, e->config.start_timeout_ms), -1};
    enum lh_code code = frame_receive(&w->channel, &wait, &frame, err);
    if (code == LH_TIMEOUT)
        return lh_fail(err, LH_UNAVAILABLE, "a worker process was not ready after %lld ms",
                       (long long)e->config.start_timeout_ms);
    if (code != LH_OK) {
        struct worker_exit end;
        finish(e, w, &end);
        return lh_fail(err, LH_UNAVAILABLE, "a worker process ended before it was ready (%s %d)",
                       end.signal ? "signal" : "status", end.signal ? end.signal : end.status);
    }
    LH_TRY(frame_json(&frame, &body, err));
    if (frame.type == FRAME_ERROR) {
        lh_ignore(wire_error_from_json(body, err));
        err->code = LH_UNAVAILABLE;
        return lh_err_context(err, "a worker process could not start");
    }
    if (frame.type != FRAME_READY)
        return lh_fail(err, LH_UNAVAILABLE, "a worker process began with a %s frame", frame_name(frame.type));
    w->ready = LH_STEAL(body);
    return LH_OK;
}

static enum lh_code spawn(struct engine *e, struct pool_worker *w, const json_t *profile, struct lh_err *err) {
    int fds[2];
    LH_TRY(os_socketpair(e->os, fds, err));
    frame_channel_init(&w->channel, e->os, fds[0], FRAMES_FROM_WORKER, false);
    enum lh_code code = host_link_spawn(&e->host, profile, fds[1], &w->pid, &w->pidfd, err);
    os_close(e->os, fds[1]);
    return code;
}

/* `profile` is filled but for the worker's own folder and, for admin workers, the read roots. */
static enum lh_code worker_new(struct engine *e, struct worker_profile *profile, bool with_roots,
                               struct pool_worker **ret_worker, struct lh_err *err) {
    struct pool_worker *w = lh_calloc(1, sizeof *w);
    w->pidfd = -1;
    w->worker_class = profile->worker_class;
    w->cpu_seconds = profile->cpu_seconds;
    w->born_ns = os_monotonic_ns(e->os);
    frame_channel_init(&w->channel, e->os, -1, FRAMES_FROM_WORKER, false);
    enum lh_code code = make_folder(e, w, err);
    if (code == LH_OK) {
        profile->temp_dir = w->temp_dir;
        profile->open_files = OPEN_FILES;
        if (profile->threads == 0)
            profile->threads = e->config.threads;
        profile->file_size_bytes = e->config.spill_bytes;
        pthread_mutex_lock(&e->lock);
        if (with_roots) {
            profile->read_paths = (const char *const *)e->roots;
            profile->read_count = e->root_count;
        }
        w->generation = e->generation;
        LH_AUTO(json) json_t *spawn_request = worker_profile_to_json(profile);
        pthread_mutex_unlock(&e->lock);
        code = spawn(e, w, spawn_request, err);
    }
    if (code == LH_OK)
        code = await_ready(e, w, err);
    if (code != LH_OK) {
        worker_free(e, w);
        return code;
    }
    int64_t took_us = (os_monotonic_ns(e->os) - w->born_ns) / 1000;
    atomic_fetch_add(&e->started, 1);
    atomic_store(&e->last_start_us, took_us);
    lh_metric_add(e->metrics, LH_METRIC_engine_workers_started_total, w->worker_class, 1);
    lh_metric_observe_us(e->metrics, LH_METRIC_engine_worker_start_seconds, took_us);
    *ret_worker = w;
    return LH_OK;
}

static enum lh_code admin_new(struct engine *e, struct pool_worker **ret_worker, struct lh_err *err) {
    struct worker_profile profile = {
        .worker_class = WORKER_ADMIN,
        .memory_limit_bytes = e->config.memory_bytes,
        .address_space_bytes = e->config.address_space_bytes,
    };
    return worker_new(e, &profile, true, ret_worker, err);
}

/* ---- counting ---- */

static void count(struct engine *e, struct pool_worker *w, int by) {
    pthread_mutex_lock(&e->lock);
    *(w->fresh ? &e->fresh_count : &e->admin_count) += (unsigned)by;
    pthread_mutex_unlock(&e->lock);
    lh_metric_change(e->metrics, LH_METRIC_engine_workers, w->worker_class, by);
}

static void end_worker(struct engine *e, struct pool_worker *w) {
    count(e, w, -1);
    worker_free(e, w);
}

/* End a worker without waiting for its memory to be unmapped and its folder to be cleared: the caller has a client. */
static void doom_worker(struct engine *e, struct pool_worker *w) {
    struct lh_err ignored = LH_ERR_INIT;
    count(e, w, -1);
    if (w->pidfd >= 0)
        lh_ignore(os_pidfd_signal(w->pidfd, SIGKILL, &ignored));
    pthread_mutex_lock(&e->lock);
    w->next_idle = e->doomed;
    e->doomed = w;
    pthread_cond_signal(&e->wanted);
    pthread_mutex_unlock(&e->lock);
}

static void free_list(struct engine *e, struct pool_worker *list) {
    while (list) {
        struct pool_worker *next = list->next_idle;
        worker_free(e, list);
        list = next;
    }
}

/* ---- the keeper ---- */

static bool wants_spare(const struct engine *e) {
    return e->idle_count == 0 && e->admin_count <= e->config.workers;
}

/* The idle worker that has waited longest, if it is one too many and old enough to go.  With the lock held. */
static struct pool_worker *take_old(struct engine *e) {
    if (e->idle_count < 2)
        return NULL;
    struct pool_worker **place = &e->idle;
    while ((*place)->next_idle)
        place = &(*place)->next_idle;
    struct pool_worker *oldest = *place;
    if (os_monotonic_ns(e->os) - oldest->idle_ns < e->config.worker_idle_ms * 1000000)
        return NULL;
    *place = NULL;
    e->idle_count--;
    return oldest;
}

static void push_idle(struct engine *e, struct pool_worker *w) {
    w->idle_ns = os_monotonic_ns(e->os);
    w->next_idle = e->idle;
    e->idle = w;
    e->idle_count++;
}

/* Put a new worker among the idle ones. */
static enum lh_code add_spare(struct engine *e, struct lh_err *err) {
    struct pool_worker *w;
    LH_TRY(admin_new(e, &w, err));
    count(e, w, 1);
    pthread_mutex_lock(&e->lock);
    bool welcome = !e->stopping && w->generation == e->generation;
    if (welcome)
        push_idle(e, w);
    pthread_mutex_unlock(&e->lock);
    if (!welcome)
        end_worker(e, w);
    return LH_OK;
}

static void keep(void *arg) {
    struct engine *e = arg;
    pthread_mutex_lock(&e->lock);
    while (!e->stopping) {
        struct lh_err err = LH_ERR_INIT;
        struct pool_worker *old = take_old(e);
        struct pool_worker *doomed = LH_STEAL(e->doomed);
        bool spare = wants_spare(e);
        pthread_mutex_unlock(&e->lock);
        if (old)
            end_worker(e, old);
        free_list(e, doomed);
        if (spare && add_spare(e, &err) != LH_OK) {
            lh_log_error(e->log, LH_LOG_WARN, "no spare worker", &err);
            spare = false; /* wait before the next try */
        }
        pthread_mutex_lock(&e->lock);
        if (e->stopping || spare || old || e->doomed)
            continue;
        int64_t until_ns = os_monotonic_ns(e->os) + KEEPER_LOOK_NS;
        struct timespec until = {until_ns / 1000000000, until_ns % 1000000000};
        pthread_cond_clockwait(&e->wanted, &e->lock, CLOCK_MONOTONIC, &until);
    }
    pthread_mutex_unlock(&e->lock);
}

enum lh_code pool_start(struct engine *e, struct lh_err *err) {
    LH_TRY(add_spare(e, err));
    return os_thread_start(&e->keeper, "engine-keeper", 0, keep, e, err);
}

static struct pool_worker *take_all_idle(struct engine *e) {
    struct pool_worker *list = e->idle;
    e->idle = NULL;
    e->idle_count = 0;
    return list;
}

static void end_list(struct engine *e, struct pool_worker *list) {
    while (list) {
        struct pool_worker *next = list->next_idle;
        end_worker(e, list);
        list = next;
    }
}

void pool_stop(struct engine *e) {
    pthread_mutex_lock(&e->lock);
    e->stopping = true;
    struct pool_worker *idle = take_all_idle(e);
    pthread_cond_broadcast(&e->wanted);
    pthread_mutex_unlock(&e->lock);
    end_list(e, idle);
    os_thread_join(&e->keeper);
    free_list(e, LH_STEAL(e->doomed));
    for (size_t i = 0; i < e->root_count; i++)
        lh_free(e->roots[i]);
    lh_free(e->roots);
}

static bool same_roots(const struct engine *e, const char *const *roots, size_t root_count) {
    bool same = root_count == e->root_count;
    for (size_t i = 0; i < root_count && same; i++)
        same = strcmp(roots[i], e->roots[i]) == 0;
    return same;
}

void pool_set_roots(struct engine *e, const char *const *roots, size_t root_count) {
    pthread_mutex_lock(&e->lock);
    bool same = same_roots(e, roots, root_count);
    pthread_mutex_unlock(&e->lock);
    if (same)
        return;
    char **copy = lh_calloc(root_count + 1, sizeof *copy);
    for (size_t i = 0; i < root_count; i++)
        copy[i] = lh_strdup(roots[i]);
    pthread_mutex_lock(&e->lock);
    char **old = e->roots;
    size_t old_count = e->root_count;
    e->roots = copy;
    e->root_count = root_count;
    e->generation++;
    struct pool_worker *idle = take_all_idle(e);
    pthread_cond_signal(&e->wanted);
    pthread_mutex_unlock(&e->lock);
    end_list(e, idle);
    for (size_t i = 0; i < old_count; i++)
        lh_free(old[i]);
    lh_free(old);
}

/* ---- leases ---- */

static struct pool_worker *take_idle(struct engine *e) {
    for (;;) {
        pthread_mutex_lock(&e->lock);
        struct pool_worker *w = e->idle;
        bool usable = false;
        if (w) {
            e->idle = w->next_idle;
            e->idle_count--;
            usable = w->generation == e->generation;
            if (wants_spare(e)) /* else the keeper would only take a core from the statement */
                pthread_cond_signal(&e->wanted);
        }
        pthread_mutex_unlock(&e->lock);
        if (!w || (usable && !os_peer_closed(e->os, w->channel.fd)))
            return w;
        end_worker(e, w);
    }
}

static enum lh_code take_any(struct engine *e, struct pool_worker **ret_worker, struct lh_err *err) {
    struct pool_worker *w = take_idle(e);
    if (!w) {
        LH_TRY(admin_new(e, &w, err));
        count(e, w, 1);
    }
    w->requests++;
    *ret_worker = w;
    return LH_OK;
}

bool pool_is_outdated(struct engine *e, const struct pool_worker *w) {
    pthread_mutex_lock(&e->lock);
    bool outdated = w->generation != e->generation;
    pthread_mutex_unlock(&e->lock);
    return outdated;
}

enum lh_code pool_lease(struct engine *e, int64_t deadline_ns, int cancel_fd, struct pool_worker **ret_worker,
                        struct lh_err *err) {
    int64_t asked_ns = os_monotonic_ns(e->os);
    enum lh_code code = gate_enter(&e->queries, deadline_ns, cancel_fd, err);
    lh_metric_set(e->metrics, LH_METRIC_query_queue_length, 0, gate_waiting(&e->queries));
    LH_TRY(code);
    lh_metric_observe_us(e->metrics, LH_METRIC_query_queue_seconds, (os_monotonic_ns(e->os) - asked_ns) / 1000);
    code = take_any(e, ret_worker, err);
    if (code != LH_OK)
        gate_leave(&e->queries);
    return code;
}

enum lh_code pool_exchange(struct engine *e, struct pool_worker **worker, struct lh_err *err) {
    doom_worker(e, *worker);
    *worker = NULL;
    enum lh_code code = take_any(e, worker, err);
    if (code != LH_OK)
        gate_leave(&e->queries);
    return code;
}

void pool_return(struct engine *e, struct pool_worker *w, bool reusable) {
    bool fresh = w->fresh, background = w->background;
    pthread_mutex_lock(&e->lock);
    bool keeps =
        reusable && !fresh && !e->stopping && w->requests < e->config.worker_requests && w->generation == e->generation;
    if (keeps)
        push_idle(e, w);
    pthread_mutex_unlock(&e->lock);
    if (!keeps)
        doom_worker(e, w);
    if (!background)
        gate_leave(fresh ? &e->files : &e->queries);
}

enum lh_code pool_lease_fresh(struct engine *e, const struct engine_task *task, int64_t deadline_ns,
                              struct pool_worker **ret_worker, struct lh_err *err) {
    bool untrusted = task->untrusted_input != NULL;
    struct worker_profile profile = {
        .worker_class = untrusted ? WORKER_INGEST : WORKER_ADMIN,
        .read_paths = &task->untrusted_input,
        .read_count = 1,
        .output_dir = task->output_dir,
        .memory_limit_bytes = task->memory_bytes ? task->memory_bytes : e->config.task_memory_bytes,
        .threads = task->threads,
        .address_space_bytes = e->config.task_address_space_bytes,
        .cpu_seconds = untrusted ? e->config.task_cpu_seconds : 0,
    };
    if (!task->background)
        LH_TRY(gate_enter(&e->files, deadline_ns, task->cancel_fd, err));
    struct pool_worker *w;
    enum lh_code code = worker_new(e, &profile, !untrusted, &w, err);
    if (code != LH_OK) {
        if (!task->background)
            gate_leave(&e->files);
        return code;
    }
    w->fresh = true;
    w->background = task->background;
    w->requests = 1;
    count(e, w, 1);
    *ret_worker = w;
    return LH_OK;
}

enum lh_code pool_explain_end(struct engine *e, struct pool_worker *w, struct lh_err *err) {
    struct worker_exit end;
    uint64_t cpu_seconds = w->cpu_seconds;
    finish(e, w, &end);
    atomic_fetch_add(&e->crashes, 1);
    lh_metric_add(e->metrics, LH_METRIC_engine_worker_crashes_total, w->worker_class, 1);
    if (cpu_seconds > 0 && end.signal == SIGXCPU)
        return lh_fail(err, LH_LIMIT, "the work took more than its %llu s of processor time",
                       (unsigned long long)cpu_seconds);
    if (end.signal == SIGXFSZ)
        return lh_fail(err, LH_LIMIT, "the work wrote a file larger than allowed");
    if (end.signal == SIGKILL) {
        lh_ignore(lh_fail(err, LH_UNAVAILABLE, "the query process was killed from outside"));
        return lh_err_hint(err, "the machine may have run out of memory; try again, or lower query.memory_bytes");
    }
    if (!end.known) { /* its host went too, and took the news with it: not this request's doing as far as anyone knows */
        lh_ignore(lh_fail(err, LH_UNAVAILABLE, "the query process ended together with the engine host"));
        return lh_err_hint(err, "a new engine host is started at once; try again");
    }
    if (end.signal != 0)
        lh_ignore(
            lh_fail(err, LH_CRASH, "the query process crashed (signal %d, %s)", end.signal, sigdescr_np(end.signal)));
    else
        lh_ignore(lh_fail(err, LH_CRASH, "the query process ended unexpectedly (status %d)", end.status));
    return lh_err_hint(err, "other requests are not affected; this one may have met a fault of DuckDB");
}
