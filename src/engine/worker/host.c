#include "engine/worker/host.h"

#include "base/alloc.h"
#include "engine/frames.h"
#include "engine/wire_error.h"
#include "engine/worker/duckdb_api.h"
#include "engine/worker/title.h"
#include "engine/worker/worker.h"
#include "os/os.h"
#include "os/process.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define HOST_SOCKET 3
#define STACK_BYTES \
    ((size_t)16 * 1024 * 1024) /* DuckDB's parser and binder recurse; at 8 MB a 1,000-fold nesting passes */

#if defined(__SANITIZE_THREAD__)
/* libduckdb is not instrumented: what ThreadSanitizer half sees of its locks is not to be judged. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void) {
    return "called_from_lib:libduckdb.so\nmutex:libduckdb.so\nrace:libduckdb.so\nrace:libstdc++.so\n";
}
#endif

struct host {
    struct os *os;
    struct frame_channel channel;
    struct title title;
    struct duckdb_api duckdb;
    duckdb_database database; /* prepared; each worker has its copy */
    struct lh_err failure;    /* why there is no DuckDB; LH_OK where there is */
};

/* The stacks of the workers' main threads (by limit) and of DuckDB's own threads (by default attribute). */
static void enlarge_stacks(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_STACK, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max == RLIM_INFINITY || limit.rlim_max > STACK_BYTES ? STACK_BYTES : limit.rlim_max;
        setrlimit(RLIMIT_STACK, &limit);
    }
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes) != 0)
        return;
    if (pthread_attr_setstacksize(&attributes, STACK_BYTES / 2) == 0)
        pthread_setattr_default_np(&attributes);
    pthread_attr_destroy(&attributes);
}

static enum lh_code answer(struct host *h, enum frame_type type, json_t *body, int pass_fd, struct lh_err *err) {
    enum lh_code code = frame_send_json(&h->channel, type, body, pass_fd, &FRAME_WAIT_FOREVER, err);
    json_decref(body);
    return code;
}

static LH_NORETURN void become_worker(struct host *h, int socket_fd, const json_t *spawn, pid_t host_pid) {
    const char *class_name = json_string_value(json_object_get(spawn, "class"));
    LH_AUTO(mem) char *text = lh_asprintf("lakehouse: %s worker", class_name ? class_name : "?");
    title_set(&h->title, "lakehouse-work", text);
    close(h->channel.fd);
    worker_main(h->os, &h->duckdb, h->database, socket_fd, spawn, host_pid);
}

static enum lh_code spawn_worker(struct host *h, const json_t *spawn, struct lh_err *err) {
    int socket_fd = frame_channel_take_fd(&h->channel);
    struct lh_err failure = h->failure;
    int pidfd = -1;
    pid_t pid = -1, host_pid = getpid();
    if (failure.code == LH_OK && socket_fd < 0)
        lh_ignore(lh_fail(&failure, LH_INTERNAL, "a spawn request came without a socket"));
    if (failure.code == LH_OK) {
        pid = fork();
        if (pid == 0)
            become_worker(h, socket_fd, spawn, host_pid);
        if (pid < 0)
            lh_ignore(lh_fail_errno(&failure, errno, "cannot fork a worker"));
    }
    if (socket_fd >= 0)
        close(socket_fd);
    if (pid > 0 && os_pidfd_open(pid, &pidfd, &failure) != LH_OK) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    if (failure.code != LH_OK)
        return answer(h, FRAME_REFUSED, wire_error_to_json(&failure), -1, err);
    json_t *spawned = json_object();
    json_object_set_new(spawned, "pid", json_integer(pid));
    enum lh_code code = answer(h, FRAME_SPAWNED, spawned, pidfd, err);
    close(pidfd);
    return code;
}

/* The server has killed it or seen it hang up, so the wait is short. */
static enum lh_code reap_worker(struct host *h, const json_t *request, struct lh_err *err) {
    pid_t pid = (pid_t)json_integer_value(json_object_get(request, "pid"));
    int status = 0;
    pid_t got = pid > 0 ? waitpid(pid, &status, 0) : -1;
    json_t *reaped = json_object();
    if (got > 0 && WIFSIGNALED(status))
        json_object_set_new(reaped, "signal", json_integer(WTERMSIG(status)));
    else if (got > 0)
        json_object_set_new(reaped, "status", json_integer(WEXITSTATUS(status)));
    return answer(h, FRAME_REAPED, reaped, -1, err);
}

static enum lh_code serve_one(struct host *h, struct lh_err *err) {
    struct frame frame;
    LH_AUTO(json) json_t *body = NULL;
    LH_TRY(frame_receive(&h->channel, &FRAME_WAIT_FOREVER, &frame, err));
    LH_TRY(frame_json(&frame, &body, err));
    return frame.type == FRAME_SPAWN ? spawn_worker(h, body, err) : reap_worker(h, body, err);
}

int engine_host_main(int argc, char **argv) {
    int type;
    socklen_t size = sizeof type;
    if (getsockopt(HOST_SOCKET, SOL_SOCKET, SO_TYPE, &type, &size) != 0) {
        fprintf(stderr, "lakehouse: engine-host is started by the server, not by hand\n");
        return 2;
    }
    struct host h = {.os = os_real()};
    frame_channel_init(&h.channel, h.os, HOST_SOCKET, FRAMES_TO_HOST, true);
    title_init(&h.title, argc, argv);
    title_set(&h.title, "lakehouse-host", "lakehouse: engine host");
    enlarge_stacks();
    if (duckdb_api_open(&h.duckdb, &h.failure) == LH_OK)
        lh_ignore(session_prepare(&h.duckdb, &h.database, &h.failure));
    struct lh_err err = LH_ERR_INIT;
    while (serve_one(&h, &err) == LH_OK)
        continue;
    return err.code == LH_UNAVAILABLE ? 0 : 1; /* the server hung up, or spoke nonsense */
}
