/* The SQL name of a column's type, as clients see it: "BIGINT", "DECIMAL(18,2)", "VARCHAR[]",
 * "STRUCT(a INTEGER, \"b c\" DATE)", "MAP(VARCHAR, DOUBLE)", "ENUM", "JSON". */
#ifndef LH_ENGINE_WORKER_TYPE_NAME_H
#define LH_ENGINE_WORKER_TYPE_NAME_H

#include "engine/worker/duckdb_api.h"

struct buf;

void type_name_append(const struct duckdb_api *duckdb, duckdb_logical_type type, struct buf *out);

#endif
