/* Look at the whole lake: the commit log, and every object that it promises.  For `lakehouse check`.  Nothing is changed. */
#ifndef LH_LAKE_LAKE_CHECK_H
#define LH_LAKE_LAKE_CHECK_H

#include "base/error.h"
#include "catalog/catalog_check.h"

#include <stdbool.h>
#include <stdint.h>

struct buckets;
struct catalog;
struct engine;
struct journal;
struct os;

struct lake_check {
    struct os *os;
    struct catalog *catalog;
    struct buckets *buckets;
    struct engine *engine;   /* NULL: footers are not read */
    struct journal *journal; /* NULL: its files are not looked at */
    const char *wal_dir;     /* of the local logs; NULL: not looked at */
    bool deep;               /* read every byte and compare its SHA-256 where the manifest has one */
    void (*finding)(void *ctx, const struct check_finding *finding);
    void (*progress)(void *ctx, uint64_t done, uint64_t total); /* objects; NULL: none */
    void *ctx;
};

struct lake_check_totals {
    uint64_t records, checkpoints, datasets, objects, event_files, bytes_hashed, orphans;
    uint64_t findings[3]; /* by enum check_severity */
};

/* LH_OK however much is found; an error means that looking itself failed. */
LH_CHECKED enum lh_code lake_check(const struct lake_check *check, struct lake_check_totals *ret_totals,
                                   struct lh_err *err);

#endif
