/* Lines, words and characters of a text, read once from front to back. */
#include "ai/chunk_internal.h"

#include "base/attr.h"
#include "base/utf8.h"

#include <inttypes.h>
#include <string.h>

#define HEADING_MAX 120u  /* bytes of a line that may be a heading */
#define CAPITALS_MAX 60u  /* of one in capitals */
#define PAGE_MARK_MAX 60u /* of one that says a page's number */

/* ---- characters ---- */

/* Quarters of a token. */
enum weight { WEIGHT_LETTER = 1, WEIGHT_DIGIT = 2, WEIGHT_SIGN = 4 };

/* How a code point behaves, above all towards the one before it (UAX #29, the part that texts have). */
enum kind {
    KIND_WHITE,  /* white space and control characters */
    KIND_PLAIN,  /* part of a word */
    KIND_EXTEND, /* belongs to the character before: marks, joiners, modifiers */
    KIND_JOINER, /* so does the code point after it */
    KIND_FLAG,   /* half of a flag */
    KIND_LEAD,   /* Hangul in parts: a consonant that begins a syllable */
    KIND_VOWEL,  /* and what follows in one */
    KIND_ALONE,  /* a word by itself: signs of scripts without spaces */
    KIND_CLOSE,  /* punctuation of those, which no line begins with */
    KIND_STOP,   /* and which ends a sentence */
};

struct point {
    uint32_t bytes;
    enum kind kind;
    uint32_t weight;
};

static bool is_white(uint32_t p) {
    return p <= 0x20 || (p >= 0x7F && p <= 0xA0) || p == 0x1680 || (p >= 0x2000 && p <= 0x200A) || p == 0x2028 ||
           p == 0x2029 || p == 0x202F || p == 0x205F || p == 0x3000;
}

static enum kind kind_of_sign(uint32_t p) {
    switch (p) {
    case 0x3002: /* ideographic full stop */
    case 0xFF01:
    case 0xFF0E:
    case 0xFF1F:
    case 0xFF61: return KIND_STOP;
    case 0x3001: /* ideographic comma */
    case 0x3009:
    case 0x300B:
    case 0x300D:
    case 0x300F:
    case 0x3011:
    case 0x3015:
    case 0x30FC: /* prolonged sound */
    case 0xFF09:
    case 0xFF0C:
    case 0xFF1A:
    case 0xFF1B: return KIND_CLOSE;
    default: break;
    }
    bool alone = (p >= 0x3000 && p <= 0x30FF) || (p >= 0x3400 && p <= 0x4DBF) || (p >= 0x4E00 && p <= 0x9FFF) ||
                 (p >= 0xF900 && p <= 0xFAFF) || (p >= 0xFF01 && p <= 0xFF9F) || (p >= 0x20000 && p <= 0x3FFFD);
    return alone ? KIND_ALONE : KIND_PLAIN;
}

/* Vowel signs that stand beside their letter: the Indic blocks share one layout. */
static bool is_vowel_sign(uint32_t p) {
    uint32_t place = p & 0x7F;
    return (p >= 0x900 && p <= 0xDFF && place >= 0x3C && place <= 0x4D && place != 0x3D) || p == 0x0E33;
}

static enum kind kind_of(uint32_t p, const char *text, size_t bytes) {
    if (p < 0x300)
        return KIND_PLAIN;
    if (p == 0x200D)
        return KIND_JOINER;
    if (p >= 0x1F1E6 && p <= 0x1F1FF)
        return KIND_FLAG;
    if (p >= 0x1100 && p <= 0x115F)
        return KIND_LEAD;
    if (p >= 0x1160 && p <= 0x11FF)
        return KIND_VOWEL;
    if (utf8_width(text, bytes) == 0 || is_vowel_sign(p))
        return KIND_EXTEND;
    return p >= 0x3000 ? kind_of_sign(p) : KIND_PLAIN;
}

/* bytes 0: not UTF-8. */
static struct point point_at(const struct scan *s, uint32_t at) {
    unsigned char c = (unsigned char)s->text[at];
    if (c < 0x80) {
        bool letter = (c | 32) >= 'a' && (c | 32) <= 'z';
        bool digit = c >= '0' && c <= '9';
        uint32_t weight = letter ? WEIGHT_LETTER : digit ? WEIGHT_DIGIT : WEIGHT_SIGN;
        return (struct point){1, c <= 0x20 || c == 0x7F ? KIND_WHITE : KIND_PLAIN, weight};
    }
    uint32_t p = 0;
    size_t bytes = utf8_decode(s->text + at, s->len - at, &p);
    if (bytes == 0)
        return (struct point){0};
    uint32_t weight = p < 0x250 ? WEIGHT_LETTER : p < 0x2000 ? WEIGHT_DIGIT : WEIGHT_SIGN;
    return (struct point){(uint32_t)bytes, is_white(p) ? KIND_WHITE : kind_of(p, s->text + at, bytes), weight};
}

