#include "engine/worker/text_encoding.h"

#include "base/attr.h"
#include "base/buf.h"
#include "base/utf8.h"

#include <string.h>
#include <strings.h>

static const char *const encoding_names[] = {
#define TEXT_ENCODING_NAME(name, text) [ENCODING_##name] = (text),
    TEXT_ENCODINGS(TEXT_ENCODING_NAME)
#undef TEXT_ENCODING_NAME
};

const char *text_encoding_name(enum text_encoding encoding) {
    return encoding_names[encoding];
}

bool text_encoding_from_name(const char *name, enum text_encoding *ret_encoding) {
    static const struct {
        const char *name;
        enum text_encoding encoding;
    } aliases[] = {
        {"utf8", ENCODING_UTF8},
        {"utf-16", ENCODING_UTF16LE},
        {"utf16", ENCODING_UTF16LE},
        {"latin-1", ENCODING_WINDOWS_1252},
        {"latin1", ENCODING_WINDOWS_1252},
        {"cp1252", ENCODING_WINDOWS_1252},
        {"iso-8859-1", ENCODING_WINDOWS_1252},
    };
    for (size_t i = 0; i < LH_ARRAY_LEN(encoding_names); i++) {
        if (strcasecmp(name, encoding_names[i]) == 0) {
            *ret_encoding = (enum text_encoding)i;
            return true;
        }
    }
    for (size_t i = 0; i < LH_ARRAY_LEN(aliases); i++) {
        if (strcasecmp(name, aliases[i].name) == 0) {
            *ret_encoding = aliases[i].encoding;
            return true;
        }
    }
    return false;
}

enum text_encoding text_encoding_guess(const void *head, size_t len, size_t *ret_mark) {
    const unsigned char *p = head;
    *ret_mark = 0;
    if (len >= 3 && p[0] == 0xEF && p[1] == 0xBB && p[2] == 0xBF) {
        *ret_mark = 3;
        return ENCODING_UTF8;
    }
    if (len >= 2 && ((p[0] == 0xFF && p[1] == 0xFE) || (p[0] == 0xFE && p[1] == 0xFF))) {
        *ret_mark = 2;
        return p[0] == 0xFF ? ENCODING_UTF16LE : ENCODING_UTF16BE;
    }
    /* Western text in UTF-16 has its NULs at every second place and nowhere else. */
    size_t nuls[2] = {0, 0}, pairs = len / 2;
    for (size_t i = 0; i < pairs * 2; i++)
        nuls[i & 1] += p[i] == 0;
    if (pairs >= 2 && nuls[1] * 10 >= pairs * 7 && nuls[0] * 20 <= pairs)
        return ENCODING_UTF16LE;
    if (pairs >= 2 && nuls[0] * 10 >= pairs * 7 && nuls[1] * 20 <= pairs)
        return ENCODING_UTF16BE;
    return ENCODING_UTF8;
}

void text_decoder_init(struct text_decoder *d, enum text_encoding encoding) {
    *d = (struct text_decoder){.encoding = encoding};
}

static void put_point(struct text_decoder *d, uint32_t point, struct buf *out) {
    if (point == 0) {
        d->nuls++;
        return;
    }
    if (point < 0x80) {
        buf_append_char(out, (char)point);
        return;
    }
    char bytes[4];
    size_t len;
    if (point < 0x800) {
        bytes[0] = (char)(0xC0 | (point >> 6));
        len = 2;
    } else if (point < 0x10000) {
        bytes[0] = (char)(0xE0 | (point >> 12));
        len = 3;
    } else {
        bytes[0] = (char)(0xF0 | (point >> 18));
        len = 4;
    }
    for (size_t i = 1; i < len; i++)
        bytes[i] = (char)(0x80 | ((point >> (6 * (len - 1 - i))) & 0x3F));
    buf_append(out, bytes, len);
    d->characters_beyond_ascii++;
}

static void put_bad(struct text_decoder *d, struct buf *out) {
    d->bad++;
    buf_append(out, "\xEF\xBF\xBD", 3);
}

/* How many bytes at `p` are plain ASCII, NUL excepted. */
static size_t ascii_run(const unsigned char *p, size_t len) {
    size_t n = 0;
    while (n + 8 <= len) {
        uint64_t word;
        memcpy(&word, p + n, 8);
        uint64_t high = word & UINT64_C(0x8080808080808080);
        uint64_t zero = (word - UINT64_C(0x0101010101010101)) & ~word & UINT64_C(0x8080808080808080);
        if (high | zero)
            break;
        n += 8;
    }
    while (n < len && p[n] != 0 && p[n] < 0x80)
        n++;
    return n;
}

