/* Identifiers of this moment: base/id.h with the table's clock and randomness. */
#ifndef LH_OS_IDS_H
#define LH_OS_IDS_H

#include "base/id.h"

struct os;

/* The next ULID of `source`; strictly rising within it.  Thread-safe. */
void os_ulid(struct os *os, struct lh_ulid_source *source, char ret_text[LH_ULID_SIZE]);
/* A ULID outside any source: sorted by its millisecond only. */
void os_ulid_loose(struct os *os, char ret_text[LH_ULID_SIZE]);
void os_uuid4(struct os *os, char ret_text[LH_UUID_SIZE]);

#endif
