/* Column names made unique, for formats that find values by name: of equal names the first keeps its own, the
 * others get _1, _2, ... , skipping what another column already has.  Names are compared exactly (a and A are two
 * names). */
#ifndef LH_ENGINE_WORKER_UNIQUE_NAMES_H
#define LH_ENGINE_WORKER_UNIQUE_NAMES_H

#include <stddef.h>

char **unique_names_new(const char *const *names, size_t count);
void unique_names_free(char **names, size_t count);

#endif
