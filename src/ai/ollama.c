#include "ai/ollama.h"

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/timefmt.h"

#include <inttypes.h>
#include <string.h>

/* "300000ms": Ollama reads durations as Go does.  Below 0: for good. */
static json_t *keep_alive(int64_t ms) {
    if (ms < 0)
        return json_integer(-1);
    LH_AUTO(mem) char *text = lh_asprintf("%" PRId64 "ms", ms);
    return json_string(text);
}

/* ---- /api/embed ---- */

/* truncate false: a text that the model cannot read whole is refused, not cut silently. */
static json_t *embed_body(const struct remote_provider *p, const char *model, json_t *input, unsigned dims) {
    json_t *body = json_pack("{s:s, s:o, s:b, s:o}", "model", model, "input", input, "truncate", 0, "keep_alive",
                             keep_alive(p->options.keep_alive_ms));
    if (dims)
        json_object_set_new(body, "dimensions", json_integer(dims));
    return body;
}

static const json_t *embed_row(const json_t *answer, size_t i) {
    return json_array_get(json_object_get(answer, "embeddings"), i);
}

static uint64_t embed_tokens(const json_t *answer) {
    return json_count(answer, "prompt_eval_count");
}

static const struct embed_shape embed_shape = {"/api/embed", embed_body, embed_row, embed_tokens};

/* What Ollama says of an unknown model, made into what to do. */
static enum lh_code hint_at_pull(enum lh_code code, const char *model, struct lh_err *err) {
    return code == LH_NOT_FOUND
               ? lh_err_hint(err, "'ollama pull %s' fetches it; GET /ai/models lists those that are there", model)
               : code;
}

static enum lh_code ollama_embed(void *self, const struct ai_embed_request *request, struct ai_vectors *ret,
                                 struct lh_err *err) {
    struct remote_provider *p = self;
    enum lh_code code = remote_provider_embed(p, &embed_shape, request, ret, err);
    return hint_at_pull(code, request->model ? request->model : p->options.embed_model, err);
}

/* ---- /api/chat ---- */

static json_t *chat_options(const struct ai_chat_request *r) {
    json_t *options = json_object();
    if (r->temperature >= 0)
        json_object_set_new(options, "temperature", json_real(r->temperature));
    if (r->top_p > 0)
        json_object_set_new(options, "top_p", json_real(r->top_p));
    if (r->max_tokens > 0)
        json_object_set_new(options, "num_predict", json_integer(r->max_tokens));
    if (r->seed >= 0)
        json_object_set_new(options, "seed", json_integer(r->seed));
    if (r->stop_count > 0) {
        json_t *stops = json_array();
        for (size_t i = 0; i < r->stop_count; i++)
            json_array_append_new(stops, json_string(r->stops[i]));
        json_object_set_new(options, "stop", stops);
    }
    return options;
}

/* {"message": {"content": "..."}, "done": false}, and at the end "done": true with reason and counts. */
static bool on_chat_line(void *self, const char *line, size_t len) {
    struct chat_stream *s = self;
    if (len == 0)
        return true;
    LH_AUTO(json) json_t *value = chat_line(s, line, len);
    if (!value || !chat_piece(s, json_object_get(json_object_get(value, "message"), "content")))
        return false;
    if (json_is_true(json_object_get(value, "done"))) {
        const char *reason = json_string_value(json_object_get(value, "done_reason"));
        s->answer->prompt_tokens = json_count(value, "prompt_eval_count");
        s->answer->answer_tokens = json_count(value, "eval_count");
        chat_finish(s, reason ? reason : "stop");
    }
    return true;
}

static enum lh_code ollama_chat(void *self, const struct ai_chat_request *request, struct ai_answer *ret,
                                struct lh_err *err) {
    struct remote_provider *p = self;
    struct chat_stream stream = {.provider = p, .request = request, .answer = ret};
    const char *model;
    LH_TRY(remote_provider_model(p, request->model, p->options.generate_model, "generate_model", &model, err));
    LH_AUTO(json)
    json_t *body = json_pack("{s:s, s:o, s:b, s:o, s:o}", "model", model, "messages", chat_messages(request), "stream",
                             1, "options", chat_options(request), "keep_alive", keep_alive(p->options.keep_alive_ms));
    if (request->json)
        json_object_set_new(body, "format", json_string("json"));
    ret->model = lh_strdup(model);
    return hint_at_pull(chat_send(&stream, "/api/chat", body, on_chat_line, err), model, err);
}

