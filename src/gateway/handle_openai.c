/* Embeddings and models in OpenAI's shapes (its API reference), so that its clients work with this server as their base URL;
 * handle_openai_chat.c has chat completions.  Errors of these routes bear the member `error` that such clients read
 * (problem.c). */
#include "gateway/request.h"
#include "gateway/routes.h"

#include "ai/ai.h"
#include "ai/chunk.h"
#include "base/arena.h"
#include "base/cleanup.h"
#include "base/hash.h"
#include "base/timefmt.h"
#include "gateway/ai_request.h"
#include "index/index.h"
#include "lakehouse/lakehouse.h"
#include "policy/principal.h"

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
    const char *model = ai_public_name(rq, provider, vectors.model);
    unsigned long long tokens = tokens_of(&embed, &vectors);
    buf_append_str(&out, "],\"model\":");
    buf_append_json_string(&out, model, strlen(model));
    buf_printf(&out, ",\"usage\":{\"prompt_tokens\":%llu,\"total_tokens\":%llu}}\n", tokens, tokens);
    LH_TRY(response_write(rq, out.data, out.len, err));
    return response_end(rq, err);
}

/* ---- models ---- */

static json_t *model_json(const char *id, int64_t created_s, const char *owner) {
    return json_pack("{s:s, s:s, s:I, s:s}", "id", id, "object", "model", "created", (json_int_t)created_s, "owned_by",
                     owner);
}

/* An index is a model that answers from its passages. */
static enum lh_code list_indexes(struct request *rq, json_t *data, struct lh_err *err) {
    LH_AUTO(json) json_t *items = NULL;
    json_t *item;
    size_t i;
    LH_TRY(index_list(request_lakehouse(rq)->indexes, NULL, NULL, false, &items, err));
    json_array_foreach(items, i, item) {
        const char *name = json_string_value(json_object_get(item, "name"));
        const char *created = json_string_value(json_object_get(item, "created_at"));
        int64_t created_us = 0;
        if (!created || !lh_time_parse(created, strlen(created), &created_us))
            created_us = 0;
        json_array_append_new(data, model_json(arena_printf(request_arena(rq), AI_INDEX_PREFIX "%s", name),
                                               created_us / 1000000, "lakehouse"));
    }
    return LH_OK;
}

/* Those of the providers that answer (/ai/models tells of the others too), and the indexes that the caller may ask.
 * *ret_failure: why one did not answer. */
static enum lh_code list_models(struct request *rq, json_t *data, struct lh_err *ret_failure, struct lh_err *err) {
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
            *ret_failure = failure;
        for (size_t k = 0; k < models.count; k++)
            if (models.items[k].abilities != AI_CAN_RERANK) /* OpenAI knows none that only rerank */
                json_array_append_new(data, model_json(ai_public_name(rq, p, models.items[k].name), 0, p->name));
    }
    return request_principal(rq)->role == ROLE_ADMIN ? list_indexes(rq, data, err) : LH_OK;
}

enum lh_code handle_openai_models(struct request *rq, struct lh_err *err) {
    LH_AUTO(json) json_t *data = json_array();
    struct lh_err failure = LH_ERR_INIT;
    LH_TRY(list_models(rq, data, &failure, err));
    LH_AUTO(json) json_t *answer = json_pack("{s:s, s:O}", "object", "list", "data", data);
    return response_json(rq, 200, answer, err);
}

enum lh_code handle_openai_model(struct request *rq, struct lh_err *err) {
    const char *id = request_path_param(rq, "id");
    LH_AUTO(json) json_t *data = json_array();
    struct lh_err failure = LH_ERR_INIT;
    json_t *model;
    size_t i;
    LH_TRY(list_models(rq, data, &failure, err));
    json_array_foreach(data, i, model) {
        if (strcmp(json_string_value(json_object_get(model, "id")), id) == 0)
            return response_json(rq, 200, model, err);
    }
    if (failure.code != LH_OK) { /* it may be that one's */
        *err = failure;
        return err->code;
    }
    lh_ignore(lh_fail(err, LH_NOT_FOUND, "there is no model \"%.200s\"", id));
    return lh_err_hint(err, "GET /v1/models lists them");
}
