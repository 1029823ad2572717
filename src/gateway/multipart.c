#include "gateway/multipart.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/utf8.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* The delimiter is CRLF "--" boundary.  The body is read as if a CRLF stood before it, so that the first delimiter looks
 * like the others. */
enum state {
    IN_PREAMBLE,
    AFTER_DELIMITER, /* "--" ends, CRLF begins a part */
    IN_HEAD,
    IN_BODY,
    AT_END, /* whatever follows is ignored */
};

struct multipart {
    struct multipart_sink sink;
    enum state state;
    char delimiter[75];
    size_t delimiter_len;
    struct buf pending; /* not yet understood: at most one fed piece and a delimiter, or a part's head */
    size_t parts;
    uint64_t consumed;
};

/* ---- parameters of a header: name=value or name="quoted" ---- */

static size_t skip_spaces(const char *text, size_t at) {
    return at + strspn(text + at, " \t");
}

/* The value of `name` among "; a=b; c=\"d\"" into `out`; false where it is absent or malformed. */
static bool header_param(const char *text, const char *name, struct buf *out) {
    size_t at = strcspn(text, ";");
    while (text[at] == ';') {
        at = skip_spaces(text, at + 1);
        size_t name_len = strcspn(text + at, "=; \t");
        bool wanted = name_len == strlen(name) && strncasecmp(text + at, name, name_len) == 0;
        at = skip_spaces(text, at + name_len);
        if (text[at] != '=')
            return false;
        at = skip_spaces(text, at + 1);
        buf_reset(out);
        if (text[at] == '"') {
            for (at++; text[at] != '"'; at++) {
                if (text[at] == '\\' && (text[at + 1] == '"' || text[at + 1] == '\\'))
                    at++;
                if (text[at] == '\0')
                    return false;
                buf_append_char(out, text[at]);
            }
            at++;
        } else {
            size_t len = strcspn(text + at, "; \t");
            buf_append(out, text + at, len);
            at += len;
        }
        if (wanted)
            return true;
        at = skip_spaces(text, at);
    }
    return false;
}

