#include "gateway/openapi.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "gateway/schemas.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* "/a/{*key}" becomes "/a/{key}": OpenAPI has no form for the rest of a path; the parameter's description says it. */
static void plain_path(const char *path, struct buf *out) {
    for (const char *p = path; *p; p++)
        if (*p != '*')
            buf_append_char(out, *p);
}

static const char *access_text(enum route_access access) {
    return access == ACCESS_PUBLIC ? "no key" : access == ACCESS_ANY ? "any key" : "role admin";
}

static json_t *parameter(const char *name, const char *in, const char *type, const char *about, bool required) {
    return json_pack("{s:s, s:s, s:b, s:s, s:{s:s}}", "name", name, "in", in, "required", required, "description",
                     about, "schema", "type", type);
}

static json_t *parameters(const struct route *r) {
    json_t *list = json_array();
    for (const char *at = strchr(r->path, '{'); at; at = strchr(at + 1, '{')) {
        bool rest = at[1] == '*';
        LH_AUTO(buf) struct buf name = BUF_INIT;
        const char *start = at + 1 + rest;
        buf_append(&name, start, strcspn(start, "}"));
        json_array_append_new(list,
                              parameter(name.data, "path", "string",
                                        rest ? "the rest of the path, slashes included" : "percent-encoded", true));
    }
    for (const struct route_param *p = r->params; p < r->params + ROUTE_PARAMS_MAX && p->name; p++)
        json_array_append_new(list,
                              parameter(p->name, p->in_header ? "header" : "query", p->type, p->description, false));
    return list;
}

static json_t *content(const char *schema) {
    if (schema_find(schema)) {
        char ref[96];
        snprintf(ref, sizeof ref, "#/components/schemas/%s", schema);
        return json_pack("{s:{s:{s:s}}}", "application/json", "schema", "$ref", ref);
    }
    return json_pack("{s:{}}", schema); /* a media type */
}

static json_t *responses(const struct route *r) {
    json_t *ok = json_object();
    json_object_set_new(ok, "description", json_string(r->response_schema ? "done" : "done; no body"));
    if (r->response_schema)
        json_object_set_new(ok, "content", content(r->response_schema));
    json_t *problem =
        json_pack("{s:s, s:{s:{s:{s:s}}}}", "description", "what was wrong, where, and what to do", "content",
                  "application/problem+json", "schema", "$ref", "#/components/schemas/Problem");
    return json_pack("{s:o, s:o}", "2XX", ok, "default", problem);
}

static json_t *operation(const struct route *r) {
    json_t *op = json_object();
    LH_AUTO(buf) struct buf id = BUF_INIT;
    for (const char *p = http_method_name(r->method); *p; p++)
        buf_append_char(&id, (char)tolower((unsigned char)*p));
    for (const char *p = r->path; *p; p++)
        if (isalnum((unsigned char)*p))
            buf_append_char(&id, *p);
        else if (id.len > 0 && id.data[id.len - 1] != '_')
            buf_append_char(&id, '_');
    json_object_set_new(op, "operationId", json_string(id.data));
    json_object_set_new(op, "tags", json_pack("[s]", r->tag));
    json_object_set_new(op, "summary", json_string(r->summary));
    json_object_set_new(op, "parameters", parameters(r));
    if (r->request_schema)
        json_object_set_new(
            op, "requestBody",
            json_pack("{s:b, s:o}", "required", r->body == BODY_JSON, "content", content(r->request_schema)));
    json_object_set_new(op, "responses", responses(r));
    if (r->access == ACCESS_PUBLIC)
        json_object_set_new(op, "security", json_array());
    json_object_set_new(op, "x-access", json_string(access_text(r->access)));
    return op;
}

static void lower(char *text) {
    for (; *text; text++)
        *text = (char)tolower((unsigned char)*text);
}

json_t *openapi_document(const struct route *routes, size_t count) {
    json_t *paths = json_object();
    for (size_t i = 0; i < count; i++) {
        LH_AUTO(buf) struct buf path = BUF_INIT;
        plain_path(routes[i].path, &path);
        json_t *item = json_object_get(paths, path.data);
        if (!item) {
            item = json_object();
            json_object_set_new(paths, path.data, item);
        }
        char method[8];
        snprintf(method, sizeof method, "%s", http_method_name(routes[i].method));
        lower(method);
        json_object_set_new(item, method, operation(&routes[i]));
    }
    json_t *schemas = json_object();
    for (size_t i = 0; i < gateway_schema_count; i++)
        json_object_set_new(schemas, gateway_schemas[i].name, schema_to_json(&gateway_schemas[i]));
    json_t *security = json_pack("{s:{s:s, s:s, s:s}, s:{s:s, s:s}}", "apiKey", "type", "apiKey", "in", "header",
                                 "name", "X-API-Key", "bearer", "type", "http", "scheme", "bearer");
    return json_pack("{s:s, s:{s:s, s:s, s:s}, s:o, s:{s:o, s:o}, s:[{s:[]}, {s:[]}]}", "openapi", "3.1.0", "info",
                     "title", "Lakehouse", "version", LH_VERSION, "description",
                     "Messy files in, governed SQL out. Errors are application/problem+json.", "paths", paths,
                     "components", "schemas", schemas, "securitySchemes", security, "security", "apiKey", "bearer");
}

