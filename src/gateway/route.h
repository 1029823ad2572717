/* A route: one row of the table that drives dispatch, authentication, limits, /openapi.json and docs/http.md. */
#ifndef LH_GATEWAY_ROUTE_H
#define LH_GATEWAY_ROUTE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct request;
struct url;

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_PUT, HTTP_PATCH, HTTP_DELETE, HTTP_OPTIONS, HTTP_METHOD_COUNT };

enum route_access {
    ACCESS_PUBLIC, /* without a key */
    ACCESS_ANY,    /* any valid key */
    ACCESS_ADMIN,  /* keys of role admin */
};

enum route_body {
    BODY_NONE,   /* a body is refused */
    BODY_JSON,   /* up to server.max_json_bytes */
    BODY_UPLOAD, /* up to server.max_upload_bytes, read as a stream */
};

enum route_flags {
    ROUTE_INLINE = 1, /* cheap, never blocks, ACCESS_PUBLIC: runs on the connection's thread */
    ROUTE_LONG = 2,   /* no limit on the whole time (streams; the byte rate is still watched) */
    ROUTE_PROBE = 4,  /* asked by machines every second: logged at debug level */
    ROUTE_QUERY =
        8, /* waits for a query process: runs on threads of its own, so that statements never hold all others */
};

struct route_param {
    const char *name; /* NULL ends the list */
    const char *type; /* "string", "integer", "boolean" */
    const char *description;
    bool in_header; /* otherwise in the query string */
};
#define ROUTE_PARAMS_MAX 16

/* Begin and fill the response and return LH_OK, or fail before it was begun. */
typedef enum lh_code route_handler(struct request *rq, struct lh_err *err);

struct route {
    enum http_method method;
    const char *path; /* "/a/{name}/b", "/objects/{*key}" (the rest with its slashes, at the end only) */
    route_handler *handler;
    enum route_access access;
    enum route_body body;
    unsigned flags;
    const char *tag;                             /* the heading it stands under in the documents */
    const char *summary;                         /* one sentence, no full stop */
    const char *request_schema;                  /* name in schemas.c, or NULL */
    const char *response_schema;                 /* name in schemas.c, a media type, or NULL for an empty answer */
    struct route_param params[ROUTE_PARAMS_MAX]; /* a query parameter that is not here is refused */
};

const char *http_method_name(enum http_method method);
bool http_method_parse(const char *text, enum http_method *ret_method);

struct router;

/* The table must outlive the router; it is checked (a path twice, a bad template: abort, since it is our own code). */
struct router *router_new(const struct route *routes, size_t count);
void router_free(struct router *r); /* NULL is fine */

struct route_match {
    const struct route *route;
    struct {
        const char *name;
        const char *value;
    } params[8];
    size_t param_count;
};

/* A literal segment wins over a parameter, a parameter over {*rest}.  HEAD is served by GET's route where it has none
 * of its own.  LH_NOT_FOUND hints at near routes; LH_METHOD, and *ret_allow (in the arena) is the Allow header. */
LH_CHECKED enum lh_code router_match(const struct router *r, struct arena *arena, enum http_method method,
                                     const struct url *url, struct route_match *ret_match, const char **ret_allow,
                                     struct lh_err *err);

#endif
