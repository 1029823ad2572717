#include "gateway/page.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/hash.h"
#include "base/utf8.h"
#include "gateway/request.h"

#include <string.h>

/* The token is base64url of a version letter and the last item's name: opaque to clients, nothing to keep here. */
#define TOKEN_VERSION 'a'

enum lh_code page_parse(struct request *rq, uint64_t fallback_limit, uint64_t max_limit, struct page *ret_page,
                        struct lh_err *err) {
    struct page page = {0, ""};
    LH_TRY(request_query_uint(rq, "limit", 1, max_limit, fallback_limit, &page.limit, err));
    const char *token = request_query_param(rq, "page_token");
    if (token && token[0]) {
        LH_AUTO(buf) struct buf text = BUF_INIT;
        if (!lh_base64url_decode(token, strlen(token), &text) || text.len < 1 || text.data[0] != TOKEN_VERSION ||
            memchr(text.data, '\0', text.len) || !utf8_valid(text.data, text.len, NULL)) {
            lh_fail(err, LH_INVALID, "page_token is not one that this server gave out");
            return lh_err_hint(err, "pass next_page_token of the page before, unchanged, or leave it out");
        }
        page.after = arena_strdup(request_arena(rq), text.data + 1);
    }
    *ret_page = page;
    return LH_OK;
}

enum lh_code page_respond(struct request *rq, json_t *items, const char *next, struct lh_err *err) {
    LH_AUTO(json) json_t *answer = json_object();
    json_object_set_new(answer, "items", items);
    return page_respond_with(rq, answer, next, err);
}

enum lh_code page_respond_with(struct request *rq, json_t *answer, const char *next, struct lh_err *err) {
    if (next) {
        LH_AUTO(buf) struct buf plain = BUF_INIT;
        LH_AUTO(buf) struct buf token = BUF_INIT;
        buf_append_char(&plain, TOKEN_VERSION);
        buf_append_str(&plain, next);
        lh_base64url_encode(plain.data, plain.len, &token);
        json_object_set_new(answer, "next_page_token", json_string(token.data));
    } else {
        json_object_set_new(answer, "next_page_token", json_null());
    }
    return response_json(rq, 200, answer, err);
}
