/* The newest records of a log in memory.  The caller locks. */
#ifndef LH_STORE_RECORD_RING_H
#define LH_STORE_RECORD_RING_H

#include "store/append_log.h"

struct arena;
struct record_ring;

struct record_ring *record_ring_new(size_t capacity);
void record_ring_free(struct record_ring *r); /* NULL is fine */
/* Copies the record; the oldest goes where the ring is full.  O(1). */
void record_ring_push(struct record_ring *r, const struct append_log_record *record);
/* Older records exist that were never in the ring. */
void record_ring_mark_incomplete(struct record_ring *r);
/* Newest first. */
void record_ring_recent(const struct record_ring *r, size_t limit, struct arena *arena,
                        struct append_log_record **ret_records, size_t *ret_count, bool *ret_complete);

#endif
