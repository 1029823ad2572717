/* Run SQL text and print what comes back. */
#ifndef LH_CLI_SQL_RUN_H
#define LH_CLI_SQL_RUN_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cli;
struct client;

enum sql_format { SQL_TABLE, SQL_JSON, SQL_NDJSON, SQL_CSV, SQL_PARQUET };

struct sql_output {
    enum sql_format format;
    const char *path;   /* SQL_PARQUET: the file to write */
    const char *as_of;  /* NULL: now */
    uint64_t limit;     /* 0: the format's own default */
    int64_t timeout_ms; /* 0: the server's default */
};

/* One statement, written to stdout (or output->path). */
LH_CHECKED enum lh_code sql_run(const struct cli *cli, struct client *client, const char *sql,
                                const struct sql_output *output, struct lh_err *err);
/* Several statements, one after the other, up to the first that fails. */
LH_CHECKED enum lh_code sql_run_script(const struct cli *cli, struct client *client, const char *text,
                                       const struct sql_output *output, struct lh_err *err);

/* The length of the first statement of `text` with its semicolon, or 0 where no semicolon ends one.  Knows string literals, quoted
 * names, dollar quotes and comments. */
size_t sql_statement_end(const char *text);
/* Nothing but blanks, comments and semicolons. */
bool sql_is_blank(const char *text);

#endif
