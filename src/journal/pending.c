#include "journal/pending.h"

#include "base/alloc.h"
#include "base/bloom.h"
#include "journal/journal.h"
#include "store/append_log.h"
#include "store/record_set.h"

#include <string.h>

void pending_deinit(struct pending *p) {
    for (size_t i = 0; i < p->count; i++)
        lh_free(p->items[i].line);
    lh_free(p->items);
    *p = (struct pending){0};
}

void pending_add(struct pending *p, const struct append_log_record *record, const struct journal_event *event,
                 const char *line, size_t len) {
    if (p->count == p->room) {
        p->room = p->room ? p->room * 2 : 256;
        p->items = lh_realloc(p->items, p->room * sizeof *p->items);
    }
    p->items[p->count++] = (struct pending_event){
        .hash = bloom_hash(event->entity_id, strlen(event->entity_id)),
        .ts_us = event->ts_us,
        .writer = record->writer,
        .sequence = record->sequence,
        .line = lh_strndup(line, len),
        .len = len,
    };
}

void pending_drop(struct pending *p, const struct append_log_record *records, size_t count) {
    struct record_set gone = {0};
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        record_set_add(&gone, records[i].writer, records[i].sequence);
    for (size_t i = 0; i < p->count; i++) {
        if (record_set_has(&gone, p->items[i].writer, p->items[i].sequence))
            lh_free(p->items[i].line);
        else
            p->items[kept++] = p->items[i];
    }
    p->count = kept;
    record_set_deinit(&gone);
}
