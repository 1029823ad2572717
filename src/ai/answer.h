/* An answer from passages: what retrieval found, put before a generator within a budget, and what it says held against them.
 *
 * A passage is numbered from 1 in the prompt, and the generator is told to end what it takes from passage n with "[n]".  Each
 * marker of the answer becomes a citation: the claim before it, the passage, the excerpt of the passage that bears the
 * claim best (bytes of the passage itself, never of the answer), and how much of the claim's words stand in it, rare words
 * counting more.  Below ANSWER_SUPPORTED the citation is handed out as unsupported.  Markers that name no passage are cut out
 * and counted, also of what is told piece by piece: the pieces together are the answer's text.  So a citation always points
 * at retrieved text, whatever the generator made up.
 *
 * Passages are data: the prompt says so, and nothing in one can end its frame. */
#ifndef LH_AI_ANSWER_H
#define LH_AI_ANSWER_H

#include "ai/provider.h"
#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* UTF-8, the caller's.  Best first. */
struct answer_passage {
    const char *text;
    size_t len;
    const char *source;  /* "candidates/4711": names the document in the prompt */
    const char *heading; /* or NULL */
    unsigned page;       /* 0: none */
};

#define ANSWER_CONTEXT_TOKENS 3000u /* a model of 4,096 holds the question and an answer beside it */
#define ANSWER_PASSAGES_MAX 100u
#define ANSWER_SUPPORTED 0.5

struct answer_request {
    const char *question;
    const struct answer_passage *passages;
    size_t passage_count;               /* at most ANSWER_PASSAGES_MAX are looked at */
    const struct ai_provider *provider; /* NULL: no generator; the answer is made of excerpts and says so */
    const char *model;                  /* NULL: the provider's default */
    unsigned context_tokens;            /* for passages, by chunk_estimate_tokens; 0: ANSWER_CONTEXT_TOKENS */
    const struct ai_message *history;   /* what was said before the question; told to the generator, in this order */
    size_t history_count;
    const struct ai_chat_request *style; /* its temperature, top_p, max_tokens, seed and stops; NULL: the model's own */

    bool (*on_text)(void *self, const char *text,
                    size_t len); /* as in ai_chat_request; the text without false markers */
    void *self;
    int cancel_fd;
    int64_t deadline_ns;
};

struct answer_citation {
    size_t passage;                    /* number in the request, from 0 */
    size_t excerpt_begin, excerpt_end; /* bytes of the passage's text */
    size_t claim_begin, claim_end;     /* bytes of the answer's text, without its markers */
    double support;                    /* 0 to 1 */
    bool supported;
};

struct answer {
    struct buf text;
    struct answer_citation *citations; /* in the order of the text */
    size_t citation_count;
    size_t passages_used; /* the first so many were put before the generator, the last of them perhaps shortened */
    size_t unknown_markers;
    bool generated; /* by a model; otherwise these are excerpts */
    enum ai_finish finish;
    char *model; /* NULL where not generated */
    uint64_t prompt_tokens, answer_tokens;
};

/* Blocks on the provider.  No passages: the answer says that nothing was found, and no generator is asked.  The codes of
 * ai_provider_chat; LH_DATA where a passage is not UTF-8. */
LH_CHECKED enum lh_code answer_make(const struct answer_request *request, struct answer *ret_answer,
                                    struct lh_err *err);
void answer_release(struct answer *a); /* a zeroed one is fine */

static inline void answer_auto_release(struct answer *a) {
    answer_release(a);
}

#endif
