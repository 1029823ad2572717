/* Statements of clients: those that run, and the last ones that ended, in memory.  Thread-safe; never blocks on anything but its
 * lock. */
#ifndef LH_SYSTEM_QUERY_LOG_H
#define LH_SYSTEM_QUERY_LOG_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct os;
struct query_log;

#define QUERY_LOG_SQL_MAX ((size_t)4096) /* of a longer text the beginning is kept */

struct query_log *query_log_new(struct os *os, size_t ended_max);
void query_log_free(struct query_log *log); /* NULL is fine */

struct query_log_result {
    enum lh_code code;
    uint64_t rows, bytes; /* that reached the client, also of a statement that failed on the way */
};

/* A number for query_log_end, which must follow. */
uint64_t query_log_begin(struct query_log *log, const char *id, const char *principal, const char *sql);
void query_log_end(struct query_log *log, uint64_t entry, const struct query_log_result *result);

struct query_log_entry {
    const char *id; /* the request's */
    const char *principal, *sql;
    bool running;
    int64_t started_us, elapsed_us;
    struct query_log_result result; /* zeroed while it runs */
};
/* Oldest first, in the arena. */
void query_log_list(struct query_log *log, struct arena *arena, struct query_log_entry **ret_entries,
                    size_t *ret_count);

#endif
