/* What the route table says, in forms for machines and for people. */
#ifndef LH_GATEWAY_OPENAPI_H
#define LH_GATEWAY_OPENAPI_H

#include "base/json.h"
#include "gateway/route.h"

#include <stddef.h>

struct buf;

/* OpenAPI 3.1; a new reference. */
json_t *openapi_document(const struct route *routes, size_t count);
/* docs/http.md; a unit test holds the file to it. */
void openapi_markdown(const struct route *routes, size_t count, struct buf *out);
/* The landing page: every route under its heading. */
void openapi_landing_page(const struct route *routes, size_t count, struct buf *out);

#endif
