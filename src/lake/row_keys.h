/* Keys of rows as clients give them.
 *
 * `row_keys` is an array of keys; a key is a scalar, or of several columns an array in the key's order or an object by column.  An
 * integer column takes whole numbers (or their digits as a string), a number column numbers, BOOLEAN true or false, every other
 * column a string.  What the column's type could hold only rounded (1.5 of a DECIMAL(38,0), a time of day of a DATE) is refused: it names
 * no row, and what it is rounded to may name another (lake/key_text.h). */
#ifndef LH_LAKE_ROW_KEYS_H
#define LH_LAKE_ROW_KEYS_H

#include "base/error.h"
#include "base/json.h"

struct manifest;

#define ROW_KEYS_MAX ((size_t)10000) /* of one request */

/* LH_OK where the dataset has a primary key.  LH_CONFLICT says how to give it one. */
LH_CHECKED enum lh_code row_keys_require(const struct manifest *m, const char *what, struct lh_err *err);
/* A key as a command line gives it: [..] and {..} are JSON, all else is the text of one column.  A new reference. */
json_t *row_key_of_text(const char *text);
/* [[text of each key column]], a new reference.  LH_INVALID names the first bad key by its position. */
LH_CHECKED enum lh_code row_keys_parse(const struct manifest *m, const json_t *row_keys, json_t **ret_texts,
                                       struct lh_err *err);

#endif