/* Could these bytes begin a character whose rest is still to come? */
static bool utf8_may_be_cut(const unsigned char *p, size_t len) {
    size_t need = p[0] >= 0xF0 && p[0] <= 0xF4 ? 4 : p[0] >= 0xE0 ? 3 : p[0] >= 0xC2 ? 2 : 0;
    if (p[0] > 0xF4 || len >= need)
        return false;
    for (size_t i = 1; i < len; i++)
        if ((p[i] & 0xC0) != 0x80)
            return false;
    return true;
}

static size_t decode_utf8(struct text_decoder *d, const unsigned char *p, size_t len, bool last, struct buf *out) {
    size_t at = 0;
    while (at < len) {
        size_t run = ascii_run(p + at, len - at);
        if (run) {
            buf_append(out, p + at, run);
            at += run;
            continue;
        }
        if (p[at] == 0) {
            d->nuls++;
            at++;
            continue;
        }
        size_t sequence = utf8_sequence_len((const char *)p + at, len - at);
        if (sequence) {
            buf_append(out, p + at, sequence);
            d->characters_beyond_ascii++;
            at += sequence;
        } else if (!last && utf8_may_be_cut(p + at, len - at)) {
            return at;
        } else {
            put_bad(d, out);
            at++;
        }
    }
    return at;
}

static uint32_t utf16_unit(const struct text_decoder *d, const unsigned char *p) {
    return d->encoding == ENCODING_UTF16LE ? (uint32_t)p[0] | (uint32_t)p[1] << 8
                                           : (uint32_t)p[1] | (uint32_t)p[0] << 8;
}

static size_t decode_utf16(struct text_decoder *d, const unsigned char *p, size_t len, bool last, struct buf *out) {
    size_t at = 0;
    while (len - at >= 2) {
        uint32_t unit = utf16_unit(d, p + at);
        if (unit < 0xD800 || unit > 0xDFFF) {
            put_point(d, unit, out);
            at += 2;
            continue;
        }
        if (unit < 0xDC00 && len - at < 4 && !last)
            return at;
        uint32_t low = unit < 0xDC00 && len - at >= 4 ? utf16_unit(d, p + at + 2) : 0;
        if (low >= 0xDC00 && low <= 0xDFFF) {
            put_point(d, 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00), out);
            at += 4;
        } else {
            put_bad(d, out);
            at += 2;
        }
    }
    if (last && at < len) {
        put_bad(d, out);
        at = len;
    }
    return at;
}

static size_t decode_1252(struct text_decoder *d, const unsigned char *p, size_t len, struct buf *out) {
    /* 0x80 to 0x9F; 0 where Windows defines nothing. */
    static const uint16_t upper[32] = {
        0x20AC, 0,      0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
        0x2039, 0x0152, 0,      0x017D, 0,      0,      0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
        0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0,      0x017E, 0x0178,
    };
    size_t at = 0;
    while (at < len) {
        size_t run = ascii_run(p + at, len - at);
        buf_append(out, p + at, run);
        at += run;
        if (at == len)
            break;
        unsigned char c = p[at++];
        uint32_t point = c >= 0x80 && c <= 0x9F ? upper[c - 0x80] : c;
        if (point == 0 && c != 0)
            put_bad(d, out);
        else
            put_point(d, point, out);
    }
    return at;
}

static size_t decode_some(struct text_decoder *d, const unsigned char *p, size_t len, bool last, struct buf *out) {
    switch (d->encoding) {
    case ENCODING_UTF16LE:
    case ENCODING_UTF16BE: return decode_utf16(d, p, len, last, out);
    case ENCODING_WINDOWS_1252: return decode_1252(d, p, len, out);
    case ENCODING_UTF8: break;
    }
    return decode_utf8(d, p, len, last, out);
}

void text_decode(struct text_decoder *d, const void *data, size_t len, bool last, struct buf *out) {
    const unsigned char *p = data;
    /* Complete the cut character byte by byte: it has at most four. */
    while (d->kept_len && (len || last)) {
        bool ends = last && len == 0;
        if (len) {
            d->kept[d->kept_len++] = *p++;
            len--;
        }
        size_t used = decode_some(d, d->kept, d->kept_len, ends || (last && len == 0), out);
        memmove(d->kept, d->kept + used, d->kept_len - used);
        d->kept_len -= used;
    }
    size_t used = len ? decode_some(d, p, len, last, out) : 0;
    if (used < len) {
        memcpy(d->kept, p + used, len - used);
        d->kept_len = len - used;
    }
}

bool text_decoder_doubts_utf8(const struct text_decoder *d) {
    return d->encoding == ENCODING_UTF8 && d->bad > 0 && d->characters_beyond_ascii < d->bad * 4;
}
