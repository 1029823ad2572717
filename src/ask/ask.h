/* A question answered from an index: search it, put what was found before a generator within a budget, and hand out the
 * answer with citations that were held against the passages (ai/answer.h says how).
 *
 *     ask_read      what is asked, from JSON
 *     ask_search    the passages: the index's hits, best first
 *     ask_answer    the answer, or excerpts of the passages where no generator is configured
 *     ask_*_json    both for clients
 *
 * The two steps are apart so that a client who watches sees the passages before the answer, and has them where the generator
 * fails.  One thread's; blocks as the index and the provider do. */
#ifndef LH_ASK_ASK_H
#define LH_ASK_ASK_H

#include "ai/answer.h"
#include "base/error.h"
#include "base/json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ai;
struct index_service;
struct profiles;

#define ASK_QUESTION_BYTES ((size_t)16384)
#define ASK_K_DEFAULT 8
#define ASK_K_MAX 100
#define ASK_CONTEXT_TOKENS_MAX 1000000

/* Where questions are put to. */
struct ask_place {
    const struct ai *ai;
    struct index_service *indexes;
    struct profiles *profiles;
};

struct ask {
    char *profile; /* NULL: none */
    char *question;
    char *model;    /* as ai_resolve takes it; NULL: the configured one */
    json_t *search; /* the request for index_search */
    unsigned context_tokens;

    json_t *found; /* its answer; NULL before ask_search */
    struct answer_passage *passages;
    char **sources; /* of the passages, "candidates/4711" */
    size_t passage_count;
};

/* `options` is {"index", "profile"?, "dataset"?, "k"?, "mode"?, "filter"?, "weights"?, "ef_search"?, "rerank"?, "rerank_depth"?,
 * "model"?, "context_tokens"?}; other members are the caller's.  Through a profile the index may be left out, the question
 * goes to the profile's datasets alone, and its generator writes where no model is named.  LH_INVALID, LH_TOO_LARGE,
 * LH_NOT_FOUND (the profile). */
LH_CHECKED enum lh_code ask_read(const struct ask_place *place, const json_t *options, const char *question,
                                 struct ask *ret_ask, struct lh_err *err);
/* The fields of `options`, NULL at the end: for lists of what a request may hold. */
#define ASK_FIELDS                                                                                                   \
    "index", "profile", "dataset", "k", "mode", "filter", "weights", "ef_search", "rerank", "rerank_depth", "model", \
        "context_tokens"

/* The codes of index_search, and LH_FORBIDDEN where the profile is not bound to what is asked. */
LH_CHECKED enum lh_code ask_search(const struct ask_place *place, struct ask *ask, int cancel_fd, struct lh_err *err);
const char *ask_index(const struct ask *ask); /* after ask_search: the index that was searched */

struct ask_style {
    const struct ai_message *history; /* as in answer_request, as are the others */
    size_t history_count;
    const struct ai_chat_request *sampling;
    bool (*on_text)(void *self, const char *text, size_t len);
    void *self;
    int cancel_fd;
    int64_t deadline_ns;
};
/* Who answers: *ret_provider NULL where no generator is configured and none was named.  The codes of ai_resolve. */
LH_CHECKED enum lh_code ask_generator(const struct ask_place *place, const struct ask *ask,
                                      const struct ai_provider **ret_provider, const char **ret_model,
                                      struct lh_err *err);
/* After ask_search.  The codes of answer_make. */
LH_CHECKED enum lh_code ask_answer(const struct ask *ask, const struct ai_provider *provider, const char *model,
                                   const struct ask_style *style, struct answer *ret_answer, struct lh_err *err);

/* {"index", "dataset", "generation", "mode", "passages": [...], "warning"?} */
json_t *ask_passages_json(const struct ask *ask);
/* {"answer", "generated", "model"?, "finish"?, "citations": [...], "dropped_citations", "passages_used", "note"?, "usage"?} */
json_t *ask_answer_json(const struct ask *ask, const struct ai_provider *provider, const struct answer *answer);

void ask_release(struct ask *ask); /* a zeroed one is fine */
static inline void ask_auto_release(struct ask *ask) {
    ask_release(ask);
}

#endif
