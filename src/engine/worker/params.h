/* A statement's parameters from JSON.
 *
 * null, booleans, numbers and strings become the DuckDB values of those kinds (integers BIGINT, reals DOUBLE); an
 * array becomes a LIST of its elements' common kind.  A JSON array fills $1, $2, ... or the question marks in order;
 * an object fills $name. */
#ifndef LH_ENGINE_WORKER_PARAMS_H
#define LH_ENGINE_WORKER_PARAMS_H

#include "base/error.h"
#include "base/json.h"
#include "engine/worker/duckdb_api.h"

/* LH_SQL says which parameter is missing, too many, or of a kind that has no value here.  `params` NULL: none. */
LH_CHECKED enum lh_code params_bind(const struct duckdb_api *duckdb, duckdb_prepared_statement statement,
                                    const json_t *params, struct lh_err *err);

#endif
