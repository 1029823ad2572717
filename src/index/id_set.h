/* The ids that a pass has seen, by the first 16 bytes of their SHA-256. */
#ifndef LH_INDEX_ID_SET_H
#define LH_INDEX_ID_SET_H

#include "base/alloc.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct id_set {
    uint64_t (*slots)[2]; /* {0, 0}: free */
    size_t count, room;   /* room: a power of two, at least twice count */
};

static inline void id_set_put(uint64_t (*slots)[2], size_t room, const uint64_t key[2]) {
    size_t i = (size_t)key[0] & (room - 1);
    while (slots[i][0] || slots[i][1])
        i = (i + 1) & (room - 1);
    slots[i][0] = key[0];
    slots[i][1] = key[1];
}

static inline void id_set_grow(struct id_set *s) {
    size_t room = s->room ? s->room * 2 : 1024;
    uint64_t(*slots)[2] = lh_calloc(room, sizeof *slots);
    for (size_t i = 0; i < s->room; i++)
        if (s->slots[i][0] || s->slots[i][1])
            id_set_put(slots, room, s->slots[i]);
    lh_free(s->slots);
    s->slots = slots;
    s->room = room;
}

/* False where it is there already. */
static inline bool id_set_add(struct id_set *s, const unsigned char *sha) {
    uint64_t key[2];
    memcpy(key, sha, sizeof key);
    key[0] |= key[0] == 0 && key[1] == 0;
    if (s->count * 2 >= s->room)
        id_set_grow(s);
    for (size_t i = (size_t)key[0] & (s->room - 1); s->slots[i][0] || s->slots[i][1]; i = (i + 1) & (s->room - 1))
        if (s->slots[i][0] == key[0] && s->slots[i][1] == key[1])
            return false;
    id_set_put(s->slots, s->room, key);
    s->count++;
    return true;
}

static inline void id_set_release(struct id_set *s) {
    lh_free(s->slots);
    s->slots = NULL;
}

#endif
