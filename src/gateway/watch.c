/* The watch: one thread that looks at every connection twice a second, and is told at once by epoll when a client hangs up
 * while its handler runs (libmicrohttpd does not look at a suspended connection).
 *
 * Connections are cut with shutdown(2), under the lock that also guards leaving the list, so the descriptor is still ours;
 * libmicrohttpd then sees the end of the stream and cleans up in its own way.
 * Lock order: this lock before a request's. */
#include "gateway/exchange.h"

#include "base/alloc.h"
#include "base/metrics.h"
#include "os/clock.h"
#include "os/thread.h"

#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define TICK_MS 500

struct watch {
    struct gateway *gateway;
    pthread_mutex_t lock;
    struct connection *list;
    uint64_t next_serial;
    int epoll_fd;
    int stop_fd;
    struct os_thread thread;
};

static bool tcp_counts(int fd, uint64_t *ret_received, uint64_t *ret_acked) {
    struct tcp_info info;
    socklen_t len = sizeof info;
    memset(&info, 0, sizeof info);
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
        return false;
    *ret_received = info.tcpi_bytes_received;
    *ret_acked = info.tcpi_bytes_acked;
    return true;
}

static void cut(struct watch *w, struct connection *c) {
    lh_metric_add(w->gateway->options.metrics, LH_METRIC_http_refused_total,
                  lh_metric_label(LH_METRIC_http_refused_total, "slow"), 1);
    shutdown(c->fd, SHUT_RDWR);
}

/* Between requests: a head that has begun must be complete in time; silence is libmicrohttpd's idle timeout. */
static void check_head(struct watch *w, struct connection *c, int64_t now_ns) {
    uint64_t received, acked;
    if (!c->fresh) {
        if (!tcp_counts(c->fd, &received, &acked))
            return;
        if (received == c->received_mark) {
            c->since_ns = now_ns;
            return;
        }
    }
    if (now_ns - c->since_ns > w->gateway->options.head_timeout_ms * 1000000)
        cut(w, c);
}

static bool body_too_slow(const struct gateway_options *o, struct request *rq) {
    bool waiting = rq->past_head && !rq->body_ended && !rq->suspended;
    if (!waiting)
        return false;
    rq->body_wait_ns += (int64_t)TICK_MS * 1000000;
    if (rq->body_wait_ns < o->body_grace_ms * 1000000)
        return false;
    return rq->body_received < o->body_min_rate * (uint64_t)(rq->body_wait_ns / 1000000000);
}

/* A client that trickles holds its handler, and the query process behind it.  Counted is only time in which the handler waits for
 * room: an answer that is slow in the making is nobody's fault.  Each stretch of such time starts anew, since what lies in
 * the buffers of both kernels, acknowledged at once, would be credit for an hour. */
static bool answer_too_slow(const struct gateway_options *o, struct connection *c, uint64_t acked) {
    c->answer_wait_ns += (int64_t)TICK_MS * 1000000;
    if (c->answer_wait_ns < o->answer_grace_ms * 1000000)
        return false;
    uint64_t taken = acked - c->answer_acked_mark;
    bool slow = taken < o->answer_min_rate * (uint64_t)c->answer_wait_ns / 1000000000;
    c->answer_wait_ns = 0;
    c->answer_acked_mark = acked;
    return slow;
}

static void check_request(struct watch *w, struct connection *c, int64_t now_ns) {
    const struct gateway_options *o = &w->gateway->options;
    struct request *rq = c->current;
    pthread_mutex_lock(&rq->lock);
    bool slow = body_too_slow(o, rq);
    bool expire = now_ns > rq->deadline_ns && !rq->expired;
    bool late = rq->expired && now_ns > rq->deadline_ns + o->write_stall_ms * 1000000;
    bool sending = rq->answered && !rq->suspended;
    bool held_up = sending && rq->wants_room;
    pthread_mutex_unlock(&rq->lock);
    if (expire)
        request_cancel(rq, true);
    uint64_t received, acked;
    bool trickles = false;
    bool counted = sending && tcp_counts(c->fd, &received, &acked);
    if (counted && held_up)
        trickles = answer_too_slow(o, c, acked);
    if (!counted) {
        c->acked_since_ns = now_ns;
    } else if (acked != c->acked_mark) {
        c->acked_mark = acked;
        c->acked_since_ns = now_ns;
    }
    bool stalled = now_ns - c->acked_since_ns > o->write_stall_ms * 1000000;
    if (slow || late || stalled || trickles)
        cut(w, c);
}

static void check_all(struct watch *w) {
    int64_t now_ns = os_monotonic_ns(w->gateway->options.os);
    pthread_mutex_lock(&w->lock);
    for (struct connection *c = w->list; c; c = c->next) {
        if (c->current)
            check_request(w, c, now_ns);
        else
            check_head(w, c, now_ns);
    }
    pthread_mutex_unlock(&w->lock);
}

/* The client sends nothing more.  libmicrohttpd waits for edges, and where the end came together with the last bytes it does
 * not see it; cutting the connection is an edge of its own.  An answer on its way is let through. */
