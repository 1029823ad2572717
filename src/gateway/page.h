/* Lists come in pages: `limit` and an opaque `page_token`, answered as {items, next_page_token}. */
#ifndef LH_GATEWAY_PAGE_H
#define LH_GATEWAY_PAGE_H

#include "base/error.h"
#include "base/json.h"

#include <stddef.h>
#include <stdint.h>

struct request;

struct page {
    uint64_t limit;
    const char *after; /* what the token held: continue behind it; "" at the beginning */
};

/* LH_INVALID for a token that is not one of ours. */
LH_CHECKED enum lh_code page_parse(struct request *rq, uint64_t fallback_limit, uint64_t max_limit,
                                   struct page *ret_page, struct lh_err *err);
/* Answer 200 with `items` (taken over); `next` is what the next page continues behind, NULL on the last one. */
LH_CHECKED enum lh_code page_respond(struct request *rq, json_t *items, const char *next, struct lh_err *err);
/* The same for an answer that has `items` and more; borrowed. */
LH_CHECKED enum lh_code page_respond_with(struct request *rq, json_t *answer, const char *next, struct lh_err *err);

#endif
