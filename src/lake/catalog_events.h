/* The events that the commit log implies (docs/adr/0007): the feed of the event journal.
 *
 * A commit's events are a pure function of its record and of the manifests before it; their ids follow from the commit's
 * UUID, so that deriving them again, here or on another server, gives the same events.  A dataset's entity_type is
 * "dataset", its entity_id its name, the action the commit's operation.
 *   - What changed its files, and its creation: one event without a field, with counts and the files that came.
 *   - Metadata and columns: an event for each field that changed, with both values; a column's are "columns.NAME.type",
 *     ".nullable", ".description" and ".flags".
 *   - Its deletion: one event without a field, with the counts that it had.
 *   - The rows that a commit's FILE_CHANGES tells of: an event of each line, whose entity is the row (type: the dataset's name, id:
 *     the row's key as text), with the line's own action.  Where the file is gone, one event of the field "changes" says so. */
#ifndef LH_LAKE_CATALOG_EVENTS_H
#define LH_LAKE_CATALOG_EVENTS_H

#include "base/error.h"
#include "journal/journal.h"

struct buckets;
struct catalog;
struct engine;
struct object_store;

struct catalog_events {
    struct catalog *catalog;
    struct object_store *store; /* of the catalog's log */
    struct journal *journal;
    struct buckets *buckets; /* of the datasets' files */
    struct engine *engine;   /* reads FILE_CHANGES */
};

/* journal_feed_fn; `catalog_events` is a struct catalog_events that outlives its use.  Brings the journal up to the newest
 * snapshot.  Blocks on the store and, for the changes of rows, on the engine. */
LH_CHECKED enum lh_code catalog_events_feed(void *catalog_events, struct lh_err *err);

#endif
