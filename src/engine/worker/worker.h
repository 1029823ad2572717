/* A worker process from the inside.
 *
 * Two threads: the main one serves requests with DuckDB, one at a time; the reader takes frames off the socket, hands
 * requests to the main thread and turns a cancel into an interrupt.  The reader ends the process when the server is
 * gone, so no worker outlives whom it works for.  After each request the session is probed; one that does not answer,
 * or that a statement may have changed, is never used again: the next request is given back (FRAME_RETIRED) and the
 * process ends. */
#ifndef LH_ENGINE_WORKER_WORKER_H
#define LH_ENGINE_WORKER_WORKER_H

#include "base/attr.h"
#include "base/error.h"
#include "base/json.h"
#include "engine/frames.h"
#include "engine/profile.h"
#include "engine/worker/bindings.h"
#include "engine/worker/session.h"
#include "os/sandbox.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct arena;
struct os;

struct worker {
    struct os *os;
    const struct duckdb_api *duckdb;
    struct arena *memory; /* the profile's texts */
    struct worker_profile profile;
    struct os_sandbox_state fences;
    struct session session;
    struct bindings bindings;
    struct frame_channel channel; /* received from by the reader, sent to by the main thread */

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    enum frame_type inbox_type;
    json_t *inbox;      /* a frame for the main thread; NULL: none */
    int64_t running_id; /* of the request being served; 0: idle */
    bool cancelled;

    /* The main thread's. */
    bool retire; /* this session must not serve another request */
    int64_t request_started_ns;
    int64_t progress_sent_ns;
};

/* Become a worker: put up the fences, open a session on the database that the host prepared, say READY, serve until the
 * server hangs up.  `spawn` is the payload of the spawn frame; `host` is the parent's pid. */
LH_NORETURN void worker_main(struct os *os, const struct duckdb_api *duckdb, duckdb_database database, int socket_fd,
                             const json_t *spawn, pid_t host);

bool worker_cancelled(struct worker *w);
/* The next frame of `type` for the running request (a new reference).  LH_CANCELLED. */
LH_CHECKED enum lh_code worker_wait_frame(struct worker *w, enum frame_type type, json_t **ret_body,
                                          struct lh_err *err);
/* Call it right before the request's last frame is sent: the server may answer that with the next request.  After it
 * no cancel reaches this one, and a late answer to its question is dropped. */
void worker_end_request(struct worker *w);
/* Milliseconds since the running request arrived. */
double worker_elapsed_ms(const struct worker *w);

/* What the request kinds do; they send their own frames, and a failure is sent as an error frame by the caller. */
LH_CHECKED enum lh_code query_run(struct worker *w, const json_t *request, struct lh_err *err);
LH_CHECKED enum lh_code task_run(struct worker *w, const json_t *request, struct lh_err *err);

#endif
