/* What an entity looked like, rebuilt from its events. */
#ifndef LH_JOURNAL_ENTITY_STATE_H
#define LH_JOURNAL_ENTITY_STATE_H

#include "base/json.h"
#include "journal/journal.h"

/* `events` oldest first.  A new reference: an object of field and value, or JSON null where there is no such entity (no
 * events, or the last word is its deletion).
 *   - A field's event sets the field to its new value, or removes it where there is none.
 *   - An event without a field whose new value is an object sets each of its members; any other value sets "value".
 *   - The actions "delete" and "tombstone" without a field end the entity; a later event begins a new one. */
json_t *entity_state(const struct journal_event *events, size_t count);

/* `state` (of entity_state; a reference taken over) with what `later` events, oldest first, say was there before them: the old
 * values of fields that it lacks.  As far as it is known: what no later event changed stays unknown.  A new reference. */
json_t *entity_state_before(json_t *state, const struct journal_event *later, size_t count);

/* The JSON value of a text of an event; JSON null for NULL or what is no JSON.  A new reference. */
json_t *event_value(const char *text);

#endif
