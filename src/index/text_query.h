/* What people type into a search box, as an FTS5 expression.
 *
 *     nurse icu                  chunks with both words, best first
 *     "registered nurse"         these words side by side, in this order
 *     -travel  -"night shift"    not in chunks with these
 *     pediat*                    words that begin so
 *
 *     看護師 東京                 where writing has no spaces: chunks with both rows of signs, wherever they stand in the text
 *
 * What is written so is often a whole sentence, which no chunk holds: for `any` its signs are taken two by two, but in quotes.
 *
 * Everything else means itself: AND, OR, NOT, NEAR, colons, parentheses and carets are words or nothing.  Each piece is
 * written as a quoted FTS5 string, in which only the quote has a meaning (and is doubled), so no input is a syntax error and
 * none reaches FTS5's operators or column filters. */
#ifndef LH_INDEX_TEXT_QUERY_H
#define LH_INDEX_TEXT_QUERY_H

#include "base/buf.h"
#include "base/error.h"

#include <stddef.h>

struct text_tokenizer;

#define TEXT_QUERY_MAX_BYTES ((size_t)4096)
#define TEXT_QUERY_MAX_PIECES 64 /* the rest is left out */
#define TEXT_QUERY_MAX_PARTS 256 /* of `any` */

struct text_query {
    struct buf all; /* every piece must be there */
    struct buf any; /* one of them must, or a part of one */
    size_t parts;   /* of `any`: where it is 1, both say the same */
};

/* *ret_query must be empty.  LH_INVALID where there is no word to look for; LH_TOO_LARGE. */
LH_CHECKED enum lh_code text_query_parse(struct text_tokenizer *t, const char *words, struct text_query *ret_query,
                                         struct lh_err *err);

static inline void text_query_auto_release(struct text_query *q) {
    buf_release(&q->all);
    buf_release(&q->any);
}

#endif
