#include "base/arena.h"

#include "base/alloc.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_ASAN 1
#endif
#endif
#ifdef ARENA_ASAN
#include <sanitizer/asan_interface.h>
#define POISON(ptr, size) __asan_poison_memory_region((ptr), (size))
#define UNPOISON(ptr, size) __asan_unpoison_memory_region((ptr), (size))
#define RED_ZONE 16 /* bytes that stay poisoned behind every allocation */
#else
#define POISON(ptr, size) ((void)(ptr), (void)(size))
#define UNPOISON(ptr, size) ((void)(ptr), (void)(size))
#define RED_ZONE 0
#endif

#define ALIGNMENT 16
#define FIRST_BLOCK 4096
#define LARGEST_BLOCK ((size_t)256 * 1024) /* block sizes double up to here; larger requests get their own */

struct block {
    struct block *next;
    size_t size; /* of data */
    size_t used;
    _Alignas(ALIGNMENT) unsigned char data[];
};

struct deferred {
    struct deferred *next;
    void (*fn)(void *ptr);
    void *ptr;
};

struct arena {
    struct block *blocks; /* newest first; only the first is bumped */
    struct deferred *deferred;
    size_t next_block;
    size_t held;
};

struct arena *arena_new(void) {
    struct arena *a = lh_calloc(1, sizeof *a);
    a->next_block = FIRST_BLOCK;
    a->held = sizeof *a;
    return a;
}

void arena_free(struct arena *a) {
    if (!a)
        return;
    /* A callback may register another one; take them one at a time from the top. */
    while (a->deferred) {
        struct deferred *top = a->deferred;
        a->deferred = top->next;
        top->fn(top->ptr);
    }
    for (struct block *block = a->blocks; block;) {
        struct block *next = block->next;
        UNPOISON(block->data, block->size);
        lh_free(block);
        block = next;
    }
    lh_free(a);
}

static struct block *add_block(struct arena *a, size_t at_least) {
    bool oversized = at_least > a->next_block;
    size_t size = oversized ? at_least : a->next_block;
    struct block *block = lh_malloc(sizeof *block + size);
    block->size = size;
    block->used = 0;
    POISON(block->data, size);
    a->held += sizeof *block + size;
    if (oversized && a->blocks) {
        /* Filled by this one request: keep bumping the block in front of it. */
        block->next = a->blocks->next;
        a->blocks->next = block;
        return block;
    }
    block->next = a->blocks;
    a->blocks = block;
    if (a->next_block < LARGEST_BLOCK)
        a->next_block *= 2;
    return block;
}

void *arena_alloc(struct arena *a, size_t size) {
    size_t rounded = (size + (size == 0) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT + RED_ZONE;
    if (rounded < size)
        rounded = SIZE_MAX / 2; /* lh_malloc refuses it with its message */
    struct block *block = a->blocks;
    if (!block || block->size - block->used < rounded)
        block = add_block(a, rounded);
    unsigned char *ptr = block->data + block->used;
    block->used += rounded;
    UNPOISON(ptr, size);
    memset(ptr, 0, size);
    return ptr;
}

char *arena_strdup(struct arena *a, const char *text) {
    return text ? arena_strndup(a, text, strlen(text)) : NULL;
}

char *arena_strndup(struct arena *a, const char *text, size_t len) {
    size_t used = strnlen(text, len);
    char *copy = arena_alloc(a, used + 1);
    memcpy(copy, text, used);
    return copy;
}

char *arena_printf(struct arena *a, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    size_t size = len < 0 ? 1 : (size_t)len + 1;
    char *text = arena_alloc(a, size);
    if (len > 0)
        vsnprintf(text, size, fmt, again);
    va_end(again);
    return text;
}

void arena_defer(struct arena *a, void (*fn)(void *ptr), void *ptr) {
    struct deferred *entry = arena_alloc(a, sizeof *entry);
    *entry = (struct deferred){.next = a->deferred, .fn = fn, .ptr = ptr};
    a->deferred = entry;
}

size_t arena_size(const struct arena *a) {
    return a->held;
}
