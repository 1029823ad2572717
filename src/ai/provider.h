/* Providers of embeddings and of generated text, behind one seam: `builtin` (in this process), `ollama` and `openai`.
 *
 * A provider is a table of functions and its state; ai.h says which ones a configuration makes.  All calls block, may be
 * made by any number of threads at the same time, and end early when `cancel_fd` becomes readable (LH_CANCELLED).
 *
 * What a failure means, for whoever has work waiting:
 *     LH_UPSTREAM    the provider is down, slow, refuses the key or answers nonsense: 502, the message names it.  The work
 *                    is still to be done: keep it and try again later (`ai_provider_wait_ms` says when).
 *     LH_CANCELLED   somebody said stop.
 *     anything else  this request cannot succeed as it is: LH_NOT_FOUND (no such model; the hint says how to get it),
 *                    LH_INVALID, LH_UNSUPPORTED (the provider cannot do this at all), LH_TOO_LARGE (a text is longer than
 *                    the model takes).
 * Texts are UTF-8; what is not is LH_INVALID.  No message holds a key or a text. */
#ifndef LH_AI_PROVIDER_H
#define LH_AI_PROVIDER_H

#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ai_provider;
struct lexical_weights;
struct lh_metrics;
struct os;

#define AI_MAX_DIMS 16384u
#define AI_MAX_TEXT_BYTES ((size_t)1024 * 1024) /* of one text to embed; more is LH_TOO_LARGE */

enum ai_ability {
    AI_CAN_EMBED = 1,
    AI_CAN_GENERATE = 2,
    AI_CAN_LOAD = 4, /* models can be loaded into memory and unloaded by request */
    AI_CAN_RERANK =
        16, /* says itself how well texts fit a query; whoever generates can be asked for it too (ai/rerank.h) */
    AI_CAN_LEARN = 8, /* embeds better with lexical_weights learned from the texts of an index (ai/lexical.h) */
};

/* ---- embedding ---- */

struct ai_text {
    const char *data;
    size_t len;
};

enum ai_purpose {
    AI_DOCUMENT,
    AI_QUERY
}; /* some models want the two told apart: ai.document_prefix, ai.query_prefix */

struct ai_embed_request {
    const char *model; /* NULL: the provider's default */
    const struct ai_text *texts;
    size_t count; /* any number: providers make batches of it */
    enum ai_purpose purpose;
    unsigned dims; /* 0: what the model has by default; otherwise as many, or LH_INVALID */
    bool any_dims; /* but take what the model gives where it does not heed `dims`: the caller compares */
    const struct lexical_weights
        *weights;        /* for a provider that can learn; NULL: its built-in ones.  Others ignore it */
    int cancel_fd;       /* readable: stop; 0 or less: none */
    int64_t deadline_ns; /* os_monotonic_ns; 0: none but the provider's own time limits */
};

/* Vectors of length one, count x dims floats, row by row in the order of the texts. */
struct ai_vectors {
    float *data;
    size_t count;
    unsigned dims;
    char *model;     /* as the provider names it; two sets of vectors may be compared where model and dims are equal
                      * (and, where it can learn, the weights) */
    uint64_t tokens; /* that were read; 0 where the provider does not say */
};

void ai_vectors_release(struct ai_vectors *vectors);
static inline void ai_vectors_auto_release(struct ai_vectors *vectors) {
    ai_vectors_release(vectors);
}

/* ---- generating ---- */

struct ai_message {
    const char *role; /* "system", "user" or "assistant" */
    const char *text;
};

struct ai_chat_request {
    const char *model; /* NULL: the provider's default */
    const struct ai_message *messages;
    size_t count;
    double temperature; /* below 0: the model's own */
    double top_p;       /* 0 or less: the model's own */
    int64_t max_tokens; /* of the answer; 0: the model's own limit */
    int64_t seed;       /* below 0: none */
    const char *const *stops;
    size_t stop_count;
    bool json; /* the answer is to be one JSON object */

    /* Each piece of the answer as it comes (whole UTF-8 sequences, len >= 1); false stops.  NULL: none are told. */
    bool (*on_text)(void *self, const char *text, size_t len);
    void *self;

    int cancel_fd;       /* as above */
    int64_t deadline_ns; /* as above */
};

enum ai_finish { AI_FINISH_STOP, AI_FINISH_LENGTH }; /* the model was done; or max_tokens or its window was full */

struct ai_answer {
    struct buf text; /* all of it, also where it was told in pieces */
    enum ai_finish finish;
    char *model;
    uint64_t prompt_tokens; /* 0 where the provider does not say */
    uint64_t answer_tokens;
};

void ai_answer_release(struct ai_answer *answer);
static inline void ai_answer_auto_release(struct ai_answer *answer) {
    ai_answer_release(answer);
}

/* ---- reranking ---- */

struct ai_rerank_request {
    const char *model; /* NULL: the provider's default */
    struct ai_text query;
    const struct ai_text *texts;
    size_t count;
    int cancel_fd;       /* as above */
    int64_t deadline_ns; /* as above */
};