/* ---- lines ---- */

struct span {
    uint32_t begin, end;
};

/* The line at `at` without its end (a newline or a form feed) and without white space around it. */
static struct span trimmed_line(const struct scan *s, uint32_t at, uint32_t *ret_end) {
    const char *line = s->text + at;
    const char *end = memchr(line, '\n', s->len - at);
    uint32_t size = end ? (uint32_t)(end - line) : s->len - at;
    const char *feed = memchr(line, '\f', size);
    size = feed ? (uint32_t)(feed - line) : size;
    *ret_end = at + size;
    struct span span = {at, at + size};
    while (span.begin < span.end && (unsigned char)s->text[span.begin] <= ' ')
        span.begin++;
    while (span.end > span.begin && (unsigned char)s->text[span.end - 1] <= ' ')
        span.end--;
    return span;
}

/* "--- Page 7 ---": decoration on both sides, a number, nothing else. */
static bool is_page_mark(const char *line, uint32_t len, uint32_t *ret_page) {
    static const char decoration[] = "-=*_#~[](){}<>!| \t";
    static const char word[] = "page";
    uint32_t at = 0, page = 0;
    if (len > PAGE_MARK_MAX || len < sizeof word)
        return false;
    while (at < len && strchr(decoration, line[at]))
        at++;
    if (at == 0 || len - at < sizeof word)
        return false;
    for (size_t i = 0; i + 1 < sizeof word; i++)
        if ((line[at++] | 32) != word[i])
            return false;
    while (at < len && (line[at] == ' ' || line[at] == ':'))
        at++;
    uint32_t digits = at;
    while (at < len && at - digits < 7 && line[at] >= '0' && line[at] <= '9')
        page = page * 10 + (uint32_t)(line[at++] - '0');
    bool decorated = at < len;
    if (digits == at || page == 0)
        return false;
    while (at < len && strchr(decoration, line[at]))
        at++;
    *ret_page = page;
    return decorated && at == len;
}

/* EXPERIENCE, RÉSUMÉ 2024: capitals, no small letter, mostly letters, not the end of a sentence. */
static bool is_in_capitals(const char *line, uint32_t len) {
    uint32_t letters = 0, others = 0;
    if (len > CAPITALS_MAX || strchr(".,;", line[len - 1]))
        return false;
    for (uint32_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)line[i];
        if (c >= 'a' && c <= 'z')
            return false;
        if (c == 0xC3 && i + 1 < len && (unsigned char)line[i + 1] < 0x9F) { /* capitals of Latin-1 */
            letters++;
            i++;
        } else if (c >= 0x80) {
            return false;
        } else if (c >= 'A' && c <= 'Z') {
            letters++;
        } else {
            others += c != ' ';
        }
    }
    return letters >= 3 && letters > others;
}

static bool is_underline(const char *line, uint32_t len) {
    if (len < 3 || (line[0] != '=' && line[0] != '-'))
        return false;
    for (uint32_t i = 1; i < len; i++)
        if (line[i] != line[0])
            return false;
    return true;
}

/* Is the line a heading?  *ret_heading is its text. */
static bool is_heading(const struct scan *s, struct span line, struct span *ret_heading) {
    const char *text = s->text + line.begin;
    uint32_t len = line.end - line.begin, marks = 0, next_end;
    if (len == 0 || len > HEADING_MAX)
        return false;
    while (marks < len && text[marks] == '#')
        marks++;
    if (marks >= 1 && marks <= 6 && marks < len && text[marks] == ' ') {
        *ret_heading = (struct span){line.begin + marks, line.end};
        while (s->text[ret_heading->begin] == ' ')
            ret_heading->begin++;
        return true;
    }
    *ret_heading = line;
    if (!s->after_blank)
        return false;
    if (is_in_capitals(text, len))
        return true;
    if (s->line_end >= s->len || s->text[s->line_end] != '\n' || is_underline(text, len))
        return false;
    struct span next = trimmed_line(s, s->line_end + 1, &next_end);
    return is_underline(s->text + next.begin, next.end - next.begin);
}

