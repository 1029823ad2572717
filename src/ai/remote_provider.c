#include "ai/remote_provider.h"

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/hash.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define MAX_BATCH_BYTES ((size_t)1024 * 1024)

enum lh_code remote_provider_new(const struct remote_provider_options *options, const struct ai_provider_ops *ops,
                                 unsigned abilities, struct ai_provider **ret_provider, struct lh_err *err) {
    struct remote *remote;
    LH_TRY(remote_new(&options->remote, &remote, err));
    struct remote_provider *p = lh_calloc(1, sizeof *p);
    p->remote = remote;
    p->options = *options;
    p->options.remote = (struct remote_options){0};
    p->options.embed_model = lh_strdup(options->embed_model);
    p->options.generate_model = lh_strdup(options->generate_model);
    p->options.document_prefix = lh_strdup(options->document_prefix);
    p->options.query_prefix = lh_strdup(options->query_prefix);
    p->provider = (struct ai_provider){
        .ops = ops,
        .self = p,
        .name = ops->kind,
        .address = remote_address(remote),
        .abilities = abilities,
        .embed_model = p->options.embed_model,
        .generate_model = p->options.generate_model,
    };
    *ret_provider = &p->provider;
    return LH_OK;
}

void remote_provider_state(void *self, struct ai_state *ret_state) {
    struct remote_provider *p = self;
    remote_state(p->remote, ret_state);
}

void remote_provider_free(void *self) {
    struct remote_provider *p = self;
    remote_free(p->remote);
    lh_free((void *)(uintptr_t)p->options.embed_model);
    lh_free((void *)(uintptr_t)p->options.generate_model);
    lh_free((void *)(uintptr_t)p->options.document_prefix);
    lh_free((void *)(uintptr_t)p->options.query_prefix);
    lh_free(p);
}

enum lh_code remote_provider_model(const struct remote_provider *p, const char *wanted, const char *configured,
                                   const char *key, const char **ret_model, struct lh_err *err) {
    const char *model = wanted ? wanted : configured;
    if (!model[0]) {
        lh_ignore(lh_fail(err, LH_INVALID, "no model of the provider \"%s\" is named", p->provider.name));
        return lh_err_hint(err, "name one in the request, or set ai.%s", key);
    }
    *ret_model = model;
    return LH_OK;
}

uint64_t json_count(const json_t *object, const char *key) {
    json_int_t value = json_integer_value(json_object_get(object, key));
    return value > 0 ? (uint64_t)value : 0;
}

/* ---- vectors ---- */

static bool decode(const json_t *value, struct buf *out) {
    return lh_base64_decode(json_string_value(value), json_string_length(value), out) && out->len % sizeof(float) == 0;
}

/* How many floats a row has: an array of numbers, or base64 of little-endian floats.  0: it is neither. */
static unsigned row_dims(const json_t *value) {
    size_t dims = json_array_size(value);
    LH_AUTO(buf) struct buf bytes = BUF_INIT;
    if (json_is_string(value))
        dims = decode(value, &bytes) ? bytes.len / sizeof(float) : 0;
    return dims <= AI_MAX_DIMS ? (unsigned)dims : 0;
}

/* The row at length one; false where it has another count, something else than numbers in it, or no length. */
static bool read_row(const json_t *value, unsigned dims, float *ret) {
    LH_AUTO(buf) struct buf bytes = BUF_INIT;
    double squares = 0;
    if (row_dims(value) != dims || dims == 0)
        return false;
    if (json_is_string(value) && decode(value, &bytes))
        memcpy(ret, bytes.data, dims * sizeof *ret); /* little-endian, as this machine is */
    for (unsigned i = 0; i < dims; i++) {
        const json_t *number = json_array_get(value, i);
        if (!json_is_string(value)) {
            if (!json_is_number(number))
                return false;
            ret[i] = (float)json_number_value(number);
        }
        squares += (double)ret[i] * (double)ret[i];
    }
    if (!isfinite(squares) || squares <= 0)
        return false;
    double length = sqrt(squares);
    for (unsigned i = 0; i < dims; i++)
        ret[i] = (float)((double)ret[i] / length);
    return true;
}

/* From text `from` on, as many as make a request. */
static size_t batch_size(const struct remote_provider *p, const struct ai_embed_request *r, size_t from) {
    size_t count = 0, bytes = 0;
    while (from + count < r->count && count < p->options.batch) {
        bytes += r->texts[from + count].len;
        if (count > 0 && bytes > MAX_BATCH_BYTES)
            break;
        count++;
    }
    return count;
}

static json_t *input_of(const struct remote_provider *p, const struct ai_embed_request *r, size_t from, size_t count) {
    const char *prefix = r->purpose == AI_QUERY ? p->options.query_prefix : p->options.document_prefix;
    json_t *input = json_array();
    LH_AUTO(buf) struct buf text = BUF_INIT;
    for (size_t i = from; i < from + count; i++) {
        buf_reset(&text);
        buf_append_str(&text, prefix);
        buf_append(&text, r->texts[i].data, r->texts[i].len);
        if (text.len == 0)
            buf_append_char(&text, ' '); /* some services refuse a text without characters */
        json_array_append_new(input, json_stringn(text.data, text.len));
    }
    return input;
}

