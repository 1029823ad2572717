/* Embeddings, generated text, models and the providers' health, in shapes of our own; handle_openai.c has OpenAI's. */
#include "gateway/request.h"
#include "gateway/routes.h"

#include "ai/ai.h"
#include "ai/rerank.h"
#include "ai/vram.h"
#include "base/arena.h"
#include "base/cleanup.h"
#include "base/timefmt.h"
#include "gateway/ai_request.h"
#include "gateway/event_stream.h"
#include "lakehouse/lakehouse.h"

#include <string.h>

#define MAX_GPUS 64

/* ---- embed ---- */

enum lh_code handle_ai_embed(struct request *rq, struct lh_err *err) {
    static const char *const fields[] = {"texts", "model", "purpose", "dimensions", NULL};
    json_t *body, *texts;
    const char *purpose;
    struct ai_embed_request embed = {0};
    const struct ai_provider *provider;
    LH_AUTO(ai_vectors) struct ai_vectors vectors = {0};
    LH_TRY(request_body_json(rq, &body, err));
    LH_TRY(lh_json_only_keys(body, "", fields, err));
    LH_TRY(lh_json_get_array(body, "", "texts", &texts, err));
    LH_TRY(lh_json_get_string_or(body, "", "purpose", "document", &purpose, err));
    if (strcmp(purpose, "document") != 0 && strcmp(purpose, "query") != 0)
        return lh_fail(err, LH_INVALID, "purpose must be \"document\" or \"query\", not \"%.40s\"", purpose);
    embed.purpose = strcmp(purpose, "query") == 0 ? AI_QUERY : AI_DOCUMENT;
    LH_TRY(ai_request_texts(rq, texts, "texts", &embed, err));
    LH_TRY(ai_request_embed(rq, body, &embed, &provider, &vectors, err));
    LH_AUTO(buf) struct buf out = BUF_INIT;
    buf_printf(&out, "{\"provider\":\"%s\",\"model\":", provider->name);
    buf_append_json_string(&out, vectors.model, strlen(vectors.model));
    buf_printf(&out, ",\"dimensions\":%u,\"tokens\":%llu,\"vectors\":[", vectors.dims,
               (unsigned long long)vectors.tokens);
    LH_TRY(response_begin(rq, 200, "application/json", -1, err));
    for (size_t i = 0; i < vectors.count; i++) {
        buf_append_str(&out, i > 0 ? ",[" : "[");
        ai_append_vector(vectors.data + i * vectors.dims, vectors.dims, &out);
        buf_append_char(&out, ']');
        LH_TRY(response_write(rq, out.data, out.len, err));
        buf_reset(&out);
    }
    buf_append_str(&out, "]}\n");
    LH_TRY(response_write(rq, out.data, out.len, err));
    return response_end(rq, err);
}

/* ---- generate ---- */

struct generation {
    struct event_stream events;
    struct lh_err err; /* why a piece could not be sent */
    bool failed;
};

static bool send_piece(void *self, const char *text, size_t len) {
    struct generation *g = self;
    LH_AUTO(json) json_t *event = json_pack("{s:s%}", "text", text, len);
    g->failed = event_stream_send(&g->events, event, &g->err) != LH_OK;
    return !g->failed;
}

static json_t *answer_json(const struct ai_provider *provider, const struct ai_answer *answer) {
    return json_pack("{s:s, s:s, s:s, s:I, s:I}", "provider", provider->name, "model", answer->model, "finish",
                     answer->finish == AI_FINISH_LENGTH ? "length" : "stop", "prompt_tokens",
                     (json_int_t)answer->prompt_tokens, "answer_tokens", (json_int_t)answer->answer_tokens);
}