/* ---- for people ---- */

/* Headings in the order in which they first come. */
static bool first_of_tag(const struct route *routes, size_t i) {
    for (size_t k = 0; k < i; k++)
        if (strcmp(routes[k].tag, routes[i].tag) == 0)
            return false;
    return true;
}

static void markdown_shape(const char *label, const char *name, struct buf *out) {
    if (!name)
        return;
    const struct schema *s = schema_find(name);
    if (s)
        buf_printf(out, "%s: [%s](#shapes)\n\n", label, name);
    else
        buf_printf(out, "%s: `%s`\n\n", label, name);
}

static void markdown_route(const struct route *r, struct buf *out) {
    buf_printf(out, "### %s %s\n\n%s. Needs %s.\n\n", http_method_name(r->method), r->path, r->summary,
               access_text(r->access));
    markdown_shape("Body", r->request_schema, out);
    markdown_shape("Answer", r->response_schema, out);
    if (r->params[0].name)
        buf_append_str(out, "| Parameter | In | Type | |\n|---|---|---|---|\n");
    for (const struct route_param *p = r->params; p < r->params + ROUTE_PARAMS_MAX && p->name; p++)
        buf_printf(out, "| `%s` | %s | %s | %s |\n", p->name, p->in_header ? "header" : "query", p->type,
                   p->description);
    if (r->params[0].name)
        buf_append_char(out, '\n');
}

void openapi_markdown(const struct route *routes, size_t count, struct buf *out) {
    buf_append_str(out,
                   "# The HTTP interface\n\n"
                   "Made from the route table in `src/gateway/routes.c`; `tests/unit/gateway/test_docs.c` holds it "
                   "true and tells how to renew it.\n\n"
                   "Errors are RFC 9457 `application/problem+json`. Every answer bears `X-Request-Id` (yours, where "
                   "you send a sane one). W3C `traceparent` is honoured. Where keys are needed: `X-API-Key: KEY` or "
                   "`Authorization: Bearer KEY`. 429 and 503 bear `Retry-After`. There are no CORS headers: a web page "
                   "of another origin cannot use this interface, and without keys it may not change anything "
                   "(`Origin` is checked, and `Host` must be a loopback name). `HEAD` is served wherever `GET` is; "
                   "`OPTIONS` is answered with 405 and `Allow`.\n");
    for (size_t i = 0; i < count; i++) {
        if (!first_of_tag(routes, i))
            continue;
        buf_printf(out, "\n## %s\n\n", routes[i].tag);
        for (size_t k = i; k < count; k++)
            if (strcmp(routes[k].tag, routes[i].tag) == 0)
                markdown_route(&routes[k], out);
    }
    buf_append_str(out, "\n## Shapes\n\n`?` marks an optional field, `[]` an array.\n\n| Shape | Fields | |\n"
                        "|---|---|---|\n");
    for (size_t i = 0; i < gateway_schema_count; i++)
        buf_printf(out, "| %s | %s | %s |\n", gateway_schemas[i].name, gateway_schemas[i].fields,
                   gateway_schemas[i].about);
}

static void append_html(struct buf *out, const char *text) {
    for (; *text; text++)
        switch (*text) {
        case '<': buf_append_str(out, "&lt;"); break;
        case '>': buf_append_str(out, "&gt;"); break;
        case '&': buf_append_str(out, "&amp;"); break;
        default: buf_append_char(out, *text);
        }
}

void openapi_landing_page(const struct route *routes, size_t count, struct buf *out) {
    buf_append_str(out,
                   "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>Lakehouse</title>\n"
                   "<meta name=\"viewport\" content=\"width=device-width\">\n"
                   "<style>body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;"
                   "color-scheme:light dark}code,pre{font:13px/1.5 ui-monospace,monospace}td{padding:.1rem 1rem "
                   ".1rem 0;vertical-align:top}</style>\n<h1>Lakehouse " LH_VERSION "</h1>\n"
                   "<p>Messy files in, governed SQL out. Next steps:</p>\n<pre>"
                   "curl -F file=@people.csv http://HOST/ingest/file\n"
                   "curl -H 'Content-Type: application/json' -d '{\"sql\":\"SELECT * FROM people LIMIT 5\"}' "
                   "http://HOST/query/sql\nlakehouse sql\n</pre>\n"
                   "<p><a href=\"/openapi.json\">openapi.json</a> describes every route for programs; "
                   "<a href=\"/ready\">ready</a> says whether all parts work; <a href=\"/metrics\">metrics</a> are in "
                   "Prometheus format.</p>\n");
    for (size_t i = 0; i < count; i++) {
        if (!first_of_tag(routes, i))
            continue;
        buf_printf(out, "<h2>%s</h2>\n<table>\n", routes[i].tag);
        for (size_t k = i; k < count; k++) {
            if (strcmp(routes[k].tag, routes[i].tag) != 0)
                continue;
            buf_printf(out, "<tr><td><code>%s ", http_method_name(routes[k].method));
            append_html(out, routes[k].path);
            buf_append_str(out, "</code><td>");
            append_html(out, routes[k].summary);
            buf_append_char(out, '\n');
        }
        buf_append_str(out, "</table>\n");
    }
}
