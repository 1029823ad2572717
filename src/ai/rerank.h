/* Texts in the order in which they fit a query: looked at together with it, one by one, which a search by vectors cannot do.
 *
 * Three ways, told apart by the model's name (ai_resolve's rules for names):
 *     none, or "lexical-rerank-1"   in this process, by words: rerank_lexical
 *     "openai/NAME"                 the service's POST /rerank; a service that has none is asked as the next one is
 *     "ollama/NAME"                 a generator is asked for a mark from 0 to 10 for each text, RERANK_BATCH texts a question
 *
 * The built-in way is honest work and no language model: it sees words, their inflections and where they stand. */
#ifndef LH_AI_RERANK_H
#define LH_AI_RERANK_H

#include "ai/provider.h"
#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

struct ai;
struct lexical_weights;

#define RERANK_MODEL "lexical-rerank-1"
#define RERANK_TEXTS_MAX 1000
#define RERANK_BATCH 10u
#define RERANK_TEXT_BYTES ((size_t)2000) /* of each, to a generator */

struct reranked {
    const struct ai_provider *provider;
    char *model;
    double
        *scores;   /* of the texts, in their order; higher is better.  The built-in ones and a generator's are 0 to 1 */
    size_t *order; /* numbers of texts, best first; of equal scores the earlier text is first */
};

/* At most RERANK_TEXTS_MAX texts.  request->model is a name as clients give it.  LH_NOT_FOUND, LH_INVALID, LH_TOO_LARGE,
 * LH_UPSTREAM where a service fails, or a generator's marks make no sense. */
LH_CHECKED enum lh_code ai_rerank(const struct ai *ai, const struct ai_rerank_request *request,
                                  struct reranked *ret_ranked, struct lh_err *err);
void reranked_release(struct reranked *r); /* a zeroed one is fine */
static inline void reranked_auto_release(struct reranked *r) {
    reranked_release(r);
}

/* The built-in scores, 0 to 1, deterministic.  Pure.
 *
 * A word of the query is found in a text as it is, or, for half, where both begin alike (at least 4 letters) and end in at most
 * 3 others: nurse, nursing.  A word weighs how rare it is in the language times how rare it is among the texts, so that
 * what all of them say does not decide.  The score is
 *     0.40 x BM25 (k1 1.2, b 0.75), as a share of the highest there can be
 *     0.25 x the share of the query's words that the text has
 *     0.15 x that share, times how closely they stand: (words - 1) / (shortest stretch with all of them - 1)
 *     0.20 x the similarity of the built-in embeddings, where it is positive */
void rerank_lexical(const struct lexical_weights *weights, const struct ai_text *query, const struct ai_text *texts,
                    size_t count, double *ret_scores);

#endif
