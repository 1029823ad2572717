#include "ai/builtin.h"

#include "ai/lexical.h"
#include "ai/rerank.h"
#include "base/cleanup.h"
#include "os/clock.h"
#include "os/os.h"

#include <poll.h>
#include <stdatomic.h>
#include <string.h>

#define TEXTS_BETWEEN_CHECKS 64 /* a few milliseconds */

struct builtin {
    struct ai_provider provider;
    struct os *os;
    unsigned dims;
    struct lexical_weights *weights;
    atomic_uint_least64_t calls;
};

static enum lh_code check_going_on(const struct builtin *b, const struct ai_embed_request *r, struct lh_err *err) {
    struct pollfd fd = {.fd = r->cancel_fd, .events = POLLIN};
    if (r->cancel_fd > 0 && b->os->poll(b->os->self, &fd, 1, 0) > 0)
        return lh_fail(err, LH_CANCELLED, "embedding was stopped");
    if (r->deadline_ns > 0 && os_monotonic_ns(b->os) >= r->deadline_ns)
        return lh_fail(err, LH_TIMEOUT, "embedding %zu texts took longer than allowed", r->count);
    return LH_OK;
}

static enum lh_code builtin_embed(void *self, const struct ai_embed_request *r, struct ai_vectors *ret,
                                  struct lh_err *err) {
    struct builtin *b = self;
    unsigned dims = r->dims ? r->dims : b->dims;
    if (!lexical_dims_valid(dims))
        return lh_fail(err, LH_INVALID, "\"" LEXICAL_MODEL "\" makes vectors of 384 or 768 dimensions, not of %u",
                       dims);
    if (r->model && strcmp(r->model, LEXICAL_MODEL) != 0) {
        lh_ignore(lh_fail(err, LH_NOT_FOUND, "the built-in provider has no model \"%.100s\"", r->model));
        return lh_err_hint(err, "its model is \"" LEXICAL_MODEL "\"; others come from the providers ollama and openai");
    }
    atomic_fetch_add_explicit(&b->calls, 1, memory_order_relaxed);
    ret->dims = dims;
    ret->data = lh_try_malloc(r->count * dims * sizeof(float) + 1);
    if (!ret->data)
        return lh_fail(err, LH_NO_MEMORY, "there is no memory for %zu vectors", r->count);
    const struct lexical_weights *weights = r->weights ? r->weights : b->weights;
    while (ret->count < r->count) {
        size_t left = r->count - ret->count;
        size_t part = left < TEXTS_BETWEEN_CHECKS ? left : TEXTS_BETWEEN_CHECKS;
        LH_TRY(check_going_on(b, r, err));
        lexical_embed(weights, dims, r->texts + ret->count, part, ret->data + ret->count * dims);
        ret->count += part;
    }
    ret->model = lh_strdup(LEXICAL_MODEL);
    return LH_OK;
}

static enum lh_code builtin_rerank(void *self, const struct ai_rerank_request *r, double *ret_scores,
                                   struct lh_err *err) {
    struct builtin *b = self;
    if (r->model && strcmp(r->model, RERANK_MODEL) != 0) {
        lh_ignore(lh_fail(err, LH_NOT_FOUND, "the built-in provider has no reranker \"%.100s\"", r->model));
        return lh_err_hint(err, "its reranker is \"" RERANK_MODEL "\"");
    }
    atomic_fetch_add_explicit(&b->calls, 1, memory_order_relaxed);
    const struct ai_embed_request limits = {
        .count = r->count, .cancel_fd = r->cancel_fd, .deadline_ns = r->deadline_ns};
    LH_TRY(check_going_on(b, &limits, err));
    rerank_lexical(b->weights, &r->query, r->texts, r->count, ret_scores);
    return LH_OK;
}

static enum lh_code builtin_models(void *self, int cancel_fd, struct ai_models *ret, struct lh_err *err) {
    struct builtin *b = self;
    (void)cancel_fd;
    (void)err;
    ret->items = lh_calloc(2, sizeof *ret->items);
    ret->count = 2;
    ret->items[0] =
        (struct ai_model){.name = lh_strdup(LEXICAL_MODEL), .abilities = AI_CAN_EMBED, .dims = b->dims, .loaded = true};
    ret->items[1] = (struct ai_model){.name = lh_strdup(RERANK_MODEL), .abilities = AI_CAN_RERANK, .loaded = true};
    return LH_OK;
}

static enum lh_code builtin_health(void *self, int cancel_fd, struct lh_err *err) {
    (void)self;
    (void)cancel_fd;
    (void)err;
    return LH_OK;
}

static void builtin_state(void *self, struct ai_state *ret_state) {
    struct builtin *b = self;
    *ret_state = (struct ai_state){.calls = atomic_load_explicit(&b->calls, memory_order_relaxed)};
}

static void builtin_free(void *self) {
    struct builtin *b = self;
    lexical_weights_free(b->weights);
    lh_free(b);
}

static const struct ai_provider_ops builtin_ops = {
    .kind = AI_BUILTIN,
    .embed = builtin_embed,
    .rerank = builtin_rerank,
    .models = builtin_models,
    .health = builtin_health,
    .state = builtin_state,
    .free = builtin_free,
};

struct ai_provider *ai_builtin_new(struct os *os, unsigned dims) {
    struct builtin *b = lh_calloc(1, sizeof *b);
    b->os = os;
    b->dims = dims;
    b->weights = lexical_weights_builtin();
    b->provider = (struct ai_provider){
        .ops = &builtin_ops,
        .self = b,
        .name = AI_BUILTIN,
        .address = "",
        .abilities = AI_CAN_EMBED | AI_CAN_LEARN | AI_CAN_RERANK,
        .embed_model = LEXICAL_MODEL,
        .generate_model = "",
    };
    return &b->provider;
}
