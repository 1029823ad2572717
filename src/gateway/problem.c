/* Errors to clients: RFC 9457 problem details. */
#include "gateway/exchange.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "gateway/event_stream.h"

#include <stdio.h>
#include <string.h>

static json_t *text_or_empty(const char *text) {
    json_t *json = json_string(text);
    return json ? json : json_string("(text that is not UTF-8)");
}

static json_t *problem_json(const struct request *rq, const struct lh_err *err, int status) {
    json_t *p = json_object();
    char type[96];
    snprintf(type, sizeof type, "urn:lakehouse:problem:%s", lh_code_name(err->code));
    json_object_set_new(p, "type", json_string(type));
    json_object_set_new(p, "title", json_string(lh_code_title(err->code)));
    json_object_set_new(p, "status", json_integer(status));
    json_object_set_new(p, "detail", text_or_empty(err->message));
    json_object_set_new(p, "instance", text_or_empty(rq->url.path ? rq->url.path : "/"));
    json_object_set_new(p, "code", json_string(lh_code_name(err->code)));
    if (err->hint[0])
        json_object_set_new(p, "hint", text_or_empty(err->hint));
    if (err->position > 0)
        json_object_set_new(p, "position", json_integer(err->position));
    json_object_set_new(p, "request_id", json_string(rq->id));
    if (rq->url.path && strncmp(rq->url.path, "/v1/", 4) == 0)
        json_object_set_new(p, "error", error_json(err)); /* where OpenAI's clients look */
    if (rq->problem_members)
        json_object_update_missing(p, rq->problem_members);
    return p;
}

static void drop_members(void *members) {
    json_decref(members);
}

void response_problem_members(struct request *rq, json_t *members) {
    rq->problem_members = json_incref(members);
    arena_defer(rq->arena, drop_members, members);
}

void response_problem(struct request *rq, const struct lh_err *err) {
    int status = lh_code_http_status(err->code);
    if (status == 429 || status == 503)
        response_header(rq, "Retry-After", status == 429 ? "60" : "1");
    if (err->code == LH_UNAUTHENTICATED)
        response_header(rq, "WWW-Authenticate", "Bearer realm=\"lakehouse\"");
    LH_AUTO(json) json_t *p = problem_json(rq, err, status);
    LH_AUTO(buf) struct buf text = BUF_INIT;
    lh_json_write(p, LH_JSON_COMPACT, &text);
    buf_append_char(&text, '\n');
    struct lh_err unused = LH_ERR_INIT;
    lh_ignore(response_bytes(rq, status, "application/problem+json", text.data, text.len, &unused));
}
