/* What the weights tell the embedding. */
#ifndef LH_AI_LEXICAL_INTERNAL_H
#define LH_AI_LEXICAL_INTERNAL_H

#include "ai/lexical.h"

/* The rarity of the word with this hash, in 1/256; 1 to 65,535. */
uint32_t lexical_rarity(const struct lexical_weights *w, uint64_t word_hash);

/* The words that everyone uses, by hand: lists parted by spaces, each with its rarity in 1/256. */
struct lexical_common {
    uint32_t rarity;
    const char *words;
};
extern const struct lexical_common lexical_common_words[];
extern const size_t lexical_common_count;

#endif
