/* How texts become the words of the full-text index: SQLite's unicode61 (case and accents folded) and Porter stemmer, and on
 * top of them what those two lose of names:
 *
 *     C++  C#  F#  g++  Notepad++     signs that end a word of letters are part of it
 *     .NET                            and the full stop that begins this one
 *     Müller  Straße  Søren           found by Muller, and by Mueller, Strasse, Soeren too
 *
 * A document's word may stand for several terms at one place ("Notepad++" is found by "notepad" too); a query's word with a
 * sign means only itself.  Other names made of parts (O'Brien, R&D, Node.js) are phrases of their parts, which needs no rule. */
#ifndef LH_INDEX_TEXT_TOKENS_H
#define LH_INDEX_TEXT_TOKENS_H

#include "base/error.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>

#define TEXT_TOKENIZER "lakehouse" /* its name in CREATE VIRTUAL TABLE ... tokenize= */

struct text_tokenizer;

/* Make the tokenizer known to a connection, which owns it.  *ret_tokenizer: one of the connection's, for text_has_words;
 * free it before the connection is closed.  LH_UNSUPPORTED where this SQLite was built without FTS5. */
LH_CHECKED enum lh_code text_tokens_register(sqlite3 *db, struct text_tokenizer **ret_tokenizer, struct lh_err *err);
void text_tokenizer_free(struct text_tokenizer *t); /* NULL is fine */

/* Would a query of this text look for anything? */
bool text_has_words(struct text_tokenizer *t, const char *text, size_t len);

#endif
