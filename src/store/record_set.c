/* Open addressing, at most half full.  Sequences start at 1, so 0 marks a free slot. */
#include "store/record_set.h"

#include "base/alloc.h"

/* The finalizer of SplitMix64 (Steele, Lea, Flood 2014): each bit of the input reaches each of the output. */
static uint64_t mix(uint64_t x) {
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

/* The record's slot, or the free one where it belongs. */
static struct record_id *slot_of(const struct record_set *set, uint64_t writer, uint64_t sequence) {
    size_t at = (size_t)mix(writer ^ mix(sequence)) & (set->capacity - 1);
    while (set->slots[at].sequence && (set->slots[at].sequence != sequence || set->slots[at].writer != writer))
        at = (at + 1) & (set->capacity - 1);
    return &set->slots[at];
}

static void grow(struct record_set *set) {
    struct record_set bigger = {.capacity = set->capacity ? set->capacity * 2 : 64, .count = set->count};
    bigger.slots = lh_calloc(bigger.capacity, sizeof *bigger.slots);
    for (size_t i = 0; i < set->capacity; i++)
        if (set->slots[i].sequence)
            *slot_of(&bigger, set->slots[i].writer, set->slots[i].sequence) = set->slots[i];
    lh_free(set->slots);
    *set = bigger;
}

bool record_set_add(struct record_set *set, uint64_t writer, uint64_t sequence) {
    if (set->count * 2 >= set->capacity)
        grow(set);
    struct record_id *slot = slot_of(set, writer, sequence);
    if (slot->sequence)
        return false;
    *slot = (struct record_id){.writer = writer, .sequence = sequence};
    set->count++;
    return true;
}

bool record_set_has(const struct record_set *set, uint64_t writer, uint64_t sequence) {
    return set->count > 0 && slot_of(set, writer, sequence)->sequence != 0;
}

void record_set_deinit(struct record_set *set) {
    lh_free(set->slots);
}
