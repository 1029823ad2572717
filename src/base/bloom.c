#include "base/bloom.h"

#define PROBES 7
#define BITS_A_TEXT 10

uint64_t bloom_hash(const void *text, size_t len) {
    const unsigned char *bytes = text;
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < len; i++)
        h = (h ^ bytes[i]) * UINT64_C(0x100000001b3);
    h = (h ^ (h >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    h = (h ^ (h >> 27)) * UINT64_C(0x94d049bb133111eb);
    return h ^ (h >> 31);
}

size_t bloom_size_bytes(size_t count) {
    size_t words = (count * BITS_A_TEXT + 63) / 64;
    return words ? words * 8 : 8;
}

static uint64_t place(uint64_t hash, unsigned i, size_t size_bytes) {
    uint64_t step = (hash >> 32) | 1;
    return ((hash & UINT32_MAX) + i * step) % ((uint64_t)size_bytes * 8);
}

void bloom_add(unsigned char *bits, size_t size_bytes, uint64_t hash) {
    for (unsigned i = 0; i < PROBES; i++) {
        uint64_t at = place(hash, i, size_bytes);
        bits[at / 8] = (unsigned char)(bits[at / 8] | (1U << (at % 8)));
    }
}

bool bloom_may_hold(const unsigned char *bits, size_t size_bytes, uint64_t hash) {
    for (unsigned i = 0; i < PROBES; i++) {
        uint64_t at = place(hash, i, size_bytes);
        if (!(bits[at / 8] & (1U << (at % 8))))
            return false;
    }
    return true;
}
