/* Time and randomness through the table. */
#ifndef LH_OS_CLOCK_H
#define LH_OS_CLOCK_H

#include <stddef.h>
#include <stdint.h>

struct os;

int64_t os_realtime_us(struct os *os);  /* microseconds since the Unix epoch, UTC */
int64_t os_monotonic_ns(struct os *os); /* for durations and deadlines */
void os_sleep_ms(struct os *os, int64_t ms);
void os_random(struct os *os, void *ret_data, size_t len);

#endif
