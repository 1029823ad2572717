#include "ai/openai.h"

#include "base/alloc.h"
#include "base/cleanup.h"

#include <math.h>
#include <string.h>

/* ---- /embeddings ---- */

static json_t *embed_body(const struct remote_provider *p, const char *model, json_t *input, unsigned dims) {
    (void)p;
    json_t *body = json_pack("{s:s, s:o, s:s}", "model", model, "input", input, "encoding_format", "float");
    if (dims)
        json_object_set_new(body, "dimensions", json_integer(dims));
    return body;
}

/* Each item says whose vector it is; mostly they come in order. */
static const json_t *embed_row(const json_t *answer, size_t i) {
    const json_t *data = json_object_get(answer, "data");
    for (size_t k = 0; k < json_array_size(data); k++) {
        const json_t *item = json_array_get(data, (i + k) % json_array_size(data));
        const json_t *index = json_object_get(item, "index");
        if (json_is_integer(index) && json_integer_value(index) == (json_int_t)i)
            return json_object_get(item, "embedding");
    }
    return NULL;
}

static uint64_t embed_tokens(const json_t *answer) {
    return json_count(json_object_get(answer, "usage"), "prompt_tokens");
}

static const struct embed_shape embed_shape = {"/embeddings", embed_body, embed_row, embed_tokens};

static enum lh_code openai_embed(void *self, const struct ai_embed_request *request, struct ai_vectors *ret,
                                 struct lh_err *err) {
    return remote_provider_embed(self, &embed_shape, request, ret, err);
}

/* ---- /chat/completions ---- */

static void set_options(json_t *body, const struct ai_chat_request *r) {
    if (r->temperature >= 0)
        json_object_set_new(body, "temperature", json_real(r->temperature));
    if (r->top_p > 0)
        json_object_set_new(body, "top_p", json_real(r->top_p));
    if (r->max_tokens > 0)
        json_object_set_new(body, "max_tokens", json_integer(r->max_tokens));
    if (r->seed >= 0)
        json_object_set_new(body, "seed", json_integer(r->seed));
    if (r->json)
        json_object_set_new(body, "response_format", json_pack("{s:s}", "type", "json_object"));
    if (r->stop_count > 0) {
        json_t *stops = json_array();
        for (size_t i = 0; i < r->stop_count; i++)
            json_array_append_new(stops, json_string(r->stops[i]));
        json_object_set_new(body, "stop", stops);
    }
}

/* "data: {...}" with the next piece, "data: [DONE]"; comments and other fields of an event stream do not matter. */
static bool on_chat_line(void *self, const char *line, size_t len) {
    struct chat_stream *s = self;
    if (len < 5 || memcmp(line, "data:", 5) != 0)
        return true;
    line += 5;
    len -= 5;
    if (len > 0 && *line == ' ') {
        line++;
        len--;
    }
    if (strcmp(line, "[DONE]") == 0) {
        s->done = true;
        return true;
    }
    LH_AUTO(json) json_t *value = chat_line(s, line, len);
    if (!value)
        return false;
    const json_t *choice = json_array_get(json_object_get(value, "choices"), 0);
    const char *reason = json_string_value(json_object_get(choice, "finish_reason"));
    const json_t *usage = json_object_get(value, "usage");
    if (usage) {
        s->answer->prompt_tokens = json_count(usage, "prompt_tokens");
        s->answer->answer_tokens = json_count(usage, "completion_tokens");
    }
    bool go_on = chat_piece(s, json_object_get(json_object_get(choice, "delta"), "content"));
    if (reason)
        chat_finish(s, reason);
    return go_on;
}

static enum lh_code openai_chat(void *self, const struct ai_chat_request *request, struct ai_answer *ret,
                                struct lh_err *err) {
    struct remote_provider *p = self;
    struct chat_stream stream = {.provider = p, .request = request, .answer = ret};
    const char *model;
    LH_TRY(remote_provider_model(p, request->model, p->options.generate_model, "generate_model", &model, err));
    LH_AUTO(json)
    json_t *body = json_pack("{s:s, s:o, s:b, s:{s:b}}", "model", model, "messages", chat_messages(request), "stream",
                             1, "stream_options", "include_usage", 1);
    set_options(body, request);
    ret->model = lh_strdup(model);
    return chat_send(&stream, "/chat/completions", body, on_chat_line, err);
}

