/* Page sums: large sections are checked where they are read, when they are read.
 *
 * Codes and links are nearly all of an index, and a search reads a few hundred places of them.  Checking them whenever a file is
 * opened would read it all, and checking nothing would let a damaged page answer.  So such a section has another beside it
 * with a CRC-32C for each of its pages of VEC_FILE_ALIGN bytes.  Whoever is about to read asks the guard, which checks a page
 * the first time (0.4 us) and remembers: after that it is one bit.
 *
 * What a damaged page leads to is the reader's affair: those of this library go on without codes (hnsw_search.c, ivf.c).
 * Threads: any number may ask. */
#ifndef LH_VECTOR_GUARD_H
#define LH_VECTOR_GUARD_H

#include "base/error.h"
#include "vector/file.h"

#include <stdbool.h>
#include <stdint.h>

struct vec_guard {
    const unsigned char *data;
    uint64_t bytes;
    const uint32_t *sums;
    uint64_t *sound; /* atomic words: bit i % 64 of word i / 64: page i was checked */
    bool damaged;    /* atomic; never taken back */
};

/* Over the section `tag`, whose sums are `sums_tag`.  The file must stay.  LH_CORRUPT where the sums are missing or damaged. */
LH_CHECKED enum lh_code vec_guard_new(const struct vec_file *file, const char tag[4], const char sums_tag[4],
                                      struct vec_guard **ret_guard, struct lh_err *err);
void vec_guard_free(struct vec_guard *guard);

/* Read page `page` and compare; notes damage. */
bool vec_guard_check(struct vec_guard *guard, uint64_t page);

/* Whether bytes [offset, offset + bytes) of the section are what was written; bytes > 0, and they lie within it. */
static inline bool vec_guard_sound(struct vec_guard *guard, uint64_t offset, uint64_t bytes) {
    uint64_t last = (offset + bytes - 1) / VEC_FILE_ALIGN;
    for (uint64_t page = offset / VEC_FILE_ALIGN; page <= last; page++)
        if (!((__atomic_load_n(&guard->sound[page / 64], __ATOMIC_RELAXED) >> (page % 64)) & 1) &&
            !vec_guard_check(guard, page))
            return false;
    return true;
}

static inline bool vec_guard_damaged(const struct vec_guard *guard) {
    return guard && __atomic_load_n(&guard->damaged, __ATOMIC_RELAXED);
}

#endif