/* Rows [from, from + count) of the answer into `ret`; the first of all decides the dimensions. */
static enum lh_code take_rows(struct remote_provider *p, const struct embed_shape *shape, const json_t *answer,
                              size_t from, size_t count, size_t all, struct ai_vectors *ret, struct lh_err *err) {
    for (size_t i = 0; i < count; i++) {
        const json_t *row = shape->row(answer, i);
        if (!ret->data) {
            ret->dims = row_dims(row);
            ret->data = ret->dims ? lh_try_malloc(all * ret->dims * sizeof(float)) : NULL;
            if (ret->dims && !ret->data)
                return lh_fail(err, LH_NO_MEMORY, "there is no memory for %zu vectors", all);
        }
        if (!ret->data || !read_row(row, ret->dims, ret->data + (from + i) * ret->dims))
            return remote_nonsense(p->remote, err, "it gave no usable vector for text %zu of %zu", from + i + 1, all);
    }
    ret->count = from + count;
    ret->tokens += shape->tokens(answer);
    return LH_OK;
}

enum lh_code remote_provider_embed(struct remote_provider *p, const struct embed_shape *shape,
                                   const struct ai_embed_request *request, struct ai_vectors *ret, struct lh_err *err) {
    unsigned dims = request->dims ? request->dims : p->options.dims;
    const char *model;
    LH_TRY(remote_provider_model(p, request->model, p->options.embed_model, "embed_model", &model, err));
    for (size_t from = 0; from < request->count;) {
        size_t count = batch_size(p, request, from);
        LH_AUTO(json) json_t *body = shape->body(p, model, input_of(p, request, from, count), dims);
        LH_AUTO(json) json_t *answer = NULL;
        const struct remote_call call = {
            .path = shape->path,
            .body = body,
            .repeatable = true,
            .cancel_fd = request->cancel_fd,
            .deadline_ns = request->deadline_ns,
        };
        LH_TRY(remote_ask(p->remote, &call, &answer, err));
        LH_TRY(take_rows(p, shape, answer, from, count, request->count, ret, err));
        from += count;
    }
    if (dims && ret->count > 0 && ret->dims != dims && !request->any_dims) {
        lh_ignore(lh_fail(err, LH_INVALID, "\"%s\" of the provider \"%s\" makes vectors of %u dimensions, not of %u",
                          model, p->provider.name, ret->dims, dims));
        return lh_err_hint(err, "leave the dimensions to the model: ai.embed_dimensions = 0");
    }
    ret->model = lh_strdup(model);
    return LH_OK;
}

/* ---- answers ---- */

json_t *chat_messages(const struct ai_chat_request *request) {
    json_t *messages = json_array();
    for (size_t i = 0; i < request->count; i++)
        json_array_append_new(
            messages, json_pack("{s:s, s:s}", "role", request->messages[i].role, "content", request->messages[i].text));
    return messages;
}

bool chat_piece(struct chat_stream *s, const json_t *piece) {
    const char *text = json_string_value(piece);
    size_t len = json_string_length(piece);
    if (!text || len == 0)
        return true;
    buf_append(&s->answer->text, text, len);
    return !s->request->on_text || s->request->on_text(s->request->self, text, len);
}

void chat_finish(struct chat_stream *s, const char *reason) {
    s->done = true;
    s->answer->finish = strcmp(reason, "length") == 0 ? AI_FINISH_LENGTH : AI_FINISH_STOP;
}

static const char *error_of(const json_t *line) {
    const json_t *error = json_object_get(line, "error");
    const char *message = json_string_value(error);
    return message ? message : json_string_value(json_object_get(error, "message"));
}

json_t *chat_line(struct chat_stream *s, const char *line, size_t len) {
    struct lh_err cause = LH_ERR_INIT;
    LH_AUTO(json) json_t *value = NULL;
    s->broken = true;
    if (lh_json_parse(line, len, NULL, &value, &cause) != LH_OK || !json_is_object(value)) {
        lh_ignore(remote_nonsense(s->provider->remote, &s->err, "a line of its answer is no JSON object"));
        return NULL;
    }
    if (json_object_get(value, "error")) {
        const char *message = error_of(value);
        lh_ignore(remote_told_error(s->provider->remote, &s->err, message ? message : ""));
        return NULL;
    }
    s->broken = false;
    return LH_STEAL(value);
}

enum lh_code chat_send(struct chat_stream *s, const char *path, const json_t *body,
                       bool (*on_line)(void *self, const char *line, size_t len), struct lh_err *err) {
    const struct remote_call call = {
        .path = path,
        .body = body,
        .on_line = on_line,
        .self = s,
        .cancel_fd = s->request->cancel_fd,
        .deadline_ns = s->request->deadline_ns,
    };
    enum lh_code code = remote_send(s->provider->remote, &call, NULL, err);
    if (s->broken) {
        *err = s->err;
        return err->code;
    }
    if (code == LH_OK && !s->done)
        return remote_nonsense(s->provider->remote, err, "it ended its answer in the middle");
    return code;
}
