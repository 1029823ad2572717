/* The providers that a configuration makes, and who of them does what.
 *
 * `builtin` is always there; `ollama` and `openai` where the configuration or the environment names them.  Opening asks
 * nobody: a service may be down then and come later.  Everything is thread-safe and lives until ai_close. */
#ifndef LH_AI_AI_H
#define LH_AI_AI_H

#include "ai/provider.h"
#include "base/error.h"

#include <stddef.h>

struct ai;
struct lh_config;
struct lh_metrics;
struct os;

struct ai_options {
    struct os *os;
    const struct lh_config *config; /* section [ai] */
    struct lh_metrics *metrics;     /* NULL: nothing is counted; outlives the providers */
    const char *ollama_host;        /* OLLAMA_HOST, and OPENAI_API_KEY, of the environment; NULL: not set */
    const char *openai_key;
};

/* LH_INVALID or LH_NOT_FOUND where ai.openai_key_file cannot be used. */
LH_CHECKED enum lh_code ai_open(const struct ai_options *options, struct ai **ret_ai, struct lh_err *err);
void ai_close(struct ai *ai); /* NULL is fine; no call may be running */

const struct ai_provider *ai_embedder(const struct ai *ai);  /* of ai.embedder; never NULL */
const struct ai_provider *ai_generator(const struct ai *ai); /* of ai.generator; NULL: none is configured */

size_t ai_provider_count(const struct ai *ai);
const struct ai_provider *ai_provider_at(const struct ai *ai, size_t i);
void ai_tell_metrics(const struct ai *ai); /* the gauges of every provider, before they are read */
const struct ai_provider *ai_provider_find(const struct ai *ai, const char *name); /* NULL where there is none such */

/* Who is meant by the model that a client names: NULL or "": the default provider and model for the ability; the name of a
 * provider, "ollama": its default model; "ollama/nomic-embed-text": that model of it; "lexical-1": the built-in one; any
 * other: a model of the default provider, which is `builtin` for AI_CAN_RERANK.  LH_UNAVAILABLE where nobody is configured for the ability, LH_NOT_FOUND where
 * there is no such model as far as can be told without asking; both with the remedy.  `*ret_model` lives as long as `model` or
 * `ai`. */
LH_CHECKED enum lh_code ai_resolve(const struct ai *ai, const char *model, enum ai_ability ability,
                                   const struct ai_provider **ret_provider, const char **ret_model, struct lh_err *err);

#endif
