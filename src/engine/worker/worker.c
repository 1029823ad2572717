#include "engine/worker/worker.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "engine/wire_error.h"
#include "os/clock.h"
#include "os/os.h"
#include "os/thread.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A cancel may fall between two statements, where DuckDB forgets an interrupt: it is repeated until the request
 * ends. */
#define INTERRUPT_AGAIN_MS 20

/* ---- the reader ---- */

/* Hand a frame to the main thread.  The server sends one at a time; more is a fault of its. */
static void deliver(struct worker *w, enum frame_type type, json_t *body) {
    pthread_mutex_lock(&w->lock);
    if (w->inbox)
        _exit(EXIT_FAILURE);
    w->inbox = body;
    w->inbox_type = type;
    if (type != FRAME_BIND) {
        w->running_id = json_integer_value(json_object_get(body, "id"));
        w->cancelled = false;
    }
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

/* A cancel for a request that has ended already means nothing. */
static void cancel(struct worker *w, int64_t id) {
    pthread_mutex_lock(&w->lock);
    bool running = w->running_id == id && id != 0;
    if (running)
        w->cancelled = true;
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

static void interrupt_if_cancelled(struct worker *w) {
    pthread_mutex_lock(&w->lock);
    if (w->cancelled && w->running_id != 0)
        session_interrupt(&w->session);
    pthread_mutex_unlock(&w->lock);
}

static void read_frames(void *arg) {
    struct worker *w = arg;
    for (;;) {
        struct frame frame;
        struct lh_err err = LH_ERR_INIT;
        bool cancelling = worker_cancelled(w);
        struct frame_wait wait = FRAME_WAIT_FOREVER;
        if (cancelling)
            wait.deadline_ns = os_monotonic_ns(w->os) + INTERRUPT_AGAIN_MS * 1000000;
        enum lh_code code = frame_receive(&w->channel, &wait, &frame, &err);
        if (code == LH_TIMEOUT) {
            interrupt_if_cancelled(w);
            continue;
        }
        json_t *body = NULL;
        if (code != LH_OK || frame_json(&frame, &body, &err) != LH_OK)
            _exit(EXIT_SUCCESS); /* the server hung up: nobody is left to tell */
        if (frame.type == FRAME_CANCEL) {
            cancel(w, json_integer_value(json_object_get(body, "id")));
            interrupt_if_cancelled(w);
            json_decref(body);
        } else {
            deliver(w, frame.type, body);
        }
    }
}

/* ---- the main thread ---- */

bool worker_cancelled(struct worker *w) {
    pthread_mutex_lock(&w->lock);
    bool cancelled = w->cancelled && w->running_id != 0;
    pthread_mutex_unlock(&w->lock);
    return cancelled;
}

double worker_elapsed_ms(const struct worker *w) {
    return (double)(os_monotonic_ns(w->os) - w->request_started_ns) / 1e6;
}

enum lh_code worker_wait_frame(struct worker *w, enum frame_type type, json_t **ret_body, struct lh_err *err) {
    pthread_mutex_lock(&w->lock);
    while (!w->inbox && !w->cancelled)
        pthread_cond_wait(&w->changed, &w->lock);
    bool cancelled = w->cancelled;
    json_t *body = NULL;
    if (!cancelled && w->inbox_type == type)
        body = LH_STEAL(w->inbox);
    pthread_mutex_unlock(&w->lock);
    if (cancelled)
        return lh_fail(err, LH_CANCELLED, "cancelled");
    if (!body)
        return lh_fail(err, LH_INTERNAL, "a frame came that was not asked for");
    *ret_body = body;
    return LH_OK;
}

static json_t *wait_request(struct worker *w, enum frame_type *ret_type) {
    pthread_mutex_lock(&w->lock);
    while (!w->inbox)
        pthread_cond_wait(&w->changed, &w->lock);
    json_t *request = LH_STEAL(w->inbox);
    *ret_type = w->inbox_type;
    pthread_mutex_unlock(&w->lock);
    return request;
}

void worker_end_request(struct worker *w) {
    pthread_mutex_lock(&w->lock);
    w->running_id = 0;
    w->cancelled = false;
    json_decref(w->inbox);
    w->inbox = NULL;
    pthread_mutex_unlock(&w->lock);
}

static void cut_out(char *text, const char *folder) {
    size_t len = strlen(folder);
    for (char *at = len > 1 ? strstr(text, folder) : NULL; at; at = strstr(at, folder)) {
        size_t cut = len + (at[len] == '/');
        memmove(at, at + cut, strlen(at + cut) + 1);
    }
}

/* DuckDB names files by their paths, which are the server's business: what stands below our folders is told from there on. */
static void hide_folders(const struct worker_profile *p, struct lh_err *err) {
    for (size_t i = 0; i < p->read_count; i++)
        cut_out(err->message, p->read_paths[i]);
    if (p->output_dir)
        cut_out(err->message, p->output_dir);
    if (p->temp_dir)
        cut_out(err->message, p->temp_dir);
}

static void send_error(struct worker *w, struct lh_err *failure) {
    hide_folders(&w->profile, failure);
    LH_AUTO(json) json_t *error = wire_error_to_json(failure);
    struct lh_err err = LH_ERR_INIT;
    if (w->retire)
        json_object_set_new(error, "retire", json_true());
    if (frame_send_json(&w->channel, FRAME_ERROR, error, -1, &FRAME_WAIT_FOREVER, &err) != LH_OK)
        _exit(EXIT_SUCCESS);
}

static void serve_one(struct worker *w) {
    enum frame_type type;
    LH_AUTO(json) json_t *request = wait_request(w, &type);
    struct lh_err err = LH_ERR_INIT;
    if (w->retire) {
        lh_ignore(frame_send(&w->channel, FRAME_RETIRED, "{}", 2, -1, &FRAME_WAIT_FOREVER, &err));
        _exit(EXIT_SUCCESS);
    }
    w->request_started_ns = os_monotonic_ns(w->os);
    w->progress_sent_ns = 0;
    enum lh_code code;
    switch (type) {
    case FRAME_QUERY: code = query_run(w, request, &err); break;
    case FRAME_TASK: code = task_run(w, request, &err); break;
    default: code = lh_fail(&err, LH_INTERNAL, "a %s frame came where a request should", frame_name(type)); break;
    }
    if (code != LH_OK) {
        worker_end_request(w);
        send_error(w, &err);
    }
    /* A worker of one untrusted file gets no second request. */
    w->retire = w->retire || w->profile.worker_class == WORKER_INGEST || !session_alive(&w->session);
}

/* DuckDB opens these when it starts, and aborts where they stand but may not be opened. */
static const char *const system_paths[] = {"/proc/self/cgroup", "/sys/fs/cgroup"};

/* What Landlock lets this worker read.  A bucket whose folder is not there has nothing to read. */
static const char **readable_paths(struct worker *w, size_t *ret_count) {
    const struct worker_profile *p = &w->profile;
    const char **paths = arena_alloc(w->memory, (p->read_count + LH_ARRAY_LEN(system_paths)) * sizeof *paths);
    size_t count = 0;
    for (size_t i = 0; i < p->read_count; i++) {
        if (access(p->read_paths[i], F_OK) == 0)
            paths[count++] = p->read_paths[i];
    }
    for (size_t i = 0; i < LH_ARRAY_LEN(system_paths); i++) {
        if (access(system_paths[i], F_OK) == 0)
            paths[count++] = system_paths[i];
    }
    *ret_count = count;
    return paths;
}

static enum lh_code worker_start(struct worker *w, duckdb_database database, const json_t *spawn, pid_t host,
                                 struct lh_err *err) {
    LH_TRY(worker_profile_from_json(spawn, w->memory, &w->profile, err));
    const struct worker_profile *p = &w->profile;
    const char *writable[2];
    size_t writable_count = 0;
    if (p->temp_dir)
        writable[writable_count++] = p->temp_dir;
    if (p->output_dir)
        writable[writable_count++] = p->output_dir;
    size_t readable_count;
    const char **readable = readable_paths(w, &readable_count);
    struct os_sandbox sandbox = {
        .read_paths = readable,
        .read_count = readable_count,
        .write_paths = writable,
        .write_count = writable_count,
        .landlock = true,
        .seccomp = true,
        .parent = host,
        .address_space_bytes = p->address_space_bytes,
        .cpu_seconds = p->cpu_seconds,
        .file_bytes = p->file_size_bytes,
        .open_files = p->open_files,
    };
    LH_TRY(os_sandbox_enter(&sandbox, &w->fences, err));
    return session_open(&w->session, w->os, w->duckdb, database, p, err);
}

static void send_ready(struct worker *w) {
    LH_AUTO(json) json_t *ready = json_object();
    struct lh_err err = LH_ERR_INIT;
    json_object_set_new(ready, "landlock_abi", json_integer(w->fences.landlock_abi));
    json_object_set_new(ready, "seccomp", json_boolean(w->fences.seccomp));
    if (frame_send_json(&w->channel, FRAME_READY, ready, -1, &FRAME_WAIT_FOREVER, &err) != LH_OK)
        _exit(EXIT_SUCCESS);
}

void worker_main(struct os *os, const struct duckdb_api *duckdb, duckdb_database database, int socket_fd,
                 const json_t *spawn, pid_t host) {
    struct worker *w = lh_calloc(1, sizeof *w);
    struct lh_err err = LH_ERR_INIT;
    struct os_thread reader;
    w->os = os;
    w->duckdb = duckdb;
    w->memory = arena_new();
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->changed, NULL);
    frame_channel_init(&w->channel, os, socket_fd, FRAMES_TO_WORKER, false);
    if (worker_start(w, database, spawn, host, &err) != LH_OK ||
        os_thread_start(&reader, "frames", 0, read_frames, w, &err) != LH_OK) {
        send_error(w, &err);
        _exit(EXIT_FAILURE);
    }
    send_ready(w);
    for (;;)
        serve_one(w);
}
