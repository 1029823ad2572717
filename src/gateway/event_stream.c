#include "gateway/event_stream.h"

#include "base/attr.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "gateway/accept.h"
#include "gateway/request.h"

bool event_stream_wanted(struct request *rq) {
    static const char *const offers[] = {"application/json", "text/event-stream"};
    return accept_choose(request_header(rq, "Accept"), offers, LH_ARRAY_LEN(offers)) == 1;
}

enum lh_code event_stream_send_text(struct event_stream *s, const char *text, struct lh_err *err) {
    LH_AUTO(buf) struct buf event = BUF_INIT;
    if (!s->begun) {
        response_header(s->rq, "Cache-Control", "no-store");
        LH_TRY(response_begin(s->rq, 200, "text/event-stream", -1, err));
        s->begun = true;
    }
    buf_printf(&event, "data: %s\n\n", text);
    return response_write(s->rq, event.data, event.len, err);
}

enum lh_code event_stream_send(struct event_stream *s, const json_t *event, struct lh_err *err) {
    LH_AUTO(buf) struct buf text = BUF_INIT;
    lh_json_write(event, LH_JSON_COMPACT, &text);
    return event_stream_send_text(s, text.data, err);
}

enum lh_code event_stream_end(struct event_stream *s, struct lh_err *err) {
    return response_end(s->rq, err);
}

json_t *error_json(const struct lh_err *err) {
    LH_AUTO(buf) struct buf message = BUF_INIT;
    buf_printf(&message, "%s%s%s", err->message, err->hint[0] ? "; " : "", err->hint);
    int status = lh_code_http_status(err->code);
    const char *type = status >= 500   ? "server_error"
                       : status == 401 ? "authentication_error"
                       : status == 429 ? "rate_limit_error"
                                       : "invalid_request_error";
    json_t *text = json_string(message.data);
    return json_pack("{s:o, s:s, s:n, s:s}", "message", text ? text : json_string("(text that is not UTF-8)"), "type",
                     type, "param", "code", lh_code_name(err->code));
}

enum lh_code event_stream_fail(struct event_stream *s, struct lh_err *err) {
    if (!s->begun || err->code == LH_CANCELLED)
        return err->code;
    struct lh_err ignored = LH_ERR_INIT;
    LH_AUTO(json) json_t *event = json_pack("{s:o}", "error", error_json(err));
    lh_log_error(request_log(s->rq), LH_LOG_WARN, "a streamed answer broke off", err);
    if (event_stream_send(s, event, &ignored) != LH_OK)
        return err->code;
    return event_stream_end(s, err);
}
