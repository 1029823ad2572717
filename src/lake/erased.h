/* Where a row still stands: `lakehouse check --erased KEY`.
 *
 * Searches the bytes of every object that any version of any dataset names (base, deltas, tombstones, changes, rejected lines),
 * every object below datasets/ that no version names, the chunks of indexes, the event journal, and the local logs and error journals
 * as text.  A hot cache holds nothing while no server runs: whoever opens the data folder empties it.
 *
 *   E1  A *row* is found where the columns of a dataset's primary key hold the key, or where an event or a change is about it.
 *       A *mention* is the key's text anywhere else: in another column, in an old or new value, in a rejected line.
 *   E2  What cannot be searched (an object that cannot be read, a Parquet file that is damaged) is a finding too: silence is a proof
 *       only where everything was read.
 *       So is a file of the dataset that was asked for where its rows cannot be told by the key.
 *   E3  The key is typed to each dataset's key as a tombstone's is, and what is compared as text is compared with every name that a
 *       dataset has for it (lake/erased_keys.h).
 *   E4  Commit records and checkpoints hold no values of rows and are not searched.
 * Nothing is changed.  One thread; blocks on the store and the engine. */
#ifndef LH_LAKE_ERASED_H
#define LH_LAKE_ERASED_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buckets;
struct catalog;
struct engine;
struct os;

enum erased_kind { ERASED_ROW, ERASED_MENTION, ERASED_UNREADABLE };

struct erased_finding {
    enum erased_kind kind;
    const char *dataset; /* NULL: none is known */
    const char *bucket;  /* NULL: a file of the data folder */
    const char *object;
    const char *role;       /* "base", ..., "orphan", "event", "redaction", "index", "log" */
    const char *columns;    /* in which it stands, with commas; "" of a text */
    uint64_t rows;          /* that hold it; of a text: lines */
    uint64_t first_version; /* that names the object; 0: none does */
    uint64_t last_version;  /* 0: the newest one names it still */
    int64_t unused_us;      /* when the newest version stopped naming it; 0 where it does */
    const char *message;    /* what has to happen until it is gone */
};

/* An index over a dataset, whose chunks stand below _vectors/data/{name}/. */
struct erased_index {
    const char *name, *dataset, *id_column;
};

struct erased_search {
    struct os *os;
    struct catalog *catalog;
    struct buckets *buckets;
    struct engine *engine;
    const char *data_dir;
    const char *key;     /* as `lakehouse tombstone` takes it: row_key_of_text */
    const char *dataset; /* only its rows; NULL: of any dataset, and mentions */
    const struct erased_index *indexes;
    size_t index_count;
    void (*found)(void *ctx, const struct erased_finding *finding);
    void (*progress)(void *ctx, uint64_t done, uint64_t total); /* objects; NULL: none */
    void *ctx;
};

struct erased_totals {
    uint64_t objects;     /* that were searched */
    uint64_t findings[3]; /* by enum erased_kind */
};

/* LH_OK however much is found.  LH_NOT_FOUND: no version ever had the dataset; LH_CONFLICT: it has no primary key; LH_INVALID: the
 * key cannot be one of its. */
LH_CHECKED enum lh_code erased_search(const struct erased_search *search, struct erased_totals *ret_totals,
                                      struct lh_err *err);

#endif
