#include "ai/remote.h"

#include "ai/breaker.h"
#include "base/alloc.h"
#include "base/cleanup.h"
#include "net/http_client.h"
#include "os/clock.h"
#include "os/os.h"

#include <inttypes.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROBE_MS 3000
#define FIRST_BACKOFF_MS 200
#define LONGEST_WAIT_MS 30000 /* a Retry-After above it is the caller's to wait for */
#define MAX_ERROR_BYTES ((size_t)64 * 1024)
#define MAX_LINE_BYTES ((size_t)4 * 1024 * 1024)

struct remote {
    struct os *os;
    char *name;
    char *base_url;
    char *address;
    char *key_header; /* "Bearer ..." or NULL */
    char *key_hint, *url_hint;
    struct remote_options limits; /* its numbers */
    struct http_client *http;
    struct breaker breaker;
    atomic_uint_least64_t calls, failed_calls, retries;
};

enum lh_code remote_new(const struct remote_options *o, struct remote **ret_remote, struct lh_err *err) {
    struct http_client *http;
    LH_TRY(http_client_new(NULL, &http, err));
    struct remote *r = lh_calloc(1, sizeof *r);
    size_t len = strlen(o->base_url);
    while (len > 0 && o->base_url[len - 1] == '/')
        len--;
    r->http = http;
    r->os = o->os;
    r->limits = *o;
    r->name = lh_strdup(o->name);
    r->base_url = lh_strndup(o->base_url, len);
    const char *host = strstr(r->base_url, "://");
    host = host ? host + 3 : r->base_url;
    size_t authority = strcspn(host, "/");
    const char *user = memrchr(host, '@', authority);
    r->address =
        user ? lh_asprintf("%.*s%s", (int)(host - r->base_url), r->base_url, user + 1) : lh_strdup(r->base_url);
    r->key_header = o->key ? lh_asprintf("Bearer %s", o->key) : NULL;
    r->key_hint = lh_strdup(o->key_hint);
    r->url_hint = lh_strdup(o->url_hint);
    breaker_init(&r->breaker, o->breaker_failures, o->breaker_pause_ms);
    *ret_remote = r;
    return LH_OK;
}

void remote_free(struct remote *r) {
    if (!r)
        return;
    http_client_free(r->http);
    breaker_deinit(&r->breaker);
    lh_free(r->name);
    lh_free(r->base_url);
    lh_free(r->address);
    lh_free(r->key_header);
    lh_free(r->key_hint);
    lh_free(r->url_hint);
    lh_free(r);
}

const char *remote_address(const struct remote *r) {
    return r->address;
}

void remote_state(struct remote *r, struct ai_state *ret_state) {
    *ret_state = (struct ai_state){
        .calls = atomic_load(&r->calls),
        .failed_calls = atomic_load(&r->failed_calls),
        .retries = atomic_load(&r->retries),
    };
    breaker_state(&r->breaker, os_monotonic_ns(r->os), ret_state);
}

/* ---- what went wrong ---- */

/* Words of the provider for a message: one line, not too long, nothing if the key is in it. */
static void quote(const struct remote *r, const char *text, char *ret_text, size_t size) {
    size_t len = 0;
    const char *key = r->key_header ? r->key_header + strlen("Bearer ") : NULL;
    if (!key || !strstr(text, key))
        for (; text[len] && len + 1 < size && len < 300; len++)
            ret_text[len] = (unsigned char)text[len] < ' ' ? ' ' : text[len];
    while (len > 0 && text[len] && ((unsigned char)text[len] & 0xC0) == 0x80) /* not in the middle of a character */
        len--;
    ret_text[len] = '\0';
}

/* {"error": "..."}, {"error": {"message": "..."}}, {"message": "..."}, {"detail": "..."}; NULL where it says nothing. */
static const char *words_of(const json_t *answer) {
    const json_t *error = json_object_get(answer, "error");
    const char *words = json_string_value(error);
    if (!words)
        words = json_string_value(json_object_get(error, "message"));
    if (!words)
        words = json_string_value(json_object_get(answer, "message"));
    return words ? words : json_string_value(json_object_get(answer, "detail"));
}

static enum lh_code provider_failed(const struct remote *r, const char *what, struct lh_err *err) {
    lh_ignore(lh_fail(err, LH_UPSTREAM, "the provider \"%s\" (%s) failed: %s", r->name, r->address, what));
    return lh_err_hint(err, "GET /ai/health tells the state of every provider");
}

