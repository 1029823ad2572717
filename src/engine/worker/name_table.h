/* A hash table from names to pointers, for the names that a session has bound.  Not thread-safe. */
#ifndef LH_ENGINE_WORKER_NAME_TABLE_H
#define LH_ENGINE_WORKER_NAME_TABLE_H

#include <stddef.h>

struct name_entry {
    char *name; /* NULL: free */
    void *value;
};

struct name_table {
    struct name_entry *slots;
    size_t capacity; /* 0 or a power of two */
    size_t count;
};

/* The value's place, NULL where the name is not there. */
void **name_table_find(const struct name_table *t, const char *name);
/* The value's place, made with NULL where it was not there.  Valid until the next call that adds or removes. */
void **name_table_at(struct name_table *t, const char *name);
/* Take out every entry for which `keep` is false; keep(ctx, name, value) frees the value of what it gives up. */
void name_table_filter(struct name_table *t, int (*keep)(void *ctx, const char *name, void *value), void *ctx);
void name_table_release(struct name_table *t); /* values are the caller's: filter first */

#endif
