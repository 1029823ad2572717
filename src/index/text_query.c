#include "index/text_query.h"

#include "index/text_tokens.h"

#include <stdbool.h>
#include <string.h>

struct piece {
    const char *text;
    size_t len;
    bool without; /* -word */
    bool prefix;  /* word* */
    bool quoted;
};

/* The bytes of the white space at `p`, 0 for none: ASCII's, the one without a break, the ideographic one. */
static size_t space_len(const char *p) {
    if (*p == ' ' || (*p >= '\t' && *p <= '\r'))
        return 1;
    if (strncmp(p, "\xC2\xA0", 2) == 0)
        return 2;
    return strncmp(p, "\xE3\x80\x80", 3) == 0 ? 3 : 0;
}

static bool is_space(const char *p) {
    return space_len(p) > 0;
}

/* The next piece; false at the end. */
static bool next_piece(const char **words, struct piece *ret_piece) {
    const char *p = *words;
    struct piece piece = {0};
    while (is_space(p))
        p += space_len(p);
    if (*p == '\0')
        return false;
    if (*p == '-' && p[1] != '\0' && !is_space(p + 1) && p[1] != '-') {
        piece.without = true;
        p++;
    }
    if (*p == '"') {
        piece.quoted = true;
        piece.text = ++p;
        while (*p != '\0' && *p != '"')
            p++;
        piece.len = (size_t)(p - piece.text);
        p += *p == '"';
    } else {
        piece.text = p;
        while (*p != '\0' && *p != '"' && !is_space(p))
            p++;
        piece.len = (size_t)(p - piece.text);
        piece.prefix = piece.len > 1 && p[-1] == '*' && p[-2] != '*';
        piece.len -= piece.prefix;
    }
    *words = p;
    *ret_piece = piece;
    return true;
}

static void append_text(struct buf *out, const char *text, size_t len, bool prefix, const char *operator) {
    if (out->len > 0)
        buf_append_str(out, operator);
    buf_append_char(out, '"');
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '"')
            buf_append_char(out, '"');
        buf_append_char(out, text[i]);
    }
    buf_append_str(out, prefix ? "\" *" : "\"");
}

static void append_piece(struct buf *out, const struct piece *piece, const char *operator) {
    append_text(out, piece->text, piece->len, piece->prefix, operator);
}

/* What a piece consists of. */
struct parts {
    struct buf any;
    size_t count, room;
    bool signs;    /* some are of writing without spaces */
    bool open_end; /* the last one is one sign alone */
};

static void note_part(void *ctx, const struct text_part *part) {
    struct parts *p = ctx;
    p->open_end = part->begin;
    p->signs = p->signs || part->sign;
    if (p->count < p->room)
        append_text(&p->any, part->text, part->len, part->begin, " OR ");
    p->count++;
}

static void leave_out(struct buf *expression, const struct buf *without) {
    LH_AUTO(buf) struct buf whole = BUF_INIT;
    buf_printf(&whole, "(%s) NOT (%s)", buf_cstr(expression), buf_cstr(without));
    buf_reset(expression);
    buf_append(expression, whole.data, whole.len);
}

/* Pieces as they are read: those to look for, and those to leave out. */
struct reading {
    struct text_query *query;
    struct buf without;
    size_t pieces, left_out;
};

static void read_piece(struct reading *r, struct text_tokenizer *t, struct piece *piece) {
    struct text_query *q = r->query;
    struct parts parts = {.room = TEXT_QUERY_MAX_PARTS > q->parts ? TEXT_QUERY_MAX_PARTS - q->parts : 0};
    text_tokens_parts(t, piece->text, piece->len, note_part, &parts);
    piece->prefix = piece->prefix || parts.open_end;
    if (parts.count > 0 && piece->without) {
        append_piece(&r->without, piece, " OR ");
        r->left_out++;
    } else if (parts.count > 0) {
        append_piece(&q->all, piece, " AND ");
        r->pieces++;
        if (parts.signs && !piece->quoted && parts.any.len > 0) {
            buf_append_str(&q->any, q->any.len > 0 ? " OR " : "");
            buf_append(&q->any, parts.any.data, parts.any.len);
            q->parts += parts.count;
        } else {
            append_piece(&q->any, piece, " OR ");
            q->parts++;
        }
    }
    buf_release(&parts.any);
}

static enum lh_code finish(struct reading *r, struct lh_err *err) {
    if (r->pieces == 0) {
        lh_fail(err, LH_INVALID,
                r->left_out ? "there are only words to leave out, none to search for"
                            : "there is no word to search for");
        return lh_err_hint(err, "give words, \"a phrase\" in quotes, or the beginning of a word and *");
    }
    if (r->left_out) {
        leave_out(&r->query->all, &r->without);
        leave_out(&r->query->any, &r->without);
    }
    return LH_OK;
}

enum lh_code text_query_parse(struct text_tokenizer *t, const char *words, struct text_query *ret_query,
                              struct lh_err *err) {
    struct reading r = {.query = ret_query};
    struct piece piece;
    if (strlen(words) > TEXT_QUERY_MAX_BYTES)
        return lh_fail(err, LH_TOO_LARGE, "the words to search for have %zu bytes; the limit is %zu", strlen(words),
                       TEXT_QUERY_MAX_BYTES);
    while (r.pieces + r.left_out < TEXT_QUERY_MAX_PIECES && next_piece(&words, &piece))
        read_piece(&r, t, &piece);
    enum lh_code code = finish(&r, err);
    buf_release(&r.without);
    return code;
}
