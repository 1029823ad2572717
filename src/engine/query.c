#include "base/alloc.h"
#include "base/arena.h"
#include "base/hash.h"
#include "base/metrics.h"
#include "engine/engine.h"
#include "engine/pool.h"
#include "engine/wire_error.h"
#include "engine/worker_call.h"
#include "os/clock.h"
#include "os/fault.h"

#include <string.h>

#define NEED_NAMES_MAX 5000
#define START_TRIES 4
#define CLOSE_GRACE_MS 250 /* of a result closed early: a reading statement stops at once or is not worth waiting for */

struct engine_result {
    struct worker_call request;
    struct arena *arena; /* the resolver's */
    json_t *columns, *reads;
    struct engine_result_stats stats;
    int64_t started_ns;
    bool ended;
};

/* ---- names ---- */

static bool is_unchanged(const json_t *names, const struct engine_binding *b) {
    size_t i;
    json_t *one;
    json_array_foreach((json_t *)(uintptr_t)names, i, one) {
        const char *name = json_string_value(json_object_get(one, "name"));
        const char *digest = json_string_value(json_object_get(one, "digest"));
        if (!name || !digest || strcmp(name, b->name) != 0)
            continue;
        char now[LH_SHA256_HEX];
        lh_sha256_hex(b->definition, strlen(b->definition), now);
        return strcmp(now, digest) == 0;
    }
    return false;
}

static json_t *bindings_to_json(const json_t *names, const struct engine_binding *bindings, size_t count) {
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *one = json_object();
        json_object_set_new(one, "name", json_string(bindings[i].name));
        if (is_unchanged(names, &bindings[i]))
            json_object_set_new(one, "same", json_true());
        else
            json_object_set_new(one, "definition", json_string(bindings[i].definition));
        if (bindings[i].attach_path)
            json_object_set_new(
                one, "attach",
                json_pack("{s:s, s:s}", "path", bindings[i].attach_path, "name", bindings[i].attach_name));
        json_array_append_new(list, one);
    }
    return list;
}

static enum lh_code names_from_json(const json_t *names, struct arena *arena, const char ***ret_names,
                                    size_t *ret_count, struct lh_err *err) {
    size_t count = json_array_size(names);
    if (count > NEED_NAMES_MAX)
        return lh_fail(err, LH_SQL, "the statement uses too many different names");
    const char **texts = arena_alloc(arena, (count + 1) * sizeof *texts);
    for (size_t i = 0; i < count; i++) {
        texts[i] = json_string_value(json_object_get(json_array_get(names, i), "name"));
        if (!texts[i])
            return lh_fail(err, LH_CRASH, "the query process asked for a name that is none");
    }
    *ret_names = texts;
    *ret_count = count;
    return LH_OK;
}

/* The resolver's answer to a NEED frame, as the body of a BIND frame. */
static enum lh_code resolve(const struct engine_query *query, const json_t *need, struct arena *arena,
                            json_t *ret_answer, struct lh_err *err) {
    const json_t *wanted = json_object_get(need, "names");
    const char **names = NULL, *suggestions = NULL;
    size_t name_count = 0, count = 0, all_count = 0;
    struct engine_binding *bindings = NULL, *all = NULL;
    LH_TRY(names_from_json(wanted, arena, &names, &name_count, err));
    if (query->resolve && name_count > 0)
        LH_TRY(query->resolve(query->resolve_ctx, names, name_count, arena, &bindings, &count, &suggestions, err));
    json_t *list = bindings_to_json(wanted, bindings, count);
    json_object_set_new(ret_answer, "bindings", list);
    if (suggestions)
        json_object_set_new(ret_answer, "suggestions", json_string(suggestions));
    if (query->resolve && json_is_true(json_object_get(need, "all"))) {
        LH_TRY(query->resolve(query->resolve_ctx, NULL, 0, arena, &all, &all_count, &suggestions, err));
        LH_AUTO(json) json_t *more = bindings_to_json(wanted, all, all_count);
        json_array_extend(list, more);
    }
    return LH_OK;
}

