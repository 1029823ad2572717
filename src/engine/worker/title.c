#include "engine/worker/title.h"

#include <string.h>
#include <sys/prctl.h>

void title_init(struct title *t, int argc, char **argv) {
    *t = (struct title){.start = argv[0]};
    for (int i = 0; i < argc; i++) {
        if (argv[i] == t->start + t->size) /* the kernel lays them out one behind the other */
            t->size += strlen(argv[i]) + 1;
    }
}

void title_set(struct title *t, const char *name, const char *text) {
    size_t len = strlen(text);
    if (t->size > 0) {
        if (len > t->size - 1)
            len = t->size - 1;
        memset(t->start, 0, t->size);
        memcpy(t->start, text, len);
    }
    prctl(PR_SET_NAME, (unsigned long)name, 0UL, 0UL, 0UL);
}
