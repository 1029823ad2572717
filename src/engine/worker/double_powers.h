/* Powers of ten for value_double.c. */
#ifndef LH_ENGINE_WORKER_DOUBLE_POWERS_H
#define LH_ENGINE_WORKER_DOUBLE_POWERS_H

#include <stdint.h>

#define DOUBLE_POWER_FIRST (-292)
#define DOUBLE_POWER_LAST 324

/* [k - DOUBLE_POWER_FIRST] is 10^k scaled by a power of two into [2^127, 2^128) and rounded up: {upper half, lower
 * half}. */
extern const uint64_t double_powers[DOUBLE_POWER_LAST - DOUBLE_POWER_FIRST + 1][2];

#endif
