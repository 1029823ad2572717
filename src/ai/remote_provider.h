/* What providers behind HTTP are made of: settings, and the parts of embedding and chatting that do not depend on whose
 * protocol it is.  Private to src/ai. */
#ifndef LH_AI_REMOTE_PROVIDER_H
#define LH_AI_REMOTE_PROVIDER_H

#include "ai/provider.h"
#include "ai/remote.h"
#include "base/json.h"

struct remote_provider_options {
    struct remote_options remote; /* its name is the provider's */
    const char *embed_model;      /* "" where none is configured */
    const char *generate_model;
    unsigned dims; /* asked of the model where a request does not say; 0: its own */
    size_t batch;  /* texts in one request */
    int64_t keep_alive_ms;
    const char *document_prefix, *query_prefix; /* before each text */
};

struct remote_provider {
    struct ai_provider provider; /* its name and models are the strings below */
    struct remote *remote;
    struct remote_provider_options options; /* its strings are its own; `remote` is not kept */
};

/* Shared parts of new, state and free. */
LH_CHECKED enum lh_code remote_provider_new(const struct remote_provider_options *options,
                                            const struct ai_provider_ops *ops, unsigned abilities,
                                            struct ai_provider **ret_provider, struct lh_err *err);
void remote_provider_state(void *self, struct ai_state *ret_state);
void remote_provider_free(void *self);

/* `wanted`, or the configured one; LH_INVALID where there is neither. */
LH_CHECKED enum lh_code remote_provider_model(const struct remote_provider *p, const char *wanted,
                                              const char *configured, const char *key, const char **ret_model,
                                              struct lh_err *err);

/* ---- embedding ---- */

/* One protocol's way to ask for vectors and to say them. */
struct embed_shape {
    const char *path;
    json_t *(*body)(const struct remote_provider *p, const char *model, json_t *input,
                    unsigned dims);                       /* takes `input` */
    const json_t *(*row)(const json_t *answer, size_t i); /* the i-th text's vector; NULL: there is none */
    uint64_t (*tokens)(const json_t *answer);
};

/* The slot `embed`: batches, prefixes, rows checked and brought to length one. */
LH_CHECKED enum lh_code remote_provider_embed(struct remote_provider *p, const struct embed_shape *shape,
                                              const struct ai_embed_request *request, struct ai_vectors *ret,
                                              struct lh_err *err);

/* ---- chatting ---- */

/* An answer as it comes, line by line. */
struct chat_stream {
    struct remote_provider *provider;
    const struct ai_chat_request *request;
    struct ai_answer *answer;
    bool done;         /* the end was told; without it the answer was cut off */
    struct lh_err err; /* why a line stopped the call; code LH_OK: on_text did */
    bool broken;       /* err is set */
};

json_t *chat_messages(const struct ai_chat_request *request);
/* Add a piece and tell it; false: stop. */
bool chat_piece(struct chat_stream *s, const json_t *piece);
void chat_finish(struct chat_stream *s, const char *reason);
/* A line as JSON (new reference); NULL where it is not an object, or tells an error: then `s` is broken. */
json_t *chat_line(struct chat_stream *s, const char *line, size_t len);
/* Send it, and judge how it ended. */
LH_CHECKED enum lh_code chat_send(struct chat_stream *s, const char *path, const json_t *body,
                                  bool (*on_line)(void *self, const char *line, size_t len), struct lh_err *err);

uint64_t json_count(const json_t *object, const char *key); /* a whole number from 0 on; 0 where it is none */

#endif
