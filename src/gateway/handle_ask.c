/* Questions answered from an index (ask/ask.h). */
#include "gateway/request.h"
#include "gateway/routes.h"

#include "ai/ai.h"
#include "ask/ask.h"
#include "base/cleanup.h"
#include "gateway/ai_request.h"
#include "gateway/event_stream.h"
#include "lakehouse/lakehouse.h"
#include "os/clock.h"

#include <string.h>

struct telling {
    struct event_stream events;
    struct lh_err err; /* why a piece could not be sent */
    bool failed;
};

static bool tell_piece(void *self, const char *text, size_t len) {
    struct telling *t = self;
    LH_AUTO(json) json_t *event = json_pack("{s:s%}", "text", text, len);
    t->failed = event_stream_send(&t->events, event, &t->err) != LH_OK;
    return !t->failed;
}

static double ms_since(struct request *rq, int64_t *from_ns) {
    int64_t now = os_monotonic_ns(request_lakehouse(rq)->os), from = *from_ns;
    *from_ns = now;
    return (double)(now - from) / 1e6;
}

static enum lh_code end_stream(struct telling *t, json_t *said, struct lh_err *err) {
    json_object_set_new(said, "done", json_true());
    LH_TRY(event_stream_send(&t->events, said, err));
    return event_stream_end(&t->events, err);
}

enum lh_code handle_ask(struct request *rq, struct lh_err *err) {
    static const char *const fields[] = {ASK_FIELDS, "question", "max_tokens", "temperature",
                                         "top_p",    "seed",     "stop",       NULL};
    const struct lakehouse *lh = request_lakehouse(rq);
    json_t *body;
    const char *question, *model;
    const struct ai_provider *provider;
    struct ai_chat_request sampling = {0};
    struct telling telling = {.events = {.rq = rq}};
    int64_t clock_ns = os_monotonic_ns(lh->os);
    LH_AUTO(ask) struct ask ask = {0};
    LH_AUTO(answer) struct answer answer = {0};
    LH_TRY(request_body_json(rq, &body, err));
    LH_TRY(lh_json_only_keys(body, "", fields, err));
    LH_TRY(lh_json_get_string(body, "", "question", &question, err));
    LH_TRY(ai_request_sampling(rq, body, &sampling, err));
    const struct ask_place place = {lh->ai, lh->indexes, lh->profiles};
    LH_TRY(ask_read(&place, body, question, &ask, err));
    LH_TRY(ask_generator(&place, &ask, &provider, &model, err));
    LH_TRY(ask_search(&place, &ask, request_cancel_fd(rq), err));

    LH_AUTO(json) json_t *found = ask_passages_json(&ask);
    json_object_set_new(found, "generator", provider ? json_string(ai_public_name(rq, provider, model)) : json_null());
    json_object_set_new(found, "search_ms", json_real(ms_since(rq, &clock_ns)));
    bool streams = event_stream_wanted(rq);
    if (streams)
        LH_TRY(event_stream_send(&telling.events, found, err));
    else
        response_problem_members(rq, found);
    const struct ask_style style = {.sampling = &sampling,
                                    .on_text = streams ? tell_piece : NULL,
                                    .self = &telling,
                                    .cancel_fd = request_cancel_fd(rq),
                                    .deadline_ns = ai_request_deadline(rq)};
    enum lh_code code = ask_answer(&ask, provider, model, &style, &answer, err);
    if (telling.failed)
        *err = telling.err;
    if (code != LH_OK)
        return event_stream_fail(&telling.events, err);
    LH_AUTO(json) json_t *said = ask_answer_json(&ask, provider, &answer);
    json_object_set_new(said, "answer_ms", json_real(ms_since(rq, &clock_ns)));
    if (streams)
        return end_stream(&telling, said, err);
    json_object_update(said, found);
    return response_json(rq, 200, said, err);
}
