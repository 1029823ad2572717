#include "engine/host_link.h"

#include "base/alloc.h"
#include "engine/wire_error.h"
#include "os/clock.h"
#include "os/fault.h"
#include "os/file.h"
#include "os/os.h"
#include "os/socket.h"

#include <stdlib.h>

#define ANSWER_MS 10000 /* forks and reaps are short; a host that takes longer is stuck and is replaced */
#define TITLE_ROOM "                                        "

void host_link_init(struct host_link *l, struct os *os, const char *executable) {
    *l = (struct host_link){.os = os, .executable = lh_strdup(executable), .process = OS_PROCESS_INIT};
    pthread_mutex_init(&l->lock, NULL);
}

static void stop(struct host_link *l) {
    if (!l->alive)
        return;
    frame_channel_deinit(&l->channel);
    os_process_end(&l->process);
    l->alive = false;
}

void host_link_deinit(struct host_link *l) {
    stop(l);
    pthread_mutex_destroy(&l->lock);
    lh_free(l->executable);
}

static enum lh_code start(struct host_link *l, struct lh_err *err) {
    int fds[2];
    LH_TRY(LH_FAULT("engine.before_host", err));
    LH_TRY(os_socketpair(l->os, fds, err));
    char *argv[] = {(char[]){"lakehouse"}, (char[]){"engine-host"}, (char[]){TITLE_ROOM}, NULL};
    struct os_fd_map map[] = {{-1, 0}, {-1, 1}, {fds[1], 3}};
    /* Allowed through: where an operator says libduckdb is.  Workers empty their environment. */
    const char *library = getenv("LAKEHOUSE_DUCKDB_LIB");
    LH_AUTO(mem) char *setting = library ? lh_asprintf("LAKEHOUSE_DUCKDB_LIB=%s", library) : NULL;
    char *envp[] = {setting, NULL};
    /* Not die_with_parent: that ties it to this thread.  It ends when the socket closes. */
    struct os_spawn spawn = {
        .path = l->executable,
        .argv = argv,
        .envp = envp,
        .fds = map,
        .fd_count = LH_ARRAY_LEN(map),
        .new_group = true,
    };
    enum lh_code code = os_process_spawn(&spawn, &l->process, err);
    os_close(l->os, fds[1]);
    if (code != LH_OK) {
        os_close(l->os, fds[0]);
        return lh_err_context(err, "starting the engine host");
    }
    frame_channel_init(&l->channel, l->os, fds[0], FRAMES_FROM_HOST, true);
    l->alive = true;
    l->starts++;
    return LH_OK;
}

/* One request, one answer.  Any failure leaves the host stopped. */
static enum lh_code exchange(struct host_link *l, enum frame_type type, const json_t *request, int pass_fd,
                             struct frame *ret_answer, json_t **ret_body, struct lh_err *err) {
    struct frame_wait wait = {os_monotonic_ns(l->os) + ANSWER_MS * INT64_C(1000000), -1};
    enum lh_code code = frame_send_json(&l->channel, type, request, pass_fd, &wait, err);
    if (code == LH_OK)
        code = frame_receive(&l->channel, &wait, ret_answer, err);
    if (code == LH_OK)
        code = frame_json(ret_answer, ret_body, err);
    if (code != LH_OK)
        stop(l);
    return code;
}

static enum lh_code spawn_once(struct host_link *l, const json_t *request, int socket_fd, pid_t *ret_pid,
                               int *ret_pidfd, bool *ret_refused, struct lh_err *err) {
    struct frame frame;
    LH_AUTO(json) json_t *body = NULL;
    if (!l->alive)
        LH_TRY(start(l, err));
    LH_TRY(exchange(l, FRAME_SPAWN, request, socket_fd, &frame, &body, err));
    if (frame.type == FRAME_REFUSED) {
        *ret_refused = true;
        return wire_error_from_json(body, err);
    }
    int pidfd = frame_channel_take_fd(&l->channel);
    json_int_t pid = json_integer_value(json_object_get(body, "pid"));
    if (frame.type != FRAME_SPAWNED || pidfd < 0 || pid <= 0) {
        os_close(l->os, pidfd);
        stop(l);
        return lh_fail(err, LH_UNAVAILABLE, "the engine host gave no worker");
    }
    *ret_pid = (pid_t)pid;
    *ret_pidfd = pidfd;
    return LH_OK;
}

enum lh_code host_link_spawn(struct host_link *l, const json_t *spawn, int socket_fd, pid_t *ret_pid, int *ret_pidfd,
                             struct lh_err *err) {
    bool refused = false;
    LH_TRY(LH_FAULT("engine.before_spawn", err));
    pthread_mutex_lock(&l->lock);
    bool was_alive = l->alive;
    enum lh_code code = spawn_once(l, spawn, socket_fd, ret_pid, ret_pidfd, &refused, err);
    if (code != LH_OK && was_alive && !refused) /* it had died unnoticed */
        code = spawn_once(l, spawn, socket_fd, ret_pid, ret_pidfd, &refused, err);
    pthread_mutex_unlock(&l->lock);
    if (code == LH_OK && (code = LH_FAULT("engine.after_spawn", err)) != LH_OK) {
        os_close(l->os, *ret_pidfd); /* the worker sees its socket close and ends */
        *ret_pidfd = -1;
    }
    return code;
}

void host_link_reap(struct host_link *l, pid_t pid, struct worker_exit *ret_exit) {
    struct frame frame;
    struct lh_err ignored = LH_ERR_INIT;
    LH_AUTO(json) json_t *body = NULL;
    LH_AUTO(json) json_t *request = json_object();
    json_object_set_new(request, "pid", json_integer(pid));
    *ret_exit = (struct worker_exit){.known = false};
    pthread_mutex_lock(&l->lock);
    if (l->alive && exchange(l, FRAME_REAP, request, -1, &frame, &body, &ignored) == LH_OK &&
        frame.type == FRAME_REAPED) {
        const json_t *signal_number = json_object_get(body, "signal"), *status = json_object_get(body, "status");
        ret_exit->known = signal_number || status;
        ret_exit->signal = (int)json_integer_value(signal_number);
        ret_exit->status = (int)json_integer_value(status);
    }
    pthread_mutex_unlock(&l->lock);
}