/* ---- /rerank ---- */

/* Not OpenAI's own, but what vLLM, llama.cpp and others with its protocol have beside it. */
static enum lh_code openai_rerank(void *self, const struct ai_rerank_request *request, double *ret_scores,
                                  struct lh_err *err) {
    struct remote_provider *p = self;
    LH_AUTO(json) json_t *texts = json_array();
    LH_AUTO(json) json_t *answer = NULL;
    LH_AUTO(mem) bool *told = lh_calloc(request->count + 1, sizeof *told);
    const char *model;
    size_t i, count = 0;
    json_t *item;
    LH_TRY(remote_provider_model(p, request->model, "", "generate_model", &model, err));
    for (i = 0; i < request->count; i++)
        json_array_append_new(texts, json_stringn(request->texts[i].data, request->texts[i].len));
    LH_AUTO(json)
    json_t *body = json_pack("{s:s, s:s%, s:O, s:i}", "model", model, "query", request->query.data, request->query.len,
                             "documents", texts, "top_n", (int)request->count);
    const struct remote_call call = {.path = "/rerank",
                                     .body = body,
                                     .repeatable = true,
                                     .optional = true,
                                     .cancel_fd = request->cancel_fd,
                                     .deadline_ns = request->deadline_ns};
    LH_TRY(remote_ask(p->remote, &call, &answer, err));
    json_array_foreach(json_object_get(answer, "results"), i, item) {
        const json_t *index = json_object_get(item, "index"), *score = json_object_get(item, "relevance_score");
        size_t at = json_is_integer(index) && json_integer_value(index) >= 0 ? (size_t)json_integer_value(index)
                                                                             : request->count;
        if (at >= request->count || told[at] || !json_is_number(score) || !isfinite(json_number_value(score)))
            return remote_nonsense(p->remote, err, "result %zu of its reranking is none", i + 1);
        told[at] = true;
        ret_scores[at] = json_number_value(score);
        count++;
    }
    if (count != request->count)
        return remote_nonsense(p->remote, err, "it ranked %zu of %zu texts", count, request->count);
    return LH_OK;
}

/* ---- /models ---- */

static enum lh_code openai_models(void *self, int cancel_fd, struct ai_models *ret, struct lh_err *err) {
    struct remote_provider *p = self;
    LH_AUTO(json) json_t *answer = NULL;
    size_t i;
    json_t *item;
    const struct remote_call call = {.path = "/models", .repeatable = true, .cancel_fd = cancel_fd};
    LH_TRY(remote_ask(p->remote, &call, &answer, err));
    const json_t *list = json_object_get(answer, "data");
    ret->items = lh_calloc(json_array_size(list) + 1, sizeof *ret->items);
    json_array_foreach(list, i, item) {
        const char *name = json_string_value(json_object_get(item, "id"));
        if (name)
            ret->items[ret->count++] = (struct ai_model){.name = lh_strdup(name)};
    }
    return LH_OK;
}

static enum lh_code openai_health(void *self, int cancel_fd, struct lh_err *err) {
    struct remote_provider *p = self;
    LH_AUTO(json) json_t *answer = NULL;
    const struct remote_call call = {.path = "/models", .repeatable = true, .probe = true, .cancel_fd = cancel_fd};
    return remote_ask(p->remote, &call, &answer, err);
}

static const struct ai_provider_ops openai_ops = {
    .kind = AI_OPENAI,
    .embed = openai_embed,
    .chat = openai_chat,
    .rerank = openai_rerank,
    .models = openai_models,
    .health = openai_health,
    .state = remote_provider_state,
    .free = remote_provider_free,
};

enum lh_code ai_openai_new(const struct remote_provider_options *options, struct ai_provider **ret_provider,
                           struct lh_err *err) {
    return remote_provider_new(options, &openai_ops, AI_CAN_EMBED | AI_CAN_GENERATE | AI_CAN_RERANK, ret_provider, err);
}
