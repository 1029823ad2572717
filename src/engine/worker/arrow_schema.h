/* The schema of an Arrow stream (Schema.fbs of the Arrow format, version 1.4). */
#ifndef LH_ENGINE_WORKER_ARROW_SCHEMA_H
#define LH_ENGINE_WORKER_ARROW_SCHEMA_H

#include "engine/worker/arrow_column.h"
#include "engine/worker/arrow_flatbuffer.h"

/* A Schema table.  sql_types[i] is the SQL name of column i's type; it goes into the field's metadata as
 * "sql_type", for what Arrow has no type of its own for. */
flatbuffer_ref arrow_schema_put(struct flatbuffer *fb, const struct arrow_column *columns, const char *const *sql_types,
                                size_t count);

#endif
