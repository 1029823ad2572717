/* The markers of an answer while it is being written. */
#include "ai/answer_internal.h"

#include <string.h>

#define MARKER_BYTES ((size_t)64)
#define NUMBER_DIGITS 4u

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static const char *skip_blanks(const char *at) {
    return at + strspn(at, " ");
}

/* One number of a marker's list, "12" of "12, 7]": 0 where there is none. */
static size_t take_number(const char **at) {
    size_t number = 0, digits = 0;
    for (; is_digit(**at); (*at)++, digits++)
        number = number * 10 + (size_t)(**at - '0');
    return digits > 0 && digits <= NUMBER_DIGITS ? number : SIZE_MAX;
}

/* `text` is "[" and what came behind it, without the "]". */
static bool is_marker(const char *text) {
    for (const char *at = text + 1;; at++) {
        at = skip_blanks(at);
        if (take_number(&at) == SIZE_MAX)
            return false;
        at = skip_blanks(at);
        if (*at != ',')
            return *at == '\0';
    }
}

static void flush(struct answer_markers *m, struct buf *out) {
    buf_append(out, buf_cstr(&m->held), m->held.len);
    buf_reset(&m->held);
    m->blanks = 0;
}

/* A whole marker is held: its true numbers go out, each in brackets of its own; without one it goes, and a blank with it. */
static void settle(struct answer_markers *m, struct buf *out) {
    char list[MARKER_BYTES + 1];
    size_t len = m->held.len - m->blanks;
    memcpy(list, m->held.data + m->blanks, len);
    list[len] = '\0';
    buf_truncate(&m->held, m->blanks);
    bool stays = false;
    for (const char *at = list + 1;; at++) {
        at = skip_blanks(at);
        size_t number = take_number(&at);
        bool known = number >= 1 && number <= m->used;
        if (known && !stays)
            flush(m, out);
        if (known)
            buf_printf(out, "[%zu]", number);
        stays = stays || known;
        m->unknown += !known;
        at = skip_blanks(at);
        if (*at != ',')
            break;
    }
    if (!stays && m->blanks > 0)
        buf_truncate(&m->held, --m->blanks);
}

static void feed_one(struct answer_markers *m, char c, struct buf *out) {
    if (m->held.len > m->blanks) { /* in a bracket */
        if ((is_digit(c) || c == ',' || c == ' ') && m->held.len - m->blanks < MARKER_BYTES) {
            buf_append_char(&m->held, c);
            return;
        }
        if (c == ']' && is_marker(buf_cstr(&m->held) + m->blanks)) {
            settle(m, out);
            return;
        }
        flush(m, out);
    }
    if (c == ' ' || c == '[') {
        buf_append_char(&m->held, c);
        m->blanks += c == ' ';
        return;
    }
    flush(m, out);
    buf_append_char(out, c);
}

void answer_markers_feed(struct answer_markers *m, const char *text, size_t len, struct buf *out) {
    for (size_t i = 0; i < len; i++)
        feed_one(m, text[i], out);
}

void answer_markers_end(struct answer_markers *m, struct buf *out) {
    flush(m, out);
}

void answer_markers_release(struct answer_markers *m) {
    buf_release(&m->held);
}
