#include "base/alloc.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
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

/* LAKEHOUSE_FAULT_ALLOCATION=N: the Nth allocation of this process finds no memory; `count` tells at the end how many there were. */
static struct {
    pthread_once_t read;
    atomic_long made;
    long fatal;
} process = {.read = PTHREAD_ONCE_INIT};

static void tell_allocations(void) {
    fprintf(stderr, "%ld allocations\n", atomic_load(&process.made));
}

static void read_environment(void) {
    const char *text = getenv("LAKEHOUSE_FAULT_ALLOCATION");
    if (text && strcmp(text, "count") == 0)
        atexit(tell_allocations);
    else if (text)
        process.fatal = strtol(text, NULL, 10);
}

static bool memory_ends_here(void) {
    pthread_once(&process.read, read_environment);
    return atomic_fetch_add(&process.made, 1) + 1 == process.fatal;
}
#else
static bool fault_due(void) {
    return false;
}

static bool memory_ends_here(void) {
    return false;
}
#endif

LH_NORETURN static void die_without_memory(size_t size) {
    fprintf(stderr, "lakehouse: out of memory (%zu bytes wanted)\n", size);
    abort();
}

void *lh_malloc(size_t size) {
    void *ptr = size <= ABSURD_SIZE && !memory_ends_here() ? malloc(size ? size : 1) : NULL;
    if (!ptr)
        die_without_memory(size);
    return ptr;
}

void *lh_calloc(size_t count, size_t size) {
    void *ptr = memory_ends_here() ? NULL : calloc(count ? count : 1, size ? size : 1);
    if (!ptr)
        die_without_memory(size);
    return ptr;
}

void *lh_realloc(void *ptr, size_t size) {
    void *grown = size <= ABSURD_SIZE && !memory_ends_here() ? realloc(ptr, size ? size : 1) : NULL;
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
    if (size > ABSURD_SIZE || fault_due() || memory_ends_here())
        return NULL;
    return malloc(size ? size : 1);
}

void *lh_try_realloc(void *ptr, size_t size) {
    if (size > ABSURD_SIZE || fault_due() || memory_ends_here())
        return NULL;
    return realloc(ptr, size ? size : 1);
}

static void *allocate_aligned(size_t alignment, size_t size) {
    size_t whole = (size + alignment - 1) / alignment * alignment; /* what aligned_alloc asks for */
    return size <= ABSURD_SIZE ? aligned_alloc(alignment, whole ? whole : alignment) : NULL;
}

void *lh_malloc_aligned(size_t alignment, size_t size) {
    void *ptr = memory_ends_here() ? NULL : allocate_aligned(alignment, size);
    if (!ptr)
        die_without_memory(size);
    return ptr;
}

void *lh_try_malloc_aligned(size_t alignment, size_t size) {
    return fault_due() || memory_ends_here() ? NULL : allocate_aligned(alignment, size);
}

void lh_free(void *ptr) {
    free(ptr);
}
