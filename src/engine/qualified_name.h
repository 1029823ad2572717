/* Names of a statement that are more than a dataset's name: a dataset as of a past version or time, a table of the system.
 *
 * Between worker and server they are QUALIFIER 0x1F NAME; a dataset's name holds no control characters, so the two kinds
 * cannot be confused.  Qualifiers: "v" and digits (`t AT (VERSION => 3)`), "t" and the text of a time
 * (`t AT (TIMESTAMP => '...')`), "system" (`system.files`). */
#ifndef LH_ENGINE_QUALIFIED_NAME_H
#define LH_ENGINE_QUALIFIED_NAME_H

#include <stdbool.h>
#include <string.h>

#define QUALIFIED_SEPARATOR '\x1f'
#define QUALIFIED_SYSTEM "system\x1f"

/* The name behind the qualifier; NULL where there is none. */
static inline const char *qualified_name_of(const char *name) {
    const char *separator = strchr(name, QUALIFIED_SEPARATOR);
    return separator ? separator + 1 : NULL;
}

static inline bool qualified_is_system(const char *name) {
    return strncmp(name, QUALIFIED_SYSTEM, strlen(QUALIFIED_SYSTEM)) == 0;
}

/* X(name): the tables of the system. */
#define SYSTEM_TABLES(X) \
    X(datasets)          \
    X(files)             \
    X(columns)           \
    X(events)            \
    X(errors)            \
    X(jobs)              \
    X(queries)

#endif
