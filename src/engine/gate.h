/* A bounded queue in front of a bounded number of places.  First come, first served. */
#ifndef LH_ENGINE_GATE_H
#define LH_ENGINE_GATE_H

#include "base/error.h"

#include <pthread.h>
#include <stdint.h>

struct gate_waiter;
struct os;

struct gate {
    struct os *os;
    pthread_mutex_t lock;
    unsigned places, taken;
    unsigned queue_length, waiting;
    int64_t wait_ms; /* longest time in the queue */
    struct gate_waiter *first, *last;
};

void gate_init(struct gate *g, struct os *os, unsigned places, unsigned queue_length, int64_t wait_ms);
void gate_deinit(struct gate *g);

/* Take a place.  LH_BUSY where the queue is full or the wait too long, LH_TIMEOUT at the caller's own deadline,
 * LH_CANCELLED when `cancel_fd` (-1: none) becomes readable. */
LH_CHECKED enum lh_code gate_enter(struct gate *g, int64_t deadline_ns, int cancel_fd, struct lh_err *err);
void gate_leave(struct gate *g);
unsigned gate_waiting(struct gate *g);

#endif
