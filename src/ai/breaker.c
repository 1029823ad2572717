#include "ai/breaker.h"

#include <stdio.h>
#include <string.h>

void breaker_init(struct breaker *b, unsigned limit, int64_t pause_ms) {
    *b = (struct breaker){.limit = limit, .pause_ns = pause_ms * 1000000};
    pthread_mutex_init(&b->lock, NULL);
}

void breaker_deinit(struct breaker *b) {
    pthread_mutex_destroy(&b->lock);
}

static enum ai_circuit circuit_at(const struct breaker *b, int64_t now_ns) {
    if (b->failures < b->limit)
        return AI_CIRCUIT_CLOSED;
    return now_ns - b->opened_ns < b->pause_ns ? AI_CIRCUIT_OPEN : AI_CIRCUIT_HALF_OPEN;
}

bool breaker_enter(struct breaker *b, int64_t now_ns) {
    pthread_mutex_lock(&b->lock);
    enum ai_circuit circuit = circuit_at(b, now_ns);
    bool go = circuit == AI_CIRCUIT_CLOSED || (circuit == AI_CIRCUIT_HALF_OPEN && !b->trying);
    if (go && circuit == AI_CIRCUIT_HALF_OPEN)
        b->trying = true;
    pthread_mutex_unlock(&b->lock);
    return go;
}

void breaker_leave(struct breaker *b, enum breaker_outcome outcome, int64_t now_ns, const char *error) {
    pthread_mutex_lock(&b->lock);
    b->trying = false;
    if (outcome == BREAKER_OK) {
        b->failures = 0;
        b->last_error[0] = '\0';
    } else if (outcome == BREAKER_FAILED) {
        b->failures += b->failures < b->limit; /* a count that stops at the limit cannot overflow */
        b->opened_ns = now_ns;
        snprintf(b->last_error, sizeof b->last_error, "%s", error);
    }
    pthread_mutex_unlock(&b->lock);
}

void breaker_state(struct breaker *b, int64_t now_ns, struct ai_state *ret_state) {
    pthread_mutex_lock(&b->lock);
    ret_state->circuit = circuit_at(b, now_ns);
    ret_state->failures = b->failures;
    ret_state->wait_ms = 0;
    if (ret_state->circuit == AI_CIRCUIT_OPEN)
        ret_state->wait_ms = (b->pause_ns - (now_ns - b->opened_ns)) / 1000000 + 1;
    memcpy(ret_state->last_error, b->last_error, sizeof ret_state->last_error);
    pthread_mutex_unlock(&b->lock);
}
