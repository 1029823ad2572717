/* The part of `lakehouse check` that proves that a row is gone (lake/erased.h). */
#ifndef LH_CLI_CHECK_ERASED_H
#define LH_CLI_CHECK_ERASED_H

#include "base/error.h"

struct cli;
struct lakehouse;

/* Searches and prints.  `dataset` may be NULL. */
LH_CHECKED enum lh_code check_erased(struct cli *cli, struct lakehouse *lh, const char *key, const char *dataset,
                                     int *ret_exit, struct lh_err *err);

#endif
