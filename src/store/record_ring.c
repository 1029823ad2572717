#include "store/record_ring.h"

#include "base/alloc.h"
#include "base/arena.h"

#include <string.h>

struct record_ring {
    size_t capacity;
    size_t count;
    size_t next; /* where the next one goes */
    bool complete;
    struct append_log_record records[];
};

struct record_ring *record_ring_new(size_t capacity) {
    struct record_ring *r = lh_calloc(1, sizeof *r + capacity * sizeof r->records[0]);
    r->capacity = capacity;
    r->complete = true;
    return r;
}

void record_ring_free(struct record_ring *r) {
    if (!r)
        return;
    for (size_t i = 0; i < r->count; i++)
        lh_free((char *)r->records[i].json);
    lh_free(r);
}

void record_ring_push(struct record_ring *r, const struct append_log_record *record) {
    struct append_log_record *slot = &r->records[r->next];
    if (r->count == r->capacity) {
        lh_free((char *)slot->json);
        r->complete = false;
    } else {
        r->count++;
    }
    *slot = *record;
    slot->json = lh_strndup(record->json, record->len);
    r->next = (r->next + 1) % r->capacity;
}

void record_ring_mark_incomplete(struct record_ring *r) {
    r->complete = false;
}

void record_ring_recent(const struct record_ring *r, size_t limit, struct arena *arena,
                        struct append_log_record **ret_records, size_t *ret_count, bool *ret_complete) {
    size_t count = limit < r->count ? limit : r->count;
    struct append_log_record *records = arena_alloc(arena, count * sizeof *records + 1);
    for (size_t i = 0; i < count; i++) {
        records[i] = r->records[(r->next + r->capacity - 1 - i) % r->capacity];
        records[i].json = arena_strndup(arena, records[i].json, records[i].len);
    }
    *ret_records = records;
    *ret_count = count;
    *ret_complete = r->complete;
}