static bool says_too_long(const char *words) {
    static const char *const phrases[] = {"context length", "context_length", "maximum context", "context size",
                                          "too long",       "too large",      "exceeds"};
    for (size_t i = 0; i < LH_ARRAY_LEN(phrases); i++)
        if (strcasestr(words, phrases[i]))
            return true;
    return false;
}

static enum lh_code judge_refusal(const struct remote *r, int status, const char *words, struct lh_err *err) {
    char quoted[320];
    quote(r, words ? words : "", quoted, sizeof quoted);
    if (status == 401 || status == 403) {
        lh_ignore(provider_failed(r, "it does not accept the key", err));
        return lh_err_hint(err, "%s", r->key_hint);
    }
    if (status == 404 && words) {
        lh_ignore(lh_fail(err, LH_NOT_FOUND, "the provider \"%s\" has not what was asked for: %s", r->name, quoted));
        return lh_err_hint(err, "GET /ai/models lists the models that there are");
    }
    if (status == 413 || (words && (status == 400 || status == 422) && says_too_long(words))) {
        lh_ignore(lh_fail(err, LH_TOO_LARGE, "the text is too long for the model of the provider \"%s\": %s", r->name,
                          quoted));
        return lh_err_hint(err, "cut smaller chunks, or take a model with a larger window");
    }
    if (status == 400 || status == 422)
        return lh_fail(err, LH_INVALID, "the provider \"%s\" refuses the request: %s", r->name,
                       quoted[0] ? quoted : "it does not say why");
    char what[400];
    snprintf(what, sizeof what, "it answered with status %d%s%s", status, quoted[0] ? ": " : "", quoted);
    lh_ignore(provider_failed(r, what, err));
    return status == 404 || (status >= 300 && status < 400) ? lh_err_hint(err, "%s", r->url_hint) : err->code;
}

enum lh_code remote_told_error(struct remote *r, struct lh_err *err, const char *message) {
    char quoted[320];
    quote(r, message, quoted, sizeof quoted);
    atomic_fetch_add(&r->failed_calls, 1);
    return provider_failed(r, quoted[0] ? quoted : "it broke off with an error", err);
}

enum lh_code remote_nonsense(struct remote *r, struct lh_err *err, const char *fmt, ...) {
    char what[300];
    va_list args;
    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    atomic_fetch_add(&r->failed_calls, 1);
    lh_ignore(provider_failed(r, what, err));
    breaker_leave(&r->breaker, BREAKER_FAILED, os_monotonic_ns(r->os), err->message);
    return err->code;
}

/* ---- one try ---- */

struct attempt {
    struct remote *remote;
    const struct remote_call *call;
    struct buf *body; /* of the answer, or of what it says went wrong */
    struct buf line;  /* begun, not ended */
    int status;
    size_t received; /* bytes of a streamed answer */
    bool told;       /* a line went to on_line */
    bool stopped;    /* on_line said so */
    bool too_large;
    int64_t retry_after_ms; /* what the answer asked for; -1: nothing */
};

static bool on_head(void *self, int status, const struct http_header *headers, size_t count) {
    struct attempt *a = self;
    a->status = status;
    for (size_t i = 0; i < count; i++) {
        char *end;
        if (strcmp(headers[i].name, "retry-after") != 0)
            continue;
        long seconds = strtol(headers[i].value, &end, 10); /* a date is not understood: the backoff decides */
        if (end != headers[i].value && *end == '\0' && seconds >= 0 && seconds < 1000000)
            a->retry_after_ms = seconds * 1000;
    }
    return true;
}

static bool end_line(struct attempt *a) {
    if (a->line.len > 0 && a->line.data[a->line.len - 1] == '\r')
        buf_truncate(&a->line, a->line.len - 1);
    a->told = true;
    a->stopped = !a->call->on_line(a->call->self, buf_cstr(&a->line), a->line.len);
    buf_reset(&a->line);
    return !a->stopped;
}

static bool on_body(void *self, const void *data, size_t len) {
    struct attempt *a = self;
    bool good = a->status >= 200 && a->status < 300;
    if (!good) { /* only its begin matters */
        size_t room = a->body->len < MAX_ERROR_BYTES ? MAX_ERROR_BYTES - a->body->len : 0;
        buf_append(a->body, data, len < room ? len : room);
        return true;
    }
    a->received += len;
    if (a->received > a->remote->limits.max_answer_bytes) {
        a->too_large = true;
        return false;
    }
    if (!a->call->on_line) {
        buf_append(a->body, data, len);
        return true;
    }
    const char *at = data;
    while (len > 0) {
        const char *newline = memchr(at, '\n', len);
        size_t part = newline ? (size_t)(newline - at) : len;
        buf_append(&a->line, at, part);
        if (a->line.len > MAX_LINE_BYTES) {
            a->too_large = true;
            return false;
        }
        part += newline != NULL;
        at += part;
        len -= part;
        if (newline && !end_line(a))
            return false;
    }
    return true;
}

