/* The two halves of an answer that need no generator: the prompt, and the citations of a text. */
#ifndef LH_AI_ANSWER_INTERNAL_H
#define LH_AI_ANSWER_INTERNAL_H

#include "ai/answer.h"

/* The passages that fit the budget as one message; *ret_used is how many.  Of one that does not fit, what fits of its first
 * sentences is used where it is the first, or where at least a third of it fits; then it is the last. */
LH_CHECKED enum lh_code answer_prompt(const struct answer_request *request, struct buf *out, size_t *ret_used,
                                      struct lh_err *err);

/* Reads the markers of `a->text`, cuts out those that name none of the first `used` passages, and fills the citations. */
LH_CHECKED enum lh_code answer_cite(const struct answer_request *request, size_t used, struct answer *a,
                                    struct lh_err *err);

/* The piece of a passage that shares most with `words`, and how much of them: 0 to 1. */
struct answer_excerpt {
    size_t begin, end;
    double support;
};
LH_CHECKED enum lh_code answer_find_excerpt(const struct answer_passage *passage, const char *text, size_t len,
                                            struct answer_excerpt *ret_excerpt, struct lh_err *err);

#endif
