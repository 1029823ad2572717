/* An event as a JSON line: its form in the local log, and on the way to the Parquet writer (docs/formats/journal.md). */
#ifndef LH_JOURNAL_EVENT_JSON_H
#define LH_JOURNAL_EVENT_JSON_H

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "journal/journal.h"

struct arena;

/* Every field present, short enough, UTF-8 and free of control characters; values are JSON. */
LH_CHECKED enum lh_code event_check(const struct journal_event *event, struct lh_err *err);

/* id and ts_us must be set. */
void event_write(const struct journal_event *event, struct buf *out);
/* LH_CORRUPT where the line is none of ours.  Strings in the arena. */
LH_CHECKED enum lh_code event_read(const char *line, size_t len, struct arena *arena, struct journal_event *ret_event,
                                   struct lh_err *err);

/* A record of the local log: {"covered": n, "events": [line, ...]}. */
void event_record_write(const struct journal_event *events, size_t count, uint64_t covered, struct buf *out);
/* Calls `fn` with each event's line (an object), in order. */
typedef void event_line_fn(const struct journal_event *event, const char *line, size_t len, void *ctx);
LH_CHECKED enum lh_code event_record_read(const char *json, size_t len, event_line_fn *fn, void *ctx,
                                          uint64_t *ret_covered, struct lh_err *err);

/* Older before newer; the order of histories. */
int event_compare(const void *a, const void *b);

#endif
