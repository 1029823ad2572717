/* TOML 1.0 into JSON values, keeping the line of every key.  toml++ does the parsing behind toml_shim.cpp, the one
 * C++ file of the tree; no exception leaves it. */
#ifndef LH_BASE_TOML_H
#define LH_BASE_TOML_H

#include "base/error.h"

#include <jansson.h>
#include <stddef.h>

struct lh_toml;

/* `name` is the file's, for messages.  LH_INVALID: "lakehouse.toml:7:12: ...".  Free with lh_toml_free. */
LH_CHECKED enum lh_code lh_toml_parse(const char *text, size_t len, const char *name, struct lh_toml **ret_doc,
                                      struct lh_err *err);
void lh_toml_free(struct lh_toml *doc); /* NULL is fine */

/* The document as an object (borrowed): tables are objects, arrays arrays, dates and times strings. */
const json_t *lh_toml_root(const struct lh_toml *doc);

/* The 1-based line of a key by its path ("server.listen", "storage.buckets[1].root"), 0 where it is not in the text. */
int lh_toml_line(const struct lh_toml *doc, const char *path);

#endif