static bool boundary_ok(const struct buf *boundary) {
    if (boundary->len < 1 || boundary->len > 70)
        return false;
    static const char allowed[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'()+_,-./:=? ";
    return strspn(boundary->data, allowed) == boundary->len && boundary->data[boundary->len - 1] != ' ';
}

enum lh_code multipart_new(const char *content_type, const struct multipart_sink *sink, struct multipart **ret_parser,
                           struct lh_err *err) {
    size_t type_len = strcspn(content_type, "; \t");
    if (type_len != 19 || strncasecmp(content_type, "multipart/form-data", type_len) != 0)
        return lh_fail(err, LH_UNSUPPORTED, "the body is %.100s, not multipart/form-data", content_type);
    LH_AUTO(buf) struct buf boundary = BUF_INIT;
    if (!header_param(content_type, "boundary", &boundary) || !boundary_ok(&boundary))
        return lh_fail(err, LH_INVALID, "Content-Type has no usable boundary");
    struct multipart *m = lh_calloc(1, sizeof *m);
    m->sink = *sink;
    m->delimiter_len = (size_t)snprintf(m->delimiter, sizeof m->delimiter, "\r\n--%s", boundary.data);
    buf_append(&m->pending, "\r\n", 2);
    *ret_parser = m;
    return LH_OK;
}

void multipart_free(struct multipart *m) {
    if (!m)
        return;
    buf_release(&m->pending);
    lh_free(m);
}

static enum lh_code bad(struct multipart *m, struct lh_err *err, const char *what) {
    uint64_t at = m->consumed > 2 ? m->consumed - 2 : 0; /* less the CRLF we put before it */
    lh_fail(err, LH_INVALID, "the multipart body is malformed near byte %llu: %s", (unsigned long long)at + 1, what);
    err->position = (long)at + 1;
    return err->code;
}

static void consume(struct multipart *m, size_t len) {
    buf_consume(&m->pending, len);
    m->consumed += len;
}

/* ---- a part's head ---- */

/* Browsers send a bare name, some programs a path. */
static const char *base_name(const char *filename) {
    const char *slash = strrchr(filename, '/');
    filename = slash ? slash + 1 : filename;
    const char *backslash = strrchr(filename, '\\');
    return backslash ? backslash + 1 : filename;
}

static bool plain_text(const struct buf *text) {
    for (size_t i = 0; i < text->len; i++)
        if ((unsigned char)text->data[i] < 0x20 || text->data[i] == 0x7f)
            return false;
    return utf8_valid(buf_cstr(text), text->len, NULL);
}

struct part_head {
    struct buf name, filename, content_type;
    bool has_name, has_filename, has_type;
};

static void part_head_auto_release(struct part_head *h) {
    buf_release(&h->name);
    buf_release(&h->filename);
    buf_release(&h->content_type);
}

static enum lh_code head_line(struct multipart *m, char *line, struct part_head *h, struct lh_err *err) {
    char *colon = strchr(line, ':');
    if (!colon)
        return bad(m, err, "a header without a colon");
    *colon = '\0';
    const char *value = colon + 1 + strspn(colon + 1, " \t");
    if (strcasecmp(line, "Content-Disposition") == 0) {
        if (strncasecmp(value, "form-data", 9) != 0)
            return bad(m, err, "a Content-Disposition that is not form-data");
        h->has_name = header_param(value, "name", &h->name);
        h->has_filename = header_param(value, "filename", &h->filename);
    } else if (strcasecmp(line, "Content-Type") == 0) {
        buf_reset(&h->content_type);
        buf_append_str(&h->content_type, value);
        h->has_type = true;
    } else if (strcasecmp(line, "Content-Transfer-Encoding") == 0 && strcasecmp(value, "binary") != 0 &&
               strcasecmp(value, "8bit") != 0 && strcasecmp(value, "7bit") != 0) {
        return bad(m, err, "a Content-Transfer-Encoding, which form data does not have");
    }
    return LH_OK;
}

static enum lh_code part_begin(struct multipart *m, size_t head_len, struct lh_err *err) {
    if (memchr(m->pending.data, '\0', head_len))
        return bad(m, err, "a NUL byte in a header");
    LH_AUTO(part_head) struct part_head h = {0};
    LH_AUTO(buf) struct buf head = BUF_INIT;
    buf_append(&head, m->pending.data, head_len);
    for (char *line = head.data; line && *line;) {
        char *end = strstr(line, "\r\n");
        if (end)
            *end = '\0';
        if (*line)
            LH_TRY(head_line(m, line, &h, err));
        line = end ? end + 2 : NULL;
    }
    if (!h.has_name)
        return bad(m, err, "a part without a name");
    if (!plain_text(&h.name) || !plain_text(&h.filename) || !plain_text(&h.content_type))
        return bad(m, err, "a name that is not UTF-8 or holds control characters");
    if (++m->parts > MULTIPART_PARTS_MAX)
        return bad(m, err, "more parts than are taken");
    struct multipart_part part = {buf_cstr(&h.name), h.has_filename ? base_name(buf_cstr(&h.filename)) : NULL,
                                  h.has_type ? buf_cstr(&h.content_type) : NULL};
    return m->sink.begin(m->sink.ctx, &part, err);
}

/* ---- the states; each says by *ret_more whether it got on ---- */

static enum lh_code step_body(struct multipart *m, bool *ret_more, struct lh_err *err) {
    char *found = memmem(m->pending.data, m->pending.len, m->delimiter, m->delimiter_len);
    size_t safe = m->pending.len >= m->delimiter_len ? m->pending.len - m->delimiter_len + 1 : 0;
    size_t len = found ? (size_t)(found - m->pending.data) : safe;
    if (len > 0 && m->state == IN_BODY)
        LH_TRY(m->sink.data(m->sink.ctx, m->pending.data, len, err));
    *ret_more = found != NULL;
    if (found) {
        if (m->state == IN_BODY)
            LH_TRY(m->sink.end(m->sink.ctx, err));
        m->state = AFTER_DELIMITER;
        len += m->delimiter_len;
    }
    consume(m, len);
    return LH_OK;
}

static enum lh_code step_delimiter(struct multipart *m, bool *ret_more, struct lh_err *err) {
    const struct buf *p = &m->pending;
    size_t at = 0;
    while (at < p->len && (p->data[at] == ' ' || p->data[at] == '\t'))
        at++;
    if (at > 64)
        return bad(m, err, "spaces behind a boundary");
    *ret_more = p->len >= at + 2;
    if (!*ret_more)
        return LH_OK;
    if (at == 0 && memcmp(p->data, "--", 2) == 0)
        m->state = AT_END;
    else if (memcmp(p->data + at, "\r\n", 2) == 0)
        m->state = IN_HEAD;
    else
        return bad(m, err, "text behind a boundary");
    consume(m, at + 2);
    return LH_OK;
}

static enum lh_code step_head(struct multipart *m, bool *ret_more, struct lh_err *err) {
    struct buf *p = &m->pending;
    *ret_more = false;
    if (p->len >= 2 && memcmp(p->data, "\r\n", 2) == 0)
        return bad(m, err, "a part without headers");
    char *end = p->len ? memmem(p->data, p->len, "\r\n\r\n", 4) : NULL;
    if ((end ? (size_t)(end - p->data) : p->len) > MULTIPART_HEAD_MAX)
        return bad(m, err, "a part's headers are too long");
    if (!end)
        return LH_OK;
    size_t len = (size_t)(end - p->data);
    LH_TRY(part_begin(m, len, err));
    m->state = IN_BODY;
    consume(m, len + 4);
    *ret_more = true;
    return LH_OK;
}

enum lh_code multipart_feed(struct multipart *m, const void *data, size_t len, struct lh_err *err) {
    if (m->state == AT_END)
        return LH_OK;
    buf_append(&m->pending, data, len);
    bool more = true;
    while (more) {
        switch (m->state) {
        case IN_PREAMBLE:
        case IN_BODY: LH_TRY(step_body(m, &more, err)); break;
        case AFTER_DELIMITER: LH_TRY(step_delimiter(m, &more, err)); break;
        case IN_HEAD: LH_TRY(step_head(m, &more, err)); break;
        case AT_END:
            buf_reset(&m->pending);
            more = false;
            break;
        }
    }
    return LH_OK;
}

enum lh_code multipart_finish(struct multipart *m, struct lh_err *err) {
    if (m->state == AT_END)
        return LH_OK;
    return bad(m, err, m->state == IN_PREAMBLE ? "the boundary never comes" : "it ends before the closing boundary");
}
