/* Is a filter's text one expression over the columns of a row, and nothing that could reach out of it?
 *
 * A filter stands between parentheses in a statement of ours.  It must not close them, nor hide them in a string or comment, nor
 * read anything of its own: a subquery is what could name another dataset or a file.  What the expression means, and which
 * columns there are, DuckDB says.  Pure. */
#ifndef LH_INDEX_CONDITION_H
#define LH_INDEX_CONDITION_H

#include "base/error.h"

/* LH_SQL with a position in `text`. */
LH_CHECKED enum lh_code index_condition_check(const char *text, const char *dataset, struct lh_err *err);

#endif