enum lh_code handle_ai_generate(struct request *rq, struct lh_err *err) {
    static const char *const fields[] = {"prompt",     "system", "model", "temperature", "top_p",
                                         "max_tokens", "seed",   "stop",  "json",        NULL};
    json_t *body;
    const char *prompt, *rules;
    struct ai_message messages[2];
    struct ai_chat_request chat = {.messages = messages};
    const struct ai_provider *provider;
    struct generation g = {.events = {.rq = rq}};
    LH_AUTO(ai_answer) struct ai_answer answer = {0};
    LH_TRY(request_body_json(rq, &body, err));
    LH_TRY(lh_json_only_keys(body, "", fields, err));
    LH_TRY(lh_json_get_string(body, "", "prompt", &prompt, err));
    LH_TRY(lh_json_get_string_or(body, "", "system", NULL, &rules, err));
    LH_TRY(lh_json_get_bool_or(body, "", "json", false, &chat.json, err));
    LH_TRY(ai_request_sampling(rq, body, &chat, err));
    if (rules)
        messages[chat.count++] = (struct ai_message){"system", rules};
    messages[chat.count++] = (struct ai_message){"user", prompt};
    bool streams = event_stream_wanted(rq);
    if (streams) {
        chat.on_text = send_piece;
        chat.self = &g;
    }
    enum lh_code code = ai_request_chat(rq, body, &chat, &provider, &answer, err);
    if (g.failed)
        *err = g.err;
    if (code != LH_OK)
        return event_stream_fail(&g.events, err);
    LH_AUTO(json) json_t *json = answer_json(provider, &answer);
    if (!streams) {
        json_object_set_new(json, "text", json_stringn(buf_cstr(&answer.text), answer.text.len));
        return response_json(rq, 200, json, err);
    }
    json_object_set_new(json, "done", json_true());
    LH_TRY(event_stream_send(&g.events, json, err));
    return event_stream_end(&g.events, err);
}

/* ---- rerank ---- */

enum lh_code handle_ai_rerank(struct request *rq, struct lh_err *err) {
    static const char *const fields[] = {"query", "documents", "model", "top_n", NULL};
    json_t *body, *documents;
    const char *query;
    int64_t top;
    struct ai_embed_request texts = {0};
    LH_AUTO(reranked) struct reranked ranked = {0};
    LH_TRY(request_body_json(rq, &body, err));
    LH_TRY(lh_json_only_keys(body, "", fields, err));
    LH_TRY(lh_json_get_string(body, "", "query", &query, err));
    LH_TRY(lh_json_get_array(body, "", "documents", &documents, err));
    LH_TRY(ai_request_texts(rq, documents, "documents", &texts, err));
    LH_TRY(lh_json_get_int_or(body, "", "top_n", (int64_t)texts.count, &top, err));
    if (top < 1)
        return lh_fail(err, LH_INVALID, "top_n must be 1 or more");
    struct ai_rerank_request request = {.query = {query, strlen(query)},
                                        .texts = texts.texts,
                                        .count = texts.count,
                                        .cancel_fd = request_cancel_fd(rq),
                                        .deadline_ns = ai_request_deadline(rq)};
    LH_TRY(lh_json_get_string_or(body, "", "model", NULL, &request.model, err));
    LH_TRY(ai_rerank(request_lakehouse(rq)->ai, &request, &ranked, err));
    LH_AUTO(json)
    json_t *answer = json_pack("{s:s, s:s}", "provider", ranked.provider->name, "model", ranked.model);
    json_t *results = json_array();
    for (size_t i = 0; i < texts.count && i < (size_t)top; i++)
        json_array_append_new(results, json_pack("{s:I, s:f}", "index", (json_int_t)ranked.order[i], "score",
                                                 ranked.scores[ranked.order[i]]));
    json_object_set_new(answer, "results", results);
    return response_json(rq, 200, answer, err);
}

/* ---- models ---- */

static json_t *abilities_json(unsigned abilities) {
    json_t *list = json_array();
    if (abilities & AI_CAN_EMBED)
        json_array_append_new(list, json_string("embed"));
    if (abilities & AI_CAN_GENERATE)
        json_array_append_new(list, json_string("generate"));
    if (abilities & AI_CAN_RERANK)
        json_array_append_new(list, json_string("rerank"));
    return list;
}