/* Milliseconds that the request may still take; 0: none. */
static int64_t left_ms(const struct remote *r, const struct remote_call *call) {
    if (call->deadline_ns == 0)
        return INT64_MAX;
    int64_t left = (call->deadline_ns - os_monotonic_ns(r->os)) / 1000000;
    return left > 0 ? left : 0;
}

static enum lh_code judge(struct attempt *a, enum lh_code code, struct lh_err *err) {
    const struct remote *r = a->remote;
    if (a->too_large) {
        char what[100];
        snprintf(what, sizeof what, "its answer is above the limit of %zu bytes", r->limits.max_answer_bytes);
        lh_ignore(provider_failed(r, what, err));
        return lh_err_hint(err, "ai.max_answer_bytes is the limit");
    }
    if (a->stopped || code == LH_CANCELLED)
        return lh_fail(err, LH_CANCELLED, "the request to the provider \"%s\" was stopped", r->name);
    if (code == LH_TIMEOUT && left_ms(r, a->call) == 0)
        return lh_fail(err, LH_TIMEOUT, "the provider \"%s\" did not answer within the time of the request", r->name);
    if (code == LH_NO_MEMORY || code == LH_INTERNAL)
        return code;
    if (code != LH_OK) {
        struct lh_err cause = *err;
        lh_ignore(provider_failed(r, cause.message, err));
        if (cause.detail[0])
            lh_ignore(lh_err_detail(err, "%s", cause.detail));
        return lh_err_hint(err, "%s", r->url_hint);
    }
    if (a->status >= 200 && a->status < 300)
        return LH_OK;
    if (a->call->optional && (a->status == 404 || a->status == 405 || a->status == 501))
        return lh_fail(err, LH_UNSUPPORTED, "the provider \"%s\" has no %s", r->name, a->call->path);
    struct lh_err ignored = LH_ERR_INIT;
    LH_AUTO(json) json_t *answer = NULL;
    lh_ignore(lh_json_parse(buf_cstr(a->body), a->body->len, NULL, &answer, &ignored));
    return judge_refusal(r, a->status, answer ? words_of(answer) : NULL, err);
}

static enum lh_code try_once(struct attempt *a, const struct buf *text, struct http_response *response,
                             struct lh_err *err) {
    struct remote *r = a->remote;
    const struct remote_call *call = a->call;
    LH_AUTO(mem) char *url = lh_asprintf("%s%s", r->base_url, call->path);
    struct http_header headers[3];
    size_t count = 0;
    headers[count++] =
        (struct http_header){"Accept", call->on_line ? "text/event-stream, application/x-ndjson" : "application/json"};
    if (call->body)
        headers[count++] = (struct http_header){"Content-Type", "application/json"};
    if (r->key_header)
        headers[count++] = (struct http_header){"Authorization", r->key_header};
    int64_t left = left_ms(r, call), whole = call->probe ? PROBE_MS : r->limits.timeout_ms;
    const struct http_request request = {
        .method = call->body ? "POST" : "GET",
        .url = url,
        .headers = headers,
        .header_count = count,
        .body = call->body ? text->data : NULL,
        .body_len = call->body ? text->len : 0,
        .on_head = on_head,
        .on_body = on_body,
        .self = a,
        .connect_timeout_ms = r->limits.connect_timeout_ms,
        .first_byte_timeout_ms = r->limits.first_byte_timeout_ms,
        .stall_timeout_ms = r->limits.first_byte_timeout_ms,
        .timeout_ms = left < whole ? left : whole,
        .fresh_connection = !call->repeatable,
        .cancel_fd = call->cancel_fd,
    };
    if (left == 0)
        return lh_fail(err, LH_TIMEOUT, "there is no time left to ask the provider \"%s\"", r->name);
    enum lh_code code = http_client_send(r->http, &request, response, err);
    if (code == LH_OK && a->line.len > 0)
        end_line(a);
    return judge(a, code, err);
}

/* ---- tries ---- */

