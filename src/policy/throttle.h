/* Counts of failures by client address over a sliding time.  A fixed table: when it is full the entry longest unused
 * gives way, so no flood of addresses makes it grow.  Thread-safe. */
#ifndef LH_POLICY_THROTTLE_H
#define LH_POLICY_THROTTLE_H

#include <stdbool.h>
#include <stdint.h>

struct throttle;

struct throttle *throttle_new(unsigned limit, unsigned window_s);
void throttle_free(struct throttle *t); /* NULL is fine */
void throttle_count(struct throttle *t, const char *who, int64_t now_ns);
bool throttle_exceeded(struct throttle *t, const char *who, int64_t now_ns); /* `limit` or more within the window */

#endif
