/* What is the same for every provider: checks before, outputs untouched on failure. */
#include "ai/provider.h"

#include "base/metrics.h"
#include "base/utf8.h"
#include "os/clock.h"

#include <string.h>

#define LEAST_WAIT_MS 1000

void ai_vectors_release(struct ai_vectors *vectors) {
    lh_free(vectors->data);
    lh_free(vectors->model);
    *vectors = (struct ai_vectors){0};
}

void ai_answer_release(struct ai_answer *answer) {
    buf_release(&answer->text);
    lh_free(answer->model);
    *answer = (struct ai_answer){0};
}

void ai_models_release(struct ai_models *models) {
    for (size_t i = 0; i < models->count; i++)
        lh_free(models->items[i].name);
    lh_free(models->items);
    *models = (struct ai_models){0};
}

/* ---- counting ---- */

static int64_t begin(const struct ai_provider *p) {
    return p->meter.metrics ? os_monotonic_ns(p->meter.os) : 0;
}

static void count_call(const struct ai_provider *p, enum lh_metric seconds, int64_t begin_ns, enum lh_code code) {
    const struct ai_meter *m = &p->meter;
    if (!m->metrics)
        return;
    lh_metric_add(m->metrics, LH_METRIC_ai_requests_total, m->provider, 1);
    if (code == LH_UPSTREAM || code == LH_TIMEOUT)
        lh_metric_add(m->metrics, LH_METRIC_ai_failures_total, m->provider, 1);
    lh_metric_observe_label_us(m->metrics, seconds, m->provider, (os_monotonic_ns(m->os) - begin_ns) / 1000);
}

static void count(const struct ai_provider *p, enum lh_metric metric, uint64_t amount) {
    lh_metric_add(p->meter.metrics, metric, p->meter.provider, amount);
}

void ai_provider_tell_metrics(const struct ai_provider *p) {
    struct ai_state state;
    if (!p->meter.metrics)
        return;
    ai_provider_state(p, &state);
    lh_metric_set(p->meter.metrics, LH_METRIC_ai_circuit_open, p->meter.provider, state.circuit == AI_CIRCUIT_OPEN);
}

/* ---- the calls ---- */

static enum lh_code cannot(const struct ai_provider *p, const char *what, struct lh_err *err) {
    return lh_fail(err, LH_UNSUPPORTED, "the provider \"%s\" cannot %s", p->name, what);
}

static enum lh_code check_texts(const struct ai_text *texts, size_t count, struct lh_err *err) {
    size_t bad;
    for (size_t i = 0; i < count; i++) {
        if (texts[i].len > AI_MAX_TEXT_BYTES) {
            lh_ignore(lh_fail(err, LH_TOO_LARGE, "text %zu has %zu bytes; at most %zu can be taken as one", i + 1,
                              texts[i].len, AI_MAX_TEXT_BYTES));
            return lh_err_hint(err, "cut it into chunks");
        }
        if (!utf8_valid(texts[i].data, texts[i].len, &bad))
            return lh_fail(err, LH_INVALID, "text %zu is not UTF-8 at byte %zu", i + 1, bad);
    }
    return LH_OK;
}

static enum lh_code check_embed(const struct ai_embed_request *r, struct lh_err *err) {
    LH_TRY(check_texts(r->texts, r->count, err));
    if (r->dims > AI_MAX_DIMS)
        return lh_fail(err, LH_INVALID, "vectors have at most %u dimensions, not %u", AI_MAX_DIMS, r->dims);
    return LH_OK;
}

enum lh_code ai_provider_embed(const struct ai_provider *p, const struct ai_embed_request *request,
                               struct ai_vectors *ret_vectors, struct lh_err *err) {
    struct ai_vectors vectors = {0};
    if (!(p->abilities & AI_CAN_EMBED))
        return cannot(p, "embed texts", err);
    LH_TRY(check_embed(request, err));
    int64_t begin_ns = begin(p);
    enum lh_code code = p->ops->embed(p->self, request, &vectors, err);
    count_call(p, LH_METRIC_ai_embed_seconds, begin_ns, code);
    if (code != LH_OK) {
        ai_vectors_release(&vectors);
        return code;
    }
    count(p, LH_METRIC_ai_embedded_texts_total, vectors.count);
    count(p, LH_METRIC_ai_embed_tokens_total, vectors.tokens);
    *ret_vectors = vectors;
    return LH_OK;
}

