/* One HTTP request as a handler sees it: straight-line, blocking code on a worker thread.
 *
 * A handler reads what it needs, then begins the response and writes it, or returns an error before it began: the gateway then
 * answers with application/problem+json.  Once the response has begun an error cuts the connection, so that a client never takes half
 * a result for a whole one.  Everything allocated in `arena` lives until the request ends. */
#ifndef LH_GATEWAY_REQUEST_H
#define LH_GATEWAY_REQUEST_H

#include "base/error.h"
#include "base/json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct buf;
struct gateway;
struct lakehouse;
struct lh_log;
struct lh_trace_context;
struct principal;
struct request;

struct arena *request_arena(struct request *rq);
struct lakehouse *request_lakehouse(struct request *rq); /* the services */
const struct principal *request_principal(struct request *rq);
const char *request_id(struct request *rq);
const char *request_path(struct request *rq); /* decoded */
const char *request_peer(struct request *rq); /* the client's address */
bool request_is_head(struct request *rq);     /* answer as for GET; what is written is not sent */
struct gateway *request_gateway(struct request *rq);
struct lh_log *request_log(struct request *rq);                   /* adds the request's ids to what is logged */
const struct lh_trace_context *request_trace(struct request *rq); /* the parent for spans of the request's parts */
int64_t request_start_ns(struct request *rq);                     /* os_monotonic_ns, when its head was complete */
int64_t request_deadline_ns(struct request *rq);                  /* os_monotonic_ns; INT64_MAX: none */
/* Readable when the client has gone or the deadline has passed; for engine_query.cancel_fd.  Lives as long as the request. */
int request_cancel_fd(struct request *rq);
/* The same question asked: LH_CANCELLED or LH_TIMEOUT; for loops that neither read nor write. */
LH_CHECKED enum lh_code request_check(struct request *rq, struct lh_err *err);

/* Path parameters by the name in the route ("name" in /catalog/datasets/by-name/{name}); decoded; never NULL for a name the route has.
 * A {*key} parameter takes the rest of the path with its slashes. */
const char *request_path_param(struct request *rq, const char *name);
/* Query string and headers: NULL where absent.  A parameter given twice is refused before the handler runs. */
const char *request_query_param(struct request *rq, const char *name);
LH_CHECKED enum lh_code request_query_uint(struct request *rq, const char *name, uint64_t min, uint64_t max,
                                           uint64_t fallback, uint64_t *ret_value, struct lh_err *err);
const char *request_header(struct request *rq, const char *name);

/* Body.  -1 where the length was not declared (chunked). */
int64_t request_body_length(struct request *rq);
/* Blocks for the next bytes; *ret_len 0 at the end.  LH_CANCELLED when the client went away, LH_TIMEOUT when it is too slow,
 * LH_TOO_LARGE over the route's limit. */
LH_CHECKED enum lh_code request_body_read(struct request *rq, void *data, size_t cap, size_t *ret_len,
                                          struct lh_err *err);
/* The whole body, appended. */
LH_CHECKED enum lh_code request_body_text(struct request *rq, struct buf *out, struct lh_err *err);
/* The whole body as one JSON object (media type checked), in the request's lifetime. */
LH_CHECKED enum lh_code request_body_json(struct request *rq, json_t **ret_json, struct lh_err *err);

/* Response.  Headers first, then exactly one of the bodies below. */
void response_header(struct request *rq, const char *name, const char *value);
LH_CHECKED enum lh_code response_json(struct request *rq, int status, const json_t *json, struct lh_err *err);
LH_CHECKED enum lh_code response_bytes(struct request *rq, int status, const char *media_type, const void *data,
                                       size_t len, struct lh_err *err);
/* Stream: begin, then write (blocks while the client is slow; LH_CANCELLED when it went), then end. */
LH_CHECKED enum lh_code response_begin(struct request *rq, int status, const char *media_type, int64_t length_or_minus1,
                                       struct lh_err *err);
LH_CHECKED enum lh_code response_write(struct request *rq, const void *data, size_t len, struct lh_err *err);
LH_CHECKED enum lh_code response_end(struct request *rq, struct lh_err *err);
/* Where the handler fails before it began the response: members of the problem beside those of every problem (RFC 9457, 3.2). */
void response_problem_members(struct request *rq, json_t *members);
/* Send part of an open file with sendfile; takes over `fd`. */
LH_CHECKED enum lh_code response_file(struct request *rq, int status, const char *media_type, int fd, uint64_t offset,
                                      uint64_t length, struct lh_err *err);

#endif
