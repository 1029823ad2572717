/* Chat completions in OpenAI's shape: by the configured generator, or from an index (ask/ask.h).
 *
 * Who asks an index names the model "lakehouse/INDEX", as /v1/models lists it, and the configured generator writes; or adds the
 * member `lakehouse` with what a search takes, and `model` is who writes ("lakehouse": the configured generator).  The last message is the question; those before it
 * go to the generator as they are.  What the answer rests on stands in the member `lakehouse`, which OpenAI's clients hand
 * through. */
#include "gateway/request.h"
#include "gateway/routes.h"

#include "ai/ai.h"
#include "ask/ask.h"
#include "base/arena.h"
#include "base/attr.h"
#include "base/cleanup.h"
#include "gateway/ai_request.h"
#include "gateway/event_stream.h"
#include "lakehouse/lakehouse.h"
#include "os/clock.h"
#include "os/ids.h"
#include "policy/principal.h"

#include <string.h>

struct question {
    struct ai_chat_request chat;
    const char *model; /* as the client named it, or NULL */
    json_t *retrieval; /* what ask_read takes; NULL: no index is asked */
    bool streams, with_usage;
};

/* ---- the request ---- */

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

/* The index in a model's name: "resumes" of "lakehouse/resumes", "" of "lakehouse"; NULL: another model. */
static const char *index_of_model(const char *model) {
    const size_t prefix = sizeof AI_INDEX_PREFIX - 1; /* with its slash */
    if (!model || strncmp(model, AI_INDEX_PREFIX, prefix - 1) != 0)
        return NULL;
    return model[prefix - 1] == '/' ? model + prefix : model[prefix - 1] == '\0' ? "" : NULL;
}

/* The index and its options, from either way to name them; *ret NULL: it is asked of a model alone. */
static enum lh_code read_retrieval(const json_t *body, const char *model, json_t **ret, struct lh_err *err) {
    static const char *const fields[] = {ASK_FIELDS, NULL};
    json_t *given;
    const char *named = NULL, *of_model = index_of_model(model);
    LH_TRY(lh_json_get_object_or_null(body, "", "lakehouse", &given, err));
    if (!given && !of_model)
        return LH_OK;
    if (given) {
        LH_TRY(lh_json_only_keys(given, "lakehouse", fields, err));
        LH_TRY(lh_json_get_string_or(given, "lakehouse", "index", NULL, &named, err));
    }
    if (of_model && of_model[0] && named && strcmp(of_model, named) != 0)
        return lh_fail(err, LH_INVALID, "model names the index \"%.80s\", lakehouse.index \"%.80s\"", of_model, named);
    json_t *options = given ? json_copy(given) : json_object();
    if (of_model && of_model[0])
        json_object_set_new(options, "index", json_string(of_model));
    else if (model && !of_model && !json_object_get(options, "model"))
        json_object_set_new(options, "model", json_string(model));
    *ret = options;
    return LH_OK;
}

static enum lh_code read_question(struct request *rq, struct question *q, struct lh_err *err) {
    json_t *body, *stream_options;
    LH_TRY(request_body_json(rq, &body, err));
    LH_TRY(lh_json_get_string_or(body, "", "model", NULL, &q->model, err));
    LH_TRY(lh_json_get_bool_or(body, "", "stream", false, &q->streams, err));
    LH_TRY(lh_json_get_object_or_null(body, "", "stream_options", &stream_options, err));
    if (stream_options)
        LH_TRY(lh_json_get_bool_or(stream_options, "stream_options", "include_usage", false, &q->with_usage, err));
    LH_TRY(refuse_unsupported(body, err));
    LH_TRY(read_messages(rq, body, &q->chat, err));
    LH_TRY(read_format(body, &q->chat, err));
    LH_TRY(ai_request_sampling(rq, body, &q->chat, err));
    LH_TRY(lh_json_get_int_or(body, "", "max_completion_tokens", q->chat.max_tokens, &q->chat.max_tokens, err));
    q->chat.cancel_fd = request_cancel_fd(rq);
    q->chat.deadline_ns = ai_request_deadline(rq);
    return read_retrieval(body, q->model, &q->retrieval, err);
}

