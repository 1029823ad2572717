/* The answer: filled by the handler, handed to libmicrohttpd on the connection's thread.
 *
 * A stream's first piece is held back until a second one comes or the stream ends: an answer written in one piece then
 * leaves with its Content-Length and needs no more hand-overs than one made of bytes. */
#include "gateway/exchange.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "os/file.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

void response_header(struct request *rq, const char *name, const char *value) {
    assert(!rq->began);
    struct response_header *h = arena_alloc(rq->arena, sizeof *h);
    h->name = arena_strdup(rq->arena, name);
    h->value = arena_strdup(rq->arena, value);
    h->next = rq->headers;
    rq->headers = h;
}

static enum lh_code begin(struct request *rq, int status, const char *media_type, enum response_kind kind,
                          struct lh_err *err) {
    if (rq->began)
        return lh_fail(err, LH_INTERNAL, "the response was begun twice");
    if (media_type)
        response_header(rq, "Content-Type", media_type);
    rq->began = true;
    rq->status = status;
    rq->kind = kind;
    return LH_OK;
}

/* Locked. */
static void make_ready(struct request *rq) {
    rq->ready = true;
    if (rq->past_head && !rq->body_ended)
        rq->discard = true; /* the client is still sending: swallow the rest, then answer */
    request_resume(rq);
}

enum lh_code response_bytes(struct request *rq, int status, const char *media_type, const void *data, size_t len,
                            struct lh_err *err) {
    LH_TRY(begin(rq, status, media_type, RESPONSE_BYTES, err));
    char *copy = arena_alloc(rq->arena, len + 1);
    if (len > 0)
        memcpy(copy, data, len);
    rq->data = copy;
    rq->data_len = len;
    pthread_mutex_lock(&rq->lock);
    make_ready(rq);
    pthread_mutex_unlock(&rq->lock);
    return LH_OK;
}

enum lh_code response_json(struct request *rq, int status, const json_t *json, struct lh_err *err) {
    LH_AUTO(buf) struct buf text = BUF_INIT;
    lh_json_write(json, LH_JSON_COMPACT, &text);
    buf_append_char(&text, '\n');
    return response_bytes(rq, status, "application/json", text.data, text.len, err);
}

enum lh_code response_begin(struct request *rq, int status, const char *media_type, int64_t length_or_minus1,
                            struct lh_err *err) {
    LH_TRY(begin(rq, status, media_type, RESPONSE_STREAM, err));
    rq->stream_length = length_or_minus1;
    return LH_OK;
}

static enum lh_code write_locked(struct request *rq, const char *data, size_t len, struct lh_err *err) {
    if (!rq->ready && (rq->out.len > 0 || len > ring_space(&rq->out)))
        make_ready(rq);
    while (len > 0) {
        if (rq->gone || rq->finished)
            return lh_fail(err, LH_CANCELLED, "the client closed the connection");
        if (rq->expired)
            return lh_fail(err, LH_TIMEOUT, "the request took longer than the server allows (server.request_timeout)");
        size_t n = ring_put(&rq->out, data, len);
        data += n;
        len -= n;
        if (rq->ready && rq->answered)
            request_resume(rq);
        rq->wants_room = len > 0;
        if (len > 0)
            pthread_cond_wait(&rq->wake, &rq->lock);
        rq->wants_room = false;
    }
    return LH_OK;
}

enum lh_code response_write(struct request *rq, const void *data, size_t len, struct lh_err *err) {
    if (rq->head_only)
        return request_check(rq, err);
    pthread_mutex_lock(&rq->lock);
    enum lh_code code = write_locked(rq, data, len, err);
    pthread_mutex_unlock(&rq->lock);
    return code;
}

/* Locked.  The stream is over; `failed` cuts the connection instead of completing the answer. */
static void end_stream(struct request *rq, bool failed) {
    rq->stream_ended = true;
    rq->stream_failed = failed;
    if (!rq->ready)
        make_ready(rq);
    else if (rq->answered)
        request_resume(rq);
}

enum lh_code response_end(struct request *rq, struct lh_err *err) {
    (void)err;
    pthread_mutex_lock(&rq->lock);
    end_stream(rq, false);
    pthread_mutex_unlock(&rq->lock);
    return LH_OK;
}

void response_abort(struct request *rq) {
    pthread_mutex_lock(&rq->lock);
    if (rq->kind == RESPONSE_STREAM && !rq->stream_ended)
        end_stream(rq, true);
    pthread_mutex_unlock(&rq->lock);
}

