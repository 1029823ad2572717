/* The two halves of an answer that need no generator: the prompt, and the citations of a text. */
#ifndef LH_AI_ANSWER_INTERNAL_H
#define LH_AI_ANSWER_INTERNAL_H

#include "ai/answer.h"

/* The passages that fit the budget as one message; *ret_used is how many.  Of one that does not fit, what fits of its first
 * sentences is used where it is the first, or where at least a third of it fits; then it is the last. */
LH_CHECKED enum lh_code answer_prompt(const struct answer_request *request, struct buf *out, size_t *ret_used,
                                      struct lh_err *err);

/* Markers as they come: "[2]", and "[2, 7]", which becomes "[2][7]".  Those that name none of the first `used` passages go,
 * each with a blank before it.  What is said does not depend on how it came in pieces.  A zeroed struct with `used` set is
 * ready. */
struct answer_markers {
    size_t used;
    size_t unknown;  /* that were cut out */
    size_t blanks;   /* of `held`, at its begin; behind them is at most the begin of a marker */
    struct buf held; /* seen, and not known yet whether it stays */
};
void answer_markers_feed(struct answer_markers *m, const char *text, size_t len, struct buf *out);
void answer_markers_end(struct answer_markers *m, struct buf *out); /* what is held stays */
void answer_markers_release(struct answer_markers *m);
static inline void answer_markers_auto_release(struct answer_markers *m) {
    answer_markers_release(m);
}

/* Reads the markers of `a->text`, from which false ones are gone, and fills the citations. */
LH_CHECKED enum lh_code answer_cite(const struct answer_request *request, struct answer *a, struct lh_err *err);

/* The piece of a passage that shares most with `words`, and how much of them: 0 to 1. */
struct answer_excerpt {
    size_t begin, end;
    double support;
};
LH_CHECKED enum lh_code answer_find_excerpt(const struct answer_passage *passage, const char *text, size_t len,
                                            struct answer_excerpt *ret_excerpt, struct lh_err *err);

#endif
