/* A file read as UTF-8 text: opened, unpacked where it is gzip, decoded, in pieces of about a megabyte.
 *
 * Limits hold before memory is spent: what comes out of gzip may be at most `max_bytes` and, beyond the first 16 MiB, at most
 * 200 times what went in. */
#ifndef LH_ENGINE_WORKER_TEXT_SOURCE_H
#define LH_ENGINE_WORKER_TEXT_SOURCE_H

#include "base/error.h"
#include "engine/worker/text_encoding.h"

#include <stdbool.h>
#include <stdint.h>

struct buf;
struct os;
struct text_source;

struct text_source_options {
    const char *path;
    bool gzip;
    enum text_encoding encoding;
    size_t mark; /* bytes of the byte order mark to skip */
    uint64_t max_bytes;
};

LH_CHECKED enum lh_code text_source_open(struct os *os, const struct text_source_options *options,
                                         struct text_source **ret_source, struct lh_err *err);
/* Append the next text to `out`; *ret_end once there is no more.  LH_TOO_LARGE, LH_DATA (a damaged gzip file). */
LH_CHECKED enum lh_code text_source_read(struct text_source *s, struct buf *out, bool *ret_end, struct lh_err *err);
/* Back to the start, with fresh counts; the encoding may be changed. */
LH_CHECKED enum lh_code text_source_rewind(struct text_source *s, enum text_encoding encoding, struct lh_err *err);

const struct text_decoder *text_source_decoder(const struct text_source *s);
uint64_t text_source_bytes_read(const struct text_source *s); /* of the file itself: for progress */
void text_source_free(struct text_source *s);                 /* NULL is fine */

static inline void text_source_auto_release(struct text_source **s) {
    text_source_free(*s);
}

/* The first `max` bytes, unpacked but not decoded, for guessing. */
LH_CHECKED enum lh_code text_source_head(struct os *os, const char *path, bool gzip, size_t max, struct buf *ret_head,
                                         struct lh_err *err);

#endif