static bool is_list_item(const char *line, uint32_t len) {
    uint32_t digits = 0;
    if (len > 2 && strchr("-*+", line[0]) && line[1] == ' ')
        return true;
    if (len > 3 && memcmp(line, "\xE2\x80\xA2", 3) == 0) /* a bullet */
        return true;
    while (digits < len && digits < 3 && line[digits] >= '0' && line[digits] <= '9')
        digits++;
    return digits > 0 && len > digits + 1 && strchr(".)", line[digits]) && line[digits + 1] == ' ';
}

static void raise_gap(struct scan *s, enum gap gap) {
    if (gap > s->next_gap)
        s->next_gap = gap;
}

/* At the begin of a line: what it is. */
static void begin_line(struct scan *s) {
    struct span heading;
    struct span line = trimmed_line(s, s->at, &s->line_end);
    const char *text = s->text + line.begin;
    uint32_t len = line.end - line.begin;
    s->line_open = true;
    s->line_is_blank = len == 0;
    s->line_is_heading = false;
    if (len == 0)
        return;
    if (is_page_mark(text, len, &s->page)) {
        raise_gap(s, GAP_LINE);
    } else if (s->after_heading && is_underline(text, len)) {
        s->line_is_heading = true;
        s->next_gap = GAP_WORD;
    } else if (is_heading(s, line, &heading)) {
        s->line_is_heading = true;
        s->heading = heading.begin;
        s->heading_len = heading.end - heading.begin;
        s->next_gap = s->after_heading ? GAP_WORD : GAP_HEADING;
    } else if (s->after_heading) {
        s->next_gap = GAP_WORD; /* a heading stays with what it is above */
    } else if (s->after_blank) {
        raise_gap(s, GAP_PARAGRAPH);
    } else {
        raise_gap(s, is_list_item(text, len) ? GAP_SENTENCE : GAP_LINE);
    }
}

/* Over the newline or form feed that ends a line. */
static void end_line(struct scan *s) {
    if (s->text[s->at] == '\f')
        s->page++;
    s->at++;
    s->characters++;
    s->line_open = false;
    s->after_heading = s->line_is_heading || (s->after_heading && s->line_is_blank);
    s->after_blank = s->line_is_blank;
    raise_gap(s, GAP_WORD);
}

/* ---- sentences ---- */

/* What ends in a full stop without ending a sentence: the letters before it. */
static bool is_abbreviation(const char *word, uint32_t len) {
    static const char list[] = " dr mr mrs ms prof st vs no nr bzw ca fig vgl dept approx jr sr ";
    char lower[8] = " ";
    if (len <= 1)
        return true; /* an initial; "e.g." */
    if (len > sizeof lower - 3)
        return false;
    for (uint32_t i = 0; i < len; i++)
        lower[i + 1] = (char)(word[i] | 32);
    lower[len + 1] = ' ';
    lower[len + 2] = '\0';
    return strstr(list, lower) != NULL;
}

static bool ends_with(const char *text, uint32_t len, const char *tail) {
    size_t size = strlen(tail);
    return len >= size && memcmp(text + len - size, tail, size) == 0;
}

/* Does the word end a sentence, as far as it alone can tell? */
static bool ends_sentence(const char *word, uint32_t len) {
    static const char *const closers[] = {")", "\"", "'", "]", "\xE2\x80\x9D", "\xE2\x80\x99", "\xC2\xBB"};
    for (size_t i = 0; i < LH_ARRAY_LEN(closers); i++)
        if (ends_with(word, len, closers[i])) {
            len -= (uint32_t)strlen(closers[i]);
            i = (size_t)-1; /* there may be more of them */
        }
    if (len == 0)
        return false;
    if (word[len - 1] == '!' || word[len - 1] == '?' || ends_with(word, len, "\xE2\x80\xA6"))
        return true;
    if (word[len - 1] != '.')
        return false;
    uint32_t begin = len - 1, digits = 0;
    while (begin > 0 && ((word[begin - 1] | 32) >= 'a' && (word[begin - 1] | 32) <= 'z'))
        begin--;
    while (digits < len && word[digits] >= '0' && word[digits] <= '9')
        digits++;
    bool number = digits == len - 1 && digits <= 2; /* "2." of a list */
    bool letters = begin < len - 1;
    return !number && !(letters && is_abbreviation(word + begin, len - 1 - begin));
}

/* ---- pieces ---- */

void scan_begin(struct scan *s, const struct chunk_options *options, const char *text, uint32_t len) {
    uint32_t soft = options->size / 8 > 0 ? options->size / 8 : 1;
    uint32_t scale = options->unit == CHUNK_TOKENS ? 4 : 1;
    *s = (struct scan){
        .text = text,
        .len = len,
        .unit = options->unit,
        .soft = soft * scale,
        .hard = options->size * scale,
        .page = len > 0 && memchr(text, '\f', len) ? 1 : 0,
        .after_blank = true,
    };
}