static void end_of_client(struct connection *c) {
    request_cancel(c->current, false);
    pthread_mutex_lock(&c->current->lock);
    bool answered = c->current->answered;
    pthread_mutex_unlock(&c->current->lock);
    if (!answered)
        shutdown(c->fd, SHUT_RDWR);
}

static void hung_up(struct watch *w, uint64_t serial) {
    pthread_mutex_lock(&w->lock);
    for (struct connection *c = w->list; c; c = c->next)
        if (c->serial == serial && c->current)
            end_of_client(c);
    pthread_mutex_unlock(&w->lock);
}

static void watch_main(void *arg) {
    struct watch *w = arg;
    int64_t next_ns = os_monotonic_ns(w->gateway->options.os) + (int64_t)TICK_MS * 1000000;
    for (;;) {
        struct epoll_event events[64];
        int64_t left_ms = (next_ns - os_monotonic_ns(w->gateway->options.os)) / 1000000;
        int n = epoll_wait(w->epoll_fd, events, LH_ARRAY_LEN(events), left_ms > 0 ? (int)left_ms : 0);
        for (int i = 0; i < n; i++) {
            if (events[i].data.u64 == 0)
                return; /* the stop descriptor */
            hung_up(w, events[i].data.u64);
        }
        if (os_monotonic_ns(w->gateway->options.os) >= next_ns) {
            check_all(w);
            next_ns += (int64_t)TICK_MS * 1000000;
        }
    }
}

enum lh_code watch_new(struct gateway *g, struct watch **ret_watch, struct lh_err *err) {
    struct watch *w = lh_calloc(1, sizeof *w);
    w->gateway = g;
    w->next_serial = 1;
    pthread_mutex_init(&w->lock, NULL);
    w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    w->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event stop = {.events = EPOLLIN, .data.u64 = 0};
    enum lh_code code = LH_OK;
    if (w->epoll_fd < 0 || w->stop_fd < 0 || epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, w->stop_fd, &stop) != 0)
        code = lh_fail_errno(err, errno, "setting up the watch on connections");
    else
        code = os_thread_start(&w->thread, "http-watch", 0, watch_main, w, err);
    if (code != LH_OK) {
        watch_free(w);
        return code;
    }
    *ret_watch = w;
    return LH_OK;
}

void watch_free(struct watch *w) {
    if (!w)
        return;
    uint64_t one = 1;
    if (w->stop_fd >= 0 && write(w->stop_fd, &one, sizeof one) == (ssize_t)sizeof one)
        os_thread_join(&w->thread);
    if (w->epoll_fd >= 0)
        close(w->epoll_fd);
    if (w->stop_fd >= 0)
        close(w->stop_fd);
    pthread_mutex_destroy(&w->lock);
    lh_free(w);
}

void watch_connection(struct watch *w, struct connection *c) {
    c->since_ns = os_monotonic_ns(w->gateway->options.os);
    c->fresh = true;
    pthread_mutex_lock(&w->lock);
    c->serial = w->next_serial++;
    c->next = w->list;
    if (w->list)
        w->list->prev = c;
    w->list = c;
    pthread_mutex_unlock(&w->lock);
}

void watch_disconnect(struct watch *w, struct connection *c) {
    pthread_mutex_lock(&w->lock);
    if (c->watched)
        epoll_ctl(w->epoll_fd, EPOLL_CTL_DEL, c->fd, NULL);
    if (c->prev)
        c->prev->next = c->next;
    else
        w->list = c->next;
    if (c->next)
        c->next->prev = c->prev;
    pthread_mutex_unlock(&w->lock);
}

void watch_request(struct watch *w, struct connection *c, struct request *rq) {
    pthread_mutex_lock(&w->lock);
    c->current = rq;
    c->fresh = false;
    c->acked_since_ns = rq->start_ns;
    c->answer_wait_ns = 0;
    c->answer_acked_mark = c->acked_mark;
    pthread_mutex_unlock(&w->lock);
}

void watch_hangup(struct watch *w, struct connection *c) {
    struct epoll_event event = {.events = EPOLLRDHUP | EPOLLONESHOT, .data.u64 = c->serial};
    pthread_mutex_lock(&w->lock);
    c->watched = epoll_ctl(w->epoll_fd, c->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, c->fd, &event) == 0;
    pthread_mutex_unlock(&w->lock);
}

void watch_request_end(struct watch *w, struct connection *c) {
    uint64_t received = 0, acked = 0;
    tcp_counts(c->fd, &received, &acked);
    pthread_mutex_lock(&w->lock);
    c->current = NULL;
    c->since_ns = os_monotonic_ns(w->gateway->options.os);
    c->received_mark = received;
    c->acked_mark = acked;
    pthread_mutex_unlock(&w->lock);
}

void watch_cancel_all(struct watch *w) {
    pthread_mutex_lock(&w->lock);
    for (struct connection *c = w->list; c; c = c->next)
        if (c->current)
            request_cancel(c->current, false);
    pthread_mutex_unlock(&w->lock);
}
