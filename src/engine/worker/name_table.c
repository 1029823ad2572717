#include "engine/worker/name_table.h"

#include "base/alloc.h"
#include "base/hash.h"

#include <string.h>

static size_t slot_of(const struct name_table *t, const char *name) {
    size_t slot = lh_fnv64(name, strlen(name)) & (t->capacity - 1);
    while (t->slots[slot].name && strcmp(t->slots[slot].name, name) != 0)
        slot = (slot + 1) & (t->capacity - 1);
    return slot;
}

void **name_table_find(const struct name_table *t, const char *name) {
    if (t->count == 0)
        return NULL;
    struct name_entry *e = &t->slots[slot_of(t, name)];
    return e->name ? &e->value : NULL;
}

static void rebuild(struct name_table *t, size_t capacity) {
    struct name_table next = {lh_calloc(capacity, sizeof *next.slots), capacity, t->count};
    for (size_t i = 0; i < t->capacity; i++) {
        if (t->slots[i].name)
            next.slots[slot_of(&next, t->slots[i].name)] = t->slots[i];
    }
    lh_free(t->slots);
    *t = next;
}

void **name_table_at(struct name_table *t, const char *name) {
    if ((t->count + 1) * 2 > t->capacity)
        rebuild(t, t->capacity ? t->capacity * 2 : 64);
    struct name_entry *e = &t->slots[slot_of(t, name)];
    if (!e->name) {
        e->name = lh_strdup(name);
        t->count++;
    }
    return &e->value;
}

void name_table_filter(struct name_table *t, int (*keep)(void *ctx, const char *name, void *value), void *ctx) {
    size_t before = t->count;
    for (size_t i = 0; i < t->capacity; i++) {
        struct name_entry *e = &t->slots[i];
        if (e->name && !keep(ctx, e->name, e->value)) {
            lh_free(e->name);
            e->name = NULL;
            t->count--;
        }
    }
    if (t->count != before)
        rebuild(t, t->capacity);
}

void name_table_release(struct name_table *t) {
    for (size_t i = 0; i < t->capacity; i++)
        lh_free(t->slots[i].name);
    lh_free(t->slots);
    *t = (struct name_table){.slots = NULL};
}
