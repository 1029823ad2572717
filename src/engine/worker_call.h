/* What a query and a task share: send the request, stop it in time, tell how it failed.  Inside `engine` only. */
#ifndef LH_ENGINE_WORKER_CALL_H
#define LH_ENGINE_WORKER_CALL_H

#include "base/error.h"
#include "engine/frames.h"
#include "engine/pool.h"

#include <stdbool.h>
#include <stdint.h>

struct worker_call {
    struct engine *engine;
    struct pool_worker *worker; /* NULL once given back */
    int64_t id;
    struct frame_wait wait;
    int64_t timeout_ms; /* for the message */
};

/* The next frame of the running request.  Frames that end it are judged here: an ERROR becomes its code; a hang-up,
 * nonsense, the deadline or a cancel becomes LH_CRASH, LH_TIMEOUT or LH_CANCELLED; in all these cases the worker has
 * been given back. */
LH_CHECKED enum lh_code worker_call_receive(struct worker_call *r, struct frame *ret_frame, struct lh_err *err);

/* Turn the failure of a send to the worker into that of the request, and give the worker back. */
enum lh_code worker_call_lost(struct worker_call *r, struct lh_err *err);

/* Nobody wants the rest: interrupt, wait at most grace_ms for the end, and give the worker back (ended, where it did
 * not listen). */
void worker_call_cancel(struct worker_call *r, int64_t grace_ms);

/* The request ended well; `last` is the object of its last frame, which may say that the worker should retire. */
void worker_call_finish(struct worker_call *r, const json_t *last);

#endif
