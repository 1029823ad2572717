/* Letters as the built-in embedding compares them: small, without accents, compatibility forms as what they stand for.
 * Enough of Unicode for European scripts to meet (case and accents of Latin, Greek and Cyrillic, full-width forms,
 * ligatures); other letters stay as they are.  Part of the recipe "lexical-1": a change here is a new recipe. */
#ifndef LH_AI_FOLD_H
#define LH_AI_FOLD_H

#include <stddef.h>
#include <stdint.h>

enum fold_kind {
    FOLD_BREAK,  /* parts words: white space, punctuation, symbols, emoji */
    FOLD_LETTER, /* part of a word; *ret_points are what it becomes */
    FOLD_SIGN,   /* a word by itself: Chinese and Japanese signs */
    FOLD_SKIP,   /* neither: accents on their own, soft hyphens, joiners */
};

#define FOLD_MAX 2 /* "ß" becomes "ss" */

/* A code point of any value.  *ret_count is how many points there are: 1 or 2 for letters, 1 for signs, else 0. */
enum fold_kind fold_point(uint32_t point, uint32_t ret_points[FOLD_MAX], size_t *ret_count);

#endif