static enum lh_code not_utf8(const struct scan *s, struct lh_err *err) {
    return lh_fail(err, LH_DATA, "the text is not UTF-8 at byte %" PRIu32, s->at);
}

/* To the next thing that is not white space: its point, bytes 0 at the end. */
static enum lh_code skip_white(struct scan *s, struct point *ret_point, struct lh_err *err) {
    for (;;) {
        *ret_point = (struct point){0};
        if (s->at == s->len)
            return LH_OK;
        if (!s->line_open)
            begin_line(s);
        if (s->at == s->line_end) {
            if (s->at == s->len)
                return LH_OK;
            end_line(s);
            continue;
        }
        *ret_point = point_at(s, s->at);
        if (ret_point->bytes == 0)
            return not_utf8(s, err);
        if (ret_point->kind != KIND_WHITE)
            return LH_OK;
        s->at += ret_point->bytes;
        s->characters++;
        raise_gap(s, GAP_WORD);
    }
}

/* What the code points of a piece so far say about the next one. */
struct joints {
    enum kind base; /* of the last one that is no mark */
    bool joiner;    /* the last one asks for the next */
    bool odd_flag;  /* half a flag stands open */
    uint32_t size;  /* of the piece, in the unit of soft and hard */
};

static void note_point(struct joints *j, const struct point *p, uint32_t size) {
    j->size += size;
    j->joiner = p->kind == KIND_JOINER;
    j->odd_flag = p->kind == KIND_FLAG && !j->odd_flag;
    if (p->kind != KIND_EXTEND && p->kind != KIND_JOINER)
        j->base = p->kind;
}

static bool is_one_character(const struct joints *j, const struct point *p) {
    return p->kind == KIND_EXTEND || p->kind == KIND_JOINER || j->joiner || (p->kind == KIND_FLAG && j->odd_flag) ||
           (p->kind == KIND_VOWEL && (j->base == KIND_LEAD || j->base == KIND_VOWEL || j->base == KIND_PLAIN));
}

/* Does the piece end before `p`?  Then `*ret_gap` is the boundary between them. */
static bool ends_before(const struct scan *s, const struct joints *j, const struct point *p, uint32_t size,
                        enum gap *ret_gap) {
    bool signs = j->base == KIND_ALONE || j->base == KIND_CLOSE || j->base == KIND_STOP;
    *ret_gap = GAP_NONE;
    if (j->size + size > s->hard)
        return true;
    if (is_one_character(j, p) || p->kind == KIND_CLOSE || p->kind == KIND_STOP)
        return false;
    if (signs || p->kind == KIND_ALONE) {
        *ret_gap = j->base == KIND_STOP ? GAP_SENTENCE : GAP_WORD;
        return true;
    }
    return j->size >= s->soft;
}

enum lh_code scan_next(struct scan *s, struct piece *ret_piece, bool *ret_more, struct lh_err *err) {
    struct point p;
    struct joints joints = {.base = KIND_PLAIN};
    uint32_t quarters = 0;
    enum gap gap = GAP_NONE;
    LH_TRY(skip_white(s, &p, err));
    *ret_more = p.bytes > 0;
    if (p.bytes == 0)
        return LH_OK;
    bool lower_case = s->text[s->at] >= 'a' && s->text[s->at] <= 'z';
    if (s->sentence_ended && !lower_case)
        raise_gap(s, GAP_SENTENCE);
    const uint32_t begin = s->at, characters = s->characters;
    for (;;) {
        note_point(&joints, &p, s->unit == CHUNK_TOKENS ? p.weight : 1);
        quarters += p.weight;
        s->at += p.bytes;
        s->characters++;
        if (s->at == s->line_end)
            break;
        p = point_at(s, s->at);
        if (p.bytes == 0)
            return not_utf8(s, err);
        if (p.kind == KIND_WHITE || ends_before(s, &joints, &p, s->unit == CHUNK_TOKENS ? p.weight : 1, &gap))
            break;
    }
    *ret_piece = (struct piece){
        .begin = begin,
        .end = s->at,
        .characters_before = characters,
        .characters = s->characters - characters,
        .tokens_before = s->tokens,
        .tokens = (quarters + 3) / 4,
        .heading = s->heading,
        .heading_len = s->heading_len,
        .page = s->page,
        .gap = s->next_gap,
    };
    s->tokens += ret_piece->tokens;
    s->next_gap = gap;
    s->sentence_ended = !s->line_is_heading && ends_sentence(s->text + begin, s->at - begin);
    return LH_OK;
}
