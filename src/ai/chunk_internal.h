/* Between the scanner, which finds pieces and the boundaries between them (chunk_scan.c), and the cutter, which puts pieces
 * together into chunks (chunk.c). */
#ifndef LH_AI_CHUNK_INTERNAL_H
#define LH_AI_CHUNK_INTERNAL_H

#include "ai/chunk.h"

#include <stdbool.h>

/* How good a place the boundary before a piece is to cut at. */
enum gap { GAP_NONE, GAP_WORD, GAP_LINE, GAP_SENTENCE, GAP_PARAGRAPH, GAP_HEADING };

/* A word, or a part of a very long one, or one sign of a script without spaces. */
struct piece {
    uint32_t begin, end;           /* bytes */
    uint32_t characters_before;    /* code points of the document before it */
    uint32_t characters;           /* of its own */
    uint32_t tokens_before;        /* estimated tokens of all pieces before it */
    uint32_t tokens;               /* of its own */
    uint32_t heading, heading_len; /* what it stands under, as in struct chunk */
    uint32_t page;
    enum gap gap; /* before it */
};

struct scan {
    const char *text;
    uint32_t len;
    uint32_t at;
    /* A piece ends where it is this large: `soft` at the next character, `hard` at any code point; in code points, or in
     * quarters of tokens. */
    enum chunk_unit unit;
    uint32_t soft, hard;

    uint32_t characters; /* code points before `at` */
    uint32_t tokens;     /* of the pieces before */
    uint32_t page;
    uint32_t heading, heading_len;
    uint32_t line_end;  /* of the line that `at` is in */
    bool line_open;     /* begin_line was called for it */
    bool line_is_blank; /* it has no words */
    bool line_is_heading;
    bool after_heading;  /* no words came since a heading */
    bool after_blank;    /* the line before has no words, or there is none */
    bool sentence_ended; /* with the piece before */
    enum gap next_gap;   /* before the next piece, as far as known */
};

void scan_begin(struct scan *s, const struct chunk_options *options, const char *text, uint32_t len);
/* The next piece; *ret_more false at the end.  LH_DATA where the text is not UTF-8. */
LH_CHECKED enum lh_code scan_next(struct scan *s, struct piece *ret_piece, bool *ret_more, struct lh_err *err);

#endif
