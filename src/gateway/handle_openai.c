/* Embeddings, chat completions and models in OpenAI's shapes (its API reference), so that its clients work with this server
 * as their base URL.  Errors of these routes bear the member `error` that such clients read (problem.c). */
#include "gateway/request.h"
#include "gateway/routes.h"

#include "ai/ai.h"
#include "ai/chunk.h"
#include "base/arena.h"
#include "base/cleanup.h"
#include "base/hash.h"
#include "gateway/ai_request.h"
#include "gateway/event_stream.h"
#include "lakehouse/lakehouse.h"
#include "os/clock.h"
#include "os/ids.h"

#include <string.h>

/* ---- embeddings ---- */

/* "input" is a text or an array of texts. */
static enum lh_code read_input(struct request *rq, const json_t *body, struct ai_embed_request *embed,
                               struct lh_err *err) {
    json_t *input = json_object_get(body, "input");
    if (!json_is_string(input) && !json_is_array(input))
        return lh_fail(err, LH_INVALID, "input must be a text or an array of texts");
    LH_AUTO(json) json_t *list = json_is_string(input) ? json_pack("[O]", input) : json_incref(input);
    return ai_request_texts(rq, list, "input", embed, err);
}

static uint64_t tokens_of(const struct ai_embed_request *embed, const struct ai_vectors *vectors) {
    uint64_t tokens = vectors->tokens;
    for (size_t i = 0; vectors->tokens == 0 && i < embed->count; i++)
        tokens += chunk_estimate_tokens(embed->texts[i].data, embed->texts[i].len);
    return tokens;
}

/* The name by which a client can ask for it again: "lexical-1", "ollama/nomic-embed-text". */
static const char *public_name(struct request *rq, const struct ai_provider *p, const char *model) {
    return p->address[0] ? arena_printf(request_arena(rq), "%s/%s", p->name, model) : model;
}

enum lh_code handle_openai_embeddings(struct request *rq, struct lh_err *err) {
    json_t *body;
    const char *format;
    struct ai_embed_request embed = {0};
    const struct ai_provider *provider;
    LH_AUTO(ai_vectors) struct ai_vectors vectors = {0};
    LH_TRY(request_body_json(rq, &body, err));
    LH_TRY(lh_json_get_string_or(body, "", "encoding_format", "float", &format, err));
    bool base64 = strcmp(format, "base64") == 0;
    if (!base64 && strcmp(format, "float") != 0)
        return lh_fail(err, LH_INVALID, "encoding_format must be \"float\" or \"base64\", not \"%.40s\"", format);
    LH_TRY(read_input(rq, body, &embed, err));
    LH_TRY(ai_request_embed(rq, body, &embed, &provider, &vectors, err));
    LH_AUTO(buf) struct buf out = BUF_INIT;
    buf_append_str(&out, "{\"object\":\"list\",\"data\":[");
    LH_TRY(response_begin(rq, 200, "application/json", -1, err));
    for (size_t i = 0; i < vectors.count; i++) {
        const float *row = vectors.data + i * vectors.dims;
        buf_printf(&out, "%s{\"object\":\"embedding\",\"index\":%zu,\"embedding\":%c", i > 0 ? "," : "", i,
                   base64 ? '"' : '[');
        if (base64)
            lh_base64_encode(row, vectors.dims * sizeof *row, &out);
        else
            ai_append_vector(row, vectors.dims, &out);
        buf_append_str(&out, base64 ? "\"}" : "]}");
        LH_TRY(response_write(rq, out.data, out.len, err));
        buf_reset(&out);
    }
    const char *model = public_name(rq, provider, vectors.model);
    unsigned long long tokens = tokens_of(&embed, &vectors);
    buf_append_str(&out, "],\"model\":");
    buf_append_json_string(&out, model, strlen(model));
    buf_printf(&out, ",\"usage\":{\"prompt_tokens\":%llu,\"total_tokens\":%llu}}\n", tokens, tokens);
    LH_TRY(response_write(rq, out.data, out.len, err));
    return response_end(rq, err);
}

/* ---- chat completions: the request ---- */

/* A member that changes the answer in a way that is not supported must be absent or say nothing. */
static enum lh_code refuse_unsupported(const json_t *body, struct lh_err *err) {
    static const char *const names[] = {
        "tools", "functions",  "tool_choice",      "function_call",     "logprobs",   "top_logprobs",
        "audio", "prediction", "presence_penalty", "frequency_penalty", "logit_bias", "web_search_options"};
    for (size_t i = 0; i < LH_ARRAY_LEN(names); i++) {
        const json_t *v = json_object_get(body, names[i]);
        bool says_nothing =
            !v || json_is_null(v) || json_is_false(v) || (json_is_number(v) && json_number_value(v) == 0) ||
            (json_is_array(v) && json_array_size(v) == 0) || (json_is_object(v) && json_object_size(v) == 0) ||
            (json_is_string(v) && strcmp(json_string_value(v), "none") == 0);
        if (!says_nothing)
            return lh_fail(err, LH_INVALID, "\"%s\" is not supported here", names[i]);
    }
    const json_t *n = json_object_get(body, "n");
    if (n && !json_is_null(n) && json_integer_value(n) != 1)
        return lh_fail(err, LH_INVALID, "n must be 1: there is one answer to a question");
    return LH_OK;
}