/* ---- models and health ---- */

struct ai_model {
    char *name;
    unsigned abilities;   /* AI_CAN_EMBED | AI_CAN_GENERATE; 0: the provider does not say */
    unsigned dims;        /* of its vectors; 0: not known before the first one */
    uint64_t size_bytes;  /* on disk; 0: not known */
    bool loaded;          /* in memory now */
    uint64_t vram_bytes;  /* of it in the memory of a GPU; 0: none, or not known */
    int64_t unload_at_us; /* Unix time at which it leaves memory by itself; 0: not known */
};

struct ai_models {
    struct ai_model *items;
    size_t count;
};

void ai_models_release(struct ai_models *models);
static inline void ai_models_auto_release(struct ai_models *models) {
    ai_models_release(models);
}

enum ai_circuit { AI_CIRCUIT_CLOSED, AI_CIRCUIT_OPEN, AI_CIRCUIT_HALF_OPEN };

/* What is known without asking. */
struct ai_state {
    enum ai_circuit circuit; /* open: calls fail at once; half open: one call is let through to try */
    unsigned failures;       /* in a row */
    int64_t wait_ms;         /* until the next call is let through; 0: now */
    uint64_t calls;          /* since the start */
    uint64_t failed_calls;
    uint64_t retries;
    char last_error[256]; /* "" where there was none since the last success */
};

/* ---- the seam ---- */

struct ai_provider_ops {
    const char *kind; /* "builtin", "ollama", "openai" */
    /* Outputs zeroed before and, on failure, released by the callee.  A slot may be NULL where the ability is absent. */
    enum lh_code (*embed)(void *self, const struct ai_embed_request *request, struct ai_vectors *ret,
                          struct lh_err *err);
    enum lh_code (*chat)(void *self, const struct ai_chat_request *request, struct ai_answer *ret, struct lh_err *err);
    /* A finite score for each text, higher is better; its scale is the model's. */
    enum lh_code (*rerank)(void *self, const struct ai_rerank_request *request, double *ret_scores, struct lh_err *err);
    enum lh_code (*models)(void *self, int cancel_fd, struct ai_models *ret, struct lh_err *err);
    /* Put a model into memory (keep: for how long, in ms; below 0: for good) or take it out (keep_ms 0). */
    enum lh_code (*load)(void *self, const char *model, int64_t keep_ms, int cancel_fd, struct lh_err *err);
    /* Ask the provider whether it answers, within a few seconds, past an open circuit. */
    enum lh_code (*health)(void *self, int cancel_fd, struct lh_err *err);
    void (*state)(void *self, struct ai_state *ret_state); /* never blocks */
    void (*free)(void *self);
};

/* Where calls are counted; zeroed: nowhere. */
struct ai_meter {
    struct lh_metrics *metrics;
    struct os *os; /* its clock */
    unsigned provider;
};

struct ai_provider {
    const struct ai_provider_ops *ops;
    void *self;
    const char *name;           /* what messages, configuration and routes call it: its kind */
    const char *address;        /* base URL without user info; "" for one in this process */
    unsigned abilities;         /* of enum ai_ability */
    const char *embed_model;    /* the default one; "" where none is configured */
    const char *generate_model; /* likewise */
    struct ai_meter meter;      /* set before the first call */
};

/* The calls: each checks the ability and the request, then asks.  Outputs are untouched on failure. */
LH_CHECKED enum lh_code ai_provider_embed(const struct ai_provider *p, const struct ai_embed_request *request,
                                          struct ai_vectors *ret_vectors, struct lh_err *err);
LH_CHECKED enum lh_code ai_provider_chat(const struct ai_provider *p, const struct ai_chat_request *request,
                                         struct ai_answer *ret_answer, struct lh_err *err);
LH_CHECKED enum lh_code ai_provider_rerank(const struct ai_provider *p, const struct ai_rerank_request *request,
                                           double *ret_scores, struct lh_err *err);
LH_CHECKED enum lh_code ai_provider_models(const struct ai_provider *p, int cancel_fd, struct ai_models *ret_models,
                                           struct lh_err *err);
LH_CHECKED enum lh_code ai_provider_load(const struct ai_provider *p, const char *model, int64_t keep_ms, int cancel_fd,
                                         struct lh_err *err);
LH_CHECKED enum lh_code ai_provider_health(const struct ai_provider *p, int cancel_fd, struct lh_err *err);
void ai_provider_state(const struct ai_provider *p, struct ai_state *ret_state);
/* How long work that met LH_UPSTREAM should wait before it asks again: at least 1,000. */
int64_t ai_provider_wait_ms(const struct ai_provider *p);
void ai_provider_tell_metrics(const struct ai_provider *p); /* the gauges, before they are read */
void ai_provider_free(struct ai_provider *p);               /* frees `p` too; NULL is fine; no call may be running */

const char *ai_circuit_name(enum ai_circuit circuit); /* "closed", "open", "half_open" */

#endif
