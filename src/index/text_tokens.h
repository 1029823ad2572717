/* How texts become the terms of the full-text index: SQLite's unicode61 (case and accents folded) and Porter stemmer, and on
 * top of them what those two lose.
 *
 * Names:
 *
 *     C++  C#  F#  g++  Notepad++     signs that end a word of letters are part of it
 *     .NET                            and the full stop that begins this one
 *     Müller  Straße  Søren           found by Muller, and by Mueller, Strasse, Soeren too
 *
 * A document's word may stand for several terms at one place ("Notepad++" is found by "notepad" too); a query's word with a
 * sign means only itself.  Other names made of parts (O'Brien, R&D, Node.js) are phrases of their parts, which needs no rule.
 *
 * Writing without spaces (index/text_signs.h): a run of signs becomes one term a sign, it and the next one, the last alone:
 *
 *     看護師です      看護 護師 師で です す
 *
 * A query's run is the same terms without the last, side by side: found in whatever longer run it is a part of.  A sign alone
 * looks for every term that begins with it.  The last sign of a run within a query is kept where the query goes on
 * (C言語, 東京no1), so that what follows stands beside it as in the document.
 *
 * What terms a text becomes is a version: a file of terms is searched as it was written.  Version 1 knew no signs. */
#ifndef LH_INDEX_TEXT_TOKENS_H
#define LH_INDEX_TEXT_TOKENS_H

#include "base/error.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>

#define TEXT_TOKENIZER "lakehouse" /* its name in CREATE VIRTUAL TABLE ... tokenize= */
#define TEXT_TOKENS_VERSION 2

struct text_tokenizer;

/* Make the tokenizer known to a connection, which owns it; `version`: 1 to TEXT_TOKENS_VERSION.  *ret_tokenizer: one of the
 * connection's, for text_tokens_parts; free it before the connection is closed.  LH_UNSUPPORTED where this SQLite was built
 * without FTS5. */
LH_CHECKED enum lh_code text_tokens_register(sqlite3 *db, unsigned version, struct text_tokenizer **ret_tokenizer,
                                             struct lh_err *err);
void text_tokenizer_free(struct text_tokenizer *t); /* NULL is fine */

/* A part of a query's piece that can be looked for by itself: a word, or two signs side by side. */
struct text_part {
    const char *text; /* valid during the call */
    size_t len;
    bool sign;  /* of writing without spaces */
    bool begin; /* one sign: looks for what begins with it */
};
/* Calls `each` for the parts of a text in their order. */
void text_tokens_parts(struct text_tokenizer *t, const char *text, size_t len,
                       void (*each)(void *ctx, const struct text_part *part), void *ctx);

#endif
