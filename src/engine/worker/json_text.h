/* JSON text of values (docs/formats/json-values.md). */
#ifndef LH_ENGINE_WORKER_JSON_TEXT_H
#define LH_ENGINE_WORKER_JSON_TEXT_H

#include "engine/worker/column.h"

struct buf;

/* A string with its quotes.  DuckDB's strings are valid UTF-8, which is not checked again (base/buf.h has the
 * careful one). */
void json_append_string(struct buf *out, const char *text, size_t len);

/* One value, NULL included, however deeply nested. */
LH_CHECKED enum lh_code json_append_value(struct buf *out, const struct column *c, size_t row, struct lh_err *err);

#endif
