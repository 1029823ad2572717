/* UTF-8: validity (RFC 3629: no surrogates, no overlong forms, nothing above U+10FFFF) and width on a terminal.
 * Pure functions. */
#ifndef LH_BASE_UTF8_H
#define LH_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The length (1 to 4) of the valid sequence that `text` starts with, or 0 where there is none. */
size_t utf8_sequence_len(const char *text, size_t len);

/* Decode that sequence: its length, or 0 (then *ret_point is untouched). */
size_t utf8_decode(const char *text, size_t len, uint32_t *ret_point);

/* Is the whole text valid?  Where it is not and `ret_offset` is given, the offset of the first bad byte. */
bool utf8_valid(const char *text, size_t len, size_t *ret_offset);

/* Columns that the text takes on a terminal: 0 for combining marks, 2 for East Asian wide and emoji, 1 for everything
 * else, a control character or a bad byte included (who draws it shows one replacement sign). */
size_t utf8_width(const char *text, size_t len);

/* The longest prefix that fits `columns`; cuts only between whole characters with their combining marks. */
size_t utf8_prefix_for_width(const char *text, size_t len, size_t columns);

#endif
