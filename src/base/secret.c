/* Secrets: compared in constant time, wiped for certain.  Apart from hash.c for the same reason as base64.c. */
#include "base/hash.h"

#include <sodium.h>

bool lh_equal_constant_time(const void *a, const void *b, size_t len) {
    return sodium_memcmp(a, b, len) == 0;
}

void lh_wipe(void *data, size_t len) {
    sodium_memzero(data, len);
}
