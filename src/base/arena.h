/* An arena: memory that lives exactly as long as one request (or one snapshot), freed as a whole.
 * Allocation is a pointer bump; clean-up callbacks run in reverse order of registration when the arena goes, so that
 * descriptors and handles may be tied to a request.  One thread's at a time.  Never store an arena pointer in something
 * that lives longer.  Sizes that a client controls are limited by the caller before they get here; when memory is gone
 * the process aborts.  Under AddressSanitizer freed blocks are poisoned. */
#ifndef LH_BASE_ARENA_H
#define LH_BASE_ARENA_H

#include "base/attr.h"

#include <stddef.h>

struct arena;

struct arena *arena_new(void);
void arena_free(struct arena *a); /* NULL is fine */

void *arena_alloc(struct arena *a, size_t size) __attribute__((malloc, returns_nonnull)); /* 16-byte aligned, zeroed */
char *arena_strdup(struct arena *a, const char *text);                                    /* NULL gives NULL */
char *arena_strndup(struct arena *a, const char *text, size_t len);
char *arena_printf(struct arena *a, const char *fmt, ...) LH_PRINTF(2, 3);

/* Call fn(ptr) when the arena is freed. */
void arena_defer(struct arena *a, void (*fn)(void *ptr), void *ptr);

size_t arena_size(const struct arena *a); /* bytes held, for limits and metrics */

static inline void arena_auto_release(struct arena **a) {
    arena_free(*a);
}

#endif
