/* Do the fields of a regular CSV file admit the kinds that were decided by its head?
 *
 * Where DuckDB reads a column as text and casts it, a third of an ingest goes into the text.  So the fast path lets DuckDB read numbers and
 * dates as such, and this pass over the same bytes, beside it in a thread, is what keeps the promise that a column is narrower
 * than text only where every value prints back as written.  It judges and never repairs: whatever is not plain RFC 4180 is a
 * doubt, and the file goes the slow way. */
#ifndef LH_ENGINE_WORKER_CSV_SCAN_H
#define LH_ENGINE_WORKER_CSV_SCAN_H

#include "base/error.h"
#include "engine/worker/csv_reader.h"
#include "engine/worker/value_kind.h"

#include <stdatomic.h>

struct os;

struct csv_scan {
    struct csv_dialect dialect;   /* its escape is its quote, or it has none */
    const enum value_kind *kinds; /* of each column; KIND_TEXT admits all */
    size_t columns;
    bool header;
    atomic_bool stop; /* set by another thread: the answer is no longer wanted */

    /* The answer: */
    bool fits;     /* no doubt, and every value is of its column's kind */
    uint64_t rows; /* the header apart */
};

/* The kinds that DuckDB may read by itself once they were looked at here. */
bool csv_scan_knows(enum value_kind kind);

LH_CHECKED enum lh_code csv_scan_file(struct csv_scan *scan, struct os *os, const char *path, struct lh_err *err);

/* The same of a text in memory. */
void csv_scan_text(struct csv_scan *scan, const char *text, size_t len);

#endif
