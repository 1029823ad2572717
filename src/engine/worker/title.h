/* What `ps` shows for a process: written over the memory of its arguments, as only forked processes need. */
#ifndef LH_ENGINE_WORKER_TITLE_H
#define LH_ENGINE_WORKER_TITLE_H

#include <stddef.h>

struct title {
    char *start; /* of argv[0] */
    size_t size; /* to the end of the last argument */
};

void title_init(struct title *t, int argc, char **argv);
/* Cut to the room there is; the short name (`ps -o comm`) is the first 15 characters of `name`. */
void title_set(struct title *t, const char *name, const char *text);

#endif
