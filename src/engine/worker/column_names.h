/* Column names that a lake can live with, from whatever a header line holds.
 *
 * Blanks at both ends go; control characters become '_'; an empty name becomes column_N (N counts from 1); a name longer than 255
 * bytes is cut; a name that was there before (case ignored, as SQL does) gets _2, _3, ... until it is free.  Everything
 * else is kept: SQL quotes it. */
#ifndef LH_ENGINE_WORKER_COLUMN_NAMES_H
#define LH_ENGINE_WORKER_COLUMN_NAMES_H

#include "base/cleanup.h"

#include <stdbool.h>
#include <stddef.h>

struct column_names {
    char **items;    /* lh_malloc'd, unique */
    char **original; /* the header's text where there was one and it had to change, else NULL */
    size_t count, capacity;
    size_t *slots; /* open addressing over the lower-case names: index + 1, 0 is free */
    size_t slot_count;
};

/* Adds a name; returns its index.  `text` need not be terminated. */
size_t column_names_add(struct column_names *n, const char *text, size_t len);
void column_names_deinit(struct column_names *n);

static inline void column_names_auto_release(struct column_names *n) {
    column_names_deinit(n);
}

#endif
