/* What a row was: read from its dataset as it was at a moment, or made of its events (journal/entity_state.h).
 *
 * A row of a dataset with a primary key is an entity of the journal: its type is the dataset's name, its id the key as text
 * (engine/worker/row_text.h). */
#ifndef LH_LAKE_ROW_STATE_H
#define LH_LAKE_ROW_STATE_H

#include "base/error.h"
#include "base/json.h"
#include "journal/journal.h"

#include <stdbool.h>
#include <stdint.h>

struct arena;
struct buf;
struct catalog_ops;
struct manifest;

struct row_state_query {
    const char *dataset;
    const char *entity_id;
    int64_t as_of_us; /* INT64_MAX: now */
    int cancel_fd;
};

/* Of a row that cannot be read. */
struct row_lost {
    bool lost; /* its dataset was there, and may have had it */
    int64_t
        untold_us; /* what events up to then say of it need not be so any more (struct manifest); INT64_MAX: not known */
};

/* The row as a JSON object (docs/formats/json-values.md), JSON null where there was none; NULL where the dataset cannot tell.  A
 * new reference.  *ret_lost: it was there then and may have had the row, but cannot be read so: its version is gone, it had no
 * primary key, or the id names no key of its.  Blocks on the engine; LH_BUSY, LH_TIMEOUT, LH_CANCELLED. */
LH_CHECKED enum lh_code row_state_read(const struct catalog_ops *ops, const struct row_state_query *query,
                                       json_t **ret_row, struct row_lost *ret_lost, struct lh_err *err);

/* Do these events (all that there are but for `more` older ones), oldest first, tell everything of their entity?  Those of a row do
 * where they begin with the whole of it; of a lost one, where one of them tells the whole after the last time at which rows were
 * changed and not told. */
bool row_events_complete(const struct journal_event *events, size_t count, bool more, const struct row_lost *lost);
/* How many of them, from the first on, say nothing of what the lost row is: it may have changed since. */
size_t row_events_outdated(const struct journal_event *events, size_t count, const struct row_lost *lost);

/* The journal's name of the row that `text` names: a key as clients write it, of several columns as a JSON array or object, typed
 * as those of tombstones are (lake/row_keys.h), so that ["x",1] and ["x","1"] are one row.  In `arena`.  `m` has a primary key.
 * LH_INVALID names the key's columns.  Blocks on the engine. */
LH_CHECKED enum lh_code row_entity_id(const struct catalog_ops *ops, const struct manifest *m, const char *text,
                                      int cancel_fd, struct arena *arena, const char **ret_id, struct lh_err *err);

/* Appends `"k" = CAST('text' AS type) AND ...` for the row that `entity_id` names; false where it names none. */
bool row_key_condition(const struct manifest *m, const char *entity_id, struct buf *ret_condition);
/* The same of the texts of the key's columns, an array in the key's order. */
bool row_key_texts_condition(const struct manifest *m, const json_t *texts, struct buf *ret_condition);

#endif