/* ---- the answer ---- */

struct completion {
    struct event_stream events;
    const char *id;
    const char *model;
    int64_t created_s;
    bool streams, with_usage;
    struct lh_err err; /* why a piece could not be sent */
    bool failed;
};

/* What was said, by whomever. */
struct said {
    const struct buf *text;
    enum ai_finish finish;
    uint64_t prompt_tokens, answer_tokens;
    json_t *sources; /* NULL: none */
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

static json_t *usage_json(const struct said *said) {
    return json_pack("{s:I, s:I, s:I}", "prompt_tokens", (json_int_t)said->prompt_tokens, "completion_tokens",
                     (json_int_t)said->answer_tokens, "total_tokens",
                     (json_int_t)(said->prompt_tokens + said->answer_tokens));
}

static const char *finish_name(const struct said *said) {
    return said->finish == AI_FINISH_LENGTH ? "length" : "stop";
}

static enum lh_code end_stream(struct completion *c, const struct said *said, struct lh_err *err) {
    LH_AUTO(json) json_t *last = delta_json(c, json_object(), finish_name(said));
    if (said->sources)
        json_object_set(last, "lakehouse", said->sources);
    LH_TRY(event_stream_send(&c->events, last, err));
    if (c->with_usage) {
        LH_AUTO(json) json_t *usage = chunk_json(c, json_array());
        json_object_set_new(usage, "usage", usage_json(said));
        LH_TRY(event_stream_send(&c->events, usage, err));
    }
    LH_TRY(event_stream_send_text(&c->events, "[DONE]", err));
    return event_stream_end(&c->events, err);
}

static enum lh_code answer_whole(struct completion *c, const struct said *said, struct lh_err *err) {
    json_t *message = json_pack("{s:s, s:o, s:n}", "role", "assistant", "content",
                                json_stringn(buf_cstr(said->text), said->text->len), "refusal");
    LH_AUTO(json)
    json_t *json =
        json_pack("{s:s, s:s, s:I, s:s, s:[{s:i, s:o, s:n, s:s}], s:o}", "id", c->id, "object", "chat.completion",
                  "created", (json_int_t)c->created_s, "model", c->model, "choices", "index", 0, "message", message,
                  "logprobs", "finish_reason", finish_name(said), "usage", usage_json(said));
    if (said->sources)
        json_object_set(json, "lakehouse", said->sources);
    return response_json(c->events.rq, 200, json, err);
}

static enum lh_code answer(struct completion *c, const struct said *said, struct lh_err *err) {
    return c->streams ? end_stream(c, said, err) : answer_whole(c, said, err);
}

static enum lh_code fail(struct completion *c, struct lh_err *err) {
    if (c->failed)
        *err = c->err;
    return event_stream_fail(&c->events, err);
}

/* ---- by a model alone ---- */

static enum lh_code answer_by_model(struct completion *c, struct question *q, struct lh_err *err) {
    struct request *rq = c->events.rq;
    const struct ai_provider *provider;
    LH_AUTO(ai_answer) struct ai_answer a = {0};
    LH_TRY(ai_resolve(request_lakehouse(rq)->ai, q->model, AI_CAN_GENERATE, &provider, &q->chat.model, err));
    c->model = ai_public_name(rq, provider, q->chat.model);
    if (c->streams) {
        q->chat.on_text = send_piece;
        q->chat.self = c;
    }
    if (ai_provider_chat(provider, &q->chat, &a, err) != LH_OK)
        return fail(c, err);
    const struct said said = {&a.text, a.finish, a.prompt_tokens, a.answer_tokens, NULL};
    return answer(c, &said, err);
}

/* ---- from an index ---- */

static enum lh_code check_question(struct request *rq, const struct question *q, struct lh_err *err) {
    const struct principal *who = request_principal(rq);
    if (who->role != ROLE_ADMIN) {
        lh_ignore(lh_fail(err, LH_FORBIDDEN, "asking an index needs a key of role admin; this one is of role %s",
                          role_name(who->role)));
        return lh_err_hint(err, "ask an administrator, or for another key: lakehouse key create --role admin");
    }
    if (q->chat.count == 0 || strcmp(q->chat.messages[q->chat.count - 1].role, "user") != 0)
        return lh_fail(err, LH_INVALID, "the last message must be the user's: it is the question");
    if (q->chat.json)
        return lh_fail(err, LH_INVALID, "an answer from an index is text with citations, not a JSON object");
    return LH_OK;
}

/* The passages come first, so that a reader has them while the answer is written. */
static enum lh_code begin_stream(struct completion *c, json_t *found, struct lh_err *err) {
    LH_AUTO(json)
    json_t *first = delta_json(c, json_pack("{s:s, s:s}", "role", "assistant", "content", ""), NULL);
    json_object_set(first, "lakehouse", found);
    return event_stream_send(&c->events, first, err);
}

static enum lh_code answer_from_index(struct completion *c, struct question *q, struct lh_err *err) {
    struct request *rq = c->events.rq;
    const struct lakehouse *lh = request_lakehouse(rq);
    const struct ai_provider *provider;
    const char *model;
    LH_AUTO(ask) struct ask ask = {0};
    LH_AUTO(answer) struct answer a = {0};
    LH_TRY(check_question(rq, q, err));
    const struct ask_place place = {lh->ai, lh->indexes, lh->profiles};
    LH_TRY(ask_read(&place, q->retrieval, q->chat.messages[q->chat.count - 1].text, &ask, err));
    LH_TRY(ask_generator(&place, &ask, &provider, &model, err));
    LH_TRY(ask_search(&place, &ask, q->chat.cancel_fd, err));
    c->model = q->model ? q->model : arena_printf(request_arena(rq), AI_INDEX_PREFIX "%s", ask_index(&ask));
    LH_AUTO(json) json_t *found = ask_passages_json(&ask);
    if (c->streams)
        LH_TRY(begin_stream(c, found, err));
    else
        response_problem_members(rq, found);
    const struct ask_style style = {.history = q->chat.messages,
                                    .history_count = q->chat.count - 1,
                                    .sampling = &q->chat,
                                    .on_text = c->streams ? send_piece : NULL,
                                    .self = c,
                                    .cancel_fd = q->chat.cancel_fd,
                                    .deadline_ns = q->chat.deadline_ns};
    if (ask_answer(&ask, provider, model, &style, &a, err) != LH_OK)
        return fail(c, err);
    LH_AUTO(json) json_t *sources = ask_answer_json(&ask, provider, &a);
    json_object_del(sources, "answer");
    if (!c->streams)
        json_object_update(sources, found);
    const struct said said = {&a.text, a.finish, a.prompt_tokens, a.answer_tokens, sources};
    return answer(c, &said, err);
}

enum lh_code handle_openai_chat(struct request *rq, struct lh_err *err) {
    struct os *os = request_lakehouse(rq)->os;
    struct question q = {0};
    char ulid[LH_ULID_SIZE];
    enum lh_code code = read_question(rq, &q, err);
    LH_AUTO(json) json_t *retrieval = q.retrieval;
    LH_TRY(code);
    os_ulid_loose(os, ulid);
    struct completion c = {
        .events = {.rq = rq},
        .id = arena_printf(request_arena(rq), "chatcmpl-%s", ulid),
        .created_s = os_realtime_us(os) / 1000000,
        .streams = q.streams,
        .with_usage = q.with_usage,
    };
    return retrieval ? answer_from_index(&c, &q, err) : answer_by_model(&c, &q, err);
}
