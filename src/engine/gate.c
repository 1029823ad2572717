#include "engine/gate.h"

#include "os/clock.h"
#include "os/os.h"

#include <poll.h>
#include <stdbool.h>
#include <time.h>

#define LOOK_EVERY_NS INT64_C(50000000) /* how often a waiter looks for its client */

struct gate_waiter {
    struct gate_waiter *next;
    pthread_cond_t called;
    bool served;
};

void gate_init(struct gate *g, struct os *os, unsigned places, unsigned queue_length, int64_t wait_ms) {
    *g = (struct gate){.os = os, .places = places, .queue_length = queue_length, .wait_ms = wait_ms};
    pthread_mutex_init(&g->lock, NULL);
}

void gate_deinit(struct gate *g) {
    pthread_mutex_destroy(&g->lock);
}

static void unlink_waiter(struct gate *g, struct gate_waiter *w) {
    struct gate_waiter **place = &g->first, *before = NULL;
    while (*place != w) {
        before = *place;
        place = &before->next;
    }
    *place = w->next;
    if (g->last == w)
        g->last = before;
    g->waiting--;
}

static bool client_gone(struct gate *g, int cancel_fd) {
    struct pollfd fd = {.fd = cancel_fd, .events = POLLIN | POLLRDHUP};
    return cancel_fd >= 0 && g->os->poll(g->os->self, &fd, 1, 0) > 0;
}

/* With the lock held.  LH_OK: this waiter was given a place and is off the queue. */
static enum lh_code wait_turn(struct gate *g, struct gate_waiter *w, int64_t deadline_ns, int cancel_fd,
                              struct lh_err *err) {
    int64_t give_up_ns = os_monotonic_ns(g->os) + g->wait_ms * 1000000;
    while (!w->served) {
        int64_t now_ns = os_monotonic_ns(g->os);
        if (now_ns >= deadline_ns)
            return lh_fail(err, LH_TIMEOUT, "the time limit passed in the queue");
        if (now_ns >= give_up_ns)
            return lh_fail(err, LH_BUSY, "no worker came free in %lld ms", (long long)g->wait_ms);
        if (client_gone(g, cancel_fd))
            return lh_fail(err, LH_CANCELLED, "the client is gone");
        int64_t until_ns = now_ns + LOOK_EVERY_NS;
        until_ns = until_ns < give_up_ns ? until_ns : give_up_ns;
        until_ns = until_ns < deadline_ns ? until_ns : deadline_ns;
        struct timespec until = {until_ns / 1000000000, until_ns % 1000000000};
        pthread_cond_clockwait(&w->called, &g->lock, CLOCK_MONOTONIC, &until);
    }
    return LH_OK;
}

enum lh_code gate_enter(struct gate *g, int64_t deadline_ns, int cancel_fd, struct lh_err *err) {
    enum lh_code code = LH_OK;
    pthread_mutex_lock(&g->lock);
    if (g->taken < g->places && !g->first) {
        g->taken++;
    } else if (g->waiting >= g->queue_length) {
        code = lh_fail(err, LH_BUSY, "%u requests are waiting already", g->waiting);
    } else {
        struct gate_waiter w = {.called = PTHREAD_COND_INITIALIZER};
        if (g->last)
            g->last->next = &w;
        else
            g->first = &w;
        g->last = &w;
        g->waiting++;
        code = wait_turn(g, &w, deadline_ns, cancel_fd, err);
        if (!w.served)
            unlink_waiter(g, &w);
        pthread_cond_destroy(&w.called);
    }
    pthread_mutex_unlock(&g->lock);
    if (code == LH_BUSY)
        return lh_err_hint(err, "try again in a moment");
    return code;
}

/* The place goes straight to the first in the queue, so that no newcomer overtakes it. */
void gate_leave(struct gate *g) {
    pthread_mutex_lock(&g->lock);
    struct gate_waiter *w = g->first;
    if (w) {
        unlink_waiter(g, w);
        w->served = true;
        pthread_cond_signal(&w->called);
    } else {
        g->taken--;
    }
    pthread_mutex_unlock(&g->lock);
}

unsigned gate_waiting(struct gate *g) {
    pthread_mutex_lock(&g->lock);
    unsigned waiting = g->waiting;
    pthread_mutex_unlock(&g->lock);
    return waiting;
}
