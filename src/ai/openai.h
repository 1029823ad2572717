/* The provider `openai`: any service that speaks OpenAI's protocol for embeddings, chat completions and models (its API
 * reference), whether OpenAI's own, vLLM, llama.cpp, LM Studio or another. */
#ifndef LH_AI_OPENAI_H
#define LH_AI_OPENAI_H

#include "ai/provider.h"
#include "ai/remote_provider.h"

#define AI_OPENAI "openai"
#define AI_OPENAI_URL "https://api.openai.com/v1"

/* The base URL ends where "/embeddings" begins: mostly in "/v1". */
LH_CHECKED enum lh_code ai_openai_new(const struct remote_provider_options *options, struct ai_provider **ret_provider,
                                      struct lh_err *err);

#endif