/* A text, or an array of parts of which each is a text. */
static enum lh_code read_content(struct request *rq, const json_t *content, const char *where, const char **ret_text,
                                 struct lh_err *err) {
    LH_AUTO(buf) struct buf text = BUF_INIT;
    size_t i;
    json_t *part;
    if (json_is_string(content)) {
        *ret_text = json_string_value(content);
        return LH_OK;
    }
    if (!json_is_array(content))
        return lh_fail(err, LH_INVALID, "%s.content must be a text or an array of parts", where);
    json_array_foreach(content, i, part) {
        const char *type = json_string_value(json_object_get(part, "type"));
        const char *words = json_string_value(json_object_get(part, "text"));
        if (!type || strcmp(type, "text") != 0 || !words)
            return lh_fail(err, LH_INVALID, "%s.content[%zu] must be {\"type\": \"text\", \"text\": ...}", where, i);
        buf_append_str(&text, words);
    }
    *ret_text = arena_strdup(request_arena(rq), buf_cstr(&text));
    return LH_OK;
}

static enum lh_code read_messages(struct request *rq, const json_t *body, struct ai_chat_request *chat,
                                  struct lh_err *err) {
    json_t *list;
    LH_TRY(lh_json_get_array(body, "", "messages", &list, err));
    size_t count = json_array_size(list);
    struct ai_message *messages = arena_alloc(request_arena(rq), (count + 1) * sizeof *messages);
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(list, i);
        const char *where = arena_printf(request_arena(rq), "messages[%zu]", i);
        LH_TRY(lh_json_get_string(item, where, "role", &messages[i].role, err));
        if (strcmp(messages[i].role, "developer") == 0) /* the newer name of it */
            messages[i].role = "system";
        LH_TRY(read_content(rq, json_object_get(item, "content"), where, &messages[i].text, err));
    }
    chat->messages = messages;
    chat->count = count;
    return LH_OK;
}

static enum lh_code read_format(const json_t *body, struct ai_chat_request *chat, struct lh_err *err) {
    json_t *format;
    const char *type;
    LH_TRY(lh_json_get_object_or_null(body, "", "response_format", &format, err));
    if (!format)
        return LH_OK;
    LH_TRY(lh_json_get_string(format, "response_format", "type", &type, err));
    chat->json = strcmp(type, "json_object") == 0;
    if (!chat->json && strcmp(type, "text") != 0)
        return lh_fail(err, LH_INVALID, "response_format.type must be \"text\" or \"json_object\", not \"%.40s\"",
                       type);
    return LH_OK;
}

/* ---- chat completions: the answer ---- */

struct completion {
    struct event_stream events;
    const char *id;
    const char *model;
    int64_t created_s;
    struct lh_err err; /* why a piece could not be sent */
    bool failed;
};

static json_t *chunk_json(const struct completion *c, json_t *choices) {
    return json_pack("{s:s, s:s, s:I, s:s, s:o}", "id", c->id, "object", "chat.completion.chunk", "created",
                     (json_int_t)c->created_s, "model", c->model, "choices", choices);
}

/* Takes `delta`; `finish` NULL: there is more to come. */
static json_t *delta_json(const struct completion *c, json_t *delta, const char *finish) {
    return chunk_json(c, json_pack("[{s:i, s:o, s:s?}]", "index", 0, "delta", delta, "finish_reason", finish));
}

static bool send_piece(void *self, const char *text, size_t len) {
    struct completion *c = self;
    json_t *delta = json_pack("{s:s%}", "content", text, len);
    if (!c->events.begun)
        json_object_set_new(delta, "role", json_string("assistant"));
    LH_AUTO(json) json_t *chunk = delta_json(c, delta, NULL);
    c->failed = event_stream_send(&c->events, chunk, &c->err) != LH_OK;
    return !c->failed;
}

static json_t *usage_json(const struct ai_answer *answer) {
    return json_pack("{s:I, s:I, s:I}", "prompt_tokens", (json_int_t)answer->prompt_tokens, "completion_tokens",
                     (json_int_t)answer->answer_tokens, "total_tokens",
                     (json_int_t)(answer->prompt_tokens + answer->answer_tokens));
}

static const char *finish_name(const struct ai_answer *answer) {
    return answer->finish == AI_FINISH_LENGTH ? "length" : "stop";
}

