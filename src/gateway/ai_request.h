/* What the routes that embed and generate share: reading a client's request into the shapes of ai/provider.h, and asking. */
#ifndef LH_GATEWAY_AI_REQUEST_H
#define LH_GATEWAY_AI_REQUEST_H

#include "ai/provider.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"

struct request;

#define AI_MAX_TEXTS 2048            /* in one request, as OpenAI has it */
#define AI_INDEX_PREFIX "lakehouse/" /* a model of this name answers from an index */

/* Texts of an array of strings, 1 to AI_MAX_TEXTS; they live as long as the request's body. */
LH_CHECKED enum lh_code ai_request_texts(struct request *rq, const json_t *texts, const char *field,
                                         struct ai_embed_request *embed, struct lh_err *err);
/* Reads "model" and "dimensions" of `body` and embeds what `embed` has. */
LH_CHECKED enum lh_code ai_request_embed(struct request *rq, const json_t *body, struct ai_embed_request *embed,
                                         const struct ai_provider **ret_provider, struct ai_vectors *ret_vectors,
                                         struct lh_err *err);
/* The name by which a client can ask for the model again: "lexical-1", "ollama/nomic-embed-text". */
const char *ai_public_name(struct request *rq, const struct ai_provider *p, const char *model);
/* Numbers parted by commas, enough digits of each to read the same float again. */
void ai_append_vector(const float *vector, unsigned dims, struct buf *out);

/* The request's deadline as ai/provider.h takes it. */
int64_t ai_request_deadline(struct request *rq);
/* Reads temperature, top_p, max_tokens, seed and stop (a string, or an array of up to 16). */
LH_CHECKED enum lh_code ai_request_sampling(struct request *rq, const json_t *body, struct ai_chat_request *chat,
                                            struct lh_err *err);
/* Reads "model" and asks the generator. */
LH_CHECKED enum lh_code ai_request_chat(struct request *rq, const json_t *body, struct ai_chat_request *chat,
                                        const struct ai_provider **ret_provider, struct ai_answer *ret_answer,
                                        struct lh_err *err);

#endif
