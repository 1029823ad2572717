/* Heap memory.  Two families:
 *   lh_malloc & co.  for sizes that our own code decides: they abort when memory is gone (one line on stderr), so
 *                    callers have no error path.
 *   lh_try_malloc    for every size that a client controls: NULL when memory is gone or the size is absurd.
 * All memory of the tree comes from here or from an arena (raw malloc is banned outside base), so that tests can
 * fail the Nth allocation.  Freed with lh_free; NULL is fine.  Thread-safe. */
#ifndef LH_BASE_ALLOC_H
#define LH_BASE_ALLOC_H

#include "base/attr.h"

#include <stdbool.h>
#include <stddef.h>

void *lh_malloc(size_t size) __attribute__((malloc, returns_nonnull));
void *lh_calloc(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
void *lh_realloc(void *ptr, size_t size) __attribute__((returns_nonnull));
char *lh_strdup(const char *text) __attribute__((malloc, returns_nonnull));
char *lh_strndup(const char *text, size_t len) __attribute__((malloc, returns_nonnull));
/* printf into fresh memory. */
char *lh_asprintf(const char *fmt, ...) LH_PRINTF(1, 2) __attribute__((malloc, returns_nonnull));

void *lh_try_malloc(size_t size) __attribute__((malloc));
/* As realloc: on failure NULL, and `ptr` is still the caller's. */
void *lh_try_realloc(void *ptr, size_t size);

/* Aligned to `alignment` (a power of two, at least 16); for the arrays that vector instructions read. */
void *lh_malloc_aligned(size_t alignment, size_t size) __attribute__((malloc, returns_nonnull));
void *lh_try_malloc_aligned(size_t alignment, size_t size) __attribute__((malloc));

#ifdef LH_FAULTS
/* Tests: the `n`th lh_try_ call of this thread from now on fails, once; 0 disarms.  For tests that drive the program from
 * outside: LAKEHOUSE_FAULT_ALLOCATION=N in the environment lets the Nth allocation of the process find no memory. */
void lh_alloc_fail_nth(long n);
#endif

void lh_free(void *ptr);

/* For LH_AUTO(mem) on any pointer obtained above:  LH_AUTO(mem) char *text = lh_strdup(...);  */
static inline void mem_auto_release(void *pointer_to_pointer) {
    lh_free(*(void **)pointer_to_pointer);
}

#endif
