/* A streaming parser of multipart/form-data (RFC 7578, RFC 2046).
 *
 * Bytes are fed as they come; part contents are handed on as they come, so memory does not grow with the upload.  Limits:
 * MULTIPART_PARTS_MAX parts, MULTIPART_HEAD_MAX bytes of headers a part, a boundary of 1 to 70 characters. */
#ifndef LH_GATEWAY_MULTIPART_H
#define LH_GATEWAY_MULTIPART_H

#include "base/error.h"

#include <stddef.h>

#define MULTIPART_PARTS_MAX 64
#define MULTIPART_HEAD_MAX 8192

struct multipart;

struct multipart_part {
    const char *name; /* valid UTF-8 */
    const char
        *filename; /* NULL where the part is no file; never a path: what stands before the last / or \ is dropped */
    const char *content_type; /* NULL where not said */
};

/* A failure of any of them ends the parsing with that error. */
struct multipart_sink {
    void *ctx;
    enum lh_code (*begin)(void *ctx, const struct multipart_part *part, struct lh_err *err); /* valid during the call */
    enum lh_code (*data)(void *ctx, const void *data, size_t len, struct lh_err *err);
    enum lh_code (*end)(void *ctx, struct lh_err *err);
};

/* `content_type` is the request's header; LH_UNSUPPORTED where it is not multipart/form-data, LH_INVALID where its boundary is
 * missing or wrong. */
LH_CHECKED enum lh_code multipart_new(const char *content_type, const struct multipart_sink *sink,
                                      struct multipart **ret_parser, struct lh_err *err);
/* LH_INVALID with err->position (bytes of the body). */
LH_CHECKED enum lh_code multipart_feed(struct multipart *m, const void *data, size_t len, struct lh_err *err);
/* The body is over: was it complete? */
LH_CHECKED enum lh_code multipart_finish(struct multipart *m, struct lh_err *err);
void multipart_free(struct multipart *m); /* NULL is fine */

static inline void multipart_auto_release(struct multipart **m) {
    multipart_free(*m);
}

#endif
