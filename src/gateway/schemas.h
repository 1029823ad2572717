/* The shapes of JSON bodies, named once and used by the route table, /openapi.json and docs/http.md.
 *
 * A shape is written as a list of fields, "name type, name type": the type is string, integer, number, boolean, object,
 * time (RFC 3339 text), any, or the name of another shape; [] behind it makes it an array, ? behind that makes the field optional,
 * and {} a map of such values. */
#ifndef LH_GATEWAY_SCHEMAS_H
#define LH_GATEWAY_SCHEMAS_H

#include "base/json.h"

#include <stddef.h>

struct schema {
    const char *name;
    const char *about;
    const char *fields;
};

extern const struct schema gateway_schemas[];
extern const size_t gateway_schema_count;

const struct schema *schema_find(const char *name); /* NULL where there is none */
/* Its JSON Schema (2020-12), with $ref to /components/schemas for named shapes; a new reference. */
json_t *schema_to_json(const struct schema *schema);

#endif