/* ---- /api/tags, /api/ps ---- */

static struct ai_model *find_model(struct ai_models *models, const char *name) {
    for (size_t i = 0; name && i < models->count; i++)
        if (strcmp(models->items[i].name, name) == 0)
            return &models->items[i];
    return NULL;
}

static void note_loaded(struct ai_models *models, const json_t *running) {
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(running, "models"), i, item) {
        struct ai_model *model = find_model(models, json_string_value(json_object_get(item, "name")));
        const char *until = json_string_value(json_object_get(item, "expires_at"));
        if (!model)
            continue;
        model->loaded = true;
        model->vram_bytes = json_count(item, "size_vram");
        if (!until || !lh_time_parse(until, strlen(until), &model->unload_at_us))
            model->unload_at_us = 0;
    }
}

static enum lh_code ollama_models(void *self, int cancel_fd, struct ai_models *ret, struct lh_err *err) {
    struct remote_provider *p = self;
    LH_AUTO(json) json_t *tags = NULL;
    LH_AUTO(json) json_t *running = NULL;
    size_t i;
    json_t *item;
    const struct remote_call ask_tags = {.path = "/api/tags", .repeatable = true, .cancel_fd = cancel_fd};
    const struct remote_call ask_running = {.path = "/api/ps", .repeatable = true, .cancel_fd = cancel_fd};
    LH_TRY(remote_ask(p->remote, &ask_tags, &tags, err));
    LH_TRY(remote_ask(p->remote, &ask_running, &running, err));
    const json_t *list = json_object_get(tags, "models");
    ret->items = lh_calloc(json_array_size(list) + 1, sizeof *ret->items);
    json_array_foreach(list, i, item) {
        const char *name = json_string_value(json_object_get(item, "name"));
        if (name)
            ret->items[ret->count++] =
                (struct ai_model){.name = lh_strdup(name), .size_bytes = json_count(item, "size")};
    }
    note_loaded(ret, running);
    return LH_OK;
}

/* ---- loading ---- */

/* A request without a prompt loads the model, and with keep_alive 0 unloads it; models that only embed have another route. */
static enum lh_code ollama_load(void *self, const char *model, int64_t keep_ms, int cancel_fd, struct lh_err *err) {
    struct remote_provider *p = self;
    LH_AUTO(json) json_t *body = json_pack("{s:s, s:o}", "model", model, "keep_alive", keep_alive(keep_ms));
    LH_AUTO(json) json_t *answer = NULL;
    struct remote_call call = {.path = "/api/generate", .body = body, .repeatable = true, .cancel_fd = cancel_fd};
    enum lh_code code = remote_ask(p->remote, &call, &answer, err);
    if (code == LH_INVALID && strstr(err->message, "does not support generate")) {
        json_object_set_new(body, "input", json_array());
        call.path = "/api/embed";
        code = remote_ask(p->remote, &call, &answer, err);
    }
    return hint_at_pull(code, model, err);
}

static enum lh_code ollama_health(void *self, int cancel_fd, struct lh_err *err) {
    struct remote_provider *p = self;
    LH_AUTO(json) json_t *answer = NULL;
    const struct remote_call call = {.path = "/api/version", .repeatable = true, .probe = true, .cancel_fd = cancel_fd};
    return remote_ask(p->remote, &call, &answer, err);
}

static const struct ai_provider_ops ollama_ops = {
    .kind = AI_OLLAMA,
    .embed = ollama_embed,
    .chat = ollama_chat,
    .models = ollama_models,
    .load = ollama_load,
    .health = ollama_health,
    .state = remote_provider_state,
    .free = remote_provider_free,
};

enum lh_code ai_ollama_new(const struct remote_provider_options *options, struct ai_provider **ret_provider,
                           struct lh_err *err) {
    return remote_provider_new(options, &ollama_ops, AI_CAN_EMBED | AI_CAN_GENERATE | AI_CAN_LOAD, ret_provider, err);
}
