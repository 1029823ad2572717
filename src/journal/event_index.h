/* The index beside an event file: how many events, from when to when, what it replaces, and a filter of its entities.
 * `{ulid}.index`, docs/formats/journal.md.  Pure functions over memory; nothing here trusts its input. */
#ifndef LH_JOURNAL_EVENT_INDEX_H
#define LH_JOURNAL_EVENT_INDEX_H

#include "base/buf.h"
#include "base/error.h"
#include "base/id.h"

#include <stddef.h>
#include <stdint.h>

#define EVENT_INDEX_FORMAT 1
#define EVENT_INDEX_MAX_BYTES ((size_t)256 << 20)

struct event_index {
    uint64_t events;
    int64_t min_us, max_us;
    uint64_t covered;               /* journal_covered of its events */
    char (*replaces)[LH_ULID_SIZE]; /* names of the files that were merged into this one; lh_malloc'd */
    size_t replaces_count;
    unsigned char *bloom; /* base/bloom.h over entity_id; lh_malloc'd */
    size_t bloom_bytes;
};

void event_index_deinit(struct event_index *index); /* a zeroed one is fine */
void event_index_write(const struct event_index *index, struct buf *out);
/* LH_CORRUPT, LH_UNSUPPORTED (a newer format). */
LH_CHECKED enum lh_code event_index_read(const void *data, size_t len, struct event_index *ret_index,
                                         struct lh_err *err);

#endif