static enum lh_code end_stream(struct completion *c, const struct ai_answer *answer, bool with_usage,
                               struct lh_err *err) {
    LH_AUTO(json) json_t *last = delta_json(c, json_object(), finish_name(answer));
    LH_TRY(event_stream_send(&c->events, last, err));
    if (with_usage) {
        LH_AUTO(json) json_t *usage = chunk_json(c, json_array());
        json_object_set_new(usage, "usage", usage_json(answer));
        LH_TRY(event_stream_send(&c->events, usage, err));
    }
    LH_TRY(event_stream_send_text(&c->events, "[DONE]", err));
    return event_stream_end(&c->events, err);
}

static enum lh_code answer_whole(struct completion *c, const struct ai_answer *answer, struct lh_err *err) {
    json_t *message = json_pack("{s:s, s:o, s:n}", "role", "assistant", "content",
                                json_stringn(buf_cstr(&answer->text), answer->text.len), "refusal");
    LH_AUTO(json)
    json_t *json =
        json_pack("{s:s, s:s, s:I, s:s, s:[{s:i, s:o, s:n, s:s}], s:o}", "id", c->id, "object", "chat.completion",
                  "created", (json_int_t)c->created_s, "model", c->model, "choices", "index", 0, "message", message,
                  "logprobs", "finish_reason", finish_name(answer), "usage", usage_json(answer));
    return response_json(c->events.rq, 200, json, err);
}

enum lh_code handle_openai_chat(struct request *rq, struct lh_err *err) {
    struct os *os = request_lakehouse(rq)->os;
    json_t *body, *stream_options;
    struct ai_chat_request chat = {0};
    const struct ai_provider *provider = NULL;
    const char *name, *model;
    bool streams, with_usage = false;
    int64_t most;
    LH_AUTO(ai_answer) struct ai_answer answer = {0};
    LH_TRY(request_body_json(rq, &body, err));
    LH_TRY(lh_json_get_string_or(body, "", "model", NULL, &name, err));
    LH_TRY(ai_resolve(request_lakehouse(rq)->ai, name, AI_CAN_GENERATE, &provider, &model, err));
    LH_TRY(lh_json_get_bool_or(body, "", "stream", false, &streams, err));
    LH_TRY(lh_json_get_object_or_null(body, "", "stream_options", &stream_options, err));
    if (stream_options)
        LH_TRY(lh_json_get_bool_or(stream_options, "stream_options", "include_usage", false, &with_usage, err));
    LH_TRY(refuse_unsupported(body, err));
    LH_TRY(read_messages(rq, body, &chat, err));
    LH_TRY(read_format(body, &chat, err));
    LH_TRY(ai_request_sampling(rq, body, &chat, err));
    LH_TRY(lh_json_get_int_or(body, "", "max_completion_tokens", chat.max_tokens, &most, err));
    chat.max_tokens = most;
    char ulid[LH_ULID_SIZE];
    os_ulid_loose(os, ulid);
    struct completion c = {
        .events = {.rq = rq},
        .id = arena_printf(request_arena(rq), "chatcmpl-%s", ulid),
        .model = public_name(rq, provider, model),
        .created_s = os_realtime_us(os) / 1000000,
    };
    if (streams) {
        chat.on_text = send_piece;
        chat.self = &c;
    }
    enum lh_code code = ai_request_chat(rq, body, &chat, &provider, &answer, err);
    if (c.failed)
        *err = c.err;
    if (code != LH_OK)
        return event_stream_fail(&c.events, err);
    return streams ? end_stream(&c, &answer, with_usage, err) : answer_whole(&c, &answer, err);
}

/* ---- models ---- */

/* Those of the providers that answer; /ai/models tells of the others too. */
enum lh_code handle_openai_models(struct request *rq, struct lh_err *err) {
    const struct ai *ai = request_lakehouse(rq)->ai;
    LH_AUTO(json) json_t *data = json_array();
    for (size_t i = 0; i < ai_provider_count(ai); i++) {
        const struct ai_provider *p = ai_provider_at(ai, i);
        LH_AUTO(ai_models) struct ai_models models = {0};
        struct lh_err failure = LH_ERR_INIT;
        if (ai_provider_models(p, request_cancel_fd(rq), &models, &failure) == LH_CANCELLED) {
            *err = failure;
            return err->code;
        }
        for (size_t k = 0; k < models.count; k++)
            json_array_append_new(data,
                                  json_pack("{s:s, s:s, s:i, s:s}", "id", public_name(rq, p, models.items[k].name),
                                            "object", "model", "created", 0, "owned_by", p->name));
    }
    LH_AUTO(json) json_t *answer = json_pack("{s:s, s:O}", "object", "list", "data", data);
    return response_json(rq, 200, answer, err);
}
