/* The text of a key's value, held against the type of its column: does the cast say the same as the text?
 *
 * A cast rounds: 1.5 becomes the DECIMAL(38,0) 2, a moment becomes its DATE.  Of a key that is fatal, as the value it is rounded to
 * names another row.  Pure functions. */
#ifndef LH_LAKE_KEY_TEXT_H
#define LH_LAKE_KEY_TEXT_H

#include <stdbool.h>

struct buf;

/* Appends to `ret_text` the text whose cast to `type` is exactly what `text` says; false, with nothing appended, where there is none:
 *
 *     DECIMAL(p,s)      a number with s digits after the point; zeros beyond are nothing, an exponent is resolved
 *     DATE              a date; a time of day of 00:00:00 is nothing
 *     TIME              a time of day alone, to the microsecond; TIMESTAMP to the microsecond, TIMESTAMP_S, _MS and _NS to theirs
 *     INTERVAL          a fraction stands in the seconds of hh:mm:ss.ffffff alone
 *     lists of these    each element so
 *
 * Every other type takes its text as it is: FLOAT and DOUBLE are the nearest value by their nature, and the cast itself refuses what
 * is none of the rest. */
bool key_text_exact(const char *type, const char *text, struct buf *ret_text);

/* The shortest text of a number that came as a double, where it has at most the 15 digits that a double keeps of any text; else
 * false, as other texts may have become the same double. */
bool key_text_of_double(double value, struct buf *ret_text);

#endif
