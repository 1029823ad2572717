#include "os/clock.h"

#include "os/os.h"

int64_t os_realtime_us(struct os *os) {
    return os->realtime_us(os->self);
}

int64_t os_monotonic_ns(struct os *os) {
    return os->monotonic_ns(os->self);
}

void os_sleep_ms(struct os *os, int64_t ms) {
    os->sleep_ns(os->self, ms * 1000000);
}

void os_random(struct os *os, void *ret_data, size_t len) {
    os->random(os->self, ret_data, len);
}
