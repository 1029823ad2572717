#include "gateway/url.h"

#include "base/arena.h"
#include "base/utf8.h"

#include <string.h>

static int hex_digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* What of the target is being decoded: where it starts, for positions, and whether '+' means a space there. */
struct piece {
    const char *target;
    const char *text;
    size_t len;
    bool plus_is_space;
};

static enum lh_code refuse(const struct piece *p, size_t offset, struct lh_err *err, const char *what) {
    lh_fail(err, LH_INVALID, "the request target has %s at byte %zu", what, (size_t)(p->text - p->target) + offset + 1);
    err->position = (long)((size_t)(p->text - p->target) + offset + 1);
    return lh_err_hint(err, "percent-encode the path and the query as RFC 3986 says, in UTF-8");
}

static enum lh_code decode(struct arena *arena, const struct piece *p, const char **ret_text, struct lh_err *err) {
    char *out = arena_alloc(arena, p->len + 1);
    size_t n = 0;
    for (size_t i = 0; i < p->len; i++) {
        unsigned char c = (unsigned char)p->text[i];
        if (c == '%') {
            int high = p->len - i > 2 ? hex_digit(p->text[i + 1]) : -1;
            int low = p->len - i > 2 ? hex_digit(p->text[i + 2]) : -1;
            if (high < 0 || low < 0)
                return refuse(p, i, err, "an invalid percent escape");
            c = (unsigned char)(high * 16 + low);
            if (c < 0x20 || c == 0x7f)
                return refuse(p, i, err, "an encoded control character");
            i += 2;
        } else if (c <= 0x20 || c == 0x7f) {
            return refuse(p, i, err, "a control character or a space");
        } else if (c == '+' && p->plus_is_space) {
            c = ' ';
        }
        out[n++] = (char)c;
    }
    out[n] = '\0';
    if (!utf8_valid(out, n, NULL))
        return refuse(p, 0, err, "text that is not UTF-8");
    *ret_text = out;
    return LH_OK;
}

/* A decoded segment may hold an encoded slash; none of the parts it then has may be a dot-segment either. */
static bool has_dot_segment(const char *text) {
    for (;;) {
        size_t len = strcspn(text, "/");
        if ((len == 1 && text[0] == '.') || (len == 2 && text[0] == '.' && text[1] == '.'))
            return true;
        if (text[len] == '\0')
            return false;
        text += len + 1;
    }
}

static enum lh_code parse_path(struct arena *arena, const char *target, size_t len, struct url *url,
                               struct lh_err *err) {
    struct piece whole = {target, target, len, false};
    if (len == 0 || target[0] != '/') {
        lh_fail(err, LH_INVALID, "the request target must be a path that starts with \"/\"");
        return lh_err_hint(err, "send \"GET /path HTTP/1.1\" with the host in the Host header; this is not a proxy");
    }
    LH_TRY(decode(arena, &whole, &url->path, err));
    size_t at = 1;
    while (at < len) {
        const char *slash = memchr(target + at, '/', len - at);
        size_t part = slash ? (size_t)(slash - target) - at : len - at;
        struct piece p = {target, target + at, part, false};
        if (part == 0)
            return refuse(&p, 0, err, "an empty path segment (\"//\")");
        if (url->segment_count == URL_SEGMENTS_MAX)
            return refuse(&p, 0, err, "too many path segments");
        const char *segment;
        LH_TRY(decode(arena, &p, &segment, err));
        if (has_dot_segment(segment)) {
            lh_ignore(refuse(&p, 0, err, "a \".\" or \"..\" path segment"));
            return lh_err_hint(err, "write the path without it; a dot-segment has no meaning here, encoded or not");
        }
        url->segments[url->segment_count++] = segment;
        at += part + 1;
        if (slash && at == len) {
            struct piece end = {target, target + len - 1, 1, false};
            return refuse(&end, 0, err, "a trailing slash");
        }
    }
    return LH_OK;
}

static enum lh_code parse_query(struct arena *arena, const char *target, size_t at, size_t len, struct url *url,
                                struct lh_err *err) {
    while (at < len) {
        const char *amp = memchr(target + at, '&', len - at);
        size_t part = amp ? (size_t)(amp - target) - at : len - at;
        if (part > 0) {
            const char *equals = memchr(target + at, '=', part);
            size_t name_len = equals ? (size_t)(equals - target) - at : part;
            struct piece name = {target, target + at, name_len, true};
            struct piece value = {target, target + at + name_len + (equals ? 1 : 0), part - name_len - (equals ? 1 : 0),
                                  true};
            if (url->param_count == URL_PARAMS_MAX)
                return refuse(&name, 0, err, "too many query parameters");
            struct url_param *p = &url->params[url->param_count];
            LH_TRY(decode(arena, &name, &p->name, err));
            LH_TRY(decode(arena, &value, &p->value, err));
            if (url_param(url, p->name))
                return refuse(&name, 0, err, "a query parameter that was given before");
            url->param_count++;
        }
        at += part + 1;
    }
    return LH_OK;
}

/* What a refused path is called in messages: itself, where that can be printed. */
static const char *as_sent(struct arena *arena, const char *path, size_t len) {
    for (size_t i = 0; i < len; i++)
        if (path[i] <= ' ' || path[i] > '~')
            return "/";
    return len > 0 ? arena_strndup(arena, path, len) : "/";
}

enum lh_code url_parse(struct arena *arena, const char *target, size_t len, struct url *ret_url, struct lh_err *err) {
    ret_url->segment_count = 0;
    ret_url->param_count = 0;
    const char *question = memchr(target, '?', len);
    size_t path_len = question ? (size_t)(question - target) : len;
    ret_url->path = as_sent(arena, target, path_len);
    LH_TRY(parse_path(arena, target, path_len, ret_url, err));
    if (question)
        LH_TRY(parse_query(arena, target, path_len + 1, len, ret_url, err));
    return LH_OK;
}

const char *url_param(const struct url *url, const char *name) {
    for (size_t i = 0; i < url->param_count; i++)
        if (strcmp(url->params[i].name, name) == 0)
            return url->params[i].value;
    return NULL;
}
