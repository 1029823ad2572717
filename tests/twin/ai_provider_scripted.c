#include "twin/ai_provider_scripted.h"

#include <assert.h>
#include <math.h>
#include <string.h>

static enum lh_code play(struct ai_provider_scripted *s, struct lh_err *err) {
    unsigned left = atomic_load(&s->failures);
    bool fails = atomic_fetch_add(&s->calls, 1) + 1 == atomic_load(&s->fail_at);
    while (left > 0 && !atomic_compare_exchange_weak(&s->failures, &left, left - 1))
        continue;
    if (!fails && left == 0)
        return LH_OK;
    return lh_fail(err, s->failure_code, "the provider \"scripted\" was told to fail");
}

static enum lh_code scripted_embed(void *self, const struct ai_embed_request *r, struct ai_vectors *ret,
                                   struct lh_err *err) {
    struct ai_provider_scripted *s = self;
    const unsigned dims = s->dims;
    assert(dims > 0);
    atomic_fetch_add(&s->texts, r->count);
    LH_TRY(play(s, err));
    ret->data = lh_calloc(r->count * dims + 1, sizeof(float));
    for (size_t i = 0; i < r->count; i++) {
        float *row = ret->data + i * dims;
        double squares = 0;
        row[0] = 1; /* a text without letters has a length too */
        for (size_t k = 0; k < r->texts[i].len; k++)
            row[(unsigned char)r->texts[i].data[k] * 7 % dims] += 1;
        for (unsigned d = 0; d < dims; d++)
            squares += (double)row[d] * (double)row[d];
        for (unsigned d = 0; d < dims; d++)
            row[d] = (float)((double)row[d] / sqrt(squares));
    }
    ret->count = r->count;
    ret->dims = dims;
    ret->model = lh_strdup("scripted-1");
    return LH_OK;
}

static enum lh_code scripted_chat(void *self, const struct ai_chat_request *r, struct ai_answer *ret,
                                  struct lh_err *err) {
    const char *text = r->messages[r->count - 1].text;
    LH_TRY(play(self, err));
    buf_append_str(&ret->text, text);
    ret->model = lh_strdup("scripted-1");
    if (r->on_text && text[0] && !r->on_text(r->self, text, strlen(text)))
        return lh_fail(err, LH_CANCELLED, "the answer was stopped");
    return LH_OK;
}

static enum lh_code scripted_models(void *self, int cancel_fd, struct ai_models *ret, struct lh_err *err) {
    struct ai_provider_scripted *s = self;
    (void)cancel_fd;
    LH_TRY(play(s, err));
    ret->items = lh_calloc(1, sizeof *ret->items);
    ret->count = 1;
    ret->items[0] = (struct ai_model){
        .name = lh_strdup("scripted-1"), .abilities = AI_CAN_EMBED | AI_CAN_GENERATE, .dims = s->dims, .loaded = true};
    return LH_OK;
}

static enum lh_code scripted_health(void *self, int cancel_fd, struct lh_err *err) {
    (void)cancel_fd;
    return play(self, err);
}

static void scripted_state(void *self, struct ai_state *ret_state) {
    struct ai_provider_scripted *s = self;
    *ret_state = (struct ai_state){.calls = atomic_load(&s->calls)};
}

static void scripted_free(void *self) {
    (void)self;
}

static const struct ai_provider_ops scripted_ops = {
    .kind = "scripted",
    .embed = scripted_embed,
    .chat = scripted_chat,
    .models = scripted_models,
    .health = scripted_health,
    .state = scripted_state,
    .free = scripted_free,
};

void ai_provider_scripted_init(struct ai_provider_scripted *s, unsigned dims) {
    memset(s, 0, sizeof *s);
    s->dims = dims;
    s->failure_code = LH_UPSTREAM;
    s->provider = (struct ai_provider){
        .ops = &scripted_ops,
        .self = s,
        .name = "scripted",
        .address = "",
        .abilities = AI_CAN_EMBED | AI_CAN_GENERATE,
        .embed_model = "scripted-1",
        .generate_model = "scripted-1",
    };
}
