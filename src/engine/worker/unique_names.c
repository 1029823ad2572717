#include "engine/worker/unique_names.h"

#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

/* Sorting orders places in the array, by name and then by position. */
static int compare_places(const void *a, const void *b) {
    const char *const *const *left = a, *const *const *right = b;
    int order = strcmp(**left, **right);
    return order ? order : (*left > *right) - (*left < *right);
}

static int compare_name(const void *name, const void *place) {
    const char *const *const *p = place;
    return strcmp(name, **p);
}

char **unique_names_new(const char *const *names, size_t count) {
    char **unique = lh_calloc(count, sizeof *unique);
    const char *const **sorted = lh_calloc(count, sizeof *sorted);
    for (size_t i = 0; i < count; i++)
        sorted[i] = &names[i];
    qsort(sorted, count, sizeof *sorted, compare_places);

    unsigned suffix = 0;
    for (size_t i = 0; i < count; i++) {
        const char *name = *sorted[i];
        if (i == 0 || strcmp(*sorted[i - 1], name) != 0)
            suffix = 0;
        char *own = suffix ? lh_asprintf("%s_%u", name, suffix) : lh_strdup(name);
        while (suffix && bsearch(own, sorted, count, sizeof *sorted, compare_name)) {
            lh_free(own);
            own = lh_asprintf("%s_%u", name, ++suffix);
        }
        suffix++;
        unique[sorted[i] - names] = own;
    }
    lh_free(sorted);
    return unique;
}

void unique_names_free(char **names, size_t count) {
    for (size_t i = 0; i < count; i++)
        lh_free(names[i]);
    lh_free(names);
}
