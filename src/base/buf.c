#include "base/buf.h"

#include "base/alloc.h"
#include "base/utf8.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define SMALLEST 64

void buf_reserve(struct buf *b, size_t extra) {
    assert(extra < SIZE_MAX / 4 && b->len < SIZE_MAX / 4);
    size_t need = b->len + extra + 1;
    if (need <= b->cap)
        return;
    size_t cap = b->cap + b->cap / 2;
    if (cap < need)
        cap = need;
    if (cap < SMALLEST)
        cap = SMALLEST;
    b->data = lh_realloc(b->data, cap);
    b->cap = cap;
    b->data[b->len] = '\0';
}

void buf_append(struct buf *b, const void *data, size_t len) {
    buf_reserve(b, len);
    if (len > 0)
        memcpy(b->data + b->len, data, len);
    b->len += len;
    b->data[b->len] = '\0';
}

void buf_append_str(struct buf *b, const char *text) {
    buf_append(b, text, strlen(text));
}

void buf_append_char(struct buf *b, char c) {
    buf_append(b, &c, 1);
}

void buf_printf(struct buf *b, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    buf_vprintf(b, fmt, args);
    va_end(args);
}

void buf_vprintf(struct buf *b, const char *fmt, va_list args) {
    buf_reserve(b, SMALLEST);
    va_list again;
    va_copy(again, args);
    size_t room = b->cap - b->len;
    int len = vsnprintf(b->data + b->len, room, fmt, args);
    assert(len >= 0);
    if ((size_t)len >= room) {
        buf_reserve(b, (size_t)len);
        vsnprintf(b->data + b->len, (size_t)len + 1, fmt, again);
    }
    va_end(again);
    b->len += (size_t)len;
}

void buf_truncate(struct buf *b, size_t len) {
    assert(len <= b->len);
    b->len = len;
    if (b->data)
        b->data[len] = '\0';
}

void buf_consume(struct buf *b, size_t len) {
    assert(len <= b->len);
    if (len == 0)
        return;
    memmove(b->data, b->data + len, b->len - len);
    buf_truncate(b, b->len - len);
}

void buf_reset(struct buf *b) {
    buf_truncate(b, 0);
}

void buf_release(struct buf *b) {
    lh_free(b->data);
    *b = (struct buf)BUF_INIT;
}

char *buf_detach(struct buf *b) {
    buf_reserve(b, 0);
    char *text = b->data;
    *b = (struct buf)BUF_INIT;
    return text;
}

static void append_quoted(struct buf *b, const char *text, char quote) {
    buf_append_char(b, quote);
    for (const char *rest = text; *rest;) {
        size_t run = strcspn(rest, (const char[]){quote, '\0'});
        buf_append(b, rest, run);
        rest += run;
        if (*rest) {
            buf_append(b, (const char[]){quote, quote}, 2);
            rest++;
        }
    }
    buf_append_char(b, quote);
}

void buf_append_sql_string(struct buf *b, const char *text) {
    append_quoted(b, text, '\'');
}

void buf_append_sql_path(struct buf *b, const char *path) {
    LH_AUTO(buf) struct buf literal = BUF_INIT;
    for (const char *p = path; *p != '\0'; p++) {
        if (strchr("*?[", *p))
            buf_printf(&literal, "[%c]", *p);
        else
            buf_append_char(&literal, *p);
    }
    buf_append_sql_string(b, buf_cstr(&literal));
}

void buf_append_sql_ident(struct buf *b, const char *name) {
    append_quoted(b, name, '"');
}

static void append_json_escape(struct buf *b, unsigned char c) {
    static const char short_form[32] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    if (c == '"' || c == '\\')
        buf_append(b, (const char[]){'\\', (char)c}, 2);
    else if (c < sizeof short_form && short_form[c])
        buf_append(b, (const char[]){'\\', short_form[c]}, 2);
    else
        buf_printf(b, "\\u%04x", c);
}

void buf_append_json_string(struct buf *b, const char *text, size_t len) {
    buf_append_char(b, '"');
    size_t clean = 0; /* start of the bytes that can be copied as they are */
    for (size_t i = 0; i < len;) {
        unsigned char c = (unsigned char)text[i];
        size_t step = c < 0x80 ? 1 : utf8_sequence_len(text + i, len - i);
        bool plain = c >= 0x80 ? step > 0 : c >= 0x20 && c != '"' && c != '\\' && c != 0x7F;
        if (plain) {
            i += step;
            continue;
        }
        buf_append(b, text + clean, i - clean);
        if (c < 0x80)
            append_json_escape(b, c);
        else
            buf_append_str(b, "\xEF\xBF\xBD");
        clean = ++i;
    }
    buf_append(b, text + clean, len - clean);
    buf_append_char(b, '"');
}
