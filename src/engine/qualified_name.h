/* Names of a statement that are more than a dataset's name: a dataset as of a past version or time, a table of the system, the
 * chunks of an index, a search.
 *
 * Between worker and server they are QUALIFIER 0x1F NAME; a dataset's name holds no control characters, so the two kinds
 * cannot be confused.  Qualifiers: "v" and digits (`t AT (VERSION => 3)`), "t" and the text of a time
 * (`t AT (TIMESTAMP => '...')`), "system" (`system.files`), "chunks" (`chunks.resumes`); of a search "f", its number in the
 * statement, and what it was called with, as JSON:
 *
 *     text_search('resumes', $1, k := 5)    f0[15,[null,27,"resumes"],[null,38,"night nurse"],["k",47,5]] 0x1F text_search
 *
 * that is where it stands, then of each argument its name, where it stands, its value (places are bytes of the client's text
 * from 1). */
#ifndef LH_ENGINE_QUALIFIED_NAME_H
#define LH_ENGINE_QUALIFIED_NAME_H

#include <stdbool.h>
#include <string.h>

#define QUALIFIED_SEPARATOR '\x1f'
#define QUALIFIED_SYSTEM "system\x1f"
#define QUALIFIED_CHUNKS "chunks\x1f"
#define SEARCHES_MAX 16 /* in one statement */

/* The name behind the qualifier; NULL where there is none. */
static inline const char *qualified_name_of(const char *name) {
    const char *separator = strchr(name, QUALIFIED_SEPARATOR);
    return separator ? separator + 1 : NULL;
}

static inline bool qualified_is_system(const char *name) {
    return strncmp(name, QUALIFIED_SYSTEM, strlen(QUALIFIED_SYSTEM)) == 0;
}

static inline bool qualified_is_chunks(const char *name) {
    return strncmp(name, QUALIFIED_CHUNKS, strlen(QUALIFIED_CHUNKS)) == 0;
}

static inline bool qualified_is_search(const char *name) {
    return name[0] == 'f' && qualified_name_of(name);
}

/* What it stands for is true for one statement only, whatever the epoch. */
static inline bool qualified_is_momentary(const char *name) {
    return qualified_is_system(name) || qualified_is_chunks(name) || qualified_is_search(name);
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

/* X(name): the searches that stand where a table stands. */
#define SEARCH_FUNCTIONS(X) \
    X(vector_search)        \
    X(text_search)          \
    X(hybrid_search)

#endif
