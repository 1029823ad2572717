/* Writing that puts no space between words: Chinese, Japanese, Thai, Lao, Khmer, Burmese; and Korean, whose words bear their
 * particles.  There is no dictionary here: text_tokens.h takes such text by pairs of signs, and a word is found as the row of
 * its pairs.  This says what a sign is, and gives one form to what is written in several.
 *
 * A sign is a character that stands for itself (Han, Kana, Hangul, Bopomofo, a Thai consonant) with the vowels and tones
 * above and below it.  Pure functions. */
#ifndef LH_INDEX_TEXT_SIGNS_H
#define LH_INDEX_TEXT_SIGNS_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

/* May the text hold signs, or forms that text_signs_shape changes?  Quick: false for all of Latin, Greek and Cyrillic. */
bool text_signs_possible(const char *text, size_t len);

/* The text in one form, to be compared and cut, never shown:
 *
 *     full-width letters, digits and punctuation     as ASCII
 *     half-width Katakana                            in full width
 *     Kana and Hangul that were taken apart          put together (か + ゛ as が, ㅎ + ㅏ + ㄴ as 한)
 *     between two signs: a joiner, a break of zero   away; Korean keeps its line breaks, which are spaces
 *       width, one line break
 *     behind a sign: a variation selector            away
 *
 * Bytes that are not UTF-8 stay as they are. */
void text_signs_shape(const char *text, size_t len, struct buf *out);

/* The length in bytes of the sign that a shaped text begins with, 0 where it begins with something else. */
size_t text_sign_len(const char *text, size_t len);

#endif
