#include "index/text_signs.h"

#include "base/attr.h"
#include "base/utf8.h"

#include <assert.h>
#include <stdint.h>

enum sign_kind {
    KIND_OTHER,
    KIND_SIGN, /* begins one */
    KIND_MARK, /* goes on with the one before */
    KIND_VOID, /* means nothing beside a sign */
};

struct range {
    uint32_t first, last;
    enum sign_kind kind;
};

/* By rising first; what is not listed is KIND_OTHER: digits and punctuation of these scripts too. */
static const struct range ranges[] = {
    {0x00E01, 0x00E30, KIND_SIGN}, /* Thai */
    {0x00E31, 0x00E31, KIND_MARK}, {0x00E32, 0x00E32, KIND_SIGN}, {0x00E33, 0x00E3A, KIND_MARK},
    {0x00E40, 0x00E46, KIND_SIGN}, {0x00E47, 0x00E4E, KIND_MARK}, {0x00E81, 0x00EB0, KIND_SIGN}, /* Lao */
    {0x00EB1, 0x00EB1, KIND_MARK}, {0x00EB2, 0x00EB2, KIND_SIGN}, {0x00EB3, 0x00EBC, KIND_MARK},
    {0x00EBD, 0x00EC6, KIND_SIGN}, {0x00EC8, 0x00ECE, KIND_MARK}, {0x00EDC, 0x00EDF, KIND_SIGN},
    {0x01000, 0x0102A, KIND_SIGN}, /* Burmese */
    {0x0102B, 0x0103E, KIND_MARK}, {0x0103F, 0x0103F, KIND_SIGN}, {0x01050, 0x01055, KIND_SIGN},
    {0x01056, 0x01059, KIND_MARK}, {0x0105A, 0x0105D, KIND_SIGN}, {0x0105E, 0x01060, KIND_MARK},
    {0x01061, 0x01061, KIND_SIGN}, {0x01062, 0x01064, KIND_MARK}, {0x01065, 0x01066, KIND_SIGN},
    {0x01067, 0x0106D, KIND_MARK}, {0x0106E, 0x01070, KIND_SIGN}, {0x01071, 0x01074, KIND_MARK},
    {0x01075, 0x01081, KIND_SIGN}, {0x01082, 0x0108D, KIND_MARK}, {0x0108E, 0x0108E, KIND_SIGN},
    {0x0108F, 0x0108F, KIND_MARK}, {0x0109A, 0x0109D, KIND_MARK}, {0x01100, 0x0115F, KIND_SIGN}, /* Hangul, in parts */
    {0x01160, 0x011FF, KIND_MARK}, {0x01780, 0x017B3, KIND_SIGN},                                /* Khmer */
    {0x017B4, 0x017D3, KIND_MARK}, {0x017D7, 0x017D7, KIND_SIGN}, {0x017DC, 0x017DC, KIND_SIGN},
    {0x017DD, 0x017DD, KIND_MARK}, {0x0200B, 0x0200D, KIND_VOID}, {0x02060, 0x02060, KIND_VOID},
    {0x02E80, 0x02FD5, KIND_SIGN}, /* radicals */
    {0x03005, 0x03007, KIND_SIGN}, {0x03021, 0x03029, KIND_SIGN}, {0x03031, 0x03035, KIND_SIGN},
    {0x03038, 0x0303C, KIND_SIGN}, {0x03041, 0x03096, KIND_SIGN},                                /* Hiragana */
    {0x03099, 0x0309A, KIND_MARK}, {0x0309D, 0x0309F, KIND_SIGN}, {0x030A1, 0x030FA, KIND_SIGN}, /* Katakana */
    {0x030FC, 0x030FF, KIND_SIGN}, {0x03105, 0x0312F, KIND_SIGN},                                /* Bopomofo */
    {0x03131, 0x0318E, KIND_SIGN},                                                               /* Hangul letters */
    {0x031A0, 0x031BF, KIND_SIGN}, {0x031F0, 0x031FF, KIND_SIGN}, {0x03400, 0x04DBF, KIND_SIGN}, /* Han */
    {0x04E00, 0x09FFF, KIND_SIGN}, {0x0A960, 0x0A97C, KIND_SIGN}, {0x0AC00, 0x0D7A3, KIND_SIGN}, /* Hangul */
    {0x0D7B0, 0x0D7FB, KIND_MARK}, {0x0F900, 0x0FAD9, KIND_SIGN}, {0x0FE00, 0x0FE0F, KIND_VOID},
    {0x1AFF0, 0x1B16F, KIND_SIGN}, {0x20000, 0x3FFFD, KIND_SIGN}, {0xE0100, 0xE01EF, KIND_VOID},
};

static enum sign_kind kind_of(uint32_t point) {
    size_t low = 0, high = LH_ARRAY_LEN(ranges);
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (point > ranges[middle].last)
            low = middle + 1;
        else
            high = middle;
    }
    return low < LH_ARRAY_LEN(ranges) && point >= ranges[low].first ? ranges[low].kind : KIND_OTHER;
}

static bool is_hangul(uint32_t point) {
    return (point >= 0x1100 && point <= 0x11FF) || (point >= 0x3131 && point <= 0x318E) ||
           (point >= 0xA960 && point <= 0xA97C) || (point >= 0xAC00 && point <= 0xD7FB);
}

bool text_signs_possible(const char *text, size_t len) {
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] >= 0xE0)
            return true;
    return false;
}

/* ---- one form ---- */

#define VOICED 0x3099u
#define HALF_VOICED 0x309Au
#define HANGUL 0xAC00u

