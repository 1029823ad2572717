/* Documents into chunks for embedding: pieces of limited size that begin and end where a reader would pause.
 *
 * A chunk is a range of the document's bytes, so that a citation points at exactly what was embedded.  Invariants, for
 * valid UTF-8 and any options (tests/unit/ai/test_chunk.c, tests/fuzz/fuzz_chunk.c):
 *     1. Every byte that is not white space lies in a chunk; begins and ends rise strictly.
 *     2. A chunk begins and ends with something other than white space, on code points, and between characters as a
 *        reader sees them (combining marks, joined emoji, flags, Hangul syllables) unless one of those alone is larger
 *        than `size`.
 *     3. Its size in the chosen unit is at most `size`; what it shares with the chunk before is at most `overlap`.
 *
 * Where to cut: as late as `size` allows, at the strongest boundary of the second half: before a heading, between
 * paragraphs, after a sentence, between lines, between words, and inside a word only where it is as large as a chunk.
 * The overlap begins after a sentence or line where there is one in it, else at a word.
 *
 * Pages: a form feed begins the next page; so does a line such as "--- Page 7 ---", "[page 7]" or "== Page 7 ==", which
 * says its number (the line is not part of any heading, but of the text).  A text with neither has no pages.
 * Headings: "# Markdown" lines, lines underlined by === or ---, and short lines in capitals. */
#ifndef LH_AI_CHUNK_H
#define LH_AI_CHUNK_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

enum chunk_unit {
    CHUNK_CHARACTERS, /* code points */
    CHUNK_TOKENS,     /* an estimate that is rather too high than too low: 4 letters, 2 digits, 1 other sign a token */
};

struct chunk_options {
    enum chunk_unit unit;
    unsigned size;    /* 1 to CHUNK_SIZE_MAX */
    unsigned overlap; /* at most half of size */
};

#define CHUNK_SIZE_MAX 1000000u
#define CHUNK_OPTIONS_DEFAULT \
    { CHUNK_CHARACTERS, 1000, 150 }

struct chunk {
    size_t begin, end;           /* bytes [begin, end) of the document */
    size_t shared;               /* so many bytes at its begin are also in the chunk before */
    size_t heading, heading_len; /* bytes of the heading it stands under (without # or underline); len 0: none */
    unsigned page, last_page;    /* of its first and last character, from 1; 0: the document has no pages */
    unsigned characters;         /* code points */
    unsigned tokens;             /* by the estimate above */
};

/* Cuts documents one after the other with the same options and the same memory.  One thread's. */
struct chunker;

/* LH_INVALID names the option and its range. */
LH_CHECKED enum lh_code chunker_new(const struct chunk_options *options, struct chunker **ret_chunker,
                                    struct lh_err *err);
void chunker_free(struct chunker *c); /* NULL is fine */

/* `*ret_chunks` is good until the next call.  A text of white space alone has none.  LH_DATA where it is not UTF-8 (the
 * message has the byte), LH_TOO_LARGE above 1 GiB. */
LH_CHECKED enum lh_code chunker_run(struct chunker *c, const char *text, size_t len, const struct chunk **ret_chunks,
                                    size_t *ret_count, struct lh_err *err);

/* The estimate for any text, whole: what a prompt's budget is counted in. */
size_t chunk_estimate_tokens(const char *text, size_t len);

static inline void chunker_auto_release(struct chunker **c) {
    chunker_free(*c);
}

#endif
