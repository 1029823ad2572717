/* Inside the gateway: one request and its response, between the connection's thread and the handler's.
 *
 * Who may touch what:
 *   the connection's thread (libmicrohttpd) until the handler is started: everything;
 *   the handler's thread from then until it returns: what stands under "handler's";
 *   any thread, holding `lock`: what stands under "shared".
 * A connection is suspended (taken out of libmicrohttpd's epoll) whenever it has to wait for the handler, and resumed by the
 * handler's thread under the same lock, so that a wake-up is never lost.  The request is freed by whichever side lets go last. */
#ifndef LH_GATEWAY_EXCHANGE_H
#define LH_GATEWAY_EXCHANGE_H

#include "base/trace.h"
#include "gateway/gateway.h"
#include "gateway/guard.h"
#include "gateway/request.h"
#include "gateway/ring.h"
#include "gateway/route.h"
#include "gateway/url.h"
#include "policy/principal.h"

#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>

#define GATEWAY_STATUS_CLASSES 5
#define REQUEST_ID_SIZE 65
#define BODY_RING_BYTES (256u * 1024)
#define RESPONSE_RING_BYTES (256u * 1024)
#define DRAIN_MAX_BYTES (16u * 1024 * 1024) /* of a body nobody wants, so that the client gets to read the answer */

struct connection {
    struct connection *prev, *next; /* in the watch's list */
    uint64_t serial;
    int fd;
    struct sockaddr_storage peer;
    char peer_text[INET6_ADDRSTRLEN];
    char *target; /* of the request whose head is being read */
    size_t target_len, target_cap;
    struct request *current; /* NULL between requests; under the watch's lock, as is the rest */
    bool watched;            /* for hang-up, in the watch's epoll */
    int64_t since_ns;        /* accept, or end of the last request */
    bool fresh;              /* no request yet */
    uint64_t received_mark;  /* TCP's count of bytes received when the last request ended */
    uint64_t acked_mark;
    int64_t acked_since_ns;
    int64_t answer_wait_ns;     /* how long the handler has waited for the client to take its answer, since ... */
    uint64_t answer_acked_mark; /* ... the client had taken this much */
};

enum response_kind { RESPONSE_NONE, RESPONSE_BYTES, RESPONSE_STREAM, RESPONSE_FILE };

struct response_header {
    const char *name, *value;
    struct response_header *next;
};

struct request {
    struct gateway *gateway;
    struct arena *arena;
    struct MHD_Connection *mhd;
    struct connection *connection; /* for the connection's thread only: it may go before the handler ends */
    const char *peer;
    char id[REQUEST_ID_SIZE];
    struct lh_span span;
    struct lh_log *log;
    int64_t start_ns;
    int64_t deadline_ns;
    enum http_method method;
    bool head_only; /* HEAD: headers as for GET, no body */
    struct guard_head head;
    struct guard_verdict verdict;
    struct url url;
    struct route_match match;
    struct principal principal;
    uint64_t body_limit;

    /* Handler's until the response is handed over. */
    struct response_header *headers;
    int status;
    bool close; /* the connection ends with this answer */
    const void *data;
    size_t data_len;
    int file_fd;
    uint64_t file_offset, file_length;
    int64_t stream_length; /* -1: not known */
    bool began;
    json_t *problem_members; /* the arena's; NULL: none */

    /* Shared. */
    pthread_mutex_t lock;
    pthread_cond_t wake; /* the handler waits here for body bytes, room, or an end */
    int refs;
    bool begun; /* the head was judged */
    bool suspended;
    bool answered;   /* the response was given to libmicrohttpd */
    bool ready;      /* the response may be given to it */
    bool want_body;  /* the handler asked for the body */
    bool collecting; /* the body comes in before the handler starts */
    bool busy;       /* the queue was full */
    bool past_head;  /* libmicrohttpd went on to the body */
    bool body_ended;
    bool discard;           /* nobody reads the rest of the body */
    enum lh_code body_code; /* why the body stopped early */
    uint64_t body_received;
    int64_t body_wait_ns; /* time spent waiting for the client to send */
    bool gone;            /* the client left, or libmicrohttpd ended the request */
    bool expired;         /* the deadline passed */
    bool finished;        /* libmicrohttpd is done with it */
    bool stream_ended;
    bool stream_failed;
    bool wants_room; /* the handler waits for the client to take what is there */
    int cancel_fd;   /* eventfd, -1 until asked for */
    enum response_kind kind;
    struct ring body;
    struct ring out;
    uint64_t sent;
};

struct gateway {
    struct gateway_options options;
    struct router *router;
    struct pool *pool;
    struct pool *query_pool; /* of the routes that wait for a query process */
    struct watch *watch;
    struct MHD_Daemon *daemon;
    char *url;
    char *tls_cert, *tls_key;
    bool auth_required;
    bool loopback;
    _Atomic bool stopping;
    _Atomic unsigned active;                                  /* requests begun and not finished */
    _Atomic uint64_t (*route_counts)[GATEWAY_STATUS_CLASSES]; /* by row of the table and class of status */
};

/* exchange.c: libmicrohttpd's callbacks. */
enum MHD_Result exchange_on_access(void *gateway, struct MHD_Connection *mhd, const char *url, const char *method,
                                   const char *version, const char *upload, size_t *upload_size, void **state);
void exchange_on_completed(void *gateway, struct MHD_Connection *mhd, void **state,
                           enum MHD_RequestTerminationCode code);
void exchange_run(void *request); /* on a handler thread */

/* response.c */
enum MHD_Result response_hand_over(struct request *rq); /* on the connection's thread, locked */
void response_abort(struct request *rq);                /* the handler failed after the response had begun */

/* problem.c */
void response_problem(struct request *rq, const struct lh_err *err);

/* request.c */
struct request *request_new(struct gateway *g, struct MHD_Connection *mhd, struct connection *c);
void request_unref(struct request *rq);
void request_resume(struct request *rq);               /* locked: wakes the connection's thread where it sleeps */
void request_cancel(struct request *rq, bool expired); /* the client left, or time is up */

/* head.c: everything between a complete head and the handler.  head_admit tells who is calling and whether they may. */
LH_CHECKED enum lh_code head_admit(struct request *rq, struct lh_err *err);
LH_CHECKED enum lh_code head_judge(struct request *rq, const char *method, const char *version, struct lh_err *err);

/* watch.c */
LH_CHECKED enum lh_code watch_new(struct gateway *g, struct watch **ret_watch, struct lh_err *err);
void watch_free(struct watch *w);
void watch_connection(struct watch *w, struct connection *c); /* accepted */
void watch_disconnect(struct watch *w, struct connection *c); /* about to be closed */
void watch_request(struct watch *w, struct connection *c, struct request *rq);
void watch_hangup(struct watch *w, struct connection *c); /* its handler runs: notice the client leaving */
void watch_request_end(struct watch *w, struct connection *c);
void watch_cancel_all(struct watch *w);

#endif
