/* Look at the whole of the log: for `lakehouse check`.
 *
 * Every record is read and replayed from the first one on, every checkpoint is read and compared with the log, and every file
 * that any version ever named is told to the caller, who so can tell orphans from data.  Nothing is changed. */
#ifndef LH_CATALOG_CATALOG_CHECK_H
#define LH_CATALOG_CATALOG_CHECK_H

#include "base/error.h"

#include <stdint.h>

struct catalog;
struct manifest_file;

enum check_severity {
    CHECK_NOTE,    /* worth knowing */
    CHECK_WARNING, /* nothing is lost, something should be done */
    CHECK_DAMAGE,  /* data or history cannot be read */
};

struct check_finding {
    enum check_severity severity;
    const char *kind;    /* "record_damaged", "checkpoint_damaged", "object_missing", ...: stable, for programs */
    const char *bucket;  /* NULL: the primary one */
    const char *object;  /* its key */
    const char *message; /* what is wrong */
    const char *repair;  /* what to do */
};

struct catalog_check {
    void (*finding)(void *ctx, const struct check_finding *finding);
    void (*file)(void *ctx, const struct manifest_file *file); /* NULL: not wanted */
    void *ctx;
};

struct catalog_check_totals {
    uint64_t records, checkpoints;
};

/* What is damaged comes as findings; an error means that looking itself failed (the store cannot be reached). */
LH_CHECKED enum lh_code catalog_check(struct catalog *c, const struct catalog_check *check,
                                      struct catalog_check_totals *ret_totals, struct lh_err *err);

#endif
