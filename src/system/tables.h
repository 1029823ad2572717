/* The rows of each table: private to the module. */
#ifndef LH_SYSTEM_TABLES_H
#define LH_SYSTEM_TABLES_H

#include "base/error.h"
#include "system/system.h"
#include "system/table_file.h"

struct arena;
struct buf;

struct system {
    struct system_services services;
    char *dir;
};

/* Appends the SELECT that is the table `name` to `select`.  LH_NOT_FOUND where there is none. */
LH_CHECKED enum lh_code system_table(struct system_scope *scope, const char *name, struct arena *arena,
                                     struct buf *select, struct lh_err *err);

#endif
