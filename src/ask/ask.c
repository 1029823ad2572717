/* From a question to passages, and from passages to an answer. */
#include "ask/ask.h"

#include "ai/ai.h"
#include "base/alloc.h"
#include "base/attr.h"
#include "base/cleanup.h"
#include "index/index.h"
#include "index/profiles.h"

#include <string.h>

void ask_release(struct ask *ask) {
    for (size_t i = 0; i < ask->passage_count; i++)
        lh_free(ask->sources[i]);
    lh_free(ask->sources);
    lh_free(ask->passages);
    json_decref(ask->found);
    json_decref(ask->search);
    lh_free(ask->profile);
    lh_free(ask->question);
    lh_free(ask->model);
    *ask = (struct ask){0};
}

/* ---- what is asked ---- */

static enum lh_code check_question(const char *question, struct lh_err *err) {
    size_t len = strlen(question);
    if (len > ASK_QUESTION_BYTES)
        return lh_fail(err, LH_TOO_LARGE, "the question has %zu bytes; the limit is %zu", len, ASK_QUESTION_BYTES);
    if (strspn(question, " \t\r\n") == len)
        return lh_fail(err, LH_INVALID, "the question has no words");
    return LH_OK;
}

/* The generator of the profile, a new string; NULL where it names none. */
static enum lh_code profile_model(const struct ask_place *place, const char *profile, char **ret_model,
                                  struct lh_err *err) {
    LH_AUTO(json) json_t *json = NULL;
    LH_TRY(profiles_get(place->profiles, profile, &json, err));
    const char *generator = json_string_value(json_object_get(json, "generator"));
    *ret_model = generator && generator[0] ? lh_strdup(generator) : NULL;
    return LH_OK;
}

enum lh_code ask_read(const struct ask_place *place, const json_t *options, const char *question, struct ask *ret_ask,
                      struct lh_err *err) {
    static const char *const passed_on[] = {"index",   "dataset",   "mode",   "filter",
                                            "weights", "ef_search", "rerank", "rerank_depth"};
    const char *index, *profile, *model;
    int64_t k, tokens;
    LH_TRY(check_question(question, err));
    LH_TRY(lh_json_get_string_or(options, "", "profile", NULL, &profile, err));
    if (!profile)
        LH_TRY(lh_json_get_string(options, "", "index", &index, err));
    LH_TRY(lh_json_get_string_or(options, "", "model", NULL, &model, err));
    LH_TRY(lh_json_get_int_or(options, "", "k", ASK_K_DEFAULT, &k, err));
    LH_TRY(lh_json_get_int_or(options, "", "context_tokens", ANSWER_CONTEXT_TOKENS, &tokens, err));
    if (k < 1 || k > ASK_K_MAX)
        return lh_fail(err, LH_INVALID, "k must be from 1 to %d passages", ASK_K_MAX);
    if (tokens < 50 || tokens > ASK_CONTEXT_TOKENS_MAX)
        return lh_fail(err, LH_INVALID, "context_tokens must be from 50 to %d", ASK_CONTEXT_TOKENS_MAX);
    LH_AUTO(mem) char *of_profile = NULL;
    if (profile)
        LH_TRY(profile_model(place, profile, &of_profile, err));
    json_t *search = json_pack("{s:s, s:I, s:b}", "query", question, "k", (json_int_t)k, "text", true);
    for (size_t i = 0; i < LH_ARRAY_LEN(passed_on); i++)
        if (json_object_get(options, passed_on[i]))
            json_object_set(search, passed_on[i], json_object_get(options, passed_on[i]));
    *ret_ask = (struct ask){.profile = profile ? lh_strdup(profile) : NULL,
                            .question = lh_strdup(question),
                            .model = model && model[0] ? lh_strdup(model) : LH_STEAL(of_profile),
                            .search = search,
                            .context_tokens = (unsigned)tokens};
    return LH_OK;
}

/* ---- the passages ---- */

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

const char *ask_index(const struct ask *ask) {
    return text_of(ask->found, "index");
}

enum lh_code ask_search(const struct ask_place *place, struct ask *ask, int cancel_fd, struct lh_err *err) {
    if (ask->profile)
        LH_TRY(profiles_search(place->profiles, ask->profile, ask->search, cancel_fd, &ask->found, err));
    else
        LH_TRY(index_search(place->indexes, ask->search, cancel_fd, &ask->found, err));
    const json_t *hits = json_object_get(ask->found, "hits");
    size_t count = json_array_size(hits);
    ask->passages = lh_calloc(count + 1, sizeof *ask->passages);
    ask->sources = lh_calloc(count + 1, sizeof *ask->sources);
    for (size_t i = 0; i < count; i++) {
        const json_t *hit = json_array_get(hits, i), *text = json_object_get(hit, "text");
        ask->sources[i] = lh_asprintf("%s/%s", text_of(ask->found, "dataset"), text_of(hit, "doc_id"));
        ask->passages[i] = (struct answer_passage){
            .text = json_string_value(text),
            .len = json_string_length(text),
            .source = ask->sources[i],
            .heading = json_string_value(json_object_get(hit, "heading")),
            .page = (unsigned)json_integer_value(json_object_get(hit, "page")),
        };
        ask->passage_count = i + 1;
    }
    return LH_OK;
}

/* ---- the answer ---- */

enum lh_code ask_generator(const struct ask_place *place, const struct ask *ask,
                           const struct ai_provider **ret_provider, const char **ret_model, struct lh_err *err) {
    *ret_provider = NULL;
    *ret_model = NULL;
    if (!ask->model && !ai_generator(place->ai))
        return LH_OK;
    return ai_resolve(place->ai, ask->model, AI_CAN_GENERATE, ret_provider, ret_model, err);
}

enum lh_code ask_answer(const struct ask *ask, const struct ai_provider *provider, const char *model,
                        const struct ask_style *style, struct answer *ret_answer, struct lh_err *err) {
    const struct answer_request request = {.question = ask->question,
                                           .passages = ask->passages,
                                           .passage_count = ask->passage_count,
                                           .provider = provider,
                                           .model = model,
                                           .context_tokens = ask->context_tokens,
                                           .history = style->history,
                                           .history_count = style->history_count,
                                           .style = style->sampling,
                                           .on_text = style->on_text,
                                           .self = style->self,
                                           .cancel_fd = style->cancel_fd,
                                           .deadline_ns = style->deadline_ns};
    return answer_make(&request, ret_answer, err);
}
