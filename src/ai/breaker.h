/* A circuit breaker: after so many failures in a row calls are refused at once for a pause; then one call is let through,
 * and its outcome closes the circuit or opens it for another pause.  Time is the caller's; thread-safe. */
#ifndef LH_AI_BREAKER_H
#define LH_AI_BREAKER_H

#include "ai/provider.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct breaker {
    pthread_mutex_t lock; /* of all below */
    unsigned limit;
    int64_t pause_ns;
    unsigned failures; /* in a row */
    int64_t opened_ns; /* while failures >= limit */
    bool trying;       /* the one call of a half-open circuit is under way */
    char last_error[256];
};

void breaker_init(struct breaker *b, unsigned limit, int64_t pause_ms);
void breaker_deinit(struct breaker *b);

/* May a call go out now?  Then breaker_leave must follow. */
bool breaker_enter(struct breaker *b, int64_t now_ns);

enum breaker_outcome {
    BREAKER_OK,
    BREAKER_FAILED,
    BREAKER_NEITHER, /* the call ended without telling (cancelled) */
};
/* `error` is kept where it failed. */
void breaker_leave(struct breaker *b, enum breaker_outcome outcome, int64_t now_ns, const char *error);

/* Fills circuit, failures, wait_ms and last_error. */
void breaker_state(struct breaker *b, int64_t now_ns, struct ai_state *ret_state);

#endif