/* *ret_retired: the resolver brought in a folder (a bucket that another server added) which this worker may not read. */
static enum lh_code answer_need(struct engine_result *r, const struct engine_query *query, const struct frame *frame,
                                bool *ret_retired, struct lh_err *err) {
    LH_AUTO(json) json_t *need = NULL;
    LH_AUTO(json) json_t *answer = json_object();
    struct lh_err refusal = LH_ERR_INIT;
    enum lh_code code = frame_json(frame, &need, &refusal);
    if (code == LH_OK)
        code = resolve(query, need, r->arena, answer, &refusal);
    *ret_retired = pool_is_outdated(r->request.engine, r->request.worker);
    if (*ret_retired)
        return LH_OK;
    if (code != LH_OK) {
        json_object_clear(answer);
        json_object_set_new(answer, "error", wire_error_to_json(&refusal));
    }
    code = frame_send_json(&r->request.worker->channel, FRAME_BIND, answer, -1, &r->request.wait, err);
    return code == LH_OK ? LH_OK : worker_call_lost(&r->request, err);
}

/* ---- start ---- */

static enum lh_code query_to_json(const struct engine_query *query, int64_t id, json_t **ret_body, struct lh_err *err) {
    LH_AUTO(json) json_t *body = json_object();
    if (json_object_set_new(body, "sql", json_string(query->sql)) != 0)
        return lh_fail(err, LH_SQL, "the statement is not valid UTF-8");
    json_object_set_new(body, "id", json_integer(id));
    json_object_set_new(body, "format", json_string(engine_format_name(query->format)));
    json_object_set_new(body, "epoch", json_integer((json_int_t)query->epoch));
    if (query->row_limit <= INT64_MAX)
        json_object_set_new(body, "row_limit", json_integer((json_int_t)query->row_limit));
    if (query->bind_only)
        json_object_set_new(body, "bind_only", json_true());
    if (query->params)
        json_object_set(body, "params", (json_t *)(uintptr_t)query->params);
    *ret_body = LH_STEAL(body);
    return LH_OK;
}

/* Send the request and answer the worker's questions until it has started.  *ret_retired: another has to take it. */
static enum lh_code start_on_worker(struct engine_result *r, const struct engine_query *query, const json_t *body,
                                    bool *ret_retired, struct lh_err *err) {
    struct worker_call *request = &r->request;
    if (frame_send_json(&request->worker->channel, FRAME_QUERY, body, -1, &request->wait, err) != LH_OK)
        return worker_call_lost(request, err);
    for (;;) {
        struct frame frame;
        LH_TRY(worker_call_receive(request, &frame, err));
        switch (frame.type) {
        case FRAME_NEED:
            LH_TRY(answer_need(r, query, &frame, ret_retired, err));
            if (*ret_retired)
                return LH_OK;
            break;
        case FRAME_RETIRED: *ret_retired = true; return LH_OK;
        case FRAME_START: {
            LH_AUTO(json) json_t *start = NULL;
            if (frame_json(&frame, &start, err) != LH_OK || !json_is_array(json_object_get(start, "columns")))
                return worker_call_lost(request, err);
            r->columns = json_incref(json_object_get(start, "columns"));
            return LH_OK;
        }
        default: return worker_call_lost(request, err);
        }
    }
}

/* The statement failed and its worker is given back: was it for the resolver to do something first? */
static enum lh_code start_later(struct engine_result *r, const struct engine_query *query, struct lh_err *err) {
    bool again = false;
    if (!query->resolve_later || err->code != LH_BUSY)
        return err->code;
    LH_TRY(query->resolve_later(query->resolve_ctx, &again, err));
    if (!again)
        return err->code;
    *err = (struct lh_err)LH_ERR_INIT;
    return pool_lease(r->request.engine, r->request.wait.deadline_ns, r->request.wait.cancel_fd, &r->request.worker,
                      err);
}

static enum lh_code start(struct engine_result *r, const struct engine_query *query, struct lh_err *err) {
    struct engine *e = r->request.engine;
    LH_AUTO(json) json_t *body = NULL;
    LH_TRY(query_to_json(query, r->request.id, &body, err));
    LH_TRY(pool_lease(e, r->request.wait.deadline_ns, r->request.wait.cancel_fd, &r->request.worker, err));
    if (LH_FAULT("engine.before_request", err) != LH_OK) {
        pool_return(e, r->request.worker, true);
        r->request.worker = NULL;
        return err->code;
    }
    for (unsigned tries = 0; tries < START_TRIES; tries++) {
        bool retired = false;
        if (start_on_worker(r, query, body, &retired, err) != LH_OK)
            LH_TRY(start_later(r, query, err));
        else if (retired)
            LH_TRY(pool_exchange(e, &r->request.worker, err));
        else
            return LH_OK;
    }
    pool_return(e, r->request.worker, false);
    r->request.worker = NULL;
    return lh_fail(err, LH_UNAVAILABLE, "no query process took the statement");
}

