/* "did you mean": the nearest known name to a mistyped one.  Pure functions. */
#ifndef LH_BASE_SUGGEST_H
#define LH_BASE_SUGGEST_H

#include <stddef.h>

/* Edit distance with transpositions (optimal string alignment), ASCII case ignored; `limit` + 1 as soon as it is known
 * to exceed `limit`.  Names above 64 bytes count as further than any limit. */
size_t lh_edit_distance(const char *a, const char *b, size_t limit);

/* The nearest of `names` within a third of the length of `wrong` (at least 1, at most 4 edits), NULL where none is
 * that near.  The first of equals wins. */
const char *lh_suggest(const char *wrong, const char *const *names, size_t count);

#endif
