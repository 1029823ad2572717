#include "gateway/guard.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};

static bool is_token_char(unsigned char c) {
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
        return true;
    return c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

static bool name_is(const struct guard_header *h, const char *name) {
    return strlen(name) == h->name_len && strncasecmp(h->name, name, h->name_len) == 0;
}

static bool value_is(const struct guard_header *h, const char *text) {
    return strlen(text) == h->value_len && strncasecmp(h->value, text, h->value_len) == 0;
}

static const struct guard_header *find(const struct guard_head *head, const char *name) {
    for (size_t i = 0; i < head->header_count; i++)
        if (name_is(&head->headers[i], name))
            return &head->headers[i];
    return NULL;
}

const char *guard_header(const struct guard_head *head, const char *name) {
    const struct guard_header *h = find(head, name);
    return h ? h->value : NULL;
}

size_t guard_header_count(const struct guard_head *head, const char *name) {
    size_t n = 0;
    for (size_t i = 0; i < head->header_count; i++)
        n += name_is(&head->headers[i], name);
    return n;
}

static enum lh_code check_characters(const struct guard_header *h, struct lh_err *err) {
    if (h->name_len == 0)
        return lh_fail(err, LH_INVALID, "a header has no name");
    for (size_t i = 0; i < h->name_len; i++)
        if (!is_token_char((unsigned char)h->name[i]))
            return lh_fail(err, LH_INVALID, "a header name holds the byte 0x%02x", (unsigned char)h->name[i]);
    for (size_t i = 0; i < h->value_len; i++) {
        unsigned char c = (unsigned char)h->value[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return lh_fail(err, LH_INVALID, "the value of header %.*s holds the control character 0x%02x",
                           (int)h->name_len, h->name, c);
    }
    return LH_OK;
}

/* Was every line of the head sent as it reads now?  The differences of several repairs could cancel each other out only by a
 * NUL byte just before a bare LF, which together look like CRLF. */
static enum lh_code check_spelling(const struct guard_head *head, struct lh_err *err) {
    size_t bytes = strlen(head->method) + 1 + head->target_len + 1 + strlen(head->version) + 2;
    for (size_t i = 0; i < head->header_count; i++) {
        const struct guard_header *h = &head->headers[i];
        if (h->gap > head->sent_bytes)
            return lh_fail(err, LH_INVALID, "header %.*s is folded over several lines", (int)h->name_len, h->name);
        bytes += h->name_len + 1 + h->gap + h->value_len + 2;
    }
    if (bytes + 2 == head->sent_bytes)
        return LH_OK;
    return lh_fail(
        err, LH_INVALID,
        "the request head is not in canonical form: a line that does not end in CRLF, a folded header, a NUL "
        "byte, or blanks where none belong");
}

/* 1*DIGIT below 2^63, nothing else around it. */
static enum lh_code parse_length(const struct guard_header *h, int64_t *ret_length, struct lh_err *err) {
    int64_t length = 0;
    bool ok = h->value_len > 0;
    for (size_t i = 0; ok && i < h->value_len; i++) {
        char c = h->value[i];
        ok = c >= '0' && c <= '9' && !__builtin_mul_overflow(length, 10, &length) &&
             !__builtin_add_overflow(length, c - '0', &length);
    }
    if (!ok || length == INT64_MAX)
        return lh_fail(err, LH_INVALID, "Content-Length must be one decimal number below 2^63-1");
    *ret_length = length;
    return LH_OK;
}

static enum lh_code check_framing(const struct guard_head *head, struct guard_verdict *v, struct lh_err *err) {
    size_t lengths = guard_header_count(head, "Content-Length");
    size_t encodings = guard_header_count(head, "Transfer-Encoding");
    if (lengths > 1)
        return lh_fail(err, LH_INVALID, "Content-Length is given %zu times", lengths);
    if (encodings > 1)
        return lh_fail(err, LH_INVALID, "Transfer-Encoding is given %zu times", encodings);
    if (lengths == 1 && encodings == 1)
        return lh_fail(err, LH_INVALID, "Content-Length and Transfer-Encoding must not stand together");
    if (encodings == 1) {
        if (!value_is(find(head, "Transfer-Encoding"), "chunked"))
            return lh_fail(err, LH_INVALID, "the only Transfer-Encoding understood is \"chunked\"");
        if (strcmp(head->version, "HTTP/1.1") != 0)
            return lh_fail(err, LH_INVALID, "Transfer-Encoding needs HTTP/1.1");
        v->has_body = true;
        v->body_length = -1;
    } else if (lengths == 1) {
        LH_TRY(parse_length(find(head, "Content-Length"), &v->body_length, err));
        v->has_body = v->body_length > 0;
    }
    return LH_OK;
}

static enum lh_code check_host(const struct guard_head *head, struct lh_err *err) {
    size_t hosts = guard_header_count(head, "Host");
    if (hosts > 1)
        return lh_fail(err, LH_INVALID, "Host is given %zu times", hosts);
    if (hosts == 0 && strcmp(head->version, "HTTP/1.0") != 0)
        return lh_fail(err, LH_INVALID, "the Host header is missing");
    char host[256];
    if (hosts == 1 && !guard_host_name(guard_header(head, "Host"), host, sizeof host))
        return lh_fail(err, LH_INVALID, "the Host header is not a host with an optional port");
    return LH_OK;
}

enum lh_code guard_check(const struct guard_head *head, struct guard_verdict *ret_verdict, struct lh_err *err) {
    struct guard_verdict v = {false, 0, false};
    if (strcmp(head->version, "HTTP/1.1") != 0 && strcmp(head->version, "HTTP/1.0") != 0)
        return lh_fail(err, LH_INVALID, "only HTTP/1.1 and HTTP/1.0 are spoken here");
    if (head->too_many_headers)
        return lh_fail(err, LH_INVALID, "there are more than %d headers", GUARD_HEADERS_MAX);
    for (size_t i = 0; i < head->header_count; i++)
        LH_TRY(check_characters(&head->headers[i], err));
    if (head->sent_bytes > 0)
        LH_TRY(check_spelling(head, err));
    LH_TRY(check_framing(head, &v, err));
    LH_TRY(check_host(head, err));
    if (guard_header_count(head, "Expect") > 0) {
        if (guard_header_count(head, "Expect") > 1 || !value_is(find(head, "Expect"), "100-continue"))
            return lh_fail(err, LH_INVALID, "the only Expect understood is \"100-continue\"");
        v.expects_continue = true;
    }
    bool known = false;
    for (size_t i = 0; i < LH_ARRAY_LEN(methods); i++)
        known = known || strcmp(methods[i], head->method) == 0;
    if (!known)
        return lh_fail(err, LH_INVALID, "the request method is none of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
    *ret_verdict = v;
    return LH_OK;
}

static bool port_ok(const char *text) {
    size_t digits = strspn(text, "0123456789");
    return text[digits] == '\0' && digits <= 5;
}

bool guard_host_name(const char *value, char *ret_host, size_t cap) {
    const char *end;
    if (value[0] == '[') {
        value++;
        end = strchr(value, ']');
        if (!end || (end[1] != '\0' && (end[1] != ':' || !port_ok(end + 2))))
            return false;
    } else {
        end = value + strcspn(value, ":");
        if (*end == ':' && !port_ok(end + 1))
            return false;
    }
    size_t len = (size_t)(end - value);
    if (len == 0 || len >= cap)
        return false;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)value[i];
        if (!is_token_char(c) && c != ':')
            return false;
    }
    memcpy(ret_host, value, len);
    ret_host[len] = '\0';
    return true;
}

bool guard_host_is_loopback(const char *host) {
    size_t len = strlen(host);
    if (strcasecmp(host, "localhost") == 0 || (len > 10 && strcasecmp(host + len - 10, ".localhost") == 0))
        return true;
    struct in_addr v4;
    if (inet_pton(AF_INET, host, &v4) == 1)
        return (ntohl(v4.s_addr) >> 24) == 127;
    struct in6_addr v6;
    return inet_pton(AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}
