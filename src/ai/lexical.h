/* The built-in embedding: which words two texts share, weighed by how rare the words are.  No model, no network.
 *
 * It is lexical, and named so: "lexical-1".  Texts with the same words, word pairs or spellings are near each other; it
 * knows no synonyms.  Searching by it is fuzzy full-text search in vector form, and everything built on vectors works
 * with it before a model is at hand.
 *
 * The vector of a text is a signed feature hash (Weinberger et al., "Feature Hashing for Large Scale Multitask
 * Learning", 2009) of
 *     words           weight sqrt(times it occurs) * rarity, in four places each, so that no single collision of a rare
 *                     word makes two texts look alike;
 *     pairs of words  next to each other, half the rarity of their commoner word, in two places;
 *     spellings       the word's 3 to 5 letters in a row with its edges, together half of the word's weight: inflections
 *                     and typing errors stay near;
 * scaled to length one.  Words are runs of letters and digits after folding (case, accents, compatibility forms:
 * ai/fold.h); "c++", "c#" and "f#" are words; each Chinese or Japanese sign is one.  A text without words has the vector of
 * the empty word, so that every vector has length one.
 *
 * The same text, weights and dims give the same bytes on every machine and in every release: sums are of integers, and
 * only the last division and square root, which IEEE 754 rounds exactly, are floating point.  A change of the recipe
 * is a new name.
 *
 * Rarity comes from `struct lexical_weights`: how many documents of a corpus hold each word.  Vectors compare only under
 * the same weights.  So an index learns them once, from its own texts when it is made, keeps them with it
 * (lexical_weights_write) and embeds every later document and every query with exactly these, however the corpus grows:
 * a word that came later counts as rare, which is what it was.  New weights are a new generation of the index, as a new
 * model is.  Where there are none (texts embedded by request, outside any index) a table written by hand stands in: the
 * commonest words of seven European languages weigh little, all others alike. */
#ifndef LH_AI_LEXICAL_H
#define LH_AI_LEXICAL_H

#include "ai/provider.h"
#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

#define LEXICAL_MODEL "lexical-1"
#define LEXICAL_DIMS 384u /* the default; 768 tells more texts apart */

/* `dims` is 384 or 768 (lexical_dims_valid).  Writes count x dims floats.  Bytes that are not UTF-8 part words.  Memory: four
 * to thirty times the longest text.  Pure; any number of threads. */
void lexical_embed(const struct lexical_weights *weights, unsigned dims, const struct ai_text *texts, size_t count,
                   float *ret_vectors);
bool lexical_dims_valid(unsigned dims);

/* ---- weights ---- */

/* Counting the documents that hold each word.  One thread's; memory stays below 64 MB: when a million words are held,
 * those seen once so far are forgotten. */
struct lexical_counter;
struct lexical_counter *lexical_counter_new(void);
void lexical_counter_free(struct lexical_counter *c); /* NULL is fine */
void lexical_counter_add(struct lexical_counter *c, const char *text, size_t len);
uint64_t lexical_counter_documents(const struct lexical_counter *c);

/* Weights of what was counted: the 65,536 commonest words, each with ln((documents + 1) / (documents that hold it + 1))
 * + 1/4; every other word counts as held by one.  Fewer than LEXICAL_LEARN_MIN documents teach nothing: then these are the
 * built-in ones.  Immutable; any number of threads may embed with it. */
struct lexical_weights *lexical_weights_learn(const struct lexical_counter *c);
struct lexical_weights *lexical_weights_builtin(void); /* those written by hand */
void lexical_weights_free(struct lexical_weights *w);  /* NULL is fine */
#define LEXICAL_LEARN_MIN 100u

/* As bytes to keep with an index (at most 400 KB; docs/formats/lexical-weights.md), and back: LH_CORRUPT. */
void lexical_weights_write(const struct lexical_weights *w, struct buf *out);
LH_CHECKED enum lh_code lexical_weights_read(const void *data, size_t len, struct lexical_weights **ret_weights,
                                             struct lh_err *err);
/* Equal weights have equal ids, different ones different ids.  To be kept beside vectors. */
uint64_t lexical_weights_id(const struct lexical_weights *w);

static inline void lexical_counter_auto_release(struct lexical_counter **c) {
    lexical_counter_free(*c);
}
static inline void lexical_weights_auto_release(struct lexical_weights **w) {
    lexical_weights_free(*w);
}

#endif