/* Katakana from U+FF66 to U+FF9F: the last two digits of U+30xx. */
static const unsigned char full_width_kana[] = {
    0xF2, 0xA1, 0xA3, 0xA5, 0xA7, 0xA9, 0xE3, 0xE5, 0xE7, 0xC3, 0xFC, 0xA2, 0xA4, 0xA6, 0xA8,
    0xAA, 0xAB, 0xAD, 0xAF, 0xB1, 0xB3, 0xB5, 0xB7, 0xB9, 0xBB, 0xBD, 0xBF, 0xC1, 0xC4, 0xC6,
    0xC8, 0xCA, 0xCB, 0xCC, 0xCD, 0xCE, 0xCF, 0xD2, 0xD5, 0xD8, 0xDB, 0xDE, 0xDF, 0xE0, 0xE1,
    0xE2, 0xE4, 0xE6, 0xE8, 0xE9, 0xEA, 0xEB, 0xEC, 0xED, 0xEF, 0xF3, 0x99, 0x9A,
};
static_assert(sizeof full_width_kana == 0xFF9F - 0xFF66 + 1, "U+FF66 to U+FF9F");

static uint32_t usual_width(uint32_t point) {
    if (point >= 0xFF01 && point <= 0xFF5E)
        return point - 0xFEE0;
    if (point >= 0xFF66 && point <= 0xFF9F)
        return 0x3000u + full_width_kana[point - 0xFF66];
    return point == 0x3000 ? ' ' : point;
}

/* Kana with its mark, 0 where it takes none.  Voiced ones stand right behind their plain ones. */
static uint32_t voice(uint32_t kana, uint32_t mark) {
    uint32_t row = kana >= 0x30A1 ? kana - 0x60 : kana;
    bool h = row >= 0x306F && row <= 0x307B && row % 3 == 0;
    bool k_to_d = row >= 0x304B && row <= 0x3068 && row != 0x3063 && (row < 0x3063 ? row % 2 == 1 : row % 2 == 0);
    if (mark == HALF_VOICED)
        return h ? kana + 2 : 0;
    if (row == 0x3046) /* u becomes vu */
        return kana + 0x4E;
    return h || k_to_d ? kana + 1 : 0;
}

/* The one character that stands for both, 0 where there is none. */
static uint32_t compose(uint32_t first, uint32_t second) {
    if (second == VOICED || second == HALF_VOICED)
        return voice(first, second);
    if (first >= 0x1100 && first <= 0x1112 && second >= 0x1161 && second <= 0x1175)
        return HANGUL + ((first - 0x1100) * 21 + (second - 0x1161)) * 28;
    bool open = first >= HANGUL && first <= 0xD7A3 && (first - HANGUL) % 28 == 0;
    return open && second >= 0x11A8 && second <= 0x11C2 ? first + (second - 0x11A7) : 0;
}

static void append_point(struct buf *out, uint32_t p) {
    if (p < 0x80) {
        buf_append_char(out, (char)p);
    } else if (p < 0x800) {
        buf_append_char(out, (char)(0xC0 | p >> 6));
        buf_append_char(out, (char)(0x80 | (p & 0x3F)));
    } else {
        if (p < 0x10000) {
            buf_append_char(out, (char)(0xE0 | p >> 12));
        } else {
            buf_append_char(out, (char)(0xF0 | p >> 18));
            buf_append_char(out, (char)(0x80 | (p >> 12 & 0x3F)));
        }
        buf_append_char(out, (char)(0x80 | (p >> 6 & 0x3F)));
        buf_append_char(out, (char)(0x80 | (p & 0x3F)));
    }
}

static uint32_t point_at(const char *text, size_t len, size_t *ret_bytes) {
    uint32_t point = 0;
    *ret_bytes = utf8_decode(text, len, &point);
    return *ret_bytes ? usual_width(point) : 0;
}

/* The bytes of a line break between `before` and the sign that follows it, which such writing has anywhere in a word. */
static size_t wrap_len(uint32_t before, const char *text, size_t len) {
    size_t wrap = len > 1 && text[0] == '\r' && text[1] == '\n' ? 2 : len > 0 && text[0] == '\n', bytes;
    if (wrap == 0 || kind_of(before) == KIND_OTHER || is_hangul(before))
        return 0;
    uint32_t after = point_at(text + wrap, len - wrap, &bytes);
    return kind_of(after) == KIND_SIGN && !is_hangul(after) ? wrap : 0;
}

void text_signs_shape(const char *text, size_t len, struct buf *out) {
    uint32_t held = 0; /* the character before, which the next one may change; 0: none */
    for (size_t at = 0, bytes; at < len; at += bytes) {
        bytes = wrap_len(held, text + at, len - at);
        if (bytes)
            continue;
        uint32_t point = point_at(text + at, len - at, &bytes);
        bool beside_sign = held && kind_of(held) != KIND_OTHER;
        if (beside_sign && kind_of(point) == KIND_VOID)
            continue;
        uint32_t both = held ? compose(held, point) : 0;
        if (held && !both)
            append_point(out, held);
        held = both ? both : point;
        if (held == 0) { /* not UTF-8, or a zero */
            buf_append_char(out, text[at]);
            bytes = 1;
        }
    }
    if (held)
        append_point(out, held);
}

size_t text_sign_len(const char *text, size_t len) {
    uint32_t point = 0;
    size_t size = utf8_decode(text, len, &point);
    if (size == 0 || kind_of(point) != KIND_SIGN)
        return 0;
    for (size_t bytes; (bytes = utf8_decode(text + size, len - size, &point)) > 0 && kind_of(point) == KIND_MARK;)
        size += bytes;
    return size;
}