static enum lh_code check_messages(const struct ai_chat_request *r, struct lh_err *err) {
    size_t bad;
    if (r->count == 0)
        return lh_fail(err, LH_INVALID, "there is no message to answer");
    for (size_t i = 0; i < r->count; i++) {
        const struct ai_message *m = &r->messages[i];
        if (strcmp(m->role, "system") != 0 && strcmp(m->role, "user") != 0 && strcmp(m->role, "assistant") != 0) {
            lh_ignore(lh_fail(err, LH_INVALID, "message %zu has the role \"%.40s\"", i + 1, m->role));
            return lh_err_hint(err, "a role is system, user or assistant");
        }
        if (!utf8_valid(m->text, strlen(m->text), &bad))
            return lh_fail(err, LH_INVALID, "message %zu is not UTF-8 at byte %zu", i + 1, bad);
    }
    return LH_OK;
}

enum lh_code ai_provider_chat(const struct ai_provider *p, const struct ai_chat_request *request,
                              struct ai_answer *ret_answer, struct lh_err *err) {
    struct ai_answer answer = {0};
    if (!(p->abilities & AI_CAN_GENERATE))
        return cannot(p, "generate text", err);
    LH_TRY(check_messages(request, err));
    int64_t begin_ns = begin(p);
    enum lh_code code = p->ops->chat(p->self, request, &answer, err);
    count_call(p, LH_METRIC_ai_generate_seconds, begin_ns, code);
    if (code != LH_OK) {
        ai_answer_release(&answer);
        return code;
    }
    count(p, LH_METRIC_ai_prompt_tokens_total, answer.prompt_tokens);
    count(p, LH_METRIC_ai_answer_tokens_total, answer.answer_tokens);
    *ret_answer = answer;
    return LH_OK;
}

enum lh_code ai_provider_rerank(const struct ai_provider *p, const struct ai_rerank_request *request,
                                double *ret_scores, struct lh_err *err) {
    if (!(p->abilities & AI_CAN_RERANK))
        return cannot(p, "rerank texts", err);
    LH_TRY(check_texts(&request->query, 1, err));
    LH_TRY(check_texts(request->texts, request->count, err));
    LH_AUTO(mem) double *scores = lh_calloc(request->count + 1, sizeof *scores);
    int64_t begin_ns = begin(p);
    enum lh_code code = p->ops->rerank(p->self, request, scores, err);
    count_call(p, LH_METRIC_ai_rerank_seconds, begin_ns, code);
    LH_TRY(code);
    memcpy(ret_scores, scores, request->count * sizeof *scores);
    return LH_OK;
}

enum lh_code ai_provider_models(const struct ai_provider *p, int cancel_fd, struct ai_models *ret_models,
                                struct lh_err *err) {
    struct ai_models models = {0};
    enum lh_code code = p->ops->models(p->self, cancel_fd, &models, err);
    if (code != LH_OK) {
        ai_models_release(&models);
        return code;
    }
    *ret_models = models;
    return LH_OK;
}

enum lh_code ai_provider_load(const struct ai_provider *p, const char *model, int64_t keep_ms, int cancel_fd,
                              struct lh_err *err) {
    if (!(p->abilities & AI_CAN_LOAD))
        return cannot(p, keep_ms == 0 ? "unload models by request" : "load models by request", err);
    return p->ops->load(p->self, model, keep_ms, cancel_fd, err);
}

enum lh_code ai_provider_health(const struct ai_provider *p, int cancel_fd, struct lh_err *err) {
    return p->ops->health(p->self, cancel_fd, err);
}

void ai_provider_state(const struct ai_provider *p, struct ai_state *ret_state) {
    p->ops->state(p->self, ret_state);
}

int64_t ai_provider_wait_ms(const struct ai_provider *p) {
    struct ai_state state;
    ai_provider_state(p, &state);
    return state.wait_ms > LEAST_WAIT_MS ? state.wait_ms : LEAST_WAIT_MS;
}

void ai_provider_free(struct ai_provider *p) {
    if (p)
        p->ops->free(p->self);
}

const char *ai_circuit_name(enum ai_circuit circuit) {
    switch (circuit) {
    case AI_CIRCUIT_OPEN: return "open";
    case AI_CIRCUIT_HALF_OPEN: return "half_open";
    default: return "closed";
    }
}
