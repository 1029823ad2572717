/* Events that are durable in the local log and not yet in a file, in memory.  The caller locks. */
#ifndef LH_JOURNAL_PENDING_H
#define LH_JOURNAL_PENDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct append_log_record;
struct journal_event;

struct pending_event {
    uint64_t hash; /* bloom_hash of the entity */
    int64_t ts_us;
    uint64_t writer, sequence; /* of the record that brought it */
    char *line;                /* event_json.h */
    size_t len;
};

struct pending {                 /* zeroed is valid and empty */
    struct pending_event *items; /* in the order of the log */
    size_t count, room;
};

void pending_deinit(struct pending *p);
void pending_add(struct pending *p, const struct append_log_record *record, const struct journal_event *event,
                 const char *line, size_t len);
/* Drop the events of these records, which stand in a file now. */
void pending_drop(struct pending *p, const struct append_log_record *records, size_t count);

#endif
