/* Bloom filters over texts: "certainly not here", or "perhaps".
 *
 * Part of formats on disk (docs/formats/journal.md), so neither the hash nor the places may change: the hash is FNV-1a of
 * 64 bits through the finalizer of SplitMix64; a filter of m bits has the bits (low + i * high) mod m for i in 0..6, where
 * `low` is the hash's low half and `high` its upper half with the lowest bit set; bit b is bit b % 8 of byte b / 8.
 * With bloom_size_bytes of the number of texts about one absent text in a hundred is taken for present.
 * Pure functions; thread-safe. */
#ifndef LH_BASE_BLOOM_H
#define LH_BASE_BLOOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

uint64_t bloom_hash(const void *text, size_t len);
/* For `count` different texts: ten bits each, at least 8 bytes, a multiple of 8. */
size_t bloom_size_bytes(size_t count);
/* `bits` has `size_bytes` > 0, all zero at first. */
void bloom_add(unsigned char *bits, size_t size_bytes, uint64_t hash);
bool bloom_may_hold(const unsigned char *bits, size_t size_bytes, uint64_t hash);

#endif