enum lh_code response_file(struct request *rq, int status, const char *media_type, int fd, uint64_t offset,
                           uint64_t length, struct lh_err *err) {
    rq->file_fd = fd;
    LH_TRY(begin(rq, status, media_type, RESPONSE_FILE, err));
    rq->file_offset = offset;
    rq->file_length = length;
    pthread_mutex_lock(&rq->lock);
    make_ready(rq);
    pthread_mutex_unlock(&rq->lock);
    return LH_OK;
}

/* libmicrohttpd asks for the next bytes of a stream, on the connection's thread. */
static ssize_t read_stream(void *self, uint64_t position, char *data, size_t cap) {
    (void)position;
    struct request *rq = self;
    ssize_t result;
    pthread_mutex_lock(&rq->lock);
    size_t n = ring_take(&rq->out, data, cap);
    if (n > 0) {
        rq->sent += n;
        result = (ssize_t)n;
        if (ring_space(&rq->out) >= rq->out.cap / 2)
            pthread_cond_broadcast(&rq->wake);
    } else if (rq->stream_ended) {
        result = rq->stream_failed ? MHD_CONTENT_READER_END_WITH_ERROR : MHD_CONTENT_READER_END_OF_STREAM;
    } else {
        rq->suspended = true;
        MHD_suspend_connection(rq->mhd);
        result = 0;
    }
    pthread_mutex_unlock(&rq->lock);
    return result;
}

/* Locked.  Is all of the stream there, so that it can be sent like bytes? */
static bool stream_is_whole(const struct request *rq) {
    return rq->kind == RESPONSE_STREAM && rq->stream_ended && !rq->stream_failed && rq->stream_length < 0 &&
           !rq->head_only && rq->out.start == 0;
}

static struct MHD_Response *make_stream(struct request *rq, bool whole) {
    if (whole) {
        rq->sent = rq->out.len;
        return MHD_create_response_from_buffer(rq->out.len, rq->out.data, MHD_RESPMEM_PERSISTENT);
    }
    uint64_t length = rq->stream_length < 0 ? MHD_SIZE_UNKNOWN : (uint64_t)rq->stream_length;
    return MHD_create_response_from_callback(length, 64 * 1024, read_stream, rq, NULL);
}

static struct MHD_Response *make_response(struct request *rq, bool whole) {
    switch (rq->kind) {
    case RESPONSE_BYTES:
        rq->sent = rq->head_only ? 0 : rq->data_len;
        return MHD_create_response_from_buffer(rq->data_len, (void *)(uintptr_t)rq->data, MHD_RESPMEM_PERSISTENT);
    case RESPONSE_FILE: {
        rq->sent = rq->head_only ? 0 : rq->file_length;
        struct MHD_Response *r = MHD_create_response_from_fd_at_offset64(rq->file_length, rq->file_fd, rq->file_offset);
        if (r)
            rq->file_fd = -1; /* closed with the response */
        return r;
    }
    case RESPONSE_STREAM: return make_stream(rq, whole);
    case RESPONSE_NONE: break;
    }
    return NULL;
}

static enum MHD_Result queue(struct request *rq, bool whole) {
    struct MHD_Response *r = make_response(rq, whole);
    if (!r)
        return MHD_NO;
    for (const struct response_header *h = rq->headers; h; h = h->next)
        MHD_add_response_header(r, h->name, h->value);
    MHD_add_response_header(r, "X-Request-Id", rq->id);
    MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
    /* The library takes bare line feeds in the framing of chunks, which another reader may not; so nothing that follows a
     * chunked request on its connection is believed. */
    bool chunked = rq->verdict.body_length < 0;
    if (rq->close || chunked || rq->gateway->stopping)
        MHD_add_response_header(r, "Connection", "close");
    enum MHD_Result result = MHD_queue_response(rq->mhd, (unsigned)rq->status, r);
    MHD_destroy_response(r);
    return result;
}

/* The library holds a lock of the response while it calls read_stream, which takes ours; so ours is let go while the
 * library works on the response. */
enum MHD_Result response_hand_over(struct request *rq) {
    bool whole = stream_is_whole(rq);
    rq->answered = true;
    pthread_mutex_unlock(&rq->lock);
    enum MHD_Result result = queue(rq, whole);
    pthread_mutex_lock(&rq->lock);
    return result;
}
