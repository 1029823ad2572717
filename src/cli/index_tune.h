/* The actions of `index` that find the settings of a graph: tune, trials, promote, rollback. */
#ifndef LH_CLI_INDEX_TUNE_H
#define LH_CLI_INDEX_TUNE_H

#include "base/error.h"

#include <stdbool.h>

struct cli;
struct cli_args;

/* What index's table of options has of them. */
#define INDEX_TUNE_OPTIONS                                                                                      \
    {"grid", 0, "POINTS", "tune: ef_construction:ef_search[:m] of each trial, as 40:30,160:60 (default: five)", \
     false},                                                                                                    \
        {"min-recall", 0, "SHARE", "tune: promote nothing below (default: 0.9)", false},                        \
        {"harness", 0, "NAME", "tune: the eval set (default: one of the index's own vectors)", false}, {        \
        "note", 0, "TEXT", "promote, rollback: why", false                                                      \
    }

/* Is args' first word one of them? */
bool index_tune_knows(const struct cli_args *args);
LH_CHECKED enum lh_code index_tune_action(struct cli *cli, const struct cli_args *args, struct lh_err *err);

#endif