static json_t *model_json(const struct ai_provider *p, const struct ai_model *m) {
    json_t *json = json_pack("{s:s, s:s, s:o, s:b}", "provider", p->name, "name", m->name, "can",
                             abilities_json(m->abilities), "loaded", m->loaded);
    if (m->dims)
        json_object_set_new(json, "dimensions", json_integer(m->dims));
    if (m->size_bytes)
        json_object_set_new(json, "size_bytes", json_integer((json_int_t)m->size_bytes));
    if (m->vram_bytes)
        json_object_set_new(json, "vram_bytes", json_integer((json_int_t)m->vram_bytes));
    if (m->unload_at_us) {
        char time[LH_TIME_SIZE];
        lh_time_format(m->unload_at_us, time);
        json_object_set_new(json, "unload_at", json_string(time));
    }
    return json;
}

static json_t *failure_json(const struct ai_provider *p, const struct lh_err *err) {
    return json_pack("{s:s, s:s, s:s, s:s}", "provider", p->name, "code", lh_code_name(err->code), "message",
                     err->message, "hint", err->hint);
}

/* The models of every provider; those that do not answer are named with the reason. */
static enum lh_code list_models(struct request *rq, bool loaded_only, json_t *items, json_t *failures,
                                struct lh_err *err) {
    const struct ai *ai = request_lakehouse(rq)->ai;
    for (size_t i = 0; i < ai_provider_count(ai); i++) {
        const struct ai_provider *p = ai_provider_at(ai, i);
        LH_AUTO(ai_models) struct ai_models models = {0};
        struct lh_err failure = LH_ERR_INIT;
        if (ai_provider_models(p, request_cancel_fd(rq), &models, &failure) == LH_CANCELLED) {
            *err = failure;
            return err->code;
        }
        if (failure.code != LH_OK)
            json_array_append_new(failures, failure_json(p, &failure));
        for (size_t k = 0; k < models.count; k++)
            if (!loaded_only || models.items[k].loaded)
                json_array_append_new(items, model_json(p, &models.items[k]));
    }
    return LH_OK;
}

enum lh_code handle_ai_models(struct request *rq, struct lh_err *err) {
    LH_AUTO(json) json_t *items = json_array();
    LH_AUTO(json) json_t *failures = json_array();
    LH_TRY(list_models(rq, false, items, failures, err));
    LH_AUTO(json) json_t *answer = json_pack("{s:O, s:O}", "items", items, "failures", failures);
    return response_json(rq, 200, answer, err);
}

/* ---- health ---- */

static json_t *role_json(const struct ai_provider *p, const char *model) {
    return p ? json_pack("{s:s, s:s}", "provider", p->name, "model", model) : json_null();
}

static json_t *provider_json(const struct ai_provider *p, const struct lh_err *failure) {
    struct ai_state s;
    ai_provider_state(p, &s);
    json_t *json =
        json_pack("{s:s, s:s, s:o, s:b, s:s, s:I, s:I, s:I, s:I, s:I}", "name", p->name, "address", p->address, "can",
                  abilities_json(p->abilities), "ok", failure->code == LH_OK, "circuit", ai_circuit_name(s.circuit),
                  "failures", (json_int_t)s.failures, "wait_ms", (json_int_t)s.wait_ms, "calls", (json_int_t)s.calls,
                  "failed_calls", (json_int_t)s.failed_calls, "retries", (json_int_t)s.retries);
    if (failure->code != LH_OK)
        json_object_set_new(json, "error", failure_json(p, failure));
    return json;
}

