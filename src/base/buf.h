/* A growable byte buffer; also the string builder.  Always NUL-terminated behind `len`, so `data` is a C string.
 * Zero-initialised is valid and empty (data is then NULL until the first append; buf_cstr gives "" ).
 * Growth aborts when memory is gone (sizes must have been limited before); not thread-safe. */
#ifndef LH_BASE_BUF_H
#define LH_BASE_BUF_H

#include "base/cleanup.h"

#include <stdarg.h>
#include <stddef.h>

struct buf {
    char *data;
    size_t len;
    size_t cap; /* bytes allocated, including the terminator */
};

#define BUF_INIT \
    { NULL, 0, 0 }

void buf_reserve(struct buf *b, size_t extra); /* room for `extra` more bytes without another allocation */
void buf_append(struct buf *b, const void *data, size_t len);
void buf_append_str(struct buf *b, const char *text);
void buf_append_char(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) LH_PRINTF(2, 3);
void buf_vprintf(struct buf *b, const char *fmt, va_list args) LH_PRINTF(2, 0);
void buf_truncate(struct buf *b, size_t len); /* keep the first `len` bytes (len <= b->len) */
void buf_consume(struct buf *b, size_t len);  /* drop the first `len` bytes, moving the rest down */
void buf_reset(struct buf *b);                /* empty; memory kept */
void buf_release(struct buf *b);              /* memory freed; valid and empty afterwards */
char *buf_detach(struct buf *b);              /* the C string, now the caller's (lh_free); the buffer is empty */

static inline const char *buf_cstr(const struct buf *b) {
    return b->data ? b->data : "";
}

/* Text in the syntax of its reader.  Each appends the quotes too. */
void buf_append_sql_string(struct buf *b, const char *text); /* 'it''s' */
/* A path for read_parquet and its kin: what they would read as a pattern stands in brackets, which match it alone. */
void buf_append_sql_path(struct buf *b, const char *path);
void buf_append_sql_ident(struct buf *b, const char *name);               /* "odd ""name""" , always quoted */
void buf_append_json_string(struct buf *b, const char *text, size_t len); /* invalid UTF-8 becomes U+FFFD */

static inline void buf_auto_release(struct buf *b) {
    buf_release(b);
}

#endif
