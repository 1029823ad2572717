#include "gateway/ai_request.h"

#include "ai/ai.h"
#include "base/arena.h"
#include "gateway/request.h"
#include "lakehouse/lakehouse.h"

#include <stdio.h>
#include <string.h>

#define MAX_STOPS 16

int64_t ai_request_deadline(struct request *rq) {
    int64_t deadline = request_deadline_ns(rq);
    return deadline == INT64_MAX ? 0 : deadline;
}

enum lh_code ai_request_texts(struct request *rq, const json_t *texts, const char *field,
                              struct ai_embed_request *embed, struct lh_err *err) {
    size_t count = json_array_size(texts);
    if (count < 1 || count > AI_MAX_TEXTS)
        return lh_fail(err, LH_INVALID, "%s must hold 1 to %d texts, not %zu", field, AI_MAX_TEXTS, count);
    struct ai_text *items = arena_alloc(request_arena(rq), count * sizeof *items);
    for (size_t i = 0; i < count; i++) {
        const json_t *text = json_array_get(texts, i);
        if (!json_is_string(text)) {
            lh_ignore(lh_fail(err, LH_INVALID, "%s[%zu] must be a text", field, i));
            return json_is_integer(text) || json_is_array(text)
                       ? lh_err_hint(err, "send words, not the numbers of a tokenizer")
                       : err->code;
        }
        items[i] = (struct ai_text){json_string_value(text), json_string_length(text)};
    }
    embed->texts = items;
    embed->count = count;
    return LH_OK;
}

enum lh_code ai_request_embed(struct request *rq, const json_t *body, struct ai_embed_request *embed,
                              const struct ai_provider **ret_provider, struct ai_vectors *ret_vectors,
                              struct lh_err *err) {
    const char *name;
    int64_t dims;
    LH_TRY(lh_json_get_string_or(body, "", "model", NULL, &name, err));
    LH_TRY(lh_json_get_int_or(body, "", "dimensions", 0, &dims, err));
    if (dims < 0 || dims > AI_MAX_DIMS)
        return lh_fail(err, LH_INVALID, "dimensions must be 1 to %u", AI_MAX_DIMS);
    LH_TRY(ai_resolve(request_lakehouse(rq)->ai, name, AI_CAN_EMBED, ret_provider, &embed->model, err));
    embed->dims = (unsigned)dims;
    embed->cancel_fd = request_cancel_fd(rq);
    embed->deadline_ns = ai_request_deadline(rq);
    return ai_provider_embed(*ret_provider, embed, ret_vectors, err);
}

const char *ai_public_name(struct request *rq, const struct ai_provider *p, const char *model) {
    return p->address[0] ? arena_printf(request_arena(rq), "%s/%s", p->name, model) : model;
}

void ai_append_vector(const float *vector, unsigned dims, struct buf *out) {
    for (unsigned i = 0; i < dims; i++) {
        char text[24];
        int len = snprintf(text, sizeof text, "%s%.9g", i > 0 ? "," : "", (double)vector[i]);
        buf_append(out, text, (size_t)len);
    }
}

static enum lh_code read_stops(struct request *rq, const json_t *stop, struct ai_chat_request *chat,
                               struct lh_err *err) {
    size_t count = json_is_string(stop) ? 1 : json_array_size(stop);
    if (!stop || json_is_null(stop))
        return LH_OK;
    const char **stops = arena_alloc(request_arena(rq), (count + 1) * sizeof *stops);
    for (size_t i = 0; i < count; i++)
        stops[i] = json_string_value(json_is_string(stop) ? stop : json_array_get(stop, i));
    for (size_t i = 0; i < count; i++)
        if (!stops[i])
            count = 0;
    if (count < 1 || count > MAX_STOPS)
        return lh_fail(err, LH_INVALID, "stop must be a text or an array of 1 to %d texts", MAX_STOPS);
    chat->stops = stops;
    chat->stop_count = count;
    return LH_OK;
}

enum lh_code ai_request_sampling(struct request *rq, const json_t *body, struct ai_chat_request *chat,
                                 struct lh_err *err) {
    LH_TRY(lh_json_get_double_or(body, "", "temperature", -1, &chat->temperature, err));
    LH_TRY(lh_json_get_double_or(body, "", "top_p", 0, &chat->top_p, err));
    LH_TRY(lh_json_get_int_or(body, "", "max_tokens", 0, &chat->max_tokens, err));
    LH_TRY(lh_json_get_int_or(body, "", "seed", -1, &chat->seed, err));
    if (json_object_get(body, "temperature") && !json_is_null(json_object_get(body, "temperature")) &&
        (chat->temperature < 0 || chat->temperature > 10))
        return lh_fail(err, LH_INVALID, "temperature must be 0 to 10");
    if (chat->top_p < 0 || chat->top_p > 1)
        return lh_fail(err, LH_INVALID, "top_p must be above 0, to 1");
    if (chat->max_tokens < 0 || chat->max_tokens > 1000000)
        return lh_fail(err, LH_INVALID, "max_tokens must be 1 to 1000000");
    return read_stops(rq, json_object_get(body, "stop"), chat, err);
}

enum lh_code ai_request_chat(struct request *rq, const json_t *body, struct ai_chat_request *chat,
                             const struct ai_provider **ret_provider, struct ai_answer *ret_answer,
                             struct lh_err *err) {
    const char *name;
    LH_TRY(lh_json_get_string_or(body, "", "model", NULL, &name, err));
    LH_TRY(ai_resolve(request_lakehouse(rq)->ai, name, AI_CAN_GENERATE, ret_provider, &chat->model, err));
    chat->cancel_fd = request_cancel_fd(rq);
    chat->deadline_ns = ai_request_deadline(rq);
    return ai_provider_chat(*ret_provider, chat, ret_answer, err);
}
