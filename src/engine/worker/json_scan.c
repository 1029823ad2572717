#include "engine/worker/json_scan.h"

#include <stdint.h>
#include <string.h>

size_t json_scan_space(const char *text, size_t len) {
    size_t n = 0;
    while (n < len && (text[n] == ' ' || text[n] == '\t' || text[n] == '\n' || text[n] == '\r'))
        n++;
    return n;
}

struct scan {
    const char *text;
    size_t len, at;
    bool end;
    const char *reason;
};

static enum json_scan_result bad(struct scan *s, const char *reason) {
    s->reason = reason;
    return JSON_SCAN_BAD;
}

static enum json_scan_result cut(struct scan *s, const char *reason) {
    return s->end ? bad(s, reason) : JSON_SCAN_MORE;
}

static bool is_hex(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static enum json_scan_result scan_string(struct scan *s) {
    for (s->at++; s->at < s->len; s->at++) {
        unsigned char c = (unsigned char)s->text[s->at];
        if (c == '"') {
            s->at++;
            return JSON_SCAN_DONE;
        }
        if (c < 0x20)
            return bad(s, "a string holds a raw control character or is not closed");
        if (c != '\\')
            continue;
        if (s->at + 1 == s->len)
            break;
        c = (unsigned char)s->text[++s->at];
        if (c == 'u') {
            for (int i = 0; i < 4; i++) {
                if (s->at + 1 == s->len)
                    return cut(s, "a string is not closed");
                if (!is_hex(s->text[++s->at]))
                    return bad(s, "\\u is not followed by four hexadecimal digits");
            }
        } else if (!strchr("\"\\/bfnrt", (int)c) || c == 0) {
            return bad(s, "a string holds an unknown escape");
        }
    }
    return cut(s, "a string is not closed");
}

static size_t skip_digits(struct scan *s) {
    size_t start = s->at;
    while (s->at < s->len && s->text[s->at] >= '0' && s->text[s->at] <= '9')
        s->at++;
    return s->at - start;
}

static enum json_scan_result scan_number(struct scan *s) {
    if (s->text[s->at] == '-')
        s->at++;
    size_t start = s->at;
    size_t digits = skip_digits(s);
    if (digits == 0)
        return s->at == s->len ? cut(s, "a number has no digits") : bad(s, "a value was expected");
    if (digits > 1 && s->text[start] == '0')
        return bad(s, "a number starts with 0");
    if (s->at < s->len && s->text[s->at] == '.') {
        s->at++;
        if (skip_digits(s) == 0)
            return s->at == s->len ? cut(s, "a number ends in a point") : bad(s, "a number ends in a point");
    }
    if (s->at < s->len && (s->text[s->at] == 'e' || s->text[s->at] == 'E')) {
        s->at++;
        if (s->at < s->len && (s->text[s->at] == '+' || s->text[s->at] == '-'))
            s->at++;
        if (skip_digits(s) == 0)
            return s->at == s->len ? cut(s, "an exponent has no digits") : bad(s, "an exponent has no digits");
    }
    return s->at == s->len && !s->end ? JSON_SCAN_MORE : JSON_SCAN_DONE;
}

static enum json_scan_result scan_word(struct scan *s) {
    static const char *const words[] = {"true", "false", "null"};
    for (int i = 0; i < 3; i++) {
        size_t len = strlen(words[i]), have = s->len - s->at < len ? s->len - s->at : len;
        if (memcmp(s->text + s->at, words[i], have) != 0)
            continue;
        if (have < len)
            return cut(s, "a value is cut short");
        s->at += len;
        return JSON_SCAN_DONE;
    }
    return bad(s, "a value was expected");
}

static enum json_scan_result scan_scalar(struct scan *s) {
    char c = s->text[s->at];
    if (c == '"')
        return scan_string(s);
    if (c == '-' || (c >= '0' && c <= '9'))
        return scan_number(s);
    return scan_word(s);
}

/* What the text has to hold next. */
enum want { WANT_VALUE, WANT_VALUE_OR_END, WANT_KEY, WANT_KEY_OR_END, WANT_COLON, WANT_COMMA_OR_END };

struct nesting {
    uint64_t objects[JSON_SCAN_MAX_DEPTH / 64]; /* a bit a level: an object, not an array */
    size_t depth, max_depth;
};

static bool in_object(const struct nesting *n) {
    size_t level = n->depth - 1;
    return n->objects[level / 64] >> (level % 64) & 1;
}

static bool nesting_push(struct nesting *n, bool object) {
    if (n->depth == n->max_depth)
        return false;
    uint64_t bit = UINT64_C(1) << (n->depth % 64);
    uint64_t *word = &n->objects[n->depth / 64];
    *word = object ? *word | bit : *word & ~bit;
    n->depth++;
    return true;
}

/* One token; DONE goes on. */
static enum json_scan_result scan_token(struct scan *s, struct nesting *n, enum want *want) {
    char c = s->text[s->at];
    bool closes = c == '}' || c == ']';
    if (closes && (*want == WANT_COMMA_OR_END || *want == WANT_VALUE_OR_END || *want == WANT_KEY_OR_END)) {
        if (in_object(n) != (c == '}'))
            return bad(s, "the wrong bracket closes");
        n->depth--;
        s->at++;
        *want = WANT_COMMA_OR_END;
        return JSON_SCAN_DONE;
    }
    enum json_scan_result result = JSON_SCAN_DONE;
    switch (*want) {
    case WANT_COMMA_OR_END:
        if (c != ',')
            return bad(s, in_object(n) ? "',' or '}' was expected" : "',' or ']' was expected");
        s->at++;
        *want = in_object(n) ? WANT_KEY : WANT_VALUE;
        return JSON_SCAN_DONE;
    case WANT_COLON:
        if (c != ':')
            return bad(s, "':' was expected");
        s->at++;
        *want = WANT_VALUE;
        return JSON_SCAN_DONE;
    case WANT_KEY:
    case WANT_KEY_OR_END:
        if (c != '"')
            return bad(s, "a key in double quotes was expected");
        result = scan_string(s);
        *want = WANT_COLON;
        return result;
    case WANT_VALUE:
    case WANT_VALUE_OR_END: break;
    }
    if (c == '{' || c == '[') {
        if (!nesting_push(n, c == '{'))
            return JSON_SCAN_DEEP;
        s->at++;
        *want = c == '{' ? WANT_KEY_OR_END : WANT_VALUE_OR_END;
        return JSON_SCAN_DONE;
    }
    result = scan_scalar(s);
    *want = WANT_COMMA_OR_END;
    return result;
}

enum json_scan_result json_scan(const char *text, size_t len, bool end, size_t max_depth, size_t *ret_len,
                                const char **ret_reason) {
    struct scan s = {.text = text, .len = len, .end = end};
    struct nesting nesting = {.max_depth = max_depth < JSON_SCAN_MAX_DEPTH ? max_depth : JSON_SCAN_MAX_DEPTH};
    enum want want = WANT_VALUE;
    enum json_scan_result result = JSON_SCAN_DONE;
    do {
        s.at += json_scan_space(text + s.at, len - s.at);
        result = s.at == len ? cut(&s, "the text ends inside a value") : scan_token(&s, &nesting, &want);
    } while (result == JSON_SCAN_DONE && nesting.depth > 0);
    *ret_len = s.at;
    *ret_reason = s.reason;
    return result;
}
