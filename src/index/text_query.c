#include "index/text_query.h"

#include "index/text_tokens.h"

#include <stdbool.h>
#include <string.h>

struct piece {
    const char *text;
    size_t len;
    bool without; /* -word */
    bool prefix;  /* word* */
};

static bool is_space(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The next piece; false at the end. */
static bool next_piece(const char **words, struct piece *ret_piece) {
    const char *p = *words;
    struct piece piece = {0};
    while (is_space(*p))
        p++;
    if (*p == '\0')
        return false;
    if (*p == '-' && p[1] != '\0' && !is_space(p[1]) && p[1] != '-') {
        piece.without = true;
        p++;
    }
    if (*p == '"') {
        piece.text = ++p;
        while (*p != '\0' && *p != '"')
            p++;
        piece.len = (size_t)(p - piece.text);
        p += *p == '"';
    } else {
        piece.text = p;
        while (*p != '\0' && *p != '"' && !is_space(*p))
            p++;
        piece.len = (size_t)(p - piece.text);
        piece.prefix = piece.len > 1 && p[-1] == '*' && p[-2] != '*';
        piece.len -= piece.prefix;
    }
    *words = p;
    *ret_piece = piece;
    return true;
}

static void append_piece(struct buf *out, const struct piece *piece, const char *operator) {
    if (out->len > 0)
        buf_append_str(out, operator);
    buf_append_char(out, '"');
    for (size_t i = 0; i < piece->len; i++) {
        if (piece->text[i] == '"')
            buf_append_char(out, '"');
        buf_append_char(out, piece->text[i]);
    }
    buf_append_str(out, piece->prefix ? "\" *" : "\"");
}

static void leave_out(struct buf *expression, const struct buf *without) {
    LH_AUTO(buf) struct buf whole = BUF_INIT;
    buf_printf(&whole, "(%s) NOT (%s)", buf_cstr(expression), buf_cstr(without));
    buf_reset(expression);
    buf_append(expression, whole.data, whole.len);
}

enum lh_code text_query_parse(struct text_tokenizer *t, const char *words, struct text_query *ret_query,
                              struct lh_err *err) {
    LH_AUTO(buf) struct buf without = BUF_INIT;
    struct piece piece;
    size_t pieces = 0, left_out = 0;
    if (strlen(words) > TEXT_QUERY_MAX_BYTES)
        return lh_fail(err, LH_TOO_LARGE, "the words to search for have %zu bytes; the limit is %zu", strlen(words),
                       TEXT_QUERY_MAX_BYTES);
    while (pieces + left_out < TEXT_QUERY_MAX_PIECES && next_piece(&words, &piece)) {
        if (!text_has_words(t, piece.text, piece.len))
            continue;
        if (piece.without) {
            append_piece(&without, &piece, " OR ");
            left_out++;
        } else {
            append_piece(&ret_query->all, &piece, " AND ");
            append_piece(&ret_query->any, &piece, " OR ");
            pieces++;
        }
    }
    if (pieces == 0) {
        lh_fail(err, LH_INVALID,
                left_out ? "there are only words to leave out, none to search for" : "there is no word to search for");
        return lh_err_hint(err, "give words, \"a phrase\" in quotes, or the beginning of a word and *");
    }
    if (left_out) {
        leave_out(&ret_query->all, &without);
        leave_out(&ret_query->any, &without);
    }
    ret_query->pieces = pieces;
    return LH_OK;
}
