#include "base/alloc.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* No buffer of ours is this large; a size above it is an arithmetic mistake or an attack. */
#define ABSURD_SIZE ((size_t)1 << 40)

#ifdef LH_FAULTS
static _Thread_local long fail_countdown;

void lh_alloc_fail_nth(long n) {
    fail_countdown = n;
}

static bool fault_due(void) {
    return fail_countdown > 0 && --fail_countdown == 0;
}
#else
static bool fault_due(void) {
    return false;
}
#endif

LH_NORETURN static void die_without_memory(size_t size) {
    fprintf(stderr, "lakehouse: out of memory (%zu bytes wanted)\n", size);
    abort();
}

void *lh_malloc(size_t size) {
    void *ptr = size <= ABSURD_SIZE ? malloc(size ? size : 1) : NULL;
    if (!ptr)
        die_without_memory(size);
    return ptr;
}

void *lh_calloc(size_t count, size_t size) {
    void *ptr = calloc(count ? count : 1, size ? size : 1);
    if (!ptr)
        die_without_memory(size);
    return ptr;
}

void *lh_realloc(void *ptr, size_t size) {
    void *grown = size <= ABSURD_SIZE ? realloc(ptr, size ? size : 1) : NULL;
    if (!grown)
        die_without_memory(size);
    return grown;
}

char *lh_strdup(const char *text) {
    return lh_strndup(text, strlen(text));
}

char *lh_strndup(const char *text, size_t len) {
    size_t used = strnlen(text, len);
    char *copy = lh_malloc(used + 1);
    memcpy(copy, text, used);
    copy[used] = '\0';
    return copy;
}

char *lh_asprintf(const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (len < 0)
        die_without_memory(0);
    char *text = lh_malloc((size_t)len + 1);
    vsnprintf(text, (size_t)len + 1, fmt, again);
    va_end(again);
    return text;
}

void *lh_try_malloc(size_t size) {
    if (size > ABSURD_SIZE || fault_due())
        return NULL;
    return malloc(size ? size : 1);
}

void *lh_try_realloc(void *ptr, size_t size) {
    if (size > ABSURD_SIZE || fault_due())
        return NULL;
    return realloc(ptr, size ? size : 1);
}

static void *allocate_aligned(size_t alignment, size_t size) {
    size_t whole = (size + alignment - 1) / alignment * alignment; /* what aligned_alloc asks for */
    return size <= ABSURD_SIZE ? aligned_alloc(alignment, whole ? whole : alignment) : NULL;
}

void *lh_malloc_aligned(size_t alignment, size_t size) {
    void *ptr = allocate_aligned(alignment, size);
    if (!ptr)
        die_without_memory(size);
    return ptr;
}

void *lh_try_malloc_aligned(size_t alignment, size_t size) {
    return fault_due() ? NULL : allocate_aligned(alignment, size);
}

void lh_free(void *ptr) {
    free(ptr);
}