enum lh_code handle_ai_health(struct request *rq, struct lh_err *err) {
    const struct ai *ai = request_lakehouse(rq)->ai;
    const struct ai_provider *embedder = ai_embedder(ai), *generator = ai_generator(ai);
    LH_AUTO(json) json_t *providers = json_array();
    bool ok = true;
    for (size_t i = 0; i < ai_provider_count(ai); i++) {
        const struct ai_provider *p = ai_provider_at(ai, i);
        struct lh_err failure = LH_ERR_INIT;
        if (ai_provider_health(p, request_cancel_fd(rq), &failure) == LH_CANCELLED) {
            *err = failure;
            return err->code;
        }
        ok = ok && (failure.code == LH_OK || (p != embedder && p != generator));
        json_array_append_new(providers, provider_json(p, &failure));
    }
    LH_AUTO(json)
    json_t *answer =
        json_pack("{s:b, s:o, s:o, s:O}", "ok", ok, "embedder", role_json(embedder, embedder->embed_model), "generator",
                  role_json(generator, generator ? generator->generate_model : ""), "providers", providers);
    return response_json(rq, 200, answer, err);
}

/* ---- administration ---- */

static enum lh_code load(struct request *rq, bool into_memory, struct lh_err *err) {
    static const char *const fields[] = {"model", "keep_s", NULL};
    const struct ai *ai = request_lakehouse(rq)->ai;
    json_t *body;
    const char *name, *model;
    int64_t keep_s;
    const struct ai_provider *p;
    LH_TRY(request_body_json(rq, &body, err));
    LH_TRY(lh_json_only_keys(body, "", fields, err));
    LH_TRY(lh_json_get_string(body, "", "model", &name, err));
    LH_TRY(lh_json_get_int_or(body, "", "keep_s", -1, &keep_s, err));
    if (keep_s == 0 || keep_s < -1 || keep_s > 365 * 86400)
        return lh_fail(err, LH_INVALID, "keep_s must be 1 to 31536000 seconds, or -1 for good");
    const struct ai_provider *generator = ai_generator(ai);
    bool generates = generator && strcmp(name, generator->generate_model) == 0;
    LH_TRY(ai_resolve(ai, name, generates ? AI_CAN_GENERATE : AI_CAN_EMBED, &p, &model, err));
    int64_t keep_ms = !into_memory ? 0 : keep_s < 0 ? -1 : keep_s * 1000;
    LH_TRY(ai_provider_load(p, model, keep_ms, request_cancel_fd(rq), err));
    LH_AUTO(json) json_t *answer =
        json_pack("{s:s, s:s, s:b}", "provider", p->name, "model", model, "loaded", into_memory);
    return response_json(rq, 200, answer, err);
}

enum lh_code handle_ai_preload(struct request *rq, struct lh_err *err) {
    return load(rq, true, err);
}

enum lh_code handle_ai_unload(struct request *rq, struct lh_err *err) {
    return load(rq, false, err);
}

enum lh_code handle_ai_vram(struct request *rq, struct lh_err *err) {
    struct vram_gpu *gpus = arena_alloc(request_arena(rq), MAX_GPUS * sizeof *gpus);
    size_t count = 0;
    struct lh_err reason = LH_ERR_INIT;
    LH_AUTO(json) json_t *list = json_array();
    LH_AUTO(json) json_t *models = json_array();
    LH_AUTO(json) json_t *failures = json_array();
    lh_ignore(vram_read(NULL, gpus, MAX_GPUS, &count, &reason));
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list,
                              json_pack("{s:s, s:I, s:I, s:I}", "name", gpus[i].name, "total_bytes",
                                        (json_int_t)gpus[i].total_bytes, "used_bytes", (json_int_t)gpus[i].used_bytes,
                                        "free_bytes", (json_int_t)gpus[i].free_bytes));
    LH_TRY(list_models(rq, true, models, failures, err));
    LH_AUTO(json) json_t *answer = json_pack("{s:O, s:O, s:O}", "gpus", list, "models", models, "failures", failures);
    if (reason.code != LH_OK)
        json_object_set_new(answer, "note", json_string(reason.message));
    return response_json(rq, 200, answer, err);
}
