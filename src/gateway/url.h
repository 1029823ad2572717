/* Request targets: checking, splitting and percent-decoding, done here and nowhere else.
 *
 * The HTTP library hands over the target as it came (its own decoding is switched off), because a decoded path that is
 * split afterwards, a NUL that ends a C string or a dot-segment hidden behind %2e are how path checks are walked
 * around.  What comes out of url_parse is safe to route: every segment is valid UTF-8 without control characters, none
 * is empty, "." or "..", however it was written.  Pure functions over an arena. */
#ifndef LH_GATEWAY_URL_H
#define LH_GATEWAY_URL_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct arena;

#define URL_SEGMENTS_MAX 520 /* a key of 1,024 bytes may have 512 */
#define URL_PARAMS_MAX 32

struct url_param {
    const char *name;
    const char *value;
};

struct url {
    const char *path;                        /* decoded, for messages and logs; of a refused target as it was sent */
    const char *segments[URL_SEGMENTS_MAX];  /* decoded */
    size_t segment_count;                    /* 0 for "/" */
    struct url_param params[URL_PARAMS_MAX]; /* decoded; '+' in a value is a space */
    size_t param_count;
};

/* `target` is the origin-form of the request line ("/a/b?x=1").  LH_INVALID names the place in err->position: anything
 * but origin-form, a bad escape, a control character, %00, "//", dot-segments, text that is not UTF-8, a parameter
 * given twice.  A single trailing slash is an empty last segment and refused too, except in "/" itself. */
LH_CHECKED enum lh_code url_parse(struct arena *arena, const char *target, size_t len, struct url *ret_url,
                                  struct lh_err *err);

const char *url_param(const struct url *url, const char *name); /* NULL where absent */

#endif
