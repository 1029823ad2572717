#include "gateway/accept.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

struct range {
    const char *type; /* "text/csv", or "text" + "/" + "*", or all stars */
    size_t len;
    int q; /* thousandths */
};

/* "0", "0.5", "1.000"; anything malformed counts as 1, as if it were not there. */
static int parse_q(const char *text, size_t len) {
    if (len == 0 || (text[0] != '0' && text[0] != '1'))
        return 1000;
    int q = (text[0] - '0') * 1000;
    if (len > 1 && text[1] == '.')
        for (size_t i = 2, unit = 100; i < len && unit > 0 && text[i] >= '0' && text[i] <= '9'; i++, unit /= 10)
            q += (text[i] - '0') * (int)unit;
    return q > 1000 ? 1000 : q;
}

static void trim(const char **text, size_t *len) {
    while (*len > 0 && (**text == ' ' || **text == '\t')) {
        (*text)++;
        (*len)--;
    }
    while (*len > 0 && ((*text)[*len - 1] == ' ' || (*text)[*len - 1] == '\t'))
        (*len)--;
}

/* One element of the list: the range and its q; other parameters do not matter here. */
static struct range parse_range(const char *text, size_t len) {
    const char *semicolon = memchr(text, ';', len);
    struct range r = {text, semicolon ? (size_t)(semicolon - text) : len, 1000};
    trim(&r.type, &r.len);
    while (semicolon) {
        const char *param = semicolon + 1;
        size_t left = len - (size_t)(param - text);
        semicolon = memchr(param, ';', left);
        size_t n = semicolon ? (size_t)(semicolon - param) : left;
        trim(&param, &n);
        if (n >= 2 && (param[0] == 'q' || param[0] == 'Q') && param[1] == '=')
            r.q = parse_q(param + 2, n - 2);
    }
    return r;
}

/* 0: does not match; 1: all stars; 2: type and star; 3: exact. */
static int specificity(const struct range *r, const char *offer) {
    if (r->len == 3 && memcmp(r->type, "*/*", 3) == 0)
        return 1;
    if (r->len > 2 && r->type[r->len - 1] == '*' && r->type[r->len - 2] == '/')
        return strncasecmp(r->type, offer, r->len - 1) == 0 ? 2 : 0;
    return strlen(offer) == r->len && strncasecmp(r->type, offer, r->len) == 0 ? 3 : 0;
}

/* What the header says of one offer: by its most specific range. */
static int judge(const char *header, const char *offer, int *ret_specificity) {
    int q = 0, best = 0;
    const char *at = header;
    while (*at) {
        size_t len = strcspn(at, ",");
        struct range r = parse_range(at, len);
        int s = specificity(&r, offer);
        if (s > best) {
            best = s;
            q = r.q;
        }
        at += len;
        at += *at == ',';
    }
    *ret_specificity = best;
    return q;
}

int accept_choose(const char *header, const char *const *offers, size_t count) {
    if (!header || header[strspn(header, " \t")] == '\0')
        return 0;
    int chosen = -1, best_q = 0, best_specificity = 0;
    for (size_t i = 0; i < count; i++) {
        int s;
        int q = judge(header, offers[i], &s);
        if (q > best_q || (q == best_q && q > 0 && s > best_specificity)) {
            best_q = q;
            best_specificity = s;
            chosen = (int)i;
        }
    }
    return chosen;
}