static const char *outcome(enum lh_code code) {
    switch (code) {
    case LH_OK: return "ok";
    case LH_CANCELLED: return "cancelled";
    case LH_TIMEOUT: return "timeout";
    case LH_BUSY: return "refused";
    case LH_CRASH: return "crash";
    default: return "error";
    }
}

static void count_outcome(struct engine_result *r, enum lh_code code) {
    struct lh_metrics *m = r->request.engine->metrics;
    if (!m)
        return;
    lh_metric_add(m, LH_METRIC_queries_total, lh_metric_label(LH_METRIC_queries_total, outcome(code)), 1);
    lh_metric_observe_us(m, LH_METRIC_query_seconds, (os_monotonic_ns(r->request.engine->os) - r->started_ns) / 1000);
    lh_metric_add(m, LH_METRIC_query_rows_total, 0, r->stats.row_count);
}

static void result_free(struct engine_result *r) {
    json_decref(r->columns);
    json_decref(r->reads);
    arena_free(r->arena);
    lh_free(r);
}

enum lh_code engine_query_start(struct engine *e, const struct engine_query *query, struct engine_result **ret_result,
                                struct lh_err *err) {
    struct engine_result *r = lh_calloc(1, sizeof *r);
    r->arena = arena_new();
    r->started_ns = query->since_ns ? query->since_ns : os_monotonic_ns(e->os);
    r->request = (struct worker_call){
        .engine = e,
        .id = (int64_t)atomic_fetch_add(&e->next_request, 1) + 1,
        .wait = {r->started_ns + query->timeout_ms * 1000000, query->cancel_fd},
        .timeout_ms = query->timeout_ms,
    };
    atomic_fetch_add(&e->requests, 1);
    enum lh_code code = start(r, query, err);
    if (code != LH_OK) {
        count_outcome(r, code);
        result_free(r);
        return code;
    }
    *ret_result = r;
    return LH_OK;
}

/* ---- reading ---- */

const json_t *engine_result_columns(const struct engine_result *r) {
    return r->columns;
}

const json_t *engine_result_reads(const struct engine_result *r) {
    return r->reads;
}

static void take_end(struct engine_result *r, const json_t *end) {
    r->stats.row_count = (uint64_t)json_integer_value(json_object_get(end, "row_count"));
    r->stats.truncated = json_is_true(json_object_get(end, "truncated"));
    r->stats.elapsed_ms = json_number_value(json_object_get(end, "elapsed_ms"));
    r->reads = json_incref(json_object_get(end, "reads"));
    r->ended = true;
    worker_call_finish(&r->request, end);
    count_outcome(r, LH_OK);
}

enum lh_code engine_result_read(struct engine_result *r, const void **ret_data, size_t *ret_len, struct lh_err *err) {
    if (r->ended) {
        *ret_len = 0;
        return LH_OK;
    }
    if (!r->request.worker)
        return lh_fail(err, LH_INTERNAL, "this result has failed already");
    struct frame frame;
    LH_AUTO(json) json_t *end = NULL;
    enum lh_code code = worker_call_receive(&r->request, &frame, err);
    if (code == LH_OK && frame.type == FRAME_DATA && frame.len > 0) {
        *ret_data = frame.data;
        *ret_len = frame.len;
        return LH_OK;
    }
    if (code == LH_OK && (frame.type != FRAME_END || frame_json(&frame, &end, err) != LH_OK))
        code = worker_call_lost(&r->request, err);
    if (code != LH_OK) {
        count_outcome(r, code);
        return code;
    }
    take_end(r, end);
    *ret_len = 0;
    return LH_OK;
}

void engine_result_stats(const struct engine_result *r, struct engine_result_stats *ret_stats) {
    *ret_stats = r->stats;
}

void engine_result_close(struct engine_result *r) {
    if (!r)
        return;
    if (r->request.worker) {
        int64_t grace_ms = r->request.engine->config.cancel_grace_ms;
        worker_call_cancel(&r->request, grace_ms < CLOSE_GRACE_MS ? grace_ms : CLOSE_GRACE_MS);
        count_outcome(r, LH_CANCELLED);
    }
    result_free(r);
}
