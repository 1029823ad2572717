/* A set of records by identity (writer, sequence): what a scan has given already.  The caller locks. */
#ifndef LH_STORE_RECORD_SET_H
#define LH_STORE_RECORD_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct record_id {
    uint64_t writer;
    uint64_t sequence; /* 0: a free slot */
};

struct record_set { /* zeroed is valid and empty */
    struct record_id *slots;
    size_t capacity; /* 0 or a power of two */
    size_t count;
};

/* false where it was there already. */
bool record_set_add(struct record_set *set, uint64_t writer, uint64_t sequence);
bool record_set_has(const struct record_set *set, uint64_t writer, uint64_t sequence);
void record_set_deinit(struct record_set *set);

#endif