static enum lh_code refuse_open(struct remote *r, struct lh_err *err) {
    struct ai_state state;
    breaker_state(&r->breaker, os_monotonic_ns(r->os), &state);
    lh_ignore(lh_fail(err, LH_UPSTREAM, "the provider \"%s\" (%s) is taken to be down after %u failures; the last: %s",
                      r->name, r->address, state.failures, state.last_error));
    return lh_err_hint(err, "it is tried again in %" PRId64 " s; GET /ai/health asks it now", state.wait_ms / 1000 + 1);
}

static enum breaker_outcome outcome_of(const struct attempt *a, enum lh_code code) {
    if (code == LH_CANCELLED || code == LH_NO_MEMORY || a->status == 429)
        return BREAKER_NEITHER;
    if (a->status >= 200 && a->status < 500 && !a->too_large && (code == LH_OK || a->status >= 300))
        return BREAKER_OK; /* it is there, even where it refuses */
    return BREAKER_FAILED;
}

static bool worth_another(const struct attempt *a, const struct http_response *response, enum lh_code code) {
    if (code != LH_UPSTREAM || a->told || a->too_large || a->call->probe)
        return false;
    if (a->status == 429 || a->status == 503)
        return true;
    if (a->status > 0 && a->status < 500 && a->status >= 300)
        return false; /* it would say the same again */
    return a->call->repeatable || !response->sent;
}

/* Doubles each time, and half of it is chance, so that those who failed together do not come back together. */
static int64_t backoff_ms(const struct remote *r, const struct attempt *a, unsigned tries) {
    uint32_t chance;
    int64_t wait = (int64_t)FIRST_BACKOFF_MS << (tries < 6 ? tries : 6);
    os_random(r->os, &chance, sizeof chance);
    wait = wait / 2 + (int64_t)(chance % (uint64_t)(wait / 2 + 1));
    return a->retry_after_ms > wait ? a->retry_after_ms : wait;
}

/* False where somebody said stop. */
static bool wait_for(const struct remote *r, int cancel_fd, int64_t ms) {
    struct pollfd fd = {.fd = cancel_fd, .events = POLLIN};
    return r->os->poll(r->os->self, &fd, cancel_fd > 0, (int)ms) == 0;
}

enum lh_code remote_send(struct remote *r, const struct remote_call *call, struct buf *ret_body, struct lh_err *err) {
    LH_AUTO(buf) struct buf text = BUF_INIT;
    LH_AUTO(buf) struct buf errors = BUF_INIT;
    if (call->body)
        lh_json_write(call->body, LH_JSON_COMPACT, &text);
    atomic_fetch_add(&r->calls, 1);
    for (unsigned tries = 0;; tries++) {
        if (!call->probe && !breaker_enter(&r->breaker, os_monotonic_ns(r->os))) {
            atomic_fetch_add(&r->failed_calls, 1);
            return refuse_open(r, err);
        }
        struct attempt a = {.remote = r, .call = call, .body = ret_body ? ret_body : &errors, .retry_after_ms = -1};
        struct http_response response = HTTP_RESPONSE_INIT;
        enum lh_code code = try_once(&a, &text, &response, err);
        bool again = worth_another(&a, &response, code);
        http_response_release(&response);
        buf_release(&a.line);
        breaker_leave(&r->breaker, outcome_of(&a, code), os_monotonic_ns(r->os), code == LH_OK ? "" : err->message);
        if (code == LH_OK)
            return LH_OK;
        int64_t wait = backoff_ms(r, &a, tries);
        if (!again || tries >= r->limits.retries || wait > LONGEST_WAIT_MS || wait >= left_ms(r, call)) {
            atomic_fetch_add(&r->failed_calls, code != LH_CANCELLED);
            return code;
        }
        if (!wait_for(r, call->cancel_fd, wait))
            return lh_fail(err, LH_CANCELLED, "the request to the provider \"%s\" was stopped", r->name);
        atomic_fetch_add(&r->retries, 1);
        buf_reset(a.body);
    }
}

enum lh_code remote_ask(struct remote *r, const struct remote_call *call, json_t **ret_answer, struct lh_err *err) {
    LH_AUTO(buf) struct buf body = BUF_INIT;
    LH_AUTO(json) json_t *answer = NULL;
    const struct lh_json_limits limits = {.max_bytes = r->limits.max_answer_bytes};
    struct lh_err cause = LH_ERR_INIT;
    LH_TRY(remote_send(r, call, &body, err));
    if (lh_json_parse(buf_cstr(&body), body.len, &limits, &answer, &cause) != LH_OK || !json_is_object(answer))
        return remote_nonsense(r, err, "its answer to %s is no JSON object", call->path);
    *ret_answer = LH_STEAL(answer);
    return LH_OK;
}
