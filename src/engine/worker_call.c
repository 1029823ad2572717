#include "engine/worker_call.h"

#include "engine/wire_error.h"
#include "os/clock.h"

static void give_back(struct worker_call *r, bool reusable) {
    pool_return(r->engine, r->worker, reusable);
    r->worker = NULL;
}

static bool retires(const json_t *last) {
    return json_is_true(json_object_get(last, "retire"));
}

void worker_call_finish(struct worker_call *r, const json_t *last) {
    give_back(r, !retires(last));
}

enum lh_code worker_call_lost(struct worker_call *r, struct lh_err *err) {
    enum lh_code code = pool_explain_end(r->engine, r->worker, err);
    give_back(r, false);
    return code;
}

/* Read and drop until the worker is done with the request.  True: it can serve another. */
static bool drain(struct worker_call *r, int64_t grace_ms) {
    struct frame frame;
    struct lh_err ignored = LH_ERR_INIT;
    struct frame_wait wait = {os_monotonic_ns(r->engine->os) + grace_ms * 1000000, -1};
    while (frame_receive(&r->worker->channel, &wait, &frame, &ignored) == LH_OK) {
        if (frame.type != FRAME_END && frame.type != FRAME_ERROR && frame.type != FRAME_ANSWER)
            continue;
        LH_AUTO(json) json_t *last = NULL;
        return frame_json(&frame, &last, &ignored) == LH_OK && !retires(last);
    }
    return false;
}

void worker_call_cancel(struct worker_call *r, int64_t grace_ms) {
    LH_AUTO(json) json_t *body = json_object();
    struct lh_err ignored = LH_ERR_INIT;
    struct frame_wait wait = {os_monotonic_ns(r->engine->os) + grace_ms * 1000000, -1};
    json_object_set_new(body, "id", json_integer(r->id));
    bool told = frame_send_json(&r->worker->channel, FRAME_CANCEL, body, -1, &wait, &ignored) == LH_OK;
    give_back(r, told && drain(r, grace_ms));
}

static enum lh_code end_by_error(struct worker_call *r, const struct frame *frame, struct lh_err *err) {
    LH_AUTO(json) json_t *body = NULL;
    enum lh_code code = frame_json(frame, &body, err);
    if (code != LH_OK) {
        give_back(r, false);
        err->code = LH_CRASH;
        return LH_CRASH;
    }
    code = wire_error_from_json(body, err);
    give_back(r, !retires(body));
    if (code == LH_CANCELLED) /* nobody asked for it: a signal or a fault inside */
        return lh_fail(err, LH_CRASH, "the query process stopped the statement by itself");
    return code;
}

enum lh_code worker_call_receive(struct worker_call *r, struct frame *ret_frame, struct lh_err *err) {
    enum lh_code code = frame_receive(&r->worker->channel, &r->wait, ret_frame, err);
    switch (code) {
    case LH_OK: return ret_frame->type == FRAME_ERROR ? end_by_error(r, ret_frame, err) : LH_OK;
    case LH_TIMEOUT:
        worker_call_cancel(r, r->engine->config.cancel_grace_ms);
        lh_ignore(lh_fail(err, LH_TIMEOUT, "the time limit of %lld ms passed", (long long)r->timeout_ms));
        return lh_err_hint(err, "ask for less, or for more time with timeout_ms");
    case LH_CANCELLED: worker_call_cancel(r, r->engine->config.cancel_grace_ms); return code;
    case LH_CORRUPT:
        give_back(r, false);
        lh_ignore(lh_err_context(err, "a query process broke the protocol and was ended"));
        err->code = LH_CRASH;
        return LH_CRASH;
    default: return worker_call_lost(r, err);
    }
}
